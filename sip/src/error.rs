//! What can be wrong with a message, and what is answered.

use crate::{Request, StatusCode};
use std::borrow::Cow;

/// Why octets are not a SIP message (or not exactly one).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at octet {offset})")]
pub struct ParseError {
    /// What is wrong, for a reason phrase or a log; names the clause.
    pub reason: Cow<'static, str>,
    /// Where in the input, in octets.
    pub offset: usize,
    /// What a server answers when this is a request (400, 505, …).
    pub status: StatusCode,
}

impl ParseError {
    /// A plain 400.
    pub fn new(reason: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        Self { reason: reason.into(), offset, status: StatusCode::BAD_REQUEST }
    }
}

/// Octets that could not be accepted, with as much of the request as could be read: enough to
/// answer it when its Via, From, To, Call-ID and CSeq are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Malformed {
    /// What is wrong.
    pub error: ParseError,
    /// The request as far as it was read; `None` for a response or for something that is not SIP.
    pub request: Option<Box<Request>>,
}

/// Why one header value does not follow its grammar, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HeaderError(Cow<'static, str>);

impl HeaderError {
    /// An error that says `reason`.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

/// A request that is refused: the final response it gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {reason}", status.code())]
pub struct Rejection {
    /// The status to answer.
    pub status: StatusCode,
    /// The cause and the clause; goes into the reason phrase.
    pub reason: Cow<'static, str>,
}

impl Rejection {
    /// Answer `status` because of `reason`.
    pub fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into() }
    }
}
