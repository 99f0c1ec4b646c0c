//! IMS identities, wildcarded IMPUs, token claims and the rules on them.
//!
//! Everything here is data and rules: no socket, clock, randomness or
//! signature. It compiles for wasm32.

pub mod policy;
#[cfg(feature = "wildcard")]
pub mod profile;
pub mod reginfo;
pub mod token;

mod defect;
mod impi;
mod impu;
mod scenario;
mod secret;
#[cfg(feature = "wildcard")]
mod wildcard;

pub use defect::{Defect, Defects};
pub use impi::{Impi, ImpiError};
pub use impu::{Impu, ImpuError, Scheme};
pub use scenario::{Scenario, UnknownScenario};
pub use secret::{Password, Secret, Token};
#[cfg(feature = "wildcard")]
pub use wildcard::{Ambiguous, ImpiRange, Match, Mismatch, WildcardError, WildcardedImpu};
