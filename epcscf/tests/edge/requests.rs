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
        ("CANCEL", "sip:bob@ims.example", Some(481)),
        ("ACK", "sip:bob@ims.example", None),
        ("BYE", "sip:bob@ims.example", Some(481)),
        ("PRACK", "sip:bob@ims.example", Some(481)),
    ] {
        assert_eq!(status(&mut world, flow, &request(method, uri, "")), expected, "{method} {uri}");
    }
    let last_hop = request("OPTIONS", "sip:bob@ims.example", "").replace("Forwards: 70", "Forwards: 0");
    world.wic(flow, last_hop.replace("z9hG4bK", "z9hG4bKlast"));
    let answer = world.answer(flow);
    assert_eq!(answer.status.code(), 200);
    for method in
        ["INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER"]
    {
        assert!(answer.headers.lists(&HeaderName::Allow, method), "{method}");
    }
    assert!(answer.headers.has(&HeaderName::Accept) && answer.headers.has(&HeaderName::Supported));
    assert_eq!(world.mw.len(), sent);
}

#[test]
fn a_guest_that_is_registered_is_not_challenged() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &guest(1)), 200);
    assert_eq!(status(&mut world, flow, &request("OPTIONS", "sip:epcscf1.ims.example", "")), Some(200));
}

/// O3, TOK-27: `bearer.on_requests`.
#[test]
fn the_token_on_other_requests_is_judged_as_the_policy_says() {
    use crate::world::{F2, START, claims, sign, with};
    use epcscf::policy::OnRequests::{Ignore, Optional, Require};
    let other = sign(&with(claims(), "jti", "t-other"));
    let expired = sign(&with(with(claims(), "iat", START - 200), "exp", START - 31));
    let bobs = sign(&with(claims(), "impi", "bob-wic@ims.example"));
    for (what, policy, token, expected) in [
        ("none", Optional, None, 200),
        ("none", Require, None, 401),
        ("the registered one", Require, Some(F2), 200),
        ("another of the same user", Require, Some(&*other), 403),
        ("TOK-27: expired", Require, Some(&*expired), 401),
        ("expired", Optional, Some(&*expired), 401),
        ("another user's", Optional, Some(&*bobs), 403),
        ("noise", Optional, Some("abc"), 401),
        ("noise", Ignore, Some("abc"), 200),
    ] {
        let mut world = World::with(|c| c.policy.bearer.on_requests = policy);
        let flow = world.connect(OPERATOR);
        world.register_alice(flow);
        let header = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        let options = request("OPTIONS", "sip:epcscf1.ims.example", &header);
        assert_eq!(status(&mut world, flow, &options), Some(expected), "{what} {policy:?}");
    }
}

/// A WIC that refreshes with a new token has no other from then on; the core may take its time.
#[test]
fn the_token_of_a_refresh_under_way_is_taken_on_other_requests() {
    use crate::world::{Register, claims, ok, sign, with};
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    let renewed = sign(&with(claims(), "jti", "t-renewed"));
    let options = |branch: &str| {
        let header = format!("Authorization: Bearer {renewed}\r\n");
        request("OPTIONS", "sip:epcscf1.ims.example", &header).replace("z9hG4bK", &format!("z9hG4bK{branch}"))
    };
    assert_eq!(status(&mut world, flow, &options("a")), Some(403), "before it");
    world.wic(flow, Register::new("sip:alice@ims.example").cseq(2).bearer(&renewed).text());
    let refresh = world.at_core();
    assert_eq!(status(&mut world, flow, &options("b")), Some(200), "while it is under way");
    world.core_answers(ok(&refresh));
    assert_eq!(world.answer(flow).status.code(), 200);
    assert_eq!(status(&mut world, flow, &options("c")), Some(200), "after it");
}
