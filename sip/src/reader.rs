//! Octets to messages. Strict where leniency would let two readers see two messages.

use crate::{
    Header, HeaderName, Headers, Malformed, Message, Method, OtherUri, ParseError, Request, Response, StatusCode, Text,
    Uri, syntax,
};
use bytes::Bytes;
use std::borrow::Cow;

/// How the transport delimits messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// UDP: a Content-Length shorter than the datagram cuts it, a longer one is an error
    /// (RFC 3261 §18.3).
    Datagram,
    /// One WebSocket message, one SIP message: Content-Length may be absent, and must be right when
    /// there (RFC 7118 §5).
    WebSocket,
    /// A message cut out of a stream by [`crate::StreamDecoder`]; Content-Length is mandatory.
    Stream,
}

/// The longest start-line and headers accepted, in octets.
const MAX_HEAD: usize = 64 * 1024;
/// The most header lines accepted.
const MAX_LINES: usize = 512;

impl Message {
    /// Reads one message. Header values share `input`'s buffer.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong, which status a request gets, and holds what could be read
    /// of it. Grammar inside headers is not looked at here: see [`Request::validate`].
    pub fn parse(input: impl Into<Bytes>, framing: Framing) -> Result<Self, Malformed> {
        let mut input = input.into();
        let leading = input.iter().take_while(|c| matches!(c, b'\r' | b'\n')).count();
        if framing != Framing::WebSocket {
            let _ = input.split_to(leading);
        }
        let mut fault = None;
        let (head_len, body_at) = match syntax::find_empty_line(&input) {
            Some(at) => (at + 2, at + 4),
            None => {
                note(&mut fault, ParseError::new("no empty line ends the headers (RFC 3261 §7)", input.len()));
                (input.len(), input.len())
            }
        };
        if head_len > MAX_HEAD {
            return Err(Malformed {
                error: ParseError::new(
                    "the headers are longer than 64 KiB, more than is read here (RFC 3261 §21.4.1)",
                    MAX_HEAD,
                ),
                request: None,
            });
        }
        let body = input.slice(body_at..);
        let head = input.slice(..head_len);
        let head = Text::try_from(head.clone()).unwrap_or_else(|_| {
            note(&mut fault, ParseError::new("a header is not UTF-8 (RFC 3261 §7)", 0));
            String::from_utf8_lossy(&head).into_owned().into()
        });
        let start_end = line_end(&head, 0, &mut false);
        let (start, lines) = (&head[..start_end], head.get(start_end + 2..).unwrap_or_default());
        let start = match start_line(start) {
            Ok(start) => start,
            Err(error) => return Err(Malformed { error, request: None }),
        };
        let headers = read_headers(&head, lines, &mut fault);
        let body = cut_body(&headers, body, framing, &mut fault);
        match start {
            Start::Response { status, reason } => match fault {
                Some(error) => Err(Malformed { error, request: None }),
                None => Ok(Self::Response(Response { status, reason: head.slice_ref(reason), headers, body })),
            },
            Start::Request { method, uri, error } => {
                let request = Request { method, uri, headers, body };
                // What is wrong with the start-line is said before what is wrong with a header.
                match error.or(fault) {
                    Some(error) => Err(Malformed { error, request: Some(Box::new(request)) }),
                    None => Ok(Self::Request(request)),
                }
            }
        }
    }
}

enum Start<'a> {
    Request { method: Method, uri: Uri, error: Option<ParseError> },
    Response { status: StatusCode, reason: &'a str },
}

fn start_line(line: &str) -> Result<Start<'_>, ParseError> {
    let not_sip = || ParseError::new("the first line is neither a request line nor a status line (RFC 3261 §7)", 0);
    let (first, rest) = line.split_once(' ').ok_or_else(not_sip)?;
    if first.eq_ignore_ascii_case("SIP/2.0") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = code.len() == 3 && code.bytes().all(|c| c.is_ascii_digit());
        let status = code.parse().ok().filter(|_| digits).and_then(StatusCode::new);
        let status = status.ok_or_else(|| ParseError::new("a status code is not 100 to 699 (RFC 3261 §7.2)", 8))?;
        if reason.bytes().any(syntax::is_control) {
            return Err(ParseError::new("a control character in the reason phrase (RFC 3261 §25.1)", 12));
        }
        return Ok(Start::Response { status, reason });
    }
    let method: Method = first.parse().map_err(|()| ParseError::new("the method is not a token (RFC 3261 §7.1)", 0))?;
    let (target, version) = rest.rsplit_once(' ').ok_or_else(not_sip)?;
    // Whatever calls itself SIP gets an answer; anything else on the line is some other protocol,
    // unless it is only white space gone astray.
    let mut error = None;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        if version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/")) {
            let reason = "only SIP/2.0 is understood (RFC 3261 §7.1)";
            error = Some(ParseError {
                reason: reason.into(),
                offset: first.len(),
                status: StatusCode::VERSION_NOT_SUPPORTED,
            });
        } else if line.to_ascii_uppercase().contains("SIP/2.0") {
            error = Some(ParseError::new("white space after the request line (RFC 3261 §7.1)", line.len()));
        } else {
            return Err(not_sip());
        }
    }
    let offset = first.len() + 1;
    let uri = match target.parse::<Uri>() {
        Ok(uri) => {
            if uri.as_sip().is_some_and(|u| u.headers.is_some()) {
                let reason = "a Request-URI holds headers (RFC 3261 §19.1.1)";
                error.get_or_insert(ParseError::new(reason, offset));
            }
            uri
        }
        Err(e) => {
            let reason = format!("the Request-URI is malformed: {}", e.reason());
            error.get_or_insert(ParseError::new(reason, offset));
            Uri::Other(OtherUri { scheme: "invalid".into(), rest: target.into() })
        }
    };
    Ok(Start::Request { method, uri, error })
}

