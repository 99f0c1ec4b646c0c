//! Requests within a dialog that the script began, and its answers in one that it was called by.

use sip::{HeaderName, Request, Response};

use super::Person;
use crate::script::Msg;

/// A description as browsers make it, of audio alone.
pub const SDP: &str = "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 8 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:1 1 udp 2122260223 192.0.2.20 51814 typ host\r\na=ice-ufrag:Zk3q\r\n\
    a=ice-pwd:6hV0m2n0dQe2uS7yK1rT9xWb\r\n\
    a=fingerprint:sha-256 3A:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:9F\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n";

/// A request of the caller in the dialog that `invite` and its 2xx opened: along the route set, to
/// the Contact of the 2xx.
pub fn in_dialog(method: &str, cseq: u32, invite: &Msg, answer: &Response, branch: &str) -> Msg {
    let contact = uri(answer.headers.value(&HeaderName::Contact).unwrap_or_default());
    let mut routes: Vec<&str> = answer.headers.elements(&HeaderName::RecordRoute).collect();
    routes.reverse();
    let copied = |name: &str| invite.value(name).unwrap_or_default().to_owned();
    let via = copied("Via");
    let (before, _) = via.split_once(";branch=").unwrap_or((&via, ""));
    let mut request = Msg::request(method, &contact)
        .with("Via", format!("{before};branch=z9hG4bK{branch}{method}{cseq}"))
        .with("Max-Forwards", 70);
    for route in routes {
        request = request.with("Route", route);
    }
    request
        .with("From", copied("From"))
        .with("To", answer.headers.value(&HeaderName::To).unwrap_or_default())
        .with("Call-ID", copied("Call-ID"))
        .with("CSeq", format!("{cseq} {method}"))
}

/// The 200 that a called WIC sends.
pub fn answer_of_wic(invite: &Request, person: &Person) -> Msg {
    response_of_wic(invite, person, "200 OK").body("application/sdp", SDP)
}

/// Any response that a called WIC sends, with its tag and Contact.
pub fn response_of_wic(request: &Request, person: &Person, status: &str) -> Msg {
    let mut response = Msg::new(format!("SIP/2.0 {status}"));
    for name in [HeaderName::Via, HeaderName::RecordRoute, HeaderName::From] {
        for value in request.headers.values(&name) {
            response = response.with(name.as_str(), value);
        }
    }
    let to = request.headers.value(&HeaderName::To).unwrap_or_default();
    let tag = if to.contains("tag=") { String::new() } else { format!(";tag={}", person.user) };
    response
        .with("To", format!("{to}{tag}"))
        .with("Call-ID", request.headers.value(&HeaderName::CallId).unwrap_or_default())
        .with("CSeq", request.headers.value(&HeaderName::CSeq).unwrap_or_default())
        .with("Contact", format!("<{};ob>", person.contact_uri()))
}

fn uri(value: &str) -> String {
    value.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or(value).to_owned()
}
