//! Calls and chat, as the person has them.

mod call;
mod card;
mod chat;
mod dial;
mod recent;
mod ringing;
mod words;

use sip::StatusCode;
use web_sys::Element;
use wic::{Agent, CallEvent, CallId, MessageId, Party};

use crate::app::Handle;
use crate::browser::now;
use crate::media::{MediaError, Peer, Report, Tone, Tones};
use crate::page::{all, element, input, set_disabled, set_hidden, set_text, switch};
use crate::settings::Settings;
use crate::summary::join;
use call::{Call, End, Who};
use chat::Chat;
pub(crate) use dial::Directory;
use ringing::Ringing;
use words::{Stage, ending, refusal};

/// All calls and conversations of one registration.
pub(crate) struct Phone {
    handle: Handle,
    /// The session that it belongs to.
    session: u32,
    directory: Directory,
    calls: Vec<Call>,
    numbers: u32,
    tones: Tones,
    ringing: Ringing,
    chat: Chat,
    announced: String,
}

impl Phone {
    pub(crate) fn new(handle: Handle, session: u32, settings: &Settings) -> Self {
        Self {
            handle,
            session,
            directory: settings.directory.clone(),
            calls: Vec::new(),
            numbers: 0,
            tones: Tones::default(),
            ringing: Ringing::default(),
            chat: Chat::default(),
            announced: String::new(),
        }
    }

    /// Something was pressed: `deed` is its `data-do`.
    pub(crate) fn pressed(&mut self, agent: &mut Agent, deed: &str, button: &Element) {
        let near = |attribute: &str| {
            let holder = button.closest(&join(["[", attribute, "]"])).ok().flatten();
            holder.and_then(|holder| holder.get_attribute(attribute))
        };
        match deed {
            "call-video" | "call-audio" | "write" => {
                if let Some(to) = near("data-impu") {
                    self.reach(agent, &to, deed);
                }
            }
            "room" => self.chat.open(&near("data-peer").unwrap_or_default()),
            _ => {
                let number = near("data-call").and_then(|number| number.parse().ok());
                if let Some(at) = self.calls.iter().position(|call| Some(call.number) == number) {
                    self.pressed_in_call(agent, at, deed, button);
                }
            }
        }
    }

    /// Calls or writes to what was typed.
    pub(crate) fn dial(&mut self, agent: &mut Agent, deed: &str) {
        let typed = input("dial").map(|field| field.value()).unwrap_or_default();
        if typed.trim().is_empty() {
            let _ = input("dial").map(|field| field.focus());
            return complain_at_dial("Whom? Type a name or an address.");
        }
        self.reach(agent, &typed, deed);
    }

    /// Sends what was written.
    pub(crate) fn write(&mut self, agent: &mut Agent) {
        self.chat.send(agent);
    }

    /// The dialog was closed by the person, not by an answer.
    pub(crate) fn silence(&mut self) {
        let closed = self.ringing.closed();
        self.calls.iter_mut().filter(|call| Some(call.number) == closed).for_each(|call| call.silenced = true);
    }

    /// Ends all calls.
    pub(crate) fn hang_up(&mut self, agent: &mut Agent) {
        for call in &mut self.calls {
            call.hang_up(agent);
        }
        self.calls.retain(|call| call.id.is_some());
    }

    /// What the agent says of a call.
    pub(crate) fn event(&mut self, agent: &mut Agent, id: CallId, event: CallEvent) {
        if let CallEvent::Incoming { from, called, offer, replaces } = event {
            let who = Who::of_party(&from, &self.directory);
            let Ok((number, peer)) = self.peer() else {
                return agent.reject(now(), id, StatusCode::NOT_ACCEPTABLE_HERE);
            };
            let mut call = Call::incoming(number, id, (who, from.asserted), called, offer, peer);
            match self.calls.iter().find(|call| replaces.is_some() && call.id == replaces) {
                // Who calls has the call already, and only moves it.
                Some(replaced) if replaced.stage.is_established() => call.answer(replaced.video),
                _ => agent.ringing(now(), id),
            }
            self.calls.push(call);
            return;
        }
        if let Some(at) = self.calls.iter().position(|call| call.id == Some(id)) {
            let end = self.calls[at].event(agent, event);
            self.end(at, end);
        }
    }

    /// What the browser says of a call.
    pub(crate) fn report(&mut self, agent: &mut Agent, number: u32, report: Report) {
        if let Some(at) = self.calls.iter().position(|call| call.number == number) {
            let end = self.calls[at].report(agent, report);
            self.end(at, end);
        }
    }

    /// A message came.
    pub(crate) fn message(&mut self, from: &Party, text: &str) {
        let who = Who::of_party(from, &self.directory);
        self.announced = join(["Message from ", &who.name]);
        set_text("announcer", &self.announced);
        self.chat.received(&who, text);
    }

    /// A message of ours arrived, or did not.
    pub(crate) fn sent(&mut self, id: MessageId, failure: Option<(u16, &str)>) {
        self.chat.sent(id, failure);
    }

    /// The network is another one.
    pub(crate) fn network_changed(&mut self) {
        self.calls.iter_mut().for_each(Call::restart);
    }

    /// Once a second.
    pub(crate) fn tick(&self) {
        let at = js_sys::Date::now();
        self.calls.iter().for_each(|call| call.tick(at));
    }

