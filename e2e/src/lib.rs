//! End-to-end tests in a real browser, and with clients by others.
//!
//! This library is what the tests in `tests/` share: a testbed on free ports ([`Bed`]), the
//! system's Chromium ([`Chromium`], [`Tab`]), the WIC in a page ([`Phone`]), clients and tools by others ([`peers`]),
//! WICs under test ([`wics`]), what systems by others were found to do ([`interop`]), and tokens that no WWSF would
//! issue ([`forge`]).
//! Everything of the browser's driver is in `browser.rs`, so that it can be changed in one place.

mod bed;
mod browser;
pub mod forge;
pub mod interop;
pub mod peers;
mod phone;
pub mod wics;

pub use bed::Bed;
pub use browser::{Chromium, Tab};
pub use phone::{Counters, Phone, User};
