use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Impi, ImpiError};

/// A distinct public user identity: a `sip:` or `tel:` URI in canonical form
/// (TS 23.003 §13.4).
///
/// Host in lower case, escapes of unreserved characters undone, port, URI
/// parameters and headers dropped; a `tel:` number without its visual
/// separators, and with its phone context when it is a local one. Two
/// identities are equal when their canonical forms are.
///
/// ```
/// let a = ims::Impu::parse("sip:%61lice@IMS.example:5060;user=phone")?;
/// assert_eq!(a.as_str(), "sip:alice@ims.example");
/// # Ok::<(), ims::ImpuError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Impu {
    canonical: String,
    scheme: Scheme,
}

/// The two schemes of a public identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `sip:user@host`
    Sip,
    /// `tel:number`
    Tel,
}

impl Impu {
    /// Longest text that is looked at, in octets.
    pub const MAX_LEN: usize = 512;

    /// Reads a public identity and brings it into canonical form.
    ///
    /// Wildcard syntax, that is two `!` in the user part, is refused: only a
    /// distinct identity is ever registered (TS 23.228 §4.3.3.2b).
    pub fn parse(text: &str) -> Result<Self, ImpuError> {
        if text.len() > Self::MAX_LEN {
            return Err(ImpuError::TooLong);
        }
        if text.bytes().any(|b| !b.is_ascii_graphic() || b"<>\"".contains(&b)) {
            return Err(ImpuError::Character);
        }
        let (scheme, rest) = split_scheme(text)?;
        let canonical = match scheme {
            Scheme::Sip => canonical_sip(rest)?,
            Scheme::Tel => canonical_tel(rest)?,
        };
        if canonical.bytes().filter(|b| *b == b'!').count() > 1 {
            return Err(ImpuError::Wildcard);
        }
        Ok(Self { canonical, scheme })
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// `sip` or `tel`.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part of a `sip:` identity, the number of a `tel:` one.
    pub fn user(&self) -> &str {
        let rest = self.canonical.get(4..).unwrap_or_default();
        match self.scheme {
            Scheme::Sip => rest.split_once('@').map_or(rest, |(user, _)| user),
            Scheme::Tel => rest.split_once(';').map_or(rest, |(number, _)| number),
        }
    }

    /// The host of a `sip:` identity.
    pub fn host(&self) -> Option<&str> {
        match self.scheme {
            Scheme::Sip => self.canonical.split_once('@').map(|(_, host)| host),
            Scheme::Tel => None,
        }
    }

    /// The IMPI that stands in for a REGISTER without Authorization: the
    /// identity without scheme, parameters and port (TS 33.203 N.2.1.1).
    ///
    /// A `tel:` identity and one whose user part is no NAI have none.
    pub fn to_impi_default(&self) -> Result<Impi, ImpiError> {
        match self.scheme {
            Scheme::Sip => Impi::parse(self.canonical.get(4..).unwrap_or_default()),
            Scheme::Tel => Err(ImpiError::NoRealm),
        }
    }
}

impl PartialEq for Impu {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Impu {}

impl Hash for Impu {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialOrd for Impu {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Impu {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl fmt::Display for Impu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

impl FromStr for Impu {
    type Err = ImpuError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Impu {
    type Error = ImpuError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Impu> for String {
    fn from(impu: Impu) -> Self {
        impu.canonical
    }
}

/// Why a text is not a distinct public identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImpuError {
    /// Longer than [`Impu::MAX_LEN`].
    #[error("IMPU is longer than 512 octets")]
    TooLong,
    /// A control, a space, a non-ASCII character or one of `<>"`.
    #[error("IMPU holds a character that no URI may (RFC 3986 §2)")]
    Character,
    /// Neither `sip:` nor `tel:`.
    #[error("IMPU scheme is neither sip nor tel (TS 23.003 §13.4)")]
    Scheme,
    /// No user part, or one outside the grammar.
    #[error("IMPU user part is missing or malformed (RFC 3261 §25.1)")]
    User,
    /// No host, or one outside the grammar.
    #[error("IMPU host is missing or malformed (RFC 3261 §25.1)")]
    Host,
    /// A port that is none.
    #[error("IMPU port is malformed (RFC 3261 §25.1)")]
    Port,
    /// Not a telephone number of RFC 3966.
    #[error("IMPU is not a telephone number (RFC 3966 §3)")]
    Number,
    /// Wildcard syntax where a distinct identity is needed.
    #[error("a wildcarded IMPU is not a distinct one (TS 23.228 §4.3.3.2b)")]
    Wildcard,
}

pub(crate) fn split_scheme(text: &str) -> Result<(Scheme, &str), ImpuError> {
    let (scheme, rest) = text.split_once(':').ok_or(ImpuError::Scheme)?;
    if scheme.eq_ignore_ascii_case("sip") {
        Ok((Scheme::Sip, rest))
    } else if scheme.eq_ignore_ascii_case("tel") {
        Ok((Scheme::Tel, rest))
    } else {
        Err(ImpuError::Scheme)
    }
}

/// RFC 3261 §19.1.4: an escape of an unreserved character equals the character.
pub(crate) fn canonical_user(user: &str) -> Result<String, ImpuError> {
    let mut out = String::with_capacity(user.len());
    let mut octets = user.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            if !is_unreserved(octet) && !b"&=+$,;?/".contains(&octet) {
                return Err(ImpuError::User);
            }
            out.push(char::from(octet));
            continue;
        }
        let (Some(high), Some(low)) = (octets.next().and_then(hex), octets.next().and_then(hex)) else {
            return Err(ImpuError::User);
        };
        let decoded = high << 4 | low;
        if is_unreserved(decoded) {
            out.push(char::from(decoded));
        } else {
            out.push_str(&format!("%{decoded:02X}"));
        }
    }
    Ok(out)
}

/// A host in lower case, without the dot that ends an absolute name.
pub(crate) fn canonical_host(host: &str) -> Result<String, ImpuError> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').ok_or(ImpuError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| ImpuError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels_ok = name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    // A name whose last label begins with a digit can only be an IPv4 address.
    let numeric = name.rsplit('.').next().is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit()));
    if !labels_ok || (numeric && name.parse::<Ipv4Addr>().is_err()) {
        return Err(ImpuError::Host);
    }
    Ok(name.to_ascii_lowercase())
}

/// RFC 3966 §5.1: visual separators do not tell numbers apart.
pub(crate) fn canonical_digits(number: &str) -> Result<String, ImpuError> {
    let digits: String = number.chars().filter(|c| !"-.()".contains(*c)).collect();
    let (plus, rest) = match digits.strip_prefix('+') {
        Some(rest) => ("+", rest),
        None => ("", digits.as_str()),
    };
    let octet_ok = |b: u8| b.is_ascii_digit() || (plus.is_empty() && (b.is_ascii_hexdigit() || b == b'*' || b == b'#'));
    if !rest.bytes().all(octet_ok) {
        return Err(ImpuError::Number);
    }
    Ok(format!("{plus}{}", rest.to_ascii_uppercase()))
}

fn canonical_sip(rest: &str) -> Result<String, ImpuError> {
    let (user, after) = rest.split_once('@').ok_or(ImpuError::User)?;
    if user.is_empty() {
        return Err(ImpuError::User);
    }
    if after.contains('@') {
        return Err(ImpuError::Host);
    }
    let host_port = after.split([';', '?']).next().unwrap_or_default();
    let end = match host_port.starts_with('[') {
        true => host_port.find(']').ok_or(ImpuError::Host)? + 1,
        false => host_port.find(':').unwrap_or(host_port.len()),
    };
    let (host, port) = host_port.split_at_checked(end).ok_or(ImpuError::Host)?;
    if !port.is_empty() {
        let digits = port.strip_prefix(':').ok_or(ImpuError::Host)?;
        let number: u16 = digits.parse().map_err(|_| ImpuError::Port)?;
        if number == 0 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ImpuError::Port);
        }
    }
    Ok(format!("sip:{}@{}", canonical_user(user)?, canonical_host(host)?))
}

