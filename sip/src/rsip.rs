//! To and from the types of the `rsip` crate, for programs that hold those.
//!
//! This crate has a message model of its own because `rsip`'s can't hold every message:
//!
//! - its `Method` is a closed enum: a request of any other method has no counterpart
//!   ([`BridgeError::Method`]);
//! - its `Uri` has no place for a URI's headers or for IPv6 hosts, and changes others on the way:
//!   a URI that would not come back as it was is refused ([`BridgeError::Uri`]);
//! - its `StatusCode` drops the reason phrase of a code that it knows; on the way back such a
//!   response has the registered phrase;
//! - its headers have one spelling of a name: `v` comes back as `Via`.
//!
//! Header values, their order and the body go both ways unchanged.

use crate::{Header, HeaderName, Headers, Message, Method, Request, Response, StatusCode, Uri};
use ::rsip as other;
use bytes::Bytes;
use other::headers::header::Tokenizer;

/// What the other side can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BridgeError {
    /// A method that rsip has no name for.
    #[error("rsip has no such method")]
    Method,
    /// A Request-URI that rsip refuses or alters.
    #[error("rsip can't hold this Request-URI")]
    Uri,
    /// A header that is none.
    #[error("a header's name is not a token (RFC 3261 §7.3.1)")]
    Header,
    /// A status code outside 100 to 699.
    #[error("a status code is not 100 to 699 (RFC 3261 §7.2)")]
    Status,
}

impl TryFrom<&Message> for other::SipMessage {
    type Error = BridgeError;

    fn try_from(message: &Message) -> Result<Self, BridgeError> {
        let headers = headers_to(message.headers())?;
        let version = other::Version::V2;
        let body = message.body().to_vec();
        Ok(match message {
            Message::Request(request) => {
                let method = method_to(&request.method)?;
                let uri = uri_to(&request.uri)?;
                Self::Request(other::Request { method, uri, version, headers, body })
            }
            Message::Response(response) => {
                let status_code = match response.status.code().into() {
                    other::StatusCode::Other(code, _) => other::StatusCode::Other(code, response.reason.to_string()),
                    known => known,
                };
                Self::Response(other::Response { status_code, version, headers, body })
            }
        })
    }
}

impl TryFrom<&other::SipMessage> for Message {
    type Error = BridgeError;

    fn try_from(message: &other::SipMessage) -> Result<Self, BridgeError> {
        Ok(match message {
            other::SipMessage::Request(request) => Self::Request(Request {
                method: request.method.to_string().parse().map_err(|()| BridgeError::Method)?,
                uri: request.uri.to_string().parse().map_err(|_| BridgeError::Uri)?,
                headers: headers_from(&request.headers)?,
                body: Bytes::copy_from_slice(&request.body),
            }),
            other::SipMessage::Response(response) => {
                let status = StatusCode::new(response.status_code.code()).ok_or(BridgeError::Status)?;
                let reason = match &response.status_code {
                    other::StatusCode::Other(_, reason) => crate::syntax::one_line(reason.clone().into()),
                    _ => status.reason().into(),
                };
                let headers = headers_from(&response.headers)?;
                Self::Response(Response { status, reason, headers, body: Bytes::copy_from_slice(&response.body) })
            }
        })
    }
}

fn method_to(method: &Method) -> Result<other::Method, BridgeError> {
    // rsip reads methods without case, which they are not.
    let read: other::Method = method.as_str().parse().map_err(|_| BridgeError::Method)?;
    if read.to_string() == method.as_str() { Ok(read) } else { Err(BridgeError::Method) }
}

fn uri_to(uri: &Uri) -> Result<other::Uri, BridgeError> {
    let text = uri.to_string();
    let read = other::Uri::try_from(text.as_str()).map_err(|_| BridgeError::Uri)?;
    if read.to_string() == text { Ok(read) } else { Err(BridgeError::Uri) }
}

fn headers_to(headers: &Headers) -> Result<other::Headers, BridgeError> {
    let convert = |header: &Header| {
        let name = match &header.name {
            HeaderName::Other(_) => header.spelling(),
            known => known.as_str(),
        };
        Tokenizer::from((name.as_bytes(), header.value.as_ref() as &[u8])).try_into().map_err(|_| BridgeError::Header)
    };
    Ok(headers.iter().map(convert).collect::<Result<Vec<other::Header>, _>>()?.into())
}

fn headers_from(headers: &other::Headers) -> Result<Headers, BridgeError> {
    headers
        .iter()
        .map(|header| {
            let line = header.to_string();
            let (name, value) = line.split_once(": ").ok_or(BridgeError::Header)?;
            Header::spelt(name, value).ok_or(BridgeError::Header)
        })
        .collect()
}
