//! Web origins and how they are compared (RFC 6454).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A web origin: scheme, host and port, compared as a triple and never as text (RFC 6454 §5).
///
/// Host in lower case, the default port filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// Reads the value of one Origin header: a single serialised origin (RFC 6454 §6.2, §7).
    ///
    /// A list, a path (a lone slash too), userinfo and `null` are refused. A host is taken as the
    /// A-label that browsers send; other than ASCII is refused.
    pub fn parse(value: &str) -> Result<Self, OriginError> {
        if value == "null" {
            return Err(OriginError::Null);
        }
        let (scheme, authority) = value.split_once("://").ok_or(OriginError::Malformed)?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("https") => Scheme::Https,
            s if s.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return Err(OriginError::Scheme),
        };
        let (host, port) = split_port(authority)?;
        let host = canonical_host(host)?;
        let port = match port {
            Some(port) => port,
            None => scheme.default_port(),
        };
        Ok(Self { scheme, host: host.into(), port })
    }

    /// Reads an origin as an operator writes it: as [`Origin::parse`], with the host's U-labels
    /// turned into A-labels (RFC 6454 §4 step 5, RFC 5890 §2.3.2.1).
    pub fn from_config(text: &str) -> Result<Self, OriginError> {
        if text.is_ascii() {
            return Self::parse(text);
        }
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::Malformed)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, format!(":{port}")),
            None => (authority, String::new()),
        };
        let host = idna::domain_to_ascii_strict(host).map_err(|_| OriginError::Malformed)?;
        Self::parse(&format!("{scheme}://{host}{port}"))
    }

    /// The scheme, lower case.
    pub fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// The host, lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own when none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        &*self.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// `null`: a sandboxed or local page.
    #[error("Origin is null (RFC 6454 §7.3)")]
    Null,
    /// Neither `http` nor `https`.
    #[error("Origin has a scheme other than https (RFC 6454 §4)")]
    Scheme,
    /// A list, a path, userinfo, or no origin at all.
    #[error("Origin is not one serialised origin (RFC 6454 §6.2)")]
    Malformed,
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let after_v6 = authority.rfind(']').map_or(0, |at| at + 1);
    let (v6, rest) = authority.split_at_checked(after_v6).ok_or(OriginError::Malformed)?;
    let Some((name, digits)) = rest.split_once(':') else { return Ok((authority, None)) };
    let host = if v6.is_empty() { name } else { v6 };
    if !v6.is_empty() && !name.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return Err(OriginError::Malformed);
    }
    let port: u16 = digits.parse().map_err(|_| OriginError::Malformed)?;
    if port == 0 { Err(OriginError::Malformed) } else { Ok((host, Some(port))) }
}

fn canonical_host(host: &str) -> Result<String, OriginError> {
    if let Some(v6) = host.strip_prefix('[') {
        let address: Ipv6Addr = v6.strip_suffix(']').and_then(|a| a.parse().ok()).ok_or(OriginError::Malformed)?;
        return Ok(format!("[{address}]"));
    }
    let name_ok = (1..=253).contains(&host.len())
        && host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'));
    if name_ok { Ok(host.to_ascii_lowercase()) } else { Err(OriginError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ORI-04, ORI-06, ORI-08.
    #[test]
    fn one_serialised_origin_is_read_and_nothing_else() {
        use OriginError::{Malformed, Null, Scheme};
        for (text, expected) in [
            ("https://wwsf.ims.example", Ok("https://wwsf.ims.example")),
            ("HTTPS://WWSF.IMS.EXAMPLE", Ok("https://wwsf.ims.example")),
            ("https://wwsf.ims.example:443", Ok("https://wwsf.ims.example")),
            ("https://localhost:8443", Ok("https://localhost:8443")),
            ("http://localhost:80", Ok("http://localhost")),
            ("https://[::1]:8443", Ok("https://[::1]:8443")),
            ("https://[0:0::1]", Ok("https://[::1]")),
            ("https://xn--bcher-kva.example", Ok("https://xn--bcher-kva.example")),
            ("null", Err(Null)),
            ("ftp://wwsf.ims.example", Err(Scheme)),
            ("wss://wwsf.ims.example", Err(Scheme)),
            ("", Err(Malformed)),
            ("wwsf.ims.example", Err(Malformed)),
            ("https://", Err(Malformed)),
            ("https://wwsf.ims.example/", Err(Malformed)),
            ("https://wwsf.ims.example/path", Err(Malformed)),
            ("https://wwsf.ims.example?q", Err(Malformed)),
            ("https://a.example https://b.example", Err(Malformed)),
            ("https://a.example, https://b.example", Err(Malformed)),
            ("https://user@wwsf.ims.example", Err(Malformed)),
            ("https://wwsf.ims.example:", Err(Malformed)),
            ("https://wwsf.ims.example:0", Err(Malformed)),
            ("https://wwsf.ims.example:+443", Err(Malformed)),
            ("https://wwsf.ims.example:443:443", Err(Malformed)),
            ("https://[::1", Err(Malformed)),
            ("https://[::1]x:1", Err(Malformed)),
            ("https://bücher.example", Err(Malformed)),
        ] {
            let read = Origin::parse(text).map(|o| o.to_string());
            assert_eq!(read.as_deref().map_err(|e| *e), expected, "{text:?}");
        }
    }

    #[test]
    fn an_operator_may_write_unicode_labels() {
        let configured = Origin::from_config("https://Bücher.example:8443").unwrap();
        assert_eq!(configured, Origin::parse("https://xn--bcher-kva.example:8443").unwrap());
        assert!(Origin::from_config("https://bü cher.example").is_err());
    }

    #[test]
    fn loopback_is_told_from_names_that_look_like_it() {
        for (text, loopback) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:3000", true),
            ("http://localhost.evil.example", false),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(Origin::parse(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
