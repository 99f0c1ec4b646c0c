//! The peers of a system under test, played by a script.
//!
//! Nothing here obeys a rule that the script does not ask for: a [`Wic`] sends any upgrade, any frame
//! and any octets, a [`Node`] any datagram. What is built for convenience ([`Msg`], [`Token`],
//! [`digest`]) can be spoiled before it is sent.

mod epcscf;
mod error;
mod frame;
mod hss;
mod http;
mod log;
mod msg;
mod node;
mod pki;
mod token;
mod waf;
mod wic;

pub mod digest;

pub use epcscf::{Admission, Deed, Epcscf};
pub use error::ScriptError;
pub use frame::{Frame, Opcode};
pub use hss::{Asker, CxEnd, Hss, Pushed, Question};
pub use http::{HttpAnswer, Upgrade, http};
pub use log::Log;
pub use msg::Msg;
pub use node::{Arrived, Node, Source};
pub use pki::{Pki, connector};
pub use token::{SigningKey, Token};
pub use waf::Waf;
pub use wic::{Came, Target, Wic};
