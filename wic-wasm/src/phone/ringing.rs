//! The dialog that opens when somebody calls.

use wasm_bindgen::JsCast;
use web_sys::HtmlDialogElement;

use super::call::Call;
use crate::browser::document;
use crate::page::{element, set_attribute, set_hidden, set_text};
use crate::summary::join;

/// Shows one call that rings. The browser puts the focus on its heading, where no key answers by
/// mistake, and back to where it was when it closes.
#[derive(Default)]
pub(crate) struct Ringing {
    shown: Option<u32>,
    /// The title of the page while nobody calls.
    title: Option<String>,
}

impl Ringing {
    /// The call whose dialog the person has closed. The browser tells late that one was closed:
    /// another may be open by then.
    pub(crate) fn closed(&self) -> Option<u32> {
        self.shown.filter(|_| dialog().is_some_and(|dialog| !dialog.open()))
    }

    /// Shows this call, or none.
    pub(crate) fn show(&mut self, call: Option<&Call>) {
        if let Some(call) = call {
            set_text("incoming-error", &call.note);
            set_hidden("incoming-error", call.note.is_empty());
        }
        let number = call.map(|call| call.number);
        if number == self.shown {
            return;
        }
        self.shown = number;
        let Some(dialog) = dialog() else { return };
        let Some(call) = call else {
            if let (Some(document), Some(title)) = (document(), self.title.take()) {
                document.set_title(&title);
            }
            return dialog.close();
        };
        let name = &call.who.name;
        let initial = name.chars().next().map(String::from).unwrap_or_default();
        set_attribute("incoming", "data-call", &call.number.to_string());
        set_attribute("incoming", "data-peer", &call.who.address);
        set_attribute("incoming", "data-video", if call.video { "true" } else { "false" });
        set_text("incoming-avatar", &initial);
        set_text("incoming-title", &join([name, " calls"]));
        set_text("incoming-kind", if call.video { "Video call from" } else { "Audio call from" });
        set_text("incoming-address", &call.who.address);
        set_text("incoming-detail", &call.vouched());
        if let Some(document) = document() {
            let title = self.title.get_or_insert_with(|| document.title());
            document.set_title(&join(["☎ ", name, " calls · ", title]));
        }
        if !dialog.open() {
            let _ = dialog.show_modal();
        }
    }
}

fn dialog() -> Option<HtmlDialogElement> {
    element("incoming")?.dyn_into().ok()
}
