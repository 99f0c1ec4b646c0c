//! Responses on their way back: what they make of dialogs, and what each side gets to see (T-9; TS
//! 24.229 §5.2.6.3, §5.2.6.4).

use super::relay::{Asked, Passing};
use super::*;
use crate::calls::{CallKey, Leg, Usage};
use crate::event::End;
use crate::identity;
use crate::media::Side;
use crate::trust_boundary;
use sip::dialog::DialogId;
use sip::headers::{Expires, PAccessNetworkInfo, PAssertedIdentity, Reason, SessionExpires};
use sip::{Headers, Rejection};

impl Edge {
    /// Sends a response of the fork on, in the server transaction.
    pub(super) fn answer_through(&mut self, now: Now, client: ClientKey, mut response: Response) {
        let Some(relay) = self.relays.get(&client) else { return };
        let (server, from, orphaned) = (relay.passing.server, relay.passing.from, relay.orphaned);
        if from == Side::Core {
            restore(&mut response, &relay.passing);
        }
        let (asked, method, call) = (relay.passing.asked.clone(), relay.passing.method.clone(), relay.passing.call);
        let initial = asked == Asked::Initial;
        let dialog = match (call, asked) {
            (None, _) => None,
            (Some(call), Asked::Initial) => self.track_initial(now, call, &response),
            (Some(call), Asked::InDialog { id, ends }) => {
                self.track_in_dialog(now, call, &id, from, &method, ends, &response);
                Some(id)
            }
        };
        let abandoned =
            orphaned || call.and_then(|call| self.calls.get(call)).is_some_and(|call| call.released.is_some());
        if initial && abandoned && method == Method::Invite && response.status.is_success() {
            return self.turn_down(now, client, dialog.as_ref(), &response);
        }
        if let Some(id) = &dialog
            && let Err(refusal) = self.describe(id, other(from), &mut response.headers, &mut response.body)
        {
            return self.refuse_answer(now, client, id, &response, &refusal);
        }
        match from {
            Side::Wic => trust_boundary::strip_towards_wic(&mut response.headers),
            Side::Core => response = self.vouch_for(client, response),
        }
        response.headers.remove(&HeaderName::ContentLength);
        if initial && response.status.is_final() {
            let status = response.status.code();
            self.events.push_back(Event::Passed { from, method, status });
        }
        self.transactions.respond(now.mono, server, response);
    }

    /// A response to what may create dialogs (RFC 3261 §12.1); the dialog that it is in.
    fn track_initial(&mut self, now: Now, key: CallKey, response: &Response) -> Option<DialogId> {
        let call = self.calls.get(key)?;
        let (usage, caller) = (call.usage, call.caller);
        if response.status.code() >= 300 {
            self.close_call(key, End::Refused);
            return None;
        }
        let id = DialogId::of_response(response).ok().filter(|id| !id.remote_tag.is_empty())?;
        let id = if caller == Side::Wic { id } else { id.reversed() };
        let began = match self.calls.leg_mut(&id) {
            Some(leg) => {
                let began = response.status.is_success() && !leg.is_confirmed();
                if response.status.is_success() && leg.confirm(response).is_err() {
                    return None;
                }
                began
            }
            None => {
                let leg = Leg::new(caller, &self.calls.get(key)?.request, response).ok()?;
                self.add_leg(key, leg)?;
                response.status.is_success()
            }
        };
        if !response.status.is_success() {
            return Some(id);
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.pending = None;
        }
        match usage {
            Usage::Session if began => {
                self.drop_other_legs(key, &id);
                self.set_session_timer(now, key, response);
                let call = self.calls.get(key)?;
                self.events.push_back(Event::CallStarted { from: caller, impi: call.owner.impi.clone() });
            }
            Usage::Session => {}
            Usage::Subscription => self.set_subscription_timer(now, key, response),
        }
        Some(id)
    }

