//! Require and Proxy-Require (RFC 3261 §8.2.2.3, §16.3 step 5).

use crate::{HeaderName, Method, Request, Response, StatusCode};

/// Checks that everything in `header` (Require for a server, Proxy-Require for a proxy) is among
/// `supported`, which is compared without case.
///
/// ACK and CANCEL pass in any case: an ACK can't be refused, and neither asks for more than its
/// INVITE did.
///
/// # Errors
/// The 420 to send, with what is not supported in its Unsupported header; its To has no tag yet.
pub fn refuse_extensions(request: &Request, header: &HeaderName, supported: &[&str]) -> Result<(), Response> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    let is_supported = |tag: &&str| supported.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unsupported: Vec<&str> =
        request.headers.elements(header).filter(|tag| !tag.is_empty() && !is_supported(tag)).collect();
    if unsupported.is_empty() {
        return Ok(());
    }
    let clause = if *header == HeaderName::ProxyRequire { "§16.3 step 5" } else { "§8.2.2.3" };
    let reason = format!("{header} asks for an extension that is not supported (RFC 3261 {clause})");
    let refusal = request.respond_with(StatusCode::BAD_EXTENSION, reason);
    Err(refusal.with_raw(HeaderName::Unsupported, unsupported.join(", ")))
}
