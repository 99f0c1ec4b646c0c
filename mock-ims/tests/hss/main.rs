//! The HSS behind Cx: decisions of TS 29.228, administration, durability.

mod admin;
mod cx;
mod demo;
mod durability;
mod pool;
mod properties;
mod setup;
#[cfg(unix)]
mod socket;
