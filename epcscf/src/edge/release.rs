//! How calls end other than by their ends, and how they outlive a connection (TS 24.229 §5.2.8;
//! TS 23.228 §5.10.3).

use super::*;
use crate::bindings::Binding;
use crate::calls::{Call, CallKey, Owner as CallOwner, Usage};
use crate::event::End;
use crate::media::{Context, Side};
use sip::dialog::DialogId;
use sip::headers::{ContentType, Reason};
use sip::{Headers, Message, Rejection};

impl Edge {
    /// A connection is gone: its calls wait for their WIC to come back.
    pub(super) fn calls_lose(&mut self, now: Now, flow: FlowId, impi: &Impi) {
        let keys: Vec<CallKey> =
            self.calls.of_impi(impi).filter(|(_, call)| call.flow == flow).map(|(key, _)| key).collect();
        let grace = if self.has(Defect::EndsCallsAtOnce) { 0 } else { self.config.policy.call.ws_grace };
        let until = now.mono + Duration::from_secs(grace);
        for key in keys {
            let Some(call) = self.calls.get_mut(key) else { continue };
            call.lost = true;
            self.deadlines.set(Timer::Grace(key), until);
        }
    }

    /// The WIC is back, or has changed its connection: its calls go along.
    pub(super) fn calls_follow(&mut self, binding: &Binding) {
        let owner = CallOwner::of(binding);
        let moved: Vec<CallKey> = self
            .calls
            .of_impi(&owner.impi)
            .filter(|(_, call)| call.owner.contact == owner.contact && (call.flow != binding.flow || call.lost))
            .map(|(key, _)| key)
            .collect();
        for key in moved {
            let Some(call) = self.calls.get_mut(key) else { continue };
            call.flow = binding.flow;
            call.lost = false;
            self.deadlines.cancel(Timer::Grace(key));
            self.events.push_back(Event::CallTakenOver { flow: binding.flow, impi: owner.impi.clone() });
        }
        for id in self.subscriptions.of_impu(&owner.registered) {
            if let Some(subscription) = self.subscriptions.get_mut(id).filter(|s| s.owner.contact == owner.contact) {
                subscription.flow = binding.flow;
            }
        }
    }

    /// The grace time is over.
    pub(super) fn on_grace_over(&mut self, now: Now, key: CallKey) {
        self.release(now, key, "the WebSocket is lost", End::Lost);
    }

    /// Nobody has refreshed the session or subscription (RFC 4028 §8.2).
    pub(super) fn on_session_over(&mut self, key: CallKey) {
        self.close_call(key, End::Expired);
    }

    /// The dialogs of a contact that is registered no more are released, both ways.
    pub(super) fn release_calls_of(&mut self, now: Now, binding: &Binding) {
        let owner = CallOwner::of(binding);
        let keys: Vec<CallKey> =
            self.calls.of_impi(&owner.impi).filter(|(_, call)| call.owner == owner).map(|(key, _)| key).collect();
        for key in keys {
            // Of what it watches, its registration above all, the WIC is yet to hear the last.
            match self.calls.get(key).map(|call| call.usage) {
                Some(Usage::Subscription) => self.keep_subscription(now, key, 0),
                _ => self.release(now, key, "the registration ended", End::Deregistered),
            }
        }
    }

    /// Ends a call: what has been answered by BYE both ways, what has not by CANCEL.
    fn release(&mut self, now: Now, key: CallKey, text: &str, end: End) {
        let Some(call) = self.calls.get(key).filter(|_| !self.has(Defect::ReleasesNothing)) else { return };
        let pending = call.pending;
        let ids: Vec<DialogId> =
            call.legs.iter().filter(|leg| leg.is_confirmed()).map(|leg| leg.wic.id().clone()).collect();
        if call.usage == Usage::Session {
            let reason = Reason::sip(StatusCode::TEMPORARILY_UNAVAILABLE, text);
            for id in &ids {
                self.hang_up(now, id, None, &reason, end);
            }
        }
        let Some(call) = self.calls.get_mut(key) else { return };
        match pending {
            // Its final answer closes it.
            Some(client) => {
                call.released = Some(end);
                self.cancel_relay(now, client);
            }
            None => self.close_call(key, end),
        }
    }

    /// Says BYE in a dialog, to one side or to both, and ends it.
    pub(super) fn hang_up(&mut self, now: Now, id: &DialogId, only: Option<Side>, reason: &Reason, end: End) {
        let Some(key) = self.calls.of_dialog(id) else { return };
        let Some(call) = self.calls.get(key) else { return };
        let (flow, lost, charging) = (call.flow, call.lost, call.charging.clone());
        let Some(leg) = self.calls.leg_mut(id) else { return };
        let to_core = leg.wic.request(Method::Bye).with(reason).with(&charging);
        let to_wic = leg.peer.request(Method::Bye).with(reason);
        if only != Some(Side::Wic)
            && let Some((request, to)) = self.own_to_core(to_core)
        {
            let client = self.transactions.request(now.mono, request, to);
            self.pending.insert(client, Pending::Bye);
        }
        if only != Some(Side::Core) && !lost && self.is_live(flow) {
            let (request, to) = self.own_to_wic(flow, to_wic);
            let client = self.transactions.request(now.mono, request, to);
            self.pending.insert(client, Pending::Bye);
        }
        self.end_leg(id, end);
    }

