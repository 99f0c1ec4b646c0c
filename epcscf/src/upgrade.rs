//! Whether an HTTP request may become a SIP connection: the checks in their order, each with its
//! answer (RFC 6455 §4.2, RFC 7118 §4.1, TS 33.203 REQ 1.1, 2.6, 3.3).
//!
//! CORS does not exist for WebSocket: nothing but this comparison keeps a foreign page out.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HOST, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use ims::Defect;

use crate::origin::{Origin, OriginError};
use crate::policy::{ConnectionTable, Policy};
use crate::wwsf::{Records, WwsfRecord};

/// The magic text of RFC 6455 §1.3.
const WEBSOCKET_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An upgrade that may go on.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The WWSF that the connection is bound to for life.
    pub record: Arc<WwsfRecord>,
    /// The origin of the page; none for a native client.
    pub origin: Option<Origin>,
    accept: HeaderValue,
}

impl Accepted {
    /// The headers of the 101 that are the handshake's: Sec-WebSocket-Accept and -Protocol.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        [(SEC_WEBSOCKET_ACCEPT, self.accept.clone()), (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"))]
    }
}

/// An upgrade that is refused: the HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {reason}")]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// A header that goes with it.
    pub header: Option<(HeaderName, HeaderValue)>,
    /// The cause and the clause, for the body and the log.
    pub reason: Reason,
}

/// Why an upgrade is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not a GET.
    #[error("the handshake is a GET (RFC 6455 §4.2.1)")]
    Method,
    /// Not HTTP/1.1.
    #[error("the handshake is made over HTTP/1.1 (RFC 6455 §4.2.1)")]
    Version,
    /// Host is missing or there twice.
    #[error("one Host is needed (RFC 6455 §4.2.1)")]
    Host,
    /// No `Upgrade: websocket`.
    #[error("Upgrade: websocket is missing (RFC 6455 §4.2.1)")]
    Upgrade,
    /// No `Connection: Upgrade`.
    #[error("Connection: Upgrade is missing (RFC 6455 §4.2.1)")]
    Connection,
    /// Another WebSocket version.
    #[error("only WebSocket version 13 is spoken (RFC 6455 §4.4)")]
    WebSocketVersion,
    /// The key is not 16 octets in base64.
    #[error("Sec-WebSocket-Key is not 16 octets in base64 (RFC 6455 §4.2.1)")]
    Key,
    /// Origin is missing.
    #[error("Origin is missing (RFC 6455 §10.2)")]
    NoOrigin,
    /// Origin is there more than once.
    #[error("Origin is there more than once (RFC 6454 §7.3)")]
    TwoOrigins,
    /// Origin is no origin.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// `http` where `https` is needed.
    #[error("Origin is not https (TS 33.203 REQ 1.1)")]
    InsecureOrigin,
    /// No WWSF has this origin.
    #[error("Origin is of no authorised WWSF (TS 33.203 REQ 1.1)")]
    UnknownOrigin,
    /// `sip` is not offered.
    #[error("Sec-WebSocket-Protocol does not offer sip (RFC 7118 §4.1)")]
    Protocol,
    /// No such path or host.
    #[error("nothing is served at this host and path")]
    NotFound,
    /// Too many connections of one origin.
    #[error("too many connections from this origin")]
    OriginBusy,
    /// Too many connections of one address.
    #[error("too many connections from this address")]
    AddressBusy,
}

impl Reason {
    /// A short name for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Method | Self::Version | Self::Host | Self::Upgrade | Self::Connection => "handshake",
            Self::WebSocketVersion => "version",
            Self::Key => "key",
            Self::NoOrigin | Self::TwoOrigins | Self::Origin(_) | Self::InsecureOrigin | Self::UnknownOrigin => {
                "origin"
            }
            Self::Protocol => "protocol",
            Self::NotFound => "not-found",
            Self::OriginBusy | Self::AddressBusy => "busy",
        }
    }

    fn refuse(self) -> Refusal {
        let status = match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version | Self::Host | Self::Upgrade | Self::Connection | Self::Key | Self::Protocol => {
                StatusCode::BAD_REQUEST
            }
            Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::NoOrigin | Self::TwoOrigins | Self::Origin(_) | Self::InsecureOrigin | Self::UnknownOrigin => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::OriginBusy | Self::AddressBusy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let header = match self {
            Self::Method => Some((http::header::ALLOW, HeaderValue::from_static("GET"))),
            Self::WebSocketVersion => Some((SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))),
            _ => None,
        };
        Refusal { status, header, reason: self }
    }
}

/// How many connections there are now that count against a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// From the same origin.
    pub of_origin: usize,
    /// From the same address.
    pub of_address: usize,
}

