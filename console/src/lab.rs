//! Where lessons and faults come from.

use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use crate::api::{Fault, FaultOutcome, Lesson, RunEvent, RunId};

/// Runs lessons and faults against the nodes of the demo. Everything that a run or a fault changes is
/// undone when it is over.
pub trait Lab: Send + Sync + 'static {
    /// All lessons, in the order in which they are to be taken.
    fn lessons(&self) -> Vec<Lesson>;

    /// Starts a lesson and returns at once; [`Lab::events`] tells how it goes. With `step_by_step` it
    /// halts before each step until [`Lab::next`].
    fn run(&self, lesson: &str, step_by_step: bool) -> BoxFuture<'_, Result<RunId, LabError>>;

    /// Lets a run that waits take its next step.
    fn next(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>>;

    /// Ends a run.
    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>>;

    /// All faults.
    fn faults(&self) -> Vec<Fault>;

    /// Breaks one thing, looks what happens, and mends it.
    fn run_fault(&self, fault: &str) -> BoxFuture<'_, Result<FaultOutcome, LabError>>;

    /// What runs do from now on.
    fn events(&self) -> broadcast::Receiver<RunEvent>;
}

/// Why the lab does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabError {
    /// 404: no lesson, fault or run of this name.
    #[error("there is no {0} of this name")]
    Unknown(&'static str),
    /// 409: the run does not wait for a step.
    #[error("the run does not wait for its next step")]
    NotWaiting,
    /// 409: another run has the demo's nodes.
    #[error("another lesson or fault is running; end it first")]
    Busy,
    /// 503: what is needed does not run here.
    #[error("{0}")]
    Unavailable(String),
    /// 500: the lab itself failed.
    #[error("{0}")]
    Failed(String),
}

/// The lab of a process that has none: no lessons, no faults.
#[derive(Debug)]
pub struct NoLab(broadcast::Sender<RunEvent>);

impl Default for NoLab {
    fn default() -> Self {
        Self(broadcast::channel(1).0)
    }
}

impl Lab for NoLab {
    fn lessons(&self) -> Vec<Lesson> {
        Vec::new()
    }

    fn run(&self, _lesson: &str, _step_by_step: bool) -> BoxFuture<'_, Result<RunId, LabError>> {
        Box::pin(async { Err(LabError::Unknown("lesson")) })
    }

    fn next(&self, _run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        Box::pin(async { Err(LabError::Unknown("run")) })
    }

    fn cancel(&self, _run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        Box::pin(async { Err(LabError::Unknown("run")) })
    }

    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }

    fn run_fault(&self, _fault: &str) -> BoxFuture<'_, Result<FaultOutcome, LabError>> {
        Box::pin(async { Err(LabError::Unknown("fault")) })
    }

    fn events(&self) -> broadcast::Receiver<RunEvent> {
        self.0.subscribe()
    }
}
