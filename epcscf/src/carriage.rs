//! Where a request carries its credentials: Authorization, or a body part (the attachment).

use bytes::Bytes;
use ims::Token;
use ims::token::TokenError;
use memchr::memmem;
use sip::headers::{Authorization, ContentDisposition, ContentType, Credentials, DigestCredentials, TypedHeader};
use sip::{HeaderName, Request};

use crate::policy::Carriage;

/// The media type of a token in a body (RFC 7519 §10.3.1).
pub(crate) const TOKEN_MEDIA_TYPE: &str = "application/jwt";
/// The disposition of such a body; a private one.
pub(crate) const TOKEN_DISPOSITION: &str = "security-token";
/// Most parts of a multipart body that are looked at.
const MAX_PARTS: usize = 8;

/// What a request authenticates itself by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// Nothing, or a scheme that is never accepted (RFC 8760 §2.6).
    Nothing,
    /// Digest.
    Digest(DigestCredentials),
    /// A token.
    Token(Token),
}

/// Why credentials cannot be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CarriageError {
    /// T1: malformed, twice, or differing.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// A token body that is not taken, or of another type; 415.
    #[error("this body cannot be taken as a security token (RFC 3261 §21.4.13)")]
    Unsupported,
    /// A multipart body without end.
    #[error("the multipart body is malformed (RFC 2046 §5.1)")]
    Multipart,
}

/// Takes the credentials out of a request: a Bearer header and a token body are removed whatever
/// comes of them, Digest stays, another scheme is removed.
pub(crate) fn take(request: &mut Request, carriage: Carriage) -> Result<Presented, CarriageError> {
    let body = take_body(request, carriage);
    let lines = request.headers.each::<Authorization>();
    request.headers.retain(|line| line.name != HeaderName::Authorization || is_digest(&line.value));
    let mut header = Presented::Nothing;
    for line in lines.map_err(|_| TokenError::Malformed)? {
        let presented = match line.0 {
            Credentials::Digest(digest) => Presented::Digest(digest),
            Credentials::Bearer(token) => Presented::Token(Token::new(token.expose())),
            Credentials::Other(_) => continue,
        };
        if header != Presented::Nothing {
            return Err(TokenError::TwoCredentials.into());
        }
        header = presented;
    }
    match (header, body?) {
        (header @ (Presented::Nothing | Presented::Digest(_)), None) => Ok(header),
        (Presented::Nothing, Some(token)) => Ok(Presented::Token(token)),
        (Presented::Digest(_), Some(_)) => Err(TokenError::TwoCredentials.into()),
        (Presented::Token(header), Some(body)) if header != body => Err(TokenError::CarriageDiffers.into()),
        (Presented::Token(_), None) if !carriage.in_header() => Err(TokenError::Missing.into()),
        (Presented::Token(token), _) => Ok(Presented::Token(token)),
    }
}

/// Whether a request has a body that its receiver must understand (RFC 3261 §20.11).
pub(crate) fn has_required_body(request: &Request) -> bool {
    !request.body.is_empty() && is_required(request.headers.value(&HeaderName::ContentDisposition))
}

fn is_digest(value: &str) -> bool {
    matches!(Authorization::parse(value), Ok(Authorization(Credentials::Digest(_))))
}

fn take_body(request: &mut Request, carriage: Carriage) -> Result<Option<Token>, CarriageError> {
    if request.body.is_empty() {
        return Ok(None);
    }
    let content_type = request.headers.opt::<ContentType>().ok().flatten();
    if let Some(content_type) = content_type.filter(|t| t.is("multipart/mixed")) {
        return take_part(request, &content_type, carriage);
    }
    let value = |name| request.headers.value(&name).map(str::to_owned);
    let part = Part {
        content_type: value(HeaderName::ContentType),
        disposition: value(HeaderName::ContentDisposition),
        octets: request.body.clone(),
        content: request.body.clone(),
    };
    if !part.is_token() {
        return Ok(None);
    }
    request.body = Bytes::new();
    for name in [HeaderName::ContentType, HeaderName::ContentDisposition] {
        request.headers.remove(&name);
    }
    part.token(carriage)
}