    /// Whether it is to be woken once a second.
    pub(crate) fn is_busy(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Puts all of it on the page.
    pub(crate) fn show(&mut self, agent: &Agent) {
        let own = agent.state().binding().map(|binding| &binding.impu);
        let hidden = own.is_none() && self.calls.is_empty();
        set_hidden("phone-panel", hidden);
        set_hidden("chat-panel", hidden);
        set_disabled("dial-fields", own.is_none());
        self.chat.enable(own.is_some());
        if let Some(own) = own
            && element("own-address").is_some_and(|shown| shown.text_content().as_deref() != Some(own.as_str()))
        {
            set_text("own-address", own.as_str());
            for contact in all("#contacts li") {
                switch(&contact, "hidden", contact.get_attribute("data-impu").as_deref() == Some(own.as_str()));
            }
        }
        let now = now().mono;
        self.calls.iter().for_each(|call| call.show(now));
        self.announce();
        let rings = self.calls.iter().find(|call| call.stage == Stage::Incoming && !call.silenced);
        self.ringing.show(rings);
        let tone = match rings {
            Some(_) if self.calls.iter().any(|call| call.stage.is_established()) => Some(Tone::Waiting),
            Some(_) => Some(Tone::Ring),
            None => {
                let hears = |call: &Call| call.outgoing && call.stage == Stage::Ringing && !call.has_early_media();
                self.calls.iter().any(hears).then_some(Tone::RingBack)
            }
        };
        self.tones.play(tone);
    }

    fn reach(&mut self, agent: &mut Agent, typed: &str, deed: &str) {
        set_hidden("dial-error", true);
        let to = match self.directory.find(typed) {
            Ok(to) => to,
            Err(error) => return complain_at_dial(&join(["This is no address: ", &error.to_string(), "."])),
        };
        let who = Who::of(&to, &self.directory);
        if deed == "write" {
            return self.chat.begin(&who, to);
        }
        if agent.state().binding().is_none() {
            return complain_at_dial(refusal(wic::CallError::NotRegistered));
        }
        if self.calls.len() >= agent.config().limits.calls {
            return complain_at_dial(refusal(wic::CallError::TooMany));
        }
        match self.peer() {
            Ok((number, peer)) => {
                self.hold_others(number);
                self.calls.push(Call::dial(number, to, who, deed == "call-video", peer));
            }
            Err(error) => complain_at_dial(error.words()),
        }
    }

    fn pressed_in_call(&mut self, agent: &mut Agent, at: usize, deed: &str, button: &Element) {
        let call = &mut self.calls[at];
        let number = call.number;
        let mut end = None;
        match deed {
            "answer-video" | "answer-audio" => {
                call.answer(deed == "answer-video");
                self.hold_others(number);
                self.ringing.show(None);
                self.calls[at].card.focus();
                return;
            }
            "decline" => call.reject(agent, StatusCode::DECLINE),
            "busy" => call.reject(agent, StatusCode::BUSY_HERE),
            "mute" => call.mute(),
            "camera" => call.switch_camera(),
            "hold" => {
                let hold = !call.is_on_hold();
                if !hold {
                    self.hold_others(number);
                }
                self.calls[at].hold(hold);
            }
            "keypad" => {
                let open = button.get_attribute("aria-expanded").as_deref() != Some("true");
                call.card.set_part("[data-do=keypad]", "aria-expanded", if open { "true" } else { "false" });
                call.card.toggle(".keypad", "hidden", !open);
            }
            "tone" => call.tone(&button.get_attribute("data-tone").unwrap_or_default()),
            "hang-up" => end = call.hang_up(agent),
            _ => {}
        }
        self.end(at, end);
    }

    /// One talks to one at a time.
    fn hold_others(&mut self, number: u32) {
        self.calls.iter_mut().filter(|call| call.number != number).for_each(|call| call.hold(true));
    }

    /// A call that is over goes from the page, with a line that it was.
    fn end(&mut self, at: usize, end: Option<End>) {
        let Some(end) = end else { return };
        let call = self.calls.remove(at);
        let duration = call.duration(now().mono);
        let words = end
            .fault
            .clone()
            .unwrap_or_else(|| ending(end.by, end.status, &end.reason, duration.is_some(), call.outgoing));
        self.announced = join([&call.who.name, ": ", &words]);
        set_text("announcer", &self.announced);
        recent::add(&call, &end, &words, duration.as_deref());
    }

    fn announce(&mut self) {
        let Some(call) = self.calls.last() else { return };
        let text = join([&call.who.name, ": ", &call.card.read(".call-state")]);
        if text != self.announced {
            set_text("announcer", &text);
            self.announced = text;
        }
    }

    /// A number for a call, and its connection.
    fn peer(&mut self) -> Result<(u32, Peer), MediaError> {
        self.numbers += 1;
        let (handle, session, number) = (self.handle.clone(), self.session, self.numbers);
        let peer = Peer::new(move |report| handle.with_session(session, |session| session.report(number, report)))?;
        Ok((number, peer))
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.ringing.show(None);
        self.chat.clear();
        recent::clear();
        set_text("own-address", "–");
        set_hidden("phone-panel", true);
        set_hidden("chat-panel", true);
    }
}

fn complain_at_dial(text: &str) {
    set_text("dial-error", text);
    set_hidden("dial-error", text.is_empty());
}
