//! Via (RFC 3261 §20.42).

use super::{ListHeader, TypedHeader};
use crate::uri::split_host_port;
use crate::{HeaderError, HeaderName, Host, Params, Transport, syntax};
use std::fmt;
use std::net::IpAddr;

/// One Via: a hop that the responses go back over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The transport's token as written; unknown ones are allowed.
    pub transport: Box<str>,
    /// The sent-by host.
    pub host: Host,
    /// The sent-by port.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, ….
    pub params: Params,
}

impl Via {
    /// What RFC 3261 branches begin with (§8.1.1.7).
    pub const MAGIC_COOKIE: &str = "z9hG4bK";

    /// A Via with a branch. `branch` is given without the magic cookie.
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", format!("{}{branch}", Self::MAGIC_COOKIE));
        Self { transport: transport.as_str().into(), host, port, params }
    }

    /// The transport, when it is one we know.
    pub fn transport(&self) -> Option<Transport> {
        self.transport.parse().ok()
    }

    /// The branch, magic cookie included.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// The branch, only if it follows RFC 3261: unique in itself.
    pub fn rfc3261_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        let cookie = branch.get(..Self::MAGIC_COOKIE.len())?;
        // Compared without case, as tokens are; a bare cookie says nothing (RFC 4475 §3.2).
        (cookie.eq_ignore_ascii_case(Self::MAGIC_COOKIE) && branch.len() > cookie.len()).then_some(branch)
    }

    /// The source address that the next hop wrote down (RFC 3261 §18.2.1).
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        value.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The source port that the next hop wrote down (RFC 3581).
    pub fn rport(&self) -> Option<u16> {
        self.params.value("rport")?.parse().ok()
    }

    /// `host[:port]` for comparing and logging.
    pub fn sent_by(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl TypedHeader for Via {
    const NAME: HeaderName = HeaderName::Via;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let malformed = || HeaderError::new("malformed sent-protocol (RFC 3261 §20.42)");
        // SIP / 2.0 / UDP, with white space allowed around the slashes.
        let (name, rest) = value.split_once('/').ok_or_else(malformed)?;
        let (version, rest) = rest.split_once('/').ok_or_else(malformed)?;
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_once([' ', '\t']).ok_or_else(malformed)?;
        if !name.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" || !syntax::is_token(transport) {
            return Err(malformed());
        }
        let (sent_by, params) = match rest.find(';') {
            Some(at) => (&rest[..at], syntax::parse_params(&rest[at..])?),
            None => (rest, Params::new()),
        };
        let (host, port) = split_sent_by(sent_by.trim())?;
        Ok(Self { transport: transport.into(), host, port, params })
    }
}

impl ListHeader for Via {}

/// As for a URI, but white space may stand around the colon before the port.
fn split_sent_by(text: &str) -> Result<(Host, Option<u16>), HeaderError> {
    if !text.contains([' ', '\t']) {
        return split_host_port(text);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| HeaderError::new("malformed sent-by (RFC 3261 §20.42)"))?;
    split_host_port(&format!("{}:{}", host.trim_end(), port.trim_start()))
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}
