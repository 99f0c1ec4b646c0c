//! `testbed rotate-keys`.

use super::Common;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct RotateKeys {
    /// Whose keys
    #[arg(value_enum, default_value_t = Owner::Operator)]
    wwsf: Owner,
}

/// The WWSFs.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Owner {
    /// The operator's
    Operator,
    /// The partner's
    Partner,
    /// The one that nobody authorised
    Rogue,
}

impl RotateKeys {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode> {
        let folder = match self.wwsf {
            Owner::Operator => "wwsf",
            Owner::Partner => "partner-wwsf",
            Owner::Rogue => "rogue-wwsf",
        };
        let state = common.state()?.path(folder);
        let kid = wwsf::keys::rotate(&state).with_context(|| format!("rotating the keys in {}", state.display()))?;
        println!("{folder} signs with {}; the old key stays published until its tokens have expired", kid.as_str());
        Ok(ExitCode::SUCCESS)
    }
}
