//! One call's `RTCPeerConnection`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    EventTarget, MediaStream, MediaStreamTrack, RtcBundlePolicy, RtcConfiguration, RtcIceGatheringState,
    RtcOfferOptions, RtcPeerConnection, RtcRtpTransceiver, RtcRtpTransceiverDirection as Direction, RtcSdpType,
    RtcSessionDescriptionInit, RtcSignalingState, RtcTrackEvent,
};

use super::description::without_trickle;
use super::devices::{self, MediaError};
use super::quality::Sample;
use crate::browser::{Listener, window};
use crate::settings::{member, string};

/// What a connection is asked for. One job runs after the other.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// Open the devices, and offer.
    Originate { video: bool },
    /// Open the devices, and answer `offer`, or offer when there is none.
    Accept { offer: Option<String>, video: bool },
    /// Offer anew, with new candidates when `restart`.
    Offer { restart: bool },
    /// Answer an offer. One of ours that is out is taken back first.
    Answer { offer: String },
    /// Take what may become the answer (early media).
    Early { answer: String },
    /// Take the answer.
    Settle { answer: String },
    /// Take our offer back.
    Rollback,
    /// Open the camera, or let it go. The other side learns of it by the next offer.
    Camera { on: bool },
}

/// What came of it, and what happens by itself.
#[derive(Debug)]
pub(crate) enum Report {
    /// Our description, complete.
    Offer(String),
    /// Our answer, complete.
    Answer(String),
    /// An answer is in force; or an offer is taken back.
    Settled,
    /// What may become the answer is in force.
    Early,
    /// The camera is open, or closed.
    Camera,
    /// A job failed. The session is as it was before it.
    Failed { job: Job, error: MediaError },
    /// The state of the connection changed (`connectionState`), or a track came.
    Changed,
    /// This tone went out.
    Tone(String),
    /// The counters.
    Sample(Sample),
}

/// Where a call's media go: one `RTCPeerConnection`, with the tracks of the devices. Dropping it
/// closes the connection and lets the devices go.
pub(crate) struct Peer(Rc<Inner>);

struct Inner {
    connection: RtcPeerConnection,
    report: Box<dyn Fn(Report)>,
    jobs: RefCell<VecDeque<Job>>,
    at_work: Cell<bool>,
    closed: Cell<bool>,
    /// What the devices give.
    tracks: RefCell<Vec<MediaStreamTrack>>,
    /// Tells the other side which tracks belong together.
    bundle: MediaStream,
    /// What comes in.
    remote: MediaStream,
    muted: Cell<bool>,
    held: Cell<bool>,
    listeners: RefCell<Vec<Listener>>,
    /// Whether somebody listens to the tones.
    toned: Cell<bool>,
}

impl Peer {
    /// A connection without media yet. `report` is never called from within a call of ours.
    pub(crate) fn new(report: impl Fn(Report) + 'static) -> Result<Self, MediaError> {
        let failed = |error: JsValue| MediaError::of(&error);
        let configuration = RtcConfiguration::new();
        // An m-line that an IMS gateway does not bundle then has a transport of its own (TS 23.228 U.1.1).
        configuration.set_bundle_policy(RtcBundlePolicy::MaxCompat);
        let _ = Reflect::set(&configuration, &"rtcpMuxPolicy".into(), &"require".into());
        let connection = RtcPeerConnection::new_with_configuration(&configuration).map_err(failed)?;
        let inner = Rc::new(Inner {
            connection,
            report: Box::new(report),
            jobs: RefCell::default(),
            at_work: Cell::new(false),
            closed: Cell::new(false),
            tracks: RefCell::default(),
            bundle: MediaStream::new().map_err(failed)?,
            remote: MediaStream::new().map_err(failed)?,
            muted: Cell::new(false),
            held: Cell::new(false),
            listeners: RefCell::default(),
            toned: Cell::new(false),
        });
        inner.listen();
        Ok(Self(inner))
    }

