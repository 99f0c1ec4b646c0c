//! Registrations, calls and messages through I-CSCF, S-CSCF and HSS: the machines in one process,
//! the clock stopped, the randomness seeded, nothing lost on the way.

mod calls;
mod client;
mod digest;
mod failures;
mod ladder;
mod network;
mod registrar;
mod sockets;
mod tna;
mod user;
mod world;
