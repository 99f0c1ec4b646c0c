//! What the person at the terminal reads: all of it on stderr, so that stdout stays the tools' own.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Says what begins, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("{} {}", paint(BOLD_BLUE, "==>"), paint(BOLD, what));
    let start = Instant::now();
    let done = work()?;
    eprintln!("{} {what} {}", paint(GREEN, " ok"), paint(DIM, &format!("({})", seconds(start.elapsed()))));
    Ok(done)
}

/// One line about something that needed no work, or that the reader should know.
pub(crate) fn note(what: impl Display) {
    eprintln!("{} {what}", paint(DIM, "  -"));
}

/// The error that ends the run, with what caused it.
pub(crate) fn fail(error: &anyhow::Error) {
    eprintln!("{} {error:#}", paint(BOLD_RED, "error:"));
}

/// A duration as people read it: tenths of a second, then minutes.
pub(crate) fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_secs_f64() * 10.0).round() / 10.0;
    if tenths < 60.0 {
        format!("{tenths:.1} s")
    } else {
        let whole = duration.as_secs_f64().round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// An ANSI "select graphic rendition" parameter.
pub(crate) struct Style(&'static str);

pub(crate) const BOLD: Style = Style("1");
pub(crate) const DIM: Style = Style("2");
pub(crate) const GREEN: Style = Style("32");
pub(crate) const BOLD_RED: Style = Style("1;31");
pub(crate) const BOLD_BLUE: Style = Style("1;34");

/// Colours `text` where stderr is a terminal and <https://no-color.org> does not forbid it.
pub(crate) fn paint(style: Style, text: &str) -> String {
    static COLOUR: LazyLock<bool> = LazyLock::new(|| {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !refused && stderr().is_terminal()
    });

    if *COLOUR { format!("\x1b[{}m{text}\x1b[0m", style.0) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_turn_to_minutes_at_sixty_seconds() {
        for (millis, read) in [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (1_250, "1.3 s"),
            (59_940, "59.9 s"),
            (59_960, "1 min 00 s"),
            (61_400, "1 min 01 s"),
            (3_600_000, "60 min 00 s"),
        ] {
            assert_eq!(seconds(Duration::from_millis(millis)), read, "{millis} ms");
        }
    }
}
