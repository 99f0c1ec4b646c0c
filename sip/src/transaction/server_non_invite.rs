//! The non-INVITE server transaction (RFC 3261 §17.2.2).

use super::machine::{At, End, Step, due};
use crate::{Instant, StatusCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

#[derive(Debug)]
pub(super) struct ServerNonInvite {
    state: State,
    reliable: bool,
    /// Until the final response: when the client has given up, after which none may be sent
    /// (RFC 4320 §4.2). Then timer J.
    deadline: Instant,
}

impl ServerNonInvite {
    pub(super) fn start(at: &At, reliable: bool) -> Self {
        Self { state: State::Trying, reliable, deadline: at.timeout() }
    }

    /// The request came again.
    pub(super) fn on_request(&self) -> Step {
        match self.state {
            State::Trying => Step::NONE,
            State::Proceeding | State::Completed => Step::SEND,
        }
    }

    /// The user answers with `status`; [`Step::send`] unless it comes too late.
    pub(super) fn on_respond(&mut self, at: &At, status: StatusCode) -> Step {
        match self.state {
            State::Completed => Step::NONE,
            _ if status.is_provisional() => {
                self.state = State::Proceeding;
                Step::SEND
            }
            _ => {
                self.state = State::Completed;
                self.deadline = at.timeout();
                // Timer J is zero where no request is retransmitted.
                Step::SEND.or_end(self.reliable.then_some(End::Done))
            }
        }
    }

    pub(super) fn on_timeout(&self, at: &At) -> Step {
        if due(Some(self.deadline), at) { Step::end(End::Done) } else { Step::NONE }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
