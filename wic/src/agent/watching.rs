//! What the network says of the registration, and what follows (TS 24.229 §5.1.1.7, RFC 3680
//! §3.7.2).

use ims::Defect;
use sip::transaction::{ClientKey, ServerKey};
use sip::{Instant, Now, Request, Response, StatusCode};

use super::Agent;
use crate::registration::refresh_after;
use crate::watch::{Fate, Watch};
use crate::{Cause, Event, Failure, State};

impl Agent {
    pub(super) fn watch_registered(&mut self, now: Now) {
        if self.config.reg_event {
            self.watching(now, |watch, io| watch.begin(io));
            self.flush(now);
        }
    }

    pub(super) fn watch_answered(&mut self, now: Now, key: ClientKey, response: &Response) {
        self.watching(now, |watch, io| watch.answered(io, key, response));
    }

    pub(super) fn watch_unanswered(&mut self, now: Now, key: ClientKey) {
        self.watching(now, |watch, io| watch.unanswered(io, key));
    }

    pub(super) fn watch_timeout(&mut self, now: Now) {
        if self.watch_due().is_some_and(|due| due <= now.mono) {
            self.watching(now, |watch, io| watch.handle_timeout(io));
            self.flush(now);
        }
    }

    /// Subscribing waits while we are not registered.
    pub(super) fn watch_due(&self) -> Option<Instant> {
        self.watch.poll_timeout().filter(|_| self.state.binding().is_some() && self.line.is_up())
    }

    pub(super) fn watch_notified(&mut self, now: Now, key: ServerKey, notify: &Request) {
        let contact = self.registration.as_ref().map(|registration| registration.contact_uri());
        let Some(contact) = contact else {
            return self.refuse(now, key, notify, StatusCode::CALL_DOES_NOT_EXIST, "not registered");
        };
        let fate = self.watching(now, |watch, io| watch.notified(io, key, notify, &contact));
        self.flush(now);
        if matches!(self.state, State::Registered(_) | State::Refreshing(_)) {
            self.suffer(now, fate);
        }
    }

    fn suffer(&mut self, now: Now, fate: Fate) {
        match fate {
            Fate::Kept => {}
            Fate::Shortened(_) if self.has(Defect::IgnoresShortening) => {}
            Fate::Renew { event, after } => {
                let text = format!("the network ended the registration: {event} (RFC 3680 §3.7.2)");
                self.renew(now, Failure::new(Cause::Deregistered, text), after);
            }
            Fate::Shortened(left) => self.shorten(now, left),
            Fate::Rejected => {
                let text = "the network ended the registration for good: rejected (RFC 3680 §3.7.2)";
                let failure = Failure::new(Cause::Deregistered, text);
                self.fail(now, failure.advise("The operator has ended it. Registering again needs their consent."));
            }
            // The eP-CSCF ends in our name what outlived its token.
            Fate::Unregistered if self.token_by.is_some() || self.token_has_expired(now) => {
                let text = "the registration ended with its token";
                self.renew(now, Failure::new(Cause::Expired, text), None);
            }
            Fate::Unregistered => self.finish(now, true),
        }
    }

    /// Registers anew, on the same connection. The eP-CSCF may close that one: then on another.
    fn renew(&mut self, now: Now, cause: Failure, after: Option<std::time::Duration>) {
        let lasted = self.registered_at.take().map_or(std::time::Duration::MAX, |since| now.mono - since);
        self.renewing = true;
        if let Some(after) = after {
            let until = now.mono + after;
            self.event(Event::Failed(cause.clone()));
            return self.set_state(State::BackingOff { until, attempt: self.backoff.failures(), cause });
        }
        // A network that ends each registration as soon as it is made is not asked at once.
        if lasted < self.config.timers.first_retry {
            return self.back_off(now, cause, None);
        }
        self.event(Event::Failed(cause));
        // One REGISTER at a time: the one that is out may do.
        match self.answer_by {
            Some(_) => self.set_state(State::Registering),
            None => self.proceed(now),
        }
    }

    /// TS 24.229 §5.1.1.5A: the network wants to see us authenticate before then.
    fn shorten(&mut self, now: Now, left: std::time::Duration) {
        let (State::Registered(binding) | State::Refreshing(binding)) = &self.state else { return };
        let mut binding = binding.clone();
        binding.expires_at = binding.expires_at.min(now.mono + left);
        binding.refresh_at = binding.refresh_at.min(now.mono + refresh_after(left));
        let state = match &self.state {
            State::Refreshing(_) => State::Refreshing(binding),
            _ => State::Registered(binding),
        };
        self.set_state(state);
    }

    fn watching<T>(&mut self, now: Now, act: impl FnOnce(&mut Watch, &mut crate::line::Io<'_>) -> T) -> T {
        let Self { watch, line, entropy, config, outputs, .. } = self;
        let timers = &config.timers;
        let mut io = crate::line::Io { now: now.mono, entropy: &mut **entropy, timers, line, outputs };
        act(watch, &mut io)
    }
}
