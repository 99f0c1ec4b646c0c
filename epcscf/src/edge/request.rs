//! Requests of a WIC other than REGISTER, up to where they part (O1 to O5): within a dialog, to this
//! node itself, or into the core (TS 24.229 §5.2.6).

use super::verify::AtHand;
use super::*;
use crate::carriage::{self, CarriageError, Presented};
use crate::policy::OnRequests;
use crate::refusal::{carriage_refusal, token_refusal};
use ims::Token;
use ims::token::{Requested, TokenError};
use sip::headers::MaxForwards;

/// The methods that this node passes on or answers itself; any other is passed on as well.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY, REFER, PUBLISH, REGISTER";

/// A request of a WIC that has passed O1 to O5: token and hop taken.
#[derive(Debug)]
pub(super) struct Originating<'a> {
    pub(super) flow: FlowId,
    pub(super) key: ServerKey,
    /// As it came.
    pub(super) original: &'a Request,
    pub(super) token: Option<Token>,
}

impl Edge {
    pub(super) fn on_wic_request(&mut self, now: Now, flow: FlowId, key: ServerKey, request: &Request) {
        if let Err(refusal) = self.take_from_wic(now, flow, key, request) {
            self.refuse(now, flow, key, request, refusal);
        }
    }

    fn take_from_wic(&mut self, now: Now, flow: FlowId, key: ServerKey, original: &Request) -> Result<(), Refusal> {
        self.check_registered(flow, original)?;
        let mut request = original.clone();
        let token = self.check_bearer(now, flow, &mut request)?;
        if request.method == Method::Options && self.is_for_this_node(&request) {
            let response = self.own_options(&request);
            self.transactions.respond(now.mono, key, response);
            return Ok(());
        }
        sip::proxy::take_hop(&mut request.headers)?;
        if let Some(tags) = crate::register::unknown_tags(&request.headers, &HeaderName::ProxyRequire, &[]) {
            return Err(Refusal::bad_extension(&tags));
        }
        self.check_load(flow)?;
        let max = self.config.policy.call.max_message_body;
        if request.method == Method::Message && request.body.len() > max && !self.has(Defect::TakesLongMessages) {
            let reason = format!("a message has {max} octets at most (RFC 3428 §8)");
            return Err(Refusal::new(StatusCode::MESSAGE_TOO_LARGE, reason));
        }
        let from = Originating { flow, key, original, token };
        if request.to().is_ok_and(|to| to.tag().is_some()) {
            return self.in_dialog_from_wic(now, from, request);
        }
        match request.method {
            Method::Bye | Method::Prack | Method::Update | Method::Info => Err(no_such_dialog()),
            Method::Subscribe if self.is_served_here(flow, &request) => self.subscribe(now, from, &request),
            _ => self.originate(now, from, request),
        }
    }

