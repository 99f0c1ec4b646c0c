//! Puts software by others under test.

use anyhow::Result;

use crate::ci::{self, Step};
use crate::{shell, wasm};

/// Sets the machine up as the end-to-end tests need it, and runs the program of `e2e` that does it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    ci::set_up_for(Step::E2e)?;
    wasm::build()?;
    shell::run(
        shell::cargo().args(["run", "--quiet", "--locked", "--package", "e2e", "--bin", "interop", "--"]).args(args),
    )
}
