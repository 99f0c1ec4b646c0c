//! Who is at the other end, and why it says what it says.

use ims::Impu;
use sip::headers::{NameAddr, PAssertedIdentity, PCalledPartyId, Reason, Warning};
use sip::{HeaderName, Headers, Request, Response, syntax};

use crate::Party;

/// The sender of a request: whom the network asserts, else whom From names (RFC 3325 §9.1).
pub(crate) fn party(request: &Request) -> Option<Party> {
    let asserted = request.headers.first::<PAssertedIdentity>().ok().flatten();
    let is_asserted = asserted.is_some();
    let address = match asserted {
        Some(asserted) => asserted.0,
        None => request.from().ok()?.0,
    };
    let display = display(&address).or_else(|| display(&request.from().ok()?.0));
    Some(Party { uri: address.uri, display, asserted: is_asserted })
}

/// Which of our identities a request is for (RFC 7315 §4.2).
pub(crate) fn called(request: &Request) -> Option<Impu> {
    let called = request.headers.opt::<PCalledPartyId>().ok().flatten()?;
    Impu::parse(&called.uri.to_string()).ok()
}

/// Why, in words: the text of Reason, of Warning, or the reason phrase.
pub(crate) fn why(response: &Response) -> String {
    reason_text(&response.headers).or_else(|| warning_text(&response.headers)).unwrap_or_else(|| {
        let phrase: &str = &response.reason;
        if phrase.is_empty() { response.status.reason().to_owned() } else { phrase.to_owned() }
    })
}

/// The status and the text of a Reason header (RFC 3326), as BYE and CANCEL have it.
pub(crate) fn reason(headers: &Headers) -> (Option<u16>, String) {
    let reasons = headers.elements(&HeaderName::Reason).filter_map(|r| sip::headers::TypedHeader::parse(r).ok());
    let sip = reasons.into_iter().find(|r: &Reason| r.protocol.eq_ignore_ascii_case("SIP"));
    (sip.as_ref().and_then(Reason::cause), reason_text(headers).unwrap_or_default())
}

fn reason_text(headers: &Headers) -> Option<String> {
    headers.all::<Reason>().ok()?.iter().find_map(Reason::text).filter(|text| !text.is_empty())
}

fn warning_text(headers: &Headers) -> Option<String> {
    headers.all::<Warning>().ok()?.into_iter().map(|warning| warning.text).find(|text| !text.is_empty())
}

fn display(address: &NameAddr) -> Option<String> {
    address.display.as_deref().map(|name| syntax::unquote(name).into_owned()).filter(|name| !name.is_empty())
}
