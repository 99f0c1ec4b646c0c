//! `testbed conformance`.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use conformance::engine::{self, Progress, Selection};
use conformance::lab::Lab;
use conformance::profile::{Profile, ProfileLab};
use conformance::purpose::{Flow, Role};
use conformance::report::{Described, Report, statement};
use conformance::tester::Limits;
use conformance::verdict::Verdict;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use testbed::bench::OwnNodes;

/// Test purposes by clause, against our nodes or somebody else's.
#[derive(Debug, Args)]
pub(super) struct Conformance {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the test purposes
    List(List),
    /// Runs test purposes and reports; ends with 0 only when nothing fails
    Run(Run),
}

#[derive(Debug, Args)]
struct Wanted {
    /// Only purposes of this node: eP-CSCF, I-CSCF, S-CSCF, HSS, WWSF, WIC, eIMS-AGW; may be repeated
    #[arg(long, value_name = "NODE", value_parser = role)]
    role: Vec<Role>,
    /// Only purposes that rest on this clause, e.g. `RFC 7118` or `33.203 X`; may be repeated
    #[arg(long, value_name = "TEXT")]
    clause: Vec<String>,
    /// Only purposes of this registration flow
    #[arg(long, value_enum)]
    flow: Vec<FlowArg>,
    /// Only these purposes, or families: TOK-05, TOK; may be repeated
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    wanted: Wanted,
    /// How
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  testbed conformance run
  testbed conformance run --role eP-CSCF --id TOK --html tokens.html
  testbed conformance run --profile my-edge.toml --html report.html --junit report.xml")]
struct Run {
    #[command(flatten)]
    wanted: Wanted,
    /// Where somebody else's system is and what it claims; our own nodes when left out
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Writes the report as one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes the report as JSON, with all messages
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the verdicts as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The longest wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 6)]
    patience: u64,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Columns for people
    #[default]
    Text,
    /// A Markdown table
    Md,
    /// JSON
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FlowArg {
    /// None, or any of them
    Any,
    /// Flow 1
    #[value(alias = "1")]
    Digest,
    /// Flow 2
    #[value(alias = "2")]
    WebAuth,
    /// Flow 3
    #[value(alias = "3")]
    Range,
    /// Flow 3 in its final form
    Pool,
}

impl From<FlowArg> for Flow {
    fn from(flow: FlowArg) -> Self {
        match flow {
            FlowArg::Any => Self::Any,
            FlowArg::Digest => Self::Digest,
            FlowArg::WebAuth => Self::WebAuth,
            FlowArg::Range => Self::Range,
            FlowArg::Pool => Self::Pool,
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    let names = || Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| format!("not one of {}", names()))
}

impl Wanted {
    fn selection(self) -> Selection {
        let flows = self.flow.into_iter().map(Flow::from).collect();
        Selection { roles: self.role, flows, clauses: self.clause, ids: self.id }
    }
}

impl Conformance {
    pub(super) async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::List(list) => list.run(),
            Command::Run(run) => run.run().await,
        }
    }
}

impl List {
    fn run(self) -> Result<ExitCode> {
        let selection = self.wanted.selection();
        let wanted = || conformance::catalogue::all().filter(|p| selection.takes(p));
        match self.format {
            Format::Md => print!("{}", statement(wanted())),
            Format::Json => {
                let all: Vec<_> = wanted().map(Described::from).collect();
                println!("{}", serde_json::to_string_pretty(&all)?);
            }
            Format::Text => {
                for p in wanted() {
                    let (id, role, flow, basis) = (p.id, p.role, p.flow, p.basis);
                    println!("{id:<8}{role:<10}{flow:<8}{basis:<13}{} ({})", p.title, p.clause);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Run {
    async fn run(self) -> Result<ExitCode> {
        let limits = Limits { answer: Duration::from_secs(self.patience.clamp(1, 60)), ..Limits::default() };
        let lab: Arc<dyn Lab> = match &self.profile {
            Some(path) => Arc::new(ProfileLab::new(Profile::read(path)?, limits)?),
            None => Arc::new(OwnNodes::new(limits)?),
        };
        let selection = self.wanted.selection();
        let mut bar = Bar::new();
        let report = engine::run(lab, &selection, limits, |progress| bar.show(progress)).await;
        bar.end();
        if report.results.is_empty() {
            bail!("no purpose is selected; `testbed conformance list` shows them");
        }
        write(self.json.as_deref(), || Ok(report.to_json()?))?;
        write(self.junit.as_deref(), || Ok(report.to_junit()))?;
        write(self.html.as_deref(), || Ok(report.to_html()))?;
        write(self.markdown.as_deref(), || Ok(report.to_markdown()))?;
        let terminal = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print!("{}", report.to_summary(terminal));
        Ok(exit(&report))
    }
}

fn exit(report: &Report) -> ExitCode {
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()?).with_context(|| format!("writing {}", path.display()))
}

/// Progress on stderr: a line that changes on a terminal, else one for each purpose that does not pass.
struct Bar {
    terminal: bool,
    all: usize,
    done: usize,
    failed: usize,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), all: 0, done: 0, failed: 0 }
    }

    fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Begun(all) => {
                self.all = all;
                eprintln!("{all} test purposes");
            }
            Progress::Ended(result) => {
                self.done += 1;
                self.failed += usize::from(result.verdict == Verdict::Fail);
                let id = &result.purpose.id;
                if matches!(result.verdict, Verdict::Fail | Verdict::Inconclusive) {
                    self.clear();
                    eprintln!("{id} {}: {}", result.verdict, result.reason);
                }
                if self.terminal {
                    eprint!("\r\x1b[K{}/{} {id}, {} failed", self.done, self.all, self.failed);
                    let _ = std::io::stderr().flush();
                }
            }
        }
    }

    fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }

    fn end(&self) {
        self.clear();
    }
}
