//! The browser shell of the WIC.
//!
//! All protocol is in [`wic::Agent`], which opens no socket and reads no clock. Here it gets a
//! WebSocket, the clocks, `crypto.getRandomValues`, `fetch` for tokens, one timer, and the page
//! that the WWSF serves. The module `page` lists the elements that script and tests may count on.

mod app;
mod browser;
mod form;
mod http;
mod media;
mod messages;
mod page;
mod panel;
mod phone;
mod session;
mod settings;
mod socket;
mod summary;
mod timer;
mod view;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs when the page has loaded the module.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| page::show_crash(&info.to_string())));
    app::start();
}
