//! HTTP/1.1 by hand: upgrade requests with any header, and short exchanges with a web server.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use trace::{Direction, Leg};

use super::{Log, ScriptError, Target};

/// RFC 6455 §1.3.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The longest answer that is read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// An upgrade request; every line may be changed.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The request line.
    pub start: String,
    /// The header lines.
    pub lines: Vec<(String, String)>,
}

impl Upgrade {
    /// A right one, from a page of this origin.
    pub fn from_page(target: &Target, origin: &str) -> Self {
        Self::bare(target).with("Origin", origin)
    }

    /// A right one but for the missing Origin.
    pub fn bare(target: &Target) -> Self {
        let host = target.authority();
        let lines = [
            ("Host", &*host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", "sip"),
        ];
        Self {
            start: format!("GET {} HTTP/1.1", target.path),
            lines: lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    /// Adds a line.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a value in the place of a line, or adds one.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// Removes a line.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.lines.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// The value that Sec-WebSocket-Accept must have (RFC 6455 §4.2.2).
    pub fn accept(&self) -> String {
        let key = self.lines.iter().find(|(n, _)| n.eq_ignore_ascii_case("sec-websocket-key"));
        accept(key.map_or("", |(_, value)| value.as_str()))
    }

    /// The text on the wire.
    pub fn text(&self) -> String {
        let mut out = format!("{}\r\n", self.start);
        for (name, value) in &self.lines {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        out + "\r\n"
    }
}

/// What a server makes of Sec-WebSocket-Key (RFC 6455 §4.2.2).
pub(crate) fn accept(key: &str) -> String {
    let text = format!("{key}{WEBSOCKET_GUID}");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(hash)
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The header lines, names in lower case.
    pub lines: Vec<(String, String)>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The value of the first line of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The head, as it is logged.
    pub fn head(&self) -> String {
        let mut out = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.lines {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        out + "\r\n"
    }

    /// Reads an answer's head out of what was read, which keeps what follows.
    pub(crate) fn parse_head(buffer: &mut BytesMut) -> Result<Option<Self>, ScriptError> {
        let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = buffer.split_to(at + 4);
        let malformed = |why: &str| ScriptError::Malformed { what: "an HTTP answer", why: why.to_owned() };
        let text = std::str::from_utf8(&head).map_err(|_| malformed("it is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 ")))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| malformed("its first line is no status line"))?;
        let lines = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self { status, lines, body: Vec::new() }))
    }
}

/// One exchange on a connection of its own: `request` goes out as it stands, but for a
/// `Connection: close` that is added to its lines.
///
/// # Errors
/// When there is no connection, or no whole answer in time.
pub async fn http(target: &Target, request: &Upgrade, body: &str, log: &Log) -> Result<HttpAnswer, ScriptError> {
    let mut request = request.clone().with("Connection", "close");
    if !body.is_empty() {
        request = request.with("Content-Length", &body.len().to_string());
    }
    let exchange = async {
        let mut stream = target.connect().await?.stream;
        let text = request.text();
        let method_and_path = request.start.trim_end_matches(" HTTP/1.1");
        log.note("wic", &target.node, Direction::Out, Leg::Https, method_and_path, &format!("{text}{body}"));
        // Who refuses a long body may do so before all of it is written.
        let written =
            stream.write_all(format!("{text}{body}").as_bytes()).await.map_err(ScriptError::io("writing HTTP"));
        let answer = read_answer(&mut stream).await.or_else(|error| written.and(Err(error)))?;
        let shown: String = answer.text().chars().take(2000).collect();
        let summary = format!("{} {method_and_path}", answer.status);
        log.note("wic", &target.node, Direction::In, Leg::Https, &summary, &(answer.head() + &shown));
        Ok(answer)
    };
    match tokio::time::timeout(target.within, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(ScriptError::Timeout { what: "HTTP answer".into(), within: target.within }),
    }
}

/// Reads head and body to the end of the connection or of the stated length.
async fn read_answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<HttpAnswer, ScriptError> {
    let mut buffer = BytesMut::new();
    let mut answer = loop {
        if let Some(answer) = HttpAnswer::parse_head(&mut buffer)? {
            break answer;
        }
        if read(stream, &mut buffer).await? == 0 {
            return Err(ScriptError::Closed { what: "an HTTP answer".into(), code: None });
        }
    };
    let length: Option<usize> = answer.value("content-length").and_then(|value| value.parse().ok());
    let chunked = answer.value("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    while length.is_none_or(|length| buffer.len() < length) && read(stream, &mut buffer).await? > 0 {}
    answer.body = if chunked { unchunk(&buffer) } else { buffer.to_vec() };
    Ok(answer)
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> Result<usize, ScriptError> {
    if buffer.len() > MAX_ANSWER {
        return Ok(0);
    }
    match stream.read_buf(buffer).await {
        Ok(length) => Ok(length),
        // A server that closes without close_notify has still answered.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(ScriptError::io("reading HTTP")(error)),
    }
}

fn unchunk(mut octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(at) = octets.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&octets[..at]).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(chunk) = size.filter(|size| *size > 0).and_then(|size| octets.get(at + 2..at + 2 + size)) else {
            break;
        };
        out.extend_from_slice(chunk);
        octets = octets.get(at + 4 + chunk.len()..).unwrap_or_default();
    }
    out
}
