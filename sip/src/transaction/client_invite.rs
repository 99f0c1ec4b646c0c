//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2).

use super::machine::{At, Backoff, End, Step, due, earliest};
use crate::{Instant, StatusCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
}

#[derive(Debug)]
pub(super) struct ClientInvite {
    state: State,
    reliable: bool,
    /// Timer A.
    retransmit: Option<Backoff>,
    /// Timer B in Calling, the limit after a CANCEL in Proceeding, D in Completed, M in Accepted.
    deadline: Option<Instant>,
}

impl ClientInvite {
    pub(super) fn start(at: &At, reliable: bool) -> Self {
        let retransmit = Backoff::start(at, reliable);
        Self { state: State::Calling, reliable, retransmit, deadline: Some(at.timeout()) }
    }

    pub(super) fn on_response(&mut self, at: &At, status: StatusCode) -> Step {
        match self.state {
            State::Calling | State::Proceeding if status.is_provisional() => {
                if self.state == State::Calling {
                    self.enter(State::Proceeding, None);
                }
                Step::PASS
            }
            State::Calling | State::Proceeding if status.is_success() => {
                self.enter(State::Accepted, Some(at.timeout()));
                Step::PASS
            }
            State::Calling | State::Proceeding => {
                self.enter(State::Completed, Some(at.timeout()));
                // Timer D is zero where nothing is retransmitted.
                Step { ack: true, ..Step::PASS }.or_end(self.reliable.then_some(End::Done))
            }
            State::Completed if status.is_final() && !status.is_success() => Step { ack: true, ..Step::NONE },
            State::Accepted if status.is_success() => Step::PASS,
            State::Completed | State::Accepted => Step::NONE,
        }
    }

    /// The CANCEL has been sent: the final response is due within 64·T1 (RFC 3261 §9.1).
    pub(super) fn on_cancel_sent(&mut self, at: &At) {
        if self.state == State::Proceeding {
            self.deadline = Some(at.timeout());
        }
    }

    pub(super) fn on_timeout(&mut self, at: &At) -> Step {
        if due(self.deadline, at) {
            return match self.state {
                State::Calling | State::Proceeding => Step::end(End::Timeout),
                State::Completed | State::Accepted => Step::end(End::Done),
            };
        }
        match &mut self.retransmit {
            Some(retransmit) if retransmit.at <= at.now => {
                retransmit.advance(at.now, None);
                Step::SEND
            }
            _ => Step::NONE,
        }
    }

    pub(super) fn on_send_failed(&self) -> Option<End> {
        match self.state {
            State::Calling => Some(End::Failed),
            // Nothing of ours is on its way; the answer may yet come.
            State::Proceeding | State::Accepted => None,
            State::Completed => Some(End::Done),
        }
    }

    pub(super) fn has_final(&self) -> bool {
        matches!(self.state, State::Completed | State::Accepted)
    }

    pub(super) fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        earliest(self.retransmit, self.deadline)
    }

    fn enter(&mut self, state: State, deadline: Option<Instant>) {
        self.state = state;
        self.retransmit = None;
        self.deadline = deadline;
    }
}
