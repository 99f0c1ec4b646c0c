//! One task that owns a node: everything that happens to it happens there, one thing at a time.

use crate::clock::{Alarm, Clock};
use crate::gate::{Gate, Verdict};
use crate::mw::{Mw, MwEvent, MwSender};
use bytes::Bytes;
use sip::node::{Node, Output};
use sip::{FlowId, Now, Peer, Transport};
use std::borrow::Cow;
use std::fmt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many inputs of a kind may wait for the node.
const QUEUE: usize = 1024;

type Call<N> = Box<dyn FnOnce(&mut N, Now) + Send>;

/// Where outputs go that are for connections which are not Mw: the WebSockets of a WIC.
pub trait FlowSink: Send + 'static {
    /// Sends on a connection; false when it is gone or can take no more.
    fn send(&mut self, flow: FlowId, octets: Bytes) -> bool;

    /// Closes a connection after what was sent on it.
    fn close(&mut self, flow: FlowId, code: u16, reason: Cow<'static, str>);
}

/// The sink of a node that has no connections but Mw.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFlows;

impl FlowSink for NoFlows {
    fn send(&mut self, _: FlowId, _: Bytes) -> bool {
        false
    }

    fn close(&mut self, _: FlowId, _: u16, _: Cow<'static, str>) {}
}

/// A handle to a node that runs in its own task. The node stops when the last handle is dropped.
pub struct Actor<N> {
    calls: mpsc::Sender<Call<N>>,
}

impl<N: Node + 'static> Actor<N> {
    /// Runs `f` on the node, in its task, after what was sent to it before. Waits while the node's
    /// queue is full; does nothing when the node has stopped.
    pub async fn call(&self, f: impl FnOnce(&mut N, Now) + Send + 'static) {
        let _ = self.calls.send(Box::new(f)).await;
    }

    /// Runs `f` on the node and gives its result; `None` when the node has stopped.
    pub async fn ask<R: Send + 'static>(&self, f: impl FnOnce(&mut N, Now) -> R + Send + 'static) -> Option<R> {
        let (tx, rx) = oneshot::channel();
        self.call(move |node, now| {
            let _ = tx.send(f(node, now));
        })
        .await;
        rx.await.ok()
    }

    /// As [`Actor::call`], without waiting: false when the queue is full or the node has stopped.
    pub fn try_call(&self, f: impl FnOnce(&mut N, Now) + Send + 'static) -> bool {
        self.calls.try_send(Box::new(f)).is_ok()
    }
}

impl<N> Clone for Actor<N> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone() }
    }
}

impl<N> fmt::Debug for Actor<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actor")
    }
}

/// Starts the task of `node`, at the pace of its sockets. `ask` carries out its [`Output::Ask`]s;
/// each runs in a task of its own. The task ends when all handles are gone; abort the returned handle to end it at once.
pub fn spawn<N, A, R, S>(node: N, mw: Mw, ask: A, sink: S) -> (Actor<N>, JoinHandle<()>)
where
    N: Node + Send + 'static,
    N::Ask: Send + 'static,
    N::Answer: Send + 'static,
    A: Fn(N::Ask) -> R + Send + 'static,
    R: Future<Output = N::Answer> + Send + 'static,
    S: FlowSink,
{
    let (calls_tx, calls) = mpsc::channel(QUEUE);
    let (events_tx, events) = mpsc::channel(QUEUE);
    let (answers_tx, answers) = mpsc::channel(QUEUE);
    let (released_tx, released) = mpsc::channel(QUEUE);
    let pace = mw.pace().clone();
    let (clock, alarm, gate) = (pace.clock.clone(), pace.clock.alarm(), pace.gate);
    let mw = mw.start(events_tx);
    let task =
        Task { node, mw, clock, alarm, gate, ask, sink, calls, events, answers, answers_tx, released, released_tx };
    (Actor { calls: calls_tx }, tokio::spawn(task.run()))
}

struct Task<N: Node, A, S> {
    node: N,
    mw: MwSender,
    clock: Clock,
    alarm: Alarm,
    gate: Gate,
    ask: A,
    sink: S,
    calls: mpsc::Receiver<Call<N>>,
    events: mpsc::Receiver<MwEvent>,
    answers: mpsc::Receiver<N::Answer>,
    answers_tx: mpsc::Sender<N::Answer>,
    /// Messages that were held at the gate.
    released: mpsc::Receiver<(Peer, Bytes)>,
    released_tx: mpsc::Sender<(Peer, Bytes)>,
}

impl<N, A, R, S> Task<N, A, S>
where
    N: Node + Send + 'static,
    N::Ask: Send + 'static,
    N::Answer: Send + 'static,
    A: Fn(N::Ask) -> R + Send + 'static,
    R: Future<Output = N::Answer> + Send + 'static,
    S: FlowSink,
{
    async fn run(mut self) {
        loop {
            self.carry_out();
            let wake = self.node.poll_timeout();
            tokio::select! {
                call = self.calls.recv() => match call {
                    Some(call) => call(&mut self.node, self.clock.now()),
                    None => return,
                },
                Some(event) = self.events.recv() => self.on_mw(event),
                Some(answer) = self.answers.recv() => self.node.answer(self.clock.now(), answer),
                Some((to, octets)) = self.released.recv() => self.put(to, octets),
                () = self.alarm.until(wake) => self.node.handle_timeout(self.clock.now()),
                never = self.mw.take_connections() => match never {},
            }
        }
    }

    fn on_mw(&mut self, event: MwEvent) {
        let now = self.clock.now();
        match event {
            MwEvent::Message { from, octets } => self.node.receive(now, from, octets),
            MwEvent::Closed { flow } => {
                self.mw.closed(flow);
                self.node.flow_closed(now, flow);
            }
            MwEvent::Failed { to } => self.node.send_failed(now, to),
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Send { to, octets } => self.send(to, octets),
                Output::Close { flow, code, reason } => {
                    self.mw.close(flow);
                    self.sink.close(flow, code, reason);
                }
                Output::Ask(ask) => {
                    let (answer, answers) = ((self.ask)(ask), self.answers_tx.clone());
                    tokio::spawn(async move { answers.send(answer.await).await });
                }
            }
        }
    }

    fn send(&mut self, to: Peer, octets: Bytes) {
        match self.gate.judge(|| self.mw.preview(&to, &octets)) {
            Verdict::Pass => self.put(to, octets),
            Verdict::Hold(ticket) => {
                let released = self.released_tx.clone();
                tokio::spawn(async move {
                    ticket.redeemed().await;
                    released.send((to, octets)).await
                });
            }
            Verdict::Fail => {
                self.mw.lose(&to, &octets);
                self.node.send_failed(self.clock.now(), to);
            }
        }
    }

    fn put(&mut self, to: Peer, octets: Bytes) {
        match (to.transport, to.flow) {
            (Transport::Ws | Transport::Wss, Some(flow)) => {
                if !self.sink.send(flow, octets) {
                    self.node.send_failed(self.clock.now(), to);
                }
            }
            _ => self.mw.send(to, octets),
        }
    }
}
