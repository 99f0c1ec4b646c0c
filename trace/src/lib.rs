//! What every node saw and sent, with the step of the flow.
//!
//! Each node's shell holds a [`Tap`] and hands it every message in and out. The taps lead into one
//! [`Hub`]: a bounded ring of [`Record`]s and a broadcast to whoever watches. The hub names peers,
//! reads the Call-ID, and works out which step of the source text's flow a message is
//! ([`steps`]), or which half of a call. [`ladder`] draws the records for a terminal.

mod calls;
mod hub;
pub mod ladder;
mod record;
pub mod steps;

pub use hub::{Hub, Tap};
pub use record::{Direction, Leg, Procedure, Record};
