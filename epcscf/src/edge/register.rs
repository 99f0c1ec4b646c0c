//! REGISTER from a WIC: which scenario, who, and on to the core or to the registrar of the range
//! (TS 24.229 §5.2.2, TS 33.203 P.3, X.3.2.3, X.4.2.3).

use super::*;
use crate::carriage::{self, Presented};
use crate::refusal::{carriage_refusal, token_refusal};
use crate::register::{Register, unknown_tags};
use crate::trust_boundary;
use ims::token::TokenError;

/// A REGISTER on its way through the core: what its 200 will make of it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// As much of the request as an answer to it copies.
    pub(super) original: Request,
    pub(super) scenario: Scenario,
    /// The WWSF whose page asks.
    pub(super) wwsf: String,
    pub(super) impi: Impi,
    pub(super) register: Register,
    /// Whether it carried the answer to a digest challenge.
    pub(super) answered: bool,
    pub(super) token: Option<TokenStamp>,
    /// The longest registration that may follow, in seconds.
    pub(super) cap: u32,
    pub(super) icid: String,
}

/// A REGISTER as it came, and where its answer goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) flow: FlowId,
    pub(super) key: ServerKey,
    pub(super) original: &'a Request,
}

/// Why a REGISTER is not acted on now.
pub(super) enum Stop {
    Refuse(Refusal),
    /// It waits for keys.
    Wait,
    /// The token fails.
    Token(TokenError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl Edge {
    pub(super) fn on_register(&mut self, now: Now, flow: FlowId, key: ServerKey, request: Request) {
        match self.register(now, Exchange { flow, key, original: &request }) {
            Ok(()) | Err(Stop::Wait) => {}
            Err(Stop::Refuse(refusal)) => self.refuse(now, flow, key, &request, refusal),
            Err(Stop::Token(error)) => {
                let Some(record) = self.connections.get(&flow).map(|c| c.record.clone()) else { return };
                let refusal = token_refusal(error, &self.checks, self.challenge_text(&record));
                self.refuse(now, flow, key, &request, refusal);
            }
        }
    }

    fn register(&mut self, now: Now, exchange: Exchange<'_>) -> Result<(), Stop> {
        let Exchange { flow, original, .. } = exchange;
        let mut request = original.clone();
        let entity = &self.config.policy.entity;
        let entities = [&*entity.param_name, &entity.wwsf_param_name];
        trust_boundary::strip_from_wic(&mut request.headers, entities, self.config.policy.defects);
        sip::proxy::take_hop(&mut request.headers).map_err(Refusal::from)?;
        if let Some(tags) = unknown_tags(&request.headers, &HeaderName::ProxyRequire, &[]) {
            return Err(Refusal::bad_extension(&tags).into());
        }
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let record = connection.record.clone();
        let carriage = self.config.policy.token.carriage;
        let presented = carriage::take(&mut request, carriage)
            .map_err(|error| carriage_refusal(error, carriage.in_body(), &self.checks, self.challenge_text(&record)))?;
        let domains: Vec<&str> =
            std::iter::once(&self.config.home_domain).chain(&self.config.domains).map(String::as_str).collect();
        let register = Register::parse(&request, &domains)?;
        let under_way = connection.in_flight.len() + connection.waiting;
        if under_way >= self.config.policy.connection.max_in_flight && !self.has(Defect::TakesManyRegisters) {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("too many REGISTERs under way on this connection", retry_after).into());
        }
        match presented {
            Presented::Token(token) => self.register_by_token(now, exchange, request, register, &token),
            Presented::Digest(digest) => self.register_by_digest(now, exchange, request, register, Some(digest)),
            Presented::Nothing => self.register_by_digest(now, exchange, request, register, None),
        }
    }

    /// From the first 200 on, a connection is one user's by one scheme (TS 33.203 O.2.3, X.3.2.3
    /// step 7, P.3); before it, one user's at a time.
    pub(super) fn check_owner(
        &self,
        flow: FlowId,
        impi: &Impi,
        scenario: Scenario,
        register: &Register,
    ) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&flow) else { return Ok(()) };
        if connection.in_flight.iter().any(|(_, other)| other != impi) {
            return Err(Refusal::forbidden("another user is registering on this connection (TS 33.203 O.2.3)"));
        }
        let Some(owner) = &connection.owner else { return Ok(()) };
        if owner.impi != *impi && !self.has(Defect::SharesConnection) {
            return Err(Refusal::forbidden("this connection is another user's (TS 33.203 O.2.3)"));
        }
        if owner.scenario != scenario {
            return Err(Refusal::forbidden("a registration keeps its authentication scheme (TS 33.203 P.3)"));
        }
        let known = self.bindings.of_flow(flow).any(|(_, b)| b.impu == register.to || b.impus.contains(&register.to));
        if !known && self.bindings.of_flow(flow).count() >= self.config.policy.connection.max_bindings {
            return Err(Refusal::forbidden("too many registrations on this connection"));
        }
        Ok(())
    }
}
