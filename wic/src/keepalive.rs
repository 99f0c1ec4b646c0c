use sip::{Entropy, Instant};
use std::time::Duration;

use crate::backoff::between;

/// CRLF keep-alive of a flow (RFC 5626 §3.5.1, §4.4.1): a page can't send WebSocket pings.
#[derive(Debug, Default)]
pub(crate) struct KeepAlive {
    interval: Option<Duration>,
    ping_at: Option<Instant>,
    pong_by: Option<Instant>,
}

/// What the time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send CRLF CRLF.
    Ping,
    /// No CRLF came back: the flow has failed.
    Dead,
}

impl KeepAlive {
    /// Takes the Flow-Timer of a 200 OK; without one, nothing is sent.
    pub(crate) fn set(&mut self, now: Instant, flow_timer: Option<Duration>, entropy: &mut dyn Entropy) {
        self.interval = flow_timer.filter(|t| !t.is_zero());
        self.ping_at = self.interval.map(|t| now + between(t, 80, entropy));
    }

    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn pong(&mut self) {
        self.pong_by = None;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.ping_at, self.pong_by].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        patience: Duration,
        entropy: &mut dyn Entropy,
    ) -> Option<Due> {
        if self.pong_by.is_some_and(|t| t <= now) {
            self.stop();
            return Some(Due::Dead);
        }
        if self.ping_at.is_some_and(|t| t <= now) {
            self.ping_at = self.interval.map(|t| now + between(t, 80, entropy));
            self.pong_by.get_or_insert(now + patience);
            return Some(Due::Ping);
        }
        None
    }
}
