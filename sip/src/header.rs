//! Header names, and the ordered list of headers that a message carries.

use crate::headers::{ListHeader, TypedHeader};
use crate::{HeaderError, Text, syntax};
use std::fmt;
use std::str::FromStr;

macro_rules! header_names {
    ($($variant:ident = $lower:literal $text:literal $(compact $compact:literal)?),+ $(,)?) => {
        /// A header's name; compared without case, compact forms read as the long ones.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum HeaderName {
            $(#[doc = $text] $variant,)+
            /// Any other name, in lower case.
            Other(Box<str>),
        }

        impl HeaderName {
            /// The name as the registry spells it; other names in lower case.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(name) => name,
                }
            }

        }

        /// The known names, compact forms included, in lower case.
        const NAMES: &[&str] = &[$($lower, $($compact,)?)+];

        /// What each of [`NAMES`] is.
        static KNOWN: &[HeaderName] = &[$(HeaderName::$variant, $({ let _ = $compact; HeaderName::$variant },)?)+];
    };
}

header_names! {
    Accept = "accept" "Accept",
    AcceptContact = "accept-contact" "Accept-Contact" compact "a",
    AcceptEncoding = "accept-encoding" "Accept-Encoding",
    AcceptLanguage = "accept-language" "Accept-Language",
    AlertInfo = "alert-info" "Alert-Info",
    Allow = "allow" "Allow",
    AllowEvents = "allow-events" "Allow-Events" compact "u",
    AuthenticationInfo = "authentication-info" "Authentication-Info",
    Authorization = "authorization" "Authorization",
    CallId = "call-id" "Call-ID" compact "i",
    CallInfo = "call-info" "Call-Info",
    Contact = "contact" "Contact" compact "m",
    ContentDisposition = "content-disposition" "Content-Disposition",
    ContentEncoding = "content-encoding" "Content-Encoding" compact "e",
    ContentLanguage = "content-language" "Content-Language",
    ContentLength = "content-length" "Content-Length" compact "l",
    ContentType = "content-type" "Content-Type" compact "c",
    CSeq = "cseq" "CSeq",
    Date = "date" "Date",
    ErrorInfo = "error-info" "Error-Info",
    Event = "event" "Event" compact "o",
    Expires = "expires" "Expires",
    FeatureCaps = "feature-caps" "Feature-Caps",
    FlowTimer = "flow-timer" "Flow-Timer",
    From = "from" "From" compact "f",
    InReplyTo = "in-reply-to" "In-Reply-To",
    MaxForwards = "max-forwards" "Max-Forwards",
    MimeVersion = "mime-version" "MIME-Version",
    MinExpires = "min-expires" "Min-Expires",
    MinSe = "min-se" "Min-SE",
    Organization = "organization" "Organization",
    PAccessNetworkInfo = "p-access-network-info" "P-Access-Network-Info",
    PAssertedIdentity = "p-asserted-identity" "P-Asserted-Identity",
    PAssertedService = "p-asserted-service" "P-Asserted-Service",
    PAssociatedUri = "p-associated-uri" "P-Associated-URI",
    PCalledPartyId = "p-called-party-id" "P-Called-Party-ID",
    PChargingFunctionAddresses = "p-charging-function-addresses" "P-Charging-Function-Addresses",
    PChargingVector = "p-charging-vector" "P-Charging-Vector",
    PEarlyMedia = "p-early-media" "P-Early-Media",
    PPreferredIdentity = "p-preferred-identity" "P-Preferred-Identity",
    PPreferredService = "p-preferred-service" "P-Preferred-Service",
    PProfileKey = "p-profile-key" "P-Profile-Key",
    PServedUser = "p-served-user" "P-Served-User",
    PVisitedNetworkId = "p-visited-network-id" "P-Visited-Network-ID",
    Path = "path" "Path",
    Priority = "priority" "Priority",
    Privacy = "privacy" "Privacy",
    ProxyAuthenticate = "proxy-authenticate" "Proxy-Authenticate",
    ProxyAuthorization = "proxy-authorization" "Proxy-Authorization",
    ProxyRequire = "proxy-require" "Proxy-Require",
    RAck = "rack" "RAck",
    RSeq = "rseq" "RSeq",
    Reason = "reason" "Reason",
    RecordRoute = "record-route" "Record-Route",
    ReferTo = "refer-to" "Refer-To" compact "r",
    ReferredBy = "referred-by" "Referred-By" compact "b",
    RejectContact = "reject-contact" "Reject-Contact" compact "j",
    Replaces = "replaces" "Replaces",
    ReplyTo = "reply-to" "Reply-To",
    RequestDisposition = "request-disposition" "Request-Disposition" compact "d",
    Require = "require" "Require",
    RetryAfter = "retry-after" "Retry-After",
    Route = "route" "Route",
    SecurityClient = "security-client" "Security-Client",
    SecurityServer = "security-server" "Security-Server",
    SecurityVerify = "security-verify" "Security-Verify",
    Server = "server" "Server",
    ServiceRoute = "service-route" "Service-Route",
    SessionExpires = "session-expires" "Session-Expires" compact "x",
    Subject = "subject" "Subject" compact "s",
    SubscriptionState = "subscription-state" "Subscription-State",
    Supported = "supported" "Supported" compact "k",
    Timestamp = "timestamp" "Timestamp",
    To = "to" "To" compact "t",
    Unsupported = "unsupported" "Unsupported",
    UserAgent = "user-agent" "User-Agent",
    Via = "via" "Via" compact "v",
    Warning = "warning" "Warning",
    WwwAuthenticate = "www-authenticate" "WWW-Authenticate",
}