    /// Adds a job.
    pub(crate) fn ask(&self, job: Job) {
        let inner = &self.0;
        inner.jobs.borrow_mut().push_back(job);
        if !inner.at_work.replace(true) {
            spawn_local(Rc::clone(inner).work());
        }
    }

    /// Silences the microphone. Nothing is signalled.
    pub(crate) fn mute(&self, muted: bool) {
        self.0.muted.set(muted);
        self.0.enable_tracks();
    }

    /// Sends nothing of ours. The other side learns of it by the next offer.
    pub(crate) fn hold(&self, held: bool) {
        self.0.held.set(held);
        self.0.enable_tracks();
    }

    /// Sends a tone (RFC 4733), if the other side takes any.
    pub(crate) fn tone(&self, tone: &str) -> bool {
        self.0.tone(tone).is_some()
    }

    /// Reads the counters; a report follows.
    pub(crate) fn sample(&self, at: f64) {
        let inner = Rc::clone(&self.0);
        let promise = inner.connection.get_stats();
        spawn_local(async move {
            if let Ok(stats) = JsFuture::from(promise).await {
                inner.tell(Report::Sample(Sample::of(&stats, at)));
            }
        });
    }

    /// `new`, `connecting`, `connected`, `disconnected`, `failed` or `closed`.
    pub(crate) fn state(&self) -> String {
        string(&self.0.connection, "connectionState").unwrap_or_default()
    }

    /// What comes in.
    pub(crate) fn remote(&self) -> &MediaStream {
        &self.0.remote
    }

    /// Whether pictures come in.
    pub(crate) fn sees(&self) -> bool {
        let video = self.0.transceivers("video");
        video.iter().any(|one| matches!(one.current_direction(), Some(Direction::Sendrecv | Direction::Recvonly)))
    }

    /// Whether the other side wants to hear nothing (RFC 3264 §8.4).
    pub(crate) fn is_held(&self) -> bool {
        let audio = self.0.transceivers("audio");
        audio.iter().any(|one| matches!(one.current_direction(), Some(Direction::Recvonly | Direction::Inactive)))
    }

    /// The camera's picture, while it is open.
    pub(crate) fn camera(&self) -> Option<MediaStreamTrack> {
        self.0.tracks.borrow().iter().find(|track| track.kind() == "video").cloned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let inner = &self.0;
        inner.closed.set(true);
        inner.listeners.borrow_mut().clear();
        inner.tracks.borrow_mut().drain(..).for_each(|track| track.stop());
        inner.connection.close();
    }
}

impl Inner {
    /// The longest that candidates are waited for, in milliseconds.
    const GATHERING: i32 = 1500;

    fn listen(self: &Rc<Self>) {
        let me = Rc::downgrade(self);
        let target: EventTarget = self.connection.clone().into();
        let listener = Listener::new(target, &["connectionstatechange", "track"], move |event| {
            let Some(inner) = me.upgrade() else { return };
            if let Ok(event) = event.dyn_into::<RtcTrackEvent>() {
                inner.remote.add_track(&event.track());
            }
            // Events come while a description is set, which may be from within the application.
            spawn_local(async move { inner.tell(Report::Changed) });
        });
        self.listeners.borrow_mut().push(listener);
    }

    fn tell(&self, report: Report) {
        if !self.closed.get() {
            (self.report)(report);
        }
    }

    async fn work(self: Rc<Self>) {
        loop {
            let job = self.jobs.borrow_mut().pop_front();
            let Some(job) = job.filter(|_| !self.closed.get()) else { break };
            let report = match self.perform(&job).await {
                Ok(report) => report,
                Err(error) => Report::Failed { job, error },
            };
            self.tell(report);
        }
        self.at_work.set(false);
    }

