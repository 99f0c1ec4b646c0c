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
//! | `POST /console/api/compute/digest` | [`DigestParts`] | [`Digest`] |
//! | `POST /console/api/compute/token` | [`TokenAsk`] | [`Token`] |
//! | `POST /console/api/compute/wildcard` | [`WildcardAsk`] | [`Wildcard`] |
//! | `POST /console/api/compute/flow-token` | [`FlowTokenAsk`] | [`FlowToken`] |
//! | `POST /console/api/compute/origin` | [`OriginAsk`] | [`OriginVerdict`] |
//! | `POST /console/api/export?format=F` | [`ExportAsk`] | a file; `F` is `pcapng`, `svg`, `mermaid` or `json` |
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
    /// The message that a run that waits holds back: `eP-CSCF → I-CSCF: REGISTER sip:ims.example`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held: Option<String>,
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

/// `POST /compute/digest`: the parts of a digest, all as they stand in the header.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestParts {
    /// `MD5` or `SHA-256`.
    pub algorithm: String,
    /// The IMPI.
    pub username: String,
    /// The home domain.
    pub realm: String,
    /// The IMS password.
    pub password: String,
    /// `REGISTER`
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// The server's nonce.
    pub nonce: String,
    /// Eight hexadecimal digits.
    pub nc: String,
    /// The client's nonce.
    pub cnonce: String,
    /// `auth`, the only one that IMS uses.
    pub qop: String,
}

/// Hides the password.
impl std::fmt::Debug for DigestParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestParts").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How a digest comes about; each `…_input` is what is hashed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// `username:realm:password`
    pub ha1_input: String,
    /// H of it.
    pub ha1: String,
    /// `method:uri`
    pub ha2_input: String,
    /// H of it.
    pub ha2: String,
    /// `HA1:nonce:nc:cnonce:auth:HA2`
    pub response_input: String,
    /// H of it: what the client sends.
    pub response: String,
    /// `:uri`: the server's HA2 has no method.
    pub rspauth_ha2_input: String,
    /// H of it.
    pub rspauth_ha2: String,
    /// As `response_input`, with that HA2.
    pub rspauth_input: String,
    /// H of it: by which the server proves that it knows the password.
    pub rspauth: String,
}

/// `POST /compute/token`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAsk {
    /// The token, compact.
    pub token: String,
    /// The WWSF that the connection belongs to; left out, the token's `client_id`, else the operator's.
    #[serde(default)]
    pub wwsf: Option<String>,
    /// To of the REGISTER; left out, the token's first IMPU.
    #[serde(default)]
    pub to: Option<String>,
    /// From; left out, as To.
    #[serde(default)]
    pub from: Option<String>,
    /// An IMPI in another header of the REGISTER.
    #[serde(default)]
    pub impi: Option<String>,
    /// The time to judge it at, Unix seconds; left out, now.
    #[serde(default)]
    pub now: Option<u64>,
}

/// What the eP-CSCF makes of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The WWSF that the connection was taken to belong to.
    pub wwsf: String,
    /// The first part, if it is JSON.
    pub header: Option<serde_json::Value>,
    /// The second part, if it is JSON.
    pub claims: Option<serde_json::Value>,
    /// The third part.
    pub signature: Signature,
    /// T0 to T9.
    pub checks: Vec<Check>,
    /// The flow that it lets in by, 2 or 3, if it does.
    pub flow: Option<u8>,
}

/// The signature of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `alg` of the header.
    pub alg: Option<String>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// Whether it verifies under the WWSF's own key; none when nobody looked.
    pub valid: Option<bool>,
    /// In words.
    pub why: String,
}

/// One of the checks T0 to T9.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `T0` to `T9`.
    pub id: String,
    /// What is checked.
    pub title: String,
    /// How it went.
    pub verdict: TokenVerdict,
    /// Why it failed or was skipped.
    pub why: Option<String>,
    /// Where it is demanded.
    pub clause: String,
    /// The SIP status that a failure is answered with.
    pub status: Option<u16>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenVerdict {
    /// It passed.
    Pass,
    /// It failed; the eP-CSCF stops here.
    Fail,
    /// It was not reached, or can't be tried here.
    Skipped,
}

