//! Messages out of a byte stream (TCP, TLS), by Content-Length (RFC 3261 §18.3).

use crate::reader::content_length;
use crate::{ParseError, syntax};
use bytes::{Buf, Bytes, BytesMut};

/// Collects what a stream delivers and cuts it into messages and keep-alives.
///
/// An error is final: the boundaries are lost, and the connection must be closed.
#[derive(Debug)]
pub struct StreamDecoder {
    buffer: BytesMut,
    limit: usize,
    /// How far the search for the end of the headers has come.
    searched: usize,
}

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message, for [`crate::Message::parse`] with [`crate::Framing::Stream`].
    Message(Bytes),
    /// CRLF CRLF, which is answered with one CRLF (RFC 5626 §3.5.1).
    Ping,
}

/// A keep-alive (RFC 5626 §3.5.1).
const PING: &[u8] = b"\r\n\r\n";

impl StreamDecoder {
    /// A decoder that refuses messages longer than `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit, searched: 0 }
    }

    /// Takes what was read.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole frame; `None` until more has been pushed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ParseError> {
        while self.searched == 0 {
            if self.buffer.starts_with(PING) {
                self.buffer.advance(PING.len());
                return Ok(Some(Frame::Ping));
            }
            if PING.starts_with(&self.buffer) {
                // A lone CRLF is a pong or padding; with nothing behind it, it may yet become a
                // ping, so it stays.
                return Ok(None);
            }
            if !self.buffer.starts_with(b"\r\n") {
                break;
            }
            self.buffer.advance(2);
        }
        let from = self.searched.saturating_sub(3);
        let Some(at) = syntax::find_empty_line(&self.buffer[from..]) else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > self.limit { Err(self.too_long()) } else { Ok(None) };
        };
        let head_len = from + at + 4;
        let length = body_length(&self.buffer[..head_len])?;
        let total = head_len.saturating_add(length);
        if total > self.limit {
            return Err(self.too_long());
        }
        if self.buffer.len() < total {
            self.searched = head_len - 1;
            return Ok(None);
        }
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(total).freeze())))
    }

    fn too_long(&self) -> ParseError {
        ParseError::new("a message on a stream is longer than is read here (RFC 3261 §18.3)", self.limit)
    }
}

fn body_length(head: &[u8]) -> Result<usize, ParseError> {
    let no_length = || ParseError::new("no usable Content-Length on a stream (RFC 3261 §18.3)", 0);
    let head = std::str::from_utf8(head).map_err(|_| ParseError::new("a header is not UTF-8 (RFC 3261 §7)", 0))?;
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| {
            let name = name.trim_end();
            syntax::is_token(name) && (name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l"))
        })
        .and_then(|(_, value)| content_length(value.trim()))
        .ok_or_else(no_length)
}