fn read_headers(head: &Text, lines: &str, fault: &mut Option<ParseError>) -> Headers {
    let base = head.len() - lines.len();
    // Looked for once, in all lines together: the common message has none.
    let controls = lines.bytes().fold(false, |any, c| any | (syntax::is_control(c) && !matches!(c, b'\r' | b'\n')));
    let mut headers = Headers::with_capacity(24);
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        let mut suspect = controls;
        let mut end = line_end(lines, at, &mut suspect);
        at = (end + 2).min(lines.len());
        // A line that begins with white space goes on with the one before (RFC 3261 §7.3.1).
        let mut folded = false;
        while matches!(lines.as_bytes().get(at), Some(b' ' | b'\t')) {
            folded = true;
            end = line_end(lines, at, &mut suspect);
            at = (end + 2).min(lines.len());
        }
        if headers.len() == MAX_LINES {
            let reason = "more than 512 header lines, more than are read here (RFC 3261 §21.4.1)";
            note(fault, ParseError::new(reason, base + start));
            break;
        }
        if let Err(reason) = read_header(head, &lines[start..end], folded, suspect, &mut headers) {
            note(fault, ParseError::new(reason, base + start));
        }
    }
    headers
}

/// Where the CRLF is that ends the line at `from`; sets `suspect` when a CR or an LF stands alone
/// before it.
fn line_end(lines: &str, from: usize, suspect: &mut bool) -> usize {
    let octets = lines.as_bytes();
    let mut at = from;
    while let Some(found) = octets.get(at..).and_then(syntax::find_line_break) {
        at += found;
        if octets[at..].starts_with(b"\r\n") {
            return at;
        }
        *suspect = true;
        at += 1;
    }
    octets.len()
}

/// Reads one line into `headers`. `suspect`: there may be control characters in it.
fn read_header(
    head: &Text,
    line: &str,
    folded: bool,
    suspect: bool,
    headers: &mut Headers,
) -> Result<(), Cow<'static, str>> {
    let colon = line.bytes().position(|c| c == b':');
    let Some((raw_name, value)) = colon.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?))) else {
        return Err("a header line has no colon (RFC 3261 §7.3.1)".into());
    };
    let raw_name = syntax::trim_end(raw_name);
    let Some(name) = HeaderName::parse(raw_name) else {
        return Err("a header name is not a token (RFC 3261 §7.3.1)".into());
    };
    let value = syntax::trim(value);
    let unfolded = folded.then(|| unfold(value));
    if suspect && syntax::has_stray_control(unfolded.as_deref().unwrap_or(value)) {
        return Err(format!("{name} holds a control character (RFC 3261 §7.3.1)").into());
    }
    let spelling = (raw_name != name.as_str()).then(|| head.slice_ref(raw_name));
    let value = unfolded.map_or_else(|| head.slice_ref(value), Text::from);
    headers.push_line(Header { name, value, spelling });
    Ok(())
}

fn unfold(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for line in value.split("\r\n") {
        let line = syntax::trim(line);
        if !out.is_empty() && !line.is_empty() {
            out.push(' ');
        }
        out.push_str(line);
    }
    out
}

fn cut_body(headers: &Headers, body: Bytes, framing: Framing, fault: &mut Option<ParseError>) -> Bytes {
    let mut lengths = headers.values(&HeaderName::ContentLength);
    let Some(first) = lengths.next() else {
        if framing == Framing::Stream {
            note(fault, ParseError::new("Content-Length is missing on a stream (RFC 3261 §18.3)", 0));
        }
        return body;
    };
    if lengths.any(|other| other != first) {
        note(fault, ParseError::new("two Content-Lengths disagree (RFC 3261 §20.14)", 0));
        return body;
    }
    let Some(length) = content_length(first) else {
        note(fault, ParseError::new("Content-Length is not a number (RFC 3261 §20.14)", 0));
        return body;
    };
    match framing {
        Framing::Datagram if length < body.len() => body.slice(..length),
        _ if length == body.len() => body,
        _ => {
            let reason = format!(
                "Content-Length says {length}, the body has {} octets (RFC 3261 §18.3, RFC 7118 §5)",
                body.len()
            );
            note(fault, ParseError::new(reason, 0));
            body
        }
    }
}

/// Digits alone; a sign, white space or more than a machine word is refused.
pub(crate) fn content_length(value: &str) -> Option<usize> {
    if value.is_empty() || !value.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    value.parse().ok()
}

/// The first thing that is wrong is the one reported.
fn note(fault: &mut Option<ParseError>, error: ParseError) {
    fault.get_or_insert(error);
}
