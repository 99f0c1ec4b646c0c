//! One agent, with the socket and the login that it uses.

use ims::Impi;
use wasm_bindgen_futures::spawn_local;
use wic::{Access, Agent, Event, Failure, Output, State, TokenFailure, TokenGrant, TokenReason, WssUrl};

use crate::app::Handle;
use crate::browser::{BrowserEntropy, complain, now};
use crate::form::Order;
use crate::http::{self, Login};
use crate::media::Report;
use crate::messages::{self, Direction};
use crate::panel;
use crate::phone::Phone;
use crate::settings::Settings;
use crate::socket::{Socket, SocketEvent};
use crate::view::{Notice, Probe};

/// From the press of a button to the next one.
pub(crate) struct Session {
    number: u32,
    pub(crate) agent: Agent,
    pub(crate) phone: Phone,
    login: Option<Login>,
    socket: Option<Socket>,
    /// IMPI that came with the token.
    impi: Option<Impi>,
    /// The last final response.
    answered: Option<u16>,
    /// What is shown as failed.
    notice: Option<Notice>,
    /// Whether the person wants to be registered no more.
    leaving: bool,
}

impl Session {
    /// Starts to register.
    pub(crate) fn begin(handle: &Handle, number: u32, settings: &Settings, order: Order) -> Self {
        let Order { config, login } = order;
        let impi = match &config.access {
            Access::Digest(digest) => Some(digest.impi.clone()),
            Access::Token(_) => None,
        };
        let mut agent = Agent::new(config, BrowserEntropy);
        agent.start(now());
        let phone = Phone::new(handle.clone(), number, settings);
        Self { number, agent, phone, login, socket: None, impi, answered: None, notice: None, leaving: false }
    }

    /// What tells it from those before and after it.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// What the browser says of the media of a call.
    pub(crate) fn report(&mut self, call: u32, report: Report) {
        self.phone.report(&mut self.agent, call, report);
    }

    /// Ends the registration.
    pub(crate) fn deregister(&mut self) {
        self.leaving = true;
        self.agent.deregister(now());
    }

    /// The network is another one, or is back.
    pub(crate) fn network_changed(&mut self) {
        self.agent.network_changed(now());
        self.phone.network_changed();
    }

    /// Does what the agent wants done.
    pub(crate) fn perform(&mut self, output: Output, handle: &Handle) {
        match output {
            Output::Connect { url } => self.connect(&url, handle),
            Output::Send(octets) => {
                if let Some(socket) = &self.socket {
                    socket.send(&octets);
                }
            }
            Output::Close { code, reason } => {
                if let Some(socket) = self.socket.take() {
                    socket.close(code, reason);
                }
                panel::show_connection("closed", None);
            }
            Output::FetchToken { reason } => self.fetch_token(reason, handle),
            Output::Event(event) => self.show(event, handle),
        }
    }

    fn connect(&mut self, url: &WssUrl, handle: &Handle) {
        panel::show_connection("connecting", Some(url.as_str()));
        let (handle, number) = (handle.clone(), self.number);
        let opened = Socket::open(url.as_str(), move |event| {
            handle.with_session(number, |session| session.socket_event(event));
        });
        match opened {
            Ok(socket) => self.socket = Some(socket),
            Err(reason) => {
                panel::show_connection("failed", None);
                self.agent.connect_failed(now(), &reason);
            }
        }
    }

    fn socket_event(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Open => {
                panel::show_connection("open", None);
                self.agent.connected(now());
            }
            SocketEvent::Message(octets) => self.agent.received(now(), octets),
            SocketEvent::Closed { code, reason } => {
                self.socket = None;
                if matches!(self.agent.state(), State::Connecting) {
                    panel::show_connection("failed", None);
                    self.agent.connect_failed(now(), "it closed before it was open");
                } else {
                    panel::show_connection("closed", None);
                    self.agent.closed(now(), code, &reason);
                }
            }
        }
    }

    fn fetch_token(&self, reason: TokenReason, handle: &Handle) {
        let (handle, number, login) = (handle.clone(), self.number, self.login.clone());
        spawn_local(async move {
            let answer = http::token(login, reason == TokenReason::First).await;
            handle.with_session(number, |session| session.token(answer));
        });
    }

    fn token(&mut self, answer: Result<TokenGrant, TokenFailure>) {
        if let Ok(grant) = &answer {
            self.impi = Some(grant.impi.clone());
        }
        self.agent.token(now(), answer);
    }

    fn show(&mut self, event: Event, handle: &Handle) {
        match event {
            Event::StateChanged(state) => {
                // That the network ended a registration stays to be read when there is a new one.
                let repaired = state.binding().is_some() && self.notice.as_ref().is_some_and(Notice::is_repaired);
                if repaired && self.notice.take().is_some() {
                    panel::hide_failure();
                }
                panel::show_state(&state, self.agent.config().scenario(), self.impi.as_ref());
            }
            // Keep-alives are not SIP messages.
            Event::MessageSent(wire) if !wire.is_keepalive() => {
                messages::add(Direction::Sent, &wire);
            }
            Event::MessageReceived(wire) if !wire.is_keepalive() => {
                let summary = messages::add(Direction::Received, &wire);
                self.answered = summary.status.or(self.answered);
            }
            Event::Deregistered { .. } if !self.leaving => {
                panel::show_failure(&Notice::removed(), Probe::Running);
            }
            Event::Failed(failure) => self.show_failure(&failure, handle),
            Event::Discarded { reason } => complain(&reason),
            Event::Call { call, event } => self.phone.event(&mut self.agent, call, event),
            Event::Message { from, text, .. } => self.phone.message(&from, &text),
            Event::MessageDelivered { id } => self.phone.sent(id, None),
            Event::MessageFailed { id, status, reason } => self.phone.sent(id, Some((status, &reason))),
            Event::MessageSent(_)
            | Event::MessageReceived(_)
            | Event::TokenRefreshed { .. }
            | Event::Registered(_)
            | Event::Deregistered { .. }
            | Event::OptionsAnswered { .. } => {}
        }
    }

    fn show_failure(&mut self, failure: &Failure, handle: &Handle) {
        let notice = Notice::of(failure, self.answered);
        panel::show_failure(&notice, Probe::Running);
        if let Some(page) = notice.unreachable.clone() {
            let (handle, number) = (handle.clone(), self.number);
            spawn_local(async move {
                let probe = if http::answers(&page).await { Probe::Answers } else { Probe::Silent };
                handle.with_session(number, |session| session.probed(&page, probe));
            });
        }
        self.notice = Some(notice);
    }

    fn probed(&mut self, page: &str, probe: Probe) {
        if let Some(notice) = &self.notice
            && notice.unreachable.as_deref() == Some(page)
        {
            panel::show_failure(notice, probe);
        }
    }
}
