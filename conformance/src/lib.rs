//! Conformance of a WebRTC access to IMS, purpose by purpose.
//!
//! [`script`] plays the peers of a system under test: a WIC that may send anything, the core, an
//! eP-CSCF, a WAF with its keys. Every wait in it is bounded, and every message is logged.

pub mod script;
