//! The eP-CSCF: the edge between WICs and the IMS core (TS 23.228 Annex U).
//!
//! [`Edge`] is the protocol, without I/O: it decides what a REGISTER of a WIC becomes on Mw, and it
//! is the registrar of the wildcard ranges of flow 3. [`upgrade`] decides which WebSocket may reach
//! it at all.

mod bindings;
mod carriage;
pub mod config;
mod deadlines;
mod edge;
mod event;
mod flow_token;
mod keys;
mod origin;
pub mod policy;
mod refusal;
mod register;
mod registration;
mod server;
mod tna;
mod trust_boundary;
pub mod upgrade;
mod verdicts;
mod wwsf;

pub use config::{Config, ConfigError};
pub use edge::Edge;
pub use event::{Cause, Event};
pub use flow_token::{BadToken, FlowIds, FlowTokens, shard_of};
pub use keys::{KeySet, KeysAnswer, KeysAsk, KeysUnavailable};
pub use origin::{Origin, OriginError};
pub use registration::Registration;
pub use server::{KeysClientError, Running, Server, StartError};
pub use trust_boundary::Leak;
pub use wwsf::{Records, WwsfRecord};
