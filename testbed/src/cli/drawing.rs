//! What the commands that draw ladders and write traces have in common.

use anyhow::{Context, Result};
use clap::ValueEnum;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::Path;
use testbed::state::Ready;
use trace::Record;
use trace::ladder::Style;

/// As the terminal wants it.
pub(super) fn style() -> Style {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let width = if terminal { terminal_width() } else { 132 };
    Style { width, colour, times: true }
}

/// The forms that a trace is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A packet capture for Wireshark
    Pcapng,
    /// A drawing
    Svg,
    /// The text of a Mermaid diagram
    Mermaid,
    /// The records themselves
    Json,
}

impl Format {
    /// As the name of a file tells; a capture when it tells nothing.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(OsStr::to_str) {
            Some("svg") => Self::Svg,
            Some("mmd" | "mermaid" | "md") => Self::Mermaid,
            Some("json") => Self::Json,
            _ => Self::Pcapng,
        }
    }

    pub(super) fn encode(self, records: &[Record]) -> Vec<u8> {
        match self {
            Self::Pcapng => trace::pcapng::encode(records),
            Self::Svg => trace::svg::encode(records).into_bytes(),
            Self::Mermaid => trace::mermaid::encode(records).into_bytes(),
            Self::Json => trace::json::encode(records).into_bytes(),
        }
    }
}

/// Writes `records` where `--trace` says, if it says anything.
pub(super) fn write_trace(path: Option<&Path>, records: &[Record]) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, Format::of(path).encode(records)).with_context(|| format!("writing {}", path.display()))
}

/// The number of the last record that the testbed's nodes have made.
pub(super) async fn trace_position(ready: Option<&Ready>) -> u64 {
    core_records(ready, 0).await.last().map_or(0, |r| r.seq)
}

/// What the testbed's nodes recorded after `since`; nothing when it can't be asked.
pub(super) async fn core_records(ready: Option<&Ready>, since: u64) -> Vec<Record> {
    let Some(ready) = ready else { return Vec::new() };
    match testbed::ops::fetch_trace(&ready.metrics, since).await {
        Ok(records) => records,
        Err(error) => {
            eprintln!("note: the ladder shows the WIC's side alone: {error:#}");
            Vec::new()
        }
    }
}

fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).or_else(tty_width).unwrap_or(100)
}

fn tty_width() -> Option<usize> {
    let output = std::process::Command::new("stty").arg("size").stdin(std::process::Stdio::inherit()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()
}
