//! SIP, SIPS and tel URIs; anything else is kept as it stands.

use crate::{HeaderError, Params, syntax};
use std::borrow::Cow;
use std::collections::BinaryHeap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A URI. Printing gives back what was read, escapes, order and case included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` or `sips:` (RFC 3261 §19.1).
    Sip(SipUri),
    /// `tel:` (RFC 3966).
    Tel(TelUri),
    /// Any other scheme.
    Other(OtherUri),
}

/// A `sip:` or `sips:` URI, its parts as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The user part, escapes and all.
    pub user: Option<Box<str>>,
    /// The password, which nobody should use.
    pub password: Option<Box<str>>,
    /// The host.
    pub host: Host,
    /// The port, if given.
    pub port: Option<u16>,
    /// The `;` parameters.
    pub params: Params,
    /// What follows `?`.
    pub headers: Option<Box<str>>,
}

/// A `tel:` URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// The number, separators and all.
    pub number: Box<str>,
    /// The `;` parameters.
    pub params: Params,
}

/// A URI of a scheme that SIP does not route by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherUri {
    /// The scheme.
    pub scheme: Box<str>,
    /// What follows the colon.
    pub rest: Box<str>,
}

/// A host: a name, an IPv4 address or an IPv6 reference in brackets, as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(Box<str>);

impl Uri {
    /// `sip:user@host`.
    pub fn sip(user: &str, host: &str) -> Result<Self, HeaderError> {
        format!("sip:{user}@{host}").parse()
    }

    /// The SIP or SIPS URI, if it is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The SIP or SIPS URI, if it is one, to change.
    pub fn as_sip_mut(&mut self) -> Option<&mut SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The scheme in lower case, except for foreign ones, which stay as written.
    pub fn scheme(&self) -> &str {
        match self {
            Self::Sip(SipUri { secure: false, .. }) => "sip",
            Self::Sip(_) => "sips",
            Self::Tel(_) => "tel",
            Self::Other(uri) => &uri.scheme,
        }
    }

    /// Whether two URIs mean the same (RFC 3261 §19.1.4; tel: RFC 3966 §4, without context).
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(a), Self::Sip(b)) => a.equivalent(b),
            (Self::Tel(a), Self::Tel(b)) => a.digits() == b.digits(),
            _ => self == other,
        }
    }
}

impl SipUri {
    /// The user part with its escapes undone.
    pub fn unescaped_user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(unescape)
    }

    /// Whether this is a loose router's URI (`;lr`).
    pub fn is_loose(&self) -> bool {
        self.params.iter().any(|p| unescape(&p.name).eq_ignore_ascii_case("lr"))
    }

    /// RFC 3261 §19.1.4: user and password with case, the rest without; `user`, `ttl`, `method`,
    /// `maddr` and `transport` must be in both or in neither, other parameters match when in both.
    pub fn equivalent(&self, other: &Self) -> bool {
        const STRICT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let same = |name: &str| match (self.params.value(name), other.params.value(name)) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => self.params.has(name) == other.params.has(name),
            _ => false,
        };
        self.secure == other.secure
            && self.unescaped_user() == other.unescaped_user()
            && self.password.as_deref().map(unescape) == other.password.as_deref().map(unescape)
            && self.host.same(&other.host)
            && self.port == other.port
            && STRICT.into_iter().all(same)
            && self.params.iter().filter(|p| other.params.has(&p.name)).all(|p| same(&p.name))
            && same_headers(self.headers.as_deref(), other.headers.as_deref())
    }
}

impl TelUri {
    /// The number without visual separators.
    pub fn digits(&self) -> String {
        self.number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect::<String>().to_ascii_lowercase()
    }
}

impl Host {
    /// The host as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, when the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0.strip_prefix('[') {
            Some(v6) => v6.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.0.parse().ok(),
        }
    }

    /// Whether both name one host: addresses by value, names without case.
    pub fn same(&self, other: &Self) -> bool {
        match (self.ip(), other.ip()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.0.eq_ignore_ascii_case(&other.0),
            _ => false,
        }
    }
}

impl FromStr for Host {
    type Err = HeaderError;

    fn from_str(host: &str) -> Result<Self, HeaderError> {
        let valid = match host.strip_prefix('[') {
            Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
            // Underscores are not in RFC 3261's hostname, but in the field.
            None => {
                !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
            }
        };
        if valid { Ok(Self(host.into())) } else { Err(HeaderError::new("malformed host (RFC 3261 §25.1, RFC 5954)")) }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self(ip.to_string().into()),
            IpAddr::V6(ip) => Self(format!("[{ip}]").into()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Uri {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, HeaderError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(HeaderError::new("a URI has no scheme (RFC 3261 §19.1.1)"));
        };
        let valid_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'));
        if !valid_scheme {
            return Err(HeaderError::new("a URI's scheme is malformed (RFC 3261 §25.1)"));
        }
        if rest.is_empty() || rest.bytes().any(|c| c <= b' ' || matches!(c, b'<' | b'>' | b'"' | 0x7f)) {
            return Err(HeaderError::new(
                "a URI is empty or holds white space, quotes or angle brackets (RFC 3261 §25.1)",
            ));
        }
        if scheme.eq_ignore_ascii_case("sip") {
            return parse_sip(false, rest).map(Self::Sip);
        }
        if scheme.eq_ignore_ascii_case("sips") {
            return parse_sip(true, rest).map(Self::Sip);
        }
        if scheme.eq_ignore_ascii_case("tel") {
            return parse_tel(rest).map(Self::Tel);
        }
        Ok(Self::Other(OtherUri { scheme: scheme.into(), rest: rest.into() }))
    }
}

impl FromStr for SipUri {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, HeaderError> {
        match text.parse()? {
            Uri::Sip(uri) => Ok(uri),
            _ => Err(HeaderError::new("not a SIP URI (RFC 3261 §19.1.1)")),
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel(uri) => write!(f, "tel:{}{}", uri.number, uri.params),
            Self::Other(uri) => write!(f, "{}:{}", uri.scheme, uri.rest),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        f.write_str(self.host.as_str())?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

/// `text` with its `%xx` escapes undone; an escape that is none, or that gives no UTF-8, stays.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&c, tail)) = rest.split_first() {
        match tail {
            [hi, lo, tail @ ..] if c == b'%' && hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit() => {
                let digit = |d: u8| char::from(d).to_digit(16).unwrap_or(0) as u8;
                out.push(digit(*hi) << 4 | digit(*lo));
                rest = tail;
            }
            _ => {
                out.push(c);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn parse_sip(secure: bool, rest: &str) -> Result<SipUri, HeaderError> {
    // The user part may hold `;` and `?`; the host part may hold no `@`.
    let (userinfo, rest) = match rest.rsplit_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (user, password) = match userinfo.map(|u| u.split_once(':').map_or((u, None), |(u, p)| (u, Some(p)))) {
        Some((user, password)) => {
            let allowed = |extra: &'static [u8]| {
                move |c: u8| c.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,".contains(&c) || extra.contains(&c)
            };
            if user.is_empty() || !user.bytes().all(allowed(b";?/#[]{}|\\^`")) || !escapes_are_whole(user) {
                return Err(HeaderError::new("malformed user part in a SIP URI (RFC 3261 §19.1.1)"));
            }
            if password.is_some_and(|p| !p.bytes().all(allowed(b"")) || !escapes_are_whole(p)) {
                return Err(HeaderError::new("malformed password in a SIP URI (RFC 3261 §19.1.1)"));
            }
            (Some(user.into()), password.map(Into::into))
        }
        None => (None, None),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) if !headers.is_empty() => (rest, Some(headers.into())),
        Some(_) => return Err(HeaderError::new("empty headers in a SIP URI (RFC 3261 §19.1.1)")),
        None => (rest, None),
    };
    let (hostport, params) = match rest.find(';') {
        Some(at) => (&rest[..at], uri_params(&rest[at + 1..])?),
        None => (rest, Params::new()),
    };
    let (host, port) = split_host_port(hostport)?;
    Ok(SipUri { secure, user, password, host, port, params, headers })
}

