//! TP-WLD: flow 3 with this node as the registrar (`static-wildcard`).

use sip::HeaderName;

use crate::world::{PARTNER, Register, START, World, guest, guest_claims, sign, with};

fn registered(world: &mut World, n: u32) -> sip::FlowId {
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &guest(n)), 200);
    flow
}

/// WLD-01, WLD-05.
#[test]
fn a_guest_in_range_is_registered_here_and_nothing_goes_to_the_core() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    world.wic(flow, guest(42).text());
    let answer = world.answer(flow);
    assert_eq!(answer.status.code(), 200);
    assert!(answer.to().unwrap().tag().is_some());
    let value = |name: HeaderName| answer.headers.value(&name).unwrap_or_default().to_owned();
    assert!(value(HeaderName::Contact).ends_with(";expires=3500"), "{}", value(HeaderName::Contact));
    assert_eq!(value(HeaderName::PAssociatedUri), "<sip:guest-42@partner.ims.example>");
    assert_eq!(value(HeaderName::ServiceRoute), "<sip:orig@epcscf1.ims.example;lr>");
    assert_eq!(value(HeaderName::Require), "outbound");
    assert_eq!(value(HeaderName::FlowTimer), "120");
    assert!(world.mw.is_empty());
    assert!(world.edge.registrations(world.now)[0].local);
}

/// Composed for the specification, with the test key of RFC 8037.
#[test]
fn the_flow_3_vector_registers() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    let register = Register::new("sip:guest-042@partner.ims.example").bearer(crate::world::F3);
    assert_eq!(world.status(flow, &register), 200);
}

/// WLD-02, WLD-03, WLD-04, WLD-06, WLD-07, WLD-08.
#[test]
fn only_what_lies_in_the_range_of_this_wwsf_is_registered() {
    for (what, to, claimed, expected) in [
        ("WLD-03: outside", "sip:bob@partner.ims.example", "sip:bob@partner.ims.example", 403),
        ("WLD-03: the home domain", "sip:alice@ims.example", "sip:alice@ims.example", 403),
        ("WLD-04: the anchor", "sip:trunk@partner.ims.example", "sip:trunk@partner.ims.example", 403),
        ("WLD-04: distinct", "sip:guest-7@partner.ims.example", "sip:guest-7@partner.ims.example", 403),
        ("WLD-06: prefix", "sip:xguest-1@partner.ims.example", "sip:xguest-1@partner.ims.example", 403),
        ("WLD-06: host", "sip:guest-1@partner.ims.example.evil", "sip:guest-1@partner.ims.example.evil", 403),
        (
            "WLD-07: written otherwise",
            "sip:%67uest-1@PARTNER.ims.example;user=phone",
            "sip:guest-1@partner.ims.example",
            200,
        ),
        ("WLD-08: the wildcard", "sip:guest-!.*!@partner.ims.example", "sip:guest-1@partner.ims.example", 403),
        ("TOK-16: another guest", "sip:guest-2@partner.ims.example", "sip:guest-1@partner.ims.example", 403),
    ] {
        let mut world = World::with(|c| c.distinct = vec!["sip:guest-7@partner.ims.example".parse().unwrap()]);
        let flow = world.connect(PARTNER);
        let token = sign(&with(guest_claims(1), "impu", vec![claimed]));
        let mut register = Register::new(to).bearer(&token);
        register.domain = "partner.ims.example".into();
        assert_eq!(world.status(flow, &register), expected, "{what}");
        assert!(world.mw.is_empty(), "{what}");
    }
}

