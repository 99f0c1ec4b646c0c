//! What the clients of a lesson do.

use super::Demo;
use crate::wic_shell::{Options, Wic};
use std::time::Duration;

/// How long each act may take, on the clock that a halt stops.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(5);

/// What happens in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// One client registers.
    Register(Client),
}

/// A client of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// A demo subscriber who registers by IMS password.
    Digest(&'static str),
    /// A demo subscriber who registers by web login.
    Web(&'static str),
    /// A guest of the partner.
    Guest,
}

/// The clients of one run.
pub(super) struct Cast {
    demo: Demo,
    wics: Vec<Wic>,
}

impl Cast {
    pub(super) fn new(demo: Demo) -> Self {
        Self { demo, wics: Vec::new() }
    }

    /// Does what the lesson is about; on failure, what went wrong.
    pub(super) async fn play(&mut self, course: Course) -> Result<(), String> {
        match course {
            Course::Register(client) => self.register(&[client]).await,
        }
    }

    /// De-registers whoever is registered; the others just go.
    pub(super) async fn leave(&mut self) {
        let leaving = self.wics.drain(..).map(|mut wic| async move {
            if wic.state().binding().is_some() {
                let _ = tokio::time::timeout(LEAVING, wic.deregister()).await;
            }
        });
        futures_util::future::join_all(leaving).await;
    }

    async fn register(&mut self, clients: &[Client]) -> Result<(), String> {
        for client in clients {
            let options = self.options(*client).map_err(|error| error.to_string())?;
            let mut wic = Wic::start(&options).map_err(|error| error.to_string())?;
            let outcome = self.demo.pace.clock.timeout(PATIENCE, wic.outcome()).await;
            self.wics.push(wic);
            let outcome = outcome.ok_or("the client is not registered in time")?;
            outcome.result.map_err(|failure| failure.text)?;
        }
        Ok(())
    }

    fn options(&self, client: Client) -> Result<Options, console::LabError> {
        match client {
            Client::Digest(name) => self.demo.digest(name),
            Client::Web(name) => self.demo.web(name),
            Client::Guest => Ok(self.demo.guest()),
        }
    }
}
