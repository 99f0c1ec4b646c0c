//! Loops: a request that comes back unchanged (RFC 3261 §16.3 step 4, §16.6 step 8, RFC 5393 §4.2).

use crate::digest::Algorithm;
use crate::headers::Via;
use crate::{HeaderName, Rejection, Request, StatusCode};

/// How many hexadecimal digits of the hash stand in a branch.
const MARK: usize = 16;

/// A branch, without the magic cookie, for the copy of `request` that is about to go out: `token`,
/// which has to be new for each copy, and a mark by which [`check_loop`] knows the request again.
/// `request` is as it came in, before route and Request-URI are touched.
pub fn branch(token: &str, request: &Request) -> String {
    format!("{token}.{}", mark(request))
}

/// Finds out whether `request`, as it came in, was here before and nothing that routing depends on
/// has changed since. A request that comes back with another Request-URI is a spiral, and passes.
///
/// # Errors
/// 482.
pub fn check_loop(request: &Request, is_own: impl Fn(&Via) -> bool) -> Result<(), Rejection> {
    let Ok(vias) = request.headers.all::<Via>() else { return Ok(()) };
    let mut ours = vias.iter().filter(|via| is_own(via)).peekable();
    if ours.peek().is_none() {
        return Ok(());
    }
    let mark = mark(request);
    if ours.any(|via| via.branch().and_then(|branch| branch.rsplit_once('.')).is_some_and(|(_, seen)| seen == mark)) {
        let reason = "the request was here before (RFC 3261 §16.3 step 4)";
        return Err(Rejection::new(StatusCode::LOOP_DETECTED, reason));
    }
    Ok(())
}

/// A hash of what routing depends on (RFC 5393 §4.2.1), Via aside, and of what tells requests apart.
fn mark(request: &Request) -> String {
    use HeaderName::{CSeq, CallId, From, ProxyAuthorization, ProxyRequire, Route, To};
    let mut text = format!("{} {}", request.method, request.uri);
    for name in [&From, &To, &CallId, &CSeq, &ProxyRequire, &ProxyAuthorization, &Route] {
        for value in request.headers.values(name) {
            text.push('\n');
            text.push_str(value);
        }
        text.push('\n');
    }
    let mut mark = Algorithm::Sha256.hash_hex(text);
    mark.truncate(MARK);
    mark
}