    async fn perform(&self, job: &Job) -> Result<Report, MediaError> {
        Ok(match job {
            Job::Originate { video } => {
                self.open_devices(*video).await?;
                Report::Offer(self.offer(false).await?)
            }
            Job::Accept { offer: None, video } => {
                self.open_devices(*video).await?;
                Report::Offer(self.offer(false).await?)
            }
            Job::Accept { offer: Some(offer), video } => {
                let tracks = devices::open(*video).await?;
                // Set before there are tracks, so that they go into what it describes.
                if let Err(error) = self.set_remote(RtcSdpType::Offer, Some(offer)).await {
                    tracks.iter().for_each(MediaStreamTrack::stop);
                    return Err(error);
                }
                self.add_tracks(tracks)?;
                Report::Answer(self.answer().await?)
            }
            Job::Offer { restart } => Report::Offer(self.offer(*restart).await?),
            Job::Answer { offer } => {
                self.rollback().await?;
                self.set_remote(RtcSdpType::Offer, Some(offer)).await?;
                match self.answer().await {
                    Ok(answer) => Report::Answer(answer),
                    Err(error) => {
                        let _ = self.set_remote(RtcSdpType::Rollback, None).await;
                        return Err(error);
                    }
                }
            }
            Job::Early { answer } => {
                if self.is_offering() {
                    self.set_remote(RtcSdpType::Pranswer, Some(answer)).await?;
                }
                Report::Early
            }
            Job::Settle { answer } => {
                if self.is_offering() {
                    self.set_remote(RtcSdpType::Answer, Some(answer)).await?;
                }
                Report::Settled
            }
            Job::Rollback => {
                self.rollback().await?;
                Report::Settled
            }
            Job::Camera { on } => {
                self.set_camera(*on).await?;
                Report::Camera
            }
        })
    }

    async fn open_devices(&self, video: bool) -> Result<(), MediaError> {
        let tracks = devices::open(video).await?;
        self.add_tracks(tracks)
    }

    fn add_tracks(&self, tracks: Vec<MediaStreamTrack>) -> Result<(), MediaError> {
        if self.closed.get() {
            tracks.iter().for_each(MediaStreamTrack::stop);
            return Err(MediaError::Unsupported);
        }
        for track in &tracks {
            self.bundle.add_track(track);
            self.connection.add_track_0(track, &self.bundle);
        }
        self.tracks.borrow_mut().extend(tracks);
        self.enable_tracks();
        Ok(())
    }

    async fn offer(&self, restart: bool) -> Result<String, MediaError> {
        self.set_directions();
        let options = RtcOfferOptions::new();
        options.set_ice_restart(restart);
        let promise = self.connection.create_offer_with_rtc_offer_options(&options);
        self.describe(promise).await
    }

    async fn answer(&self) -> Result<String, MediaError> {
        self.set_directions();
        let promise = self.connection.create_answer();
        self.describe(promise).await
    }

    /// Puts what the browser made in force, and waits for its candidates.
    async fn describe(&self, made: Promise) -> Result<String, MediaError> {
        let made = settled(made).await?;
        settled(self.connection.set_local_description(made.unchecked_ref())).await?;
        self.gather().await;
        let description = self.connection.local_description().ok_or(MediaError::Unsupported)?;
        Ok(without_trickle(&description.sdp()))
    }

