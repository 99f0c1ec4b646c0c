//! The calls that ended.

use web_sys::Element;
use wic::EndedBy;

use super::call::{Call, End};
use crate::page::{create, element, set_hidden};
use crate::summary::join;

/// The calls that are kept; the oldest go first.
const KEPT: u32 = 5;

/// Puts a call that ended on top.
pub(crate) fn add(call: &Call, end: &End, words: &str, duration: Option<&str>) {
    let Some(list) = element("recent") else { return };
    if let Some(item) = item(call, end, words, duration) {
        let _ = list.prepend_with_node_1(&item);
    }
    while list.child_element_count() > KEPT
        && let Some(oldest) = list.last_element_child()
    {
        oldest.remove();
    }
    set_hidden("recent-part", false);
}

/// Forgets all.
pub(crate) fn clear() {
    if let Some(list) = element("recent") {
        list.set_text_content(None);
    }
    set_hidden("recent-part", true);
}

fn item(call: &Call, end: &End, words: &str, duration: Option<&str>) -> Option<Element> {
    let item = create("li", "", "")?;
    let by = match end.by {
        EndedBy::Local => "local",
        EndedBy::Peer => "peer",
        EndedBy::Network => "network",
    };
    let status = end.status.map(|status| status.to_string()).unwrap_or_default();
    let direction = if call.outgoing { "out" } else { "in" };
    for (name, value) in [
        ("data-peer", call.who.address.as_str()),
        ("data-impu", &call.who.address),
        ("data-by", by),
        ("data-status", &status),
        ("data-direction", direction),
        ("data-answered", if duration.is_some() { "true" } else { "false" }),
    ] {
        item.set_attribute(name, value).ok()?;
    }
    let who = create("span", "recent-who", "")?;
    who.append_child(&*create("span", "visually-hidden", if call.outgoing { "To " } else { "From " })?).ok()?;
    who.append_child(&*create("b", "", &call.who.name)?).ok()?;
    item.append_child(&who).ok()?;
    let text = match duration {
        Some(duration) => join([words, " after ", duration]),
        None => words.to_owned(),
    };
    item.append_child(&*create("span", "recent-how", &text)?).ok()?;
    let again = create("button", "small", "Call")?;
    for (name, value) in [
        ("type", "button"),
        ("data-do", if call.video { "call-video" } else { "call-audio" }),
        ("aria-label", &join(["Call ", &call.who.name])),
    ] {
        again.set_attribute(name, value).ok()?;
    }
    item.append_child(&again).ok()?;
    Some(item)
}
