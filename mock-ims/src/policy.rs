//! What no specification decides, in one table: [`Policy`] for the values, [`uaa`], [`maa`] and
//! [`saa`] for the status that each Cx failure becomes.

use crate::cx::ResultCode;
use ims::Defects;
use serde::{Deserialize, Serialize};
use sip::{Rejection, StatusCode};
use std::time::Duration;

/// The values that an operator may choose. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How long a Cx answer may take before the request that waits for it is given up (504).
    pub cx_timeout: u32,
    /// How long the I-CSCF waits for an S-CSCF before it takes another, or answers 504. Longer than
    /// two Cx time-outs, which an S-CSCF may need, and shorter than the client's Timer F of 32 s.
    pub forward_timeout: u32,
    /// How long an S-CSCF waits for the first word of the next hop before it takes it for dead (504).
    /// Longer than [`Policy::forward_timeout`], so that the I-CSCF's own verdict comes first.
    pub next_hop_timeout: u32,
    /// When the S-CSCF asks the HSS again for a set that is registered by configuration and that it
    /// could not get; each further try takes twice as long, up to 128 times this.
    pub static_retry: u32,
    /// The shortest registration; a shorter one is refused with 423.
    pub min_expires: u32,
    /// The lifetime of a binding that asks for none.
    pub default_expires: u32,
    /// The longest registration; a longer one is shortened. TS 24.229 has UEs ask for 600 000 s.
    pub max_expires: u32,
    /// The most bindings of one implicit registration set. One more drops the one that was
    /// refreshed the longest ago: a browser that lost its storage must not lock its user out.
    pub max_bindings: usize,
    /// The most requests that wait for the HSS at one time; more are refused with 503.
    pub max_pending: usize,
    /// How long a subscription to the `reg` event lasts that asks for no time (RFC 3680 §4.3); the
    /// shortest and the longest are those of registrations.
    pub default_watch: u32,
    /// The most subscriptions to the `reg` event of one implicit set.
    pub max_watchers: usize,
    /// When a call without session timer is forgotten that nothing was heard of.
    pub call_lifetime: u32,
    /// The most calls that are remembered, so that they can be released; more are let through.
    pub max_calls: usize,
    /// Whether requests other than REGISTER of users who registered by digest are challenged
    /// (407, TS 33.203 N.2.1.2).
    pub digest_non_register: bool,
    /// The digest algorithms that are challenged with, most preferred first (RFC 8760 §2.3).
    pub digest_algorithms: Vec<DigestAlgorithm>,
    /// How long a nonce serves for refreshes after it was first answered.
    pub nonce_lifetime: u32,
    /// The most answered nonces of one IMPI: about one for each browser of a user.
    pub max_nonces: usize,
    /// reg-await-auth, how long a challenge waits for its answer (TS 24.229 Table 7.8.1).
    pub reg_await_auth: u32,
    /// Whether `auth-done` with a non-empty response is refused. A trusted node has nothing to
    /// respond to, so something that is no trusted node may have sent it.
    pub refuse_auth_done_with_response: bool,
    /// Whether a refresh that changes nothing tells the HSS (SAR RE_REGISTRATION). A registration
    /// by TNA always does, because the answer brings the current list of allowed WAFs and WWSFs.
    pub sar_on_refresh: bool,
    /// Whether GRUUs are assigned to those who ask for them (RFC 5627).
    pub gruu: bool,
    /// WAFs and WWSFs that operation and maintenance barred (TS 33.203 X.3.2.3 step 7).
    pub barred_entities: Vec<String>,
    /// Rules that are broken on purpose, in tests.
    #[serde(skip_serializing_if = "Defects::is_empty")]
    pub defects: Defects,
}

/// A digest algorithm, as configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestAlgorithm {
    /// SHA-256 (RFC 8760).
    #[serde(rename = "SHA-256")]
    Sha256,
    /// MD5.
    #[serde(rename = "MD5")]
    Md5,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            cx_timeout: 4,
            forward_timeout: 12,
            next_hop_timeout: 16,
            static_retry: 30,
            min_expires: 60,
            default_expires: 3600,
            max_expires: 600_000,
            max_bindings: 10,
            max_pending: 10_000,
            default_watch: 3761,
            max_watchers: 32,
            call_lifetime: 43_200,
            max_calls: 100_000,
            digest_non_register: false,
            digest_algorithms: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            nonce_lifetime: 86_400,
            max_nonces: 8,
            reg_await_auth: 240,
            refuse_auth_done_with_response: true,
            sar_on_refresh: false,
            gruu: true,
            barred_entities: Vec::new(),
            defects: Defects::default(),
        }
    }
}

