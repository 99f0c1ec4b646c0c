//! The machine's clock and randomness, in the shapes that sans-IO code takes.

use sip::{Entropy, Instant, Now};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock whose monotonic origin is when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }

    /// The time on both clocks.
    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Now { mono: Instant::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)), unix }
    }

    /// When `at` is, for tokio's timers.
    pub fn deadline(&self, at: Instant) -> tokio::time::Instant {
        // A millisecond more: the origin's fraction of a millisecond must not wake us too early.
        self.origin + std::time::Duration::from_millis(at.as_millis().saturating_add(1))
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, buf: &mut [u8]) {
        // Without randomness no nonce, tag or branch can be made: there is nothing to go on with.
        getrandom::fill(buf).expect("the operating system gives random numbers");
    }
}
