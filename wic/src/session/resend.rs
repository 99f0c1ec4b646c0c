//! Responses that are sent again until they are acknowledged, over a reliable transport too: not
//! every hop behind it is (RFC 3261 §13.3.1.4, RFC 3262 §3).

use std::time::Duration;

use sip::Instant;
use sip::transaction::ServerKey;

use super::Io;
use sip::Response;

#[derive(Debug)]
pub(super) struct Resend {
    key: ServerKey,
    pub(super) response: Response,
    at: Instant,
    interval: Duration,
    longest: Duration,
    give_up: Instant,
}

/// What the time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Nobody acknowledges it.
    GivenUp,
}

impl Resend {
    /// Sends a 2xx to INVITE: again after T1, then after twice the time, T2 at most.
    pub(super) fn success(io: &mut Io<'_>, key: ServerKey, response: Response) -> Self {
        let t2 = io.timers.transaction / 8;
        Self::start(io, key, response, t2)
    }

    /// Sends a reliable provisional response: the interval doubles without an end.
    pub(super) fn provisional(io: &mut Io<'_>, key: ServerKey, response: Response) -> Self {
        let longest = io.timers.transaction;
        Self::start(io, key, response, longest)
    }

    fn start(io: &mut Io<'_>, key: ServerKey, response: Response, longest: Duration) -> Self {
        let interval = (io.timers.transaction / 64).max(Duration::from_millis(1));
        io.respond(key, response.clone());
        Self { key, response, at: io.now + interval, interval, longest, give_up: io.now + io.timers.transaction }
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.at.min(self.give_up)
    }

    pub(super) fn handle_timeout(&mut self, io: &mut Io<'_>) -> Due {
        if self.give_up <= io.now {
            return Due::GivenUp;
        }
        if self.at <= io.now {
            self.interval = self.interval.saturating_mul(2).min(self.longest);
            self.at = io.now + self.interval;
            io.respond(self.key, self.response.clone());
        }
        Due::Nothing
    }
}
