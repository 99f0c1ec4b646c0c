//! The keeper of the gate while a lesson runs: it tells the steps apart as their messages come by,
//! and halts before each when the lesson goes step by step.

use super::lesson::Lesson;
use super::scope::Scope;
use console::LabError;
use console::api::{RunEvent, RunId, RunState};
use sip_net::{Clock, Halt, Keeper, Release, Verdict};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
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
    held: VecDeque<(usize, Release)>,
    halt: Option<Halt>,
    /// Nothing is held any more.
    open: bool,
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
        let (step, release) = inner.held.pop_front().ok_or(LabError::NotWaiting)?;
        self.begin(&mut inner, step);
        // The clock goes on before the message does.
        inner.halt = None;
        drop(release);
        inner.held.retain(|(held, _)| *held != step);
        match inner.held.front().map(|(step, _)| *step) {
            Some(step) => self.halt(&mut inner, step),
            None => drop(self.waiting.send_replace(None)),
        }
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

    /// Tells how the run stands.
    pub(super) fn tell(&self, state: RunState, step: Option<usize>, records: Vec<u64>, why: Option<String>) {
        let lesson = self.lesson.id.to_owned();
        // No watcher is no error.
        let _ = self.events.send(RunEvent { run: self.run.clone(), lesson, state, step, records, why });
    }

    fn begin(&self, inner: &mut Inner, step: usize) {
        self.light_before(inner, step);
        inner.reached = Some(step);
        self.tell(RunState::Running, Some(step), Vec::new(), None);
    }

    fn halt(&self, inner: &mut Inner, step: usize) {
        self.light_before(inner, step);
        inner.halt = Some(self.clock.halt());
        self.waiting.send_replace(Some(Instant::now()));
        self.tell(RunState::Waiting, Some(step), Vec::new(), None);
    }

    /// Lights the steps before `end` that the trace shows.
    fn light_before(&self, inner: &mut Inner, end: usize) {
        if inner.lit.iter().take(end).all(|lit| *lit) {
            return;
        }
        let records = self.hub.since(self.since);
        for step in 0..end.min(inner.lit.len()) {
            if inner.lit.get(step).is_none_or(|lit| *lit) {
                continue;
            }
            let of_step = |record: &&std::sync::Arc<Record>| {
                inner.scope.owns(record) && self.lesson.step_of(record) == Some(step)
            };
            let seen: Vec<u64> = records.iter().filter(of_step).map(|record| record.seq).collect();
            if !seen.is_empty() {
                if let Some(lit) = inner.lit.get_mut(step) {
                    *lit = true;
                }
                self.tell(RunState::Lit, Some(step), seen, None);
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
        let (release, held) = Verdict::hold();
        inner.held.push_back((step, release));
        if inner.held.len() == 1 {
            self.halt(&mut inner, step);
        }
        held
    }
}