fn canonical_tel(rest: &str) -> Result<String, ImpuError> {
    let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
    let digits = canonical_digits(number)?;
    if digits.trim_start_matches('+').is_empty() {
        return Err(ImpuError::Number);
    }
    if digits.starts_with('+') {
        return Ok(format!("tel:{digits}"));
    }
    let context = params
        .split(';')
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("phone-context"))
        .map(|(_, value)| value)
        .ok_or(ImpuError::Number)?;
    let context = match context.starts_with('+') {
        true => canonical_digits(context)?,
        false => canonical_host(context)?,
    };
    Ok(format!("tel:{digits};phone-context={context}"))
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b)
}

fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("sip:alice@ims.example", "sip:alice@ims.example"),
            ("SIP:alice@IMS.Example", "sip:alice@ims.example"),
            ("sip:Alice@ims.example", "sip:Alice@ims.example"),
            ("sip:alice@ims.example.", "sip:alice@ims.example"),
            ("sip:alice@ims.example:5060;user=phone?Subject=x", "sip:alice@ims.example"),
            ("sip:%67uest-042@PARTNER.ims.example;user=phone", "sip:guest-042@partner.ims.example"),
            ("sip:a%2fb%3A@ims.example", "sip:a%2Fb%3A@ims.example"),
            ("sip:a;day=tue@ims.example", "sip:a;day=tue@ims.example"),
            ("sip:guest-!1@ims.example", "sip:guest-!1@ims.example"),
            ("sip:a@[2001:DB8::1]:5060", "sip:a@[2001:db8::1]"),
            ("sip:a@192.0.2.1", "sip:a@192.0.2.1"),
            ("tel:+1-201-555-0123;ext=1", "tel:+12015550123"),
            ("tel:7042;phone-context=IMS.example", "tel:7042;phone-context=ims.example"),
        ] {
            assert_eq!(Impu::parse(text).map(|i| i.to_string()).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_distinct_identity_is_named() {
        let long = format!("sip:{}@ims.example", "a".repeat(64 * 1024));
        for (text, error) in [
            ("alice@ims.example", ImpuError::Scheme),
            ("sips:alice@ims.example", ImpuError::Scheme),
            ("mailto:alice@ims.example", ImpuError::Scheme),
            ("sip:ims.example", ImpuError::User),
            ("sip:@ims.example", ImpuError::User),
            ("sip:alice:pw@ims.example", ImpuError::User),
            ("sip:a%4@ims.example", ImpuError::User),
            ("sip:a%zz@ims.example", ImpuError::User),
            ("sip:alice@", ImpuError::Host),
            ("sip:alice@a@b", ImpuError::Host),
            ("sip:alice@ims_example", ImpuError::Host),
            ("sip:alice@1.2.3.400", ImpuError::Host),
            ("sip:alice@[::1", ImpuError::Host),
            ("sip:alice@ims.example:0", ImpuError::Port),
            ("sip:alice@ims.example:+5060", ImpuError::Port),
            ("sip:alice@ims.example:99999", ImpuError::Port),
            ("sip:alice@ims.example\r\nX: y", ImpuError::Character),
            ("<sip:alice@ims.example>", ImpuError::Character),
            ("sip:guest-!.*!@partner.ims.example", ImpuError::Wildcard),
            ("sip:guest-%21.*%21@partner.ims.example", ImpuError::Wildcard),
            ("tel:", ImpuError::Number),
            ("tel:+", ImpuError::Number),
            ("tel:7042", ImpuError::Number),
            ("tel:+12a", ImpuError::Number),
            (long.as_str(), ImpuError::TooLong),
        ] {
            assert_eq!(Impu::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn parsing_a_canonical_form_changes_nothing() {
        for text in ["sip:a%2Fb@h.example", "sip:a@[::1]", "tel:7042;phone-context=+49"] {
            let once = Impu::parse(text).unwrap();
            assert_eq!(Impu::parse(once.as_str()).unwrap(), once);
            assert_eq!(once.as_str(), text);
        }
    }

    #[test]
    fn the_impi_of_an_impu_is_its_user_and_host() {
        let impi = |text| Impu::parse(text).unwrap().to_impi_default();
        assert_eq!(impi("sip:alice@IMS.example:5060;x=1").unwrap().as_str(), "alice@ims.example");
        assert_eq!(impi("tel:+12015550123"), Err(ImpiError::NoRealm));
        assert_eq!(impi("sip:a(b)@ims.example"), Err(ImpiError::User));
    }
}