impl HeaderName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut at = FIRST[slot(name.as_bytes())];
        while let Some(known) = NAMES.get(usize::from(at)) {
            if known.eq_ignore_ascii_case(name) {
                return KNOWN.get(usize::from(at)).cloned();
            }
            at = NEXT[usize::from(at)];
        }
        syntax::is_token(name).then(|| Self::Other(name.to_ascii_lowercase().into()))
    }
}

/// How many slots [`NAMES`] are hashed to.
const SLOTS: usize = 256;

/// The end of a chain.
const NONE: u8 = u8::MAX;

/// The first of the names in each slot, and after each name the next one in its slot.
const INDEX: ([u8; SLOTS], [u8; NAMES.len()]) = index();
static FIRST: [u8; SLOTS] = INDEX.0;
static NEXT: [u8; NAMES.len()] = INDEX.1;

const fn index() -> ([u8; SLOTS], [u8; NAMES.len()]) {
    assert!(NAMES.len() < NONE as usize);
    let mut first = [NONE; SLOTS];
    let mut next = [NONE; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        let slot = slot(NAMES[at].as_bytes());
        next[at] = first[slot];
        first[slot] = at as u8;
        at += 1;
    }
    (first, next)
}

/// A hash that does not look at case.
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let (a, b, c) = (name[0] | 0x20, name[len / 2] | 0x20, name[len - 1] | 0x20);
    (len * 7 + a as usize + b as usize * 33 + c as usize * 11) % SLOTS
}

impl FromStr for HeaderName {
    type Err = HeaderError;

    fn from_str(name: &str) -> Result<Self, HeaderError> {
        Self::parse(name).ok_or_else(|| HeaderError::new("a header name is not a token (RFC 3261 §7.3.1)"))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One header line: a name and a raw value, folding undone and white space trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub name: HeaderName,
    /// The value as written.
    pub value: Text,
    /// How the sender spelled the name, where that is not the registry's way.
    pub(crate) spelling: Option<Text>,
}

impl Header {
    /// A header with the registry's spelling of `name`. Control characters in `value` become
    /// spaces, so that no value can end its line and begin another header.
    pub fn new(name: HeaderName, value: impl Into<Text>) -> Self {
        Self { name, value: syntax::one_line(value.into()), spelling: None }
    }

    /// A header whose name goes on the wire as `name` is spelt; `None` when that is no token.
    #[cfg(feature = "rsip")]
    pub(crate) fn spelt(name: &str, value: &str) -> Option<Self> {
        let known = HeaderName::parse(name)?;
        let spelling = (name != known.as_str()).then(|| name.into());
        Some(Self { spelling, ..Self::new(known, value.to_owned()) })
    }

    /// The name as it goes on the wire.
    pub fn spelling(&self) -> &str {
        self.spelling.as_deref().unwrap_or(self.name.as_str())
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.spelling(), self.value)
    }
}

