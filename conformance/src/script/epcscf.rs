//! An eP-CSCF on W2 for WICs under test: it takes what a WIC does, and says what the script wants.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use trace::{Direction, Leg};

use super::http::accept;
use super::log::Ends;
use super::{Frame, Log, Opcode, Pki, ScriptError};

/// How long a WIC may take to say what it wants of a connection, or to close it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most things that wait for the script or for the WIC.
const MAX_WAITING: usize = 1024;
/// What stands at `/`, for clients that need a page of some origin.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>WIC under test</title>";

/// Something that a WIC did on W2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It asked for a connection; with the head of the upgrade, where there is a real one.
    Connect(Option<String>),
    /// It sent one WebSocket message.
    Send(Bytes),
    /// It answered a Ping.
    Pong(Bytes),
    /// It closed the connection, with this code if there is one.
    Close(Option<u16>),
}

/// What becomes of connections that a WIC asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// They open.
    #[default]
    Open,
    /// They do not.
    Refused,
    /// The upgrade is answered without the subprotocol.
    WithoutSubprotocol,
}

/// A WebSocket server with TLS at any free port. What it says goes to the newest connection.
#[derive(Debug)]
pub struct Epcscf {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    log: Log,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    admission: Admission,
    deeds: VecDeque<Deed>,
    /// How many messages came, on all connections.
    messages: usize,
    /// To the newest connection, until it ends.
    say: Option<mpsc::Sender<Say>>,
}

#[derive(Debug)]
enum Say {
    Frame(Frame),
    Close(u16),
}

impl Epcscf {
    /// Starts one.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start(pki: &Pki, log: &Log) -> Result<Self, ScriptError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ScriptError::io("listening"))?;
        let addr = listener.local_addr().map_err(ScriptError::io("listening"))?;
        let shared = Arc::new(Shared { log: log.clone(), state: Mutex::default(), changed: Notify::new() });
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(pki.server()), Arc::clone(&shared)));
        Ok(Self { addr, shared, task })
    }

    /// Where WICs connect to, for a certificate of `localhost`.
    pub fn url(&self) -> String {
        format!("wss://localhost:{}/", self.addr.port())
    }

    /// An empty page of its origin.
    pub fn page(&self) -> String {
        format!("https://localhost:{}/", self.addr.port())
    }

    /// What becomes of connections from now on.
    pub fn admit(&self, admission: Admission) {
        self.shared.state().admission = admission;
    }

    /// The next thing that the WIC did, if there is one.
    pub fn deed(&self) -> Option<Deed> {
        self.shared.state().deeds.pop_front()
    }

    /// How many messages came so far, keep-alives included.
    pub fn messages(&self) -> usize {
        self.shared.state().messages
    }

    /// Waits until something holds, no longer than `within`; gives whether it does.
    pub async fn until(&self, within: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(within, wait).await.is_ok()
    }

    /// Whether the WIC did something that was not taken yet.
    pub fn has_deed(&self) -> bool {
        !self.shared.state().deeds.is_empty()
    }

    /// Sends one message, text or binary.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn send(&self, octets: Bytes) -> Result<(), ScriptError> {
        let opcode = if std::str::from_utf8(&octets).is_ok() { Opcode::Text } else { Opcode::Binary };
        self.shared.log.sip("epcscf", "wic", Direction::Out, Leg::Wss, Ends::default(), &octets);
        self.say(Say::Frame(Frame::new(opcode, octets).unmasked()))
    }

    /// Sends a Ping.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn ping(&self, octets: Bytes) -> Result<(), ScriptError> {
        self.shared.log.note("epcscf", "wic", Direction::Out, Leg::Wss, "Ping", "");
        self.say(Say::Frame(Frame::new(Opcode::Ping, octets).unmasked()))
    }

    /// Closes the connection; 1006 is no code that could be sent: it just ends.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn close(&self, code: u16) -> Result<(), ScriptError> {
        self.shared.log.note("epcscf", "wic", Direction::Out, Leg::Wss, &format!("Close {code}"), "");
        self.say(Say::Close(code))
    }

    fn say(&self, what: Say) -> Result<(), ScriptError> {
        let sent = self.shared.state().say.as_ref().is_some_and(|say| say.try_send(what).is_ok());
        let what = || "a connection of the WIC".to_owned();
        if sent { Ok(()) } else { Err(ScriptError::Closed { what: what(), code: None }) }
    }
}

