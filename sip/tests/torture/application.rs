//! RFC 4475 §3.3 and §3.4, as far as a reader is the judge.

use crate::{Verdict, accept, judge, wire};
use sip::headers::{Authorization, Contact, Credentials, MaxForwards};
use sip::{Framing, HeaderName, Uri};

fn message(method: &str, uri: &str, lines: &str) -> Vec<u8> {
    wire(&format!(
        "{method} {uri} SIP/2.0\n\
         Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKp1\n\
         Max-Forwards: 70\n\
         From: <sip:dave@core.example>;tag=p1\n\
         To: <sip:carol@core.example>\n\
         Call-ID: app.1\n\
         CSeq: 1 {method}\n\
         {lines}\
         Content-Length: 0\n\n"
    ))
}

#[test]
fn insuf_what_every_request_needs_is_missing() {
    let lines = [
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKp1",
        "From: <sip:dave@core.example>;tag=p1",
        "To: <sip:carol@core.example>",
        "Call-ID: app.1",
        "CSeq: 1 INVITE",
    ];
    for missing in lines {
        let rest: String = lines.iter().filter(|l| **l != missing).map(|l| format!("{l}\n")).collect();
        let octets = wire(&format!("INVITE sip:carol@core.example SIP/2.0\n{rest}Max-Forwards: 9\nl: 0\n\n"));
        assert_eq!(judge(&octets, Framing::Datagram), Verdict::Answered(400), "without {missing}");
    }
}

#[test]
fn unkscm_novelsc_a_request_uri_of_a_scheme_that_is_not_understood() {
    for uri in ["nobodyknows:whatever(is)inside", "soap.beep://203.0.113.103:3002", "http://core.example/"] {
        assert_eq!(judge(&message("OPTIONS", uri, ""), Framing::Datagram), Verdict::Answered(416), "{uri}");
    }
    for uri in ["tel:+1-201-555-0123", "urn:service:sos", "SIPS:carol@core.example"] {
        accept(&message("OPTIONS", uri, ""));
    }
}

#[test]
fn unksm2_other_uris_may_have_any_scheme() {
    let octets = wire(concat!(
        "REGISTER sip:core.example SIP/2.0\n",
        "To: isbn:2983792873\n",
        "From: <http://www.core.example>;tag=k1\n",
        "Call-ID: unksm2.1\n",
        "CSeq: 1 REGISTER\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKk1\n",
        "Max-Forwards: 70\n",
        "Contact: <name:Miss_Aroll>\n",
        "l: 0\n\n",
    ));
    let request = accept(&octets);
    assert_eq!(request.to().unwrap().uri.scheme(), "isbn");
    assert!(matches!(request.headers.all::<Contact>().unwrap()[0].uri, Uri::Other(_)));
}

#[test]
fn regaut01_credentials_of_an_unknown_scheme_are_credentials() {
    let request = accept(&message("REGISTER", "sip:core.example", "Authorization: Nobody knows=this, at all\n"));
    let credentials: Authorization = request.headers.one().unwrap();
    assert_eq!(credentials.0, Credentials::Other("Nobody".into()));
}

#[test]
fn multi01_one_value_of_each_is_all_there_may_be() {
    for line in [
        "CSeq: 2 INVITE",
        "Call-ID: app.2",
        "From: <sip:erin@core.example>;tag=p2",
        "To: <sip:frank@core.example>",
        "Max-Forwards: 5",
        "Max-Forwards: 70",
        "Expires: 4\nExpires: 5",
    ] {
        let octets = message("INVITE", "sip:carol@core.example", &format!("{line}\n"));
        assert_eq!(judge(&octets, Framing::Datagram), Verdict::Answered(400), "{line}");
    }
}

#[test]
fn mcl01_two_content_lengths_that_disagree() {
    let octets = message("OPTIONS", "sip:carol@core.example", "Content-Length: 13\n");
    assert_eq!(judge(&octets, Framing::Datagram), Verdict::Answered(400));
    assert_eq!(judge(&octets, Framing::WebSocket), Verdict::Answered(400));
}

#[test]
fn zeromf_no_hops_left_is_for_the_proxy_to_judge() {
    let octets = String::from_utf8(message("OPTIONS", "sip:carol@core.example", "")).unwrap();
    let request = accept(octets.replace("Max-Forwards: 70", "Max-Forwards: 0").as_bytes());
    assert_eq!(request.headers.one::<MaxForwards>().unwrap(), MaxForwards(0));
}

#[test]
fn cparam01_cparam02_brackets_say_whose_parameter_it_is() {
    let contact = |value: &str| {
        let request = accept(&message("REGISTER", "sip:core.example", &format!("Contact: {value}\n")));
        request.headers.all::<Contact>().unwrap().remove(0)
    };
    let header = contact("sip:+19725552222@gw1.example;mystery");
    assert!(header.params.has("mystery") && header.uri.as_sip().unwrap().params.is_empty());
    let uri = contact("<sip:+19725552222@gw1.example;mystery>");
    assert!(uri.params.is_empty() && uri.uri.as_sip().unwrap().params.has("mystery"));
}

#[test]
fn regescrt_a_contact_may_carry_headers_in_brackets() {
    let value = "<sip:carol@core.example?Route=%3Csip:there.example%3E>";
    let request = accept(&message("REGISTER", "sip:core.example", &format!("Contact: {value}\n")));
    let contact = request.headers.all::<Contact>().unwrap().remove(0);
    assert_eq!(contact.uri.as_sip().unwrap().headers.as_deref(), Some("Route=%3Csip:there.example%3E"));
    assert_eq!(contact.to_string(), value);
}

#[test]
fn a_star_is_for_register_and_alone() {
    for (method, contact, verdict) in [
        ("REGISTER", "*", Verdict::Accepted),
        ("REGISTER", "*, <sip:carol@core.example>", Verdict::Answered(400)),
        ("REGISTER", "<sip:carol@core.example>, *", Verdict::Answered(400)),
        ("INVITE", "*", Verdict::Answered(400)),
    ] {
        let octets = message(method, "sip:core.example", &format!("Contact: {contact}\n"));
        assert_eq!(judge(&octets, Framing::Datagram), verdict, "{method} {contact}");
    }
}

#[test]
fn inv2543_an_invite_of_the_older_standard_is_accepted() {
    let request = accept(&wire(concat!(
        "INVITE sip:CAROL@core.example SIP/2.0\n",
        "Via: SIP/2.0/UDP gateway.example\n",
        "Record-Route: <sip:CAROL@core.example;maddr=hop.example>\n",
        "From: <sip:+19725552222@gateway.example;user=phone>\n",
        "To: <sip:carol@core.example;user=phone>\n",
        "CSeq: 56 INVITE\n",
        "Call-ID: inv2543.1717@gateway.example\n",
        "Subject: call me\n",
        "Content-Length: 0\n\n",
    )));
    assert_eq!(request.via().unwrap().branch(), None);
    assert_eq!(request.from().unwrap().tag(), None);
    assert!(!request.headers.has(&HeaderName::MaxForwards));
}