/// Checks one request, in the order method and handshake, version, key, Origin, protocol, path,
/// limits. `load` is asked last, with the origin (none for a native client).
///
/// # Errors
/// The HTTP answer to give instead of 101.
pub fn check(
    request: &Parts,
    policy: &Policy,
    records: &Records,
    load: impl FnOnce(Option<&Origin>) -> Load,
) -> Result<Accepted, Refusal> {
    check_handshake(request).map_err(Reason::refuse)?;
    let accept = check_key(&request.headers).map_err(Reason::refuse)?;
    let (origin, record) = check_origin(&request.headers, policy, records).map_err(Reason::refuse)?;
    check_protocol(&request.headers).map_err(Reason::refuse)?;
    check_target(request, &policy.connection).map_err(Reason::refuse)?;
    check_load(load(origin.as_ref()), policy)?;
    Ok(Accepted { record, origin, accept })
}

fn check_handshake(request: &Parts) -> Result<(), Reason> {
    let headers = &request.headers;
    if request.method != Method::GET {
        return Err(Reason::Method);
    }
    if request.version != Version::HTTP_11 {
        return Err(Reason::Version);
    }
    one(headers, HOST).ok_or(Reason::Host)?;
    if !lists(headers, UPGRADE, "websocket") {
        return Err(Reason::Upgrade);
    }
    if !lists(headers, CONNECTION, "upgrade") {
        return Err(Reason::Connection);
    }
    if one(headers, SEC_WEBSOCKET_VERSION).map(str::trim) != Some("13") {
        return Err(Reason::WebSocketVersion);
    }
    Ok(())
}

/// RFC 6455 §4.2.1 item 5 and §4.2.2 item 5.4.
fn check_key(headers: &HeaderMap) -> Result<HeaderValue, Reason> {
    let key = one(headers, SEC_WEBSOCKET_KEY).ok_or(Reason::Key)?.trim();
    let octets = STANDARD.decode(key).map_err(|_| Reason::Key)?;
    if octets.len() != 16 {
        return Err(Reason::Key);
    }
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(WEBSOCKET_GUID);
    HeaderValue::try_from(STANDARD.encode(hash.finish())).map_err(|_| Reason::Key)
}

fn check_origin(
    headers: &HeaderMap,
    policy: &Policy,
    records: &Records,
) -> Result<(Option<Origin>, Arc<WwsfRecord>), Reason> {
    let mut values = headers.get_all(ORIGIN).iter();
    let Some(value) = values.next() else {
        return records.native().map(|record| (None, record.clone())).ok_or(Reason::NoOrigin);
    };
    if values.next().is_some() {
        return Err(Reason::TwoOrigins);
    }
    let origin = Origin::parse(value.to_str().map_err(|_| OriginError::Malformed)?)?;
    let trusted_scheme = origin.is_secure() || (policy.connection.dev_insecure_origins && origin.is_loopback());
    if !trusted_scheme && !policy.defects.has(Defect::SkipsOriginCheck) {
        return Err(Reason::InsecureOrigin);
    }
    let anyones = || policy.defects.has(Defect::SkipsOriginCheck).then(|| records.all().first().copied()).flatten();
    let record = records.by_origin(&origin).or_else(anyones).ok_or(Reason::UnknownOrigin)?.clone();
    Ok((Some(origin), record))
}

fn check_protocol(headers: &HeaderMap) -> Result<(), Reason> {
    let offered = elements(headers, SEC_WEBSOCKET_PROTOCOL).any(|p| p == "sip");
    if offered { Ok(()) } else { Err(Reason::Protocol) }
}

fn check_target(request: &Parts, policy: &ConnectionTable) -> Result<(), Reason> {
    let host = one(&request.headers, HOST).unwrap_or_default();
    let name = match host.rfind(':') {
        Some(at) if !host.ends_with(']') => host.get(..at).unwrap_or(host),
        _ => host,
    };
    let host_ok = policy.hosts.is_empty() || policy.hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
    let path_ok = policy.paths.iter().any(|path| path == request.uri.path());
    if host_ok && path_ok { Ok(()) } else { Err(Reason::NotFound) }
}

fn check_load(load: Load, policy: &Policy) -> Result<(), Refusal> {
    let table = &policy.connection;
    let busy = if load.of_origin >= table.max_per_origin {
        Reason::OriginBusy
    } else if load.of_address >= table.max_per_ip && !policy.defects.has(Defect::TakesManyConnections) {
        Reason::AddressBusy
    } else {
        return Ok(());
    };
    let mut refusal = busy.refuse();
    refusal.header = Some((RETRY_AFTER, HeaderValue::from(table.retry_after)));
    Err(refusal)
}

fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
}

fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} from {origin}", self.record.id()),
            None => write!(f, "{} from a native client", self.record.id()),
        }
    }
}
