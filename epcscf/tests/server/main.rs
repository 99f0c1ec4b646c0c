//! The eP-CSCF on real sockets: each module one behaviour of the shell.

mod call;
mod client;
mod framing;
mod http;
mod keys;
mod limits;
mod rig;
