//! UDP and TCP on one port, for SIP between core nodes.

use crate::gate::Pace;
use bytes::Bytes;
use sip::{FlowId, Frame, Peer, StreamDecoder, Transport};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use trace::{Direction, Leg, Record, Tap};

/// The longest message taken from or put on Mw, in octets.
const MAX_MESSAGE: usize = 64 * 1024;
/// The most connections accepted at a time.
const MAX_INBOUND: usize = 1024;
/// How many messages may wait for one connection's socket.
const QUEUE: usize = 256;
/// How long a TCP connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Mw flow numbers have this bit, so that they never meet those of WebSockets.
const MW_FLOW: u64 = 1 << 63;

/// A node's Mw sockets: UDP and a TCP listener on the same port.
#[derive(Debug)]
pub struct Mw {
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
    addr: SocketAddr,
    tap: Tap,
    pace: Pace,
}

/// An address that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} (UDP and TCP): {}", self.addr, self.source)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Mw {
    /// Listens on `addr`; port 0 takes any port that is free for both protocols.
    pub async fn bind(addr: SocketAddr, tap: Tap) -> Result<Self, BindError> {
        let fail = |source| BindError { addr, source };
        let mut tries = if addr.port() == 0 { 16 } else { 1 };
        loop {
            tries -= 1;
            let tcp = TcpListener::bind(addr).await.map_err(fail)?;
            let bound = tcp.local_addr().map_err(fail)?;
            match UdpSocket::bind(bound).await {
                Ok(udp) => {
                    tap.own_address(bound);
                    return Ok(Self { udp: Arc::new(udp), tcp, addr: bound, tap, pace: Pace::start() });
                }
                Err(source) if tries == 0 => return Err(fail(source)),
                Err(_) => {}
            }
        }
    }

    /// The address in use.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has the node of these sockets keep the pace of others; without this it has one of its own.
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// The pace of the node of these sockets.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(crate) fn start(self, events: mpsc::Sender<MwEvent>) -> MwSender {
        let mut tasks = JoinSet::new();
        tasks.spawn(read_udp(Arc::clone(&self.udp), self.addr, events.clone(), self.tap.clone()));
        let (datagrams, queue) = mpsc::channel(QUEUE);
        tasks.spawn(write_udp(self.udp, self.addr, queue, events.clone(), self.tap.clone()));
        let shared = Shared { events, tap: self.tap, next_flow: Arc::new(AtomicU64::new(1)) };
        let (accepted_tx, accepted) = mpsc::channel(QUEUE);
        tasks.spawn(accept(self.tcp, accepted_tx));
        let (flows, outbound) = (HashMap::new(), HashMap::new());
        MwSender { datagrams, addr: self.addr, shared, accepted, flows, outbound, tasks }
    }
}

/// What happened on Mw.
#[derive(Debug)]
pub(crate) enum MwEvent {
    Message { from: Peer, octets: Bytes },
    Closed { flow: FlowId },
    Failed { to: Peer },
}

#[derive(Clone, Debug)]
struct Shared {
    events: mpsc::Sender<MwEvent>,
    tap: Tap,
    next_flow: Arc<AtomicU64>,
}

/// The sending half, owned by the node's task; the sockets close when it is dropped.
#[derive(Debug)]
pub(crate) struct MwSender {
    datagrams: mpsc::Sender<(Peer, Bytes)>,
    addr: SocketAddr,
    shared: Shared,
    accepted: mpsc::Receiver<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)>,
    flows: HashMap<FlowId, mpsc::Sender<Bytes>>,
    outbound: HashMap<SocketAddr, FlowId>,
    tasks: JoinSet<()>,
}

