//! A testbed on free ports, and a watcher of its lab.

use console::Lab;
use console::api::{RunEvent, RunId, RunState};
use std::time::Duration;
use testbed::config::Ports;
use testbed::up::Nodes;
use testbed::wic_shell::{Options, User, register};
use testbed::{Config, Testbed};
use tokio::sync::broadcast;

pub(crate) struct Rig {
    pub(crate) testbed: Testbed,
    events: broadcast::Receiver<RunEvent>,
    _state: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Nodes::ALL).await
    }

    pub(crate) async fn with(nodes: Nodes) -> Self {
        let state = tempfile::tempdir().unwrap();
        let config = Config { ports: Ports::any(), ..Config::default() };
        let testbed = Testbed::start_nodes(config, state.path(), nodes).await.unwrap();
        let events = testbed.lab().events();
        Self { testbed, events, _state: state }
    }

    pub(crate) fn lab(&self) -> &dyn Lab {
        self.testbed.lab()
    }

    /// The next event of `run`.
    pub(crate) async fn event(&mut self, run: &RunId) -> RunEvent {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(30), self.events.recv()).await;
            let event = event.expect("the run goes on").unwrap();
            if event.run == *run {
                return event;
            }
        }
    }

    /// The events of `run` until it waits or is over.
    pub(crate) async fn until_it_waits(&mut self, run: &RunId) -> Vec<RunEvent> {
        let mut events = Vec::new();
        loop {
            let event = self.event(run).await;
            let done = event.state == RunState::Waiting || event.state.is_over();
            events.push(event);
            if done {
                return events;
            }
        }
    }

    /// Whether a subscriber can register, by a client that knows nothing of the lab.
    pub(crate) async fn registers(&self, name: &str) {
        let user = User::digest(name, "ims.example", format!("{name}-secret")).unwrap();
        let ready = self.testbed.ready();
        let options = Options::new(user, ready.wwsf.clone(), ready.ca.clone());
        let options = Options { epcscf: Some(ready.epcscf.clone()), ..options };
        let outcome = tokio::time::timeout(Duration::from_secs(20), register(&options)).await;
        let outcome = outcome.expect("nothing halts the demo").unwrap();
        assert!(outcome.is_registered(), "{name}: {:?}", outcome.result);
    }
}