    /// Adds a dialog with a context of its own; the first one gets that of the request.
    pub(super) fn add_leg(&mut self, key: CallKey, mut leg: Leg) -> Option<()> {
        let call = self.calls.get_mut(key)?;
        if call.usage == Usage::Session {
            leg.context = match call.context.take() {
                Some(context) => Some(context),
                None => self.iq.reserve(call.caller, None).ok().map(|(context, _)| context),
            };
        }
        let context = leg.context;
        if self.calls.add(key, leg) {
            return Some(());
        }
        context.into_iter().for_each(|context| self.iq.release(context));
        None
    }

    /// One branch of a fork has won: what the others had is freed (RFC 3261 §16.7 step 10).
    fn drop_other_legs(&mut self, key: CallKey, winner: &DialogId) {
        let Some(call) = self.calls.get(key) else { return };
        let losers: Vec<DialogId> = call
            .legs
            .iter()
            .filter(|leg| leg.wic.id() != winner && !leg.is_confirmed())
            .map(|leg| leg.wic.id().clone())
            .collect();
        for id in losers {
            let context = self.calls.remove_leg(&id).and_then(|leg| leg.context);
            context.into_iter().for_each(|context| self.iq.release(context));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each says one thing of the transaction that ends")]
    fn track_in_dialog(
        &mut self,
        now: Now,
        key: CallKey,
        id: &DialogId,
        from: Side,
        method: &Method,
        ends: bool,
        response: &Response,
    ) {
        if response.status.is_provisional() {
            return;
        }
        if let Some(leg) = self.calls.leg_mut(id) {
            leg.answered(from, response);
        }
        let challenged =
            matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        let usage = self.calls.get(key).map(|call| call.usage);
        match (method, usage) {
            _ if ends && !challenged => self.end_leg(id, End::Bye),
            (Method::Invite | Method::Update, Some(Usage::Session)) if response.status.is_success() => {
                self.set_session_timer(now, key, response);
            }
            (Method::Subscribe, Some(Usage::Subscription)) if response.status.is_success() => {
                self.set_subscription_timer(now, key, response);
            }
            (Method::Subscribe, Some(Usage::Subscription)) if sip::dialog::ends_usage(response.status) => {
                self.end_leg(id, End::Bye);
            }
            _ => {}
        }
    }

    /// RFC 4028 §8.2: a session that is not refreshed in time is over.
    fn set_session_timer(&mut self, now: Now, key: CallKey, response: &Response) {
        match response.headers.opt::<SessionExpires>().ok().flatten() {
            Some(session) => {
                let left = Duration::from_secs(session.interval().into());
                self.deadlines.set(Timer::Session(key), now.mono + left);
            }
            None => self.deadlines.cancel(Timer::Session(key)),
        }
    }

    fn set_subscription_timer(&mut self, now: Now, key: CallKey, response: &Response) {
        let expires = response.headers.opt::<Expires>().ok().flatten();
        let seconds = expires.map_or(self.config.policy.call.subscription, |expires| expires.0);
        self.keep_subscription(now, key, seconds);
    }

    /// Some time longer than it lasts, for the last NOTIFY.
    pub(super) fn keep_subscription(&mut self, now: Now, key: CallKey, seconds: u32) {
        let left = Duration::from_secs(seconds.into()) + self.timers.timeout();
        self.deadlines.set(Timer::Session(key), now.mono + left);
    }

    /// What the WIC says of itself goes, what this node knows of it comes (T-9).
    fn vouch_for(&mut self, client: ClientKey, mut response: Response) -> Response {
        let Some(relay) = self.relays.get(&client) else { return response };
        let passing = &relay.passing;
        let bindings: Vec<_> = self.bindings.of_flow(passing.flow).map(|(_, binding)| binding).collect();
        let is_distinct = |impu: &Impu| self.records.is_distinct(impu);
        let preferred = identity::preferred(&response.headers)
            .into_iter()
            .find(|impu| identity::registered(&bindings, impu, is_distinct).is_some());
        let asserted = preferred.or_else(|| passing.answering.called.clone());
        let mut ours = Headers::new();
        if let Some(impu) = asserted.filter(|_| passing.asked == Asked::Initial)
            && let Ok(uri) = impu.as_str().parse()
        {
            ours.add(&PAssertedIdentity::new(uri));
        }
        if let Some(mut charging) = passing.answering.charging.clone() {
            charging.params.set_quoted("term-ioi", &self.own_ioi());
            ours.add(&charging);
        }
        for value in &passing.answering.record_route {
            ours.push(HeaderName::RecordRoute, value.clone());
        }
        let access = PAccessNetworkInfo::network_provided(&self.config.policy.registration.access_network).to_string();
        if !self.has(Defect::BelievesResponses) {
            trust_boundary::strip_response_of_wic(&mut response.headers);
        }
        ours.iter().for_each(|header| response.headers.push(header.name.clone(), header.value.clone()));
        response.headers.push(HeaderName::PAccessNetworkInfo, access.clone());
        match trust_boundary::assert_response(&response, &ours, &access) {
            Ok(()) => response,
            Err(_) if self.has(Defect::SendsLeaks) => response,
            Err(leak) => {
                self.events.push_back(Event::Leak { leak });
                let reason = "the response was held back at the trust boundary";
                let mut held = passing.original.respond_with(StatusCode::SERVER_INTERNAL_ERROR, reason);
                let entropy = &mut self.entropy;
                held.ensure_to_tag(|| entropy.token(10));
                held
            }
        }
    }

    /// A call was accepted that nobody waits for any more: ended as it began (RFC 3261 §15).
    fn turn_down(&mut self, now: Now, client: ClientKey, dialog: Option<&DialogId>, response: &Response) {
        let Some(relay) = self.relays.get(&client) else { return };
        let (server, original, orphaned) = (relay.passing.server, relay.passing.original.clone(), relay.orphaned);
        let (from, number) = (relay.passing.from, response.cseq().map_or(0, |cseq| cseq.number));
        if let Some(id) = dialog {
            self.acknowledge(now, id, from, number);
            let reason = Reason::sip(StatusCode::REQUEST_TERMINATED, "the caller is gone");
            self.hang_up(now, id, Some(other(from)), &reason, End::Released);
        }
        if !orphaned {
            let mut terminated = original.respond(StatusCode::REQUEST_TERMINATED);
            let entropy = &mut self.entropy;
            terminated.ensure_to_tag(|| entropy.token(10));
            self.transactions.respond(now.mono, server, terminated);
        }
    }

    /// The gateway can't serve the description in a response: the call it is of fails (O11).
    fn refuse_answer(&mut self, now: Now, client: ClientKey, id: &DialogId, response: &Response, refusal: &Rejection) {
        let Some(relay) = self.relays.get(&client) else { return };
        if response.status.is_provisional() {
            return;
        }
        let passing = &relay.passing;
        let (server, from, invite) = (passing.server, passing.from, passing.method == Method::Invite);
        let mut answer = passing.original.respond_with(refusal.status, refusal.reason.clone().into_owned());
        let entropy = &mut self.entropy;
        answer.ensure_to_tag(|| entropy.token(10));
        if invite {
            self.acknowledge(now, id, from, response.cseq().map_or(0, |cseq| cseq.number));
        }
        let initial = self.relays.get(&client).is_some_and(|relay| relay.passing.asked == Asked::Initial);
        let only = initial.then(|| other(from));
        self.hang_up(now, id, only, &Reason::sip(refusal.status, "media"), End::Released);
        self.transactions.respond(now.mono, server, answer);
    }
}

pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Wic => Side::Core,
        Side::Core => Side::Wic,
    }
}

/// A WIC's response gets back the headers that lead to the one who asked, whatever it has made of
/// them (TS 24.229 §5.2.6.4).
fn restore(response: &mut Response, passing: &Passing) {
    use HeaderName::{CSeq, CallId, From, Via};
    let is_ours = |name: &HeaderName| matches!(name, Via | From | CallId | CSeq);
    let original = passing.original.headers.iter().filter(|header| is_ours(&header.name)).cloned();
    let rest = std::mem::take(&mut response.headers);
    let rest: Vec<_> = rest.iter().filter(|header| !is_ours(&header.name)).cloned().collect();
    response.headers = original.chain(rest).collect();
    response.headers.remove(&HeaderName::RecordRoute);
    for value in &passing.answering.record_route {
        response.headers.push(HeaderName::RecordRoute, value.clone());
    }
}
