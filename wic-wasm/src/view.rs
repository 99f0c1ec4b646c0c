//! What the page says, as words; [`crate::panel`] puts them there.

use std::time::Duration;

use ims::Scenario;
use wic::{Cause, Failure, State};

use crate::summary::join;

/// A state in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) name: &'static str,
    pub(crate) detail: String,
}

impl Headline {
    pub(crate) fn of(state: &State, scenario: Scenario) -> Self {
        let (name, detail) = match state {
            State::Idle => ("Not registered", IDLE.to_owned()),
            State::FetchingToken => ("Fetching a token", "Asking this web site who you are to IMS".to_owned()),
            State::Connecting => ("Connecting", "Opening the WebSocket to the eP-CSCF".to_owned()),
            State::Registering => ("Registering", "Waiting for the answer to REGISTER".to_owned()),
            State::Registered(binding) => ("Registered", join(["as ", binding.impu.as_str(), " by ", title(scenario)])),
            State::Refreshing(binding) => ("Refreshing", join(["Still registered as ", binding.impu.as_str()])),
            State::Deregistering => ("De-registering", "Waiting for the answer to the last REGISTER".to_owned()),
            State::BackingOff { .. } => ("Waiting to try again", "It will register by itself".to_owned()),
            State::Failed(_) => ("Not registered", "The last attempt failed".to_owned()),
        };
        Self { name, detail }
    }
}

/// What the page says before anything was asked of it.
pub(crate) const IDLE: &str = "Choose a flow and press Register";

/// A flow's name as the page has it.
pub(crate) fn title(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::ImsDigest => "IMS digest",
        Scenario::WebAuth => "web authentication",
        Scenario::WildcardRange => "an IMPU of a wildcard range",
    }
}

/// Time left as `59:58` or `1:00:00`; a second that has begun counts whole, so that 0:00 is the end.
pub(crate) fn countdown(left: Duration) -> String {
    let secs = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        join([&hours.to_string(), ":", &two_digits(minutes), ":", &two_digits(seconds)])
    } else {
        join([&minutes.to_string(), ":", &two_digits(seconds)])
    }
}

/// Two digits of a clock.
pub(crate) fn two_digits(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 2 { join(["0", &digits]) } else { digits }
}

/// A failure in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// A word for scripts, as [`Cause::name`].
    pub(crate) cause: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// The SIP status behind it.
    pub(crate) status: Option<u16>,
    /// What happened.
    pub(crate) text: String,
    /// What may help.
    pub(crate) advice: Option<&'static str>,
    /// The eP-CSCF's page, when the browser could not open the WebSocket to it.
    pub(crate) unreachable: Option<String>,
}

impl Notice {
    /// `answered`: the last final response, for causes that come of one without naming it.
    pub(crate) fn of(failure: &Failure, answered: Option<u16>) -> Self {
        let cause = failure.cause;
        let from_answer = matches!(
            cause,
            Cause::WrongPassword
                | Cause::TokenRejected
                | Cause::UnsupportedChallenge
                | Cause::UnknownAuthorizationServer
                | Cause::ClosedByPolicy
        );
        let unreachable = if cause == Cause::Unreachable { failure.link.clone() } else { None };
        Self {
            cause: cause.name(),
            title: headline(cause),
            status: cause.status().map(|status| status.code()).or(answered.filter(|code| from_answer && *code >= 300)),
            text: failure.text.clone(),
            // The page can say more than the agent, which may not be in one.
            advice: failure.advice.filter(|_| unreachable.is_none()),
            unreachable,
        }
    }

    /// The registration was ended in the name of this WIC, but not by it.
    pub(crate) fn removed() -> Self {
        Self {
            cause: Cause::Deregistered.name(),
            title: headline(Cause::Deregistered),
            status: None,
            text: "the registration was removed in your name: unregistered (RFC 3680 §3.7.2)".to_owned(),
            advice: Some("Another client of yours, or the operator, ended it. You may register again."),
            unreachable: None,
        }
    }

    /// Whether being registered puts an end to it.
    pub(crate) fn is_repaired(&self) -> bool {
        self.cause != Cause::Deregistered.name()
    }

    /// Something in the form is not as it must be.
    pub(crate) fn input(title: &'static str, text: String) -> Self {
        Self { cause: "input", title, status: None, text, advice: None, unreachable: None }
    }
}

