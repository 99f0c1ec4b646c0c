//! What every node saw and sent, with the step of the flow.
//!
//! Each node's shell holds a [`Tap`] and hands it every message in and out. The taps lead into one
//! [`Hub`]: a bounded ring of [`Record`]s and a broadcast to whoever watches. The hub names peers,
//! reads the Call-ID, and works out which step of the source text's flow a message is
//! ([`steps`]), or which half of a call. Tokens are left out of what it keeps.
//!
//! Records leave as a drawing for a terminal ([`ladder`]), as [`svg`], [`mermaid`], [`json`] and as a
//! packet capture ([`pcapng`]), and go from process to process as HEPv3 ([`hep`]).

mod calls;
pub mod hep;
pub mod hops;
mod hub;
pub mod json;
pub mod ladder;
pub mod markup;
pub mod mermaid;
pub mod pcapng;
mod record;
mod redact;
#[cfg(test)]
mod sample;
pub mod steps;
pub mod svg;

pub use hub::{Hub, Tap};
pub use record::{Direction, Leg, Procedure, Record};
