//! The agent against a scripted eP-CSCF, on a clock that the test moves.

mod script;

mod bearer;
mod connection;
mod deregistration;
mod digest;
mod input;
mod ladders;
mod refresh;
