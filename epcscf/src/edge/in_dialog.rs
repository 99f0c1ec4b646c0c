//! Requests within dialogs, both ways (TS 24.229 §5.2.6.3, §5.2.6.4): whose they are, and by which
//! way they go on.

use super::relay::{Answering, Asked, Passing};
use super::request::{Originating, no_such_dialog};
use super::terminating::Terminating;
use super::*;
use crate::calls::{CallKey, Leg, Usage};
use crate::event::End;
use crate::media::Side;
use crate::policy::RouteMismatch;
use crate::trust_boundary;
use sip::dialog::DialogId;
use sip::headers::{RetryAfter, Route, SubscriptionState};
use sip::{Headers, Message, Text};

impl Edge {
    /// Found by (Call-ID, tags), owned by this connection, on the dialog's route set.
    pub(super) fn in_dialog_from_wic(
        &mut self,
        now: Now,
        from: Originating<'_>,
        mut request: Request,
    ) -> Result<(), Refusal> {
        if let Some(outcome) = self.resubscribe_here(now, &from, &request) {
            return outcome;
        }
        let (key, id) = self.own_dialog(from.flow, &request)?;
        let (to, ours) = self.prepare_for_core(from.flow, &id, &mut request)?;
        self.describe(&id, Side::Wic, &mut request.headers, &mut request.body)?;
        self.finish_for_core(&mut request, from.original, &ours, from.token.as_ref())?;
        let ends = self.passes(now, key, &id, Side::Wic, &request);
        let passing = Passing::new(Side::Wic, from.flow, from.key, from.original);
        self.relay(now, Passing { call: Some(key), asked: Asked::InDialog { id, ends }, ..passing }, request, to);
        Ok(())
    }

    /// The ACK of a 2xx: never answered, so dropped when anything is wrong with it.
    pub(super) fn on_wic_ack(&mut self, now: Now, flow: FlowId, original: &Request) {
        let mut request = original.clone();
        let Ok(token) = self.check_bearer(now, flow, &mut request) else { return };
        let Ok((_, id)) = self.own_dialog(flow, &request) else { return };
        if sip::proxy::take_hop(&mut request.headers).is_err() {
            return;
        }
        let Ok((to, ours)) = self.prepare_for_core(flow, &id, &mut request) else { return };
        if self.describe(&id, Side::Wic, &mut request.headers, &mut request.body).is_err() {
            return;
        }
        if self.finish_for_core(&mut request, original, &ours, token.as_ref()).is_ok() {
            self.transactions.send(Message::Request(request), to);
        }
    }

    fn own_dialog(&self, flow: FlowId, request: &Request) -> Result<(CallKey, DialogId), Refusal> {
        let id = DialogId::of_request(request).ok().flatten().ok_or_else(no_such_dialog)?.reversed();
        let key = self.calls.of_dialog(&id).ok_or_else(no_such_dialog)?;
        match self.calls.get(key) {
            Some(call) if call.flow == flow || self.has(Defect::OpensEveryDialog) => Ok((key, id)),
            _ => Err(no_such_dialog()),
        }
    }

    /// Takes the way of the dialog, and writes what goes along: nothing but the charging identity.
    fn prepare_for_core(
        &mut self,
        flow: FlowId,
        id: &DialogId,
        request: &mut Request,
    ) -> Result<(Peer, Headers), Refusal> {
        let key = self.calls.of_dialog(id).ok_or_else(no_such_dialog)?;
        let call = self.calls.get(key).ok_or_else(no_such_dialog)?;
        let charging = call.charging.clone();
        let leg = self.calls.leg(id).ok_or_else(no_such_dialog)?;
        let given = request.headers.all::<Route>().map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
        let expected = leg.wic.routes();
        let same = given.len() == expected.len() && given.iter().zip(expected).all(|(a, b)| a.uri.equivalent(&b.uri));
        if !same && self.config.policy.route.mismatch == RouteMismatch::Reject {
            return Err(Refusal::bad_request("Route is not the dialog's route set (TS 24.229 §5.2.6.3)"));
        }
        let is_own = |route: &&Route| route.uri.as_sip().is_some_and(|uri| self.own.is_uri(uri));
        let beyond: Vec<Route> = expected.iter().skip_while(is_own).cloned().collect();
        // With nobody in between, it is the peer's own address that counts.
        let next = beyond.first().map_or(leg.wic.target(), |route| &route.uri);
        let to = self.next_hop(Some(next))?;
        let digest = self.bindings.of_flow(flow).any(|(_, binding)| binding.scenario == Scenario::ImsDigest);
        self.strip(request, digest);
        sip::proxy::set_routes(request, &beyond);
        let mut ours = Headers::new();
        if request.method != Method::Ack {
            ours.add(&charging);
        }
        Ok((to, ours))
    }

