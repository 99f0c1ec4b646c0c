//! Flow 1: SIP Digest, which the S-CSCF checks and this node vouches for as far as the connection does
//! (TS 33.203 N, O, P.3).

use super::forward::answerable;
use super::register::{Attempt, Exchange, Stop};
use super::*;
use crate::register::Register;
use crate::trust_boundary::{INTEGRITY_PROTECTED, Integrity};
use ims::token::TokenError;
use sip::headers::{Authorization, Credentials, DigestCredentials};

impl Edge {
    pub(super) fn register_by_digest(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        mut request: Request,
        register: Register,
        digest: Option<DigestCredentials>,
    ) -> Result<(), Stop> {
        let flow = exchange.flow;
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let wwsf = connection.record.id().to_owned();
        let token_owner = connection.owner.as_ref().is_some_and(|owner| owner.scenario != Scenario::ImsDigest);
        if !connection.record.allows(Scenario::ImsDigest) || token_owner {
            return Err(match digest {
                // TS 33.203 REQ 2.1, P.3: neither a foreign scheme nor a change of scheme.
                Some(_) => Refusal::forbidden("Digest is not for this WWSF or registration (TS 33.203 P.3)").into(),
                None => TokenError::Missing.into(),
            });
        }
        if register.from != register.to {
            return Err(Refusal::forbidden("third-party registration is not offered (TS 33.203 REQ 2.4)").into());
        }
        if digest.is_none() {
            self.check_uncredited(flow, &register)?;
        }
        let impi = self.digest_impi(flow, &register, digest.as_ref())?;
        self.check_owner(flow, &impi, Scenario::ImsDigest, &register)?;
        let bound = self.connections.get(&flow).is_some_and(|c| c.owner.is_some()) || self.has(Defect::VouchesUnbound);
        let answered = digest.as_ref().is_some_and(|d| d.text("response").is_some_and(|r| !r.is_empty()));
        // TS 33.203 P.3, O.1.4: a session bound to the IMPI vouches for it; an answer to a
        // challenge on one that is not bound yet is pending; a first REGISTER has no flag.
        let integrity = match (&digest, bound) {
            (None, _) => None,
            (Some(_), true) => Some(Integrity::TlsYes),
            (Some(_), false) if answered => Some(Integrity::TlsPending),
            (Some(_), false) => None,
        };
        if let (Some(mut digest), Some(integrity)) = (digest, integrity) {
            digest.params.set_quoted(INTEGRITY_PROTECTED, integrity.as_str());
            request.headers.replace(&Authorization(Credentials::Digest(digest)));
        }
        let attempt = Attempt {
            original: answerable(exchange.original),
            scenario: Scenario::ImsDigest,
            wwsf,
            impi,
            register,
            answered,
            token: None,
            cap: u32::MAX,
            icid: String::new(),
        };
        self.forward(now, exchange, request, attempt, integrity, None)
    }

    /// Who registers: the username, or else whom the connection is bound to, or else the IMPU
    /// without its scheme (TS 33.203 N.2.1.1).
    fn digest_impi(
        &self,
        flow: FlowId,
        register: &Register,
        digest: Option<&DigestCredentials>,
    ) -> Result<Impi, Refusal> {
        if let Some(digest) = digest {
            let username = digest.text("username").unwrap_or_default();
            return Impi::parse(&username)
                .map_err(|e| Refusal::bad_request(format!("username: {e} (TS 23.003 §13.3)")));
        }
        let owner = self.connections.get(&flow).and_then(|c| c.owner.as_ref());
        match owner {
            Some(owner) => Ok(owner.impi.clone()),
            None => register
                .to
                .to_impi_default()
                .map_err(|_| Refusal::forbidden("no IMPI can be derived from this identity (TS 33.203 N.2.1.1)")),
        }
    }

    /// Without credentials nothing ties To to the user of the connection but that it is registered
    /// there (DER-05).
    fn check_uncredited(&self, flow: FlowId, register: &Register) -> Result<(), Refusal> {
        let bound = self.connections.get(&flow).is_some_and(|c| c.owner.is_some());
        let known = self.bindings.of_flow(flow).any(|(_, b)| b.impu == register.to || b.impus.contains(&register.to));
        if bound && !known {
            return Err(Refusal::forbidden("this connection is another user's (TS 33.203 O.2.3)"));
        }
        Ok(())
    }
}
