//! The JSON of the console's API.
//!
//! | route | takes | gives |
//! |---|---|---|
//! | `GET /console` | | the page: `assets/index.html`, its references rewritten to hashed names |
//! | `GET /console/assets/{file}` | | what the page refers to by relative names |
//! | `GET /console/api/trace?since=N&limit=M` | | `[Record]`: the oldest `M` (1000, at most 10 000) after `N` |
//! | `GET /console/api/trace?last=M` | | `[Record]`: the newest `M`, oldest first |
//! | `GET /console/api/events?since=N` | | server-sent events, see below; `Last-Event-ID` wins over `since` |
//! | `GET /console/api/nodes` | | `[`[`Node`]`]` in the order of the ladder |
//! | `GET /console/api/lessons` | | `[`[`Lesson`]`]` |
//! | `POST /console/api/lessons/{id}/runs` | [`StartRun`] | 201 [`Started`] |
//! | `POST /console/api/runs/{run}/next` | | 204 |
//! | `DELETE /console/api/runs/{run}` | | 204 |
//! | `GET /console/api/faults` | | `[`[`Fault`]`]` |
//! | `POST /console/api/faults/{id}/runs` | | [`FaultOutcome`], when it is over (up to a minute) |
//!
//! Events, each with one line of JSON:
//!
//! | `event:` | `data:` |
//! |---|---|
//! | `record` | a [`trace::Record`]; `id:` is its `seq` |
//! | `lost` | [`Lost`]: so many records were not delivered; ask `/trace` for them |
//! | `run` | a [`RunEvent`] |
//!
//! Without `since` and `Last-Event-ID` the stream begins with what happens next; with either it
//! first sends the kept records after that number.
//!
//! Errors are `application/problem+json` (RFC 9457) with `title`, `status` and `detail`: 400 and 422
//! for a body or a query that can't be read, 403 for a request of another site's page, 404, 409 for
//! a lab that is busy or a run that does not wait, 413, 421 for a Host that is not loopback, 503.
//! POST and DELETE need `Sec-Fetch-Site: same-origin` or `none`, or an Origin equal to the Host;
//! a page's `fetch` sends them by itself.

use serde::{Deserialize, Serialize};

/// One lifeline of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// As in [`trace::Record::node`] and `peer`.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Whether it reports by HEP and is none of the testbed's.
    pub foreign: bool,
}

/// Records that a watcher did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub count: u64,
}

/// One lesson: a flow of the source text, or one half of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Its name in addresses: `digest`, `web-auth`, `wildcard`, `origination`, `termination`.
    pub id: String,
    /// The headline.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub about: String,
    /// Where it is specified: `TS 23.228 U.2.1.2`.
    pub clause: String,
    /// The steps in their order.
    pub steps: Vec<LessonStep>,
}

/// One numbered step of a lesson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonStep {
    /// The number in the source text: `1`, `4`, `5a`.
    pub number: String,
    /// A few words.
    pub title: String,
    /// Two sentences in our own words.
    pub text: String,
    /// The clause.
    pub clause: String,
}

/// How to run a lesson.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StartRun {
    /// Halts before each step until told to go on.
    pub step_by_step: bool,
}

/// A run has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its name in addresses and events.
    pub run: RunId,
}

/// One run of a lesson.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

/// What a run does now: `event: run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Which run.
    pub run: RunId,
    /// Of which lesson.
    pub lesson: String,
    /// What happened.
    pub state: RunState,
    /// The index in [`Lesson::steps`] that it is about; none of `done` and `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<usize>,
    /// The records that lit the step, by `seq`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub records: Vec<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// What happened to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It halts before the step until `next`.
    Waiting,
    /// The step begins.
    Running,
    /// The step's messages passed.
    Lit,
    /// All steps are lit; the run is over.
    Done,
    /// The step did not happen; the run is over.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunState {
    /// Whether nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// One switch of "break it".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name in addresses: `wrong-password`.
    pub id: String,
    /// A few words.
    pub title: String,
    /// Under which heading it stands: `Digest`, `Token`, `Identity`, `Connection`, `Core`.
    pub group: String,
    /// What it breaks.
    pub breaks: String,
    /// What should happen.
    pub expected: String,
    /// The clause that says so.
    pub clause: String,
}

/// What came of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultOutcome {
    /// Which fault.
    pub fault: String,
    /// Whether what should happen did.
    pub as_expected: bool,
    /// What did happen, told from the trace.
    pub observed: String,
    /// The records that show it, by `seq`.
    pub records: Vec<u64>,
}
