//! Requests of a WIC other than REGISTER. Calls and messages are not carried yet: what can be said
//! about a request without routing it is said here, and the rest is 501.

use super::verify::AtHand;
use super::*;
use crate::carriage::{self, CarriageError, Presented};
use crate::policy::OnRequests;
use crate::refusal::{carriage_refusal, token_refusal};
use ims::token::{Requested, TokenError};

/// The methods that are understood; the others are 405.
const ALLOW: &str = "REGISTER, OPTIONS";

impl Edge {
    pub(super) fn on_wic_request(&mut self, now: Now, flow: FlowId, key: ServerKey, request: &Request) {
        match self.originating(now, flow, request) {
            Ok(response) => self.transactions.respond(now.mono, key, response),
            Err(refusal) => self.refuse(now, flow, key, request, refusal),
        }
    }

    /// A connection without a live registration carries nothing but REGISTER (TS 33.203 O.2.3):
    /// 401 where a token would help, 403 where none would.
    fn originating(&mut self, now: Now, flow: FlowId, request: &Request) -> Result<Response, Refusal> {
        let Some(connection) = self.connections.get(&flow) else {
            return Err(Refusal::new(StatusCode::FLOW_FAILED, "the connection is gone (RFC 5626 §5.3.1)"));
        };
        if connection.owner.is_none() {
            let record = connection.record.clone();
            if record.allows(Scenario::ImsDigest) || request.headers.has(&HeaderName::Authorization) {
                return Err(Refusal::forbidden("register first (TS 33.203 O.2.3)"));
            }
            return Err(token_refusal(TokenError::Missing, &self.checks, self.challenge_text(&record)));
        }
        self.check_bearer(now, flow, request)?;
        if request.method == Method::Options && self.is_own_uri(&request.uri) {
            let mut response = request.respond(StatusCode::OK);
            let entropy = &mut self.entropy;
            response.ensure_to_tag(|| entropy.token(10));
            return Ok(response
                .with_raw(HeaderName::Allow, ALLOW)
                .with_raw(HeaderName::Accept, "")
                .with_raw(HeaderName::Supported, "path, outbound"));
        }
        let status = match request.method {
            Method::Other(_) => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::NOT_IMPLEMENTED,
        };
        Err(Refusal::new(status, "only registration is offered").with(HeaderName::Allow, ALLOW))
    }

    /// A WIC that registered by a token sends it on all requests (TS 24.371 §7.2.1): it is judged as
    /// on REGISTER, and must be the one that the registration rests on.
    fn check_bearer(&mut self, now: Now, flow: FlowId, request: &Request) -> Result<(), Refusal> {
        let on_requests = self.config.policy.bearer.on_requests;
        let Some(connection) = self.connections.get(&flow) else { return Ok(()) };
        let record = connection.record.clone();
        let Some(owner) = connection.owner.clone() else { return Ok(()) };
        if on_requests == OnRequests::Ignore || owner.scenario == Scenario::ImsDigest {
            return Ok(());
        }
        let carriage = self.config.policy.token.carriage;
        let refuse = |error: CarriageError, edge: &Self| {
            carriage_refusal(error, carriage.in_body(), &edge.checks, edge.challenge_text(&record))
        };
        let token = match carriage::take(&mut request.clone(), carriage).map_err(|error| refuse(error, self))? {
            Presented::Token(token) => token,
            Presented::Nothing | Presented::Digest(_) if on_requests == OnRequests::Require => {
                return Err(refuse(TokenError::Missing.into(), self));
            }
            Presented::Nothing | Presented::Digest(_) => return Ok(()),
        };
        let claims = match self.claims_at_hand(now, flow, &token) {
            Ok(AtHand::Claims(claims)) => claims,
            // The token of the registration is known; only another one could need keys.
            Ok(AtHand::KeysAsked(_)) => return Err(refuse(TokenError::WafUnreachable.into(), self)),
            Err(error) => return Err(refuse(error.into(), self)),
        };
        let Some((_, binding)) = self.bindings.of_flow(flow).next() else { return Ok(()) };
        let requested = Requested { to: &binding.impu, from: &binding.impu, impi: Some(&owner.impi) };
        self.check_against(&record, &claims, requested, now.unix).map_err(|error| refuse(error.into(), self))?;
        let registered_by = |stamp: &TokenStamp| stamp.issuer == claims.iss && stamp.jti == claims.jti;
        if self.bindings.of_flow(flow).any(|(_, b)| b.token.as_ref().is_some_and(registered_by)) {
            return Ok(());
        }
        Err(Refusal::forbidden("the token is not the one registered with (TS 24.371 §7.2.1)"))
    }

    /// RFC 3261 §11: a request to this node itself names it, or the domain, without a user.
    fn is_own_uri(&self, uri: &Uri) -> bool {
        uri.as_sip().is_some_and(|uri| {
            let host = uri.host.as_str();
            let own = [&self.config.name, &self.config.home_domain];
            uri.user.is_none() && own.iter().any(|name| name.eq_ignore_ascii_case(host))
        })
    }
}
