//! Session descriptions in bodies.

use bytes::Bytes;
use sip::headers::{ContentDisposition, ContentType};
use sip::{HeaderName, Headers, Request, Response, StatusCode};

use crate::Sdp;

/// The one media type of a session.
pub(super) const SDP: &str = "application/sdp";

/// A body that is not understood.
#[derive(Debug)]
pub(super) enum BadBody {
    /// 415: another media type, with what would be taken.
    Type,
    /// 415: compressed.
    Encoding,
    /// 400: not text.
    Text,
}

impl BadBody {
    pub(super) fn answer(&self, request: &Request) -> Response {
        let unsupported = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        match self {
            Self::Type => request
                .respond_with(unsupported, "the session is to be described by SDP (RFC 3261 §8.2.3)")
                .with_raw(HeaderName::Accept, SDP),
            Self::Encoding => request
                .respond_with(unsupported, "no content encoding is understood (RFC 3261 §8.2.3)")
                .with_raw(HeaderName::AcceptEncoding, "identity"),
            Self::Text => request.respond_with(StatusCode::BAD_REQUEST, "the SDP is not UTF-8 (RFC 8866 §5)"),
        }
    }
}

/// The session description in a body, if there is one. A body that may be ignored is (RFC 3261
/// §20.11).
pub(super) fn sdp(headers: &Headers, body: &Bytes) -> Result<Option<Sdp>, BadBody> {
    if body.is_empty() {
        return Ok(None);
    }
    let disposition = headers.opt::<ContentDisposition>().ok().flatten();
    let is_session = disposition.as_ref().is_none_or(|d| d.disposition.eq_ignore_ascii_case("session"));
    let is_optional = disposition
        .as_ref()
        .and_then(|d| d.params.value("handling"))
        .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
    let is_sdp = headers.opt::<ContentType>().ok().flatten().is_some_and(|t| t.is(SDP));
    if !is_session || !is_sdp {
        return if is_optional { Ok(None) } else { Err(BadBody::Type) };
    }
    if !headers.elements(&HeaderName::ContentEncoding).all(|e| e.eq_ignore_ascii_case("identity")) {
        return Err(BadBody::Encoding);
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok(Some(Sdp::new(text))),
        Err(_) => Err(BadBody::Text),
    }
}