impl MwSender {
    /// Waits for connections from others and takes them in. Never returns.
    pub(crate) async fn take_connections(&mut self) -> std::convert::Infallible {
        loop {
            tokio::select! {
                Some((stream, remote, permit)) = self.accepted.recv() => {
                    self.adopt(move |flow, shared, queue| async move {
                        run_connection(stream, remote, flow, shared, queue).await;
                        drop(permit);
                    });
                }
                // Finished tasks are reaped, or the set would grow for ever.
                Some(_) = self.tasks.join_next() => {}
                else => std::future::pending().await,
            }
        }
    }

    /// What the trace would say of a message to `to`, on Mw or not.
    pub(crate) fn preview(&self, to: &Peer, octets: &[u8]) -> Option<Record> {
        self.shared.tap.preview_sip(leg(to), self.addr, to.addr, octets)
    }

    /// Has the trace show a message that goes out and does not arrive.
    pub(crate) fn lose(&self, to: &Peer, octets: &[u8]) {
        self.shared.tap.sip(Direction::Out, leg(to), self.addr, to.addr, octets);
    }

    /// Sends; a failure comes back as an event.
    pub(crate) fn send(&mut self, to: Peer, octets: Bytes) {
        let sent = match to.transport {
            Transport::Udp => {
                self.send_datagram(to, octets);
                true
            }
            Transport::Tcp => self.send_on_stream(to, octets),
            Transport::Tls | Transport::Ws | Transport::Wss => false,
        };
        if !sent {
            self.failed(to);
        }
    }

    /// Closes one connection after what is queued on it.
    pub(crate) fn close(&mut self, flow: FlowId) {
        self.flows.remove(&flow);
        self.outbound.retain(|_, open| *open != flow);
    }

    /// Forgets a connection that has closed.
    pub(crate) fn closed(&mut self, flow: FlowId) {
        self.close(flow);
    }

    fn send_datagram(&self, to: Peer, octets: Bytes) {
        // A full queue loses the datagram, as the network may: retransmission is SIP's.
        let _ = self.datagrams.try_send((to, octets));
    }

    fn send_on_stream(&mut self, to: Peer, octets: Bytes) -> bool {
        if let Some(flow) = to.flow {
            return self.flows.get(&flow).is_some_and(|queue| queue.try_send(octets).is_ok());
        }
        if let Some(queue) = self.outbound.get(&to.addr).and_then(|flow| self.flows.get(flow))
            && !queue.is_closed()
        {
            return queue.try_send(octets).is_ok();
        }
        let remote = to.addr;
        let flow = self.adopt(move |flow, shared, queue| connect(remote, flow, shared, queue));
        self.outbound.insert(remote, flow);
        self.flows.get(&flow).is_some_and(|queue| queue.try_send(octets).is_ok())
    }

    fn adopt<F, R>(&mut self, run: F) -> FlowId
    where
        F: FnOnce(FlowId, Shared, mpsc::Receiver<Bytes>) -> R,
        R: Future<Output = ()> + Send + 'static,
    {
        let flow = FlowId(MW_FLOW | self.shared.next_flow.fetch_add(1, Ordering::Relaxed));
        let (queue_tx, queue) = mpsc::channel(QUEUE);
        self.flows.insert(flow, queue_tx);
        self.tasks.spawn(run(flow, self.shared.clone(), queue));
        flow
    }

    fn failed(&self, to: Peer) {
        let events = self.shared.events.clone();
        if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(MwEvent::Failed { to }) {
            tokio::spawn(async move { events.send(event).await });
        }
    }
}

fn leg(to: &Peer) -> Leg {
    match to.transport {
        Transport::Udp => Leg::Udp,
        Transport::Tcp | Transport::Tls => Leg::Tcp,
        Transport::Ws | Transport::Wss => Leg::Wss,
    }
}