/// Takes the token part out of a multipart body; what is left stays a multipart body.
fn take_part(
    request: &mut Request,
    content_type: &ContentType,
    carriage: Carriage,
) -> Result<Option<Token>, CarriageError> {
    let boundary = content_type.params.unquoted("boundary").ok_or(CarriageError::Multipart)?;
    let (ours, others): (Vec<Part>, Vec<Part>) =
        split_parts(&request.body, &boundary)?.into_iter().partition(Part::is_token);
    if ours.is_empty() {
        return Ok(None);
    }
    if others.is_empty() {
        request.body = Bytes::new();
        for name in [HeaderName::ContentType, HeaderName::ContentDisposition, HeaderName::MimeVersion] {
            request.headers.remove(&name);
        }
    } else {
        let mut body = Vec::with_capacity(request.body.len());
        for part in &others {
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            body.extend_from_slice(&part.octets);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        request.body = body.into();
    }
    match ours.as_slice() {
        [part] => part.token(carriage),
        _ => Err(TokenError::TwoCredentials.into()),
    }
}

struct Part {
    content_type: Option<String>,
    disposition: Option<String>,
    /// Headers and content, as between two boundaries.
    octets: Bytes,
    content: Bytes,
}

impl Part {
    fn is_token(&self) -> bool {
        self.has_token_type()
            || self.disposition().is_some_and(|d| d.disposition.eq_ignore_ascii_case(TOKEN_DISPOSITION))
    }

    fn has_token_type(&self) -> bool {
        let content_type = self.content_type.as_deref().and_then(|t| ContentType::parse(t).ok());
        content_type.is_some_and(|t| t.is(TOKEN_MEDIA_TYPE))
    }

    fn disposition(&self) -> Option<ContentDisposition> {
        self.disposition.as_deref().and_then(|d| ContentDisposition::parse(d).ok())
    }

    fn token(&self, carriage: Carriage) -> Result<Option<Token>, CarriageError> {
        if !carriage.in_body() || !self.has_token_type() {
            return if is_required(self.disposition.as_deref()) { Err(CarriageError::Unsupported) } else { Ok(None) };
        }
        let text = std::str::from_utf8(&self.content).map_err(|_| TokenError::Malformed)?.trim();
        if text.is_empty() { Err(TokenError::Malformed.into()) } else { Ok(Some(Token::new(text))) }
    }
}

/// Without `handling`, a body is required.
fn is_required(disposition: Option<&str>) -> bool {
    let disposition = disposition.and_then(|d| ContentDisposition::parse(d).ok());
    !disposition.is_some_and(|d| d.params.value("handling").is_some_and(|h| h.eq_ignore_ascii_case("optional")))
}

/// RFC 2046 §5.1.1. The preamble and the epilogue are dropped.
fn split_parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, CarriageError> {
    let valid = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|c| c.is_ascii_graphic() || c == b' ');
    if !valid {
        return Err(CarriageError::Multipart);
    }
    let delimiter = format!("--{boundary}");
    let first = match body.starts_with(delimiter.as_bytes()) {
        true => 0,
        false => memmem::find(body, format!("\r\n{delimiter}").as_bytes()).ok_or(CarriageError::Multipart)? + 2,
    };
    let mut rest = body.slice(first + delimiter.len()..);
    let between = format!("\r\n{delimiter}");
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if !rest.starts_with(b"\r\n") || parts.len() == MAX_PARTS {
            return Err(CarriageError::Multipart);
        }
        // The CRLF that ends the delimiter may be the one that begins the next, after an empty part.
        let end = memmem::find(&rest, between.as_bytes()).ok_or(CarriageError::Multipart)?;
        parts.push(part(rest.slice(2.min(end)..end)));
        rest = rest.slice(end + between.len()..);
    }
}

fn part(octets: Bytes) -> Part {
    let (head, content) = if octets.starts_with(b"\r\n") {
        (Bytes::new(), octets.slice(2..))
    } else {
        match memmem::find(&octets, b"\r\n\r\n") {
            Some(at) => (octets.slice(..at), octets.slice(at + 4..)),
            None => (octets.clone(), Bytes::new()),
        }
    };
    let head = String::from_utf8_lossy(&head).into_owned();
    let value = |name: &str| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    Part { content_type: value("content-type"), disposition: value("content-disposition"), octets, content }
}
