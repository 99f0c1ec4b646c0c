//! RFC 4475 §3.1.2 and §3.2: what must not be acted on, and what is answered.

use crate::{Verdict, accept, judge, wire};
use Verdict::{Accepted, Answered, Dropped};
use sip::{Framing, HeaderName, Message};

/// A message that is right but for what a row changes.
struct Row {
    name: &'static str,
    start: &'static str,
    /// Header lines that take the place of the ordinary one of that name, or are added.
    headers: &'static [&'static str],
    body: &'static str,
    verdict: Verdict,
}

const INVITE: &str = "INVITE sip:carol@core.example SIP/2.0";

const ROWS: &[Row] = &[
    Row {
        name: "badinv01: separators without anything between them",
        start: INVITE,
        headers: &["Via: SIP/2.0/UDP 203.0.113.5;;,;,,", "Contact: \"Dave\" <sip:dave@pc.example>;;;;"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "clerr: Content-Length says more than there is",
        start: INVITE,
        headers: &["Content-Length: 9999"],
        body: "v=0",
        verdict: Answered(400),
    },
    Row {
        name: "ncl: a negative Content-Length",
        start: INVITE,
        headers: &["Content-Length: -999"],
        body: "v=0",
        verdict: Answered(400),
    },
    Row {
        name: "scalar02: numbers of a request out of range",
        start: "REGISTER sip:core.example SIP/2.0",
        headers: &[
            "CSeq: 36893488147419103232 REGISTER",
            "Max-Forwards: 300",
            "Expires: 10000000000000000000000000000000",
            "Contact: <sip:dave@pc.example>;expires=280297596632815",
        ],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "scalar02: CSeq alone, just above 2^31-1",
        start: INVITE,
        headers: &["CSeq: 2147483648 INVITE"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "scalar02: Max-Forwards alone",
        start: INVITE,
        headers: &["Max-Forwards: 256"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "scalarlg: numbers of a response out of range",
        start: "SIP/2.0 503 Service Unavailable",
        headers: &["CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304023988"],
        body: "",
        verdict: Dropped,
    },
    Row {
        name: "quotbal: a quoted string without its end",
        start: INVITE,
        headers: &["To: \"Miss C. Aroll <sip:carol@core.example>"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "ltgtruri: a Request-URI in angle brackets",
        start: "INVITE <sip:carol@core.example> SIP/2.0",
        headers: &[],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "lwsruri: white space in the Request-URI",
        start: "INVITE sip:carol@core.example; lr SIP/2.0",
        headers: &[],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "lwsstart: two spaces on the request line",
        start: "INVITE  sip:carol@core.example  SIP/2.0",
        headers: &[],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "trws: spaces after the request line",
        start: "INVITE sip:carol@core.example SIP/2.0  ",
        headers: &[],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "escruri: headers in the Request-URI",
        start: "INVITE sip:carol@core.example?Route=%3Csip:there.example%3E SIP/2.0",
        headers: &[],
        body: "",
        verdict: Answered(400),
    },
    // Nobody here acts by Date, so it passes as it stands.
    Row {
        name: "baddate: a time zone other than GMT",
        start: INVITE,
        headers: &["Date: Fri, 01 Jan 2010 16:00:00 CET"],
        body: "",
        verdict: Accepted,
    },
    Row {
        name: "regbadct: a Contact with ? and without angle brackets",
        start: "REGISTER sip:core.example SIP/2.0",
        headers: &["CSeq: 1 REGISTER", "Contact: sip:carol@core.example?Route=%3Csip:there.example%3E"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "badaspec: white space inside the angle brackets",
        start: INVITE,
        headers: &["To: \"Aroll, Carol\" < sip:carol@core.example >"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "baddn: a comma in a display name without quotes",
        start: INVITE,
        headers: &["From: Avid, Dave <sip:dave@core.example>;tag=b1"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "badvers: another version of SIP",
        start: "OPTIONS sip:carol@core.example SIP/7.0",
        headers: &["Via: SIP/7.0/UDP c.example;branch=z9hG4bKv", "CSeq: 1 OPTIONS"],
        body: "",
        verdict: Answered(505),
    },
    Row {
        name: "mismatch01: CSeq names another method",
        start: INVITE,
        headers: &["CSeq: 8 OPTIONS"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "mismatch02: CSeq names a known method, the request none",
        start: "NEWMETHOD sip:carol@core.example SIP/2.0",
        headers: &["CSeq: 8 INVITE"],
        body: "",
        verdict: Answered(400),
    },
    Row {
        name: "bigcode: a status code above 699",
        start: "SIP/2.0 4294967301 this overflows",
        headers: &[],
        body: "",
        verdict: Dropped,
    },
    Row {
        name: "bigcode: the first one above",
        start: "SIP/2.0 700 no such class",
        headers: &[],
        body: "",
        verdict: Dropped,
    },
];

/// The message of a row.
fn compose(start: &str, headers: &[&str], body: &str) -> Vec<u8> {
    const ORDINARY: [&str; 7] = [
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKx1",
        "Max-Forwards: 70",
        "From: <sip:dave@core.example>;tag=x1",
        "To: <sip:carol@core.example>",
        "Call-ID: row.1@203.0.113.5",
        "CSeq: 8 INVITE",
        "Contact: <sip:dave@pc.example>",
    ];
    let name = |line: &&str| line.split(':').next().unwrap_or("").to_owned();
    let mut text = format!("{start}\n");
    let kept = ORDINARY.iter().filter(|line| !headers.iter().any(|h| name(h) == name(line)));
    for line in kept.chain(headers) {
        text.push_str(line);
        text.push('\n');
    }
    if !headers.iter().any(|line| line.starts_with("Content-Length")) {
        text.push_str(&format!("Content-Length: {}\n", body.len()));
    }
    text.push('\n');
    text.push_str(body);
    wire(&text)
}

#[test]
fn the_ordinary_message_is_valid() {
    accept(&compose(INVITE, &[], "v=0"));
    assert_eq!(judge(&compose("SIP/2.0 200 OK", &[], ""), Framing::Datagram), Accepted);
}

#[test]
fn each_invalid_message_gets_its_answer() {
    for framing in [Framing::Datagram, Framing::WebSocket] {
        for row in ROWS {
            let octets = compose(row.start, row.headers, row.body);
            assert_eq!(judge(&octets, framing), row.verdict, "{} ({framing:?})", row.name);
        }
    }
}

#[test]
fn every_answer_says_why_and_where_it_is_written() {
    for row in ROWS.iter().filter(|row| matches!(row.verdict, Answered(_))) {
        let reason = match Message::parse(compose(row.start, row.headers, row.body), Framing::Datagram) {
            Err(malformed) => malformed.error.reason.into_owned(),
            Ok(Message::Request(request)) => request.validate().unwrap_err().reason.into_owned(),
            Ok(Message::Response(_)) => unreachable!(),
        };
        assert!(reason.len() > 15 && reason.contains("RFC "), "{}: {reason}", row.name);
    }
}

#[test]
fn a_malformed_request_is_read_as_far_as_an_answer_needs() {
    let octets = compose("INVITE <sip:carol@core.example> SIP/2.0", &[], "");
    let request = Message::parse(octets, Framing::Datagram).unwrap_err().request.unwrap();
    let response = request.respond(sip::StatusCode::BAD_REQUEST);
    response.validate().unwrap();
    assert_eq!(response.headers.value(&HeaderName::Via), Some("SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKx1"));
}

#[test]
fn badbranch_a_cookie_alone_is_read_and_identifies_nothing() {
    let request = accept(&compose(INVITE, &["Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK"], ""));
    assert_eq!(request.via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(request.via().unwrap().rfc3261_branch(), None);
}

#[test]
fn control_characters_stand_nowhere_but_escaped_in_quotes() {
    let verdict = |line: &str| judge(&compose(INVITE, &[line], ""), Framing::Datagram);
    assert_eq!(verdict("Subject: \"a\\\u{7}b\""), Accepted);
    for bad in [
        "Subject: a\u{7}b",
        "Subject: a\\\u{7}b",
        "Subject: \"a\u{7}b\"",
        "Subject: \"a\\\\\u{7}b\"",
        "Subject: \"a\\\rb\"",
        "Subject: a\rb",
        "Subject: a\0b",
    ] {
        assert_eq!(verdict(bad), Answered(400), "{bad:?}");
    }
}

#[test]
fn what_is_not_sip_is_dropped() {
    for octets in [
        &b""[..],
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: core.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"INVITE\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 2x0 OK\r\n\r\n",
    ] {
        for framing in [Framing::Datagram, Framing::WebSocket, Framing::Stream] {
            assert_eq!(judge(octets, framing), Dropped, "{octets:?}");
        }
    }
}
