//! RFC 5118 §4: IPv6 literals.

use crate::{Verdict, accept, judge, wire};
use sip::headers::{Contact, Route, Via};
use sip::{Framing, Transport};
use std::net::IpAddr;

fn message(uri: &str, lines: &str, body: &str) -> Vec<u8> {
    wire(&format!(
        "OPTIONS {uri} SIP/2.0\n\
         {lines}\
         Max-Forwards: 70\n\
         From: <sip:dave@[2001:db8::5]>;tag=v6\n\
         To: <sip:carol@core.example>\n\
         Call-ID: v6.1@[2001:db8::5]\n\
         CSeq: 1 OPTIONS\n\
         Content-Length: {}\n\n{body}",
        body.replace('\n', "\r\n").len()
    ))
}

const VIA: &str = "Via: SIP/2.0/UDP [2001:db8::5]:5062;branch=z9hG4bKv6\n";

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn a_reference_in_brackets_is_a_host() {
    let request = accept(&message("sip:[2001:db8::10]", VIA, ""));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!((uri.host.ip(), uri.port), (ip("2001:db8::10"), None));
    assert_eq!(request.via().unwrap().sent_by(), "[2001:db8::5]:5062");
    assert_eq!(request.from().unwrap().uri.as_sip().unwrap().host.ip(), ip("2001:db8::5"));
}

#[test]
fn without_brackets_it_is_refused() {
    for uri in ["sip:2001:db8::10", "sip:carol@2001:db8::10", "sip:[2001:db8::10", "sip:2001:db8::10]"] {
        assert_eq!(judge(&message(uri, VIA, ""), Framing::Datagram), Verdict::Answered(400), "{uri}");
    }
    let via = "Via: SIP/2.0/UDP 2001:db8::5;branch=z9hG4bKv6\n";
    assert_eq!(judge(&message("sip:[::1]", via, ""), Framing::Datagram), Verdict::Answered(400));
}

#[test]
fn digits_inside_the_brackets_are_never_the_port() {
    let request = accept(&message("sip:[2001:db8::10:5070]", VIA, ""));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!((uri.host.ip(), uri.port), (ip("2001:db8::10:5070"), None));
}

#[test]
fn digits_after_the_brackets_are() {
    let request = accept(&message("sip:[2001:db8::10]:5070", VIA, ""));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!((uri.host.ip(), uri.port), (ip("2001:db8::10"), Some(5070)));
}

#[test]
fn received_is_understood_with_and_without_brackets() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("Via: SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKv6\n");
        let request = accept(&message("sip:[2001:db8::9:1]", &via, ""));
        assert_eq!(request.via().unwrap().received(), ip("2001:db8::9:255"), "{received}");
    }
}

#[test]
fn a_body_with_bare_addresses_is_left_alone() {
    let body = "v=0\no=dave 1 1 IN IP6 2001:db8::5\ns=-\nc=IN IP6 2001:db8::5\nt=0 0\nm=audio 49250 RTP/AVP 0\n";
    let request = accept(&message("sip:carol@[2001:db8::10]", &format!("{VIA}Content-Type: application/sdp\n"), body));
    assert!(request.body.ends_with(b"m=audio 49250 RTP/AVP 0\r\n"));
}

#[test]
fn both_families_stand_side_by_side() {
    let lines = concat!(
        "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa\n",
        "Via: SIP/2.0/UDP 192.0.2.1;received=198.51.100.200;branch=z9hG4bKb, SIP/2.0/TCP [::1]:5060;branch=z9hG4bKc\n",
        "Route: <sip:[2001:db8::a];lr>, <sip:192.0.2.9:5080;lr>\n",
        "Contact: <sip:dave@[2001:db8::5]:5099;transport=tcp>, \"v4\" <sip:dave@192.0.2.5>\n",
    );
    let request = accept(&message("sip:carol@192.0.2.10", lines, ""));
    let vias: Vec<_> = request.headers.all::<Via>().unwrap().iter().map(|via| via.host.ip()).collect();
    assert_eq!(vias, [ip("2001:db8::9:1"), ip("192.0.2.1"), ip("::1")]);
    assert_eq!(request.headers.all::<Route>().unwrap().len(), 2);
    let contacts = request.headers.all::<Contact>().unwrap();
    assert_eq!(contacts[0].uri.as_sip().unwrap().port, Some(5099));
    assert_eq!(contacts[1].uri.as_sip().unwrap().host.ip(), ip("192.0.2.5"));
}

#[test]
fn a_body_with_both_families_is_left_alone() {
    let body = "v=0\nc=IN IP6 2001:db8::1\nm=audio 22334 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107\n";
    let request = accept(&message("sip:carol@[2001:db8::10]", &format!("{VIA}c: application/sdp\n"), body));
    assert_eq!(request.body.iter().filter(|c| **c == b'\n').count(), 5);
}

#[test]
fn a_mapped_ipv4_address_is_one_of_ipv6() {
    let via = "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKv6\n";
    let request = accept(&message("sip:carol@[::FFFF:192.0.2.2]", via, ""));
    assert_eq!(request.uri.as_sip().unwrap().host.ip(), ip("::ffff:192.0.2.2"));
    let via = request.via().unwrap();
    assert_eq!(
        (via.host.ip(), via.port, via.transport()),
        (ip("::ffff:192.0.2.10"), Some(19823), Some(Transport::Udp))
    );
}

#[test]
fn three_colons_that_the_old_grammar_allowed_are_refused() {
    let octets = message("sip:carol@[2001:db8:::192.0.2.1]", VIA, "");
    assert_eq!(judge(&octets, Framing::Datagram), Verdict::Answered(400));
}
