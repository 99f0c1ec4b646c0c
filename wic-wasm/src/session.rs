//! One agent, with the socket and the login that it uses.

use ims::Impi;
use wasm_bindgen_futures::spawn_local;
use wic::{Access, Agent, Config, Event, Failure, Output, State, TokenFailure, TokenGrant, TokenReason, WssUrl};

use crate::app::Handle;
use crate::browser::{BrowserEntropy, complain, now};
use crate::http::{self, Login};
use crate::messages::{self, Direction};
use crate::panel;
use crate::socket::{Socket, SocketEvent};
use crate::view::{Notice, Probe};

/// From the press of a button to the next one.
pub(crate) struct Session {
    number: u32,
    pub(crate) agent: Agent,
    login: Option<Login>,
    socket: Option<Socket>,
    /// IMPI that came with the token.
    impi: Option<Impi>,
    /// The last final response.
    answered: Option<u16>,
    /// What is shown as failed.
    notice: Option<Notice>,
}

impl Session {
    /// Starts to register.
    pub(crate) fn begin(number: u32, config: Config, login: Option<Login>) -> Self {
        let impi = match &config.access {
            Access::Digest(digest) => Some(digest.impi.clone()),
            Access::Token(_) => None,
        };
        let mut agent = Agent::new(config, BrowserEntropy);
        agent.start(now());
        Self { number, agent, login, socket: None, impi, answered: None, notice: None }
    }

    /// What tells it from those before and after it.
    pub(crate) fn number(&self) -> u32 {
        self.number
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
                if state.binding().is_some() && self.notice.take().is_some() {
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
            Event::Failed(failure) => self.show_failure(&failure, handle),
            Event::Discarded { reason } => complain(&reason),
            Event::MessageSent(_)
            | Event::MessageReceived(_)
            | Event::TokenRefreshed { .. }
            | Event::Registered(_)
            | Event::Deregistered { .. }
            | Event::Call { .. }
            | Event::Message { .. }
            | Event::MessageDelivered { .. }
            | Event::MessageFailed { .. }
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
