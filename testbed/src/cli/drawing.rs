//! What the commands that draw ladders have in common.

use std::io::IsTerminal;
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
