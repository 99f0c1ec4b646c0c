//! SIP for IMS: messages, header views, digest, transactions. Sans-IO, native and wasm32.
//!
//! A [`Message`] is an ordered list of headers with their raw values, so that a proxy passes on
//! what it does not understand, byte for byte. Typed views ([`headers`]) parse a value when it is
//! asked for and print it back. Nothing in this crate opens a socket, reads a clock or draws a
//! random number: see [`Now`] and [`Entropy`].

pub mod digest;
mod entropy;
mod error;
mod header;
pub mod headers;
mod message;
mod method;
pub mod node;
mod params;
pub mod proxy;
mod reader;
mod resolver;
#[cfg(feature = "rsip")]
pub mod rsip;
mod status;
mod stream;
pub mod syntax;
mod time;
pub mod transaction;
mod transport;
mod uri;
mod validate;

pub use entropy::{Entropy, SeededEntropy};
pub use error::{HeaderError, Malformed, ParseError, Rejection};
pub use header::{Header, HeaderName, Headers};
pub use message::{Message, Request, Response};
pub use method::Method;
pub use params::{Param, Params};
pub use reader::Framing;
pub use resolver::Resolver;
pub use status::StatusCode;
pub use stream::{Frame, StreamDecoder};
pub use time::{Instant, Now};
pub use transport::{FlowId, Peer, Transport};
pub use uri::{Host, OtherUri, SipUri, TelUri, Uri};

/// Cheaply cloned UTF-8 text; slices of a received message share its buffer.
pub use bytestring::ByteString as Text;
