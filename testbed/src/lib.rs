//! The one binary: configuration, wiring, command line.
//!
//! [`Testbed::start`] brings up all nodes in one process, each on real sockets; tests use it
//! directly, people by `testbed up`.

pub mod bench;
pub mod config;
pub mod doctor;
mod hep;
mod key_log;
pub mod lab;
mod listen;
mod merge;
pub mod ops;
mod pki;
pub mod state;
pub mod talk;
pub mod up;
pub mod wic_shell;

pub use config::Config;
pub use merge::{of_call, talk_ladder, whole_ladder};
pub use pki::Pki;
pub use up::Testbed;
