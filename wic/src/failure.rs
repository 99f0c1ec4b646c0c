use std::fmt;

use ims::Scenario;
use sip::StatusCode;

use crate::WssUrl;

/// What went wrong, for a program and for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it is.
    pub cause: Cause,
    /// What happened, in one sentence, with the clause.
    pub text: String,
    /// What may help.
    pub advice: Option<&'static str>,
    /// A page that may help.
    pub link: Option<String>,
}

impl Failure {
    pub(crate) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into(), advice: None, link: None }
    }

    #[must_use]
    pub(crate) fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The WSS did not open. A browser doesn't tell a page why, and a certificate that it does not
    /// know is the usual cause.
    pub(crate) fn unreachable(url: &WssUrl, reason: &str) -> Self {
        let mut failure = Self::new(Cause::Unreachable, format!("no connection to {url}: {reason}"))
            .advise("Is the eP-CSCF running? In a browser, open its page once to accept its certificate.");
        failure.link = Some(url.page());
        failure
    }

    /// The connection was closed by the other side, or broke.
    pub(crate) fn closed(code: u16, reason: &str) -> Self {
        let mut text = format!("the connection was closed with code {code}");
        if !reason.is_empty() {
            text.push_str(": ");
            text.push_str(reason);
        }
        match code {
            1008 => Self::new(Cause::ClosedByPolicy, text)
                .advise("The eP-CSCF ended the registration or refused the credentials. Register anew."),
            _ => Self::new(Cause::ConnectionLost { code }, text),
        }
    }

    /// A final answer that ends the attempt.
    pub(crate) fn refused(scenario: Scenario, status: StatusCode, reason: &str) -> Self {
        let failure = Self::answered(Cause::Refused { status }, status, reason);
        match advice(scenario, status) {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }

    /// A final answer after which another try makes sense.
    pub(crate) fn busy(status: StatusCode, reason: &str) -> Self {
        Self::answered(Cause::Busy { status }, status, reason)
    }

    fn answered(cause: Cause, status: StatusCode, reason: &str) -> Self {
        let reason = if reason.is_empty() { status.reason() } else { reason };
        Self::new(cause, format!("the network answered {status} {reason}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(advice) = self.advice {
            write!(f, ". {advice}")?;
        }
        if let Some(link) = &self.link {
            write!(f, " {link}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The connection did not open.
    Unreachable,
    /// The connection broke, or was closed for a reason that may pass.
    ConnectionLost {
        /// The WebSocket close code; 1006 when there was none.
        code: u16,
    },
    /// The eP-CSCF closed the connection for policy (1008).
    ClosedByPolicy,
    /// No answer to a REGISTER within timer F.
    Timeout,
    /// No answer to a keep-alive (RFC 5626 §4.4.1).
    FlowFailed,
    /// The registration ran out before it could be refreshed.
    Expired,
    /// The network ended the registration (RFC 3680).
    Deregistered,
    /// The password is wrong, as far as the network tells.
    WrongPassword,
    /// The network did not prove that it knows the password (TS 33.203 N.2.1.1).
    ServerNotProven,
    /// A challenge that this flow has no answer to.
    UnsupportedChallenge,
    /// A challenge named an authorisation server that is not one of ours (RFC 8898 §2.1.1).
    UnknownAuthorizationServer,
    /// The token was refused, and a new one too or none would help.
    TokenRejected,
    /// The WWSF could not be reached or failed.
    TokenUnavailable,
    /// The WWSF wants a web login.
    LoginRequired,
    /// The WWSF refuses a token.
    TokenRefused,
    /// A final answer that ends the attempt.
    Refused {
        /// Its status.
        status: StatusCode,
    },
    /// A final answer after which another try makes sense.
    Busy {
        /// Its status.
        status: StatusCode,
    },
    /// An answer that makes no sense.
    Protocol,
}

impl Cause {
    /// A word for a page, a log and a test.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::ConnectionLost { .. } => "connection-lost",
            Self::ClosedByPolicy => "closed-by-policy",
            Self::Timeout => "timeout",
            Self::FlowFailed => "flow-failed",
            Self::Expired => "expired",
            Self::Deregistered => "deregistered",
            Self::WrongPassword => "wrong-password",
            Self::ServerNotProven => "server-not-proven",
            Self::UnsupportedChallenge => "unsupported-challenge",
            Self::UnknownAuthorizationServer => "unknown-authz-server",
            Self::TokenRejected => "token-rejected",
            Self::TokenUnavailable => "token-unavailable",
            Self::LoginRequired => "login-required",
            Self::TokenRefused => "token-refused",
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::Protocol => "protocol",
        }
    }

    /// The SIP status behind it.
    pub fn status(self) -> Option<StatusCode> {
        match self {
            Self::Refused { status } | Self::Busy { status } => Some(status),
            _ => None,
        }
    }
}

fn advice(scenario: Scenario, status: StatusCode) -> Option<&'static str> {
    Some(match (status.code(), scenario) {
        (400, _) => "The eP-CSCF or the core could not read the REGISTER; its reason phrase says which header.",
        (403, Scenario::ImsDigest) => {
            "The password is wrong, the IMPU does not belong to the IMPI (TS 29.228 §6.1.1.1), the \
             subscriber is barred, or this WWSF may not use digest."
        }
        (403, Scenario::WebAuth) => {
            "The token does not cover this IMPU, was issued for another WWSF or eP-CSCF, or is in use \
             on another connection (TS 33.203 X.3.2.3)."
        }
        (403, Scenario::WildcardRange) => {
            "The IMPU is outside the ranges of this WWSF, is held by another guest, or the token does \
             not cover it (TS 33.203 X.3.2.3, TS 23.228 U.1.3.3)."
        }
        (404, _) => "The network does not know this IMPU.",
        (420 | 421, _) => "The network wants an extension that this WIC lacks, or lacks one that it wants.",
        (423, _) => "The network's shortest expiry is longer than what it named in Min-Expires.",
        (439, _) => "The eP-CSCF did not add ;ob to its Path, so outbound can't work (RFC 5626 §6).",
        _ => return None,
    })
}
