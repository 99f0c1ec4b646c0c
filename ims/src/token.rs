//! The security token of flows 2 and 3: its form, its claims, the rules on them.
//!
//! A node reads a token in three moves, and types keep the order:
//! [`Jws::parse`] checks form and header, [`Jws::verify`] asks its caller about
//! the signature and only then gives [`Claims`], [`Claims::check`] compares
//! them with what the connection and the request say.

mod check;
mod claims;
mod error;
mod json;
mod jws;

pub use check::{Expectation, Requested};
pub use claims::{Claims, Reg};
pub use error::{BearerError, Step, TokenError, Verdict};
pub use jws::{Algorithm, Jws};
