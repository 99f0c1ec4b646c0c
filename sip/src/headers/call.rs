//! Headers of calls and subscriptions: Replaces, Privacy, Warning, and what Event, Reason and the
//! session timer headers say.

use super::simple::delta_seconds;
use super::{Event, ListHeader, MinSe, Reason, SessionExpires, SubscriptionState, TypedHeader};
use crate::{HeaderError, HeaderName, Params, StatusCode, syntax};
use std::fmt;

/// Replaces (RFC 3891 §6.1): the dialog that an INVITE is to take the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The dialog's Call-ID.
    pub call_id: Box<str>,
    /// `to-tag`, `from-tag`, `early-only`.
    pub params: Params,
}

impl Replaces {
    /// The header for a dialog as the one who gets it sees it: `to_tag` is its own tag.
    pub fn new(call_id: &str, to_tag: &str, from_tag: &str) -> Self {
        let mut params = Params::new();
        params.set("to-tag", to_tag);
        params.set("from-tag", from_tag);
        Self { call_id: call_id.into(), params }
    }

    /// The receiver's tag.
    pub fn to_tag(&self) -> &str {
        self.params.value("to-tag").unwrap_or_default()
    }

    /// The tag of the other end of the dialog.
    pub fn from_tag(&self) -> &str {
        self.params.value("from-tag").unwrap_or_default()
    }

    /// Whether a confirmed dialog is to be left alone (486).
    pub fn is_early_only(&self) -> bool {
        self.params.has("early-only")
    }
}

impl TypedHeader for Replaces {
    const NAME: HeaderName = HeaderName::Replaces;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (call_id, params) = match value.find(';') {
            Some(at) => (value[..at].trim(), syntax::parse_params(&value[at..])?),
            None => (value.trim(), Params::new()),
        };
        super::CallId::parse(call_id)?;
        let is_once =
            |name: &str| params.iter().filter(|p| p.name.eq_ignore_ascii_case(name) && p.value.is_some()).count() == 1;
        if !is_once("to-tag") || !is_once("from-tag") {
            return Err(HeaderError::new("not exactly one to-tag and one from-tag (RFC 3891 §6.1)"));
        }
        Ok(Self { call_id: call_id.into(), params })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.call_id, self.params)
    }
}

/// Privacy (RFC 3323 §4.2): `id`, `header`, `none`, `critical`, ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privacy(Vec<Box<str>>);

impl Privacy {
    /// `Privacy: id`: the asserted identity stays inside the trust domain (RFC 3325 §9.3).
    pub fn id() -> Self {
        Self(vec!["id".into()])
    }

    /// Whether `value` is asked for, without case.
    pub fn has(&self, value: &str) -> bool {
        self.0.iter().any(|v| v.eq_ignore_ascii_case(value))
    }
}

impl TypedHeader for Privacy {
    const NAME: HeaderName = HeaderName::Privacy;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let values: Vec<Box<str>> = value.split(';').map(|v| v.trim().into()).collect();
        if !values.iter().all(|v| syntax::is_token(v)) {
            return Err(HeaderError::new("a privacy value is not a token (RFC 3323 §4.2)"));
        }
        Ok(Self(values))
    }
}

impl fmt::Display for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(";"))
    }
}

/// One Warning (RFC 3261 §20.43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Three digits.
    pub code: u16,
    /// Who warns: `host[:port]` or a name.
    pub agent: Box<str>,
    /// What about, without quotes.
    pub text: String,
}

impl Warning {
    /// `agent` warns of `text`.
    pub fn new(code: u16, agent: &str, text: &str) -> Self {
        Self { code, agent: agent.into(), text: text.to_owned() }
    }
}

impl TypedHeader for Warning {
    const NAME: HeaderName = HeaderName::Warning;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let malformed = || HeaderError::new("not a code, an agent and a quoted text (RFC 3261 §20.43)");
        let (code, rest) = value.split_once(' ').ok_or_else(malformed)?;
        let (agent, text) = rest.trim_start().split_once(' ').ok_or_else(malformed)?;
        let text = text.trim();
        if code.len() != 3 || !code.bytes().all(|c| c.is_ascii_digit()) || !syntax::is_quoted(text) {
            return Err(malformed());
        }
        let code = code.parse().map_err(|_| malformed())?;
        Ok(Self { code, agent: agent.into(), text: syntax::unquote(text).into_owned() })
    }
}

impl ListHeader for Warning {}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {} {}", self.code, self.agent, syntax::quote(&self.text))
    }
}

impl ListHeader for Reason {}

impl Reason {
    /// `SIP;cause=<status>;text="<text>"` (RFC 3326 §2).
    pub fn sip(status: StatusCode, text: &str) -> Self {
        let mut reason = Self::new("SIP");
        reason.params.set("cause", status.to_string());
        reason.params.set_quoted("text", text);
        reason
    }

    /// The cause in terms of the protocol: a status code for SIP.
    pub fn cause(&self) -> Option<u16> {
        self.params.value("cause")?.parse().ok()
    }

    /// The text without its quotes.
    pub fn text(&self) -> Option<String> {
        self.params.unquoted("text").map(|text| text.into_owned())
    }
}

impl Event {
    /// Whether the package is `package`; with case, as tokens of RFC 6665 §8.2.1 are.
    pub fn is(&self, package: &str) -> bool {
        &*self.package == package
    }

    /// The `id` that tells subscriptions of one dialog apart.
    pub fn id(&self) -> Option<&str> {
        self.params.value("id")
    }
}

impl SubscriptionState {
    /// `active` for so many seconds more.
    pub fn active(seconds: u32) -> Self {
        let mut state = Self::new("active");
        state.params.set("expires", seconds.to_string());
        state
    }

    /// `terminated` for this reason (RFC 6665 §4.1.3).
    pub fn terminated(reason: &str) -> Self {
        let mut state = Self::new("terminated");
        state.params.set("reason", reason);
        state
    }

    /// Whether the subscription is over.
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }

    /// How many seconds it lasts.
    pub fn expires(&self) -> Option<u32> {
        delta_seconds(self.params.value("expires")?)
    }

    /// Why it is over.
    pub fn reason(&self) -> Option<&str> {
        self.params.value("reason")
    }

    /// In how many seconds one may subscribe again.
    pub fn retry_after(&self) -> Option<u32> {
        delta_seconds(self.params.value("retry-after")?)
    }
}

/// Who refreshes a session (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The one who sent the request.
    Uac,
    /// The one who answered it.
    Uas,
}

impl SessionExpires {
    /// So many seconds, refreshed by `refresher` when it is settled.
    pub fn after(seconds: u32, refresher: Option<Refresher>) -> Self {
        let mut header = Self::new(&seconds.to_string());
        if let Some(refresher) = refresher {
            header.params.set("refresher", if refresher == Refresher::Uac { "uac" } else { "uas" });
        }
        header
    }

    /// The interval in seconds.
    pub fn interval(&self) -> u32 {
        delta_seconds(&self.seconds).unwrap_or(u32::MAX)
    }

    /// Who refreshes, where that is settled.
    pub fn refresher(&self) -> Option<Refresher> {
        match self.params.value("refresher")? {
            who if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            who if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        }
    }
}

impl MinSe {
    /// The interval in seconds.
    pub fn interval(&self) -> u32 {
        delta_seconds(&self.seconds).unwrap_or(u32::MAX)
    }
}