    /// O2: a connection without a live registration carries nothing but REGISTER (TS 33.203 O.2.3):
    /// 401 where a token would help, 403 where none would.
    fn check_registered(&self, flow: FlowId, request: &Request) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&flow) else {
            return Err(Refusal::new(StatusCode::FLOW_FAILED, "the connection is gone (RFC 5626 §5.3.1)"));
        };
        if connection.owner.is_some() {
            return Ok(());
        }
        let record = &connection.record;
        if record.allows(Scenario::ImsDigest) || request.headers.has(&HeaderName::Authorization) {
            return Err(Refusal::forbidden("register first (TS 33.203 O.2.3)"));
        }
        Err(token_refusal(TokenError::Missing, &self.checks, self.challenge_text(record)))
    }

    /// O3: a WIC that registered by a token sends it on all requests (TS 24.371 §7.2.1): it is judged
    /// as on REGISTER, and must be the one that the registration rests on. It is taken out whatever
    /// comes of it. An ACK can't be challenged (RFC 3261 §22.1).
    pub(super) fn check_bearer(
        &mut self,
        now: Now,
        flow: FlowId,
        request: &mut Request,
    ) -> Result<Option<Token>, Refusal> {
        let Some(connection) = self.connections.get(&flow) else { return Ok(None) };
        let record = connection.record.clone();
        let Some(owner) = connection.owner.clone() else { return Ok(None) };
        let carriage = self.config.policy.token.carriage;
        let refuse = |error: CarriageError, edge: &Self| {
            carriage_refusal(error, carriage.in_body(), &edge.checks, edge.challenge_text(&record))
        };
        let on_requests = match owner.scenario {
            Scenario::ImsDigest => OnRequests::Ignore,
            _ if request.method == Method::Ack => OnRequests::Ignore,
            _ => self.config.policy.bearer.on_requests,
        };
        let token = match carriage::take(request, carriage) {
            Ok(Presented::Token(token)) => token,
            Ok(Presented::Nothing | Presented::Digest(_)) if on_requests == OnRequests::Require => {
                return Err(refuse(TokenError::Missing.into(), self));
            }
            Ok(Presented::Nothing | Presented::Digest(_)) => return Ok(None),
            // What is left of it is no token any more.
            Err(CarriageError::Token(_)) if on_requests == OnRequests::Ignore => return Ok(None),
            Err(error) => return Err(refuse(error, self)),
        };
        if on_requests == OnRequests::Ignore {
            return Ok(Some(token));
        }
        let claims = match self.claims_at_hand(now, flow, &token) {
            Ok(AtHand::Claims(claims)) => claims,
            // The token of the registration is known; only another one could need keys.
            Ok(AtHand::KeysAsked(_)) => return Err(refuse(TokenError::WafUnreachable.into(), self)),
            Err(error) => return Err(refuse(error.into(), self)),
        };
        let Some((_, binding)) = self.bindings.of_flow(flow).next() else { return Ok(Some(token)) };
        let requested = Requested { to: &binding.impu, from: &binding.impu, impi: Some(&owner.impi) };
        self.judge().request(&record, &claims, requested, now.unix).map_err(|error| refuse(error.into(), self))?;
        let registered_by = |stamp: &TokenStamp| stamp.issuer == claims.iss && stamp.jti == claims.jti;
        let registered = self.bindings.of_flow(flow).any(|(_, b)| b.token.as_ref().is_some_and(registered_by));
        // A WIC that refreshes with a new token sends that one from then on, not from the answer on.
        let refreshing = || {
            self.pending.values().any(|pending| match pending {
                Pending::Wic { flow: by, attempt, .. } => {
                    *by == flow && attempt.token.as_ref().is_some_and(registered_by)
                }
                _ => false,
            })
        };
        if registered || refreshing() {
            return Ok(Some(token));
        }
        Err(Refusal::forbidden("the token is not the one registered with (TS 24.371 §7.2.1)"))
    }

    /// So many requests of one connection at a time, and so many calls of one user.
    fn check_load(&self, flow: FlowId) -> Result<(), Refusal> {
        let policy = &self.config.policy;
        let retry_after = policy.connection.retry_after;
        let Some(connection) = self.connections.get(&flow) else { return Ok(()) };
        if connection.relayed >= policy.call.max_in_flight {
            return Err(Refusal::busy("too many requests under way on this connection", retry_after));
        }
        Ok(())
    }

    /// RFC 3261 §11: a request to this node itself names it, or the domain, without a user, or has no
    /// hop left.
    fn is_for_this_node(&self, request: &Request) -> bool {
        let used_up = request.headers.opt::<MaxForwards>().is_ok_and(|hops| hops == Some(MaxForwards(0)));
        used_up || self.is_own_uri(&request.uri)
    }

    pub(super) fn is_own_uri(&self, uri: &Uri) -> bool {
        uri.as_sip().is_some_and(|uri| {
            let host = uri.host.as_str();
            let own = [&self.config.name, &self.config.home_domain];
            uri.user.is_none() && own.iter().any(|name| name.eq_ignore_ascii_case(host))
        })
    }

    pub(super) fn own_options(&mut self, request: &Request) -> Response {
        let mut response = request.respond(StatusCode::OK);
        let entropy = &mut self.entropy;
        response.ensure_to_tag(|| entropy.token(10));
        response
            .with_raw(HeaderName::Allow, ALLOW)
            .with_raw(HeaderName::Accept, "application/sdp")
            .with_raw(HeaderName::Supported, "path, outbound")
    }
}

/// 481: also for a dialog of somebody else, so that nobody learns of it.
pub(super) fn no_such_dialog() -> Refusal {
    Refusal::new(StatusCode::CALL_DOES_NOT_EXIST, "no such dialog on this connection (RFC 3261 §12.2.2)")
}
