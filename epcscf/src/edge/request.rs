//! Requests of a WIC other than REGISTER. Calls and messages are not carried yet: what can be said
//! about a request without routing it is said here, and the rest is 501.

use super::*;
use ims::token::TokenError;

use crate::refusal::token_refusal;

/// The methods that are understood; the others are 405.
const ALLOW: &str = "REGISTER, OPTIONS";

impl Edge {
    pub(super) fn on_wic_request(&mut self, now: Now, flow: FlowId, key: ServerKey, request: &Request) {
        match self.originating(flow, request) {
            Ok(response) => self.transactions.respond(now.mono, key, response),
            Err(refusal) => self.refuse(now, flow, key, request, refusal),
        }
    }

    /// A connection without a live registration carries nothing but REGISTER (TS 33.203 O.2.3):
    /// 401 where a token would help, 403 where none would.
    fn originating(&mut self, flow: FlowId, request: &Request) -> Result<Response, Refusal> {
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

    /// RFC 3261 §11: a request to this node itself names it, or the domain, without a user.
    fn is_own_uri(&self, uri: &Uri) -> bool {
        uri.as_sip().is_some_and(|uri| {
            let host = uri.host.as_str();
            let own = [&self.config.name, &self.config.home_domain];
            uri.user.is_none() && own.iter().any(|name| name.eq_ignore_ascii_case(host))
        })
    }
}
