//! Lessons and faults on a running testbed.

mod lessons;
mod rig;
