//! The non-INVITE client transaction (RFC 3261 §17.1.2).

use super::machine::{At, Backoff, End, Step, due, earliest};
use crate::{Instant, StatusCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

#[derive(Debug)]
pub(super) struct ClientNonInvite {
    state: State,
    reliable: bool,
    /// Timer E.
    retransmit: Option<Backoff>,
    /// Timer F, then K.
    deadline: Instant,
}

impl ClientNonInvite {
    pub(super) fn start(at: &At, reliable: bool) -> Self {
        let retransmit = Backoff::start(at, reliable);
        Self { state: State::Trying, reliable, retransmit, deadline: at.timeout() }
    }

    pub(super) fn on_response(&mut self, at: &At, status: StatusCode) -> Step {
        match self.state {
            State::Completed => Step::NONE,
            _ if status.is_provisional() => {
                self.state = State::Proceeding;
                Step::PASS
            }
            _ => {
                self.state = State::Completed;
                self.retransmit = None;
                self.deadline = at.now + at.timers.t4;
                // Timer K is zero where nothing is retransmitted.
                Step::PASS.or_end(self.reliable.then_some(End::Done))
            }
        }
    }

    pub(super) fn on_timeout(&mut self, at: &At) -> Step {
        if due(Some(self.deadline), at) {
            return Step::end(if self.has_final() { End::Done } else { End::Timeout });
        }
        match &mut self.retransmit {
            Some(retransmit) if retransmit.at <= at.now => {
                match self.state {
                    State::Proceeding => retransmit.advance_by(at.now, at.timers.t2),
                    _ => retransmit.advance(at.now, Some(at.timers.t2)),
                }
                Step::SEND
            }
            _ => Step::NONE,
        }
    }

    pub(super) fn on_send_failed(&self) -> Option<End> {
        Some(if self.has_final() { End::Done } else { End::Failed })
    }

    pub(super) fn has_final(&self) -> bool {
        self.state == State::Completed
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        earliest(self.retransmit, Some(self.deadline))
    }
}
