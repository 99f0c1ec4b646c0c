//! A SIP message in two short lines.

use bytes::Bytes;
use sip::headers::{Authorization, Challenge, Contacts, Credentials, WwwAuthenticate};
use sip::{Framing, HeaderName, Headers, Message, Method, Request, Response};

/// A SIP message in two short lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Its first line, less the version.
    pub(crate) title: String,
    /// What is worth knowing before opening it.
    pub(crate) remark: String,
    /// Its status, when it is a final response.
    pub(crate) status: Option<u16>,
}

impl Summary {
    /// Reads a message as it was on the wire.
    pub(crate) fn of(octets: &Bytes) -> Self {
        match Message::parse(octets.clone(), Framing::WebSocket) {
            Ok(Message::Request(request)) => Self::of_request(&request),
            Ok(Message::Response(response)) => Self::of_response(&response),
            Err(malformed) => Self {
                title: first_line(octets),
                remark: join(["malformed: ", &malformed.error.to_string()]),
                status: None,
            },
        }
    }

    fn of_request(request: &Request) -> Self {
        let mut remark = Remark::default();
        if let Some((number, _)) = cseq(&request.headers) {
            remark.add(&["CSeq ", number]);
        }
        if request.method == Method::Register {
            remark.add(&[credentials(&request.headers)]);
            if is_removal(&request.headers) {
                remark.add(&["removes the binding"]);
            }
        }
        Self { title: join([request.method.as_str(), " ", &request.uri.to_string()]), remark: remark.0, status: None }
    }

    fn of_response(response: &Response) -> Self {
        let mut remark = Remark::default();
        let headers = &response.headers;
        if let Some((number, method)) = cseq(headers) {
            remark.add(&["to ", method, ", CSeq ", number]);
        }
        if let Some(challenge) = challenged(headers) {
            remark.add(&[&challenge]);
        }
        if response.status.code() / 100 == 2
            && let Some(expires) = granted(headers)
        {
            remark.add(&[&expires, " s granted"]);
        }
        if headers.has(&HeaderName::AuthenticationInfo) {
            remark.add(&["proves the network by rspauth"]);
        }
        if let Some(least) = headers.value(&HeaderName::MinExpires) {
            remark.add(&["at least ", least, " s"]);
        }
        let code = response.status.code();
        Self {
            title: join([&code.to_string(), " ", &response.reason]),
            remark: remark.0,
            status: (code >= 200).then_some(code),
        }
    }
}

/// Parts with dots between them.
#[derive(Default)]
struct Remark(String);

impl Remark {
    fn add(&mut self, part: &[&str]) {
        if !self.0.is_empty() {
            self.0.push_str(" · ");
        }
        part.iter().for_each(|text| self.0.push_str(text));
    }
}

/// `format!` would bring more code into the page.
pub(crate) fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.concat()
}

fn first_line(octets: &[u8]) -> String {
    let end = octets.iter().take(120).position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(octets.len().min(120));
    String::from_utf8_lossy(octets.get(..end).unwrap_or_default()).into_owned()
}

fn cseq(headers: &Headers) -> Option<(&str, &str)> {
    let (number, method) = headers.value(&HeaderName::CSeq)?.split_once(' ')?;
    Some((number, method.trim()))
}

fn credentials(headers: &Headers) -> &'static str {
    let all = headers.each::<Authorization>().unwrap_or_default();
    match all.first().map(|authorization| &authorization.0) {
        None if headers.has(&HeaderName::Authorization) => "malformed credentials",
        None => "no credentials",
        Some(Credentials::Bearer(_)) => "Bearer token",
        Some(Credentials::Other(_)) => "unknown credentials",
        Some(Credentials::Digest(digest)) if digest.text("response").is_none_or(|r| r.is_empty()) => {
            "names the IMPI, no response yet"
        }
        Some(Credentials::Digest(digest)) => match digest.text("algorithm") {
            Some(algorithm) if algorithm.eq_ignore_ascii_case("SHA-256") => "Digest response, SHA-256",
            _ => "Digest response, MD5",
        },
    }
}

/// Whether a REGISTER ends its binding (RFC 3261 §10.2.2).
fn is_removal(headers: &Headers) -> bool {
    granted(headers).is_some_and(|expires| expires == "0")
}

/// What the Contact, or else Expires, says.
fn granted(headers: &Headers) -> Option<String> {
    let contact = match headers.contacts() {
        Ok(Contacts::List(contacts)) => contacts.first().and_then(|contact| contact.expires()),
        _ => None,
    };
    match contact {
        Some(expires) => Some(expires.to_string()),
        None => headers.value(&HeaderName::Expires).map(str::to_owned),
    }
}

