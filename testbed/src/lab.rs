//! Lessons that run on the demo's nodes, step by step if wanted, and faults that break one thing.
//!
//! Both let headless clients act on the nodes that run anyway, over their sockets. What a lesson
//! shows and what comes of a fault are told from the trace. One of them runs at a time, and whatever
//! way it ends, nothing of it stays: the gate opens, the clock goes on, its clients de-register.

mod conductor;
mod course;
mod demo;
mod fault;
mod lesson;
mod remote;
mod run;
mod scope;

pub use demo::Demo;
pub use remote::{Events, Remote};

use console::api::{Fault, FaultOutcome, Lesson, RunEvent, RunId};
use console::{Lab, LabError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use run::Current;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

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
    current: Mutex<Option<Occupant>>,
    props: Mutex<fault::Props>,
}

/// Who has the demo's nodes.
#[derive(Debug)]
enum Occupant {
    Lesson(Current),
    Fault,
}

impl DemoLab {
    /// A lab that acts on `demo`.
    pub fn new(demo: Demo) -> Self {
        let events = broadcast::channel(EVENTS).0;
        Self(Arc::new(Shared {
            demo,
            events,
            runs: AtomicU64::new(1),
            current: Mutex::default(),
            props: Mutex::default(),
        }))
    }

    /// The WWSF that the trace calls `node` runs here: faults may sign tokens as it does.
    pub fn knows_wwsf(&self, node: &'static str, keys: wwsf::Keys) {
        self.0.props().keys.insert(node, keys);
    }

    /// The eP-CSCF runs here: faults may have it know of more identities.
    pub fn knows_epcscf(&self, known: epcscf::Known) {
        self.0.props().known = Some(known);
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
        *current = Some(Occupant::Lesson(started));
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
        match &mut *self.0.current() {
            Some(Occupant::Lesson(current)) if current.is(run) => Ok(f(current)),
            _ => Err(LabError::Unknown("run")),
        }
    }

    /// Runs a fault in a task of its own: it is mended even when nobody waits for what comes of it.
    fn start_fault(&self, id: &str) -> Result<JoinHandle<FaultOutcome>, LabError> {
        let fault = fault::find(id).ok_or(LabError::Unknown("fault"))?;
        self.0.demo.can_break()?;
        let mut current = self.0.current();
        if current.is_some() {
            return Err(LabError::Busy);
        }
        *current = Some(Occupant::Fault);
        let shared = Arc::clone(&self.0);
        let bench = fault::Bench::new(shared.demo.clone(), shared.props().clone());
        Ok(tokio::spawn(async move {
            let _vacant = Vacant(shared);
            fault.run(bench).await
        }))
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Occupant>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn props(&self) -> MutexGuard<'_, fault::Props> {
        self.props.lock().unwrap_or_else(PoisonError::into_inner)
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
        fault::described()
    }

    fn run_fault(&self, fault: &str) -> BoxFuture<'_, Result<FaultOutcome, LabError>> {
        let started = self.start_fault(fault);
        async move { started?.await.map_err(|error| LabError::Failed(error.to_string())) }.boxed()
    }

    fn events(&self) -> broadcast::Receiver<RunEvent> {
        self.0.events.subscribe()
    }
}
