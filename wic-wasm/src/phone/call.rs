//! One call: its signalling at the agent, its media at the browser, its card on the page.

use std::time::Duration;

use ims::Impu;
use sip::{Instant, StatusCode};
use wic::{Agent, CallEvent, CallId, CallOptions, CallState, EndedBy, Party, Sdp};

use super::card::Card;
use super::dial::Directory;
use super::words::{Hold, Stage, refusal, standing};
use crate::browser::now;
use crate::media::{Job, MediaError, Peer, Quality, Report, Sample, offers_video};
use crate::summary::join;
use crate::view::countdown;

/// Who is at the other side.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The address, in canonical form if it has one.
    pub(crate) address: String,
    /// What a person calls it.
    pub(crate) name: String,
}

impl Who {
    pub(crate) fn of(impu: &Impu, directory: &Directory) -> Self {
        Self { address: impu.as_str().to_owned(), name: directory.name(impu).to_owned() }
    }

    pub(crate) fn of_party(party: &Party, directory: &Directory) -> Self {
        let text = party.uri.to_string();
        match Impu::parse(&text) {
            Ok(impu) => Self::of(&impu, directory),
            Err(_) => Self { name: text.clone(), address: text },
        }
    }
}

/// Where an offer inside the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negotiation {
    Idle,
    /// The browser makes our offer.
    Making,
    /// The other side has our offer.
    Offered,
    /// The browser answers theirs.
    Answering,
}

/// What the person wants of the session, and its other side has to be told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wishes {
    hold: bool,
    camera: bool,
}

/// That a call is over.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) by: EndedBy,
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    /// What made this side end it, when it was not the person.
    pub(crate) fault: Option<String>,
}

impl End {
    fn here(fault: Option<&str>) -> Self {
        Self { by: EndedBy::Local, status: None, reason: String::new(), fault: fault.map(str::to_owned) }
    }
}

/// A call under way.
pub(crate) struct Call {
    pub(crate) number: u32,
    /// None until the agent has it: our devices come first.
    pub(crate) id: Option<CallId>,
    pub(crate) who: Who,
    pub(crate) outgoing: bool,
    pub(crate) stage: Stage,
    /// Whether pictures were asked for: by us, or by who calls.
    pub(crate) video: bool,
    /// Whether the person wants to hear no ringing.
    pub(crate) silenced: bool,
    pub(crate) card: Card,
    /// What hinders, for the person.
    pub(crate) note: String,
    /// Whether that ends the call.
    fatal: bool,
    asserted: bool,
    called: Option<Impu>,
    to: Option<Impu>,
    peer: Peer,
    offer: Option<String>,
    early: Option<String>,
    negotiation: Negotiation,
    wishes: Wishes,
    /// What the other side knows of.
    agreed: Wishes,
    /// Whether they are to be told anew.
    dirty: bool,
    restart: bool,
    restarts: u32,
    muted: bool,
    tones: String,
    since: Option<Instant>,
    sample: Sample,
}

impl Call {
    /// How often ICE is restarted for a connection that fails.
    const RESTARTS: u32 = 3;
    /// The longest line of tones that is shown.
    const TONES: usize = 64;

    /// Calls: the devices first, then the agent.
    pub(crate) fn dial(number: u32, to: Impu, who: Who, video: bool, peer: Peer) -> Self {
        peer.ask(Job::Originate { video });
        let mut call = Self::new(number, who, Stage::Preparing, video, peer);
        call.outgoing = true;
        call.to = Some(to);
        call.wishes.camera = video;
        call
    }

    /// Is called by `from`, as `called`.
    pub(crate) fn incoming(
        number: u32,
        id: CallId,
        (who, asserted): (Who, bool),
        called: Option<Impu>,
        offer: Option<Sdp>,
        peer: Peer,
    ) -> Self {
        let offer = offer.map(|sdp| sdp.as_str().to_owned());
        let video = offer.as_deref().is_some_and(offers_video);
        let mut call = Self::new(number, who, Stage::Incoming, video, peer);
        call.id = Some(id);
        call.asserted = asserted;
        call.called = called;
        call.offer = offer;
        call
    }

    fn new(number: u32, who: Who, stage: Stage, video: bool, peer: Peer) -> Self {
        let card = Card::new(number);
        card.play(peer.remote());
        Self {
            number,
            id: None,
            who,
            outgoing: false,
            stage,
            video,
            silenced: false,
            card,
            note: String::new(),
            fatal: false,
            asserted: false,
            called: None,
            to: None,
            peer,
            offer: None,
            early: None,
            negotiation: Negotiation::Idle,
            wishes: Wishes::default(),
            agreed: Wishes::default(),
            dirty: false,
            restart: false,
            restarts: 0,
            muted: false,
            tones: String::new(),
            since: None,
            sample: Sample::default(),
        }
    }