fn headline(cause: Cause) -> &'static str {
    match cause {
        Cause::Unreachable => "The WebSocket to the eP-CSCF did not open",
        Cause::ConnectionLost { .. } => "The connection to the eP-CSCF broke",
        Cause::ClosedByPolicy => "The eP-CSCF closed the connection",
        Cause::Timeout => "No answer to REGISTER",
        Cause::FlowFailed => "No answer to a keep-alive",
        Cause::Expired => "The registration ran out",
        Cause::Deregistered => "The network ended the registration",
        Cause::WrongPassword => "Wrong password",
        Cause::ServerNotProven => "The network did not prove who it is",
        Cause::UnsupportedChallenge => "A challenge without an answer",
        Cause::UnknownAuthorizationServer => "An authorisation server that is not ours",
        Cause::TokenRejected => "The token was refused",
        Cause::TokenUnavailable => "This web site gave no token",
        Cause::LoginRequired => "The web login failed",
        Cause::TokenRefused => "This web site refuses a token",
        Cause::Refused { .. } => "Registration refused",
        Cause::Busy { .. } => "The network is busy",
        Cause::Protocol => "An answer that makes no sense",
    }
}

/// What the page finds out about an eP-CSCF whose WebSocket did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Nothing yet.
    Running,
    /// Its page answers, over a connection that the browser trusts.
    Answers,
    /// The browser gets nothing from it.
    Silent,
}

impl Probe {
    /// What it means. Browsers don't tell a page why a WebSocket did not open (RFC 6455 §7.1.7).
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Running => "A browser does not tell a page why. Looking whether the eP-CSCF answers otherwise…",
            Self::Answers => {
                "The eP-CSCF answers and this browser accepts its certificate, so it most likely refused the \
                 Origin of this page with 403: it knows no WWSF there (RFC 6455 §10.2, TS 33.203 X.3.2.3)."
            }
            Self::Silent => "A browser does not tell a page why. The eP-CSCF’s page does not answer either.",
        }
    }

    /// What to open the eP-CSCF's page for; follows the link to it.
    pub(crate) fn errand(self) -> &'static str {
        match self {
            Self::Answers => " to see what it is and how it is asked.",
            Self::Running | Self::Silent => {
                ": this browser may not accept its certificate yet. Accept it there and come back; this page then \
                 tries again."
            }
        }
    }

    /// What else it can be.
    pub(crate) fn other_causes(self) -> &'static [&'static str] {
        const DOWN: &str = "Or the eP-CSCF is not running, or this machine can’t reach it.";
        const REFUSED: &str = "Or it refused the Origin of this page, because it knows no WWSF there.";
        match self {
            Self::Running => &[DOWN, REFUSED],
            Self::Answers => &[],
            Self::Silent => &[DOWN],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_rounded_up_and_shows_hours_only_when_there_are_some() {
        let table = [
            (0, "0:00"),
            (1, "0:01"),
            (999, "0:01"),
            (1_000, "0:01"),
            (59_001, "1:00"),
            (3_599_000, "59:59"),
            (3_600_000, "1:00:00"),
            (36_005_000, "10:00:05"),
        ];
        for (millis, text) in table {
            assert_eq!(countdown(Duration::from_millis(millis)), text, "{millis} ms");
        }
    }

    fn failure(cause: Cause) -> Failure {
        Failure { cause, text: "it failed".to_owned(), advice: Some("try"), link: Some("https://e/".to_owned()) }
    }

    #[test]
    fn a_status_is_shown_for_causes_that_come_of_an_answer_alone() {
        let status = sip::StatusCode::FORBIDDEN;
        let table = [
            (Cause::Refused { status }, Some(401), Some(403)),
            (Cause::WrongPassword, Some(403), Some(403)),
            (Cause::TokenRejected, Some(401), Some(401)),
            (Cause::ClosedByPolicy, Some(200), None),
            (Cause::Timeout, Some(401), None),
            (Cause::Unreachable, Some(401), None),
        ];
        for (cause, answered, shown) in table {
            assert_eq!(Notice::of(&failure(cause), answered).status, shown, "{}", cause.name());
        }
    }

    #[test]
    fn only_a_websocket_that_did_not_open_sends_a_person_to_the_certificate() {
        assert_eq!(Notice::of(&failure(Cause::Unreachable), None).unreachable.as_deref(), Some("https://e/"));
        assert_eq!(Notice::of(&failure(Cause::Timeout), None).unreachable, None);
    }
}
