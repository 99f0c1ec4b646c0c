//! The page, and how its elements are reached.
//!
//! The WWSF serves it (`wwsf/templates/index.html`). Scripts and tests drive it by these ids, each
//! of which is also its `data-testid`; they and the listed attributes do not change lightly.
//!
//! | id | what it is |
//! |---|---|
//! | `flow-digest`, `flow-web-auth`, `flow-wildcard` | the flow: a radio button when this WWSF serves it, else a box with `data-served="false"`; `?flow=digest` in the address chooses one beforehand |
//! | `impi`, `impu`, `password`, `remember-password` | flow 1's fields |
//! | `username`, `web-password` | flow 2's fields |
//! | `fill-alice`, … | fill in a demo subscriber |
//! | `register`, `refresh`, `deregister` | the buttons; `disabled` when they would do nothing |
//! | `state` | `data-state`: `loading` until the client runs, then [`wic::State::name`]; in words in it |
//! | `connection` | `data-connection`: `closed`, `connecting`, `open`, `failed` |
//! | `registered-impi`, `service-route`, `granted` | of the registration; `granted` has `data-seconds` |
//! | `identities` | a list, the default one first; `li[data-impu]` |
//! | `refresh-in`, `expires-in`, `retry-in` | time left; `data-seconds` |
//! | `failure` | hidden when there is none; `data-cause` ([`wic::Cause::name`], or `input` for the form), `data-status` (a SIP status, or empty), `data-probe` (`running`, `answers`, `silent`) when the WebSocket did not open |
//! | `failure-link` | in it: the eP-CSCF's page |
//! | `messages` | a list; `li[data-direction="sent"]` or `"received"`, `data-status` on final responses, the whole text in `pre` |
//! | `message-count`, `copy-messages`, `clear-messages` | of that list |

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use crate::browser::{complain, document};

/// The element with this id, if the page has it.
pub(crate) fn element(id: &str) -> Option<Element> {
    document()?.get_element_by_id(id)
}

/// The input with this id, if the page has it.
pub(crate) fn input(id: &str) -> Option<HtmlInputElement> {
    element(id)?.dyn_into().ok()
}

/// A new element.
pub(crate) fn create(tag: &str, class: &str, text: &str) -> Option<Element> {
    let element = document()?.create_element(tag).ok()?;
    if !class.is_empty() {
        element.set_class_name(class);
    }
    if !text.is_empty() {
        element.set_text_content(Some(text));
    }
    Some(element)
}

/// All elements that match.
pub(crate) fn all(selector: &str) -> Vec<Element> {
    let Some(list) = document().and_then(|d| d.query_selector_all(selector).ok()) else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.get(at)?.dyn_into().ok()).collect()
}

/// Changes the text only when it is another: a live region would be read out again.
pub(crate) fn set_text(id: &str, text: &str) {
    if let Some(element) = element(id)
        && element.text_content().as_deref() != Some(text)
    {
        element.set_text_content(Some(text));
    }
}

pub(crate) fn set_attribute(id: &str, name: &str, value: &str) {
    if let Some(element) = element(id) {
        let _ = element.set_attribute(name, value);
    }
}

pub(crate) fn set_hidden(id: &str, hidden: bool) {
    toggle(id, "hidden", hidden);
}

pub(crate) fn set_disabled(id: &str, disabled: bool) {
    toggle(id, "disabled", disabled);
}

/// Says that the client is dead. Nothing else of it runs any more.
pub(crate) fn show_crash(text: &str) {
    complain(text);
    set_attribute("state", "data-state", "failed");
    set_text("state-name", "Not running");
    set_text("state-detail", "Reload the page to start the client again");
    set_text("failure-cause", "The client stopped by a fault of its own");
    set_text("failure-status", text);
    set_text("failure-hint", "");
    set_attribute("failure", "data-cause", "crash");
    set_hidden("failure", false);
}

fn toggle(id: &str, name: &str, on: bool) {
    if let Some(element) = element(id) {
        let _ = element.toggle_attribute_with_force(name, on);
    }
}
