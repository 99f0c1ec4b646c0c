//! When what is to happen next: one deadline for each thing.

use std::collections::{BTreeSet, HashMap};

use sip::transaction::ClientKey;
use sip::{FlowId, Instant};

use crate::bindings::BindingId;
use crate::calls::CallKey;
use crate::reg_event::{SubscriptionId, WatchId};

/// What a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// A connection that has no registration.
    Idle(FlowId),
    /// The end of a connection whose registration the network has ended.
    Close(FlowId),
    /// A binding's end.
    Binding(BindingId),
    /// The end of the token behind a binding.
    Token(BindingId),
    /// The answer to a request that was sent on.
    Answer(ClientKey),
    /// Timer C of an INVITE (RFC 3261 §16.6 step 11).
    C(ClientKey),
    /// The end of a call whose WIC has lost its connection.
    Grace(CallKey),
    /// The end of a session or subscription that is not refreshed.
    Session(CallKey),
    /// The next step of a subscription of this node.
    Watch(WatchId),
    /// The end of a subscription at this node.
    Subscription(SubscriptionId),
    /// REGISTERs that wait for keys.
    KeysWait,
}

/// The deadlines in order of time.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    queue: BTreeSet<(Instant, Timer)>,
    at: HashMap<Timer, Instant>,
}

impl Deadlines {
    /// Sets or moves a deadline.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(old) = self.at.insert(timer, at) {
            self.queue.remove(&(old, timer));
        }
        self.queue.insert((at, timer));
    }

    /// Forgets one.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// The next one.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        self.at.remove(&timer);
        Some(timer)
    }
}
