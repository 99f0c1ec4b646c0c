//! A SIP request that is refused: the answer, and what becomes of the connection.

use std::borrow::Cow;

use ims::policy::{Close, TokenPolicy};
use ims::token::{BearerError, TokenError};
use sip::headers::{BearerChallenge, Challenge, MinExpires, RetryAfter, WwwAuthenticate};
use sip::{Header, HeaderName, Params, Rejection, StatusCode};

use crate::carriage::{CarriageError, TOKEN_MEDIA_TYPE};

/// The answer to a request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: Cow<'static, str>,
    /// A short name for a metric's label: the step for a token, the status else.
    pub(crate) label: Cow<'static, str>,
    pub(crate) headers: Vec<Header>,
    pub(crate) close: Close,
    /// Whether registrations that rest on revoked tokens end.
    pub(crate) deregister: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        let label = status.code().to_string().into();
        Self { status, reason: reason.into(), label, headers: Vec::new(), close: Close::Keep, deregister: false }
    }

    pub(crate) fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    pub(crate) fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push(Header::new(name, value.into()));
        self
    }

    /// 420 (RFC 3261 §8.2.2.3, §16.3 item 5).
    pub(crate) fn bad_extension(tags: &str) -> Self {
        Self::new(StatusCode::BAD_EXTENSION, "extension is not supported (RFC 3261 §8.2.2.3)")
            .with(HeaderName::Unsupported, tags)
    }

    /// 423 (RFC 3261 §10.3 step 7).
    pub(crate) fn too_brief(min: u32) -> Self {
        Self::new(StatusCode::INTERVAL_TOO_BRIEF, "registration is too short (RFC 3261 §10.3)")
            .with(HeaderName::MinExpires, MinExpires(min).to_string())
    }

    /// 503 with Retry-After.
    pub(crate) fn busy(reason: &'static str, retry_after: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
            .with(HeaderName::RetryAfter, RetryAfter(retry_after).to_string())
    }

    /// 504: the next hop does not answer.
    pub(crate) fn core_unreachable(retry_after: u32) -> Self {
        Self::new(StatusCode::SERVER_TIME_OUT, "the core does not answer (RFC 3261 §16.8)")
            .with(HeaderName::RetryAfter, RetryAfter(retry_after).to_string())
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.status, rejection.reason)
    }
}

/// What a challenge to a WIC says (RFC 8898 §4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChallengeText<'a> {
    pub(crate) realm: &'a str,
    pub(crate) authz_server: Option<&'a str>,
}

/// The answer to a token that fails: status, challenge and close by the policy's table.
pub(crate) fn token_refusal(error: TokenError, policy: &TokenPolicy, text: ChallengeText<'_>) -> Refusal {
    let verdict = error.verdict(policy);
    let status = StatusCode::new(verdict.status).unwrap_or(StatusCode::FORBIDDEN);
    let mut refusal = Refusal::new(status, verdict.reason);
    refusal.label = verdict.step.to_string().into();
    refusal.close = verdict.close;
    if status == StatusCode::UNAUTHORIZED {
        let challenge = bearer_challenge(text, &policy.scope, verdict.error);
        refusal.headers.push(Header::new(HeaderName::WwwAuthenticate, challenge.to_string()));
    }
    refusal.deregister = error == TokenError::Revoked;
    refusal
}

/// The answer to credentials that cannot be taken out of a request.
pub(crate) fn carriage_refusal(
    error: CarriageError,
    accepts_body: bool,
    policy: &TokenPolicy,
    text: ChallengeText<'_>,
) -> Refusal {
    match error {
        CarriageError::Token(error) => token_refusal(error, policy, text),
        CarriageError::Multipart => Refusal::bad_request(error.to_string()),
        CarriageError::Unsupported => Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string())
            // An empty Accept says that no body is taken (RFC 3261 §20.1).
            .with(HeaderName::Accept, if accepts_body { TOKEN_MEDIA_TYPE } else { "" }),
    }
}

fn bearer_challenge(text: ChallengeText<'_>, scope: &str, error: Option<BearerError>) -> WwwAuthenticate {
    let mut params = Params::new();
    params.set_quoted("realm", text.realm);
    if let Some(server) = text.authz_server {
        params.set_quoted("authz_server", server);
    }
    params.set_quoted("scope", scope);
    if let Some(error) = error {
        params.set_quoted("error", error.as_str());
    }
    WwwAuthenticate(Challenge::Bearer(BearerChallenge { params }))
}
