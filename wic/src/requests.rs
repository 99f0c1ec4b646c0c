//! Requests that could not even be read.

use sip::{Entropy, Malformed, Method, Response};

/// The answer to a request that could not be read whole, if enough of it could (RFC 3261 §8.2).
pub(crate) fn answer_malformed(malformed: &Malformed, entropy: &mut dyn Entropy) -> Option<Response> {
    let request = malformed.request.as_ref().filter(|r| r.method != Method::Ack)?;
    let answerable = request.via().is_ok() && request.from().is_ok() && request.call_id().is_ok();
    let mut response = answerable.then(|| request.respond_with(malformed.error.status, malformed.error.to_string()))?;
    response.ensure_to_tag(|| entropy.token(10));
    Some(response)
}
