//! The user agent: it drives a registration over a connection that its shell opens.

mod answers;
mod calling;
mod connection;
mod leaving;
mod registering;
mod serving;
mod tokens;
mod watching;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use ims::Defect;
use sip::{Entropy, Framing, Instant, Message, Now};

use crate::backoff::Backoff;
use crate::event::close;
use crate::few::Few;
use crate::keepalive::{Due, KeepAlive};
use crate::line::Line;
use crate::pager::Pager;
use crate::registration::{Purpose, Registration};
use crate::session::Session;
use crate::watch::Watch;
use crate::{CallId, Config, Event, Failure, Output, State, Wire, requests};
use connection::Link;
use tokens::HeldToken;

/// A WebRTC IMS Client's user agent. See the crate's documentation for how it is driven.
///
/// Nothing that it receives makes it panic, and whatever is not for it to act on is counted and
/// reported, not obeyed.
pub struct Agent {
    config: Config,
    entropy: Box<dyn Entropy + Send>,
    state: State,
    link: Link,
    keepalive: KeepAlive,
    backoff: Backoff,
    held: Option<HeldToken>,
    /// Until when the WWSF may take to give a token.
    token_by: Option<Instant>,
    registration: Option<Registration>,
    /// Timer F of the REGISTER that is out.
    answer_by: Option<Instant>,
    /// Since when this connection is registered.
    registered_at: Option<Instant>,
    /// What all but REGISTER goes over.
    line: Line,
    sessions: Few<CallId, Session>,
    last_call: u64,
    /// Calls that come in, and the calls that they are to replace.
    replacing: Few<CallId, CallId>,
    pager: Pager,
    watch: Watch,
    /// De-registering waits until then for calls to be ended.
    release_by: Option<Instant>,
    /// Whether the network ended the registration and wants it anew, so that it may close the
    /// connection.
    renewing: bool,
    outputs: VecDeque<Output>,
    discarded: u64,
}

impl Agent {
    /// A WIC that does nothing until it is started.
    pub fn new(config: Config, entropy: impl Entropy + Send + 'static) -> Self {
        Self {
            line: Line::new(&config.timers, config.defects),
            config,
            entropy: Box::new(entropy),
            state: State::Idle,
            link: Link::Down,
            keepalive: KeepAlive::default(),
            backoff: Backoff::default(),
            held: None,
            token_by: None,
            registration: None,
            answer_by: None,
            registered_at: None,
            sessions: Few::default(),
            last_call: 0,
            replacing: Few::default(),
            pager: Pager::default(),
            watch: Watch::default(),
            release_by: None,
            renewing: false,
            outputs: VecDeque::new(),
            discarded: 0,
        }
    }

    /// Registers. Does nothing when that is under way already.
    pub fn start(&mut self, now: Now) {
        if matches!(self.state, State::Idle | State::Failed(_)) {
            self.registration = None;
            self.backoff.reset();
            self.proceed(now);
        }
    }

    /// Refreshes the registration now.
    pub fn refresh(&mut self, now: Now) {
        if let State::Registered(binding) = &self.state {
            let binding = binding.clone();
            self.begin_refresh(now, binding);
        }
    }

    /// Ends the registration, and the connection with it. Calls are ended first.
    pub fn deregister(&mut self, now: Now) {
        match self.state {
            State::Registered(_) | State::Refreshing(_) | State::Registering if self.link.is_up() => {
                self.token_by = None;
                self.set_state(State::Deregistering);
                self.begin_leaving(now);
            }
            State::Idle | State::Failed(_) | State::Deregistering => {}
            _ => self.finish(now, false),
        }
    }

    /// The network is another one, or is back: what was waited for is done at once (RFC 5626 §4.5
    /// keeps the back-off for failures of the server).
    pub fn network_changed(&mut self, now: Now) {
        match self.state {
            State::Idle | State::Failed(_) => {}
            State::Deregistering => self.finish(now, false),
            _ => {
                self.drop_link(now, close::NORMAL, "the network changed");
                self.backoff.reset();
                self.proceed(now);
            }
        }
    }

