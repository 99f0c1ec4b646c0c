//! What a REGISTER asks, in types, and the rules on it that need no state.

use ims::{Impu, ImpuError};
use sip::headers::{CSeq, CallId, Contact, Contacts, Expires, From, To};
use sip::{HeaderName, Headers, Request, StatusCode, Uri};

use crate::policy::RegistrationTable;
use crate::refusal::Refusal;

/// A REGISTER whose addressing is right (RFC 3261 §10.2, §10.3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Register {
    pub(crate) to: Impu,
    pub(crate) from: Impu,
    pub(crate) domain: String,
    pub(crate) call_id: CallId,
    pub(crate) cseq: u32,
    pub(crate) asks: Asks,
    pub(crate) outbound: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asks {
    /// Which bindings there are.
    Fetch,
    /// To remove all.
    RemoveAll,
    /// To bind this contact for so long, or without a wish; 0 removes it.
    Bind { contact: Contact, expires: Option<u32> },
}

impl Register {
    /// Reads a REGISTER. `domains` are those that may be registered in.
    pub(crate) fn parse(request: &Request, domains: &[&str]) -> Result<Self, Refusal> {
        let malformed = |e: sip::HeaderError| Refusal::bad_request(e.reason().to_owned());
        let headers = &request.headers;
        let cseq = headers.one::<CSeq>().map_err(malformed)?;
        Ok(Self {
            domain: registrar_domain(&request.uri, domains)?,
            to: public_identity(&headers.one::<To>().map_err(malformed)?.uri, "To")?,
            from: public_identity(&headers.one::<From>().map_err(malformed)?.uri, "From")?,
            call_id: headers.one().map_err(malformed)?,
            cseq: cseq.number,
            asks: asks(headers)?,
            outbound: is_outbound(headers),
        })
    }

    /// Whether it only takes away.
    pub(crate) fn removes(&self) -> bool {
        matches!(self.asks, Asks::RemoveAll | Asks::Bind { expires: Some(0), .. })
    }
}

/// RFC 3261 §10.2: the Request-URI names the domain, without a user part; the edge is in the home
/// domain of what is registered (TS 23.228 U.1.1).
fn registrar_domain(uri: &Uri, domains: &[&str]) -> Result<String, Refusal> {
    let Uri::Sip(uri) = uri else {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_URI_SCHEME, "a registrar has a sip URI (RFC 3261 §10.2)"));
    };
    if uri.user.is_some() {
        return Err(Refusal::bad_request("the Request-URI of a REGISTER has no user part (RFC 3261 §10.2)"));
    }
    let host = uri.host.as_str();
    match domains.iter().find(|domain| domain.eq_ignore_ascii_case(host)) {
        Some(domain) => Ok((*domain).to_owned()),
        None => Err(Refusal::forbidden("this edge does not serve the domain (TS 23.228 U.1.1)")),
    }
}

fn public_identity(uri: &Uri, header: &str) -> Result<Impu, Refusal> {
    Impu::parse(&uri.to_string()).map_err(|error| match error {
        // WLD-08: only a distinct identity is ever registered (TS 23.228 §4.3.3.2b).
        ImpuError::Wildcard => Refusal::forbidden(format!("{header}: {error}")),
        ImpuError::Scheme => Refusal::new(StatusCode::UNSUPPORTED_URI_SCHEME, format!("{header}: {error}")),
        _ => Refusal::bad_request(format!("{header}: {error}")),
    })
}

fn asks(headers: &Headers) -> Result<Asks, Refusal> {
    let contacts = headers.contacts().map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
    let header = headers.opt::<Expires>().map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
    let header = header.map(|expires| expires.0);
    let mut list = match contacts {
        Contacts::Star if header == Some(0) => return Ok(Asks::RemoveAll),
        Contacts::Star => return Err(Refusal::bad_request("Contact: * needs Expires: 0 (RFC 3261 §10.2.2)")),
        Contacts::List(list) => list,
    };
    let Some(contact) = list.pop() else { return Ok(Asks::Fetch) };
    if !list.is_empty() {
        return Err(Refusal::bad_request("a WIC has one Contact on a connection (RFC 5626 §4.2.1)"));
    }
    let Uri::Sip(uri) = &contact.uri else {
        return Err(Refusal::bad_request("the Contact of a WIC is a sip URI (RFC 7118 §5.2)"));
    };
    if uri.params.has("sos") || contact.params.has("sos") {
        return Err(Refusal::forbidden("emergency registration is not offered (TS 24.229 §5.1.6)"));
    }
    if contact.params.has("reg-id") && contact.reg_id().is_none() {
        return Err(Refusal::bad_request("reg-id is not a number above 0 (RFC 5626 §4.2)"));
    }
    let expires = contact.expires().or(header);
    Ok(Asks::Bind { contact, expires })
}

/// RFC 5626 §5.1: `ob` is for a client that names its instance and flow and supports outbound.
fn is_outbound(headers: &Headers) -> bool {
    let named = match headers.contacts() {
        Ok(Contacts::List(list)) => list.first().is_some_and(|c| c.reg_id().is_some() && c.instance().is_some()),
        _ => false,
    };
    named && (headers.lists(&HeaderName::Supported, "outbound") || headers.lists(&HeaderName::Require, "outbound"))
}

