//! How a purpose ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::script::ScriptError;

/// How a purpose ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The system did what is expected.
    Pass,
    /// It did not.
    Fail,
    /// The stimulus could not be given, or the answer proves nothing.
    Inconclusive,
    /// The purpose is not for this system, or waits for a part that is not there.
    NotApplicable,
}

impl Verdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::NotApplicable];

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not applicable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a purpose's code gives: nothing more to say is a pass.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a purpose ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The system did something else than expected.
    Fail(String),
    /// It did not come to that.
    Inconclusive(String),
    /// The purpose is not for this system.
    NotApplicable(String),
}

impl Stop {
    /// A fail with its reason.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail(reason.into())
    }

    /// The verdict and its reason.
    pub fn verdict(self) -> (Verdict, String) {
        match self {
            Self::Fail(reason) => (Verdict::Fail, reason),
            Self::Inconclusive(reason) => (Verdict::Inconclusive, reason),
            Self::NotApplicable(reason) => (Verdict::NotApplicable, reason),
        }
    }
}

impl From<ScriptError> for Stop {
    fn from(error: ScriptError) -> Self {
        match error {
            ScriptError::Setup(reason) => Self::Inconclusive(reason),
            error => Self::Fail(error.to_string()),
        }
    }
}

/// What leads up to the stimulus is not what is judged.
pub trait Preamble<T> {
    /// Makes a failure inconclusive.
    ///
    /// # Errors
    /// As before, but for a fail.
    fn preamble(self, what: &str) -> Outcome<T>;
}

impl<T, E: Into<Stop>> Preamble<T> for Result<T, E> {
    fn preamble(self, what: &str) -> Outcome<T> {
        self.map_err(|error| match error.into() {
            Stop::Fail(reason) => Stop::Inconclusive(format!("{what}: {reason}")),
            other => other,
        })
    }
}
