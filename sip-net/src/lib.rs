//! The tokio shell of SIP nodes: Mw sockets, stream framing, and the task that drives a node.
//!
//! A sans-IO node ([`sip::node::Node`]) is given to [`spawn`] with its [`Mw`] sockets, a way to ask
//! its neighbours, and a [`FlowSink`] for connections that are not Mw (WebSockets). What comes
//! back is an [`Actor`]: the handle by which the rest of the program reaches the node.

mod actor;
mod clock;
mod gate;
mod mw;

pub use actor::{Actor, FlowSink, NoFlows, spawn};
pub use clock::{Alarm, Clock, Halt, OsEntropy};
pub use gate::{Gate, Keeper, Pace, Release, Ticket, Verdict, Watched};
pub use mw::{BindError, Mw};