impl Drop for Epcscf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn did(&self, deed: Deed) {
        let mut state = self.state();
        if let Deed::Send(_) = deed {
            state.messages += 1;
        }
        if state.deeds.len() < MAX_WAITING {
            state.deeds.push_back(deed);
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

/// The connections end with this.
async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move { connected(stream, tls, &shared).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn connected(stream: TcpStream, tls: TlsAcceptor, shared: &Shared) -> std::io::Result<()> {
    let _ = stream.set_nodelay(true);
    let begin = async {
        let mut stream = tls.accept(stream).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
            head.push(stream.read_u8().await?);
        }
        Ok::<_, std::io::Error>((stream, String::from_utf8_lossy(&head).into_owned()))
    };
    let (mut stream, head) = tokio::time::timeout(PATIENCE, begin).await??;
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut keys = lines.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let Some(key) = keys.next().map(|(_, value)| value.trim().to_owned()) else {
        let page =
            format!("Content-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{PAGE}", PAGE.len());
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{page}").as_bytes()).await?;
        return stream.shutdown().await;
    };
    shared.log.note("epcscf", "wic", Direction::In, Leg::Upgrade, "WebSocket upgrade", &head);
    let admission = shared.state().admission;
    let (say, said) = mpsc::channel(MAX_WAITING);
    if admission == Admission::Open {
        shared.state().say = Some(say);
    }
    shared.did(Deed::Connect(Some(head)));
    let opened = format!(
        "101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        accept(&key)
    );
    let answer = match admission {
        Admission::Open => format!("{opened}Sec-WebSocket-Protocol: sip\r\n"),
        Admission::WithoutSubprotocol => opened,
        Admission::Refused => "503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n".into(),
    };
    let status: String = answer.chars().take(3).collect();
    shared.log.note("epcscf", "wic", Direction::Out, Leg::Upgrade, &status, &format!("HTTP/1.1 {answer}\r\n"));
    stream.write_all(format!("HTTP/1.1 {answer}\r\n").as_bytes()).await?;
    stream.flush().await?;
    if admission == Admission::Refused {
        return stream.shutdown().await;
    }
    let ended = Conversation { stream, said, shared, buffer: BytesMut::new(), partial: None }.run().await;
    if ended.is_err() {
        shared.did(Deed::Close(None));
    }
    ended
}

/// An open WebSocket.
struct Conversation<'a, S> {
    stream: S,
    said: mpsc::Receiver<Say>,
    shared: &'a Shared,
    buffer: BytesMut,
    /// The parts of a fragmented message so far.
    partial: Option<BytesMut>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    /// Until either side closes it. An error is an end without a Close.
    async fn run(mut self) -> std::io::Result<()> {
        loop {
            while let Some(frame) = Frame::decode(&mut self.buffer).map_err(std::io::Error::other)? {
                if frame.opcode == Opcode::Close {
                    let (code, reason) = frame.close_code().map_or((None, String::new()), |(c, r)| (Some(c), r));
                    let summary = code.map_or_else(|| "Close".to_owned(), |code| format!("Close {code} {reason}"));
                    self.shared.log.note("epcscf", "wic", Direction::In, Leg::Wss, &summary, &reason);
                    self.shared.did(Deed::Close(code));
                    self.write(&Frame { mask: None, ..frame }).await?;
                    let _ = self.stream.shutdown().await;
                    return Ok(());
                }
                self.take(frame).await?;
            }
            tokio::select! {
                read = self.stream.read_buf(&mut self.buffer) => {
                    if read? == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                }
                // When the script has a newer one nothing is said here any more, but it is listened to.
                Some(said) = self.said.recv() => match said {
                    Say::Frame(frame) => self.write(&frame).await?,
                    Say::Close(1006) => return Ok(()),
                    Say::Close(code) => return self.close(code).await,
                },
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> std::io::Result<()> {
        match frame.opcode {
            Opcode::Ping => self.write(&Frame::new(Opcode::Pong, frame.payload).unmasked()).await?,
            Opcode::Pong => self.shared.did(Deed::Pong(frame.payload)),
            Opcode::Text | Opcode::Binary if frame.fin => self.whole(frame.payload),
            Opcode::Text | Opcode::Binary => self.partial = Some(BytesMut::from(&frame.payload[..])),
            Opcode::Continuation => {
                if let Some(mut octets) = self.partial.take() {
                    octets.extend_from_slice(&frame.payload);
                    match frame.fin {
                        true => self.whole(octets.freeze()),
                        false => self.partial = Some(octets),
                    }
                }
            }
            Opcode::Close | Opcode::Reserved(_) => {}
        }
        Ok(())
    }

    fn whole(&self, octets: Bytes) {
        self.shared.log.sip("epcscf", "wic", Direction::In, Leg::Wss, Ends::default(), &octets);
        self.shared.did(Deed::Send(octets));
    }

    async fn write(&mut self, frame: &Frame) -> std::io::Result<()> {
        self.stream.write_all(&frame.encode()).await?;
        self.stream.flush().await
    }

    /// Closes it, and waits until the WIC has said the same.
    async fn close(mut self, code: u16) -> std::io::Result<()> {
        self.write(&Frame::close(code, "").unmasked()).await?;
        let closed = async {
            loop {
                while let Ok(Some(frame)) = Frame::decode(&mut self.buffer) {
                    if frame.opcode == Opcode::Close {
                        return;
                    }
                }
                if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, closed).await;
        let _ = self.stream.shutdown().await;
        Ok(())
    }
}
