//! Makes the module and its glue smaller with tools from npm, pinned in `xtask/npm`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{say, shell, tools};

/// What today's rustc lets a wasm32 module use. All browsers have had it since 2022.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Rewrites both files in place; leaves them as they are, with a note, where npm cannot help.
pub(super) fn shrink(wasm: &Path, glue: &Path) -> Result<()> {
    let package = shell::root().join("xtask/npm");
    if let Err(error) = tools::npm_install(&package) {
        say::note(format!("the WIC stays larger than it could be: {error:#}"));
        return Ok(());
    }
    let bin = package.join("node_modules/.bin");

    say::step("Shrinking the module and its glue", || {
        in_place(wasm, |from, to| {
            let mut command = Command::new(bin.join("wasm-opt"));
            // Functions that stay apart resemble each other: more octets, but 3 % fewer as brotli.
            command.args(["-Oz", "--converge", "--one-caller-inline-max-function-size=20"]).args(FEATURES);
            command.arg(from).arg("-o").arg(to);
            command
        })?;
        in_place(glue, |from, to| {
            let mut command = Command::new(bin.join("esbuild"));
            command.args(["--minify", "--format=esm", "--log-level=warning"]);
            command.arg(from).arg(format!("--outfile={}", to.display()));
            command
        })
    })
}

fn in_place(file: &Path, command: impl FnOnce(&Path, &Path) -> Command) -> Result<()> {
    let mut small = file.as_os_str().to_owned();
    small.push(".small");
    let small = Path::new(&small);
    shell::run_aside(&mut command(file, small))?;
    fs::rename(small, file).with_context(|| format!("cannot replace {}", file.display()))
}