    /// Takes the call.
    pub(crate) fn answer(&mut self, video: bool) {
        if self.stage == Stage::Incoming {
            self.stage = Stage::Answering;
            self.note.clear();
            self.wishes.camera = video;
            self.peer.ask(Job::Accept { offer: self.offer.clone(), video });
        }
    }

    /// Refuses it.
    pub(crate) fn reject(&mut self, agent: &mut Agent, status: StatusCode) {
        if let (Some(id), Stage::Incoming) = (self.id, self.stage) {
            agent.reject(now(), id, status);
        }
    }

    /// Ends it. What the agent does not know yet ends at once.
    pub(crate) fn hang_up(&mut self, agent: &mut Agent) -> Option<End> {
        match self.id {
            Some(id) => {
                agent.hang_up(now(), id);
                None
            }
            None => Some(End::here(None)),
        }
    }

    pub(crate) fn mute(&mut self) {
        self.muted = !self.muted;
        self.peer.mute(self.muted);
    }

    pub(crate) fn hold(&mut self, hold: bool) {
        if self.stage == Stage::Established && self.wishes.hold != hold {
            self.note.clear();
            self.set_hold(hold);
            self.dirty = true;
            self.negotiate();
        }
    }

    pub(crate) fn switch_camera(&mut self) {
        if self.stage == Stage::Established {
            self.set_camera(!self.wishes.camera);
        }
    }

    pub(crate) fn tone(&mut self, tone: &str) {
        if !self.peer.tone(tone) {
            self.note = "The other side takes no tones.".to_owned();
        }
    }

    /// Whether the network vouches for who calls (RFC 3325), and whom they called.
    pub(crate) fn vouched(&self) -> String {
        let vouched = if self.asserted { "The network vouches for it." } else { "They say so themselves." };
        match &self.called {
            Some(called) => join([vouched, " They called ", called.as_str(), "."]),
            None => vouched.to_owned(),
        }
    }

    /// Whether we hold it, or want to.
    pub(crate) fn is_on_hold(&self) -> bool {
        self.wishes.hold
    }

    /// Whether the other side gives sound already.
    pub(crate) fn has_early_media(&self) -> bool {
        self.early.is_some()
    }

    /// How long we have talked, in words.
    pub(crate) fn duration(&self, now: Instant) -> Option<String> {
        // Begun seconds don't count here.
        self.since.map(|since| countdown(Duration::from_secs(now.since(since).as_secs())))
    }

    /// What the agent says of it.
    pub(crate) fn event(&mut self, agent: &Agent, event: CallEvent) -> Option<End> {
        match event {
            // Phone begins with it.
            CallEvent::Incoming { .. } => {}
            CallEvent::Ringing => self.stage = Stage::Ringing,
            CallEvent::Progress { answer } => {
                // Of a forked call the first branch that gives sound is heard.
                if let Some(answer) = answer.filter(|_| self.early.is_none()) {
                    self.early = Some(answer.as_str().to_owned());
                    self.peer.ask(Job::Early { answer: answer.as_str().to_owned() });
                }
            }
            CallEvent::Established { sdp } => {
                self.stage = Stage::Established;
                self.since = Some(now().mono);
                let answer = sdp.map(|sdp| sdp.as_str().to_owned()).or(self.early.clone());
                match answer.filter(|_| self.negotiation == Negotiation::Offered) {
                    Some(answer) => self.peer.ask(Job::Settle { answer }),
                    None => self.negotiation = Negotiation::Idle,
                }
            }
            CallEvent::Offer { offer } => {
                // Ours, when there is one, has lost; it is made again when theirs is answered.
                self.dirty |= matches!(self.negotiation, Negotiation::Making | Negotiation::Offered);
                self.negotiation = Negotiation::Answering;
                self.peer.ask(Job::Answer { offer: offer.as_str().to_owned() });
            }
            CallEvent::OfferAnswered { answer } => self.peer.ask(Job::Settle { answer: answer.as_str().to_owned() }),
            CallEvent::OfferRefused { status, reason } => self.refused(agent, status, &reason),
            CallEvent::Suspended => self.stage = Stage::Suspended,
            CallEvent::Resumed => {
                self.stage = Stage::Established;
                if self.negotiation == Negotiation::Offered {
                    self.peer.ask(Job::Rollback);
                }
                self.restart();
            }
            CallEvent::Ended { by, status, reason } => {
                let fault = self.fatal.then(|| std::mem::take(&mut self.note));
                return Some(End { by, status, reason, fault });
            }
        }
        None
    }

