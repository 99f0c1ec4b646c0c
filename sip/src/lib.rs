//! SIP for IMS: messages, header views, digest, transactions, dialogs. Sans-IO, native and wasm32.
//!
//! A [`Message`] is an ordered list of headers with their raw values, so that a proxy passes on
//! what it does not understand, byte for byte. Typed views ([`headers`]) parse a value when it is
//! asked for and print it back. Nothing in this crate opens a socket, reads a clock or draws a
//! random number: see [`Now`] and [`Entropy`].
//!
//! From the wire up:
//!
//! - [`StreamDecoder`] cuts a stream into messages; [`Message::parse`] reads one, strict where
//!   leniency would let two readers see two messages, and says which answer a bad one gets
//!   ([`Malformed`]); [`Request::validate`] judges the headers.
//! - [`transaction`] retransmits, absorbs and times out (RFC 3261 §17, RFC 6026).
//! - [`dialog`] keeps what a user agent has agreed on with its peer (§12).
//! - [`proxy`] has what every proxy does to what passes through it (§16); [`Resolver`] finds the
//!   next hop; [`digest`] answers and judges challenges.
//! - [`node`] is the shape in which one shell, and one simulator, drives every protocol machine.
//!
//! ```
//! use sip::{Framing, Message, headers::Contact};
//!
//! let octets = "REGISTER sip:ims.example SIP/2.0\r\n\
//!     v: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a\r\n\
//!     f: <sip:alice@ims.example>;tag=w1\r\n\
//!     t: <sip:alice@ims.example>\r\n\
//!     i: r-5d0e7c\r\n\
//!     CSeq: 1 REGISTER\r\n\
//!     m: <sip:u8c2@k3f9q2.invalid;transport=ws>;reg-id=1;expires=600\r\n\r\n";
//! let Message::Request(request) = Message::parse(octets, Framing::WebSocket)? else { unreachable!() };
//! request.validate()?;
//! let contacts = request.headers.all::<Contact>()?;
//! assert_eq!((contacts[0].reg_id(), contacts[0].expires()), (Some(1), Some(600)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod dialog;
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