    /// One WebSocket message.
    pub fn received(&mut self, now: Now, octets: impl Into<Bytes>) {
        if !self.link.is_up() {
            return self.discard("a message, and no connection is open");
        }
        let octets: Bytes = octets.into();
        self.event(Event::MessageReceived(Wire::new(octets.clone())));
        match &*octets {
            b"\r\n" => return self.keepalive.pong(),
            b"\r\n\r\n" => return self.transmit(Bytes::from_static(b"\r\n")),
            _ => {}
        }
        match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Response(response)) => self.received_response(now, response),
            Ok(Message::Request(request)) => self.received_request(now, request),
            Err(malformed) => {
                if let Some(answer) = requests::answer_malformed(&malformed, &mut *self.entropy) {
                    self.transmit(answer.to_bytes());
                }
                self.discard(format!("a malformed message: {}", malformed.error));
            }
        }
        self.flush(now);
    }

    /// The time that [`Self::poll_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Now) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.mono);
        self.line.handle_timeout(now.mono);
        self.flush(now);
        self.each_call(now, |session, io| session.handle_timeout(io));
        self.watch_timeout(now);
        self.leaving_timeout(now);
        if due(self.link.opening_by()) {
            self.connecting_timed_out(now);
        }
        if due(self.token_by) {
            self.token_timed_out(now);
        }
        if due(self.answer_by) {
            self.answer_timed_out(now);
        }
        match self.keepalive.handle_timeout(now.mono, self.config.timers.pong, &mut *self.entropy) {
            Some(Due::Ping) => self.transmit(Bytes::from_static(b"\r\n\r\n")),
            Some(Due::Dead) if self.has(Defect::OutlivesSilence) => {}
            Some(Due::Dead) => self.flow_failed(now),
            None => {}
        }
        match &self.state {
            State::BackingOff { until, .. } if *until <= now.mono => self.proceed(now),
            State::Registered(binding) | State::Refreshing(binding) if binding.expires_at <= now.mono => {
                self.expired(now);
            }
            State::Registered(binding) if binding.refresh_at <= now.mono => {
                let binding = binding.clone();
                self.begin_refresh(now, binding);
            }
            _ => {}
        }
        self.flush(now);
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let state = match &self.state {
            State::BackingOff { until, .. } => Some(*until),
            State::Registered(binding) => Some(binding.refresh_at.min(binding.expires_at)),
            State::Refreshing(binding) => Some(binding.expires_at),
            _ => None,
        };
        let calls = self.sessions.values().filter_map(Session::poll_timeout).min();
        let registration =
            [self.link.opening_by(), self.token_by, self.answer_by, self.keepalive.poll_timeout(), state];
        let rest = [self.line.poll_timeout(), calls, self.watch_due(), self.release_by];
        registration.into_iter().chain(rest).flatten().min()
    }

    /// The next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many messages were dropped because they were not for this WIC to act on.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Takes the next step towards being registered.
    fn proceed(&mut self, now: Now) {
        if self.token_by.is_some() {
            return self.set_state(State::FetchingToken);
        }
        if let Some(reason) = self.wanted_token(now) {
            return self.fetch_token(now, reason, State::FetchingToken);
        }
        match self.link {
            Link::Down => self.connect(now),
            Link::Opening { .. } => self.set_state(State::Connecting),
            Link::Up => {
                self.set_state(State::Registering);
                self.send_register(now, Purpose::Bind);
            }
        }
    }

    /// Waits, then proceeds. The connection stays if it is up.
    fn back_off(&mut self, now: Now, cause: Failure, at_least: Option<Duration>) {
        let mut wait = self.backoff.next(&self.config.timers, &mut *self.entropy);
        if self.has(Defect::NeverBacksOff) {
            wait = self.config.timers.first_retry;
        }
        let until = now.mono + wait.max(at_least.unwrap_or_default());
        self.event(Event::Failed(cause.clone()));
        self.set_state(State::BackingOff { until, attempt: self.backoff.failures(), cause });
    }

    /// Gives up.
    fn fail(&mut self, now: Now, cause: Failure) {
        let code = match cause.cause {
            crate::Cause::ServerNotProven => close::UNAUTHORIZED,
            _ => close::NORMAL,
        };
        self.abandon(now, "the registration failed");
        self.drop_link(now, code, "registration failed");
        self.token_by = None;
        self.event(Event::Failed(cause.clone()));
        self.set_state(State::Failed(cause));
    }

    /// Is done, registered no more.
    fn finish(&mut self, now: Now, confirmed: bool) {
        self.abandon(now, "de-registered");
        self.drop_link(now, close::NORMAL, "de-registered");
        self.token_by = None;
        self.registration = None;
        self.event(Event::Deregistered { confirmed });
        self.set_state(State::Idle);
    }

    fn has(&self, defect: Defect) -> bool {
        self.config.defects.has(defect)
    }

    fn set_state(&mut self, state: State) {
        if self.state != state {
            self.state = state.clone();
            self.event(Event::StateChanged(state));
        }
    }

    fn transmit(&mut self, octets: Bytes) {
        self.event(Event::MessageSent(Wire::new(octets.clone())));
        self.outputs.push_back(Output::Send(octets));
    }

    fn discard(&mut self, reason: impl Into<String>) {
        self.discarded = self.discarded.saturating_add(1);
        self.event(Event::Discarded { reason: reason.into() });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("state", &self.state).field("link", &self.link).finish_non_exhaustive()
    }
}
