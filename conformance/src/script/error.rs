//! Why a script cannot go on.

use std::time::Duration;

/// Why a script cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// Something did not come in time.
    #[error("no {what} within {:.1} s", .within.as_secs_f32())]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
    },
    /// The connection was closed while something was waited for.
    #[error("the connection was closed{} while {what} was waited for", code_text(.code))]
    Closed {
        /// What was waited for.
        what: String,
        /// The WebSocket close code; none when the stream just ended.
        code: Option<u16>,
    },
    /// Something else came.
    #[error("{got} came where {wanted} was waited for")]
    Unexpected {
        /// What was waited for.
        wanted: String,
        /// What came, in short.
        got: String,
    },
    /// The system refused a connection.
    #[error("the upgrade was refused: {status} {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its reason phrase, or the start of the body.
        reason: String,
    },
    /// What came cannot be read.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        why: String,
    },
    /// The network or TLS.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The script itself is wrong, or its keys are.
    #[error("{0}")]
    Setup(String),
}

impl ScriptError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether the system just said nothing.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

fn code_text(code: &Option<u16>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}
