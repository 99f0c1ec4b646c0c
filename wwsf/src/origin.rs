use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A web origin: the triple scheme, host, port of RFC 6454 §4, `https` only.
///
/// Host in lower case, the default port left out; equal when these are.
///
/// ```
/// let origin: wwsf::Origin = "HTTPS://WWSF.ims.example:443".parse()?;
/// assert_eq!(origin.as_str(), "https://wwsf.ims.example");
/// # Ok::<(), wwsf::OriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// Reads one serialised origin (RFC 6454 §6.2): no path, no userinfo, no list.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let authority = strip_scheme(text, "https://").ok_or(OriginError::Scheme)?;
        Ok(Self(format!("https://{}", canonical_authority(authority, "443")?)))
    }

    /// The origin of an absolute address with this scheme, whatever its path.
    pub(crate) fn of_url(url: &str, scheme: &str, default_port: &str) -> Result<String, OriginError> {
        let rest = strip_scheme(url, scheme).ok_or(OriginError::Scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        Ok(format!("{scheme}{}", canonical_authority(authority, default_port)?))
    }

    /// The serialised form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host without port, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        let authority = self.0.trim_start_matches("https://");
        let (host, _) = split_port(authority);
        host
    }

    /// The port, when it is not 443.
    pub fn port(&self) -> Option<&str> {
        split_port(self.0.trim_start_matches("https://")).1
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Another scheme than the one that is needed.
    #[error("origin has the wrong scheme (RFC 6454 §4)")]
    Scheme,
    /// No host, or one with a path, userinfo or an odd character.
    #[error("origin is not scheme://host[:port] alone (RFC 6454 §6.2)")]
    Host,
    /// Not a port.
    #[error("origin has a malformed port (RFC 6454 §4)")]
    Port,
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn canonical_authority(authority: &str, default_port: &str) -> Result<String, OriginError> {
    let (host, port) = split_port(authority);
    let host_ok = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        }
    };
    if !host_ok {
        return Err(OriginError::Host);
    }
    let host = host.to_ascii_lowercase();
    match port {
        None => Ok(host),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok() => {
            match port.trim_start_matches('0') {
                "" => Err(OriginError::Port),
                port if port == default_port => Ok(host),
                port => Ok(format!("{host}:{port}")),
            }
        }
        Some(_) => Err(OriginError::Port),
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority.get(after_host..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            (host, port.get(1..))
        }
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("https://localhost:8443", "https://localhost:8443"),
            ("HTTPS://WWSF.IMS.EXAMPLE", "https://wwsf.ims.example"),
            ("https://wwsf.ims.example:443", "https://wwsf.ims.example"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(Origin::parse(text).as_ref().map(Origin::as_str), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_origin_is_refused() {
        for (text, error) in [
            ("http://localhost", OriginError::Scheme),
            ("null", OriginError::Scheme),
            ("", OriginError::Scheme),
            ("*", OriginError::Scheme),
            ("https://", OriginError::Host),
            ("https://a/", OriginError::Host),
            ("https://a/path", OriginError::Host),
            ("https://user@a", OriginError::Host),
            ("https://a https://b", OriginError::Host),
            ("https://[::1", OriginError::Host),
            ("https://a:", OriginError::Port),
            ("https://a:0", OriginError::Port),
            ("https://a:99999", OriginError::Port),
            ("https://a:+80", OriginError::Port),
        ] {
            assert_eq!(Origin::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn host_and_port_are_told_apart() {
        let parts = |text| {
            let origin = Origin::parse(text).unwrap();
            (origin.host().to_owned(), origin.port().map(str::to_owned))
        };
        assert_eq!(parts("https://localhost:8443"), ("localhost".into(), Some("8443".into())));
        assert_eq!(parts("https://[::1]"), ("[::1]".into(), None));
    }

    #[test]
    fn an_address_gives_its_origin_and_cannot_smuggle_a_policy() {
        let of = |url| Origin::of_url(url, "wss://", "443");
        assert_eq!(of("wss://localhost:7443/ws?x").as_deref(), Ok("wss://localhost:7443"));
        assert_eq!(of("wss://a; script-src *"), Err(OriginError::Host));
        assert_eq!(of("ws://localhost"), Err(OriginError::Scheme));
    }
}
