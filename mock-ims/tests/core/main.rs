//! Registrations, calls and messages through I-CSCF, S-CSCF and HSS: the machines in one process,
//! the clock stopped, the randomness seeded, nothing lost on the way.

mod calls;
mod client;
mod dialogs;
mod digest;
mod failures;
mod forks;
mod ladder;
mod network;
mod reg_event;
mod registrar;
mod request_digest;
mod served;
mod sockets;
mod storm;
mod tna;
mod user;
mod world;
