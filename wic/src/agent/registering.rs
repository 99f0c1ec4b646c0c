//! REGISTER requests and what follows from their answers.

use ims::Defect;
use sip::{Method, Now, Request, Response};
use std::time::Duration;

use super::Agent;
use crate::backoff::between;
use crate::registration::{Granted, Purpose, Verdict};
use crate::{Binding, Cause, Event, Failure, State, TokenReason};

impl Agent {
    pub(super) fn send_request(&mut self, now: Now, request: Result<Request, Failure>) {
        match request {
            Ok(request) => {
                self.answer_by = Some(now.mono + self.config.timers.transaction);
                self.mark_token_used();
                self.transmit(request.to_bytes());
            }
            Err(failure) => self.fail(now, failure),
        }
    }

    pub(super) fn received_response(&mut self, now: Now, response: Response) {
        if let Err(error) = response.validate() {
            return self.discard(format!("a malformed response: {error}"));
        }
        match response.cseq() {
            Ok(cseq) if cseq.method != Method::Register => self.received_answer(now, response),
            _ => self.registered_or_not(now, &response),
        }
    }

    fn registered_or_not(&mut self, now: Now, response: &Response) {
        let Some(registration) = self.registration.as_mut().filter(|_| self.answer_by.is_some()) else {
            return self.discard("a response, and no request is out");
        };
        if let Err(reason) = registration.check(response) {
            return self.discard(reason);
        }
        let unbinding = registration.purpose() == Some(Purpose::Unbind);
        let verdict = registration.judge(response);
        if response.status.is_final() {
            self.answer_by = None;
        }
        match (verdict, &self.state) {
            (Verdict::Wait, _) => {}
            (Verdict::Unbound { confirmed }, _) => self.finish(now, confirmed),
            // De-registration was asked for while this REGISTER was out.
            (Verdict::Bound(_) | Verdict::Again, State::Deregistering) if !unbinding => {
                self.unbind(now);
            }
            (Verdict::Again, _) => self.send_again(now),
            (_, State::Deregistering) => self.finish(now, false),
            (Verdict::Bound(granted), _) => self.bound(now, *granted),
            (Verdict::RenewToken, _) => self.token_rejected(now),
            (Verdict::Later { failure, retry_after }, _) => self.postpone(now, failure, retry_after),
            (Verdict::Refused(failure), _) => self.fail(now, failure),
        }
    }

    pub(super) fn begin_refresh(&mut self, now: Now, binding: Box<Binding>) {
        if self.token_grows_old(now) {
            return self.fetch_token(now, TokenReason::Refresh, State::Refreshing(binding));
        }
        self.set_state(State::Refreshing(binding));
        self.send_register(now, Purpose::Bind);
    }

    /// The registration ran out. If the next try is set for later, it stays so.
    pub(super) fn expired(&mut self, now: Now) {
        let Some(binding) = self.state.binding() else { return };
        let cause = Failure::new(Cause::Expired, "the registration ran out before it was refreshed");
        let next = binding.refresh_at;
        self.registered_at = None;
        self.event(Event::Failed(cause.clone()));
        if self.token_by.is_some() {
            self.set_state(State::FetchingToken);
        } else if self.answer_by.is_some() {
            self.set_state(State::Registering);
        } else if next > now.mono {
            self.set_state(State::BackingOff { until: next, attempt: self.backoff.failures(), cause });
        } else {
            self.proceed(now);
        }
    }

    /// Refreshes `after` from now instead of when it was planned.
    pub(super) fn refresh_later(&mut self, now: Now, mut binding: Box<Binding>, after: Duration) {
        binding.refresh_at = now.mono + after;
        self.set_state(State::Registered(binding));
    }

    /// How long to wait with the next try of a refresh, of which the binding does not depend yet.
    pub(super) fn refresh_retry(&mut self) -> Duration {
        between(self.config.timers.retry_base, 50, &mut *self.entropy)
    }

    fn send_again(&mut self, now: Now) {
        let Some(registration) = &mut self.registration else { return };
        let request = registration.again(&mut *self.entropy);
        self.send_request(now, request);
    }

    fn bound(&mut self, now: Now, granted: Granted) {
        self.registered_at.get_or_insert(now.mono);
        let flow_timer = granted.flow_timer.filter(|_| !self.has(Defect::SendsNoKeepAlive));
        self.keepalive.set(now.mono, flow_timer, &mut *self.entropy);
        let mut binding = Box::new(granted.binding(now.mono, self.token_left(now)));
        if self.has(Defect::RefreshesLate) {
            binding.refresh_at = binding.expires_at;
        }
        if let Some(registration) = &self.registration {
            self.line.registered(registration.user(&binding));
        }
        self.renewing = false;
        self.set_state(State::Registered(binding.clone()));
        self.event(Event::Registered(binding));
        self.each_call(now, |session, io| session.restored(io));
        self.unpark(now, true);
        self.watch_registered(now);
    }

    /// 503, 504 and their like (RFC 3261 §20.33). A registration in force stays so until it ends.
    fn postpone(&mut self, now: Now, failure: Failure, retry_after: Option<Duration>) {
        let retry_after = retry_after.filter(|_| !self.has(Defect::IgnoresRetryAfter));
        match &self.state {
            State::Refreshing(binding) => {
                let binding = binding.clone();
                let after = retry_after.unwrap_or_else(|| self.refresh_retry());
                self.event(Event::Failed(failure));
                self.refresh_later(now, binding, after);
                self.unpark(now, false);
            }
            _ => self.back_off(now, failure, retry_after),
        }
    }
}
