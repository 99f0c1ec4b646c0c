//! Questions to the HSS that wait for their answer, each with a deadline.

use crate::cx::{CxAnswer, CxRequest};
use sip::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

/// Ties a Cx answer to its request. Numbers are never reused in a node's lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CxId(pub u64);

/// A Cx request on its way to the HSS.
pub type CxAsk = (CxId, CxRequest);

/// What came back for it.
pub type CxReply = (CxId, Result<CxAnswer, CxFailure>);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CxFailure {
    /// The HSS can't be reached.
    #[error("the HSS cannot be reached")]
    Unreachable,
    /// The HSS was reached and did not answer in time.
    #[error("the HSS does not answer")]
    Timeout,
}

impl fmt::Display for CxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cx-{}", self.0)
    }
}

/// The questions of one node. `W` is what waits for the answer.
#[derive(Debug)]
pub(crate) struct Asks<W> {
    timeout: Duration,
    limit: usize,
    next: u64,
    // All wait equally long, so the order of the numbers is the order of the deadlines.
    waiting: BTreeMap<CxId, (Instant, W)>,
    outgoing: VecDeque<CxAsk>,
}

impl<W> Asks<W> {
    pub(crate) fn new(timeout: Duration, limit: usize) -> Self {
        Self { timeout, limit, next: 0, waiting: BTreeMap::new(), outgoing: VecDeque::new() }
    }

    /// Whether a request that would ask must be refused.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= self.limit
    }

    pub(crate) fn ask(&mut self, now: Instant, request: impl Into<CxRequest>, why: W) {
        let id = CxId(self.next);
        self.next += 1;
        self.waiting.insert(id, (now + self.timeout, why));
        self.outgoing.push_back((id, request.into()));
    }

    /// What waited for the answer `id`; nothing, when it comes too late.
    pub(crate) fn settle(&mut self, id: CxId) -> Option<W> {
        self.waiting.remove(&id).map(|(_, why)| why)
    }

    /// One that waited in vain until `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<W> {
        let entry = self.waiting.first_entry().filter(|entry| entry.get().0 <= now)?;
        Some(entry.remove().1)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, (deadline, _))| *deadline)
    }

    pub(crate) fn poll(&mut self) -> Option<CxAsk> {
        self.outgoing.pop_front()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
