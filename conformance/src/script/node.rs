//! A SIP node on Mw that a script moves: the core behind an eP-CSCF, or an eP-CSCF before a core.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sip::{Framing, Message, Request, Response, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use trace::{Direction, Leg};

use super::log::Ends;
use super::{Log, ScriptError};

/// How many messages wait for the script; more are lost, as the network may lose them.
const MAX_WAITING: usize = 512;
/// The longest message.
const MAX_MESSAGE: usize = 64 * 1024;
/// T1 of RFC 3261: a datagram is sent again after it, after twice it, ….
const T1: Duration = Duration::from_millis(500);

type Connections = Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>>;

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Over what.
    pub transport: Transport,
    /// From where.
    pub addr: SocketAddr,
}

/// A message that came.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The message.
    pub request: Request,
    /// As it was on the wire.
    pub octets: Bytes,
    /// From where.
    pub from: Source,
}

/// A node on UDP and TCP of one port.
pub struct Node {
    addr: SocketAddr,
    /// Its name in the ladder, and that of the system.
    name: String,
    system: String,
    udp: Arc<UdpSocket>,
    connections: Connections,
    incoming: mpsc::Receiver<(Source, Bytes)>,
    sender: mpsc::Sender<(Source, Bytes)>,
    requests: VecDeque<Arrived>,
    responses: VecDeque<Response>,
    /// Why something that came cannot be read. It is told where nothing else comes: with somebody
    /// else's system it may be left over from before.
    malformed: Option<(Bytes, String)>,
    /// Requests seen, so that retransmissions are passed over.
    seen: HashSet<String>,
    answered: HashMap<String, Bytes>,
    log: Log,
    within: Duration,
    tasks: JoinSet<()>,
}

