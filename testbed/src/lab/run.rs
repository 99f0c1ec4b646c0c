//! One run of a lesson, from its start until nothing of it is left.

use super::Demo;
use super::conductor::Conductor;
use super::course::Cast;
use super::lesson::Lesson;
use console::LabError;
use console::api::{RunEvent, RunId, RunState};
use sip_net::Watched;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::Instant;

/// How long a run waits to be told to go on: who left the page does not leave the demo halted.
const IDLE: Duration = Duration::from_secs(600);
/// How long the trace may take to show what has passed; nodes in other processes report a little later.
const SETTLE: Duration = Duration::from_secs(2);

/// The run that has the demo's nodes.
#[derive(Debug)]
pub(super) struct Current {
    id: RunId,
    conductor: Arc<Conductor>,
    cancel: Option<oneshot::Sender<()>>,
}

impl Current {
    pub(super) fn is(&self, run: &RunId) -> bool {
        self.id == *run
    }

    pub(super) fn next(&self) -> Result<(), LabError> {
        self.conductor.next()
    }

    pub(super) fn cancel(&mut self) {
        // One who cancels twice has cancelled.
        if let Some(cancel) = self.cancel.take() {
            let _ = cancel.send(());
        }
    }
}

/// Everything that a run needs, and the gate that it watches.
pub(super) struct Task {
    lesson: &'static Lesson,
    cast: Cast,
    stage: Stage,
    hub: trace::Hub,
    cancelled: oneshot::Receiver<()>,
}

/// Opens the gate and lets the clock go on when dropped, whatever way a run ended.
struct Stage {
    conductor: Arc<Conductor>,
    _watched: Watched,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.conductor.open();
    }
}

/// Takes the gate for a run; what comes back runs it.
pub(super) fn prepare(
    demo: &Demo,
    lesson: &'static Lesson,
    id: RunId,
    step_by_step: bool,
    events: broadcast::Sender<RunEvent>,
) -> Result<(Current, Task), LabError> {
    let conductor = Arc::new(Conductor::new(lesson, step_by_step, demo, id.clone(), events));
    let watched = demo.pace.gate.watch(conductor.clone()).ok_or(LabError::Busy)?;
    let (cancel, cancelled) = oneshot::channel();
    let current = Current { id, conductor: conductor.clone(), cancel: Some(cancel) };
    let cast = Cast::new(demo.clone());
    let stage = Stage { conductor, _watched: watched };
    Ok((current, Task { lesson, cast, stage, hub: demo.hub.clone(), cancelled }))
}

impl Task {
    /// Plays the lesson and cleans up.
    pub(super) async fn run(mut self) -> Ending {
        let conductor = self.stage.conductor.clone();
        let (state, step, why) = tokio::select! {
            played = play(&mut self.cast, self.lesson, &conductor, &self.hub) => match played {
                Ok(()) => (RunState::Done, None, None),
                Err((step, why)) => (RunState::Failed, step, Some(why)),
            },
            // A cancel that can't come any more is none.
            Ok(()) = self.cancelled => (RunState::Cancelled, None, None),
            () = idle(conductor.waiting()) => {
                let why = "nobody said go on for ten minutes".to_owned();
                (RunState::Cancelled, None, Some(why))
            }
        };
        drop(self.stage);
        self.cast.leave().await;
        Ending { conductor, state, step, why }
    }
}

/// How a run ended, to be told when there is room for the next.
pub(super) struct Ending {
    conductor: Arc<Conductor>,
    state: RunState,
    step: Option<usize>,
    why: Option<String>,
}

impl Ending {
    pub(super) fn tell(self) {
        self.conductor.ends(self.state, self.step, self.why);
    }
}

/// The step that failed, and why.
type Failure = (Option<usize>, String);

async fn play(cast: &mut Cast, lesson: &Lesson, conductor: &Conductor, hub: &trace::Hub) -> Result<(), Failure> {
    let mut records = hub.watch();
    let played = cast.play(lesson.course).await;
    let until = Instant::now() + SETTLE;
    let dark = loop {
        let dark = conductor.light();
        if dark.is_none() || played.is_err() {
            break dark;
        }
        match tokio::time::timeout_at(until, records.recv()).await {
            Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => break dark,
            Ok(_) => {}
        }
    };
    match (played, dark) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(step)) => Err((Some(step), "its messages are not in the trace".into())),
        (Err(why), dark) => Err((dark, why)),
    }
}

/// Ends when the run has waited too long to be told to go on.
async fn idle(mut waiting: watch::Receiver<Option<Instant>>) {
    loop {
        let since = *waiting.borrow_and_update();
        let expiry = async {
            match since {
                Some(since) => tokio::time::sleep_until(since + IDLE).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expiry => return,
            changed = waiting.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_nobody_leads_ends_after_ten_minutes() {
        let (waiting, seen) = watch::channel(None);
        let mut idle = std::pin::pin!(idle(seen));
        let almost = IDLE - Duration::from_secs(1);
        assert!(tokio::time::timeout(2 * IDLE, &mut idle).await.is_err(), "it does not wait");
        waiting.send_replace(Some(Instant::now()));
        assert!(tokio::time::timeout(almost, &mut idle).await.is_err());
        waiting.send_replace(Some(Instant::now()));
        assert!(tokio::time::timeout(almost, &mut idle).await.is_err(), "it went on in between");
        assert!(tokio::time::timeout(Duration::from_secs(2), &mut idle).await.is_ok());
    }
}
