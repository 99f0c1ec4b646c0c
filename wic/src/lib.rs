//! The WebRTC IMS Client's user agent: registers by each of the three flows, keeps the
//! registration alive, ends it; calls and is called, sends messages and gets them. Sans-IO, native
//! and wasm32.
//!
//! An [`Agent`] takes inputs, each with the time, and gives [`Output`]s. A shell owns the
//! WebSocket, fetches tokens and sleeps:
//!
//! ```text
//! agent.start(now)
//! loop {
//!     while let Some(output) = agent.poll_output() { do it }
//!     sleep until agent.poll_timeout(), or something happens
//!     tell the agent: connected, received, closed, token, handle_timeout, …
//! }
//! ```

mod agent;
mod backoff;
mod call;
mod config;
mod event;
mod failure;
mod few;
mod grant;
mod instance;
mod keepalive;
mod line;
mod message;
mod pager;
mod party;
mod registration;
mod requests;
mod session;
mod state;
mod url;
mod watch;

pub use agent::Agent;
pub use call::{CallError, CallEvent, CallId, CallOptions, CallState, EndedBy, Party, Sdp};
pub use config::{Access, Config, DigestAccess, Limits, Opening, Timers, TokenAccess, TokenScenario};
pub use event::{Event, Output, TokenReason, Wire, close};
pub use failure::{Cause, Failure};
pub use grant::{GrantError, TokenFailure, TokenGrant};
pub use instance::InstanceId;
pub use message::{MessageId, OptionsId};
pub use state::{Binding, State};
pub use url::{WssUrl, WssUrlError};
