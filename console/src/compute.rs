//! What the nodes compute, step by step and with the code that they compute it by.

mod digest;
mod edge;
mod flow_token;
mod origin;
mod token;
mod wildcard;

pub(crate) use digest::digest;
pub use edge::Edge;
pub(crate) use flow_token::flow_token;
pub(crate) use origin::origin;
pub(crate) use token::token;
pub(crate) use wildcard::wildcard;
