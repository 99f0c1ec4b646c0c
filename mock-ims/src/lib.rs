//! A mock IMS core: I-CSCF, S-CSCF and HSS.
//!
//! Each is a protocol machine without sockets, clock or randomness. [`cx`] is what lies between the
//! CSCFs and the HSS; [`policy`] holds every choice that no specification makes.

mod asks;
mod boundary;
mod config;
pub mod cx;
mod front;
mod hop;
pub mod hss;
pub mod icscf;
mod network;
pub mod policy;
mod refusal;
mod relay;
pub mod scscf;
mod server;
mod trust;

pub use asks::{CxAsk, CxFailure, CxId, CxReply};
pub use config::{Config, ConfigError, StaticSet};
pub use icscf::Icscf;
pub use network::{Network, StaticRoute};
pub use scscf::Scscf;
pub use server::{Answering, Cscf, CxPeer, Running, Server, StartError, Taps};
pub use trust::{TrustedNode, TrustedNodeError};
