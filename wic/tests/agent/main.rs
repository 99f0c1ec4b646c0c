//! The agent against a scripted eP-CSCF, or against another agent, on a clock that the test moves.

mod pair;
mod script;

mod bearer;
mod calls;
mod challenges;
mod chaos;
mod connection;
mod deregistration;
mod digest;
mod early;
mod input;
mod ladders;
mod losing;
mod messages;
mod offers;
mod refresh;
mod watching;
