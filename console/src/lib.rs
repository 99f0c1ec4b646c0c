//! The teaching console: what all nodes saw and sent, taken apart, exported, and lessons that run.
//!
//! [`Console::router`] gives the routes below `/console`, which the testbed mounts on the operator's
//! WWSF. [`api`] holds every JSON type that they take and give. The lessons and faults come from a
//! [`Lab`]; the testbed has one.

pub mod api;
mod assets;
mod compute;
mod events;
mod export;
mod guard;
mod lab;
mod labs;
mod problem;
mod records;
mod router;

pub use assets::{Assets, AssetsError};
pub use compute::Edge;
pub use guard::is_loopback_name;
pub use lab::{Lab, LabError, NoLab};
pub use router::Console;
