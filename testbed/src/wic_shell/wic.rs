//! The handle, and the task behind it that owns the agent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ::wic::{Agent, Event, Failure, Output, State, TokenFailure, TokenGrant};
use ims::{Password, Scenario};
use rustls::ClientConfig;
use sip_net::{Clock, OsEntropy};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use trace::{Direction, Record};

use super::outcome::Outcome;
use super::recorder::Recorder;
use super::socket::{Closing, Happening, Report, Socket};
use super::wwsf::{Wwsf, WwsfError};
use super::{Options, OptionsError, User, tls};

/// A running headless WIC. Dropping it breaks its connection, as closing a tab would.
#[derive(Debug)]
pub struct Wic {
    scenario: Scenario,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    recorder: Recorder,
    started: Instant,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Start,
    Refresh,
    Deregister,
    NetworkChanged,
    BreakConnection,
}

impl Wic {
    /// Starts to register.
    ///
    /// # Errors
    /// [`OptionsError`] when nothing can be tried. What the network says is in the states.
    pub fn start(options: &Options) -> Result<Self, OptionsError> {
        let scenario = options.scenario();
        let config = options.config()?;
        let tls = tls::client_config(&options.ca)?;
        let recorder = Recorder::new(scenario);
        let wwsf = Wwsf::with(&options.wwsf, &tls, recorder.clone())?;
        let login = match &options.user {
            User::Digest { .. } => None,
            User::Web { username, password } => Some((username.clone(), password.clone())),
            User::Guest { login } => login.clone(),
        };
        let clock = Clock::start();
        let mut agent = Agent::new(config, OsEntropy);
        if let Some(grant) = options.grant.clone() {
            agent.give_token(clock.now(), grant);
        }
        let (commands, from_handle) = mpsc::channel(8);
        let (state_out, state) = watch::channel(agent.state().clone());
        let (reports, from_sockets) = mpsc::channel(64);
        let (tokens, from_wwsf) = mpsc::channel(1);
        let shell = Shell {
            agent,
            clock,
            tls,
            wwsf,
            login,
            fetch_page: options.fetch_page,
            recorder: recorder.clone(),
            state: state_out,
            socket: None,
            sockets: 0,
            reports,
            tokens,
            closing: VecDeque::new(),
        };
        let task = tokio::spawn(shell.run(from_handle, from_sockets, from_wwsf));
        Ok(Self { scenario, commands, state, recorder, started: Instant::now(), task })
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits for a state that `wanted` says true of, the present one included. The agent's own
    /// timers bound most waits; a test bounds the rest.
    pub async fn wait(&mut self, wanted: impl FnMut(&State) -> bool) -> State {
        let found = self.state.wait_for(wanted).await.map(|state| state.clone());
        // Without a task the state is its last.
        found.unwrap_or_else(|_| self.state())
    }

    /// Waits for the first 200 OK or the first failure, also one that the WIC would recover from.
    pub async fn outcome(&mut self) -> Outcome {
        let state = self.wait(|state| state.binding().is_some() || state.failure().is_some()).await;
        let result = match (state.binding(), state.failure()) {
            (Some(binding), _) => Ok(Box::new(binding.clone())),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(Failure {
                cause: ::wic::Cause::Protocol,
                text: "the WIC stopped before it was done".into(),
                advice: None,
                link: None,
            }),
        };
        Outcome { scenario: self.scenario, result, records: self.recorder.records(), elapsed: self.started.elapsed() }
    }

    /// Registers again, after a failure or a de-registration.
    pub async fn restart(&self) {
        self.command(Command::Start).await;
    }

    /// Refreshes the registration now.
    pub async fn refresh(&self) {
        self.command(Command::Refresh).await;
    }

    /// De-registers, and waits until that is done or given up, the connection closed.
    pub async fn deregister(&mut self) -> State {
        self.command(Command::Deregister).await;
        self.wait(|state| matches!(state, State::Idle | State::Failed(_))).await
    }

    /// Says that the machine has another network now.
    pub async fn network_changed(&self) {
        self.command(Command::NetworkChanged).await;
    }

    /// Breaks the connection as a lost network would, without a close.
    pub async fn break_connection(&self) {
        self.command(Command::BreakConnection).await;
    }

    /// What it sent and received so far, in the shape of the trace, node `wic`, tokens left out.
    pub fn records(&self) -> Vec<Record> {
        self.recorder.records()
    }

    async fn command(&self, command: Command) {
        // A task that is gone has nothing left to do.
        let _ = self.commands.send(command).await;
    }
}

impl Drop for Wic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shell {
    agent: Agent,
    clock: Clock,
    tls: Arc<ClientConfig>,
    wwsf: Wwsf,
    login: Option<(String, Password)>,
    fetch_page: bool,
    recorder: Recorder,
    state: watch::Sender<State>,
    socket: Option<Socket>,
    /// How many connections there were.
    sockets: u64,
    reports: mpsc::Sender<Report>,
    tokens: mpsc::Sender<Result<TokenGrant, TokenFailure>>,
    closing: VecDeque<Closing>,
}

impl Shell {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut reports: mpsc::Receiver<Report>,
        mut tokens: mpsc::Receiver<Result<TokenGrant, TokenFailure>>,
    ) {
        if self.fetch_page
            && let Err(error) = self.wwsf.page().await
        {
            self.state.send_replace(State::Failed(no_page(&error)));
            return;
        }
        let now = self.clock.now();
        self.agent.start(now);
        loop {
            self.act().await;
            let wake = self.agent.poll_timeout().map(|at| self.clock.deadline(at));
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some((id, happening)) = reports.recv() => self.happened(id, happening),
                Some(answer) = tokens.recv() => {
                    let now = self.clock.now();
                    self.agent.token(now, answer);
                }
                () = sleep_until(wake) => {
                    let now = self.clock.now();
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
                        self.reports.clone(),
                    ));
                }
                Output::Send(octets) => {
                    if let Some(socket) = &self.socket {
                        socket.send(octets);
                    }
                }
                Output::Close { code, reason } => {
                    if let Some(socket) = self.socket.take() {
                        self.closing.push_back(socket.close(code, reason));
                    }
                }
                Output::FetchToken { .. } => self.fetch_token(),
                Output::Event(event) => self.note(&event),
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

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Start => self.agent.start(now),
            Command::Refresh => self.agent.refresh(now),
            Command::Deregister => self.agent.deregister(now),
            Command::NetworkChanged => self.agent.network_changed(now),
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
        let now = self.clock.now();
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

    fn note(&self, event: &Event) {
        match event {
            Event::MessageSent(wire) => self.recorder.sip(Direction::Out, wire),
            Event::MessageReceived(wire) => self.recorder.sip(Direction::In, wire),
            Event::StateChanged(state) => tracing::debug!(state = state.name(), "WIC"),
            Event::Discarded { reason } => tracing::warn!(reason, "WIC dropped a message"),
            Event::Failed(failure) => tracing::info!(%failure, "WIC"),
            _ => {}
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

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
