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
//! | `phone-panel`, `chat-panel` | hidden while there is no registration |
//! | `own-address`, `copy-address` | the address to be called at |
//! | `dial`, `dial-video`, `dial-audio`, `dial-chat`, `dial-error` | call or write to a name or address |
//! | `video-alice`, `audio-alice`, `write-alice`, … | the same for a demo subscriber |
//! | `calls` | a list; see below |
//! | `incoming` | a dialog, open while it rings: `data-call`, `data-peer`, `data-video`; `answer-video`, `answer-audio`, `decline`, `busy` in it |
//! | `recent` | a list of calls that ended; `li[data-peer][data-by][data-status]` |
//! | `chat-peers` | the conversations; `button[data-peer][data-unread]` |
//! | `chat-logs` | one log each, `[data-peer]`; in it `[data-direction]`, `[data-delivery="pending"]`, `"delivered"` or `"failed"`, and `[data-status]` of a failure |
//! | `chat-text`, `chat-send`, `chat-error` | write into the conversation that is open |
//!
//! A call is `#calls > li[data-call]`. `data-peer` is an address, `data-direction` `in` or `out`,
//! `data-state` where it stands ([`crate::phone`]), `data-media` the `connectionState`, `data-hold`
//! `none`, `local`, `remote` or `both`, `data-muted`, `data-camera` and `data-remote-video` `true` or
//! `false`, `data-negotiation` `idle`, `offering` or `answering`, `data-tones` the tones that went out,
//! `data-restarts` how often ICE was restarted. Each second come `data-audio-packets-received`,
//! `-sent`, the same of `video`, `data-frames-decoded` and `data-frames-sent`. The buttons in it are
//! told by `data-do`: `answer-video`, `answer-audio`, `decline`, `mute`, `camera`, `hold`, `keypad`,
//! `tone` with `data-tone`, `hang-up`.

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

/// As [`set_text`], of an element at hand.
pub(crate) fn set_text_of(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Changes an attribute only when it is another.
pub(crate) fn set_data(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        let _ = element.set_attribute(name, value);
    }
}

/// Switches an attribute such as `hidden`.
pub(crate) fn switch(element: &Element, name: &str, on: bool) {
    let _ = element.toggle_attribute_with_force(name, on);
}

/// Whether the focus is in this element.
pub(crate) fn has_focus(element: &Element) -> bool {
    let active = document().and_then(|document| document.active_element());
    active.is_some_and(|active| element.contains(Some(&active)))
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
