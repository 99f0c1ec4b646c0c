//! Runs the benchmarks.

use std::fs;

use anyhow::{Result, bail};

use crate::{say, shell};

/// Runs the benchmarks of every crate that has some; `args` go to them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(shell::root())? {
        let entry = entry?;
        if entry.path().join("benches").is_dir() {
            names.push(entry.file_name());
        }
    }
    if names.is_empty() {
        bail!("no crate has benchmarks");
    }
    names.sort();

    let mut command = shell::cargo();
    // Bench targets only: a library's own tests need no optimised build.
    command.args(["bench", "--locked", "--bench", "*"]);
    for name in &names {
        command.arg("--package").arg(name);
    }
    say::step("Running the benchmarks", || shell::run(command.arg("--").args(args)))
}
