//! HTTP/1.1 out of what a record holds of an exchange: sometimes a whole head, mostly a summary.

use std::net::SocketAddr;

use crate::record::Record;
use crate::steps::header;

/// The answer that opens a WebSocket for SIP.
pub(super) const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

/// A request or response of W1, sent to `to`.
pub(super) fn message(record: &Record, to: SocketAddr) -> Vec<u8> {
    if let Some(whole) = whole(record) {
        return whole;
    }
    let (first, second) = record.summary.split_once(' ').unwrap_or((&record.summary, "/"));
    if let Some(status) = status(first) {
        let body = record.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        return response(status, body);
    }
    format!("{} {} HTTP/1.1\r\nHost: {to}\r\n\r\n", word(first, "GET"), word(second, "/")).into_bytes()
}

/// A request for a WebSocket, or its answer.
pub(super) fn upgrade(record: &Record, to: SocketAddr) -> Vec<u8> {
    if let Some(whole) = whole(record) {
        return whole;
    }
    match status(record.summary.split(' ').next().unwrap_or_default()) {
        Some(101) => SWITCHING.into(),
        Some(status) => response(status, &record.text),
        None => upgrade_request(header(&record.text, "origin").as_deref(), to),
    }
}

/// A request for a WebSocket that nobody recorded whole; the key is that of RFC 6455 §1.3.
pub(super) fn upgrade_request(origin: Option<&str>, to: SocketAddr) -> Vec<u8> {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    format!(
        "GET / HTTP/1.1\r\nHost: {to}\r\n{origin}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    .into_bytes()
}

/// The record's text, when it is a whole head already.
fn whole(record: &Record) -> Option<Vec<u8>> {
    let first = record.text.split("\r\n").next()?;
    let is_head = first.starts_with("HTTP/1.1 ") || first.ends_with(" HTTP/1.1");
    (is_head && record.text.contains("\r\n\r\n")).then(|| record.text.clone().into_bytes())
}

fn response(status: u16, body: &str) -> Vec<u8> {
    if status < 200 || matches!(status, 204 | 304) {
        return format!("HTTP/1.1 {status}\r\n\r\n").into_bytes();
    }
    let length = body.len();
    format!("HTTP/1.1 {status} \r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn status(word: &str) -> Option<u16> {
    word.parse().ok().filter(|status| (100..700).contains(status))
}

/// A word that can stand in a request line.
fn word<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic()) { text } else { otherwise }
}
