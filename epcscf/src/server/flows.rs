//! Where the edge's outputs for WebSockets go: one queue for each connection's task.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sip::FlowId;
use sip_net::FlowSink;
use tokio::sync::{Notify, mpsc};

/// How many messages may wait for one socket; a peer that reads slower than that is cut off.
const QUEUE: usize = 64;

/// What a connection's task is told.
#[derive(Debug)]
pub(super) enum Command {
    Send(Bytes),
    Close { code: u16, reason: Cow<'static, str> },
}

/// The queues of all live connections. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    queues: Mutex<HashMap<FlowId, mpsc::Sender<Command>>>,
    emptied: Notify,
}

/// The edge's end of the queues.
#[derive(Debug)]
pub(super) struct Sink(Flows);

impl Flows {
    pub(super) fn insert(&self, flow: FlowId) -> mpsc::Receiver<Command> {
        let (tx, rx) = mpsc::channel(QUEUE);
        self.queues().insert(flow, tx);
        rx
    }

    pub(super) fn remove(&self, flow: FlowId) {
        let mut queues = self.queues();
        queues.remove(&flow);
        if queues.is_empty() {
            self.0.emptied.notify_waiters();
        }
    }

    /// Waits until no connection is left.
    pub(super) async fn empty(&self) {
        let emptied = self.0.emptied.notified();
        tokio::pin!(emptied);
        emptied.as_mut().enable();
        if !self.queues().is_empty() {
            emptied.await;
        }
    }

    pub(super) fn sink(&self) -> Sink {
        Sink(self.clone())
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<FlowId, mpsc::Sender<Command>>> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, flow: FlowId, command: Command) -> bool {
        let mut queues = self.queues();
        let told = queues.get(&flow).is_some_and(|queue| queue.try_send(command).is_ok());
        if !told {
            // The task sees its queue end and closes.
            queues.remove(&flow);
        }
        told
    }
}

impl FlowSink for Sink {
    fn send(&mut self, flow: FlowId, octets: Bytes) -> bool {
        self.0.tell(flow, Command::Send(octets))
    }

    fn close(&mut self, flow: FlowId, code: u16, reason: Cow<'static, str>) {
        self.0.tell(flow, Command::Close { code, reason });
    }
}
