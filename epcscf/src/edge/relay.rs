//! Requests under way through this node and what becomes of them (RFC 3261 §16.7 to §16.10): each has
//! a server transaction on one side and a client transaction on the other.

use super::forward::answerable;
use super::*;
use crate::calls::CallKey;
use crate::media::Side;
use sip::dialog::DialogId;
use sip::proxy::{Fork, ForkAction, restarts_timer_c};
use sip::{Rejection, Text};

/// A request that is about to be sent on.
#[derive(Debug)]
pub(super) struct Passing {
    /// Who sent it, and the connection of the WIC that it is from or for.
    pub(super) from: Side,
    pub(super) flow: FlowId,
    pub(super) server: ServerKey,
    /// As much of the request as an answer to it copies.
    pub(super) original: Request,
    pub(super) method: Method,
    pub(super) call: Option<CallKey>,
    pub(super) asked: Asked,
    /// Whether nothing reaches this WIC but by this node, so that a lost connection is no failed flow
    /// (flow 3, `static-wildcard`).
    pub(super) local: bool,
    /// What goes into the WIC's responses (T-9).
    pub(super) answering: Answering,
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// In no dialog; it may create one.
    Initial,
    /// In a dialog, which it may end.
    InDialog { id: DialogId, ends: bool },
}

/// What this node says of a WIC in its responses.
#[derive(Debug, Default)]
pub(super) struct Answering {
    /// The identity called.
    pub(super) called: Option<Impu>,
    /// P-Charging-Vector.
    pub(super) charging: Option<sip::headers::PChargingVector>,
    /// Record-Route as the WIC got it.
    pub(super) record_route: Vec<Text>,
}

impl Passing {
    pub(super) fn new(from: Side, flow: FlowId, server: ServerKey, original: &Request) -> Self {
        Self {
            from,
            flow,
            server,
            original: answerable(original),
            method: original.method.clone(),
            call: None,
            asked: Asked::Initial,
            local: false,
            answering: Answering::default(),
        }
    }
}

/// A request that was sent on.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) passing: Passing,
    fork: Fork<ClientKey>,
    /// Nobody waits for the answer any more.
    pub(super) orphaned: bool,
}

impl Edge {
    pub(super) fn relay(&mut self, now: Now, passing: Passing, request: Request, to: Peer) {
        let mut fork = Fork::new(&passing.original, &self.entropy.token(10));
        let client = self.transactions.request(now.mono, request, to);
        fork.add(client);
        self.by_server.insert(passing.server, client);
        let patience = Duration::from_secs(self.config.policy.call.answer_timeout);
        self.deadlines.set(Timer::Answer(client), now.mono + patience);
        if passing.method == Method::Invite {
            self.deadlines.set(Timer::C(client), now.mono + self.timers.c);
        }
        if let Some(call) = passing.call.and_then(|call| self.calls.get_mut(call))
            && passing.asked == Asked::Initial
        {
            call.pending = Some(client);
        }
        if passing.from == Side::Wic
            && let Some(connection) = self.connections.get_mut(&passing.flow)
        {
            connection.relayed += 1;
        }
        self.relays.insert(client, Relay { passing, fork, orphaned: false });
    }

    /// Whether the response is one to a request that was sent on.
    pub(super) fn on_relayed(&mut self, now: Now, client: ClientKey, response: &Response) -> bool {
        let Some(relay) = self.relays.get_mut(&client) else { return false };
        let invite = relay.passing.method == Method::Invite;
        if response.status.is_final() || invite {
            self.deadlines.cancel(Timer::Answer(client));
        }
        if response.status.is_final() {
            self.deadlines.cancel(Timer::C(client));
        } else if invite && restarts_timer_c(response.status) {
            self.deadlines.set(Timer::C(client), now.mono + self.timers.c);
        }
        let actions = relay.fork.on_response(client, response.clone());
        self.act(now, client, actions);
        true
    }

