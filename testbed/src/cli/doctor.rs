//! `testbed doctor`.

use super::Common;
use anyhow::Result;
use clap::Args;
use std::io::IsTerminal;
use std::process::ExitCode;
use testbed::doctor::{self, Verdict};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Leaves out how to trust the CA
    #[arg(long)]
    brief: bool,
}

impl Doctor {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode> {
        let state = common.state()?;
        let findings = doctor::examine(&state, &common.config()?);
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        for finding in &findings {
            let mark = match (finding.verdict, colour) {
                (verdict, false) => format!("{verdict:<5}"),
                (Verdict::Good, true) => format!("\x1b[32m{:<5}\x1b[0m", "ok"),
                (Verdict::Note, true) => format!("\x1b[33m{:<5}\x1b[0m", "note"),
                (Verdict::Bad, true) => format!("\x1b[31m{:<5}\x1b[0m", "BAD"),
            };
            println!("{mark} {:<14} {}", finding.what, finding.detail);
        }
        if !self.brief {
            println!("\n{}", doctor::how_to_trust(&state.path("ca.pem")));
        }
        let bad = findings.iter().any(|f| f.verdict == Verdict::Bad);
        Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