/// WLD-02: two partners, each with a range.
#[test]
fn a_wwsf_cannot_give_away_another_ones_identities() {
    let mut world = World::with(|config| {
        let mut other = config.wwsf[1].clone();
        other.id = "wwsf.other.example".into();
        other.origins = vec!["https://wwsf.other.example".into()];
        other.ranges = "sip:visitor-!.*!@partner.ims.example".parse().into_iter().collect();
        other.anchor = None;
        config.wwsf.push(other);
    });
    let flow = world.connect("https://wwsf.other.example");
    let token = sign(&with(guest_claims(1), "client_id", "wwsf.other.example"));
    let mut register = Register::new("sip:guest-1@partner.ims.example").bearer(&token);
    register.domain = "partner.ims.example".into();
    assert_eq!(world.status(flow, &register), 403);
}

/// WLD-09.
#[test]
fn an_identity_has_one_holder() {
    let mut world = World::new();
    let first = registered(&mut world, 1);
    let second = world.connect(PARTNER);
    let rival = with(with(guest_claims(1), "impi", "guest-2@partner.ims.example"), "jti", "g-other");
    let mut register = Register::new("sip:guest-1@partner.ims.example").bearer(&sign(&rival)).instance(2);
    register.domain = "partner.ims.example".into();
    assert_eq!(world.status(second, &register), 403);
    assert_eq!(world.closed_with(first), None);
    // Once the holder is gone and the grace is over, it is free.
    world.lose(first);
    let third = world.connect(PARTNER);
    assert_eq!(world.status(third, &register.clone().cseq(2)), 403);
    world.sleep(29);
    assert_eq!(world.status(third, &register.clone().cseq(3)), 403);
    world.sleep(1);
    let fourth = world.connect(PARTNER);
    assert_eq!(world.status(fourth, &register.cseq(4)), 200);
}

/// WLD-10.
#[test]
fn the_same_instance_takes_its_identity_to_a_new_connection() {
    let mut world = World::new();
    let old = registered(&mut world, 1);
    let new = world.connect(PARTNER);
    assert_eq!(world.status(new, &guest(1).cseq(2)), 200);
    assert_eq!(world.closed_with(old), Some(1000));
    let registrations = world.edge.registrations(world.now);
    assert!(registrations.len() == 1 && registrations[0].flow == new);
}

#[test]
fn another_instance_of_the_same_user_takes_the_identity_over() {
    let mut world = World::new();
    let old = registered(&mut world, 1);
    let new = world.connect(PARTNER);
    let mut register = Register::new("sip:guest-1@partner.ims.example")
        .bearer(&sign(&with(guest_claims(1), "jti", "g-1b")))
        .instance(99);
    register.domain = "partner.ims.example".into();
    assert_eq!(world.status(new, &register), 200);
    assert_eq!(world.closed_with(old), Some(1000));
    assert_eq!(world.edge.registrations(world.now).len(), 1);
    // Where identities are shared, both stay.
    let mut world = World::with(|c| c.policy.flow3.shared = true);
    let old = registered(&mut world, 1);
    let new = world.connect(PARTNER);
    world.wic(new, register.text());
    assert_eq!(world.answer(new).headers.values(&HeaderName::Contact).count(), 2);
    assert_eq!(world.closed_with(old), None);
}

/// WLD-11.
#[test]
fn an_older_cseq_of_the_same_call_id_is_refused() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &guest(1).cseq(5)), 200);
    assert_eq!(world.status(flow, &guest(1).cseq(4)), 500);
    let mut removal = guest(1).cseq(3).line("Expires: 0");
    removal.contact = "*".into();
    assert_eq!(world.status(flow, &removal), 500);
    assert_eq!(world.status(flow, &guest(1).cseq(6)), 200);
    let mut other_call = guest(1).cseq(1);
    other_call.call_id = "another".into();
    assert_eq!(world.status(flow, &other_call), 200);
}

