//! Lessons and faults as people run them (issue 4 points 4 and 5).

use anyhow::{Context, Result};
use e2e::{Bed, Tab};

/// Every lesson to its end, with every step lit; one of them step by step.
#[tokio::test(flavor = "multi_thread")]
async fn each_lesson_runs_to_its_end_with_every_step_lit() -> Result<()> {
    let bed = Bed::with_browser(|_| {}).await?;
    let tab = bed.open(&format!("{}/console#lessons", bed.ready.wwsf)).await?;
    tab.until("document.querySelector('.lesson-list a')").await?;
    let lessons: Vec<String> =
        tab.evaluate("[...document.querySelectorAll('.lesson-list a')].map(a => a.hash.split('/')[1])").await?;
    assert!(lessons.len() >= 3, "{lessons:?}");
    for lesson in &lessons {
        open(&tab, lesson).await?;
        tab.click("[data-testid=run-through]").await?;
        ends_well(&tab).await.with_context(|| format!("lesson {lesson}"))?;
        let messages = "[...document.querySelectorAll('.row:not([hidden], .gap)')].length > 0";
        tab.until(messages).await.with_context(|| format!("the ladder of {lesson}"))?;
    }

    open(&tab, &lessons[0]).await?;
    tab.click("[data-testid=run-steps]").await?;
    let steps: usize = tab.evaluate("document.querySelectorAll('.lesson-step').length").await?;
    for step in 0..steps {
        tab.until(&format!("document.querySelector('[data-testid=step-{step}]').dataset.state === 'waiting'")).await?;
        let later: usize = tab
            .evaluate("[...document.querySelectorAll('.lesson-step[data-state=waiting] ~ .lesson-step:not([data-state=pending])')].length")
            .await?;
        assert_eq!(later, 0, "nothing after the step it halts before has happened");
        tab.click("[data-testid=next-step]").await?;
    }
    ends_well(&tab).await?;

    // A step's messages alone, and the message that is read first.
    tab.click("[data-testid=step-2] button").await?;
    tab.until("document.querySelector('[data-testid=message-title]').innerText.startsWith('REGISTER')").await?;

    open(&tab, &lessons[1]).await?;
    tab.click("[data-testid=run-steps]").await?;
    tab.until("document.querySelector('.lesson-step[data-state=waiting]')").await?;
    tab.click("[data-testid=cancel-run]").await?;
    tab.until("document.querySelector('[data-testid=run-state]').dataset.state === 'cancelled'").await
}

async fn open(tab: &Tab, lesson: &str) -> Result<()> {
    tab.evaluate::<bool>(&format!("(location.hash = 'lessons/{lesson}', true)")).await?;
    tab.present("[data-testid=run-through]").await
}

async fn ends_well(tab: &Tab) -> Result<()> {
    let state = "document.querySelector('[data-testid=run-state]').dataset.state";
    tab.until(&format!("['done', 'failed', 'cancelled'].includes({state})")).await?;
    let shown = tab.text("#side").await?;
    assert_eq!(tab.evaluate::<String>(state).await?, "done", "{shown}");
    let dark: usize = tab.evaluate("document.querySelectorAll('.lesson-step:not([data-state=lit])').length").await?;
    assert_eq!(dark, 0, "{shown}");
    Ok(())
}

/// Every fault, one after the other, in one demo that each leaves as it was.
#[tokio::test(flavor = "multi_thread")]
async fn each_fault_comes_to_its_stated_outcome() -> Result<()> {
    let bed = Bed::with_browser(|_| {}).await?;
    let tab = bed.open(&format!("{}/console#faults", bed.ready.wwsf)).await?;
    tab.present("[data-testid=run-all-faults]").await?;
    let faults: Vec<String> =
        tab.evaluate("[...document.querySelectorAll('.fault')].map(fault => fault.id.replace('fault-', ''))").await?;
    assert!(faults.len() >= 24, "{faults:?}");
    let mut otherwise = Vec::new();
    for fault in &faults {
        tab.click(&format!("[data-testid=run-{fault}]")).await?;
        let verdict = format!("document.querySelector('#fault-{fault}').dataset.verdict");
        tab.until(&format!("!['idle', 'running'].includes({verdict})")).await.with_context(|| fault.clone())?;
        if tab.evaluate::<String>(&verdict).await? != "as-expected" {
            otherwise.push(tab.text(&format!("#fault-{fault}")).await?);
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n\n"));
    // What shows it is in the ladder.
    tab.click(&format!("#fault-{} [data-testid=show-messages]", faults[0])).await?;
    tab.until("document.querySelector('.row.failed:not([hidden])')").await
}
