//! A WIC that a script moves: octet by octet if need be.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sip::{Framing, Message, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use trace::{Direction, Leg};

use super::log::Ends;
use super::{Frame, HttpAnswer, Log, Opcode, ScriptError, Upgrade};

/// The most messages that wait for the script.
const MAX_WAITING: usize = 256;

/// Where a WIC connects to.
#[derive(Clone)]
pub struct Target {
    /// The address.
    pub addr: SocketAddr,
    /// The name that its certificate must have, and that stands in Host.
    pub host: String,
    /// The path that is served.
    pub path: String,
    /// TLS; none is a plain connection.
    pub tls: Option<TlsConnector>,
    /// What the ladder calls it.
    pub node: String,
    /// How long anything may take.
    pub within: Duration,
}

impl Target {
    /// The Host header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.addr.port())
    }

    /// The same without TLS.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { tls: None, ..self.clone() }
    }

    pub(crate) async fn connect(&self) -> Result<Connected, ScriptError> {
        let connect = async {
            let stream =
                TcpStream::connect(self.addr).await.map_err(ScriptError::io(format!("connecting to {}", self.addr)))?;
            let _ = stream.set_nodelay(true);
            let local = stream.local_addr().ok();
            let Some(tls) = &self.tls else { return Ok(Connected { stream: Box::pin(stream), local }) };
            let name = rustls::pki_types::ServerName::try_from(self.host.clone())
                .map_err(|_| ScriptError::Setup(format!("{} is not a host name", self.host)))?;
            let stream = tls.connect(name, stream).await.map_err(ScriptError::io(format!("TLS with {}", self.host)))?;
            Ok(Connected { stream: Box::pin(stream), local })
        };
        match tokio::time::timeout(self.within, connect).await {
            Ok(stream) => stream,
            Err(_) => Err(ScriptError::Timeout { what: format!("connection to {}", self.addr), within: self.within }),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} at {})", self.host, self.addr)
    }
}

/// A connection and its near end.
pub(crate) struct Connected {
    pub(crate) stream: Pin<Box<dyn StreamObject>>,
    local: Option<SocketAddr>,
}

/// A stream of any kind.
pub(crate) trait StreamObject: AsyncRead + AsyncWrite + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Send + Sync> StreamObject for T {}

/// What came to a WIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A whole message, text or binary.
    Message(Opcode, Bytes),
    /// A Ping; it was answered unless the script said otherwise.
    Ping(Bytes),
    /// A Pong.
    Pong(Bytes),
    /// A Close with its code, if it had one.
    Close(Option<u16>, String),
    /// The end of the stream.
    End,
}

impl Came {
    fn short(&self) -> String {
        match self {
            Self::Message(_, octets) => first_line(octets),
            Self::Ping(_) => "a Ping".into(),
            Self::Pong(_) => "a Pong".into(),
            Self::Close(Some(code), reason) => format!("Close {code} {reason}"),
            Self::Close(None, _) => "Close".into(),
            Self::End => "the end of the connection".into(),
        }
    }
}

/// An open WebSocket of a scripted WIC.
pub struct Wic {
    stream: Pin<Box<dyn StreamObject>>,
    local: Option<SocketAddr>,
    buffer: BytesMut,
    /// The parts of a fragmented message so far.
    partial: Option<(Opcode, BytesMut)>,
    waiting: VecDeque<Came>,
    log: Log,
    name: String,
    target: Target,
    answers_pings: bool,
}

impl Wic {
    /// Connects and asks for an upgrade; a 101 gives the open WebSocket, anything else the answer.
    ///
    /// # Errors
    /// When there is no connection or no answer.
    pub async fn upgrade(
        target: &Target,
        name: &str,
        upgrade: &Upgrade,
        log: &Log,
    ) -> Result<(HttpAnswer, Self), ScriptError> {
        let mut wic = Self::connect(target, name, log).await?;
        let text = upgrade.text();
        wic.log.note(name, &target.node, Direction::Out, Leg::Upgrade, "WebSocket upgrade", &text);
        wic.write(text.as_bytes()).await?;
        let answer = wic.read_http().await?;
        let summary = answer.status.to_string();
        wic.log.note(name, &target.node, Direction::In, Leg::Upgrade, &summary, &(answer.head() + &answer.text()));
        Ok((answer, wic))
    }

