//! Lessons that run on the demo's nodes, step by step if wanted, and faults that break one thing.
//!
//! Both let headless clients act on the nodes that run anyway, over their sockets. What a lesson
//! shows and what comes of a fault are told from the trace. One of them runs at a time, and whatever
//! way it ends, nothing of it stays: the gate opens, the clock goes on, its clients de-register.

mod conductor;
mod course;
mod demo;
mod lesson;
mod run;
mod scope;

pub use demo::Demo;

use console::api::{Fault, FaultOutcome, Lesson, RunEvent, RunId};
use console::{Lab, LabError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use run::Current;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// How many events wait for a watcher who is slow.
const EVENTS: usize = 256;

/// The lab of a testbed.
#[derive(Clone, Debug)]
pub struct DemoLab(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    demo: Demo,
    events: broadcast::Sender<RunEvent>,
    runs: AtomicU64,
    current: Mutex<Option<Current>>,
}

impl DemoLab {
    /// A lab that acts on `demo`.
    pub fn new(demo: Demo) -> Self {
        let events = broadcast::channel(EVENTS).0;
        Self(Arc::new(Shared { demo, events, runs: AtomicU64::new(1), current: Mutex::default() }))
    }

    fn start(&self, id: &str, step_by_step: bool) -> Result<RunId, LabError> {
        let lesson = lesson::find(id).ok_or(LabError::Unknown("lesson"))?;
        self.0.demo.can_teach(step_by_step)?;
        let mut current = self.0.current();
        if current.is_some() {
            return Err(LabError::Busy);
        }
        let run = RunId(format!("run-{}", self.0.runs.fetch_add(1, Ordering::Relaxed)));
        let (started, task) = run::prepare(&self.0.demo, lesson, run.clone(), step_by_step, self.0.events.clone())?;
        *current = Some(started);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            // Free again only when the run has left nothing behind, and then told to be over.
            let vacant = Vacant(shared);
            let ending = task.run().await;
            drop(vacant);
            ending.tell();
        });
        Ok(run)
    }

    fn with_run<R>(&self, run: &RunId, f: impl FnOnce(&mut Current) -> R) -> Result<R, LabError> {
        let mut current = self.0.current();
        current.as_mut().filter(|current| current.is(run)).map(f).ok_or(LabError::Unknown("run"))
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for the next run when dropped.
struct Vacant(Arc<Shared>);

impl Drop for Vacant {
    fn drop(&mut self) {
        *self.0.current() = None;
    }
}

impl Lab for DemoLab {
    fn lessons(&self) -> Vec<Lesson> {
        lesson::ALL.iter().map(|lesson| lesson.described()).collect()
    }

    fn run(&self, lesson: &str, step_by_step: bool) -> BoxFuture<'_, Result<RunId, LabError>> {
        let started = self.start(lesson, step_by_step);
        async move { started }.boxed()
    }

    fn next(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        let went_on = self.with_run(run, |current| current.next()).flatten();
        async move { went_on }.boxed()
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        let cancelled = self.with_run(run, Current::cancel);
        async move { cancelled }.boxed()
    }

    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }

    fn run_fault(&self, _fault: &str) -> BoxFuture<'_, Result<FaultOutcome, LabError>> {
        async { Err(LabError::Unknown("fault")) }.boxed()
    }

    fn events(&self) -> broadcast::Receiver<RunEvent> {
        self.0.events.subscribe()
    }
}
