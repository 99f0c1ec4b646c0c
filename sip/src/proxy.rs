//! What a proxy does to the requests and responses that pass through it (RFC 3261 §16): a node calls
//! what it needs, in its own order.
//!
//! For a request: [`refuse_extensions`], [`check_loop`], [`preprocess_route`]; then, on each copy
//! that goes out, [`take_hop`], [`next_hop`] and [`push_via`]. For its responses: a [`Fork`], or
//! [`forward`] alone where there can't be more than one.

mod extensions;
mod fork;
mod loops;
mod route;

pub use extensions::refuse_extensions;
pub use fork::{Fork, ForkAction, restarts_timer_c};
pub use loops::{branch, check_loop};
pub use route::{Own, next_hop, preprocess_route, set_routes};

use crate::headers::{MaxForwards, Via};
use crate::{HeaderName, Headers, Rejection, Response, StatusCode};

/// The hops that a request gets which came without Max-Forwards (RFC 3261 §16.6 step 3).
pub const MAX_FORWARDS: MaxForwards = MaxForwards(70);

/// Takes one hop off Max-Forwards (RFC 3261 §16.3 step 3, §16.6 step 3).
///
/// # Errors
/// 483 when there is none left, 400 when the header is malformed.
pub fn take_hop(headers: &mut Headers) -> Result<(), Rejection> {
    let hops =
        headers.opt::<MaxForwards>().map_err(|e| Rejection::new(StatusCode::BAD_REQUEST, e.reason().to_owned()))?;
    let left = match hops {
        None => MAX_FORWARDS,
        Some(MaxForwards(hops)) => match hops.checked_sub(1) {
            Some(left) => MaxForwards(left),
            None => {
                let reason = "Max-Forwards is used up (RFC 3261 §16.3 step 3)";
                return Err(Rejection::new(StatusCode::TOO_MANY_HOPS, reason));
            }
        },
    };
    headers.replace(&left);
    Ok(())
}

/// Puts our Via on top (RFC 3261 §16.6 step 8).
pub fn push_via(headers: &mut Headers, via: &Via) {
    headers.add_front(via);
}

/// Takes our Via off a response, so that it can go to the one below (RFC 3261 §16.7 step 3).
/// `None` when it ends here: no Via is left, or it is a 100, which concerns one hop alone (step 5).
pub fn forward(mut response: Response) -> Option<Response> {
    if response.status == StatusCode::TRYING {
        return None;
    }
    response.headers.pop_first(&HeaderName::Via)?;
    response.headers.has(&HeaderName::Via).then_some(response)
}
