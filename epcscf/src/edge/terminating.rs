//! Requests of the core: which WIC they are for (TS 24.229 §5.2.6.4, RFC 5626 §5.3).

use super::*;
use crate::flow_token::BadToken;
use sip::headers::{PCalledPartyId, Route};

impl Edge {
    pub(super) fn on_core_request(&mut self, now: Now, key: ServerKey, request: &Request, from: Peer) {
        let refusal = self.terminating(request, from);
        let response = self.response_to(request, &refusal);
        self.transactions.respond(now.mono, key, response);
        if from.flow.is_some() && refusal.close == Close::Now {
            self.flush();
            let flow = from.flow.unwrap_or(FlowId(0));
            self.outputs.push_back(Output::Close { flow, code: close::POLICY, reason: refusal.reason });
        }
    }

    /// Calls and messages are not carried yet, so the best that can be said is 501.
    fn terminating(&mut self, request: &Request, from: Peer) -> Refusal {
        if !self.is_trusted(from) {
            self.events.push_back(Event::UntrustedPeer { peer: from.addr });
            let mut refusal = Refusal::forbidden("the peer is not a trusted node (TS 33.203 U.1)");
            refusal.close = Close::Now;
            return refusal;
        }
        if request.method == Method::Register {
            return Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "the core does not register at the edge")
                .with(HeaderName::Allow, "OPTIONS");
        }
        match self.find_flow(request) {
            Ok(_) => Refusal::new(StatusCode::NOT_IMPLEMENTED, "only registration is offered"),
            Err(refusal) => refusal,
        }
    }

    /// The connection that a request is for: by the flow token in the topmost Route, or by the
    /// identity called when that lies in a range that is registered here.
    ///
    /// A token that is not ours is 403, one whose connection is gone 430; an identity outside every
    /// range 404, one that nobody holds 480.
    fn find_flow(&self, request: &Request) -> Result<FlowId, Refusal> {
        let route = request.headers.first::<Route>().map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
        let token = route.as_ref().and_then(|route| route.uri.as_sip()).and_then(|uri| uri.user.as_deref());
        match token {
            Some(token) => self.flow_of_token(token),
            None => self.flow_of_identity(request),
        }
    }

    fn flow_of_token(&self, token: &str) -> Result<FlowId, Refusal> {
        let gone = |reason: String| Refusal::new(StatusCode::FLOW_FAILED, reason);
        let flow = self.flow_tokens.read(token).map_err(|bad| match bad {
            BadToken::Forged => Refusal::forbidden(bad.to_string()),
            BadToken::OldEpoch => gone(bad.to_string()),
        })?;
        let live = self.connections.get(&flow).is_some_and(|connection| !connection.closing);
        if live { Ok(flow) } else { Err(gone("the flow is gone (RFC 5626 §5.3.1)".into())) }
    }

    fn flow_of_identity(&self, request: &Request) -> Result<FlowId, Refusal> {
        let called = request.headers.opt::<PCalledPartyId>().ok().flatten().map(|called| called.0.uri);
        let called = called.as_ref().unwrap_or(&request.uri);
        let outside = || Refusal::new(StatusCode::NOT_FOUND, "the identity is in no range of this edge");
        let impu = Impu::parse(&called.to_string()).map_err(|_| outside())?;
        if !self.records.in_any_range(&impu) || self.records.is_distinct(&impu) {
            return Err(outside());
        }
        let live = self.bindings.of_impu(&impu).find(|(_, binding)| binding.alive).map(|(_, b)| b.flow);
        live.ok_or_else(|| Refusal::new(StatusCode::TEMPORARILY_UNAVAILABLE, "nobody holds this identity now"))
    }
}
