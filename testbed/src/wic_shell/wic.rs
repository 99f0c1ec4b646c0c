//! The handle.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use ::wic::{Agent, Event, Failure, State};
use ims::Scenario;
use sip_net::OsEntropy;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use trace::Record;

use super::calls::{CallCommand, Calls};
use super::outcome::Outcome;
use super::recorder::Recorder;
use super::shell::Shell;
use super::wwsf::Wwsf;
use super::{Options, OptionsError, User, tls};

/// How many events of calls and messages wait for one who does not look; later ones are dropped.
const UNSEEN: usize = 256;

/// A running headless WIC. Dropping it breaks its connection, as closing a tab would.
#[derive(Debug)]
pub struct Wic {
    scenario: Scenario,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    pub(super) events: mpsc::Receiver<Event>,
    recorder: Recorder,
    started: Instant,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) enum Command {
    Start,
    Refresh,
    Deregister,
    NetworkChanged,
    BreakConnection,
    Call(CallCommand),
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
        let pace = options.pace.clone();
        let wwsf = Wwsf::with(&options.wwsf, &tls, recorder.clone(), pace.gate.clone())?;
        let login = match &options.user {
            User::Digest { .. } => None,
            User::Web { username, password } => Some((username.clone(), password.clone())),
            User::Guest { login } => login.clone(),
        };
        let mut agent = Agent::new(config, OsEntropy);
        if let Some(grant) = options.grant.clone() {
            agent.give_token(pace.clock.now(), grant);
        }
        let (commands, from_handle) = mpsc::channel(8);
        let (state_out, state) = watch::channel(agent.state().clone());
        let (reports, from_sockets) = mpsc::channel(64);
        let (tokens, from_wwsf) = mpsc::channel(1);
        let (events, to_handle) = mpsc::channel(UNSEEN);
        let (released_out, released) = mpsc::channel(64);
        let shell = Shell {
            agent,
            alarm: pace.clock.alarm(),
            pace,
            tls,
            wwsf,
            login,
            fetch_page: options.fetch_page,
            recorder: recorder.clone(),
            state: state_out,
            calls: Calls::new(options.answering, events),
            socket: None,
            sockets: 0,
            reports,
            tokens,
            released: released_out,
            closing: VecDeque::new(),
        };
        let task = tokio::spawn(shell.run(from_handle, from_sockets, from_wwsf, released));
        Ok(Self { scenario, commands, state, events: to_handle, recorder, started: Instant::now(), task })
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

    /// The near end of its connection to the eP-CSCF, by which other nodes' records can be told to
    /// be of this WIC.
    pub fn address(&self) -> Option<SocketAddr> {
        self.recorder.address()
    }

    pub(super) async fn command(&self, command: Command) {
        // A task that is gone has nothing left to do.
        let _ = self.commands.send(command).await;
    }
}

impl Drop for Wic {
    fn drop(&mut self) {
        self.task.abort();
    }
}
