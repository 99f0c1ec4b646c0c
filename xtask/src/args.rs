//! The command line.

use anyhow::{Result, bail};

/// What `cargo xtask` says of itself.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [-- <args>]   build everything and run the testbed; <args> go to `testbed up`
  test               run what CI runs
       --only <step>   this step alone; may be given again
       --list          name the steps
  wasm               build the WIC for the browser into wic-wasm/dist
  bench [-- <args>]  run the benchmarks; <args> go to `cargo bench`
  setup              install what the commands above need, and nothing else";

/// A command line that has been understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Wasm,
}

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command> {
    let mut words = words.into_iter();
    Ok(match words.next().as_deref() {
        None | Some("help" | "--help" | "-h") => Command::Help,
        Some("wasm") => Command::Wasm,
        Some(other) => bail!("there is no command `{other}`"),
    })
}
