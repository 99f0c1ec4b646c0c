//! What the browser gives: clocks, randomness, storage, events.

use sip::{Entropy, Instant, Now};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, Event, EventTarget, Storage, Window};

/// The window; a page has one, a worker has none.
pub(crate) fn window() -> Option<Window> {
    web_sys::window()
}

/// The document.
pub(crate) fn document() -> Option<Document> {
    window()?.document()
}

/// Both clocks. `mono` counts from the opening of the page and may stand still while the machine
/// sleeps; what was missed is made up for when the page learns that it is back.
pub(crate) fn now() -> Now {
    let mono = window().and_then(|w| w.performance()).map_or(0.0, |p| p.now());
    Now { mono: Instant::from_millis(mono as u64), unix: (js_sys::Date::now() / 1000.0) as u64 }
}

/// Logs to the console. Never a message or a credential.
pub(crate) fn complain(text: &str) {
    web_sys::console::error_1(&text.into());
}

/// `crypto.getRandomValues`.
pub(crate) struct BrowserEntropy;

impl Entropy for BrowserEntropy {
    fn fill(&mut self, buf: &mut [u8]) {
        // At most 65 536 octets a call; nobody asks for as many as 100.
        let filled = window()
            .and_then(|w| w.crypto().ok())
            .is_some_and(|crypto| crypto.get_random_values_with_u8_array(buf).is_ok());
        if !filled {
            // Without it nonces and branches would be guessable; every browser with WebAssembly has it.
            wasm_bindgen::throw_str("crypto.getRandomValues is missing");
        }
    }
}

/// What this browser keeps for this origin; nothing is kept where storage is switched off.
pub(crate) mod storage {
    use super::{Storage, window};

    pub(crate) const FLOW: &str = "wic.flow";
    pub(crate) const IMPI: &str = "wic.impi";
    pub(crate) const IMPU: &str = "wic.impu";
    pub(crate) const INSTANCE: &str = "wic.instance";
    pub(crate) const PASSWORD: &str = "wic.password";

    pub(crate) fn load(key: &str) -> Option<String> {
        local()?.get_item(key).ok()?
    }

    pub(crate) fn save(key: &str, value: &str) {
        if let Some(local) = local() {
            let _ = local.set_item(key, value);
        }
    }

    pub(crate) fn forget(key: &str) {
        if let Some(local) = local() {
            let _ = local.remove_item(key);
        }
    }

    fn local() -> Option<Storage> {
        window()?.local_storage().ok()?
    }
}

/// A listener that lives until it is dropped.
pub(crate) struct Listener {
    target: EventTarget,
    names: &'static [&'static str],
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Calls `handler` with each event of these names.
    pub(crate) fn new(
        target: EventTarget,
        names: &'static [&'static str],
        handler: impl FnMut(Event) + 'static,
    ) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(handler);
        for name in names {
            let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
        }
        Self { target, names, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for name in self.names {
            let _ = self.target.remove_event_listener_with_callback(name, self.closure.as_ref().unchecked_ref());
        }
    }
}
