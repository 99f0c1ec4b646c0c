//! What the four state machines share.

use super::Timers;
use crate::Instant;
use std::time::Duration;

/// When an input comes, and the constants it is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) now: Instant,
    pub(super) timers: Timers,
    pub(super) trying_after: Duration,
}

impl At {
    /// The point 64·T1 from now.
    pub(super) fn timeout(&self) -> Instant {
        self.now + self.timers.timeout()
    }
}

/// What a machine wants done after an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Send the stored message (again): a client's request, a server's latest response.
    pub(super) send: bool,
    /// Acknowledge the response that came (client, INVITE).
    pub(super) ack: bool,
    /// Show the user what came.
    pub(super) pass: bool,
    /// The transaction is over.
    pub(super) end: Option<End>,
}

impl Step {
    pub(super) const NONE: Self = Self { send: false, ack: false, pass: false, end: None };
    pub(super) const SEND: Self = Self { send: true, ..Self::NONE };
    pub(super) const PASS: Self = Self { pass: true, ..Self::NONE };

    pub(super) const fn end(end: End) -> Self {
        Self { end: Some(end), ..Self::NONE }
    }

    pub(super) const fn or_end(mut self, end: Option<End>) -> Self {
        self.end = end;
        self
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Done,
    /// No final response (timers B and F).
    Timeout,
    /// The transport failed.
    Failed,
    /// No ACK (timer H).
    AckMissing,
}

/// The shortest interval of a retransmission: the resolution of [`Instant`].
const TICK: Duration = Duration::from_millis(1);

/// Timers A, E and G: a retransmission whose interval doubles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) at: Instant,
    interval: Duration,
}

impl Backoff {
    /// First after T1; never on a reliable transport.
    pub(super) fn start(at: &At, reliable: bool) -> Option<Self> {
        let interval = at.timers.t1.max(TICK);
        (!reliable).then(|| Self { at: at.now + interval, interval })
    }

    /// The next one after twice the interval, `cap` at most.
    pub(super) fn advance(&mut self, now: Instant, cap: Option<Duration>) {
        let doubled = self.interval.saturating_mul(2);
        self.advance_by(now, cap.map_or(doubled, |cap| doubled.min(cap)));
    }

    /// The next one after `interval`.
    pub(super) fn advance_by(&mut self, now: Instant, interval: Duration) {
        self.interval = interval.max(TICK);
        self.at = now + self.interval;
    }
}

/// The earlier of two timers.
pub(super) fn earliest(backoff: Option<Backoff>, deadline: Option<Instant>) -> Option<Instant> {
    backoff.map(|b| b.at).into_iter().chain(deadline).min()
}

/// Whether a timer is due.
pub(super) fn due(timer: Option<Instant>, at: &At) -> bool {
    timer.is_some_and(|timer| timer <= at.now)
}
