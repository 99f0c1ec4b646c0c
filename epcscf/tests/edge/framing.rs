//! TP-WS 08 to 16 as far as they are not the WebSocket's own: what one message may hold.

use crate::world::{F2, OPERATOR, Register, World};

fn alice() -> Register {
    Register::new("sip:alice@ims.example").bearer(F2)
}

fn first_answer(message: impl AsRef<[u8]>) -> (Option<u16>, Option<u16>, usize) {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, message);
    let status = world.try_answer(flow).map(|answer| answer.status.code());
    (status, world.closed_with(flow), world.mw.len())
}

/// WS-09, WS-10, WS-12, WS-13, WS-14.
#[test]
fn a_message_is_one_whole_sip_message() {
    let text = alice().text();
    let without_length = text.replace("Content-Length: 0\r\n", "");
    for (what, message, expected) in [
        ("one message", text.clone(), (None, None, 1)),
        ("WS-12: no Content-Length", without_length, (None, None, 1)),
        ("WS-09: two messages", format!("{text}{text}"), (Some(400), None, 0)),
        ("WS-10: the first half", text[..text.len() / 2].to_owned(), (Some(400), None, 0)),
        ("WS-10: the second half", text[text.len() / 2..].to_owned(), (None, Some(1003), 0)),
        ("WS-13: too long", text.replace("Content-Length: 0", "Content-Length: 1"), (Some(400), None, 0)),
        ("WS-14: Via TCP", text.replace("SIP/2.0/WSS", "SIP/2.0/TCP"), (Some(400), None, 0)),
        ("Via WS over TLS", text.replace("SIP/2.0/WSS", "SIP/2.0/WS"), (None, None, 1)),
        ("no Call-ID", text.replace("Call-ID:", "X-Call-ID:"), (Some(400), None, 0)),
        ("no CSeq", text.replace("CSeq:", "X-CSeq:"), (None, None, 0)),
        ("two From", text.replace("To:", "From: <sip:b@ims.example>;tag=2\r\nTo:"), (Some(400), None, 0)),
        ("another version", text.replacen("SIP/2.0\r\n", "SIP/3.0\r\n", 1), (Some(505), None, 0)),
        ("not SIP", "GET / HTTP/1.1\r\n\r\n".into(), (None, Some(1003), 0)),
        ("noise", "hello".into(), (None, Some(1003), 0)),
        ("empty", String::new(), (None, Some(1003), 0)),
        ("a response that answers nothing", "SIP/2.0 200 OK\r\n\r\n".into(), (None, None, 0)),
        ("a broken response", "SIP/2.0 999 OK\r\n\r\n".into(), (None, None, 0)),
        ("a broken ACK", "ACK sip:x SIP/2.0\r\n\r\n".into(), (None, None, 0)),
    ] {
        assert_eq!(first_answer(message), expected, "{what}");
    }
}

/// WS-14, the knob.
#[test]
fn a_foreign_via_transport_passes_by_switch() {
    let mut world = World::with(|c| c.policy.connection.via_mismatch = epcscf::policy::ViaMismatch::Accept);
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text().replace("SIP/2.0/WSS", "SIP/2.0/TCP"));
    assert_eq!(world.mw.len(), 1);
}

#[test]
fn octets_that_are_no_utf8_may_stand_in_a_body_alone() {
    let mut header = alice().text().into_bytes();
    let at = header.windows(4).position(|w| w == b"To: ").unwrap();
    header.splice(at..at, *b"X-H: \xff\r\n");
    assert_eq!(first_answer(header), (Some(400), None, 0));
    let mut body = alice().line("Content-Type: application/octet-stream").text().into_bytes();
    let length = body.windows(17).position(|w| w == b"Content-Length: 0").unwrap();
    body[length + 16] = b'2';
    body.extend([0xff, 0xfe]);
    assert_eq!(first_answer(body), (None, None, 1));
}

/// WS-16.
#[test]
fn a_keep_alive_is_answered() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, "\r\n\r\n");
    assert_eq!(world.raw_answer(flow).as_deref(), Some(b"\r\n".as_slice()));
    world.wic(flow, "\r\n");
    assert_eq!(world.raw_answer(flow), None);
    assert_eq!(world.closed_with(flow), None);
}

/// A retransmission over a reliable transport is a client's fault, and answered once.
#[test]
fn the_same_register_twice_is_forwarded_once() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    world.wic(flow, alice().text());
    assert_eq!(world.mw.len(), 1);
}
