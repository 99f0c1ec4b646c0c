//! The console's routes, as a browser asks them.

mod events;
mod labs;
mod page;
mod records;
mod support;
