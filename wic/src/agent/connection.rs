//! The connection to the eP-CSCF: opening, losing, opening again.

use ims::Defect;
use sip::{Instant, Now};

use super::Agent;
use crate::event::close;
use crate::registration::{Purpose, Registration};
use crate::{Cause, Failure, Output, State};

/// The WebSocket, as the agent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Down,
    Opening { by: Instant },
    Up,
}

impl Link {
    pub(super) fn is_up(self) -> bool {
        self == Self::Up
    }

    pub(super) fn opening_by(self) -> Option<Instant> {
        match self {
            Self::Opening { by } => Some(by),
            _ => None,
        }
    }
}

impl Agent {
    /// The WebSocket is open, subprotocol `sip` agreed on.
    pub fn connected(&mut self, now: Now) {
        if self.link.opening_by().is_none() {
            return;
        }
        self.link = Link::Up;
        if let Some(registration) = &self.registration {
            self.line.connected(registration.url.transport());
        }
        if self.state == State::Connecting {
            self.proceed(now);
        }
    }

    /// The WebSocket did not open.
    pub fn connect_failed(&mut self, now: Now, reason: &str) {
        if self.link.opening_by().is_none() {
            return;
        }
        self.forget_link(now);
        if self.state == State::Connecting {
            let failure = match &self.registration {
                Some(registration) => Failure::unreachable(&registration.url, reason),
                None => Failure::new(Cause::Unreachable, reason),
            };
            self.back_off(now, failure, None);
        }
    }

    /// The WebSocket was closed by the other side, or broke (1006).
    pub fn closed(&mut self, now: Now, code: u16, reason: &str) {
        match self.link {
            Link::Down => return,
            Link::Opening { .. } => return self.connect_failed(now, &format!("closed with code {code} {reason}")),
            Link::Up => {}
        }
        self.count_loss(now);
        self.forget_link(now);
        // A refused token ends the connection (TS 33.203 X.3.2.3); the new one goes on another.
        let expected = self.held.as_mut().is_some_and(|held| std::mem::take(&mut held.replaces_rejected));
        match self.state {
            State::FetchingToken | State::BackingOff { .. } | State::Idle | State::Failed(_) => {}
            State::Deregistering => self.finish(now, false),
            _ if code != CLOSE_POLICY || self.has(Defect::ComesBackAfterPolicyClose) => {
                self.back_off(now, Failure::closed(code, reason), None)
            }
            _ if expected
                || std::mem::take(&mut self.renewing)
                || self.token_by.is_some()
                || self.token_has_expired(now) =>
            {
                self.proceed(now)
            }
            _ => self.fail(now, Failure::closed(code, reason)),
        }
    }

    pub(super) fn connect(&mut self, now: Now) {
        if self.registration.is_none() {
            let grant = self.held.as_ref().map(|held| &held.grant);
            self.registration = Registration::new(&self.config, grant, &mut *self.entropy);
        }
        let Some(registration) = &self.registration else {
            return self.fail(now, Failure::new(Cause::Protocol, "there is no identity to register"));
        };
        let url = registration.url.clone();
        self.link = Link::Opening { by: now.mono + self.config.timers.connect };
        self.set_state(State::Connecting);
        self.outputs.push_back(Output::Connect { url });
    }

    pub(super) fn connecting_timed_out(&mut self, now: Now) {
        self.outputs.push_back(Output::Close { code: close::TIMEOUT, reason: "the connection does not open" });
        let patience = self.config.timers.connect.as_secs();
        self.connect_failed(now, &format!("not open after {patience} s"));
    }

    /// Timer F (RFC 3261 §17.1.2.2): over a reliable transport that means the flow is no good.
    pub(super) fn answer_timed_out(&mut self, now: Now) {
        let failure = Failure::new(Cause::Timeout, "the network did not answer the REGISTER (RFC 3261 §17.1.2.2)");
        self.lose(now, failure, "no answer to a request");
    }

    pub(super) fn flow_failed(&mut self, now: Now) {
        let failure = Failure::new(Cause::FlowFailed, "the eP-CSCF did not answer a keep-alive (RFC 5626 §4.4.1)");
        self.lose(now, failure, "no answer to a keep-alive");
    }

    /// Closes the connection, if there is one, and forgets what was asked on it.
    pub(super) fn drop_link(&mut self, now: Now, code: u16, reason: &'static str) {
        if self.link != Link::Down {
            self.outputs.push_back(Output::Close { code, reason });
        }
        self.forget_link(now);
    }

    fn lose(&mut self, now: Now, failure: Failure, reason: &'static str) {
        self.count_loss(now);
        self.drop_link(now, close::TIMEOUT, reason);
        match self.state {
            State::Deregistering => self.finish(now, false),
            State::Idle | State::Failed(_) | State::FetchingToken | State::BackingOff { .. } => {}
            _ => self.back_off(now, failure, None),
        }
    }

    /// A loss after a stable registration is the first failure, not one more (RFC 5626 §4.5).
    fn count_loss(&mut self, now: Now) {
        let stable = self.config.timers.stable;
        if self.registered_at.take().is_some_and(|since| now.mono - since >= stable) {
            self.backoff.reset();
        }
    }

    fn forget_link(&mut self, now: Now) {
        self.link = Link::Down;
        self.answer_by = None;
        self.registered_at = None;
        self.keepalive.stop();
        self.line_lost(now);
        if let Some(registration) = &mut self.registration {
            registration.disconnected();
        }
    }

    pub(super) fn send_register(&mut self, now: Now, purpose: Purpose) {
        let Some(registration) = &mut self.registration else {
            return self.fail(now, Failure::new(Cause::Protocol, "there is no identity to register"));
        };
        let request = registration.begin(purpose, &mut *self.entropy);
        self.send_request(now, request);
    }
}

/// The eP-CSCF closes for policy: a refused token, an ended registration (RFC 6455 §7.4.1).
const CLOSE_POLICY: u16 = 1008;
