//! `testbed lesson` and `testbed fault`.

use super::Common;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use console::api::{Fault, Lesson, RunEvent, RunId, RunState};
use std::process::ExitCode;
use testbed::lab::{Events, Remote};

#[derive(Debug, Args)]
pub(super) struct Lessons {
    #[command(subcommand)]
    command: LessonCommand,
}

#[derive(Debug, Subcommand)]
enum LessonCommand {
    /// Prints the lessons
    List,
    /// Runs one, and prints each step when its messages have passed
    Run {
        /// Which, as the list names it
        lesson: String,
        /// Halts before each step until Enter
        #[arg(long)]
        step: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Faults {
    #[command(subcommand)]
    command: FaultCommand,
}

#[derive(Debug, Subcommand)]
enum FaultCommand {
    /// Prints the faults
    List,
    /// Runs some, and says what came of them
    Run {
        /// Which, as the list names them
        #[arg(required_unless_present = "all")]
        faults: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "faults")]
        all: bool,
    },
}

impl Lessons {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let lab = Remote::new(&common.state()?.require_running()?)?;
        let lessons = lab.lessons().await?;
        match self.command {
            LessonCommand::List => {
                for lesson in lessons {
                    println!("{:<12} {} ({}; {} steps)", lesson.id, lesson.title, lesson.clause, lesson.steps.len());
                }
                Ok(ExitCode::SUCCESS)
            }
            LessonCommand::Run { lesson, step } => {
                let found = lessons.into_iter().find(|known| known.id == lesson);
                let lesson =
                    found.with_context(|| format!("there is no lesson {lesson}: see `testbed lesson list`"))?;
                let events = lab.events().await?;
                let run = lab.run(&lesson.id, step).await?;
                println!("{}\n{}\n", lesson.title, lesson.about);
                tokio::select! {
                    done = follow(&lab, &lesson, &run, events) => done,
                    stop = tokio::signal::ctrl_c() => {
                        stop?;
                        lab.cancel(&run).await?;
                        Ok(ExitCode::FAILURE)
                    }
                }
            }
        }
    }
}

/// Prints a run's course, and lets it go on when Enter is pressed.
async fn follow(lab: &Remote, lesson: &Lesson, run: &RunId, mut events: Events) -> Result<ExitCode> {
    while let Some(RunEvent { run: of, state, step, held, why, .. }) = events.next().await? {
        if of != *run {
            continue;
        }
        let step = step.and_then(|step| lesson.steps.get(step));
        match (state, step) {
            (RunState::Waiting, Some(step)) => {
                println!("   {} {} - Enter lets it happen", step.number, step.title);
                println!("     {}", held.unwrap_or_default());
                if !enter().await? {
                    lab.cancel(run).await?;
                    bail!("the input ended before the lesson");
                }
                lab.next(run).await?;
            }
            (RunState::Lit, Some(step)) => {
                println!("✓  {} {}\n     {}\n     {}\n", step.number, step.title, step.text, step.clause);
            }
            (RunState::Done, _) => return Ok(ExitCode::SUCCESS),
            (RunState::Failed | RunState::Cancelled, step) => {
                let at = step.map(|step| format!(" at step {}", step.number)).unwrap_or_default();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                bail!("the lesson ended{at}{why}");
            }
            _ => {}
        }
    }
    bail!("the testbed has stopped")
}

/// Waits for Enter; false at the end of the input.
async fn enter() -> Result<bool> {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    Ok(read.await?? > 0)
}

impl Faults {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let lab = Remote::new(&common.state()?.require_running()?)?;
        let known = lab.faults().await?;
        let wanted = match self.command {
            FaultCommand::List => {
                for fault in known {
                    println!("{:<26} {:<11} {}", fault.id, fault.group, fault.title);
                }
                return Ok(ExitCode::SUCCESS);
            }
            FaultCommand::Run { all: true, .. } => known,
            FaultCommand::Run { faults, .. } => chosen(known, &faults)?,
        };
        let mut as_expected = true;
        for fault in wanted {
            let outcome = lab.run_fault(&fault.id).await?;
            as_expected &= outcome.as_expected;
            println!("{} {} ({})", if outcome.as_expected { "✓" } else { "✗" }, fault.title, fault.clause);
            println!("  breaks:   {}", fault.breaks);
            println!("  expected: {}", fault.expected);
            println!("  observed: {}\n", outcome.observed);
        }
        Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn chosen(known: Vec<Fault>, names: &[String]) -> Result<Vec<Fault>> {
    let find = |name: &String| {
        let fault = known.iter().find(|fault| fault.id == *name).cloned();
        fault.with_context(|| format!("there is no fault {name}: see `testbed fault list`"))
    };
    names.iter().map(find).collect()
}