/// The elements of `name` that `known` does not list, for Unsupported.
pub(crate) fn unknown_tags(headers: &Headers, name: &HeaderName, known: &[&str]) -> Option<String> {
    let unknown: Vec<&str> = headers
        .elements(name)
        .filter(|tag| !tag.is_empty() && !known.iter().any(|k| k.eq_ignore_ascii_case(tag)))
        .collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}

/// Why no registration of any length can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooShort {
    /// The request asks for less than the least.
    Request,
    /// The token ends before the least is over.
    Token,
}

/// How long a registration may be: the shortest of what is asked, what the node and the WWSF allow
/// and what is left of the token.
pub(crate) fn grant(
    asked: Option<u32>,
    table: &RegistrationTable,
    wwsf_max: u32,
    token_left: u64,
) -> Result<u32, TooShort> {
    let asked = asked.unwrap_or(table.default_expires);
    if asked < table.min_expires {
        return Err(TooShort::Request);
    }
    let granted = asked.min(table.max_expires).min(wwsf_max).min(u32::try_from(token_left).unwrap_or(u32::MAX));
    if granted < table.min_expires { Err(TooShort::Token) } else { Ok(granted) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::{Framing, Message};

    fn read(uri: &str, lines: &str) -> Result<Register, Refusal> {
        let text = format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nCall-ID: 1\r\n\
             CSeq: 1 REGISTER\r\n{lines}\r\n"
        );
        match Message::parse(text.into_bytes(), Framing::WebSocket).unwrap() {
            Message::Request(request) => Register::parse(&request, &["ims.example"]),
            Message::Response(_) => unreachable!(),
        }
    }

    fn status(uri: &str, lines: &str) -> u16 {
        read(uri, lines).map_or_else(|refusal| refusal.status.code(), |_| 200)
    }

    #[test]
    fn the_addressing_of_a_register_is_checked() {
        let ids = "From: <sip:a@ims.example>;tag=1\r\nTo: <sip:a@ims.example>\r\n";
        for (uri, lines, expected) in [
            ("sip:ims.example", ids.to_owned(), 200),
            ("sip:IMS.example", ids.to_owned(), 200),
            ("sip:a@ims.example", ids.to_owned(), 400),
            ("sip:other.example", ids.to_owned(), 403),
            ("tel:+1", ids.to_owned(), 416),
            ("sip:ims.example", ids.replace("To: <sip:a@", "To: <sip:guest-!.*!@"), 403),
            ("sip:ims.example", ids.replace("To: <sip:a@", "To: <sip:"), 400),
            ("sip:ims.example", ids.replace("To: <sip:", "To: <mailto:"), 416),
            ("sip:ims.example", format!("{ids}Contact: *\r\nExpires: 0\r\n"), 200),
            ("sip:ims.example", format!("{ids}Contact: *\r\nExpires: 60\r\n"), 400),
            ("sip:ims.example", format!("{ids}Contact: *\r\n"), 400),
            ("sip:ims.example", format!("{ids}Contact: <sip:a@a.invalid>, <sip:b@b.invalid>\r\n"), 400),
            ("sip:ims.example", format!("{ids}Contact: <tel:+1>\r\n"), 400),
            ("sip:ims.example", format!("{ids}Contact: <sip:a@a.invalid;sos>\r\n"), 403),
            ("sip:ims.example", format!("{ids}Contact: <sip:a@a.invalid>;reg-id=0\r\n"), 400),
        ] {
            assert_eq!(status(uri, &lines), expected, "{uri} {lines}");
        }
    }

    #[test]
    fn a_contacts_own_expires_wins_over_the_header() {
        let ids = "From: <sip:a@ims.example>;tag=1\r\nTo: <sip:a@ims.example>\r\nExpires: 100\r\n";
        for (contact, expected) in [("<sip:a@a.invalid>;expires=0", Some(0)), ("<sip:a@a.invalid>", Some(100))] {
            let register = read("sip:ims.example", &format!("{ids}Contact: {contact}\r\n")).unwrap();
            let Asks::Bind { expires, .. } = register.asks else { panic!("{register:?}") };
            assert_eq!(expires, expected);
        }
    }

    /// REG-04, REG-05, TOK-32.
    #[test]
    fn the_shortest_bound_decides_how_long_a_registration_lasts() {
        let table = RegistrationTable {
            min_expires: 60,
            max_expires: 7200,
            default_expires: 3600,
            ..RegistrationTable::default()
        };
        for (asked, wwsf_max, left, expected) in [
            (Some(600), u32::MAX, u64::MAX, Ok(600)),
            (None, u32::MAX, u64::MAX, Ok(3600)),
            (Some(600_000), u32::MAX, u64::MAX, Ok(7200)),
            (Some(3600), 1800, u64::MAX, Ok(1800)),
            (Some(3600), u32::MAX, 300, Ok(300)),
            (Some(59), u32::MAX, u64::MAX, Err(TooShort::Request)),
            (Some(3600), u32::MAX, 59, Err(TooShort::Token)),
            (Some(10), u32::MAX, 10, Err(TooShort::Request)),
        ] {
            assert_eq!(grant(asked, &table, wwsf_max, left), expected, "{asked:?} {left}");
        }
    }
}
