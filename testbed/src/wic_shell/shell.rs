//! The task that owns the agent and does what it wants done.

use std::collections::VecDeque;
use std::sync::Arc;

use ::wic::{Agent, Event, Failure, Output, State, TokenFailure, TokenGrant};
use bytes::Bytes;
use ims::Password;
use rustls::ClientConfig;
use sip_net::{Alarm, Pace, Verdict};
use tokio::sync::{mpsc, watch};
use trace::Direction;

use super::calls::Calls;
use super::recorder::Recorder;
use super::socket::{Closing, Happening, Report, Socket};
use super::wic::Command;
use super::wwsf::{Wwsf, WwsfError};

pub(super) struct Shell {
    pub(super) agent: Agent,
    pub(super) pace: Pace,
    pub(super) alarm: Alarm,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) wwsf: Wwsf,
    pub(super) login: Option<(String, Password)>,
    pub(super) fetch_page: bool,
    pub(super) recorder: Recorder,
    pub(super) state: watch::Sender<State>,
    pub(super) calls: Calls,
    pub(super) socket: Option<Socket>,
    /// How many connections there were.
    pub(super) sockets: u64,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) tokens: mpsc::Sender<Result<TokenGrant, TokenFailure>>,
    /// Messages that were held at the gate, with the connection that they are for.
    pub(super) released: mpsc::Sender<(u64, Bytes)>,
    pub(super) closing: VecDeque<Closing>,
}

impl Shell {
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut reports: mpsc::Receiver<Report>,
        mut tokens: mpsc::Receiver<Result<TokenGrant, TokenFailure>>,
        mut released: mpsc::Receiver<(u64, Bytes)>,
    ) {
        if self.fetch_page
            && let Err(error) = self.wwsf.page().await
        {
            self.state.send_replace(State::Failed(no_page(&error)));
            return;
        }
        let now = self.pace.clock.now();
        self.agent.start(now);
        loop {
            self.act().await;
            let wake = self.agent.poll_timeout();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some((id, happening)) = reports.recv() => self.happened(id, happening),
                Some(answer) = tokens.recv() => {
                    let now = self.pace.clock.now();
                    self.agent.token(now, answer);
                }
                Some((id, octets)) = released.recv() => self.put(id, octets),
                () = self.alarm.until(wake) => {
                    let now = self.pace.clock.now();
                    self.agent.handle_timeout(now);
                }
            }
        }
    }

    /// Does what the agent wants done. The state that it came to is told last, so that one who
    /// waits for it finds everything done.
    async fn act(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Connect { url } => {
                    self.sockets += 1;
                    self.socket = Some(Socket::open(
                        self.sockets,
                        url,
                        self.wwsf.origin(),
                        Arc::clone(&self.tls),
                        self.recorder.clone(),
                        self.pace.gate.clone(),
                        self.reports.clone(),
                    ));
                }
                Output::Send(octets) => self.send(octets),
                Output::Close { code, reason } => {
                    if let Some(socket) = self.socket.take() {
                        self.closing.push_back(socket.close(code, reason));
                    }
                }
                Output::FetchToken { .. } => self.fetch_token(),
                Output::Event(event) => self.note(event),
            }
        }
        if !matches!(self.agent.state(), State::Connecting | State::Registering) {
            while let Some(closing) = self.closing.pop_front() {
                closing.done().await;
            }
        }
        self.state.send_if_modified(|state| {
            let changed = state != self.agent.state();
            if changed {
                *state = self.agent.state().clone();
            }
            changed
        });
    }

    /// Sends on the present connection, past the gate. One that fails there is lost, as on a
    /// connection that has just broken.
    fn send(&self, octets: Bytes) {
        let Some(id) = self.socket.as_ref().map(Socket::id) else { return };
        match self.pace.gate.judge(|| Some(self.recorder.preview_sip(&octets))) {
            Verdict::Pass => self.put(id, octets),
            Verdict::Fail => {}
            Verdict::Hold(ticket) => {
                let released = self.released.clone();
                tokio::spawn(async move {
                    ticket.redeemed().await;
                    released.send((id, octets)).await
                });
            }
        }
    }

    fn put(&self, id: u64, octets: Bytes) {
        if let Some(socket) = self.socket.as_ref().filter(|socket| socket.id() == id) {
            socket.send(octets);
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.pace.clock.now();
        match command {
            Command::Start => self.agent.start(now),
            Command::Refresh => self.agent.refresh(now),
            Command::Deregister => self.agent.deregister(now),
            Command::NetworkChanged => self.agent.network_changed(now),
            Command::Call(command) => self.calls.obey(&mut self.agent, now, command),
            Command::BreakConnection => {
                if self.socket.take().is_some() {
                    self.agent.closed(now, 1006, "the connection was cut here");
                }
            }
        }
    }

    fn happened(&mut self, id: u64, happening: Happening) {
        // What an earlier connection still had to say is past.
        if self.socket.as_ref().is_none_or(|socket| socket.id() != id) {
            return;
        }
        let now = self.pace.clock.now();
        match happening {
            Happening::Opened => self.agent.connected(now),
            Happening::Received(octets) => self.agent.received(now, octets),
            Happening::Failed(reason) => {
                self.socket = None;
                self.agent.connect_failed(now, &reason);
            }
            Happening::Closed(code, reason) => {
                self.socket = None;
                self.agent.closed(now, code, &reason);
            }
        }
    }

    fn fetch_token(&self) {
        let (wwsf, login, to) = (self.wwsf.clone(), self.login.clone(), self.tokens.clone());
        tokio::spawn(async move {
            let answer = fetch_token(&wwsf, login.as_ref()).await.map_err(TokenFailure::from);
            let _ = to.send(answer).await;
        });
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::MessageSent(wire) => self.recorder.sip(Direction::Out, &wire),
            Event::MessageReceived(wire) => self.recorder.sip(Direction::In, &wire),
            Event::StateChanged(state) => tracing::debug!(state = state.name(), "WIC"),
            Event::Discarded { reason } => tracing::warn!(reason, "WIC dropped a message"),
            Event::Failed(failure) => tracing::info!(%failure, "WIC"),
            Event::TokenRefreshed { .. } | Event::Registered(_) | Event::Deregistered { .. } => {}
            event => {
                let now = self.pace.clock.now();
                self.calls.happened(&mut self.agent, now, event);
            }
        }
    }
}

/// A token for who is logged in; logs in when the WWSF wants that and we can.
async fn fetch_token(wwsf: &Wwsf, login: Option<&(String, Password)>) -> Result<TokenGrant, WwsfError> {
    let Some((username, password)) = login else { return wwsf.token().await };
    if !wwsf.is_logged_in() {
        wwsf.login(username, password.clone()).await?;
        return wwsf.token().await;
    }
    match wwsf.token().await {
        Err(error) if error.wants_login() => {
            wwsf.login(username, password.clone()).await?;
            wwsf.token().await
        }
        answer => answer,
    }
}

fn no_page(error: &WwsfError) -> Failure {
    Failure {
        cause: ::wic::Cause::TokenUnavailable,
        text: format!("no page: {error}"),
        advice: Some("Is the WWSF running there, and is its CA the one given?"),
        link: None,
    }
}
