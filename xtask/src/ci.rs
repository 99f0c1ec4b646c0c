//! What CI runs, step by step.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};

use crate::members::{self, Target};
use crate::wasm::Toolchain;
use crate::{say, shell, tools, wasm};

/// Checks the tools that `steps` need, runs the steps in turn up to the first that fails, and
/// prints how long each took.
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    let needs: BTreeSet<Need> = steps.iter().flat_map(|step| step.needs()).copied().collect();
    install(needs)?;

    let mut times = Vec::new();
    for &step in steps {
        let start = Instant::now();
        let done = say::step(step.title(), || step.run());
        times.push((step, start.elapsed()));
        if let Err(error) = done {
            say::fail(&error);
            eprint!("{}", summary(&times, Some(step)));
            bail!("`cargo xtask test --only {step}` runs this step again");
        }
    }
    eprint!("{}", summary(&times, None));
    Ok(())
}

/// Installs what any step needs.
pub(crate) fn set_up() -> Result<()> {
    install(Step::ALL.iter().flat_map(|step| step.needs()).copied().collect())
}

/// Installs what one step needs.
pub(crate) fn set_up_for(step: Step) -> Result<()> {
    install(step.needs().iter().copied().collect())
}

/// Prints the steps' names and what they do.
pub(crate) fn list() {
    for step in Step::ALL {
        println!("{:<8}{}", step.name(), step.title());
    }
}

/// One thing that CI checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Fmt,
    Clippy,
    Doc,
    Wasm,
    Wasm32,
    Test,
    E2e,
}

impl Step {
    /// In the order in which CI runs them. The WIC comes early, since the WWSF embeds it.
    pub(crate) const ALL: [Self; 7] =
        [Self::Fmt, Self::Wasm, Self::Wasm32, Self::Clippy, Self::Doc, Self::Test, Self::E2e];

    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Wasm => "wasm",
            Self::Wasm32 => "wasm32",
            Self::Test => "test",
            Self::E2e => "e2e",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Fmt => "Checking the formatting",
            Self::Clippy => "Looking for lints",
            Self::Doc => "Building the documentation",
            Self::Wasm => "Building the WIC for the browser",
            Self::Wasm32 => "Compiling sip, ims and wic alone for wasm32",
            Self::Test => "Testing every crate",
            Self::E2e => "Testing end to end: browser, clients by others",
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Fmt => &[Need::Rustfmt],
            Self::Clippy => &[Need::Clippy],
            Self::Doc => &[],
            // It is shrunk with tools from npm.
            Self::Wasm | Self::Test => &[Need::Wasm32, Need::Node],
            Self::Wasm32 => &[Need::Wasm32],
            Self::E2e => &[Need::Wasm32, Need::Node, Need::Peers, Need::SipTesters, Need::Chromium],
        }
    }

    fn run(self) -> Result<()> {
        match self {
            Self::Fmt => shell::run(shell::cargo().args(["fmt", "--all", "--check"])),
            Self::Clippy => shell::run(
                shell::cargo()
                    .args(["clippy", "--workspace", "--all-targets", "--locked"])
                    .args(["--", "-D", "warnings"]),
            ),
            Self::Doc => shell::run(
                shell::cargo().args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Wasm => wasm::build().map(|sizes| sizes.print()),
            Self::Wasm32 => shell::run(Toolchain::find()?.cargo("check").args([
                "--package",
                "sip",
                "--package",
                "ims",
                "--package",
                "wic",
            ])),
            Self::Test => {
                wasm::build()?;
                test(|target| target.package != BROWSER_TESTS, &["--lib", "--bins"])?;
                test(|_| false, &["--doc"])
            }
            Self::E2e => {
                wasm::build()?;
                test(|target| target.package == BROWSER_TESTS, &[])
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == name)
            .with_context(|| format!("there is no step `{name}`; `--list` names them"))
    }
}

/// The crate whose tests drive a browser.
const BROWSER_TESTS: &str = "e2e";

/// Runs some of the workspace's tests. All crates are selected always: which features their dependencies are built
/// with hangs on that, and a smaller selection would build half of them again.
fn test(wanted: impl Fn(&Target) -> bool, kinds: &[&str]) -> Result<()> {
    let targets: Vec<_> = members::targets("test")?.into_iter().filter(wanted).collect();
    if targets.is_empty() && kinds.is_empty() {
        bail!("there is no such test");
    }

    let mut command = shell::cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(kinds);
    for target in &targets {
        command.args(["--test", &target.name]);
    }
    shell::run(&mut command)
}

/// Something that has to be on the machine before a step starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Rustfmt,
    Clippy,
    Wasm32,
    Node,
    /// Clients by others that the tests run against, from npm.
    Peers,
    /// SIPp, Kamailio and tshark.
    SipTesters,
    Chromium,
}

fn install(needs: BTreeSet<Need>) -> Result<()> {
    for need in needs {
        match need {
            Need::Rustfmt => tools::component("rustfmt")?,
            Need::Clippy => tools::component("clippy")?,
            Need::Wasm32 => Toolchain::find().map(drop)?,
            Need::Node => tools::node()?,
            Need::Peers => tools::npm_install(&shell::root().join("e2e/js"))?,
            Need::SipTesters => tools::sip_testers()?,
            Need::Chromium => tools::chromium()?,
        }
    }
    Ok(())
}

fn summary(times: &[(Step, Duration)], failed: Option<Step>) -> String {
    let mut table = String::from("\n");
    for &(step, time) in times {
        let verdict =
            if Some(step) == failed { say::paint(say::BOLD_RED, "failed") } else { say::paint(say::GREEN, "    ok") };
        table += &format!("  {verdict}  {:<8}{:>12}\n", step.name(), say::seconds(time));
    }
    let sum = times.iter().map(|(_, time)| *time).sum();
    table += &format!("          {:<8}{:>12}\n", "all", say::seconds(sum));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_by_its_own_name() {
        for step in Step::ALL {
            assert_eq!(step.to_string().parse::<Step>().expect("a step"), step);
        }
    }

    #[test]
    fn the_summary_marks_the_step_that_failed_and_adds_up() {
        let times = [(Step::Fmt, Duration::from_millis(400)), (Step::Clippy, Duration::from_secs(62))];
        let summary = summary(&times, Some(Step::Clippy));
        let lines: Vec<Vec<&str>> = summary.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["ok", "fmt", "0.4", "s"],
                vec!["failed", "clippy", "1", "min", "02", "s"],
                vec!["all", "1", "min", "02", "s"],
            ]
        );
    }
}
