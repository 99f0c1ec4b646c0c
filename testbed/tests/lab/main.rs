//! Lessons and faults on a running testbed.

mod faults;
mod lessons;
mod rig;
