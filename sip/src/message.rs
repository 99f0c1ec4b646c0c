//! Requests and responses.

use crate::headers::{CSeq, CallId, From, To, TypedHeader, Via};
use crate::reader::content_length;
use crate::{HeaderError, HeaderName, Headers, Method, StatusCode, Text, Uri, syntax};
use bytes::Bytes;
use std::fmt::{self, Write};

/// A SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A SIP request (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The headers.
    pub headers: Headers,
    /// The body; empty when there is none.
    pub body: Bytes,
}

/// A SIP response (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase, which may be empty.
    pub reason: Text,
    /// The headers.
    pub headers: Headers,
    /// The body; empty when there is none.
    pub body: Bytes,
}

impl Message {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(r) => &r.headers,
            Self::Response(r) => &r.headers,
        }
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(r) => &mut r.headers,
            Self::Response(r) => &mut r.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(r) => &r.body,
            Self::Response(r) => &r.body,
        }
    }

    /// The Call-ID's raw value.
    pub fn call_id(&self) -> Option<&str> {
        self.headers().value(&HeaderName::CallId)
    }

    /// The octets that go on the wire. Content-Length follows the body, not the list: it is put
    /// right where it stands, and added where it does not.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(r) => r.to_bytes(),
            Self::Response(r) => r.to_bytes(),
        }
    }
}

impl std::convert::From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl std::convert::From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Bytes::new() }
    }

    /// The octets that go on the wire.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = String::with_capacity(1024);
        let _ = write!(out, "{} {} SIP/2.0\r\n", self.method, self.uri);
        finish(out, &self.headers, &self.body)
    }

    /// A response to this request as RFC 3261 §8.2.6 builds it: Via, From, To, Call-ID and CSeq
    /// copied as they stand, the registered reason phrase. A To tag is the caller's to add
    /// ([`Response::ensure_to_tag`]).
    pub fn respond(&self, status: StatusCode) -> Response {
        self.respond_with(status, status.reason())
    }

    /// As [`Request::respond`], with a reason phrase that says why.
    pub fn respond_with(&self, status: StatusCode, reason: impl Into<Text>) -> Response {
        use HeaderName::{CSeq, CallId, From, Timestamp, To, Via};
        let copied = |name: &HeaderName| {
            matches!(name, Via | From | To | CallId | CSeq) || (status == StatusCode::TRYING && *name == Timestamp)
        };
        let headers = self.headers.iter().filter(|h| copied(&h.name)).cloned().collect();
        Response { status, reason: syntax::one_line(reason.into()), headers, body: Bytes::new() }
    }
}

impl Response {
    /// The octets that go on the wire.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = String::with_capacity(1024);
        let _ = write!(out, "SIP/2.0 {} {}\r\n", self.status, self.reason);
        finish(out, &self.headers, &self.body)
    }

    /// Gives To the tag that `tag` makes, unless it has one (RFC 3261 §8.2.6.2).
    pub fn ensure_to_tag(&mut self, tag: impl FnOnce() -> String) {
        if let Ok(mut to) = self.headers.one::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&tag());
            self.headers.replace(&to);
        }
    }
}

macro_rules! common_views {
    ($type:ty) => {
        impl $type {
            /// The Call-ID.
            pub fn call_id(&self) -> Result<CallId, HeaderError> {
                self.headers.one()
            }

            /// The CSeq.
            pub fn cseq(&self) -> Result<CSeq, HeaderError> {
                self.headers.one()
            }

            /// The From header.
            pub fn from(&self) -> Result<From, HeaderError> {
                self.headers.one()
            }

            /// The To header.
            pub fn to(&self) -> Result<To, HeaderError> {
                self.headers.one()
            }

            /// The topmost Via.
            pub fn via(&self) -> Result<Via, HeaderError> {
                self.headers.first()?.ok_or_else(|| HeaderError::new("Via is missing (RFC 3261 §8.1.1)"))
            }

            /// Adds a typed header at the end, and gives the message back.
            #[must_use]
            pub fn with<H: TypedHeader>(mut self, header: &H) -> Self {
                self.headers.add(header);
                self
            }

            /// Adds a raw header at the end, and gives the message back.
            #[must_use]
            pub fn with_raw(mut self, name: HeaderName, value: impl Into<Text>) -> Self {
                self.headers.push(name, value);
                self
            }

            /// Sets the body and its Content-Type, and gives the message back.
            #[must_use]
            pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
                self.headers.set(HeaderName::ContentType, content_type.to_owned());
                self.body = body.into();
                self
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
            }
        }
    };
}

common_views!(Request);
common_views!(Response);

fn finish(mut head: String, headers: &Headers, body: &Bytes) -> Bytes {
    let mut sized = false;
    for header in headers.iter() {
        if header.name != HeaderName::ContentLength {
            push_line(&mut head, header.spelling(), &header.value);
        } else if !sized {
            sized = true;
            match content_length(&header.value) == Some(body.len()) {
                true => push_line(&mut head, header.spelling(), &header.value),
                false => push_line(&mut head, header.spelling(), &body.len().to_string()),
            }
        }
    }
    if !sized {
        push_line(&mut head, HeaderName::ContentLength.as_str(), &body.len().to_string());
    }
    head.push_str("\r\n");
    let mut octets = head.into_bytes();
    octets.extend_from_slice(body);
    octets.into()
}

fn push_line(head: &mut String, name: &str, value: &str) {
    head.push_str(name);
    head.push_str(": ");
    head.push_str(value);
    head.push_str("\r\n");
}