    /// Waits for all candidates, or for as long as a person would.
    async fn gather(&self) {
        let Some(window) = window() else { return };
        let target: &EventTarget = self.connection.unchecked_ref();
        let over = Promise::new(&mut |resolve, _| {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, Self::GATHERING);
        });
        while self.connection.ice_gathering_state() != RtcIceGatheringState::Complete && !self.closed.get() {
            let changed = Promise::new(&mut |resolve, _| {
                let _ = target.add_event_listener_with_callback("icegatheringstatechange", &resolve);
            });
            let first = Promise::race(&Array::of2(&over, &changed));
            // An event comes with itself, the time-out with nothing.
            if JsFuture::from(first).await.map_or(true, |what| what.is_undefined()) {
                break;
            }
        }
    }

    async fn set_remote(&self, kind: RtcSdpType, sdp: Option<&str>) -> Result<(), MediaError> {
        let description = RtcSessionDescriptionInit::new(kind);
        if let Some(sdp) = sdp {
            description.set_sdp(sdp);
        }
        settled(self.connection.set_remote_description(&description)).await.map(drop)
    }

    async fn rollback(&self) -> Result<(), MediaError> {
        if self.connection.signaling_state() != RtcSignalingState::HaveLocalOffer {
            return Ok(());
        }
        let description = RtcSessionDescriptionInit::new(RtcSdpType::Rollback);
        settled(self.connection.set_local_description(&description)).await.map(drop)
    }

    /// Whether an offer of ours waits for its answer.
    fn is_offering(&self) -> bool {
        let state = self.connection.signaling_state();
        matches!(state, RtcSignalingState::HaveLocalOffer | RtcSignalingState::HaveRemotePranswer)
    }

    async fn set_camera(&self, on: bool) -> Result<(), MediaError> {
        let video = self.transceivers("video");
        let sender = video.first().map(RtcRtpTransceiver::sender);
        if on {
            let track = devices::open_camera().await?;
            match sender {
                Some(sender) if !self.closed.get() => {
                    settled(sender.replace_track(Some(&track))).await?;
                    self.tracks.borrow_mut().push(track);
                    self.enable_tracks();
                }
                _ => self.add_tracks(vec![track])?,
            }
            return Ok(());
        }
        self.tracks.borrow_mut().retain(|track| {
            let keep = track.kind() != "video";
            if !keep {
                track.stop();
                self.bundle.remove_track(track);
            }
            keep
        });
        if let Some(sender) = sender {
            settled(sender.replace_track(None)).await?;
        }
        Ok(())
    }

    fn transceivers(&self, kind: &str) -> Vec<RtcRtpTransceiver> {
        let all = self.connection.get_transceivers();
        let all = all.iter().filter_map(|one| one.dyn_into::<RtcRtpTransceiver>().ok());
        all.filter(|one| one.receiver().track().kind() == kind).collect()
    }

    /// Which way each m-line is to go. On hold sound is sent only, that is silence, and no picture.
    fn set_directions(&self) {
        if self.closed.get() {
            return;
        }
        let held = self.held.get();
        let camera = self.tracks.borrow().iter().any(|track| track.kind() == "video");
        let wanted = |one: &RtcRtpTransceiver, direction| {
            // Throws where it is stopped, and then has no current direction but this.
            if one.direction() != direction && one.direction() != Direction::Stopped {
                one.set_direction(direction);
            }
        };
        for one in self.transceivers("audio") {
            wanted(&one, if held { Direction::Sendonly } else { Direction::Sendrecv });
        }
        for one in self.transceivers("video") {
            wanted(
                &one,
                match (held, camera) {
                    (true, _) => Direction::Inactive,
                    (false, true) => Direction::Sendrecv,
                    (false, false) => Direction::Recvonly,
                },
            );
        }
    }

    fn enable_tracks(&self) {
        for track in self.tracks.borrow().iter() {
            let silent = self.held.get() || (self.muted.get() && track.kind() == "audio");
            track.set_enabled(!silent);
        }
    }

    fn tone(self: &Rc<Self>, tone: &str) -> Option<()> {
        let sender = self.transceivers("audio").first()?.sender();
        let dtmf = sender.dtmf()?;
        // Throws otherwise.
        member(&dtmf, "canInsertDTMF").as_bool().filter(|can| *can)?;
        if !self.toned.replace(true) {
            let me = Rc::downgrade(self);
            let listener = Listener::new(dtmf.clone().into(), &["tonechange"], move |event| {
                // The last event has no tone: all are out.
                if let Some(inner) = me.upgrade()
                    && let Some(tone) = string(&event, "tone").filter(|tone| !tone.is_empty())
                {
                    inner.tell(Report::Tone(tone));
                }
            });
            self.listeners.borrow_mut().push(listener);
        }
        // What is on its way already goes first: inserting replaces it.
        dtmf.insert_dtmf(&[&*dtmf.tone_buffer(), tone].concat());
        Some(())
    }
}

async fn settled(promise: Promise) -> Result<JsValue, MediaError> {
    JsFuture::from(promise).await.map_err(|error| MediaError::of(&error))
}
