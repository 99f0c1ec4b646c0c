//! What every request passes, from the outside in.

mod cors;
mod guard;
mod observe;
mod secure;
mod state_change;

pub(crate) use cors::cors;
pub(crate) use guard::{on_panic, time_limit};
pub(crate) use observe::{Local, observe};
pub(crate) use secure::{secure, secure_headers};
pub(crate) use state_change::state_change;
