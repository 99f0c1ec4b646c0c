//! How registrations and connections end (§6.6).

use epcscf::{Cause, Event};
use sip::{HeaderName, StatusCode};

use crate::world::{F2, OPERATOR, PARTNER, Register, START, World, claims, config, guest, ok, sign, with};

fn alice() -> Register {
    Register::new("sip:alice@ims.example")
}

fn digest(cseq: u32) -> Register {
    alice().line("Authorization: Digest username=\"alice-wic@ims.example\", nonce=\"n\", response=\"r\"").cseq(cseq)
}

fn causes(world: &mut World) -> Vec<Cause> {
    let cause = |event| match event {
        Event::Deregistered { cause, .. } => Some(cause),
        _ => None,
    };
    world.events().into_iter().filter_map(cause).collect()
}

#[test]
fn a_connection_that_does_not_register_closes() {
    let mut world = World::new();
    let idle = world.connect(OPERATOR);
    let busy = world.connect(OPERATOR);
    world.register_alice(busy);
    world.sleep(29);
    assert_eq!(world.closed_with(idle), None);
    world.sleep(1);
    assert_eq!(world.closed_with(idle), Some(3008));
    assert_eq!(world.closed_with(busy), None);
}

/// DER-01, DER-02: from then on the connection is nobody's, and waits no longer than a new one.
#[test]
fn a_deregistered_connection_is_free_and_closes_when_idle() {
    for last in [digest(2).expires(0), digest(2).contact("*").line("Expires: 0")] {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.register_at_core(flow, &digest(1));
        world.wic(flow, last.text());
        let request = world.at_core();
        world.core_answers(request.respond(StatusCode::OK));
        assert_eq!(world.answer(flow).status.code(), 200);
        assert!(world.edge.registrations(world.now).is_empty());
        assert_eq!(causes(&mut world), [Cause::User]);
        let bob = Register::new("sip:bob@ims.example").cseq(3);
        assert_eq!(world.register_at_core(flow, &bob).status.code(), 200);
    }
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &digest(1));
    world.register_at_core(flow, &digest(2).expires(0));
    world.sleep(30);
    assert_eq!(world.closed_with(flow), Some(3008));
}

/// A user may leave with the token that let them in, though it is over.
#[test]
fn deregistration_needs_no_fresh_token() {
    let mut world = World::with(|c| c.policy.token.strict_close = false);
    let flow = world.connect(OPERATOR);
    let short = sign(&with(claims(), "exp", START + 100));
    world.register_at_core(flow, &alice().expires(90).bearer(&short));
    world.now.unix += 200;
    assert_eq!(world.status(flow, &alice().cseq(2).bearer(&short)), 401);
    let leave = alice().cseq(3).expires(0).bearer(&short);
    assert_eq!(world.register_at_core(flow, &leave).status.code(), 200);
    assert!(world.edge.registrations(world.now).is_empty());
}

#[test]
fn a_registration_that_is_not_refreshed_ends() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &digest(1).expires(600));
    world.sleep(599);
    assert_eq!(world.edge.registrations(world.now).len(), 1);
    world.sleep(1);
    assert_eq!(causes(&mut world), [Cause::Expired]);
    assert_eq!(world.closed_with(flow), None);
}

#[test]
fn a_refresh_moves_the_end() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &digest(1).expires(600));
    world.sleep(500);
    world.register_at_core(flow, &digest(2).expires(600));
    world.sleep(500);
    assert_eq!(world.edge.registrations(world.now).len(), 1);
    let refreshes = |event| matches!(event, Event::Registered { refresh: true, .. });
    assert_eq!(world.events().into_iter().filter(|event| refreshes(event.clone())).count(), 1);
}

/// NET-07: the token is over and no new one came.
#[test]
fn an_expired_token_ends_the_registration_at_the_core_too() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.sleep(3499);
    assert_eq!(world.closed_with(flow), None);
    world.sleep(1);
    assert_eq!(world.closed_with(flow), Some(1008));
    assert_eq!(causes(&mut world), [Cause::TokenExpired]);
    let request = world.at_core();
    assert_eq!(request.headers.value(&HeaderName::Expires), Some("0"));
    assert_eq!(request.call_id().unwrap().to_string(), "r-5d0e7c@k3f9q2.invalid");
    assert_eq!(request.cseq().unwrap().number, 2);
    assert!(request.headers.value(&HeaderName::Authorization).unwrap().contains("integrity-protected=\"auth-done\""));
    assert!(request.headers.value(&HeaderName::Contact).unwrap().ends_with(";expires=0"));
}