    /// As [`Self::upgrade`], where only a 101 is of use.
    ///
    /// # Errors
    /// [`ScriptError::Refused`] with any other answer.
    pub async fn open(target: &Target, name: &str, upgrade: &Upgrade, log: &Log) -> Result<Self, ScriptError> {
        let (answer, wic) = Self::upgrade(target, name, upgrade, log).await?;
        match answer.status {
            101 => Ok(wic),
            status => Err(ScriptError::Refused { status, reason: answer.text().chars().take(200).collect() }),
        }
    }

    /// A bare connection, for what is not HTTP.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connect(target: &Target, name: &str, log: &Log) -> Result<Self, ScriptError> {
        let Connected { stream, local } = target.connect().await?;
        Ok(Self {
            stream,
            local,
            buffer: BytesMut::new(),
            partial: None,
            waiting: VecDeque::new(),
            log: log.clone(),
            name: name.to_owned(),
            target: target.clone(),
            answers_pings: true,
        })
    }

    /// Whether Pings are answered, as every browser does.
    pub fn answer_pings(&mut self, answers: bool) {
        self.answers_pings = answers;
    }

    /// The near end of its connection, by which the system's trace can tell it from others.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Its name in the ladder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one WebSocket message: text, or binary where the octets are not UTF-8.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, octets: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        let octets = octets.as_ref();
        let opcode = if std::str::from_utf8(octets).is_ok() { Opcode::Text } else { Opcode::Binary };
        self.send_as(opcode, octets).await
    }

    /// Sends one WebSocket message as text or binary.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_as(&mut self, opcode: Opcode, octets: &[u8]) -> Result<(), ScriptError> {
        self.log.sip(&self.name, &self.target.node, Direction::Out, Leg::Wss, Ends::default(), octets);
        self.write(&Frame::new(opcode, octets.to_vec()).encode()).await
    }

    /// Sends one frame as it stands.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_frame(&mut self, frame: &Frame) -> Result<(), ScriptError> {
        let mask = if frame.mask.is_some() { "" } else { ", unmasked" };
        let fin = if frame.fin { "" } else { ", not final" };
        let summary = format!("frame {:?} of {} octets{fin}{mask}", frame.opcode, frame.payload.len());
        let text: String = String::from_utf8_lossy(&frame.payload).chars().take(4000).collect();
        self.log.note(&self.name, &self.target.node, Direction::Out, Leg::Wss, &summary, &text);
        self.write(&frame.encode()).await
    }

    /// Writes octets as they stand.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), ScriptError> {
        let within = self.target.within;
        let written = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(within, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(ScriptError::Io { what: "writing to the system".into(), source }),
            Err(_) => Err(ScriptError::Timeout { what: "room to write".into(), within }),
        }
    }

    /// The next thing that comes, Pings included.
    ///
    /// # Errors
    /// When nothing comes in time, or what comes is no frame.
    pub async fn next(&mut self) -> Result<Came, ScriptError> {
        self.next_within(self.target.within, "message or end of the connection").await
    }

    /// The next thing that comes within a time of its own.
    ///
    /// # Errors
    /// When nothing comes in time, or what comes is no frame.
    pub async fn next_within(&mut self, within: Duration, what: &str) -> Result<Came, ScriptError> {
        if let Some(came) = self.waiting.pop_front() {
            return Ok(came);
        }
        self.read_within(within, what).await
    }

    async fn read_within(&mut self, within: Duration, what: &str) -> Result<Came, ScriptError> {
        match tokio::time::timeout(within, self.read_came()).await {
            Ok(came) => came,
            Err(_) => Err(ScriptError::Timeout { what: what.to_owned(), within }),
        }
    }

    /// The next SIP message; Pings, Pongs and keep-alives are passed over.
    ///
    /// # Errors
    /// When none comes in time, the connection closes, or it cannot be read.
    pub async fn message(&mut self) -> Result<Message, ScriptError> {
        self.message_that("SIP message", |_| true).await
    }

    /// The next response that is final; provisional ones are passed over, requests are kept.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub async fn answer(&mut self) -> Result<Response, ScriptError> {
        let is_final = |m: &Message| matches!(m, Message::Response(r) if r.status.is_final());
        match self.message_that("final response", is_final).await? {
            Message::Response(response) => Ok(response),
            Message::Request(request) => Err(unexpected("a response", &request.to_bytes())),
        }
    }

    /// The next final response to the request with this CSeq; others are passed over.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub async fn answer_to(&mut self, cseq: u32, method: &str) -> Result<Response, ScriptError> {
        let of = |m: &Message| {
            matches!(m, Message::Response(r) if r.status.is_final()
                && r.cseq().is_ok_and(|c| c.number == cseq && c.method.as_str() == method))
        };
        match self.message_that(&format!("final response to {method}"), of).await? {
            Message::Response(response) => Ok(response),
            Message::Request(request) => Err(unexpected("a response", &request.to_bytes())),
        }
    }

    /// The next response, provisional or not.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub async fn response(&mut self) -> Result<Response, ScriptError> {
        match self.message_that("response", |m| matches!(m, Message::Response(_))).await? {
            Message::Response(response) => Ok(response),
            Message::Request(request) => Err(unexpected("a response", &request.to_bytes())),
        }
    }

    /// The next request of a method; other messages are kept for later.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub async fn request(&mut self, method: &str) -> Result<Request, ScriptError> {
        let of = |m: &Message| matches!(m, Message::Request(r) if r.method.as_str() == method);
        match self.message_that(&format!("{method} request"), of).await? {
            Message::Request(request) => Ok(request),
            Message::Response(response) => Err(unexpected("a request", &response.to_bytes())),
        }
    }

    async fn message_that(&mut self, what: &str, is: impl Fn(&Message) -> bool) -> Result<Message, ScriptError> {
        let wanted = |came: &Came| match came {
            Came::Message(_, octets) if !is_keep_alive(octets) => match parse(octets) {
                Ok(message) => is(&message).then_some(Ok(message)),
                Err(error) => Some(Err(error)),
            },
            _ => None,
        };
        let mut at = 0;
        while let Some(came) = self.waiting.get(at) {
            match wanted(came) {
                Some(message) => {
                    self.waiting.remove(at);
                    return message;
                }
                None => at += 1,
            }
        }
        let within = self.target.within;
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let came = match self.read_within(left, what).await {
                Err(ScriptError::Timeout { what, .. }) => return Err(ScriptError::Timeout { what, within }),
                came => came?,
            };
            match (wanted(&came), &came) {
                (Some(message), _) => return message,
                (None, Came::Close(code, _)) => {
                    let error = ScriptError::Closed { what: what.to_owned(), code: *code };
                    self.keep(came);
                    return Err(error);
                }
                (None, Came::End) => {
                    self.keep(came);
                    return Err(ScriptError::Closed { what: what.to_owned(), code: None });
                }
                (None, Came::Message(..)) => self.keep(came),
                (None, Came::Ping(_) | Came::Pong(_)) => {}
            }
        }
    }

    /// How the system closes the connection: the code of its Close, `None` when the stream just ends.
    /// Whatever comes before is passed over.
    ///
    /// # Errors
    /// When it stays open.
    pub async fn closed(&mut self) -> Result<Option<u16>, ScriptError> {
        let within = self.target.within;
        self.closed_within(within).await
    }

    /// As [`Self::closed`], with a time of its own.
    ///
    /// # Errors
    /// When it stays open.
    pub async fn closed_within(&mut self, within: Duration) -> Result<Option<u16>, ScriptError> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match self.next_within(left, "end of the connection").await {
                Ok(Came::Close(code, _)) => return Ok(code),
                Ok(Came::End) => return Ok(None),
                Ok(_) => {}
                Err(ScriptError::Io { .. }) => return Ok(None),
                Err(ScriptError::Timeout { what, .. }) => return Err(ScriptError::Timeout { what, within }),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether nothing but Pings comes for a while.
    ///
    /// # Errors
    /// [`ScriptError::Unexpected`] with what came.
    pub async fn silent(&mut self, within: Duration) -> Result<(), ScriptError> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match self.next_within(left, "").await {
                Err(ScriptError::Timeout { .. }) => return Ok(()),
                Ok(Came::Ping(_) | Came::Pong(_)) => {}
                Ok(came) => return Err(ScriptError::Unexpected { wanted: "nothing".into(), got: came.short() }),
                Err(error) => return Err(error),
            }
        }
    }

    /// Says goodbye with a Close, and drops the connection.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn close(mut self, code: u16) -> Result<(), ScriptError> {
        self.send_frame(&Frame::close(code, "")).await?;
        let _ = self.closed_within(self.target.within).await;
        let _ = self.stream.shutdown().await;
        Ok(())
    }

    fn keep(&mut self, came: Came) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(came);
        }
    }

    async fn read_http(&mut self) -> Result<HttpAnswer, ScriptError> {
        let within = self.target.within;
        let read = async {
            loop {
                if let Some(mut answer) = HttpAnswer::parse_head(&mut self.buffer)? {
                    let length: usize = answer.value("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
                    while answer.status != 101 && self.buffer.len() < length.min(64 * 1024) {
                        if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                            break;
                        }
                    }
                    if answer.status != 101 {
                        answer.body = self.buffer.split().to_vec();
                    }
                    return Ok(answer);
                }
                if self.stream.read_buf(&mut self.buffer).await.map_err(ScriptError::io("reading HTTP"))? == 0 {
                    return Err(ScriptError::Closed { what: "an HTTP answer".into(), code: None });
                }
            }
        };
        match tokio::time::timeout(within, read).await {
            Ok(answer) => answer,
            Err(_) => Err(ScriptError::Timeout { what: "HTTP answer".into(), within }),
        }
    }

    /// Reading can be given up at any point: what was read stays in the buffer.
    async fn read_came(&mut self) -> Result<Came, ScriptError> {
        loop {
            let frame =
                Frame::decode(&mut self.buffer).map_err(|why| ScriptError::Malformed { what: "a frame", why })?;
            if let Some(frame) = frame {
                if let Some(came) = self.on_frame(frame).await? {
                    return Ok(came);
                }
                continue;
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(Came::End),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Came::End),
                Err(source) => return Err(ScriptError::Io { what: "reading from the system".into(), source }),
            }
        }
    }

    async fn on_frame(&mut self, frame: Frame) -> Result<Option<Came>, ScriptError> {
        if frame.mask.is_some() {
            return Err(ScriptError::Malformed {
                what: "a frame",
                why: "a server masks nothing (RFC 6455 §5.1)".into(),
            });
        }
        Ok(match frame.opcode {
            Opcode::Ping => {
                if self.answers_pings {
                    self.write(&Frame::new(Opcode::Pong, frame.payload.clone()).encode()).await?;
                }
                Some(Came::Ping(frame.payload))
            }
            Opcode::Pong => Some(Came::Pong(frame.payload)),
            Opcode::Close => {
                let (code, reason) = frame.close_code().map_or((None, String::new()), |(c, r)| (Some(c), r));
                let summary = format!("Close {} {reason}", code.map_or("without a code".into(), |c| c.to_string()));
                self.log.note(&self.name, &self.target.node, Direction::In, Leg::Wss, &summary, &reason);
                Some(Came::Close(code, reason))
            }
            Opcode::Text | Opcode::Binary if frame.fin => Some(self.whole(frame.opcode, frame.payload)),
            Opcode::Text | Opcode::Binary => {
                self.partial = Some((frame.opcode, BytesMut::from(&frame.payload[..])));
                None
            }
            Opcode::Continuation => match self.partial.take() {
                Some((opcode, mut octets)) => {
                    octets.extend_from_slice(&frame.payload);
                    if frame.fin {
                        Some(self.whole(opcode, octets.freeze()))
                    } else {
                        self.partial = Some((opcode, octets));
                        None
                    }
                }
                None => {
                    let why = "a continuation of nothing (RFC 6455 §5.4)".into();
                    return Err(ScriptError::Malformed { what: "a frame", why });
                }
            },
            Opcode::Reserved(code) => {
                return Err(ScriptError::Malformed { what: "a frame", why: format!("opcode {code}") });
            }
        })
    }

    fn whole(&self, opcode: Opcode, octets: Bytes) -> Came {
        self.log.sip(&self.name, &self.target.node, Direction::In, Leg::Wss, Ends::default(), &octets);
        Came::Message(opcode, octets)
    }
}

impl fmt::Debug for Wic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wic({} at {:?})", self.name, self.target)
    }
}

fn is_keep_alive(octets: &[u8]) -> bool {
    octets.iter().all(|c| matches!(c, b'\r' | b'\n'))
}

fn parse(octets: &Bytes) -> Result<Message, ScriptError> {
    Message::parse(octets.clone(), Framing::WebSocket)
        .map_err(|e| ScriptError::Malformed { what: "a SIP message from the system", why: e.error.to_string() })
}

fn unexpected(wanted: &str, got: &[u8]) -> ScriptError {
    ScriptError::Unexpected { wanted: wanted.to_owned(), got: first_line(got) }
}

fn first_line(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).lines().next().unwrap_or_default().chars().take(120).collect()
}
