//! The WIC for the browser: compile, bind, shrink, measure.

mod inputs;
mod shrink;
mod size;
mod toolchain;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{say, shell};

pub(crate) use self::size::Sizes;
pub(crate) use self::toolchain::Toolchain;

/// The module and its glue, by the names that pages ask for.
const OUTPUTS: [&str; 2] = ["wic_wasm_bg.wasm", "wic_wasm.js"];

/// Holds the digest of what the files beside it were built from.
const STAMP: &str = ".stamp";

/// Builds `wic-wasm/dist`, unless what is there was built from the same inputs, and weighs it.
pub(crate) fn build() -> Result<Sizes> {
    let dist = shell::root().join("wic-wasm/dist");
    let digest = inputs::digest(shell::root())?;

    if is_fresh(&dist, &digest) {
        say::note("the WIC in wic-wasm/dist is up to date");
    } else {
        let module = compile()?;
        install(&module, &dist)?;
        fs::write(dist.join(STAMP), &digest)?;
    }
    Sizes::of(OUTPUTS.map(|name| dist.join(name)))
}

fn is_fresh(dist: &Path, digest: &str) -> bool {
    OUTPUTS.iter().all(|name| dist.join(name).is_file())
        && fs::read_to_string(dist.join(STAMP)).is_ok_and(|stamp| stamp == digest)
}

fn compile() -> Result<PathBuf> {
    let toolchain = Toolchain::find()?;
    say::step(&format!("Compiling the WIC with {toolchain}"), || {
        shell::run_aside(toolchain.cargo("build").args(["--package", "wic-wasm"]))
    })?;
    Ok(toolchain.artifacts().join("wic_wasm.wasm"))
}

/// Binds and shrinks in a folder aside: `dist` changes only when all has gone well.
fn install(module: &Path, dist: &Path) -> Result<()> {
    let scratch = shell::target_dir().join("wasm-dist");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }

    say::step("Binding it to JavaScript", || {
        Bindgen::new()
            .input_path(module)
            .web(true)?
            .remove_name_section(true)
            .remove_producers_section(true)
            .omit_default_module_path(false)
            .generate(&scratch)
    })?;
    let [wasm, glue] = OUTPUTS.map(|name| scratch.join(name));
    shrink::shrink(&wasm, &glue)?;

    if dist.exists() {
        fs::remove_dir_all(dist)?;
    }
    copy(&scratch, dist).context("cannot write to wic-wasm/dist")
}

/// Glue may bring modules of its own in a folder beside it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
