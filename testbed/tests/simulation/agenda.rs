//! What is to happen, in the order of time.

use sip::Instant;
use std::collections::BTreeMap;

/// Happenings by time; those of one moment in the order in which they were put down.
pub(crate) struct Agenda<H> {
    entries: BTreeMap<(Instant, u64), H>,
    next: u64,
}

impl<H> Agenda<H> {
    pub(crate) fn new() -> Self {
        Self { entries: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn put(&mut self, at: Instant, happening: H) {
        self.next += 1;
        self.entries.insert((at, self.next), happening);
    }

    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// The first that is due at `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<H> {
        self.next_time().filter(|at| *at <= now)?;
        self.entries.pop_first().map(|(_, happening)| happening)
    }
}
