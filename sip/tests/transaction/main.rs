//! The transaction layer does what RFC 3261 §17 and RFC 6026 say, on both kinds of transport.

mod bench;
mod cancel;
mod client_invite;
mod client_non_invite;
mod failures;
mod limits;
mod matching;
mod server_invite;
mod server_non_invite;
mod simulation;

mod targets;
