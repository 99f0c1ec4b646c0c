//! Requests other than REGISTER, from WICs.

use sip::HeaderName;

use crate::world::{OPERATOR, PARTNER, World, guest};

fn request(method: &str, uri: &str, extra: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@ims.example>;tag=1\r\nTo: <{uri}>\r\nCall-ID: c-{method}\r\nCSeq: 1 {method}\r\n{extra}\r\n"
    )
}

fn status(world: &mut World, flow: sip::FlowId, text: &str) -> Option<u16> {
    world.wic(flow, text);
    world.try_answer(flow).map(|answer| answer.status.code())
}

/// O2: 401 where a token would help, 403 where not.
#[test]
fn before_registration_only_register_is_heard() {
    let mut world = World::new();
    let operator = world.connect(OPERATOR);
    let partner = world.connect(PARTNER);
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "FOO"] {
        let text = request(method, "sip:bob@ims.example", "");
        assert_eq!(status(&mut world, operator, &text), Some(403), "{method}");
        world.wic(partner, text);
        let answer = world.answer(partner);
        assert_eq!(answer.status.code(), 401, "{method}");
        assert!(answer.headers.value(&HeaderName::WwwAuthenticate).unwrap().starts_with("Bearer realm="));
    }
    assert!(world.mw.is_empty());
}

#[test]
fn after_registration_the_edge_says_what_it_is() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    let sent = world.mw.len();
    for (method, uri, expected) in [
        ("OPTIONS", "sip:epcscf1.ims.example", Some(200)),
        ("OPTIONS", "sip:ims.example", Some(200)),
        ("OPTIONS", "sip:bob@ims.example", Some(501)),
        ("MESSAGE", "sip:bob@ims.example", Some(501)),
        ("FOO", "sip:bob@ims.example", Some(405)),
        ("CANCEL", "sip:bob@ims.example", Some(481)),
        ("ACK", "sip:bob@ims.example", None),
    ] {
        assert_eq!(status(&mut world, flow, &request(method, uri, "")), expected, "{method} {uri}");
    }
    assert_eq!(world.mw.len(), sent);
}

#[test]
fn a_guest_that_is_registered_is_not_challenged() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &guest(1)), 200);
    assert_eq!(status(&mut world, flow, &request("OPTIONS", "sip:epcscf1.ims.example", "")), Some(200));
}
