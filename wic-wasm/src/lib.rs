//! The browser shell of the WIC.

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the WIC that this module was built from.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
