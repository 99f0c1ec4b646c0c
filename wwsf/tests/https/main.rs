//! What a WWSF does over real HTTPS on loopback.

mod assets;
mod cors;
mod cross_site;
mod faults;
mod guests;
mod headers;
mod keys;
mod login;
mod observer;
mod rogue;
mod support;
mod token;