    /// What the browser says of it.
    pub(crate) fn report(&mut self, agent: &mut Agent, report: Report) -> Option<End> {
        match report {
            Report::Offer(sdp) => return self.offered(agent, Sdp::new(sdp)),
            Report::Answer(sdp) => self.answered(agent, Sdp::new(sdp)),
            Report::Settled => {
                if self.negotiation == Negotiation::Offered {
                    self.negotiation = Negotiation::Idle;
                    self.agreed = self.wishes;
                }
                self.negotiate();
            }
            Report::Early => {}
            Report::Camera => {
                self.dirty = true;
                self.negotiate();
            }
            Report::Changed => self.connection_changed(),
            Report::Tone(tone) => {
                self.tones.push_str(&tone);
                if self.tones.len() > Self::TONES {
                    self.tones = tone;
                }
            }
            Report::Sample(sample) => {
                let quality = Quality::between(&self.sample, &sample);
                self.card.figures(&sample, &quality);
                self.sample = sample;
            }
            Report::Failed { job, error } => return self.failed(agent, &job, &error),
        }
        None
    }

    /// Once a second.
    pub(crate) fn tick(&self, at: f64) {
        if self.stage.is_established() || self.early.is_some() {
            self.peer.sample(at);
        }
    }

    /// Has a way found anew: the network is another one.
    pub(crate) fn restart(&mut self) {
        if self.stage.is_established() {
            self.restart = true;
            self.dirty = true;
            self.negotiate();
        }
    }

    /// Puts it on its card.
    pub(crate) fn show(&self, now: Instant) {
        let card = &self.card;
        let hold = Hold { by_us: self.wishes.hold, by_them: self.stage.is_established() && self.peer.is_held() };
        let (media, sees) = (self.peer.state(), self.peer.sees());
        let flag = |on: bool| if on { "true" } else { "false" };
        card.set("data-peer", &self.who.address);
        card.set("data-direction", if self.outgoing { "out" } else { "in" });
        card.set("data-state", self.stage.name());
        card.set("data-media", &media);
        card.set("data-hold", hold.name());
        card.set("data-muted", flag(self.muted));
        card.set("data-camera", flag(self.wishes.camera && !self.wishes.hold));
        card.set("data-remote-video", flag(sees));
        card.set("data-tones", &self.tones);
        card.set("data-restarts", &self.restarts.to_string());
        let negotiation = match self.negotiation {
            Negotiation::Idle if self.dirty => "offering",
            Negotiation::Idle => "idle",
            Negotiation::Making | Negotiation::Offered => "offering",
            Negotiation::Answering => "answering",
        };
        card.set("data-negotiation", negotiation);

        card.text(".call-peer", &self.who.name);
        let initial = self.who.name.chars().next().map(String::from).unwrap_or_default();
        card.text(".call-head .avatar", &initial);
        card.text(".no-picture .avatar", &initial);
        card.text(".call-state", standing(self.stage, hold, &media, self.has_early_media()));
        let duration = self.duration(now);
        card.toggle(".call-time", "hidden", duration.is_none());
        card.text(".call-time", duration.as_deref().unwrap_or_default());
        card.toggle(".call-note", "hidden", self.note.is_empty());
        card.text(".call-note", &self.note);
        let why = match (hold.by_us, hold.by_them) {
            (true, _) => "On hold",
            (_, true) => "You are on hold",
            _ if self.stage.is_established() => "No picture from the other side",
            _ => "",
        };
        card.text(".no-picture-why", why);
        card.text(".tones", &self.tones);

        let talks = self.stage == Stage::Established;
        for (selector, on, usable) in [
            ("[data-do=mute]", self.muted, true),
            ("[data-do=camera]", self.wishes.camera, talks && !self.wishes.hold),
            ("[data-do=hold]", self.wishes.hold, talks),
        ] {
            card.set_part(selector, "aria-pressed", flag(on));
            card.toggle(selector, "disabled", !usable);
        }
        card.toggle("[data-do=keypad]", "disabled", !talks || self.wishes.hold);
        card.mirror(self.peer.camera().filter(|_| !self.wishes.hold));
    }

    /// The browser made an offer.
    fn offered(&mut self, agent: &mut Agent, sdp: Sdp) -> Option<End> {
        match (self.stage, self.id, self.to.clone()) {
            (Stage::Preparing, None, Some(to)) => {
                self.devices_opened();
                let Ok(uri) = to.as_str().parse() else { return Some(End::here(None)) };
                match agent.call(now(), &uri, sdp, CallOptions::default()) {
                    Ok(id) => {
                        self.id = Some(id);
                        self.stage = Stage::Calling;
                        self.negotiation = Negotiation::Offered;
                    }
                    Err(error) => return Some(End::here(Some(refusal(error)))),
                }
            }
            (Stage::Answering, Some(id), _) => {
                self.devices_opened();
                self.negotiation = Negotiation::Offered;
                agent.answer(now(), id, sdp);
            }
            (Stage::Established, Some(id), _) if self.negotiation == Negotiation::Making => {
                self.negotiation = Negotiation::Offered;
                agent.offer(now(), id, sdp);
            }
            // The connection went meanwhile: what is offered when it is back has other candidates.
            (Stage::Suspended, _, _) if self.negotiation == Negotiation::Making => {
                self.negotiation = Negotiation::Offered;
                self.dirty = true;
                self.peer.ask(Job::Rollback);
            }
            // The other side's offer came first.
            _ => {}
        }
        None
    }

