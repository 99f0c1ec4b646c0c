//! The choices that no specification makes, in one place.
//!
//! TS 33.203 X.3.2.3 step 4 says that a REGISTER with a bad token is declined
//! and the WebSocket closed; it names neither status codes nor claims, and
//! leaves the token's format out of scope. What the testbed does instead of an
//! absent rule is written here, each value with the text it leans on.

use serde::{Deserialize, Serialize};

use crate::Defects;
use crate::token::Step;

/// Longest compact token that is looked at, in octets.
///
/// A longer one is an invalid token (step T2, 401). A choice: no text limits it.
pub const MAX_TOKEN_LEN: usize = 8 * 1024;

/// Deepest nesting of a token's JSON; a claim set with an array has depth 2.
pub const MAX_TOKEN_DEPTH: usize = 2;

/// Longest text of one identifier claim (`iss`, `sub`, `jti`, `kid`, …), in octets.
pub const MAX_CLAIM_LEN: usize = 512;

/// Most audiences or public identities in one token.
pub const MAX_CLAIM_ITEMS: usize = 64;

/// WebSocket close code after a refused token: policy violation (RFC 6455 §7.4.1).
pub const CLOSE_POLICY: u16 = 1008;

/// Malformed credentials on one connection after which it closes.
pub const STRIKES: u8 = 2;

/// The switches of the token checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenPolicy {
    /// Clock difference that is forgiven, in seconds, at most 30 (RFC 7519
    /// §4.1.4: "no more than a few minutes").
    pub leeway: u64,
    /// Longest `exp − iat`, in seconds. A choice: 24 hours.
    pub max_lifetime: u64,
    /// What `scope` must contain. The default is the placeholder that TS 33.203
    /// X.3.2.3 itself gives; stage 3 decides the final value.
    pub scope: String,
    /// Whether an expired token closes the connection. TS 33.203 X.3.2.3 step 4
    /// closes; off, the WIC may refresh in place.
    pub strict_close: bool,
    /// Checks that are left out, in tests.
    #[serde(skip_serializing_if = "Defects::is_empty")]
    pub defects: Defects,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            leeway: 30,
            max_lifetime: 24 * 60 * 60,
            scope: "webrtc-ims-client-access-to-ims".into(),
            strict_close: true,
            defects: Defects::default(),
        }
    }
}

impl TokenPolicy {
    /// The answer to a token that fails at a step.
    ///
    /// | step | status | basis |
    /// |---|---|---|
    /// | T0 | 401 | RFC 8898 §2.2: a challenge without `error` |
    /// | T1 | 400 | RFC 3261 §21.4.1; a choice to forgive it once |
    /// | T2 | 401 | RFC 8898 §2.2 for 401, TS 33.203 X.3.2.3 step 4 for the close |
    /// | T3 | 403 | a choice: another token of this client would fail too |
    /// | T4 | 401 | RFC 8898 §2.2; the close by `strict_close` |
    /// | T5 | 401 | RFC 8898 §4 names `invalid_scope` |
    /// | T6 | 403 | TS 33.203 REQ 2.4 for the check, the code a choice |
    /// | T7 | 403 | TS 23.228 U.1.3.3 for the check, the code a choice |
    /// | T8 | 403 | a choice |
    /// | T9 | 504 | a choice: the token may be good |
    pub fn answer(&self, step: Step) -> Answer {
        let (status, close) = match step {
            Step::T0 => (401, Close::Keep),
            Step::T1 => (400, Close::AfterStrikes),
            Step::T2 | Step::T5 => (401, Close::Now),
            Step::T3 | Step::T6 | Step::T7 | Step::T8 => (403, Close::Now),
            Step::T4 if self.strict_close => (401, Close::Now),
            Step::T4 => (401, Close::Keep),
            Step::T9 => (504, Close::Keep),
        };
        Answer { status, close }
    }
}

/// Status and fate of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// SIP status code.
    pub status: u16,
    /// Whether the connection closes once the answer is sent.
    pub close: Close,
}

/// Whether the connection closes, always after the final response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// It stays.
    Keep,
    /// It stays until [`STRIKES`] such requests came, then closes with [`CLOSE_POLICY`].
    AfterStrikes,
    /// It closes with [`CLOSE_POLICY`].
    Now,
}
