//! The eP-CSCF: the edge between WICs and the IMS core (TS 23.228 Annex U).
//!
//! [`Edge`] is the protocol, without I/O: it decides what a request of a WIC becomes on Mw and one of
//! the core on W2, it keeps the dialogs between them, and it is the registrar of the wildcard ranges
//! of flow 3. [`upgrade`] decides which WebSocket may reach it at all; [`media`] is where the media
//! gateway is asked.

mod bindings;
mod calls;
mod carriage;
pub mod config;
mod deadlines;
mod edge;
mod event;
mod flow_token;
mod identity;
mod judge;
mod keys;
pub mod media;
mod origin;
pub mod policy;
mod refusal;
mod reg_event;
mod register;
mod registration;
mod server;
mod tna;
mod trust_boundary;
pub mod upgrade;
mod verdicts;
mod wwsf;

pub use config::{Config, ConfigError};
pub use edge::{Edge, Load, TokenUse};
pub use event::{Cause, End, Event};
pub use flow_token::{BadToken, Dissected, FlowIds, FlowTokens, shard_of};
pub use judge::Judge;
pub use keys::{KeySet, KeysAnswer, KeysAsk, KeysUnavailable};
pub use origin::{Origin, OriginError};
pub use registration::Registration;
pub use server::{Desk, KeysClient, KeysClientError, Known, Running, Server, StartError};
pub use trust_boundary::Leak;
pub use wwsf::{Records, WwsfRecord};
