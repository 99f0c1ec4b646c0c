//! The list of all SIP messages of this WIC.

use js_sys::Date;
use web_sys::Element;
use wic::Wire;

use crate::page::{all, create, element, set_disabled, set_hidden, set_text};
use crate::summary::{Summary, join};
use crate::view::two_digits;

/// Which way a message went.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// From this WIC.
    Sent,
    /// To this WIC.
    Received,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// The messages that are kept; the oldest go first.
const KEPT: u32 = 500;

/// Adds a message, and tells what it is.
pub(crate) fn add(direction: Direction, wire: &Wire) -> Summary {
    let summary = Summary::of(wire.octets());
    if let Some(list) = element("messages")
        && let Some(item) = item(direction, wire, &summary)
    {
        let _ = list.append_child(&item);
        while list.child_element_count() > KEPT
            && let Some(oldest) = list.first_element_child()
        {
            oldest.remove();
        }
        show_count(list.child_element_count());
    }
    summary
}

/// Removes all messages.
pub(crate) fn clear() {
    if let Some(list) = element("messages") {
        list.set_text_content(None);
    }
    show_count(0);
}

/// All messages as text, each below a line with its time and direction.
pub(crate) fn text() -> String {
    let mut text = String::new();
    for item in all("#messages li") {
        let part = |selector| item.query_selector(selector).ok().flatten().and_then(|e: Element| e.text_content());
        let (time, raw) = (part("time").unwrap_or_default(), part("pre").unwrap_or_default());
        let direction = item.get_attribute("data-direction").unwrap_or_default();
        text.push_str(&join(["-- ", &time, " ", &direction, "\n", &raw, "\n"]));
    }
    text
}

fn show_count(count: u32) {
    set_text("message-count", &count.to_string());
    set_hidden("messages-empty", count > 0);
    set_disabled("copy-messages", count == 0);
    set_disabled("clear-messages", count == 0);
}

fn item(direction: Direction, wire: &Wire, summary: &Summary) -> Option<Element> {
    let line = create("summary", "", "")?;
    line.append_child(&*create("time", "", &time())?).ok()?;
    line.append_child(&*create("span", "direction", direction.name())?).ok()?;
    let what = create("span", "what", "")?;
    what.append_child(&*create("code", "", &summary.title)?).ok()?;
    line.append_child(&what).ok()?;
    line.append_child(&*create("span", "remark", &summary.remark)?).ok()?;

    let raw = create("div", "raw", "")?;
    raw.append_child(&*whole(wire)?).ok()?;
    let copy = create("button", "small copy", "Copy")?;
    copy.set_attribute("type", "button").ok()?;
    raw.append_child(&copy).ok()?;

    let details = create("details", "", "")?;
    details.append_child(&line).ok()?;
    details.append_child(&raw).ok()?;

    let item = create("li", "", "")?;
    item.set_attribute("data-direction", direction.name()).ok()?;
    if let Some(status) = summary.status {
        item.set_attribute("data-status", &status.to_string()).ok()?;
    }
    item.append_child(&details).ok()?;
    Some(item)
}

/// The message as it was on the wire, its header names marked.
fn whole(wire: &Wire) -> Option<Element> {
    let pre = create("pre", "", "")?;
    let text = String::from_utf8_lossy(wire.octets());
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    for (at, line) in head.split("\r\n").enumerate() {
        let (tag, marked, rest) = match line.split_once(':') {
            _ if at == 0 => ("strong", line, ""),
            Some((name, _)) => ("b", name, &line[name.len()..]),
            None => ("span", line, ""),
        };
        pre.append_child(&*create(tag, "", marked)?).ok()?;
        pre.append_child(&*create("span", "", &join([rest, "\n"]))?).ok()?;
    }
    if !body.is_empty() {
        pre.append_child(&*create("span", "", &join(["\n", body]))?).ok()?;
    }
    Some(pre)
}

/// The time of day, to the minute.
pub(crate) fn time_of_day() -> String {
    let now = Date::new_0();
    join([&two_digits(now.get_hours().into()), ":", &two_digits(now.get_minutes().into())])
}

/// The time of day, to the millisecond.
fn time() -> String {
    let now = Date::new_0();
    let two = |number: u32| two_digits(number.into());
    let millis = (now.get_milliseconds() + 1000).to_string();
    let millis = millis.get(1..).unwrap_or_default();
    join([&two(now.get_hours()), ":", &two(now.get_minutes()), ":", &two(now.get_seconds()), ".", millis])
}
