//! The command line.

use anyhow::{Context, Result, bail};

use crate::ci::Step;

/// What `cargo xtask` says of itself.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [-- <args>]   build everything and run the testbed; <args> go to `testbed up`
  test               run what CI runs
       --only <step>   that step alone; may be given again
       --list          name the steps
  interop [<args>]   put software by others under test, and compare with docs/interop;
                     `interop --help` tells more
  wasm               build the WIC for the browser into wic-wasm/dist
  bench [-- <args>]  run the benchmarks; <args> go to each of them
  setup              install what the commands above need, and nothing else";

/// A command line that has been understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Demo {
        /// For `testbed up`.
        args: Vec<String>,
    },
    /// [`Command::Demo`]'s other half; not for people.
    Announce,
    Test {
        /// In CI's order, whatever order they were named in.
        steps: Vec<Step>,
    },
    ListSteps,
    Interop {
        /// For the program that does it.
        args: Vec<String>,
    },
    Wasm,
    Bench {
        /// For the benchmarks.
        args: Vec<String>,
    },
    Setup,
}

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command> {
    let mut words = words.into_iter().peekable();
    let Some(name) = words.next() else {
        return Ok(Command::Help);
    };
    let command = match name.as_str() {
        "help" | "--help" | "-h" => Command::Help,
        "demo" => Command::Demo { args: passed_on(&mut words)? },
        "bench" => Command::Bench { args: passed_on(&mut words)? },
        "test" => test(&mut words)?,
        "interop" => Command::Interop { args: words.by_ref().collect() },
        "wasm" => Command::Wasm,
        "setup" => Command::Setup,
        Command::ANNOUNCE => Command::Announce,
        other => bail!("there is no command `{other}`"),
    };
    match words.next() {
        Some(word) => bail!("`{name}` does not take `{word}`"),
        None => Ok(command),
    }
}

impl Command {
    /// The word for [`Command::Announce`].
    pub(crate) const ANNOUNCE: &str = "announce-demo";
}

/// All that follows `--`.
fn passed_on(words: &mut impl Iterator<Item = String>) -> Result<Vec<String>> {
    match words.next().as_deref() {
        None => Ok(Vec::new()),
        Some("--") => Ok(words.collect()),
        Some(word) => bail!("put `--` before `{word}` to pass it on"),
    }
}

fn test(words: &mut impl Iterator<Item = String>) -> Result<Command> {
    let mut named = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => return Ok(Command::ListSteps),
            "--only" => {
                let step = words.next().context("`--only` needs the name of a step")?;
                named.push(step.parse()?);
            }
            _ => bail!("`test` does not take `{word}`"),
        }
    }
    let steps = Step::ALL.into_iter().filter(|step| named.is_empty() || named.contains(step)).collect();
    Ok(Command::Test { steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_are_read() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        for (line, command) in [
            ("", Command::Help),
            ("-h", Command::Help),
            ("wasm", Command::Wasm),
            ("setup", Command::Setup),
            ("demo", Command::Demo { args: words(&[]) }),
            ("demo -- --state x -- y", Command::Demo { args: words(&["--state", "x", "--", "y"]) }),
            ("bench -- sip", Command::Bench { args: words(&["sip"]) }),
            ("interop", Command::Interop { args: words(&[]) }),
            ("interop sipp --update", Command::Interop { args: words(&["sipp", "--update"]) }),
            ("test --list", Command::ListSteps),
            ("test", Command::Test { steps: Step::ALL.to_vec() }),
            ("test --only clippy --only fmt --only clippy", Command::Test { steps: vec![Step::Fmt, Step::Clippy] }),
        ] {
            assert_eq!(read(line).expect(line), command, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, culprit) in [
            ("tset", "`tset`"),
            ("wasm --fast", "`--fast`"),
            ("demo --state", "`--` before `--state`"),
            ("test fmt", "`fmt`"),
            ("test --only", "`--only` needs"),
            ("test --only lint", "`lint`"),
        ] {
            let error = read(line).expect_err(line).to_string();
            assert!(error.contains(culprit), "{line}: {error}");
        }
    }
}