/// `POST /compute/wildcard`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WildcardAsk {
    /// Any IMPU.
    pub impu: String,
    /// The ranges to try; left out, those that the eP-CSCF has of its WWSFs.
    #[serde(default)]
    pub ranges: Option<Vec<String>>,
}

/// Which range an identity lies in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wildcard {
    /// The identity in canonical form.
    pub impu: String,
    /// `sip` or `tel`.
    pub scheme: String,
    /// The user part, or the number.
    pub user: String,
    /// The host of a `sip:` identity.
    pub host: Option<String>,
    /// Whether it is provisioned one by one, and so shadows any range.
    pub distinct: bool,
    /// All ranges that were tried.
    pub ranges: Vec<RangeVerdict>,
    /// The one range that it lies in.
    pub winner: Option<String>,
    /// In words.
    pub why: String,
}

/// One range beside one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeVerdict {
    /// The WWSF that the range is assigned to.
    pub wwsf: Option<String>,
    /// The range as provisioned.
    pub range: String,
    /// What stands before the first `!`.
    pub prefix: String,
    /// What stands between them.
    pub expression: String,
    /// What stands after the last `!`.
    pub suffix: String,
    /// The host.
    pub host: Option<String>,
    /// Whether the identity lies in it.
    pub matched: bool,
    /// Which part of the identity fell into which.
    pub pieces: Option<Pieces>,
    /// What keeps the identity out.
    pub why: Option<String>,
}

/// The parts of an identity, each under the part of the range that it fell into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Before the expression.
    pub prefix: String,
    /// What the expression matched.
    pub expression: String,
    /// After it.
    pub suffix: String,
    /// The host.
    pub host: Option<String>,
}

/// `POST /compute/flow-token`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowTokenAsk {
    /// The token, or the Path URI or header that it stands in.
    pub token: String,
}

/// What a flow token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowToken {
    /// The token alone.
    pub token: String,
    /// What stands in it, if it has the length of ours.
    pub parts: Option<FlowTokenParts>,
    /// Whether it leads anywhere.
    pub valid: bool,
    /// What a request with it is answered, if not.
    pub status: Option<u16>,
    /// In words.
    pub why: String,
}

/// `b64url(connection(64) ‖ epoch(32) ‖ HMAC-SHA256-80)`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTokenParts {
    /// The connection's number: 64 bits, so a text.
    pub connection: String,
    /// The shard that owns it: its upper 8 of 56 bits.
    pub shard: u8,
    /// When the eP-CSCF started, Unix seconds.
    pub epoch: u32,
    /// The MAC, hexadecimal.
    pub mac: String,
    /// Whether it is right.
    pub mac_is_right: bool,
    /// Whether the epoch is the running eP-CSCF's; none when that can't be asked.
    pub epoch_is_current: Option<bool>,
}

/// `POST /compute/origin`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginAsk {
    /// The value of Origin; empty is none.
    pub origin: String,
    /// The WWSF to compare with; left out, all.
    #[serde(default)]
    pub wwsf: Option<String>,
}

/// What the eP-CSCF says to a page's origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginVerdict {
    /// The origin taken apart, if it is one.
    pub tuple: Option<OriginTuple>,
    /// Each configured origin beside it.
    pub compared: Vec<Compared>,
    /// Whether a connection from there is let in.
    pub accepted: bool,
    /// The WWSF that the connection is bound to.
    pub wwsf: Option<String>,
    /// The HTTP status of the upgrade: 101 or a refusal's.
    pub status: u16,
    /// In words, with the clause.
    pub why: String,
}

/// Scheme, host and port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginTuple {
    /// `https`
    pub scheme: String,
    /// Lower case.
    pub host: String,
    /// The scheme's own, when none is written.
    pub port: u16,
}

/// One configured origin beside the given one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Whose it is.
    pub wwsf: String,
    /// The configured one.
    pub origin: OriginTuple,
    /// Whether the schemes agree.
    pub same_scheme: bool,
    /// Whether the hosts agree.
    pub same_host: bool,
    /// Whether the ports agree.
    pub same_port: bool,
    /// Whether all three do.
    pub same: bool,
}

/// `POST /export?format=…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportAsk {
    /// The records to export, by `seq`; those that are kept no more are left out.
    pub seqs: Vec<u64>,
}
