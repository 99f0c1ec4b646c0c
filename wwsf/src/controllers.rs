//! One action a file.

mod asset;
mod health;
mod index;
mod jwks;
mod login;
mod logout;
mod not_found;
mod session;
mod token;

pub(crate) use asset::asset;
pub(crate) use health::health;
pub(crate) use index::index;
pub(crate) use jwks::jwks;
pub(crate) use login::login;
pub(crate) use logout::logout;
pub(crate) use not_found::{method_not_allowed, not_found};
pub(crate) use session::session;
pub(crate) use token::token;