impl Node {
    /// A node at `addr` (port 0 is any), called `name` in the ladder, whose messages are with `system`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(
        addr: SocketAddr,
        name: &str,
        system: &str,
        within: Duration,
        log: &Log,
    ) -> Result<Self, ScriptError> {
        let failed = || ScriptError::io(format!("listening on {addr}"));
        let mut tries = 16;
        let (tcp, udp, addr) = loop {
            match Self::sockets(addr).await {
                Ok(sockets) => break sockets,
                Err(source) if tries == 0 => return Err(failed()(source)),
                // A node of an earlier script may still be letting go of a given port.
                Err(_) if addr.port() != 0 => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => {}
            }
            tries -= 1;
        };
        let (sender, incoming) = mpsc::channel(MAX_WAITING);
        let udp = Arc::new(udp);
        let connections = Connections::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(read_datagrams(Arc::clone(&udp), sender.clone()));
        tasks.spawn(accept(tcp, Arc::clone(&connections), sender.clone()));
        Ok(Self {
            addr,
            name: name.to_owned(),
            system: system.to_owned(),
            udp,
            connections,
            incoming,
            sender,
            requests: VecDeque::new(),
            responses: VecDeque::new(),
            malformed: None,
            seen: HashSet::new(),
            answered: HashMap::new(),
            log: log.clone(),
            within,
            tasks,
        })
    }

    async fn sockets(addr: SocketAddr) -> std::io::Result<(TcpListener, UdpSocket, SocketAddr)> {
        let tcp = TcpListener::bind(addr).await?;
        let bound = tcp.local_addr()?;
        Ok((tcp, UdpSocket::bind(bound).await?, bound))
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Why something that came cannot be read, if `mark` is in it.
    pub fn malformed(&self, mark: &str) -> Option<&str> {
        let (octets, why) = self.malformed.as_ref()?;
        String::from_utf8_lossy(octets).contains(mark).then_some(why)
    }

    /// Forgets what came, and logs elsewhere from now on: for one node that serves several scripts.
    pub fn renew(&mut self, log: &Log) {
        while self.incoming.try_recv().is_ok() {}
        self.requests.clear();
        self.responses.clear();
        self.malformed = None;
        self.seen.clear();
        self.answered.clear();
        self.log = log.clone();
    }

    /// The next request of a method; other messages are kept, retransmissions are answered as before.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn request(&mut self, method: &str) -> Result<Arrived, ScriptError> {
        let within = self.within;
        self.request_that(&format!("{method} on Mw"), within, |r| r.method.as_str() == method).await
    }

    /// The next request that `is` says true of.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn request_that(
        &mut self,
        what: &str,
        within: Duration,
        is: impl Fn(&Request) -> bool,
    ) -> Result<Arrived, ScriptError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.requests.iter().position(|arrived| is(&arrived.request))
                && let Some(arrived) = self.requests.remove(at)
            {
                return Ok(arrived);
            }
            if !self.receive(deadline).await? {
                return Err(self.nothing(what, within));
            }
        }
    }

    /// That no request comes which `is` says true of.
    ///
    /// # Errors
    /// [`ScriptError::Unexpected`] with the one that came.
    pub async fn silent(&mut self, within: Duration, is: impl Fn(&Request) -> bool) -> Result<(), ScriptError> {
        match self.request_that("", within, is).await {
            Err(ScriptError::Timeout { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(arrived) => {
                let got = format!("{} {} on Mw", arrived.request.method, arrived.request.uri);
                Err(ScriptError::Unexpected { wanted: "nothing".into(), got })
            }
        }
    }

    /// The next response that is final; of one Call-ID, if given.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn response(&mut self, call_id: Option<&str>) -> Result<Response, ScriptError> {
        self.response_that(|r| r.status.is_final() && call_id.is_none_or(|id| id_of(r) == Some(id))).await
    }

    /// The next response that `is` says true of.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn response_that(&mut self, is: impl Fn(&Response) -> bool) -> Result<Response, ScriptError> {
        let deadline = Instant::now() + self.within;
        loop {
            if let Some(at) = self.responses.iter().position(&is)
                && let Some(response) = self.responses.remove(at)
            {
                return Ok(response);
            }
            if !self.receive(deadline).await? {
                return Err(self.nothing("response on Mw", self.within));
            }
        }
    }

    /// Sends a request and gives the final response to it. Over UDP it is sent again until one comes.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn exchange(&mut self, to: Source, request: &[u8]) -> Result<Response, ScriptError> {
        let key = branch_key(request);
        let deadline = Instant::now() + self.within;
        self.send(to, request).await?;
        let mut again = T1;
        let mut next = Instant::now() + again;
        loop {
            let mine = |r: &Response| r.status.is_final() && key.is_some() && branch_key(&r.to_bytes()) == key;
            if let Some(at) = self.responses.iter().position(mine)
                && let Some(response) = self.responses.remove(at)
            {
                return Ok(response);
            }
            let wake = if to.transport == Transport::Udp { next.min(deadline) } else { deadline };
            if self.receive(wake).await? {
                continue;
            }
            if Instant::now() >= deadline {
                return Err(self.nothing("response on Mw", self.within));
            }
            self.put(to, request).await?;
            again *= 2;
            next += again;
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn respond(&mut self, to: &Arrived, response: &Response) -> Result<(), ScriptError> {
        let octets = response.to_bytes();
        if response.status.is_final() {
            self.answered.insert(seen_key(&to.request), octets.clone());
        }
        self.send(to.from, &octets).await
    }

    /// Sends octets as they stand.
    ///
    /// # Errors
    /// When they cannot be sent.
    pub async fn send(&mut self, to: Source, octets: &[u8]) -> Result<(), ScriptError> {
        let ends = Ends { local: Some(self.addr), remote: Some(to.addr) };
        self.log.sip(&self.name, &self.system, Direction::Out, leg(to.transport), ends, octets);
        self.put(to, octets).await
    }

    async fn put(&mut self, to: Source, octets: &[u8]) -> Result<(), ScriptError> {
        if to.transport == Transport::Udp {
            let sent = self.udp.send_to(octets, to.addr).await;
            return sent.map(drop).map_err(ScriptError::io(format!("sending to {}", to.addr)));
        }
        let open = lock(&self.connections).get(&to.addr).cloned().filter(|queue| !queue.is_closed());
        let queue = match open {
            Some(queue) => queue,
            None => {
                let connect = tokio::time::timeout(self.within, TcpStream::connect(to.addr));
                let stream = connect
                    .await
                    .map_err(|_| ScriptError::Timeout {
                        what: format!("connection to {}", to.addr),
                        within: self.within,
                    })?
                    .map_err(ScriptError::io(format!("connecting to {}", to.addr)))?;
                self.tasks.spawn(run(stream, to.addr, Arc::clone(&self.connections), self.sender.clone()));
                tokio::task::yield_now().await;
                let deadline = Instant::now() + self.within;
                loop {
                    if let Some(queue) = lock(&self.connections).get(&to.addr).cloned() {
                        break queue;
                    }
                    if Instant::now() >= deadline {
                        return Err(ScriptError::Timeout { what: "connection".into(), within: self.within });
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        let closed = || ScriptError::Closed { what: "sending".into(), code: None };
        queue.send(Bytes::copy_from_slice(octets)).await.map_err(|_| closed())
    }

    fn nothing(&self, what: &str, within: Duration) -> ScriptError {
        match (&self.malformed, what) {
            (Some((_, why)), what) if !what.is_empty() => {
                ScriptError::Malformed { what: "a SIP message on Mw", why: why.clone() }
            }
            _ => ScriptError::Timeout { what: what.to_owned(), within },
        }
    }

    /// Takes one message in; false when none came until `deadline`.
    async fn receive(&mut self, deadline: Instant) -> Result<bool, ScriptError> {
        let Ok(came) = tokio::time::timeout_at(deadline, self.incoming.recv()).await else { return Ok(false) };
        let Some((from, octets)) = came else { return Ok(false) };
        let framing = if from.transport == Transport::Udp { Framing::Datagram } else { Framing::Stream };
        let ends = Ends { local: Some(self.addr), remote: Some(from.addr) };
        let parsed = Message::parse(octets.clone(), framing);
        if let Ok(Message::Request(request)) = &parsed
            && !self.seen.insert(seen_key(request))
        {
            if let Some(answer) = self.answered.get(&seen_key(request)).cloned() {
                self.put(from, &answer).await?;
            }
            return Ok(true);
        }
        self.log.sip(&self.name, &self.system, Direction::In, leg(from.transport), ends, &octets);
        match parsed {
            Ok(Message::Request(request)) => self.requests.push_back(Arrived { request, octets, from }),
            Ok(Message::Response(response)) => self.responses.push_back(response),
            Err(e) => self.malformed = Some((octets, e.error.to_string())),
        }
        self.requests.truncate(MAX_WAITING);
        self.responses.truncate(MAX_WAITING);
        Ok(true)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {})", self.name, self.addr)
    }
}

fn lock(connections: &Connections) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Bytes>>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn leg(transport: Transport) -> Leg {
    if transport == Transport::Udp { Leg::Udp } else { Leg::Tcp }
}

fn id_of(response: &Response) -> Option<&str> {
    response.headers.value(&sip::HeaderName::CallId)
}

/// What a retransmission has in common with its original (RFC 3261 §17.2.3).
fn seen_key(request: &Request) -> String {
    let branch = request.via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
    format!("{} {branch} {}", request.method, request.call_id().map(|id| id.to_string()).unwrap_or_default())
}

/// The topmost branch, as text: what a response is matched by.
fn branch_key(octets: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let via = text.lines().find(|line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("via") || name.eq_ignore_ascii_case("v")
    })?;
    let branch = via.split("branch=").nth(1)?;
    Some(branch.split([';', ',', ' ', '\r']).next().unwrap_or_default().to_owned())
}

async fn read_datagrams(socket: Arc<UdpSocket>, sender: mpsc::Sender<(Source, Bytes)>) {
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        // An ICMP error of an earlier datagram shows up here; it names no peer.
        let Ok((length, addr)) = socket.recv_from(&mut buffer).await else { continue };
        let octets = &buffer[..length];
        if octets.iter().all(|c| matches!(c, b'\r' | b'\n' | 0)) {
            continue;
        }
        let _ = sender.try_send((Source { transport: Transport::Udp, addr }, Bytes::copy_from_slice(octets)));
    }
}

async fn accept(listener: TcpListener, connections: Connections, sender: mpsc::Sender<(Source, Bytes)>) {
    let mut running = JoinSet::new();
    loop {
        let Ok((stream, addr)) = listener.accept().await else { return };
        running.spawn(run(stream, addr, Arc::clone(&connections), sender.clone()));
        while running.try_join_next().is_some() {}
    }
}

async fn run(stream: TcpStream, addr: SocketAddr, connections: Connections, sender: mpsc::Sender<(Source, Bytes)>) {
    let _ = stream.set_nodelay(true);
    let (queue_tx, mut queue) = mpsc::channel::<Bytes>(64);
    lock(&connections).insert(addr, queue_tx);
    let (mut read, mut write) = stream.into_split();
    let mut decoder = sip::StreamDecoder::new(MAX_MESSAGE);
    let mut buffer = vec![0; 8 * 1024];
    'connection: loop {
        tokio::select! {
            length = read.read(&mut buffer) => {
                let Ok(length @ 1..) = length else { break };
                decoder.push(&buffer[..length]);
                loop {
                    match decoder.next_frame() {
                        Ok(Some(sip::Frame::Message(octets))) => {
                            let source = Source { transport: Transport::Tcp, addr };
                            if sender.send((source, octets)).await.is_err() {
                                break 'connection;
                            }
                        }
                        Ok(Some(sip::Frame::Ping)) => drop(write.write_all(b"\r\n").await),
                        Ok(None) => break,
                        Err(_) => break 'connection,
                    }
                }
            }
            octets = queue.recv() => {
                let Some(octets) = octets else { break };
                if write.write_all(&octets).await.is_err() {
                    break;
                }
            }
        }
    }
    lock(&connections).remove(&addr);
}
