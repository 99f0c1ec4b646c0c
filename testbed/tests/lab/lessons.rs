//! Every lesson runs to its end with every step lit, through and step by step.

use crate::rig::Rig;
use console::LabError;
use console::api::{RunEvent, RunState};
use std::time::Duration;
use testbed::up::Nodes;

/// What was told, without the records.
fn course(events: &[RunEvent]) -> Vec<(RunState, Option<usize>)> {
    events.iter().map(|event| (event.state, event.step)).collect()
}

/// That nothing of a step was sent before the run was told to take it.
fn assert_no_earlier(events: &[RunEvent], sent: u64) {
    let mut lit = events.iter().filter(|event| event.state == RunState::Lit).flat_map(|event| &event.records);
    assert!(lit.all(|seq| *seq > sent), "{events:?} came before {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lesson_lights_every_step() {
    let mut rig = Rig::start().await;
    for lesson in rig.lab().lessons() {
        let run = rig.lab().run(&lesson.id, false).await.unwrap();
        let events = rig.until_it_waits(&run).await;
        let mut expected = Vec::new();
        for step in 0..lesson.steps.len() {
            expected.extend([(RunState::Running, Some(step)), (RunState::Lit, Some(step))]);
        }
        expected.push((RunState::Done, None));
        assert_eq!(course(&events), expected, "{}: {events:?}", lesson.id);
        let all = rig.testbed.hub().since(0);
        for event in events.iter().filter(|event| event.state == RunState::Lit) {
            assert!(!event.records.is_empty());
            assert!(event.records.iter().all(|seq| all.iter().any(|record| record.seq == *seq)), "{event:?}");
        }
    }
    rig.registers("alice").await;
    rig.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesson_halts_before_each_step_and_the_clock_stands_still() {
    let mut rig = Rig::start().await;
    for lesson in rig.lab().lessons() {
        let run = rig.lab().run(&lesson.id, true).await.unwrap();
        let mut sent = 0;
        for step in 0..lesson.steps.len() {
            let events = rig.until_it_waits(&run).await;
            let mut expected = Vec::new();
            if let Some(before) = step.checked_sub(1) {
                expected.extend([(RunState::Running, Some(before)), (RunState::Lit, Some(before))]);
                assert_no_earlier(&events, sent);
            }
            expected.push((RunState::Waiting, Some(step)));
            assert_eq!(course(&events), expected, "{} step {step}: {events:?}", lesson.id);
            let held = events.last().and_then(|event| event.held.as_deref()).unwrap();
            assert!(held.contains(" → "), "{held}");
            let clock = rig.testbed.pace().clock.clone();
            let then = clock.now().mono;
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!((clock.is_halted(), clock.now().mono), (true, then), "the clock goes on");
            sent = rig.testbed.hub().last_seq();
            rig.lab().next(&run).await.unwrap();
        }
        let events = rig.until_it_waits(&run).await;
        assert_no_earlier(&events, sent);
        let last = lesson.steps.len() - 1;
        let end = [(RunState::Running, Some(last)), (RunState::Lit, Some(last)), (RunState::Done, None)];
        assert_eq!(course(&events), end, "{}: {events:?}", lesson.id);
        assert!(!rig.testbed.pace().clock.is_halted());
        assert_eq!(rig.lab().next(&run).await, Err(LabError::Unknown("run")), "it is over");
    }
    rig.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_pass_while_a_lesson_halts() {
    let mut rig = Rig::start().await;
    let run = rig.lab().run("digest", true).await.unwrap();
    for _ in 0..3 {
        rig.until_it_waits(&run).await;
        rig.lab().next(&run).await.unwrap();
    }
    let events = rig.until_it_waits(&run).await;
    assert_eq!(events.last().map(|event| (event.state, event.step)), Some((RunState::Waiting, Some(3))));
    rig.registers("carol").await;
    assert_eq!(rig.lab().run("web-auth", false).await, Err(LabError::Busy));
    rig.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_lesson_leaves_nothing_behind() {
    let mut rig = Rig::start().await;
    let lessons = rig.lab().lessons();
    // Cancelled before each step in turn.
    for (halts, _) in lessons[0].steps.iter().enumerate() {
        let run = rig.lab().run(&lessons[0].id, true).await.unwrap();
        for _ in 0..halts {
            rig.until_it_waits(&run).await;
            rig.lab().next(&run).await.unwrap();
        }
        rig.until_it_waits(&run).await;
        rig.lab().cancel(&run).await.unwrap();
        assert_eq!(rig.event(&run).await.state, RunState::Cancelled);
        assert!(!rig.testbed.pace().clock.is_halted(), "the clock goes on");
        rig.registers("alice").await;
        assert_eq!(rig.lab().cancel(&run).await, Err(LabError::Unknown("run")));
    }
    rig.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn step_by_step_needs_all_nodes_in_one_process() {
    let rig = Rig::with(Nodes { ims: false, ..Nodes::ALL }).await;
    let Err(LabError::Unavailable(reason)) = rig.lab().run("digest", true).await else { panic!("it runs") };
    assert!(reason.contains("one process"), "{reason}");
    assert_eq!(rig.lab().run("nothing", true).await, Err(LabError::Unknown("lesson")));
    rig.testbed.shutdown().await;
}
