//! Conversations: messages to and from each peer (RFC 3428).

use ims::Impu;
use web_sys::Element;
use wic::{Agent, MessageId};

use super::call::Who;
use super::words::refusal;
use crate::browser::now;
use crate::messages::time_of_day;
use crate::page::{create, element, input, set_data, set_disabled, set_hidden, set_text, set_text_of, switch};
use crate::summary::join;

/// All conversations. One is open.
#[derive(Default)]
pub(crate) struct Chat {
    rooms: Vec<Room>,
    open: Option<String>,
    /// What was sent and has no answer yet.
    pending: Vec<(MessageId, Element)>,
}

/// The conversation with one peer.
struct Room {
    address: String,
    name: String,
    tab: Element,
    log: Element,
    unread: u32,
}

impl Chat {
    /// The conversations that are kept; of those that are not open the oldest goes first.
    const ROOMS: usize = 30;
    /// The messages that are kept of each.
    const KEPT: u32 = 200;

    /// Opens the conversation with `who`, to be written to.
    pub(crate) fn begin(&mut self, who: &Who, to: Impu) {
        debug_assert_eq!(who.address, to.as_str());
        self.room(who);
        self.open(&who.address);
        if let Some(field) = input("chat-text") {
            let _ = field.focus();
        }
    }

    /// Opens the conversation with this address.
    pub(crate) fn open(&mut self, address: &str) {
        self.open = Some(address.to_owned());
        self.show();
    }

    /// Sends what was written into the conversation that is open.
    pub(crate) fn send(&mut self, agent: &mut Agent) {
        let Some(field) = input("chat-text") else { return };
        let text = field.value();
        let Some(to) = self.open.clone().filter(|_| !text.trim().is_empty()) else { return };
        let Ok(uri) = to.parse() else { return show_error("One can’t write to this address.") };
        match agent.message(now(), &uri, &text) {
            Ok(id) => {
                field.set_value("");
                set_hidden("chat-error", true);
                if let Some(item) = self.add(&to, "sent", &text) {
                    deliver(&item, "pending", "sending");
                    self.pending.push((id, item));
                }
            }
            Err(error) => show_error(refusal(error)),
        }
    }

    /// A message came.
    pub(crate) fn received(&mut self, from: &Who, text: &str) {
        self.room(from);
        self.add(&from.address, "received", text);
        if self.open.is_none() {
            self.open = Some(from.address.clone());
        }
        let open = self.open.as_deref() == Some(&from.address);
        self.rooms.iter_mut().filter(|room| room.address == from.address && !open).for_each(|room| room.unread += 1);
        self.show();
    }

    /// A message arrived, or did not.
    pub(crate) fn sent(&mut self, id: MessageId, failure: Option<(u16, &str)>) {
        let Some(at) = self.pending.iter().position(|(pending, _)| *pending == id) else { return };
        let (_, item) = self.pending.swap_remove(at);
        match failure {
            None => deliver(&item, "delivered", "delivered"),
            Some((status, reason)) => {
                let status = status.to_string();
                set_data(&item, "data-status", &status);
                deliver(&item, "failed", &join(["not delivered: ", &status, " ", reason]));
            }
        }
    }

    /// Whether one can write.
    pub(crate) fn enable(&self, on: bool) {
        set_disabled("chat-send", !on);
    }

    /// Takes all from the page.
    pub(crate) fn clear(&mut self) {
        for room in self.rooms.drain(..) {
            room.take_away();
        }
        self.open = None;
        self.pending.clear();
        self.show();
    }

    /// The conversation with `who`, which may be new.
    fn room(&mut self, who: &Who) {
        if self.rooms.iter().any(|room| room.address == who.address) {
            return;
        }
        let Some(room) = Room::new(who) else { return };
        self.rooms.push(room);
        let oldest = self.rooms.iter().position(|room| self.open.as_deref() != Some(&room.address));
        if let Some(oldest) = oldest.filter(|_| self.rooms.len() > Self::ROOMS) {
            self.rooms.remove(oldest).take_away();
        }
    }

    fn add(&self, address: &str, direction: &str, text: &str) -> Option<Element> {
        let room = self.rooms.iter().find(|room| room.address == address)?;
        let item = create("div", "bubble", "")?;
        set_data(&item, "data-direction", direction);
        item.append_child(&*create("p", "bubble-text", text)?).ok()?;
        let meta = create("p", "bubble-meta", "")?;
        meta.append_child(&*create("time", "", &time_of_day())?).ok()?;
        meta.append_child(&*create("span", "bubble-delivery", "")?).ok()?;
        item.append_child(&meta).ok()?;
        room.log.append_child(&item).ok()?;
        while room.log.child_element_count() > Self::KEPT
            && let Some(oldest) = room.log.first_element_child()
        {
            oldest.remove();
        }
        room.log.set_scroll_top(room.log.scroll_height());
        Some(item)
    }

    fn show(&mut self) {
        set_hidden("chat-empty", !self.rooms.is_empty());
        set_hidden("chat-body", self.rooms.is_empty());
        for room in &mut self.rooms {
            let open = self.open.as_deref() == Some(&room.address);
            if open {
                room.unread = 0;
                set_text("chat-with", &room.address);
            }
            switch(&room.log, "hidden", !open);
            set_data(&room.tab, "aria-pressed", if open { "true" } else { "false" });
            set_data(&room.tab, "data-unread", &room.unread.to_string());
            let unread = room.unread.to_string();
            let label = if room.unread > 0 { join([&room.name, " (", &unread, " new)"]) } else { room.name.clone() };
            set_text_of(&room.tab, &label);
            if open {
                room.log.set_scroll_top(room.log.scroll_height());
            }
        }
    }
}

impl Room {
    fn new(who: &Who) -> Option<Self> {
        let item = create("li", "", "")?;
        let tab = create("button", "chip", &who.name)?;
        for (name, value) in [("type", "button"), ("data-do", "room"), ("data-peer", &who.address)] {
            tab.set_attribute(name, value).ok()?;
        }
        item.append_child(&tab).ok()?;
        element("chat-peers")?.append_child(&item).ok()?;
        let log = create("div", "chat-log", "")?;
        for (name, value) in [
            ("role", "log"),
            ("tabindex", "0"),
            ("data-peer", &who.address),
            ("aria-label", &join(["Messages with ", &who.name])),
        ] {
            log.set_attribute(name, value).ok()?;
        }
        element("chat-logs")?.append_child(&log).ok()?;
        Some(Self { address: who.address.clone(), name: who.name.clone(), tab, log, unread: 0 })
    }

    fn take_away(self) {
        self.log.remove();
        if let Some(item) = self.tab.parent_element() {
            item.remove();
        }
    }
}

fn deliver(item: &Element, delivery: &str, words: &str) {
    set_data(item, "data-delivery", delivery);
    if let Ok(Some(part)) = item.query_selector(".bubble-delivery") {
        set_text_of(&part, words);
    }
}

fn show_error(text: &str) {
    set_text("chat-error", text);
    set_hidden("chat-error", false);
}