/// `Digest challenge SHA-256, MD5`.
fn challenged(headers: &Headers) -> Option<String> {
    let challenges = headers.each::<WwwAuthenticate>().unwrap_or_default();
    let mut text = String::new();
    let mut stale = false;
    for challenge in &challenges {
        let words = match &challenge.0 {
            Challenge::Digest(digest) => {
                stale |= digest.is_stale();
                ["Digest challenge ".to_owned(), digest.text("algorithm").unwrap_or_else(|| "MD5".to_owned())]
            }
            Challenge::Bearer(bearer) => ["Bearer challenge ".to_owned(), bearer.text("error").unwrap_or_default()],
            Challenge::Other(scheme) => ["challenge ".to_owned(), scheme.to_string()],
        };
        let [kind, detail] = words;
        if text.starts_with(&kind) {
            text.push_str(", ");
        } else {
            text.push_str(&kind);
        }
        text.push_str(&detail);
    }
    if stale {
        text.push_str(", the nonce was stale");
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Summary {
        Summary::of(&Bytes::from(text.replace('\n', "\r\n")))
    }

    fn register(lines: &str) -> String {
        let text = [
            "REGISTER sip:ims.example SIP/2.0\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\n\
             From: <sip:alice@ims.example>;tag=w\nTo: <sip:alice@ims.example>\nCall-ID: c\nCSeq: 7 REGISTER\n",
            lines,
            "\n",
        ];
        summary(&text.concat()).remark
    }

    #[test]
    fn a_register_says_what_it_brings_to_prove_who_it_is() {
        let table = [
            ("", "CSeq 7 · no credentials"),
            (
                "Authorization: Digest username=\"a@b\", realm=\"b\", nonce=\"\", uri=\"sip:b\", response=\"\"\n",
                "CSeq 7 · names the IMPI, no response yet",
            ),
            (
                "Authorization: Digest username=\"a@b\", nonce=\"n\", response=\"f\", algorithm=SHA-256\n",
                "CSeq 7 · Digest response, SHA-256",
            ),
            ("Authorization: Bearer a.b.c\n", "CSeq 7 · Bearer token"),
            (
                "Contact: <sip:u@a.invalid>;expires=0\nAuthorization: Bearer a.b.c\n",
                "CSeq 7 · Bearer token · removes the binding",
            ),
        ];
        for (lines, remark) in table {
            assert_eq!(register(lines), remark);
        }
    }

    #[test]
    fn a_response_says_what_it_challenges_with_and_what_it_grants() {
        let challenge = summary(
            "SIP/2.0 401 Unauthorized\nCSeq: 1 REGISTER\n\
             WWW-Authenticate: Digest realm=\"b\", nonce=\"n\", algorithm=SHA-256, stale=true\n\
             WWW-Authenticate: Digest realm=\"b\", nonce=\"n\", algorithm=MD5\n\n",
        );
        assert_eq!(challenge.title, "401 Unauthorized");
        assert_eq!(challenge.remark, "to REGISTER, CSeq 1 · Digest challenge SHA-256, MD5, the nonce was stale");
        assert_eq!(challenge.status, Some(401));

        let granted = summary(
            "SIP/2.0 200 OK\nCSeq: 2 REGISTER\nContact: <sip:u@a.invalid>;expires=600\n\
             Authentication-Info: qop=auth, rspauth=\"f\"\n\n",
        );
        assert_eq!(granted.remark, "to REGISTER, CSeq 2 · 600 s granted · proves the network by rspauth");

        let refused = summary(
            "SIP/2.0 401 Unauthorized\nCSeq: 1 REGISTER\nWWW-Authenticate: Bearer realm=\"b\", error=\"invalid_token\"\n\n",
        );
        assert_eq!(refused.remark, "to REGISTER, CSeq 1 · Bearer challenge invalid_token");
        assert_eq!(summary("SIP/2.0 100 Trying\nCSeq: 1 REGISTER\n\n").status, None);
    }

    #[test]
    fn what_is_not_sip_is_shown_by_its_first_line() {
        let summary = summary("GET / HTTP/1.1\nHost: a\n\n");
        assert_eq!(summary.title, "GET / HTTP/1.1");
        assert!(summary.remark.starts_with("malformed: "), "{}", summary.remark);
        assert_eq!(Summary::of(&Bytes::from_static(b"\xff\xfe")).status, None);
    }
}
