//! The eP-CSCF as a state machine: each module one behaviour, without sockets and with a clock that
//! stands still until it is told to move.

mod dialogs;
mod digest;
mod flows;
mod framing;
mod keys;
mod ladders;
mod lifecycle;
mod media;
mod originating;
mod pool;
mod range;
mod reg_event;
mod requests;
mod robustness;
mod talk;
mod terminating;
mod tokens;
mod trust;
mod upgrade;
mod world;
