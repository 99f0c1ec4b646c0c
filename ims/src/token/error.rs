use std::fmt;

use crate::policy::{Close, TokenPolicy};
use crate::{ImpiError, ImpuError};

/// Where in the checking of a token something is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// No credentials.
    T0,
    /// Malformed credentials.
    T1,
    /// Form, header, signature.
    T2,
    /// Issuer, audience, client.
    T3,
    /// Time.
    T4,
    /// Scope.
    T5,
    /// The identities of the request.
    T6,
    /// What the WWSF may allocate.
    T7,
    /// Replay and revocation.
    T8,
    /// The WAF cannot be asked.
    T9,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The `error` parameter of a Bearer challenge (RFC 8898 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// `invalid_token`
    InvalidToken,
    /// `invalid_scope`
    InvalidScope,
}

impl BearerError {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

/// What to answer and whether the connection closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The step that failed.
    pub step: Step,
    /// SIP status code.
    pub status: u16,
    /// `error` of the Bearer challenge that goes with a 401.
    pub error: Option<BearerError>,
    /// Whether the connection closes once the answer is sent.
    pub close: Close,
    /// What went wrong and the clause that says so; holds nothing of the token.
    pub reason: String,
}

/// Why a token is refused.
///
/// The texts name claims but never quote them: they go into SIP reasons and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// T0: the request carries no token.
    #[error("no token (RFC 8898 §2.2)")]
    Missing,
    /// T1: the credentials cannot be read.
    #[error("malformed Bearer credentials (RFC 6750 §2.1)")]
    Malformed,
    /// T1: more than one credential in a request.
    #[error("more than one credential in a request (TS 24.371 §7.2.1)")]
    TwoCredentials,
    /// T1: token in header and body differ.
    #[error("tokens in header and body differ")]
    CarriageDiffers,
    /// T2: longer than [`crate::policy::MAX_TOKEN_LEN`].
    #[error("token is longer than 8 KiB")]
    TooLong,
    /// T2: not three parts.
    #[error("not a JWS in compact form (RFC 7515 §7.1)")]
    NotJws,
    /// T2: padding, foreign characters or stray bits.
    #[error("not canonical base64url (RFC 7515 §2)")]
    Base64,
    /// T2: no JSON object, a member twice, or nested too deep.
    #[error("not a JSON object with unique members, depth at most 2 (RFC 7519 §4)")]
    Json,
    /// T2: `alg` is `none`, symmetric, or not one of the profile.
    #[error("algorithm not allowed (RFC 8725 §3.1)")]
    Algorithm,
    /// T2: `typ` is not `at+jwt`.
    #[error("typ is not at+jwt (RFC 8725 §3.11, RFC 9068 §2.1)")]
    Type,
    /// T2: no usable `kid`.
    #[error("no kid in the header")]
    NoKeyId,
    /// T2: `crit` names an extension; none is understood.
    #[error("critical extension not understood (RFC 7515 §4.1.11)")]
    Critical,
    /// T2: the header brings or points to its own key.
    #[error("header brings its own key in {0} (RFC 8725 §3.10)")]
    EmbeddedKey(&'static str),
    /// T2: no key of the issuer has this `kid`.
    #[error("unknown key (RFC 7515 §4.1.4)")]
    UnknownKey,
    /// T2: the signature is wrong.
    #[error("signature does not verify (RFC 7515 §5.2)")]
    Signature,
    /// T2: a mandatory claim is absent.
    #[error("claim {0} is missing")]
    MissingClaim(&'static str),
    /// T2: a claim has the wrong type or size.
    #[error("claim {0} is malformed (RFC 7519 §4.1)")]
    BadClaim(&'static str),
    /// T2: `exp` lies too far from `iat`, or before it.
    #[error("lifetime of the token is out of bounds")]
    Lifetime,
    /// T3: the issuer is none of this WWSF's.
    #[error("issuer is not one of this WWSF (TS 33.203 REQ 2.1)")]
    Issuer,
    /// T3: made for somebody else.
    #[error("token is not for this eP-CSCF (RFC 7519 §4.1.3)")]
    Audience,
    /// T3: given to another WWSF than the one of the connection's Origin.
    #[error("token belongs to another WWSF than the connection (TS 33.203 REQ 2.2)")]
    Client,
    /// T4: over.
    #[error("token expired (RFC 7519 §4.1.4)")]
    Expired,
    /// T4: not begun.
    #[error("token is not valid yet (RFC 7519 §4.1.5)")]
    NotYetValid,
    /// T5: `scope` lacks the IMS value.
    #[error("scope does not allow access to IMS (TS 33.203 X.3.2.3)")]
    Scope,
    /// T6: the `impi` claim is no IMPI.
    #[error("claim impi: {0}")]
    BadImpi(ImpiError),
    /// T6: an entry of the `impu` claim is no distinct IMPU.
    #[error("claim impu: {0}")]
    BadImpu(ImpuError),
    /// T6: the token does not authorise the identity in To.
    #[error("To is not authorised by the token (TS 33.203 REQ 2.4)")]
    Impu,
    /// T6: From and To differ.
    #[error("From and To differ: third-party registration (TS 33.203 REQ 2.4)")]
    ThirdParty,
    /// T6: another header names another IMPI.
    #[error("IMPI of the request differs from the token's (TS 23.228 U.2.1.3 step 3)")]
    Impi,
    /// T7: the WWSF may not ask for this kind of registration.
    #[error("WWSF may not use this kind of registration (TS 23.228 U.1.3.3)")]
    Reg,
    /// T7: the identity is not one that the WWSF may allocate.
    #[error("identity is not assigned to this WWSF (TS 23.228 U.1.3.3)")]
    NotAllocated,
    /// T7: a provisioned identity shadows the range.
    #[error("identity is provisioned as distinct (TS 23.228 §4.3.3.2b)")]
    Shadowed,
    /// T8: revoked.
    #[error("token is revoked (RFC 7009 §2)")]
    Revoked,
    /// T8: in use on another live connection.
    #[error("token is in use on another connection (RFC 8725 §3.8)")]
    Replayed,
    /// T9: the WAF does not answer.
    #[error("WAF cannot be reached (TS 23.228 U.1.3.5)")]
    WafUnreachable,
}

impl TokenError {
    /// The step that this belongs to.
    pub fn step(&self) -> Step {
        match self {
            Self::Missing => Step::T0,
            Self::Malformed | Self::TwoCredentials | Self::CarriageDiffers => Step::T1,
            Self::TooLong
            | Self::NotJws
            | Self::Base64
            | Self::Json
            | Self::Algorithm
            | Self::Type
            | Self::NoKeyId
            | Self::Critical
            | Self::EmbeddedKey(_)
            | Self::UnknownKey
            | Self::Signature
            | Self::MissingClaim(_)
            | Self::BadClaim(_)
            | Self::Lifetime => Step::T2,
            Self::Issuer | Self::Audience | Self::Client => Step::T3,
            Self::Expired | Self::NotYetValid => Step::T4,
            Self::Scope => Step::T5,
            Self::BadImpi(_) | Self::BadImpu(_) | Self::Impu | Self::ThirdParty | Self::Impi => Step::T6,
            Self::Reg | Self::NotAllocated | Self::Shadowed => Step::T7,
            Self::Revoked | Self::Replayed => Step::T8,
            Self::WafUnreachable => Step::T9,
        }
    }

    /// `error` of the challenge: only a 401 to a token that came has one (RFC 8898 §4).
    pub fn bearer_error(&self) -> Option<BearerError> {
        match self.step() {
            Step::T2 | Step::T4 => Some(BearerError::InvalidToken),
            Step::T5 => Some(BearerError::InvalidScope),
            _ => None,
        }
    }

    /// What to answer under a policy.
    pub fn verdict(&self, policy: &TokenPolicy) -> Verdict {
        let step = self.step();
        let answer = policy.answer(step);
        Verdict {
            step,
            status: answer.status,
            error: self.bearer_error(),
            close: answer.close,
            reason: self.to_string(),
        }
    }
}