/// WLD-12, REG-04, REG-05, REG-06, DER-01, DER-03.
#[test]
fn the_registrar_follows_rfc_3261() {
    let bare = "<sip:u@i1.invalid;transport=ws>";
    let with_contact = |contact: &str| guest(1).contact(contact);
    for (what, register, expected, contacts) in [
        ("WLD-12", with_contact("*").line("Expires: 60"), 400, 0),
        ("star alone", with_contact("*"), 400, 0),
        ("star", with_contact("*").line("Expires: 0"), 200, 0),
        ("two contacts", with_contact(&format!("{bare}, <sip:v@i1.invalid>")), 400, 0),
        ("REG-04", with_contact(&format!("{bare};expires=10")), 423, 0),
        ("REG-05", with_contact(bare), 200, 1),
        ("header", with_contact(bare).line("Expires: 120"), 200, 1),
        ("REG-06", guest(1).line("Require: foo"), 420, 0),
        ("known extensions", guest(1).line("Require: outbound, path"), 200, 1),
        ("fetch", with_contact(""), 200, 0),
        ("DER-03", with_contact(&format!("{bare};expires=0")), 200, 0),
        (
            "optional body",
            guest(1).line("Content-Type: text/plain").line("Content-Disposition: x;handling=optional").body("x"),
            200,
            1,
        ),
        ("body", guest(1).line("Content-Type: text/plain").body("x"), 415, 0),
    ] {
        let mut world = World::new();
        let flow = world.connect(PARTNER);
        world.wic(flow, register.text());
        let answer = world.answer(flow);
        assert_eq!(answer.status.code(), expected, "{what}");
        assert_eq!(answer.headers.values(&HeaderName::Contact).count(), contacts, "{what}");
        match expected {
            423 => assert_eq!(answer.headers.value(&HeaderName::MinExpires), Some("60"), "{what}"),
            420 => assert_eq!(answer.headers.value(&HeaderName::Unsupported), Some("foo"), "{what}"),
            _ => {}
        }
    }
}

#[test]
fn a_fetch_tells_the_binding_and_what_is_left_of_it() {
    let mut world = World::new();
    let flow = registered(&mut world, 1);
    world.sleep(100);
    world.wic(flow, guest(1).cseq(2).contact("").text());
    let answer = world.answer(flow);
    assert!(answer.headers.value(&HeaderName::Contact).unwrap().ends_with(";expires=3400"));
}

#[test]
fn a_guest_that_leaves_frees_the_identity() {
    let mut world = World::new();
    let flow = registered(&mut world, 1);
    let mut leave = guest(1).cseq(2).line("Expires: 0");
    leave.contact = "*".into();
    assert_eq!(world.status(flow, &leave), 200);
    assert!(world.edge.registrations(world.now).is_empty());
    assert!(world.mw.is_empty());
}

#[test]
fn a_full_range_takes_no_more() {
    let mut world = World::with(|c| c.wwsf[1].max_users = Some(1));
    registered(&mut world, 1);
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &guest(2)), 503);
}

/// The token's end is the registration's, and nothing is said to the core.
#[test]
fn a_guest_whose_token_ends_is_dropped() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    let token = sign(&with(guest_claims(1), "exp", START + 100));
    let mut register = Register::new("sip:guest-1@partner.ims.example").bearer(&token);
    register.domain = "partner.ims.example".into();
    assert_eq!(world.status(flow, &register), 200);
    world.sleep(100);
    assert_eq!(world.closed_with(flow), Some(1008));
    assert_eq!(world.edge.size().1, 0);
    assert!(world.mw.is_empty());
}

/// The WWSF's own bound is the shorter one.
#[test]
fn a_wwsf_may_bound_registrations_further() {
    let mut world = World::with(|c| c.wwsf[1].max_expires = Some(120));
    let flow = world.connect(PARTNER);
    world.wic(flow, guest(1).text());
    assert!(world.answer(flow).headers.value(&HeaderName::Contact).unwrap().ends_with(";expires=120"));
}

/// A second guest's REGISTER on the first one's connection.
#[test]
fn a_guests_connection_is_one_guests() {
    let mut world = World::new();
    let flow = registered(&mut world, 1);
    assert_eq!(world.status(flow, &guest(2)), 403);
}
