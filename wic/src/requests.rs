//! Requests that reach the WIC outside a call.

use sip::{Entropy, HeaderName, Malformed, Method, Rejection, Request, Response, StatusCode};

/// What this WIC answers other than 405.
const ALLOW: &str = "OPTIONS";

/// The answer to a request; ACK has none.
pub(crate) fn answer(request: &Request, entropy: &mut dyn Entropy) -> Option<Response> {
    if request.method == Method::Ack {
        return None;
    }
    let mut response = match request.validate() {
        Err(rejection) => reject(request, rejection),
        Ok(()) => respond(request),
    };
    response.ensure_to_tag(|| entropy.token(10));
    Some(response)
}

/// The answer to a request that could not be read whole, if enough of it could (RFC 3261 §8.2).
pub(crate) fn answer_malformed(malformed: &Malformed, entropy: &mut dyn Entropy) -> Option<Response> {
    let request = malformed.request.as_ref().filter(|r| r.method != Method::Ack)?;
    let answerable = request.via().is_ok() && request.from().is_ok() && request.call_id().is_ok();
    let mut response = answerable.then(|| request.respond_with(malformed.error.status, malformed.error.to_string()))?;
    response.ensure_to_tag(|| entropy.token(10));
    Some(response)
}

fn respond(request: &Request) -> Response {
    let in_dialog = request.to().is_ok_and(|to| to.tag().is_some());
    match request.method {
        Method::Options if !in_dialog => request
            .respond(StatusCode::OK)
            .with_raw(HeaderName::Allow, ALLOW)
            .with_raw(HeaderName::Accept, "application/sdp")
            .with_raw(HeaderName::Supported, "path, outbound, gruu"),
        // No dialog, transaction or subscription of ours (RFC 3261 §12.2.2, §9.2, RFC 6665 §4.1.3).
        _ if in_dialog => request.respond(StatusCode::CALL_DOES_NOT_EXIST),
        Method::Bye | Method::Cancel | Method::Notify | Method::Prack | Method::Update => {
            request.respond(StatusCode::CALL_DOES_NOT_EXIST)
        }
        _ => request.respond(StatusCode::METHOD_NOT_ALLOWED).with_raw(HeaderName::Allow, ALLOW),
    }
}

fn reject(request: &Request, rejection: Rejection) -> Response {
    request.respond_with(rejection.status, rejection.reason.into_owned())
}
