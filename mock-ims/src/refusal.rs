//! A final response that refuses a request, with the headers that its status needs.

use sip::headers::{MinExpires, RetryAfter, TypedHeader};
use sip::{Header, HeaderError, HeaderName, Rejection, Request, Response, StatusCode};
use std::borrow::Cow;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    rejection: Rejection,
    headers: Vec<Header>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Rejection::new(status, reason).into()
    }

    pub(crate) fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    pub(crate) fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// 420, with the option tags that are not understood (RFC 3261 §8.2.2.3, §16.3 step 5).
    pub(crate) fn unsupported(tags: &[&str]) -> Self {
        let reason = "an extension is required that is not supported (RFC 3261 8.2.2.3)";
        let unsupported = Header::new(HeaderName::Unsupported, tags.join(", "));
        Self { headers: vec![unsupported], ..Self::new(StatusCode::BAD_EXTENSION, reason) }
    }

    /// 423 (RFC 3261 §10.3 step 7).
    pub(crate) fn too_brief(min_expires: u32) -> Self {
        let reason = format!("a registration lasts {min_expires} s at least (RFC 3261 10.3)");
        Self::new(StatusCode::INTERVAL_TOO_BRIEF, reason).with(&MinExpires(min_expires))
    }

    /// Whom the answer tells to come back after `seconds`.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.with(&RetryAfter(seconds))
    }

    /// 481 to a CANCEL (RFC 3261 §9.2).
    pub(crate) fn no_transaction() -> Self {
        Self::new(StatusCode::CALL_DOES_NOT_EXIST, "nothing to cancel (RFC 3261 9.2)")
    }

    /// The response itself, without a To tag.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let Rejection { status, reason } = &self.rejection;
        let mut response = request.respond_with(*status, reason.clone().into_owned());
        self.headers.iter().for_each(|h| response.headers.push(h.name.clone(), h.value.clone()));
        response
    }

    /// With one more header.
    pub(crate) fn with_raw(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    fn with<H: TypedHeader>(mut self, header: &H) -> Self {
        self.headers.push(Header::new(H::NAME, header.to_string()));
        self
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, headers: Vec::new() }
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::bad_request(error.reason().to_owned())
    }
}
