use super::claims::{Claims, Reg};
use super::error::TokenError;
use crate::policy::TokenPolicy;
use crate::{Defect, Impi, Impu};

/// What a token must agree with: the connection it came on and the request.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The switches.
    pub policy: &'a TokenPolicy,
    /// The issuers that the WWSF of this connection may use.
    pub issuers: &'a [String],
    /// The eP-CSCF's own name, such as `sip:epcscf1.ims.example`.
    pub audience: &'a str,
    /// The WWSF that the connection's Origin belongs to.
    pub client_id: &'a str,
    /// The kinds of registration that this WWSF may ask for.
    pub regs: &'a [Reg],
    /// The identities in the request.
    pub requested: Requested<'a>,
}

/// The identities that a request names.
#[derive(Clone, Copy, Debug)]
pub struct Requested<'a> {
    /// To of a REGISTER; the asserted identity of another request.
    pub to: &'a Impu,
    /// From, which must be the same.
    pub from: &'a Impu,
    /// An IMPI that the request carries beside the token.
    pub impi: Option<&'a Impi>,
}

impl Claims {
    /// Compares the claims with what is expected, steps T3 to T7 in that order.
    ///
    /// Which identities a WWSF may allocate (T7), replay (T8) and introspection
    /// (T9) need state that is the eP-CSCF's.
    pub fn check(&self, expected: &Expectation<'_>, now_unix: u64) -> Result<(), TokenError> {
        self.check_parties(expected)?;
        self.check_time(expected.policy, now_unix)?;
        if !self.has_scope(&expected.policy.scope) {
            return Err(TokenError::Scope);
        }
        self.check_identities(&expected.requested, expected.policy)?;
        match self.reg {
            Some(reg) if !expected.regs.contains(&reg) => Err(TokenError::Reg),
            _ => Ok(()),
        }
    }

    /// T3: a compromised WWSF must not reach another's subscribers (TS 33.203 REQ 2.1, 2.2).
    fn check_parties(&self, expected: &Expectation<'_>) -> Result<(), TokenError> {
        if !expected.issuers.contains(&self.iss) {
            return Err(TokenError::Issuer);
        }
        let for_us = self.aud.iter().any(|audience| audience == expected.audience);
        if !for_us && !expected.policy.defects.has(Defect::IgnoresAudience) {
            return Err(TokenError::Audience);
        }
        if self.client_id != expected.client_id {
            return Err(TokenError::Client);
        }
        Ok(())
    }

    /// T4, and the lifetime bound of T2 (RFC 7519 §4.1.4 to §4.1.6).
    fn check_time(&self, policy: &TokenPolicy, now: u64) -> Result<(), TokenError> {
        if !(1..=policy.max_lifetime).contains(&self.exp.saturating_sub(self.iat)) {
            return Err(TokenError::Lifetime);
        }
        if now >= self.exp.saturating_add(policy.leeway) && !policy.defects.has(Defect::IgnoresExp) {
            return Err(TokenError::Expired);
        }
        if self.nbf.unwrap_or(self.iat).max(self.iat) > now.saturating_add(policy.leeway) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    /// T6: the HSS cannot see that a To was changed after the login (TS 33.203 REQ 2.4).
    fn check_identities(&self, requested: &Requested<'_>, policy: &TokenPolicy) -> Result<(), TokenError> {
        if requested.from != requested.to {
            return Err(TokenError::ThirdParty);
        }
        if !self.authorises(requested.to) && !policy.defects.has(Defect::IgnoresTokenImpu) {
            return Err(TokenError::Impu);
        }
        match requested.impi {
            Some(impi) if *impi != self.impi => Err(TokenError::Impi),
            _ => Ok(()),
        }
    }
}
