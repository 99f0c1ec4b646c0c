//! Runs systems by others and tells what differs from the records in `docs/interop`: `cargo xtask interop`.

use anyhow::{Context, Result};
use clap::Parser;
use conformance::engine::Progress;
use conformance::report::Report;
use conformance::verdict::Verdict;
use e2e::interop::{Comparison, System};
use std::path::PathBuf;
use std::process::ExitCode;

/// Puts software by others under test and compares with docs/interop; ends with 0 only when nothing differs
#[derive(Debug, Parser)]
#[command(name = "cargo xtask interop")]
struct Interop {
    /// Which; all when none is named
    #[arg(value_parser = system)]
    name: Vec<System>,
    /// Names them
    #[arg(long)]
    list: bool,
    /// Writes the records anew
    #[arg(long)]
    update: bool,
    /// Writes each report as NAME.html, with all messages
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
}

fn system(name: &str) -> Result<System, String> {
    let found = System::ALL.into_iter().find(|system| system.name() == name);
    found.ok_or_else(|| format!("not one of {}", System::ALL.map(System::name).join(", ")))
}

#[tokio::main]
async fn main() -> ExitCode {
    Interop::parse().run().await.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

impl Interop {
    async fn run(self) -> Result<ExitCode> {
        if self.list {
            for system in System::ALL {
                println!("{:<20}{}", system.name(), system.title());
            }
            return Ok(ExitCode::SUCCESS);
        }
        let systems = if self.name.is_empty() { System::ALL.to_vec() } else { self.name };
        let mut rows = Vec::new();
        for system in systems {
            let report = run(system).await.with_context(|| system.name())?;
            if let Some(folder) = &self.html {
                std::fs::create_dir_all(folder)?;
                std::fs::write(folder.join(system.name()).with_extension("html"), report.to_html())?;
            }
            if self.update {
                system.update(&report)?;
            }
            let comparison = system.compare(&report)?;
            rows.push((system, report, comparison));
        }
        Ok(table(&rows))
    }
}

async fn run(system: System) -> Result<Report> {
    eprintln!("{}: {}", system.name(), system.title());
    let (mut all, mut done) = (0, 0);
    let report = system.run(|progress| match progress {
        Progress::Begun(count) => all = count,
        Progress::Ended(_) => {
            done += 1;
            if done % 25 == 0 {
                eprintln!("  {done} of {all} purposes");
            }
        }
    });
    let report = report.await?;
    eprintln!("  {all} purposes in {:.0} s", report.seconds);
    Ok(report)
}

fn table(rows: &[(System, Report, Comparison)]) -> ExitCode {
    let [pass, fail, inconclusive, not] = Verdict::ALL.map(Verdict::as_str);
    println!("\n{:<20}{pass:>6}{fail:>6}{inconclusive:>14}{not:>16}  against the record", "");
    let mut end = ExitCode::SUCCESS;
    for (system, report, comparison) in rows {
        let [pass, fail, inconclusive, not] = Verdict::ALL.map(|verdict| report.count(verdict));
        let words = match comparison {
            Comparison::Changes(changes) if changes.is_empty() => "the same".to_owned(),
            Comparison::Changes(changes) => {
                end = ExitCode::FAILURE;
                format!("{} differ", changes.len())
            }
            Comparison::OtherSystem { kept, found } => format!("not compared: it is of {kept}, this is {found}"),
        };
        println!("{:<20}{pass:>6}{fail:>6}{inconclusive:>14}{not:>16}  {words}", system.name());
        if let Comparison::Changes(changes) = comparison {
            changes.iter().for_each(|change| println!("    {change}"));
        }
    }
    end
}
