//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).

use super::machine::{At, Backoff, End, Step, due, earliest};
use crate::{Instant, StatusCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

#[derive(Debug)]
pub(super) struct ServerInvite {
    state: State,
    reliable: bool,
    /// Timer G.
    retransmit: Option<Backoff>,
    /// When to say 100 Trying in Proceeding, then timer H, I or L.
    deadline: Option<Instant>,
}

impl ServerInvite {
    /// The machine, and whether 100 Trying goes out at once.
    pub(super) fn start(at: &At, reliable: bool) -> (Self, Step) {
        let at_once = at.trying_after.is_zero();
        let deadline = (!at_once).then(|| at.now + at.trying_after);
        let machine = Self { state: State::Proceeding, reliable, retransmit: None, deadline };
        (machine, if at_once { Step::SEND } else { Step::NONE })
    }

    /// The INVITE came again.
    pub(super) fn on_request(&mut self) -> Step {
        match self.state {
            State::Proceeding => {
                self.deadline = None;
                Step::SEND
            }
            State::Completed => Step::SEND,
            State::Confirmed | State::Accepted => Step::NONE,
        }
    }

    pub(super) fn on_ack(&mut self, at: &At) -> Step {
        match self.state {
            State::Proceeding | State::Confirmed => Step::NONE,
            State::Accepted => Step::PASS,
            State::Completed => {
                self.enter(State::Confirmed, at.now + at.timers.t4);
                // Timer I is zero where no ACK is retransmitted.
                Step::NONE.or_end(self.reliable.then_some(End::Done))
            }
        }
    }

    /// The user answers with `status`; [`Step::send`] unless it comes too late.
    pub(super) fn on_respond(&mut self, at: &At, status: StatusCode) -> Step {
        match self.state {
            State::Proceeding if status.is_provisional() => {
                self.deadline = None;
                Step::SEND
            }
            State::Proceeding if status.is_success() => {
                self.enter(State::Accepted, at.timeout());
                Step::SEND
            }
            State::Proceeding => {
                self.enter(State::Completed, at.timeout());
                self.retransmit = Backoff::start(at, self.reliable);
                Step::SEND
            }
            State::Accepted if status.is_success() => Step::SEND,
            State::Completed | State::Confirmed | State::Accepted => Step::NONE,
        }
    }

    pub(super) fn on_timeout(&mut self, at: &At) -> Step {
        if due(self.deadline, at) {
            return match self.state {
                State::Proceeding => {
                    self.deadline = None;
                    Step::SEND
                }
                State::Completed => Step::end(End::AckMissing),
                State::Confirmed | State::Accepted => Step::end(End::Done),
            };
        }
        match &mut self.retransmit {
            Some(retransmit) if retransmit.at <= at.now => {
                retransmit.advance(at.now, Some(at.timers.t2));
                Step::SEND
            }
            _ => Step::NONE,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        earliest(self.retransmit, self.deadline)
    }

    fn enter(&mut self, state: State, deadline: Instant) {
        self.state = state;
        self.retransmit = None;
        self.deadline = Some(deadline);
    }
}
