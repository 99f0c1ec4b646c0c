//! One WebSocket and the task that owns it: when the task ends, by whatever way, its flow is gone.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sip::node::Node;
use sip::{FlowId, Peer, Transport};
use sip_net::Actor;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use trace::{Direction, Leg};

use super::Listener;
use super::flows::{Command, Flows};
use super::limits::Admission;
use super::observed::Observed;
use crate::policy::ConnectionTable;
use crate::upgrade::Accepted;

/// How long one message may take to be written, and a close to be answered.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Pings without an answer after which the flow is dead.
const MAX_MISSED: u32 = 2;
/// The longest close reason, in octets (RFC 6455 §5.5).
const MAX_REASON: usize = 123;

/// The bounds of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    upgrade: Duration,
    ping: Duration,
    max_message: usize,
}

impl Timing {
    pub(super) fn of(policy: &ConnectionTable) -> Self {
        Self {
            upgrade: Duration::from_secs(policy.upgrade_timeout),
            ping: Duration::from_secs(policy.ping_interval.max(1)),
            max_message: policy.max_message,
        }
    }
}

/// Runs a connection from its 101 to its end.
pub(super) async fn run(
    listener: Listener,
    remote: SocketAddr,
    upgrade: OnUpgrade,
    accepted: Accepted,
    admission: Admission,
    timing: Timing,
) {
    let upgraded = match timeout(timing.upgrade, upgrade).await {
        Ok(Ok(upgraded)) => upgraded,
        outcome => {
            tracing::debug!(%remote, ?outcome, "upgrade not finished");
            return;
        }
    };
    let config = WebSocketConfig::default()
        // The defaults cost 128 KiB a socket; SIP messages are short.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(timing.max_message))
        .max_frame_size(Some(timing.max_message));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let shared = &listener.shared;
    let flow = shared.ids.next();
    let commands = shared.flows.insert(flow);
    let _gone = Gone { flow, flows: shared.flows.clone(), actor: shared.actor.clone(), _admission: admission };
    tracing::debug!(%flow, %remote, %accepted, "connected");
    shared.actor.call(move |node, now| node.edge().open(now, flow, accepted)).await;
    let mut connection = Connection { listener: &listener, remote, flow, socket, missed: 0 };
    connection.serve(commands, timing).await;
    tracing::debug!(%flow, %remote, "disconnected");
}

struct Connection<'a> {
    listener: &'a Listener,
    remote: SocketAddr,
    flow: FlowId,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    missed: u32,
}

impl Connection<'_> {
    async fn serve(&mut self, mut commands: mpsc::Receiver<Command>, timing: Timing) {
        let mut pings = pings(timing.ping);
        let mut stopped = self.listener.shared.stopped.clone();
        loop {
            let end = tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(message)) => self.on_message(message).await,
                    Some(Err(error)) => End::of(&error),
                    None => End::Gone,
                },
                command = commands.recv() => match command {
                    Some(Command::Send(octets)) => self.send(octets).await,
                    Some(Command::Close { code, reason }) => End::Close(code.into(), reason),
                    None => End::Close(CloseCode::Policy, "messages are read too slowly".into()),
                },
                _ = pings.tick() => self.ping().await,
                _ = stopped.changed() => End::Close(CloseCode::Away, "the eP-CSCF stops".into()),
            };
            match end {
                End::No => {}
                End::Gone => return,
                End::Close(code, reason) => return self.close(code, &reason).await,
            }
        }
    }

    async fn on_message(&mut self, message: Message) -> End {
        let octets = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(octets) => octets,
            Message::Pong(_) => {
                self.missed = 0;
                return End::No;
            }
            // Answered by the WebSocket layer, which ends the stream after a close.
            Message::Ping(_) | Message::Close(_) | Message::Frame(_) => return End::No,
        };
        self.missed = 0;
        self.trace(Direction::In, &octets);
        let from = Peer::on_flow(Transport::Wss, self.remote, self.flow);
        self.listener.shared.actor.call(move |node, now| node.receive(now, from, octets)).await;
        End::No
    }

    /// Text where it is UTF-8, as browsers prefer; binary else (RFC 7118 §4.2).
    async fn send(&mut self, octets: Bytes) -> End {
        self.trace(Direction::Out, &octets);
        let message = match std::str::from_utf8(&octets) {
            Ok(text) => Message::text(text),
            Err(_) => Message::Binary(octets),
        };
        self.write(message).await
    }

    async fn ping(&mut self) -> End {
        if self.missed >= MAX_MISSED {
            tracing::info!(flow = %self.flow, remote = %self.remote, "pings are not answered: the flow is dead");
            return End::Gone;
        }
        self.missed += 1;
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> End {
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => End::No,
            Ok(Err(_)) | Err(_) => End::Gone,
        }
    }

    async fn close(&mut self, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code, reason: truncated(reason).into() };
        let _ = timeout(CLOSE_TIMEOUT, async {
            if self.socket.close(Some(frame)).await.is_ok() {
                // The peer's own close, so that ours is not lost in a reset.
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        })
        .await;
    }

    fn trace(&self, direction: Direction, octets: &[u8]) {
        if octets.iter().any(|octet| !matches!(octet, b'\r' | b'\n')) {
            self.listener.shared.tap.sip(direction, Leg::Wss, self.listener.local, self.remote, octets);
        }
    }
}

/// Whether and how a connection ends.
enum End {
    No,
    Gone,
    Close(CloseCode, Cow<'static, str>),
}

impl End {
    /// RFC 6455 §7.4.1: what was wrong with what was read.
    fn of(error: &Error) -> Self {
        match error {
            Error::Utf8(_) => Self::Close(CloseCode::Invalid, "text is not UTF-8 (RFC 6455 §8.1)".into()),
            Error::Capacity(_) => Self::Close(CloseCode::Size, "the message is too long".into()),
            Error::Protocol(error) => Self::Close(CloseCode::Protocol, error.to_string().into()),
            _ => Self::Gone,
        }
    }
}

/// Tells the edge that a flow is gone, when dropped.
struct Gone {
    flow: FlowId,
    flows: Flows,
    actor: Actor<Observed>,
    _admission: Admission,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let flow = self.flow;
        self.flows.remove(flow);
        if self.actor.try_call(move |node, now| node.flow_closed(now, flow)) {
            return;
        }
        // The node is busy: tell it when it has time. Without a runtime there is no node either.
        let actor = self.actor.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { actor.call(move |node, now| node.flow_closed(now, flow)).await });
        }
    }
}

fn pings(every: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn truncated(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}