impl Policy {
    pub(crate) fn cx_deadline(&self) -> Duration {
        Duration::from_secs(self.cx_timeout.into())
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = sip::digest::Algorithm> {
        self.digest_algorithms.iter().map(|algorithm| match algorithm {
            DigestAlgorithm::Sha256 => sip::digest::Algorithm::Sha256,
            DigestAlgorithm::Md5 => sip::digest::Algorithm::Md5,
        })
    }
}

/// What the I-CSCF answers when a UAA fails.
///
/// TS 24.229 §5.3.1 answers 403 to a user who may not register here; the rest is a choice.
pub fn uaa(result: ResultCode) -> Rejection {
    use ResultCode::{
        AuthorizationRejected, IdentitiesDontMatch, IdentityNotRegistered, RoamingNotAllowed, UserUnknown,
    };
    match result {
        UserUnknown => forbidden("unknown user (TS 29.228 6.1.1.1 step 1: UAA 5001)"),
        IdentitiesDontMatch => {
            forbidden("the private and the public identity do not match (TS 29.228 6.1.1.1 step 3: UAA 5002)")
        }
        AuthorizationRejected => forbidden("the identity is barred (TS 29.228 6.1.1.1 step 4: UAA 5003)"),
        RoamingNotAllowed => forbidden("roaming is not allowed (TS 29.228 6.1.1.1 step 5: UAA 5004)"),
        IdentityNotRegistered => forbidden("the identity is not registered (TS 29.228 6.1.1.1 step 6: UAA 5003)"),
        other => timed_out(format!("the HSS could not authorise the registration (UAA {other})")),
    }
}

/// What the S-CSCF answers when a MAA fails: 403 where the user is at fault, 504 where the HSS is.
pub fn maa(result: ResultCode) -> Rejection {
    use ResultCode::{AuthSchemeNotSupported, IdentitiesDontMatch, UserUnknown};
    match result {
        UserUnknown => forbidden("unknown user (TS 29.228 6.3.1 step 1: MAA 5001)"),
        IdentitiesDontMatch => {
            forbidden("the private and the public identity do not match (TS 29.228 6.3.1 step 3: MAA 5002)")
        }
        AuthSchemeNotSupported => forbidden("the user has no SIP Digest credentials (TS 29.228 6.3.1: MAA 5006)"),
        other => timed_out(format!("the HSS gave no authentication data (MAA {other})")),
    }
}

/// What the S-CSCF answers when the SAA to a registration fails. 5005, served by another S-CSCF,
/// becomes 504: the I-CSCF's view was out of date, and asking again helps.
pub fn saa(result: ResultCode) -> Rejection {
    use ResultCode::{AuthorizationRejected, IdentitiesDontMatch, InAssignmentType, UserUnknown};
    match result {
        UserUnknown => forbidden("unknown user (TS 29.228 6.1.2.1 step 1: SAA 5001)"),
        IdentitiesDontMatch => {
            forbidden("the private and the public identity do not match (TS 29.228 6.1.2.1 step 2: SAA 5002)")
        }
        AuthorizationRejected => forbidden("the identity is barred (SAA 5003)"),
        InAssignmentType => forbidden("only a distinct identity is registered (TS 29.228 6.1.2.1 step 4: SAA 5007)"),
        other => timed_out(format!("the HSS did not assign this S-CSCF (SAA {other})")),
    }
}

/// What the I-CSCF answers when a LIA fails (TS 24.229 §5.3.2).
pub fn lia(result: ResultCode) -> Rejection {
    use ResultCode::{IdentityNotRegistered, UnableToComply, UserUnknown};
    let (status, reason) = match result {
        UserUnknown => (StatusCode::NOT_FOUND, "nobody has this identity (TS 29.228 6.1.4.1: LIA 5001)".to_owned()),
        IdentityNotRegistered => {
            let reason = "the user is not registered (TS 29.228 6.1.4.1: LIA 5003)";
            (StatusCode::TEMPORARILY_UNAVAILABLE, reason.to_owned())
        }
        UnableToComply => (StatusCode::SERVER_INTERNAL_ERROR, format!("the HSS failed (LIA {result})")),
        other => (StatusCode::SERVER_TIME_OUT, format!("the HSS gave no S-CSCF (LIA {other})")),
    };
    Rejection::new(status, reason)
}

/// What the S-CSCF answers for a user who is bound nowhere (TS 24.229 §5.4.3.3).
pub(crate) fn not_registered() -> Rejection {
    Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, "the user is reachable nowhere (TS 24.229 §5.4.3.3)")
}

/// What is answered for a Request-URI of a domain that is neither served nor routed to.
pub(crate) fn foreign() -> Rejection {
    Rejection::new(StatusCode::NOT_FOUND, "there is no route to this domain")
}

/// What is answered for a Request-URI that can't be a public identity.
pub(crate) fn no_identity(error: &ims::ImpuError) -> Rejection {
    Rejection::new(StatusCode::NOT_FOUND, format!("the Request-URI is nobody's: {error}"))
}

/// What is answered when nobody is known at the next hop's name.
pub(crate) fn unreachable_hop() -> Rejection {
    Rejection::new(StatusCode::NOT_FOUND, "nobody is known at the next hop (RFC 3261 §16.6 step 6)")
}

/// What the I-CSCF answers when it has no S-CSCF for a user: older releases said 600.
pub(crate) fn no_scscf(tried: bool) -> Rejection {
    match tried {
        true => timed_out("no S-CSCF can be reached (TS 24.229 5.3.1.3)"),
        false => timed_out("no S-CSCF has the capabilities that the user needs (TS 24.229 5.3.1.2)"),
    }
}

/// What is answered when the HSS is silent or gone.
pub(crate) fn hss_silent() -> Rejection {
    timed_out("the HSS does not answer")
}

/// What is answered while more requests wait for the HSS than [`Policy::max_pending`].
pub(crate) fn overloaded() -> Rejection {
    Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait for the HSS")
}

pub(crate) fn forbidden(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(StatusCode::FORBIDDEN, reason)
}

fn timed_out(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(StatusCode::SERVER_TIME_OUT, reason)
}
