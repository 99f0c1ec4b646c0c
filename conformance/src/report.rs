//! What came out, and its forms: terminal, JSON, JUnit, HTML, Markdown.

mod html;
mod junit;
mod markdown;
mod summary;

use serde::{Deserialize, Serialize};
use trace::{Direction, Record};

use crate::purpose::{Basis, Flow, Purpose, Role};
use crate::verdict::Verdict;

pub use markdown::statement;

/// What came out of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What was tested.
    pub system: String,
    /// The version of this tool.
    pub version: String,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// How long it took.
    pub seconds: f64,
    /// The purposes, in the order of the catalogue.
    pub results: Vec<Result>,
}

/// What came out of one purpose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Result {
    /// What it is.
    pub purpose: Described,
    /// How it ended.
    pub verdict: Verdict,
    /// Why; nothing for a pass.
    pub reason: String,
    /// What was observed.
    pub observed: Vec<String>,
    /// How long it took.
    pub millis: u64,
    /// The messages.
    pub records: Vec<Record>,
}

/// The words of a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Stable: family and number.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it rests on.
    pub clause: String,
    /// Which node is under test.
    pub role: Role,
    /// The registration flow that it needs.
    pub flow: Flow,
    /// Where the expectation comes from.
    pub basis: Basis,
    /// What must hold before.
    pub given: String,
    /// The stimulus.
    pub when: String,
    /// What is expected.
    pub then: String,
}

impl From<&Purpose> for Described {
    fn from(purpose: &Purpose) -> Self {
        Self {
            id: purpose.id.into(),
            title: purpose.title.into(),
            clause: purpose.clause.into(),
            role: purpose.role,
            flow: purpose.flow,
            basis: purpose.basis,
            given: purpose.given.into(),
            when: purpose.when.into(),
            then: purpose.then.into(),
        }
    }
}

impl Described {
    /// The letters of its id.
    pub fn family(&self) -> &str {
        self.id.split('-').next().unwrap_or(&self.id)
    }
}

impl Report {
    /// How many ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.results.iter().filter(|result| result.verdict == verdict).count()
    }

    /// The results that ended so.
    pub fn ended(&self, verdict: Verdict) -> impl Iterator<Item = &Result> {
        self.results.iter().filter(move |result| result.verdict == verdict)
    }

    /// Whether nothing failed.
    pub fn is_clean(&self) -> bool {
        self.count(Verdict::Fail) == 0
    }

    /// As JSON, with all messages.
    ///
    /// # Errors
    /// When it cannot be written, which does not happen.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// As JUnit XML, for build servers.
    pub fn to_junit(&self) -> String {
        junit::write(self)
    }

    /// As one HTML file that needs no other.
    pub fn to_html(&self) -> String {
        html::write(self)
    }

    /// As Markdown: what was found, without times.
    pub fn to_markdown(&self) -> String {
        markdown::write(self)
    }

    /// As lines for a terminal: what did not pass, and the counts by family.
    pub fn to_summary(&self, colour: bool) -> String {
        summary::write(self, colour)
    }
}

impl Result {
    /// The ladder of its messages.
    pub fn ladder(&self, width: usize) -> String {
        let style = trace::ladder::Style { width, colour: false, times: true };
        // The script's nodes are tapped, and so may be those of the system: a hop is recorded once, by
        // whoever is its own end. What came in from a node is what that node sent out.
        let sent = |record: &Record| match record.direction {
            Direction::Out => record.clone(),
            Direction::In => Record {
                direction: Direction::Out,
                node: record.peer.clone(),
                peer: record.node.clone(),
                ..record.clone()
            },
        };
        let twice = |at: usize, record: &Record| {
            record.direction == Direction::In
                && self.records.iter().take(at).any(|other| {
                    other.direction == Direction::Out && other.node == record.peer && other.text == record.text
                })
        };
        let hops: Vec<Record> =
            self.records.iter().enumerate().filter(|(at, record)| !twice(*at, record)).map(|(_, r)| sent(r)).collect();
        trace::ladder::draw(&hops, style)
    }
}
