//! A call on the page: a copy of the element `#call-template`.

use std::cell::RefCell;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlTemplateElement, HtmlVideoElement, MediaStream, MediaStreamTrack};

use crate::media::{Quality, Sample};
use crate::page::{element, has_focus, input, set_data, set_text_of, switch};
use crate::summary::join;

/// The element of one call. It goes when this is dropped.
pub(crate) struct Card {
    item: Option<Element>,
    /// The picture that the small tile shows.
    shown: RefCell<Option<MediaStreamTrack>>,
}

impl Card {
    /// Puts a new one on top.
    pub(crate) fn new(number: u32) -> Self {
        let item = clone().filter(|item| {
            set_data(item, "data-call", &number.to_string());
            element("calls").is_some_and(|list| list.prepend_with_node_1(item).is_ok())
        });
        let card = Self { item, shown: RefCell::new(None) };
        if let Some(own) = card.video("video.self") {
            // Nobody wants to hear themselves.
            own.set_muted(true);
        }
        card
    }

    /// Sets a `data-` or ARIA attribute.
    pub(crate) fn set(&self, name: &str, value: &str) {
        if let Some(item) = &self.item {
            set_data(item, name, value);
        }
    }

    /// Sets an attribute of a part.
    pub(crate) fn set_part(&self, selector: &str, name: &str, value: &str) {
        if let Some(part) = self.part(selector) {
            set_data(&part, name, value);
        }
    }

    /// Whether a part can be seen, or used.
    pub(crate) fn toggle(&self, selector: &str, attribute: &str, on: bool) {
        if let Some(part) = self.part(selector) {
            switch(&part, attribute, on);
        }
    }

    /// Sets the text of a part.
    pub(crate) fn text(&self, selector: &str, text: &str) {
        if let Some(part) = self.part(selector) {
            set_text_of(&part, text);
        }
    }

    /// The text of a part.
    pub(crate) fn read(&self, selector: &str) -> String {
        self.part(selector).and_then(|part| part.text_content()).unwrap_or_default()
    }

    /// Plays what comes in.
    pub(crate) fn play(&self, remote: &MediaStream) {
        if let Some(video) = self.video("video.remote") {
            video.set_src_object(Some(remote));
        }
    }

    /// Shows what the camera sees.
    pub(crate) fn mirror(&self, camera: Option<MediaStreamTrack>) {
        let mut shown = self.shown.borrow_mut();
        if *shown != camera
            && let Some(video) = self.video("video.self")
        {
            let stream =
                camera.as_ref().and_then(|track| MediaStream::new_with_tracks(&js_sys::Array::of1(track)).ok());
            video.set_src_object(stream.as_ref());
            *shown = camera;
        }
    }

    /// Moves the focus to it.
    pub(crate) fn focus(&self) {
        if let Some(heading) = self.part(".call-peer").and_then(|part| part.dyn_into::<HtmlElement>().ok()) {
            let _ = heading.focus();
        }
    }

    /// The figures, in words for a person and as attributes for a test.
    pub(crate) fn figures(&self, sample: &Sample, quality: &Quality) {
        for (name, medium, stream) in
            [("audio", &sample.audio, &quality.audio), ("video", &sample.video, &quality.video)]
        {
            let whole = |number: f64| (number as u64).to_string();
            let (packets_in, packets_out) = (whole(medium.packets_in), whole(medium.packets_out));
            self.set(&join(["data-", name, "-packets-received"]), &packets_in);
            self.set(&join(["data-", name, "-packets-sent"]), &packets_out);
            let used = medium.packets_in + medium.packets_out > 0.0;
            let figure = |which, text: String| {
                let selector = join(["[data-figure=", name, "-", which, "]"]);
                self.text(&selector, if used { &text } else { "–" });
            };
            figure("codec", medium.codec.clone());
            figure("in", join([&stream.rate_in.to_string(), " kbit/s"]));
            figure("out", join([&stream.rate_out.to_string(), " kbit/s"]));
            figure("packets", join([&packets_in, " / ", &packets_out]));
            let (percent, tenths) = ((stream.loss / 10).to_string(), (stream.loss % 10).to_string());
            figure("lost", join([&percent, ".", &tenths, " % (", &whole(medium.lost.max(0.0)), " in all)"]));
            figure("jitter", join([&stream.jitter.to_string(), " ms"]));
        }
        let video = &sample.video;
        let decoded = (video.frames_decoded as u64).to_string();
        self.set("data-frames-decoded", &decoded);
        self.set("data-frames-sent", &(video.frames_sent as u64).to_string());
        let seen = video.frames_decoded > 0.0;
        let (width, height) = ((video.width as u64).to_string(), (video.height as u64).to_string());
        let rate = quality.video.frame_rate.to_string();
        let picture = join([&width, " × ", &height, ", ", &rate, " a second"]);
        self.text("[data-figure=picture]", if seen { &picture } else { "–" });
        self.text("[data-figure=frames]", if seen { &decoded } else { "–" });
        let round_trip = quality.round_trip.map(|millis| join([&millis.to_string(), " ms"]));
        self.text("[data-figure=round-trip]", round_trip.as_deref().unwrap_or("–"));
        let (audio, video) = (&quality.audio, &quality.video);
        let rate = (audio.rate_in + audio.rate_out + video.rate_in + video.rate_out).to_string();
        let loss = audio.loss.max(video.loss);
        let (percent, tenths) = ((loss / 10).to_string(), (loss % 10).to_string());
        self.text(".quality-short", &join([&rate, " kbit/s, ", &percent, ".", &tenths, " % lost"]));
    }

    fn part(&self, selector: &str) -> Option<Element> {
        self.item.as_ref()?.query_selector(selector).ok()?
    }

    fn video(&self, selector: &str) -> Option<HtmlVideoElement> {
        self.part(selector)?.dyn_into().ok()
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        for selector in ["video.remote", "video.self"] {
            if let Some(video) = self.video(selector) {
                video.set_src_object(None);
            }
        }
        let Some(item) = &self.item else { return };
        let focused = has_focus(item);
        item.remove();
        if focused && let Some(dial) = input("dial") {
            let _ = dial.focus();
        }
    }
}

fn clone() -> Option<Element> {
    let template: HtmlTemplateElement = element("call-template")?.dyn_into().ok()?;
    template.content().first_element_child()?.clone_node_with_deep(true).ok()?.dyn_into().ok()
}