    /// The browser made an answer.
    fn answered(&mut self, agent: &mut Agent, sdp: Sdp) {
        let Some(id) = self.id else { return };
        if self.stage == Stage::Answering {
            self.devices_opened();
            self.agreed = self.wishes;
            agent.answer(now(), id, sdp);
        } else if self.negotiation == Negotiation::Answering {
            self.negotiation = Negotiation::Idle;
            agent.answer_offer(now(), id, sdp);
            self.negotiate();
        }
    }

    /// Tells the other side what it does not know yet, one offer at a time.
    fn negotiate(&mut self) {
        if self.dirty && self.stage == Stage::Established && self.negotiation == Negotiation::Idle {
            self.dirty = false;
            self.negotiation = Negotiation::Making;
            let restart = std::mem::take(&mut self.restart);
            self.restarts += u32::from(restart);
            self.peer.ask(Job::Offer { restart });
        }
    }

    /// Our offer was refused; the session stays as it was.
    fn refused(&mut self, agent: &Agent, status: u16, reason: &str) {
        self.peer.ask(Job::Rollback);
        // The other side's offer came first, or the connection is lost: it is made again.
        let lost = agent.calls().any(|(id, state)| self.id == Some(id) && state == CallState::Suspended);
        if status == StatusCode::REQUEST_PENDING.code() || lost {
            self.dirty = true;
            return;
        }
        self.note = join(["The other side did not take the change: ", &status.to_string(), " ", reason]);
        if self.wishes.hold != self.agreed.hold {
            self.set_hold(self.agreed.hold);
        }
        if self.wishes.camera && !self.agreed.camera {
            self.set_camera(false);
        }
    }

    fn failed(&mut self, agent: &mut Agent, job: &Job, error: &MediaError) -> Option<End> {
        match (job, self.id) {
            (Job::Originate { .. }, _) => return Some(End::here(Some(error.words()))),
            (Job::Accept { .. }, Some(id)) => {
                self.stage = Stage::Incoming;
                self.note = error.words().to_owned();
                self.card.set("data-media-error", error.name());
                match error {
                    // The person may yet allow it.
                    MediaError::Denied | MediaError::Busy => return None,
                    MediaError::Missing | MediaError::Unsupported => {
                        agent.reject(now(), id, StatusCode::TEMPORARILY_UNAVAILABLE);
                    }
                    // What was offered is not for this browser.
                    MediaError::Other(_) => agent.reject(now(), id, StatusCode::NOT_ACCEPTABLE_HERE),
                }
                self.fatal = true;
            }
            (Job::Answer { .. }, Some(id)) => {
                self.negotiation = Negotiation::Idle;
                agent.refuse_offer(now(), id, StatusCode::NOT_ACCEPTABLE_HERE);
                self.negotiate();
            }
            (Job::Settle { .. }, _) => {
                self.note = error.words().to_owned();
                self.fatal = true;
                return self.hang_up(agent);
            }
            (Job::Camera { .. }, _) => {
                self.wishes.camera = false;
                self.note = match error {
                    MediaError::Denied => "This browser does not let the page use the camera.".to_owned(),
                    MediaError::Missing => "There is no camera.".to_owned(),
                    _ => error.words().to_owned(),
                };
            }
            (Job::Offer { .. }, _) => {
                self.note = error.words().to_owned();
                self.negotiation = Negotiation::Idle;
            }
            // Early media is a gift, and there may be nothing to take back.
            _ => {}
        }
        None
    }

    fn connection_changed(&mut self) {
        // One side is enough, and two would get in each other's way.
        if self.outgoing && self.restarts < Self::RESTARTS && self.peer.state() == "failed" {
            self.restart();
        }
    }

    fn set_hold(&mut self, hold: bool) {
        self.wishes.hold = hold;
        self.peer.hold(hold);
    }

    fn set_camera(&mut self, on: bool) {
        self.wishes.camera = on;
        self.note.clear();
        self.peer.ask(Job::Camera { on });
    }

    /// The devices are open, the camera if there is one.
    fn devices_opened(&mut self) {
        let camera = self.peer.camera().is_some();
        if self.wishes.camera && !camera {
            self.note = "There is no camera that works: the other side hears you only.".to_owned();
        }
        self.wishes.camera = camera;
    }
}
