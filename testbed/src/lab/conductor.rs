//! The keeper of the gate while a lesson runs: it tells the steps apart as their messages come by,
//! and halts before each when the lesson goes step by step.

use super::lesson::Lesson;
use super::scope::Scope;
use console::LabError;
use console::api::{RunEvent, RunId, RunState};
use sip_net::{Clock, Halt, Keeper, Release, Verdict};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use trace::ladder::label;
use trace::steps::Steps;
use trace::{Hub, Record};

/// Leads one run through its lesson.
#[derive(Debug)]
pub(super) struct Conductor {
    lesson: &'static Lesson,
    step_by_step: bool,
    clock: Clock,
    hub: Hub,
    /// The last record of before the run.
    since: u64,
    run: RunId,
    events: broadcast::Sender<RunEvent>,
    /// Since when it has been waiting to be told to go on.
    waiting: watch::Sender<Option<Instant>>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    scope: Scope,
    /// Classifies at the gate what the hub will classify when it has been sent.
    steps: Steps,
    /// The step that is on, by its index.
    reached: Option<usize>,
    lit: Vec<bool>,
    held: VecDeque<Held>,
    halt: Option<Halt>,
    /// Nothing is held any more.
    open: bool,
}

/// A message that waits at the gate.
#[derive(Debug)]
struct Held {
    step: usize,
    what: String,
    release: Release,
}

impl Conductor {
    pub(super) fn new(
        lesson: &'static Lesson,
        step_by_step: bool,
        demo: &super::Demo,
        run: RunId,
        events: broadcast::Sender<RunEvent>,
    ) -> Self {
        let mut steps = Steps::default();
        for domain in &demo.range_domains {
            steps.range_domain(domain);
        }
        let lit = vec![false; lesson.steps.len()];
        Self {
            lesson,
            step_by_step,
            clock: demo.pace.clock.clone(),
            hub: demo.hub.clone(),
            since: demo.hub.last_seq(),
            run,
            events,
            waiting: watch::Sender::new(None),
            inner: Mutex::new(Inner { steps, lit, ..Inner::default() }),
        }
    }

    /// Lets the run take the step before which it halts.
    ///
    /// # Errors
    /// [`LabError::NotWaiting`] when it does not.
    pub(super) fn next(&self) -> Result<(), LabError> {
        let mut inner = self.lock();
        let Held { step, release, .. } = inner.held.pop_front().ok_or(LabError::NotWaiting)?;
        self.begin(&mut inner, step);
        // The clock goes on before the message does.
        inner.halt = None;
        drop(release);
        inner.held.retain(|held| held.step != step);
        self.waiting.send_replace(None);
        self.halt(&mut inner);
        Ok(())
    }

    /// Lets everything go that is held, and holds no more.
    pub(super) fn open(&self) {
        let mut inner = self.lock();
        inner.open = true;
        inner.halt = None;
        inner.held.clear();
        self.waiting.send_replace(None);
    }

    /// Since when the run has been waiting to be told to go on.
    pub(super) fn waiting(&self) -> watch::Receiver<Option<Instant>> {
        self.waiting.subscribe()
    }

    /// Lights what the trace shows by now; the first step that has not happened.
    pub(super) fn light(&self) -> Option<usize> {
        let mut inner = self.lock();
        self.light_before(&mut inner, self.lesson.steps.len());
        inner.lit.iter().position(|lit| !lit)
    }

    /// Tells that the run is over.
    pub(super) fn ends(&self, state: RunState, step: Option<usize>, why: Option<String>) {
        self.send(RunEvent { why, ..self.event(state, step) });
    }

    fn event(&self, state: RunState, step: Option<usize>) -> RunEvent {
        let (run, lesson) = (self.run.clone(), self.lesson.id.to_owned());
        RunEvent { run, lesson, state, step, records: Vec::new(), held: None, why: None }
    }

    fn send(&self, event: RunEvent) {
        // No watcher is no error.
        let _ = self.events.send(event);
    }

    fn begin(&self, inner: &mut Inner, step: usize) {
        self.light_before(inner, step);
        inner.reached = Some(step);
        self.send(self.event(RunState::Running, Some(step)));
    }

    /// Halts if a message is held.
    fn halt(&self, inner: &mut Inner) {
        let Some((step, what)) = inner.held.front().map(|held| (held.step, held.what.clone())) else { return };
        self.light_before(inner, step);
        inner.halt = Some(self.clock.halt());
        self.waiting.send_replace(Some(Instant::now()));
        self.send(RunEvent { held: Some(what), ..self.event(RunState::Waiting, Some(step)) });
    }

    /// Lights the steps before `end` that the trace shows.
    fn light_before(&self, inner: &mut Inner, end: usize) {
        if inner.lit.iter().take(end).all(|lit| *lit) {
            return;
        }
        let records = inner.scope.own(self.hub.since(self.since));
        for step in 0..end.min(inner.lit.len()) {
            if inner.lit.get(step).is_none_or(|lit| *lit) {
                continue;
            }
            let of_step = |record: &&Arc<Record>| self.lesson.step_of(record) == Some(step);
            let seen: Vec<u64> = records.iter().filter(of_step).map(|record| record.seq).collect();
            if !seen.is_empty() {
                if let Some(lit) = inner.lit.get_mut(step) {
                    *lit = true;
                }
                self.send(RunEvent { records: seen, ..self.event(RunState::Lit, Some(step)) });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Conductor {
    fn judge(&self, mut message: Record) -> Verdict {
        let mut inner = self.lock();
        if inner.open || !inner.scope.takes(&message) {
            return Verdict::Pass;
        }
        inner.steps.classify(&mut message);
        let Some(step) = self.lesson.step_of(&message) else { return Verdict::Pass };
        if inner.reached.is_some_and(|reached| step <= reached) {
            return Verdict::Pass;
        }
        if !self.step_by_step {
            self.begin(&mut inner, step);
            return Verdict::Pass;
        }
        let (release, verdict) = Verdict::hold();
        let what = format!("{} → {}: {}", label(&message.node), label(&message.peer), message.summary);
        inner.held.push_back(Held { step, what, release });
        if inner.held.len() == 1 {
            self.halt(&mut inner);
        }
        verdict
    }
}