    /// The ACK of a 2xx that nobody else will acknowledge; `from` sent the INVITE.
    pub(super) fn acknowledge(&mut self, _now: Now, id: &DialogId, from: Side, number: u32) {
        let Some(call) = self.calls.of_dialog(id).and_then(|key| self.calls.get(key)) else { return };
        let flow = call.flow;
        let Some(leg) = self.calls.leg(id) else { return };
        let sent = match from {
            Side::Wic => {
                let ack = leg.wic.ack(number);
                self.own_to_core(ack)
            }
            Side::Core => {
                let ack = leg.peer.ack(number);
                Some(self.own_to_wic(flow, ack))
            }
        };
        if let Some((ack, to)) = sent {
            self.transactions.send(Message::Request(ack), to);
        }
    }

    /// A request of this node in a WIC's name, along the dialog's route set.
    pub(super) fn own_to_core(&mut self, mut request: Request) -> Option<(Request, Peer)> {
        sip::proxy::preprocess_route(&mut request, &self.own).ok()?;
        let hop = sip::proxy::next_hop(&mut request).ok()?;
        let to = self.next_hop(Some(&hop)).ok()?;
        let via = self.own_via();
        sip::proxy::push_via(&mut request.headers, &via);
        Some((request, to))
    }

    /// A request of this node to a WIC, in its peer's name.
    pub(super) fn own_to_wic(&mut self, flow: FlowId, mut request: Request) -> (Request, Peer) {
        request.headers.remove(&HeaderName::Route);
        let via = self.via_of(Transport::Wss, &request);
        sip::proxy::push_via(&mut request.headers, &via);
        (request, self.peer_of(flow))
    }

    /// Ends one dialog, and its call with the last one.
    pub(super) fn end_leg(&mut self, id: &DialogId, end: End) {
        let Some(key) = self.calls.of_dialog(id) else { return };
        let Some(leg) = self.calls.remove_leg(id) else { return };
        leg.context.into_iter().for_each(|context| self.iq.release(context));
        let Some(call) = self.calls.get(key) else { return };
        if leg.is_confirmed() && call.usage == Usage::Session {
            self.events.push_back(Event::CallEnded { impi: call.owner.impi.clone(), end });
        }
        if call.legs.is_empty() && call.pending.is_none() {
            self.close_call(key, end);
        }
    }

    /// Forgets a call; nobody is told.
    pub(super) fn close_call(&mut self, key: CallKey, end: End) {
        let Some(call) = self.calls.close(key) else { return };
        self.deadlines.cancel(Timer::Grace(key));
        self.deadlines.cancel(Timer::Session(key));
        for context in contexts(&call) {
            self.iq.release(context);
        }
        if call.usage == Usage::Session && call.legs.iter().any(|leg| leg.is_confirmed()) {
            self.events.push_back(Event::CallEnded { impi: call.owner.impi.clone(), end });
        }
    }

    /// The request that began a call has nothing more to come.
    pub(super) fn settle_call(&mut self, relay: &super::relay::Relay) {
        let Some(key) = relay.passing.call else { return };
        if relay.passing.asked != super::relay::Asked::Initial {
            return;
        }
        let Some(call) = self.calls.get_mut(key) else { return };
        call.pending = None;
        if !call.legs.iter().any(|leg| leg.is_confirmed()) {
            self.close_call(key, End::Refused);
        }
    }

    /// O11, T-8: a context for an INVITE; its offer becomes the gateway's.
    pub(super) fn reserve(&mut self, from: Side, request: &mut Request) -> Result<Context, Refusal> {
        let offer = is_sdp(&request.headers).then_some(&request.body).filter(|body| !body.is_empty());
        let (context, described) =
            self.iq.reserve(from, offer).map_err(|error| Refusal::new(error.status(), error.to_string()))?;
        if let Some(described) = described {
            request.body = described;
        }
        Ok(context)
    }

    /// A further description in a dialog becomes the gateway's.
    pub(super) fn describe(
        &mut self,
        id: &DialogId,
        from: Side,
        headers: &mut Headers,
        body: &mut Bytes,
    ) -> Result<(), Rejection> {
        if body.is_empty() || !is_sdp(headers) {
            return Ok(());
        }
        let Some(context) = self.calls.leg(id).and_then(|leg| leg.context) else { return Ok(()) };
        *body =
            self.iq.modify(context, from, body).map_err(|error| Rejection::new(error.status(), error.to_string()))?;
        Ok(())
    }
}

fn contexts(call: &Call) -> impl Iterator<Item = Context> {
    call.context.into_iter().chain(call.legs.iter().filter_map(|leg| leg.context))
}

fn is_sdp(headers: &Headers) -> bool {
    headers.opt::<ContentType>().ok().flatten().is_some_and(|content_type| content_type.is("application/sdp"))
}