/// The headers of a message, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with_capacity(lines: usize) -> Self {
        Self(Vec::with_capacity(lines))
    }

    /// The header lines in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Header> {
        self.0.iter()
    }

    /// How many header lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The raw value of the first `name` line.
    pub fn value(&self, name: &HeaderName) -> Option<&str> {
        self.0.iter().find(|h| h.name == *name).map(|h| &*h.value)
    }

    /// Whether there is a `name` line.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.value(name).is_some()
    }

    /// The raw values of all `name` lines.
    pub fn values<'a>(&'a self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> + use<'a> {
        let name = name.clone();
        self.0.iter().filter(move |h| h.name == name).map(|h| &*h.value)
    }

    /// The comma-separated elements of all `name` lines. Not for headers whose value may hold a
    /// bare comma (Authorization, WWW-Authenticate, Date, …).
    pub fn elements<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values(name).flat_map(syntax::split_list)
    }

    /// Whether one of the elements of `name` is `token`, without case: `Supported`, `Require`, ….
    pub fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.elements(name).any(|element| element.eq_ignore_ascii_case(token))
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Text>) {
        self.0.push(Header::new(name, value));
    }

    /// Adds a line before the first line of that name, or at the end: a new topmost Via, Path, ….
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Text>) {
        let at = self.0.iter().position(|h| h.name == name).unwrap_or(self.0.len());
        self.0.insert(at, Header::new(name, value));
    }

    /// Puts one line in the place of all lines of that name, or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Text>) {
        match self.0.iter().position(|h| h.name == name) {
            Some(at) => {
                self.0[at] = Header::new(name.clone(), value);
                let mut first = true;
                self.0.retain(|h| h.name != name || std::mem::take(&mut first));
            }
            None => self.push(name, value),
        }
    }

    /// Removes all `name` lines; how many there were.
    pub fn remove(&mut self, name: &HeaderName) -> usize {
        let before = self.0.len();
        self.0.retain(|h| h.name != *name);
        before - self.0.len()
    }

    /// Keeps the lines that `keep` says true of.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        self.0.retain(keep);
    }

    /// Removes the first element of `name` (the topmost Via or Route, which may share its line
    /// with others) and returns it.
    pub fn pop_first(&mut self, name: &HeaderName) -> Option<Text> {
        let at = self.0.iter().position(|h| h.name == *name)?;
        let line = &mut self.0[at];
        match syntax::split_once_outside(&line.value, b',') {
            Some((first, rest)) => {
                let first = line.value.slice_ref(first.trim());
                line.value = line.value.slice_ref(rest.trim());
                Some(first)
            }
            None => Some(self.0.remove(at).value),
        }
    }

    /// The one header of type `H`: an error when it is missing, repeated or malformed.
    pub fn one<H: TypedHeader>(&self) -> Result<H, HeaderError> {
        self.opt()?.ok_or_else(|| HeaderError::new(format!("{} is missing (RFC 3261 §8.1.1, §20)", H::NAME)))
    }

    /// The header of type `H` if there: an error when it is repeated or malformed.
    pub fn opt<H: TypedHeader>(&self) -> Result<Option<H>, HeaderError> {
        let mut values = self.values(&H::NAME);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(HeaderError::new(format!("{} is there more than once (RFC 3261 §7.3.1)", H::NAME)));
        }
        H::parse(value).map(Some).map_err(|e| in_header(&H::NAME, &e))
    }

    /// All elements of the list header `H`, over all its lines.
    pub fn all<H: ListHeader>(&self) -> Result<Vec<H>, HeaderError> {
        self.elements(&H::NAME).map(|e| H::parse(e).map_err(|e| in_header(&H::NAME, &e))).collect()
    }

    /// The first element of the list header `H`.
    pub fn first<H: ListHeader>(&self) -> Result<Option<H>, HeaderError> {
        self.elements(&H::NAME).next().map(|e| H::parse(e).map_err(|e| in_header(&H::NAME, &e))).transpose()
    }

    /// Adds a typed header at the end.
    pub fn add<H: TypedHeader>(&mut self, header: &H) {
        self.push(H::NAME, header.to_string());
    }

    /// Adds a typed header before the first of its kind.
    pub fn add_front<H: TypedHeader>(&mut self, header: &H) {
        self.push_front(H::NAME, header.to_string());
    }

    /// Puts a typed header in the place of all of its kind.
    pub fn replace<H: TypedHeader>(&mut self, header: &H) {
        self.set(H::NAME, header.to_string());
    }

    pub(crate) fn push_line(&mut self, line: Header) {
        self.0.push(line);
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

fn in_header(name: &HeaderName, error: &HeaderError) -> HeaderError {
    HeaderError::new(format!("{name}: {}", error.reason()))
}