    /// No answer, or nobody to ask (RFC 3261 §16.8, §16.9); whether the request was one sent on.
    pub(super) fn on_relay_failed(&mut self, now: Now, client: ClientKey, timed_out: bool) -> bool {
        let Some(relay) = self.relays.get_mut(&client) else { return false };
        let passing = &relay.passing;
        let why = match (passing.from, timed_out) {
            (Side::Wic, _) => {
                self.events.push_back(Event::CoreUnreachable);
                Rejection::new(StatusCode::SERVER_TIME_OUT, "the next hop does not answer (RFC 3261 §16.8)")
            }
            // Neither 408 nor 430: the call may yet go on (RFC 5057 §5.1).
            (Side::Core, _) if passing.asked != Asked::Initial => {
                Rejection::new(StatusCode::SERVER_INTERNAL_ERROR, "the WIC is away for a moment (RFC 5626 §4.5)")
            }
            (Side::Core, true) if passing.method == Method::Invite => {
                Rejection::new(StatusCode::REQUEST_TIMEOUT, "the WIC does not answer (RFC 3261 §16.8)")
            }
            // RFC 4320 §4.2: never 408 to anything but INVITE.
            (Side::Core, true) => {
                Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, "the WIC does not answer (RFC 4320 §4.2)")
            }
            (Side::Core, false) if passing.local => {
                Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, "the holder of this identity is gone")
            }
            (Side::Core, false) => Rejection::new(StatusCode::FLOW_FAILED, "the flow is gone (RFC 5626 §5.3.1)"),
        };
        let actions = relay.fork.failed(client, &why);
        self.act(now, client, actions);
        true
    }

    /// The time for a first answer is over. A late one finds nobody.
    pub(super) fn on_answer_due(&mut self, now: Now, client: ClientKey) {
        self.transactions.cancel(now.mono, client);
        if !self.on_relay_failed(now, client, true) {
            self.on_core_silence(now, client);
        }
    }

    /// Timer C (RFC 3261 §16.8).
    pub(super) fn on_timer_c(&mut self, now: Now, client: ClientKey) {
        let Some(relay) = self.relays.get_mut(&client) else { return };
        let actions = relay.fork.give_up(client).into_iter().collect();
        self.act(now, client, actions);
    }

    /// A CANCEL (RFC 3261 §9.2, §16.10): answered here, then sent on. A WIC's is matched on its
    /// connection alone.
    pub(super) fn on_cancel(
        &mut self,
        now: Now,
        key: ServerKey,
        invite: Option<ServerKey>,
        request: &Request,
        from: Peer,
    ) {
        let trusted = wic_flow(from).is_some() || self.is_trusted(from);
        let Some(invite) = invite.filter(|_| trusted) else {
            let refusal = Refusal::new(StatusCode::CALL_DOES_NOT_EXIST, "no such INVITE (RFC 3261 §9.2)");
            let response = self.response_to(request, &refusal);
            return self.transactions.respond(now.mono, key, response);
        };
        let mut response = request.respond(StatusCode::OK);
        let entropy = &mut self.entropy;
        response.ensure_to_tag(|| entropy.token(10));
        self.transactions.respond(now.mono, key, response);
        if let Some(client) = self.by_server.get(&invite).copied() {
            self.cancel_relay(now, client);
        }
    }

    pub(super) fn cancel_relay(&mut self, now: Now, client: ClientKey) {
        let Some(relay) = self.relays.get_mut(&client) else { return };
        let actions = relay.fork.cancel();
        self.act(now, client, actions);
    }

    /// A server transaction is over. One that goes before its answer takes the request along.
    pub(super) fn on_server_done(&mut self, now: Now, server: ServerKey) {
        let Some(client) = self.by_server.remove(&server) else { return };
        let Some(relay) = self.relays.get_mut(&client) else { return };
        relay.orphaned = true;
        if !relay.fork.is_answered() {
            self.cancel_relay(now, client);
        }
    }

    /// A client transaction is over: nothing more will come of it.
    pub(super) fn on_client_done(&mut self, client: ClientKey) {
        let Some(relay) = self.relays.remove(&client) else { return };
        self.deadlines.cancel(Timer::Answer(client));
        self.deadlines.cancel(Timer::C(client));
        if self.by_server.get(&relay.passing.server) == Some(&client) {
            self.by_server.remove(&relay.passing.server);
        }
        if relay.passing.from == Side::Wic
            && let Some(connection) = self.connections.get_mut(&relay.passing.flow)
        {
            connection.relayed = connection.relayed.saturating_sub(1);
        }
        self.settle_call(&relay);
    }

    fn act(&mut self, now: Now, client: ClientKey, actions: Vec<ForkAction<ClientKey>>) {
        for action in actions {
            match action {
                ForkAction::Forward(response) => self.answer_through(now, client, response),
                ForkAction::Cancel(branch) => self.transactions.cancel(now.mono, branch),
                ForkAction::Next => {
                    let Some(relay) = self.relays.get_mut(&client) else { return };
                    let more = relay.fork.expect_more(false);
                    self.act(now, client, more);
                }
            }
        }
    }
}
