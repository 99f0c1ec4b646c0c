//! Runs the benchmarks.

use anyhow::{Result, bail};

use crate::{members, say, shell};

/// Runs the benchmarks of every crate that has some; `args` go to each.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let benches = members::targets("bench")?;
    if benches.is_empty() {
        bail!("no crate has benchmarks");
    }

    // By name, since `cargo bench` alone would build every crate's unit tests optimised as well.
    let mut command = shell::cargo();
    command.args(["bench", "--locked"]);
    for bench in &benches {
        command.args(["--package", &bench.package, "--bench", &bench.name]);
    }
    say::step("Running the benchmarks", || shell::run(command.arg("--").args(args)))
}