async fn read_udp(socket: Arc<UdpSocket>, local: SocketAddr, events: mpsc::Sender<MwEvent>, tap: Tap) {
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let octets = &buffer[..length];
                // Keep-alives (RFC 5626 §4.4) are no messages.
                if octets.iter().all(|c| matches!(c, b'\r' | b'\n' | 0)) {
                    continue;
                }
                tap.sip(Direction::In, Leg::Udp, local, remote, octets);
                let octets = Bytes::copy_from_slice(octets);
                if events.send(MwEvent::Message { from: Peer::new(Transport::Udp, remote), octets }).await.is_err() {
                    return;
                }
            }
            // On Linux an ICMP error of an earlier datagram shows up here; it names no peer.
            Err(error) => tracing::debug!(%error, "UDP receive"),
        }
    }
}

async fn write_udp(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    mut queue: mpsc::Receiver<(Peer, Bytes)>,
    events: mpsc::Sender<MwEvent>,
    tap: Tap,
) {
    while let Some((to, octets)) = queue.recv().await {
        tap.sip(Direction::Out, Leg::Udp, local, to.addr, &octets);
        if let Err(error) = socket.send_to(&octets, to.addr).await {
            tracing::debug!(%to, %error, "datagram not sent");
            if events.send(MwEvent::Failed { to }).await.is_err() {
                return;
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    accepted: mpsc::Sender<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)>,
) {
    let permits = Arc::new(Semaphore::new(MAX_INBOUND));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, remote)) => {
                if accepted.send((stream, remote, permit)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to go.
                tracing::warn!(%error, "TCP accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connect(remote: SocketAddr, flow: FlowId, shared: Shared, queue: mpsc::Receiver<Bytes>) {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => run_connection(stream, remote, flow, shared, queue).await,
        outcome => {
            tracing::debug!(%remote, ?outcome, "cannot connect");
            drop(queue);
            let to = Peer::new(Transport::Tcp, remote);
            let _ = shared.events.send(MwEvent::Closed { flow }).await;
            let _ = shared.events.send(MwEvent::Failed { to }).await;
        }
    }
}

async fn run_connection(
    stream: TcpStream,
    remote: SocketAddr,
    flow: FlowId,
    shared: Shared,
    queue: mpsc::Receiver<Bytes>,
) {
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let from = Peer::on_flow(Transport::Tcp, remote, flow);
    // The near end of a connection we made has a port of its own; a listener's is known already.
    shared.tap.own_address(local);
    let (read, write) = stream.into_split();
    let (pong_tx, pong) = mpsc::channel(1);
    tokio::select! {
        () = read_stream(read, local, from, &shared, pong_tx) => {}
        () = write_stream(write, local, remote, queue, pong, &shared.tap) => {}
    }
    let _ = shared.events.send(MwEvent::Closed { flow }).await;
}

async fn read_stream(mut read: OwnedReadHalf, local: SocketAddr, from: Peer, shared: &Shared, pong: mpsc::Sender<()>) {
    let mut decoder = StreamDecoder::new(MAX_MESSAGE);
    let mut buffer = vec![0; 8 * 1024];
    loop {
        match read.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => decoder.push(&buffer[..length]),
        }
        loop {
            match decoder.next_frame() {
                Ok(Some(Frame::Message(octets))) => {
                    shared.tap.sip(Direction::In, Leg::Tcp, local, from.addr, &octets);
                    if shared.events.send(MwEvent::Message { from, octets }).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Frame::Ping)) => {
                    let _ = pong.try_send(());
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%from, %error, "closing a stream that is not SIP");
                    return;
                }
            }
        }
    }
}

async fn write_stream(
    mut write: OwnedWriteHalf,
    local: SocketAddr,
    remote: SocketAddr,
    mut queue: mpsc::Receiver<Bytes>,
    mut pong: mpsc::Receiver<()>,
    tap: &Tap,
) {
    loop {
        let written = tokio::select! {
            octets = queue.recv() => match octets {
                Some(octets) => {
                    tap.sip(Direction::Out, Leg::Tcp, local, remote, &octets);
                    write.write_all(&octets).await
                }
                None => return,
            },
            Some(()) = pong.recv() => write.write_all(b"\r\n").await,
        };
        if written.is_err() {
            return;
        }
    }
}
