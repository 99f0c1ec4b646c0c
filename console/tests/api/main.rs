//! The console's routes, as a browser asks them.

mod compute;
mod events;
mod export;
mod labs;
mod page;
mod records;
mod support;
