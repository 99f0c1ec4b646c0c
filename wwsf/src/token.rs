//! The token that a WIC shows to the eP-CSCF: TS 33.203 X.3.2.3 says what
//! must be in it, not how; the claims are the testbed's profile.

use ims::token::{Claims, Reg};
use ims::{Defect, Defects, Impi, Impu, Token};
use jsonwebtoken::{Header, encode};

use crate::config::Config;
use crate::entropy::{self, NoEntropy};
use crate::keys::{KeyError, KeyRing};

/// Signs tokens for one WWSF.
pub(crate) struct Issuer {
    iss: String,
    client_id: String,
    aud: String,
    scope: String,
    lifetime: u64,
    defects: Defects,
}

/// What a token is to say about its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// An opaque name for the person.
    pub(crate) sub: String,
    pub(crate) impi: Impi,
    pub(crate) impus: Vec<Impu>,
    pub(crate) reg: Reg,
}

impl Issuer {
    pub(crate) fn new(config: &Config) -> Self {
        let (iss, client_id) = match &config.impersonate {
            Some(lie) => (lie.issuer.clone(), lie.client_id.clone()),
            None => (config.origin.to_string(), config.wwsf_id.clone()),
        };
        Self {
            iss,
            client_id,
            aud: config.audience.clone(),
            scope: config.scope.clone(),
            lifetime: config.token_lifetime,
            defects: config.defects,
        }
    }

    /// Seconds from issue to expiry.
    pub(crate) fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// Signs with the active key: a JWS in compact form, `typ` by RFC 9068 §2.1.
    pub(crate) fn issue(&self, keys: &KeyRing, grant: Grant, now: u64) -> Result<Token, IssueError> {
        let key = keys.active().ok_or(KeyError::Unusable)?;
        let mut header = Header::new(key.alg.jws());
        header.typ = Some("at+jwt".into()).filter(|_| !self.defects.has(Defect::NamesNoTokenType));
        header.kid = Some(key.kid.as_str().to_owned());
        let jti = if self.defects.has(Defect::RepeatsJti) { "1".into() } else { entropy::random_id()? };
        let claims = self.claims(grant, jti, now);
        let token = encode(&header, &claims, &key.encoding_key()?).map_err(|_| KeyError::Unusable)?;
        Ok(Token::new(token))
    }

    fn claims(&self, grant: Grant, jti: String, now: u64) -> Claims {
        let lifetime = if self.defects.has(Defect::OutlastsItsWord) { 2 * self.lifetime } else { self.lifetime };
        let scope = if self.defects.has(Defect::NamesNoScope) { "openid" } else { &self.scope };
        Claims {
            iss: self.iss.clone(),
            aud: vec![self.aud.clone()],
            sub: grant.sub,
            client_id: self.client_id.clone(),
            iat: now,
            nbf: Some(now),
            exp: now.saturating_add(lifetime),
            jti,
            scope: scope.to_owned(),
            impi: grant.impi,
            impu: grant.impus,
            reg: Some(grant.reg),
        }
    }
}

/// No token could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}
