//! `testbed rotate-keys`.

use super::Common;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct RotateKeys {
    /// Whose keys
    #[arg(value_enum, default_value_t = Wwsf::Wwsf)]
    wwsf: Wwsf,
}

/// The WWSFs, by the names of their state folders.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wwsf {
    /// The operator's
    Wwsf,
    /// The partner's
    PartnerWwsf,
    /// The one that nobody authorised
    RogueWwsf,
}

impl RotateKeys {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode> {
        let name = self.wwsf.to_possible_value().context("a WWSF has a name")?;
        let state = common.state()?.path(name.get_name());
        let kid = wwsf::keys::rotate(&state).with_context(|| format!("rotating the keys in {}", state.display()))?;
        println!(
            "{} signs with {}; the old key stays published until its tokens have expired",
            name.get_name(),
            kid.as_str()
        );
        Ok(ExitCode::SUCCESS)
    }
}
