//! Conformance of a WebRTC access to IMS, purpose by purpose.
//!
//! - [`catalogue`] holds the test purposes, each with its code: what cannot be run cannot be claimed.
//! - [`engine`] runs them against a [`Lab`](lab::Lab), which starts or finds the system under test,
//!   and gives a [`Report`](report::Report).
//! - [`script`] plays the peers of that system: a WIC that may send anything, the core, an eP-CSCF,
//!   an HSS, a WAF with its keys. Every wait in it is bounded, and every message is logged.
//! - [`profile`] describes somebody else's system: where it is, and what it claims.

pub mod catalogue;
pub mod cx;
pub mod engine;
pub mod lab;
pub mod profile;
pub mod purpose;
pub mod report;
pub mod script;
pub mod tester;
pub mod verdict;

use std::pin::Pin;

/// A boxed future, for traits and tables.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
