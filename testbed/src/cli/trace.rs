//! `testbed trace`.

use super::Common;
use super::drawing::Format;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes what the nodes of the running testbed saw to a file
    Export(Export),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  testbed trace export flow.pcapng
  testbed trace export --call-id r-5d0e7c91@k3f9q2.invalid --format svg call.svg
  testbed trace export --format json - | jq '.[].summary'")]
struct Export {
    /// The form; without it, the file's name tells
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only this call, registration or message
    #[arg(long, value_name = "CALL-ID")]
    call_id: Option<String>,
    /// Only records after this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
    /// Where to; - is standard output
    file: PathBuf,
}

impl Trace {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        match self.action {
            Action::Export(export) => export.run(common).await,
        }
    }
}

impl Export {
    async fn run(self, common: &Common) -> Result<ExitCode> {
        let ready = common.state()?.require_running()?;
        let mut records = testbed::ops::fetch_trace(&ready.metrics, self.since).await?;
        if let Some(call_id) = &self.call_id {
            records = testbed::of_call(records, call_id);
        }
        if records.is_empty() {
            match &self.call_id {
                Some(call_id) => bail!("the trace has no record of Call-ID {call_id}"),
                None => bail!("the trace is empty: nothing has happened yet"),
            }
        }
        let octets = self.format.unwrap_or_else(|| Format::of(&self.file)).encode(&records);
        if self.file == Path::new("-") {
            std::io::stdout().write_all(&octets)?;
        } else {
            std::fs::write(&self.file, octets).with_context(|| format!("writing {}", self.file.display()))?;
            eprintln!("{} records written to {}", records.len(), self.file.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