#[test]
fn a_new_token_keeps_the_registration() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.sleep(3000);
    let fresh = sign(&with(with(claims(), "exp", START + 6600), "jti", "t-2"));
    world.register_at_core(flow, &alice().cseq(2).bearer(&fresh));
    world.sleep(1000);
    assert_eq!(world.closed_with(flow), None);
    assert_eq!(world.edge.registrations(world.now).len(), 1);
}

/// DER-06: nothing is said to the core; the binding waits for its end or its WIC.
#[test]
fn a_lost_connection_leaves_its_registration() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &digest(1));
    let sent = world.mw.len();
    world.lose(flow);
    let registrations = world.edge.registrations(world.now);
    assert!(!registrations[0].alive);
    assert_eq!(world.mw.len(), sent);
    let again = world.connect(OPERATOR);
    world.register_at_core(again, &digest(2));
    let registrations = world.edge.registrations(world.now);
    assert!(registrations.len() == 1 && registrations[0].alive && registrations[0].flow == again);
    assert_eq!(world.closed, []);
}

#[test]
fn a_connection_lost_before_its_200_is_bound_as_lost() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, digest(1).text());
    let request = world.at_core();
    world.lose(flow);
    world.core_answers(ok(&request));
    assert!(!world.edge.registrations(world.now)[0].alive);
    assert_eq!(world.edge.size(), (0, 1));
}

#[test]
fn nothing_is_left_when_all_is_over() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    let guest_flow = world.connect(PARTNER);
    world.status(guest_flow, &guest(1));
    world.lose(flow);
    world.lose(guest_flow);
    world.sleep(10_000);
    assert_eq!(world.edge.size(), (0, 0));
    use sip::node::Node;
    assert_eq!(world.edge.poll_timeout(), None, "no timer runs for nobody");
}

/// WLD-16.
#[test]
fn a_range_that_is_withdrawn_takes_its_users_along() {
    let mut world = World::new();
    let guest_flow = world.connect(PARTNER);
    assert_eq!(world.status(guest_flow, &guest(1)), 200);
    let alice_flow = world.connect(OPERATOR);
    world.register_alice(alice_flow);
    let mut changed = config();
    changed.wwsf[1].ranges = "sip:visitor-!.*!@partner.ims.example".parse().into_iter().collect();
    let records = epcscf::Records::from_config(&changed).unwrap();
    world.edge.replace_records(world.now, records.into());
    world.sleep(0);
    world.lose(alice_flow);
    assert_eq!(world.closed_with(guest_flow), Some(1008));
    assert_eq!(world.closed_with(alice_flow), None);
    assert_eq!(causes(&mut world), [Cause::Withdrawn]);
}

#[test]
fn a_wwsf_that_is_removed_loses_its_connections() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    let mut changed = config();
    changed.wwsf.remove(0);
    let records = epcscf::Records::from_config(&changed).unwrap();
    world.edge.replace_records(world.now, records.into());
    world.sleep(0);
    let other = world.connect(PARTNER);
    assert_eq!(world.closed_with(flow), Some(1008));
    assert_eq!(world.closed_with(other), None);
    // What its tokens had registered is registered no more, at the core neither.
    assert!(world.edge.registrations(world.now).is_empty());
    assert_eq!(world.at_core().headers.value(&HeaderName::Expires), Some("0"));
}

/// The same token on the same registration is a refresh, whoever asks first.
#[test]
fn a_refresh_with_the_first_token_is_taken_until_it_ends() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.sleep(3000);
    let answer = world.register_at_core(flow, &alice().cseq(2).bearer(F2));
    let contact = answer.headers.value(&HeaderName::Contact).unwrap().to_owned();
    assert!(contact.ends_with(";expires=500"), "{contact}");
}