/// Splits `host[:port]`, IPv6 references included.
pub(crate) fn split_host_port(text: &str) -> Result<(Host, Option<u16>), HeaderError> {
    let after_v6 = if text.starts_with('[') { text.find(']').map_or(0, |at| at + 1) } else { 0 };
    match text[after_v6..].find(':') {
        Some(at) => {
            let (host, port) = (&text[..after_v6 + at], &text[after_v6 + at + 1..]);
            let digits = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
            let port = port
                .parse()
                .ok()
                .filter(|_| digits)
                .ok_or_else(|| HeaderError::new("malformed port (RFC 3261 §25.1)"))?;
            Ok((host.parse()?, Some(port)))
        }
        None => Ok((text.parse()?, None)),
    }
}

fn parse_tel(rest: &str) -> Result<TelUri, HeaderError> {
    let (number, params) = match rest.find(';') {
        Some(at) => (&rest[..at], uri_params(&rest[at + 1..])?),
        None => (rest, Params::new()),
    };
    // A wildcarded identity, as P-Profile-Key carries it (TS 23.003 §13.4A): what lies between the
    // delimiters is an expression.
    let range = number.split_once('!').and_then(|(before, rest)| Some((before, rest.rsplit_once('!')?)));
    if let Some((before, (_, after))) = range
        && before.len() > 1
        && [before.strip_prefix('+').unwrap_or(before), after].iter().all(|part| part.bytes().all(is_phone_char))
    {
        return Ok(TelUri { number: number.into(), params });
    }
    let digits = number.strip_prefix('+').unwrap_or(number);
    let valid =
        digits.bytes().any(|c| c.is_ascii_hexdigit() || matches!(c, b'*' | b'#')) && digits.bytes().all(is_phone_char);
    if !valid {
        return Err(HeaderError::new("malformed number in a tel URI (RFC 3966 §3)"));
    }
    Ok(TelUri { number: number.into(), params })
}

/// A digit of RFC 3966, or a separator.
fn is_phone_char(c: u8) -> bool {
    c.is_ascii_hexdigit() || b"*#-.()".contains(&c)
}

fn uri_params(text: &str) -> Result<Params, HeaderError> {
    let valid = |s: &str| {
        !s.is_empty()
            && s.bytes().all(|c| syntax::is_token_char(c) || b"[]/:&+$()".contains(&c))
            && escapes_are_whole(s)
    };
    text.split(';')
        .map(|param| {
            let (name, value) = param.split_once('=').map_or((param, None), |(n, v)| (n, Some(v)));
            if !valid(name) || value.is_some_and(|v| !valid(v)) {
                return Err(HeaderError::new("malformed URI parameter (RFC 3261 §19.1.1)"));
            }
            Ok(crate::Param { name: name.into(), value: value.map(Into::into) })
        })
        .collect()
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit))
}

fn same_headers(a: Option<&str>, b: Option<&str>) -> bool {
    let sorted = |h: Option<&str>| {
        // A heap sorts with a tenth of the code of a slice: clients download this.
        let all: BinaryHeap<String> = h.unwrap_or("").split('&').map(|h| unescape(h).to_ascii_lowercase()).collect();
        all.into_sorted_vec()
    };
    sorted(a) == sorted(b)
}
