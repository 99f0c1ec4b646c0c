//! The one timer of the page.

use std::time::Duration;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use crate::browser::window;

/// `setTimeout`: one wake-up at a time.
pub(crate) struct Timer {
    wake: Closure<dyn FnMut()>,
    handle: Option<i32>,
}

impl Timer {
    /// Browsers keep the delay in 31 bits; waking early does no harm.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    pub(crate) fn new(wake: impl FnMut() + 'static) -> Self {
        Self { wake: Closure::new(wake), handle: None }
    }

    /// Wakes after `delay` and not when it was to wake before.
    pub(crate) fn set(&mut self, delay: Option<Duration>) {
        let Some(window) = window() else { return };
        if let Some(handle) = self.handle.take() {
            window.clear_timeout_with_handle(handle);
        }
        if let Some(delay) = delay {
            let millis = delay.min(Self::LONGEST).as_millis() as i32;
            let wake = self.wake.as_ref().unchecked_ref();
            self.handle = window.set_timeout_with_callback_and_timeout_and_arguments_0(wake, millis).ok();
        }
    }
}
