//! Where a message can be held before it goes out, for who goes through an exchange step by step.

use crate::clock::Clock;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::oneshot;
use trace::Record;

/// The clock and the gate that the nodes of one process share. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The clock.
    pub clock: Clock,
    /// The gate.
    pub gate: Gate,
}

impl Pace {
    /// A clock that starts now, and an open gate.
    pub fn start() -> Self {
        Self { clock: Clock::start(), gate: Gate::default() }
    }
}

/// What every message of a node passes on its way out. It stands open unless a [`Keeper`] watches.
/// Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    // Asked for every message; the lock only when it is set.
    watched: AtomicBool,
    keeper: RwLock<Option<Arc<dyn Keeper>>>,
}

/// Decides what becomes of the messages at a gate.
pub trait Keeper: Send + Sync {
    /// What becomes of this one. Must not block.
    fn judge(&self, message: Record) -> Verdict;
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Verdict {
    /// It goes out.
    Pass,
    /// It goes out when the ticket is redeemed, or lost.
    Hold(Ticket),
    /// It does not go out, as if the far end's port were closed.
    Fail,
}

/// What a held message waits for.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<()>);

/// Lets a held message go when dropped.
#[derive(Debug)]
pub struct Release(#[expect(dead_code, reason = "it is there to be dropped")] oneshot::Sender<()>);

impl Verdict {
    /// The verdict that holds a message until the release is dropped.
    pub fn hold() -> (Release, Self) {
        let (tx, rx) = oneshot::channel();
        (Release(tx), Self::Hold(Ticket(rx)))
    }
}

impl Ticket {
    /// Waits until the message may go.
    pub async fn redeemed(self) {
        let _ = self.0.await;
    }
}

impl Gate {
    /// Has `keeper` watch until what comes back is dropped; `None` when another does already.
    pub fn watch(&self, keeper: Arc<dyn Keeper>) -> Option<Watched> {
        let mut place = self.0.keeper.write().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return None;
        }
        *place = Some(keeper);
        self.0.watched.store(true, Ordering::Release);
        Some(Watched(self.clone()))
    }

    /// What becomes of the message that `message` describes; what it can't describe passes.
    pub fn judge(&self, message: impl FnOnce() -> Option<Record>) -> Verdict {
        if !self.0.watched.load(Ordering::Acquire) {
            return Verdict::Pass;
        }
        // The lock is not held while the keeper thinks: it may be let go meanwhile.
        let keeper = self.0.keeper.read().unwrap_or_else(PoisonError::into_inner).clone();
        match (keeper, message()) {
            (Some(keeper), Some(message)) => keeper.judge(message),
            _ => Verdict::Pass,
        }
    }

    /// As [`Gate::judge`], waiting out a hold: whether the message may go.
    pub async fn pass(&self, message: impl FnOnce() -> Option<Record>) -> bool {
        match self.judge(message) {
            Verdict::Pass => true,
            Verdict::Hold(ticket) => {
                ticket.redeemed().await;
                true
            }
            Verdict::Fail => false,
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.0.watched.load(Ordering::Relaxed)).finish()
    }
}

/// A gate that a keeper watches, until this is dropped.
#[derive(Debug)]
pub struct Watched(Gate);

impl Drop for Watched {
    fn drop(&mut self) {
        let Gate(shared) = &self.0;
        shared.watched.store(false, Ordering::Release);
        *shared.keeper.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