    /// A request of the core in a dialog: the connection is the dialog's, whatever the flow token in
    /// the route set says.
    pub(super) fn in_dialog_from_core(
        &mut self,
        now: Now,
        to: Terminating<'_>,
        mut request: Request,
    ) -> Result<(), Refusal> {
        let (key, id) = self.dialog_at_wic(&mut request)?;
        let call = self.calls.get(key).ok_or_else(no_such_dialog)?;
        let (flow, lost) = (call.flow, call.lost);
        let ends = self.passes(now, key, &id, Side::Core, &request);
        if lost {
            return self.for_nobody(now, to, &request, &id);
        }
        self.describe(&id, Side::Core, &mut request.headers, &mut request.body)?;
        let charging = request.headers.opt().ok().flatten();
        trust_boundary::strip_towards_wic(&mut request.headers);
        let peer = self.finish_for_wic(flow, &mut request, to.original);
        let answering = Answering { charging, record_route: record_route(&request), called: None };
        let passing = Passing::new(Side::Core, flow, to.key, to.original);
        let asked = Asked::InDialog { id, ends };
        self.relay(now, Passing { call: Some(key), asked, answering, ..passing }, request, peer);
        Ok(())
    }

    pub(super) fn on_core_ack(&mut self, original: &Request, from: Peer) {
        if !self.is_trusted(from) {
            return;
        }
        let mut request = original.clone();
        if sip::proxy::preprocess_route(&mut request, &self.own).is_err()
            || sip::proxy::take_hop(&mut request.headers).is_err()
        {
            return;
        }
        let Some(id) = DialogId::of_request(&request).ok().flatten() else { return };
        let Some(call) = self.calls.of_dialog(&id).and_then(|key| self.calls.get(key)) else { return };
        let (flow, lost) = (call.flow, call.lost);
        if lost || self.describe(&id, Side::Core, &mut request.headers, &mut request.body).is_err() {
            return;
        }
        trust_boundary::strip_towards_wic(&mut request.headers);
        let peer = self.finish_for_wic(flow, &mut request, original);
        self.transactions.send(Message::Request(request), peer);
    }

    /// The dialog of a request for a WIC. A NOTIFY makes one, where the WIC has subscribed (RFC 6665
    /// §4.4.1), and then takes our Record-Route along.
    fn dialog_at_wic(&mut self, request: &mut Request) -> Result<(CallKey, DialogId), Refusal> {
        let id = DialogId::of_request(request).ok().flatten().ok_or_else(no_such_dialog)?;
        if let Some(key) = self.calls.of_dialog(&id) {
            return Ok((key, id));
        }
        let key = self.calls.of_request(&id.call_id, &id.local_tag).ok_or_else(no_such_dialog)?;
        let call = self.calls.get(key).ok_or_else(no_such_dialog)?;
        if request.method != Method::Notify || call.usage != Usage::Subscription {
            return Err(no_such_dialog());
        }
        let [core, wic] = self.record_routes(call.flow);
        request.headers.push_front(HeaderName::RecordRoute, format!("{wic}, {core}"));
        let leg = Leg::notified(&call.request, request).map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
        self.add_leg(key, leg).ok_or_else(no_such_dialog)?;
        Ok((key, id))
    }

    /// Notes a request that passes in a dialog; whether its answer ends the dialog.
    fn passes(&mut self, now: Now, key: CallKey, id: &DialogId, from: Side, request: &Request) -> bool {
        if let Some(leg) = self.calls.leg_mut(id) {
            leg.passes(from, request);
        }
        let usage = self.calls.get(key).map(|call| call.usage);
        if usage != Some(Usage::Subscription) {
            return request.method == Method::Bye;
        }
        let state = request.headers.opt::<SubscriptionState>().ok().flatten();
        if request.method == Method::Notify
            && let Some(seconds) = state.as_ref().and_then(SubscriptionState::expires)
        {
            self.keep_subscription(now, key, seconds);
        }
        request.method == Method::Notify && state.is_some_and(|state| state.is_terminated())
    }

    /// The WIC has lost its connection and may come back. A BYE is answered in its name; another
    /// request may be tried again, and must not end the call (RFC 5057 §5.1).
    fn for_nobody(&mut self, now: Now, to: Terminating<'_>, request: &Request, id: &DialogId) -> Result<(), Refusal> {
        if request.method == Method::Bye {
            self.end_leg(id, End::Bye);
            self.transactions.respond(now.mono, to.key, request.respond(StatusCode::OK));
            return Ok(());
        }
        let grace = self.config.policy.call.ws_grace.try_into().unwrap_or(u32::MAX);
        let reason = "the WIC is away for a moment (RFC 5626 §4.5)";
        Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, reason)
            .with(HeaderName::RetryAfter, RetryAfter(grace).to_string()))
    }
}

/// Record-Route as it goes to a WIC.
pub(super) fn record_route(request: &Request) -> Vec<Text> {
    request.headers.values(&HeaderName::RecordRoute).map(|value| Text::from(value.to_owned())).collect()
}
