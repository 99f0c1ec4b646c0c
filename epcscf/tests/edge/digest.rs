//! TP-DIG as far as it is the edge's: flow 1.

use sip::{HeaderName, Response, StatusCode};

use crate::world::{F2, OPERATOR, PARTNER, Register, World, ok};

fn alice() -> Register {
    Register::new("sip:alice@ims.example")
}

fn initial() -> Register {
    alice().line(
        "Authorization: Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", nonce=\"\", \
         uri=\"sip:ims.example\", response=\"\"",
    )
}

fn answered() -> Register {
    credentials("alice-wic@ims.example")
}

fn credentials(username: &str) -> Register {
    alice().line(&format!(
        "Authorization: Digest username=\"{username}\", realm=\"ims.example\", nonce=\"4d0f\", \
         uri=\"sip:ims.example\", response=\"fea8fb1809a8cf387270223509755d28\", algorithm=MD5, cnonce=\"0a4f\", \
         qop=auth, nc=00000001"
    ))
}

/// The `integrity-protected` that goes to the core.
fn integrity(world: &mut World, flow: sip::FlowId, register: &Register) -> Option<String> {
    world.wic(flow, register.text());
    let request = world.at_core();
    world.core_answers(request.respond(StatusCode::UNAUTHORIZED));
    world.answer(flow);
    let value = request.headers.value(&HeaderName::Authorization)?;
    let (_, rest) = value.split_once("integrity-protected=\"")?;
    rest.split('"').next().map(str::to_owned)
}

fn refusal(world: &mut World, status: StatusCode, challenge: Option<&str>) -> Response {
    let request = world.at_core();
    let mut response = request.respond(status);
    if let Some(challenge) = challenge {
        response.headers.push(HeaderName::WwwAuthenticate, challenge.to_owned());
    }
    response
}

/// DIG-11.
#[test]
fn the_session_is_vouched_for_as_far_as_it_is_bound() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    assert_eq!(integrity(&mut world, flow, &alice()), None);
    assert_eq!(integrity(&mut world, flow, &initial().cseq(2)), None);
    assert_eq!(integrity(&mut world, flow, &answered().cseq(3)).as_deref(), Some("tls-pending"));
    assert_eq!(world.register_at_core(flow, &answered().cseq(4)).status.code(), 200);
    assert_eq!(integrity(&mut world, flow, &answered().cseq(5)).as_deref(), Some("tls-yes"));
    assert_eq!(integrity(&mut world, flow, &initial().cseq(6)).as_deref(), Some("tls-yes"));
}

/// DIG-10: whatever a WIC says of itself is removed.
#[test]
fn a_wic_cannot_claim_to_be_authenticated() {
    for claimed in ["auth-done", "tls-yes", "tls-connected", "yes"] {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        let mut register = initial();
        register.lines[0] += &format!(", integrity-protected=\"{claimed}\"");
        assert_eq!(integrity(&mut world, flow, &register), None, "{claimed}");
        let mut register = answered().cseq(2);
        register.lines[0] += &format!(", Integrity-Protected={claimed}");
        assert_eq!(integrity(&mut world, flow, &register).as_deref(), Some("tls-pending"), "{claimed}");
    }
}

/// DIG-15: another scheme counts as none.
#[test]
fn basic_credentials_never_reach_the_core() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().line("Authorization: Basic YWxpY2U6eA==").text());
    assert!(!world.at_core().headers.has(&HeaderName::Authorization));
}

/// ORI-09.
#[test]
fn digest_is_refused_where_the_wwsf_may_not_use_it() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    assert_eq!(world.status(flow, &answered()), 403);
    assert!(world.mw.is_empty());
    assert_eq!(world.closed_with(flow), None);
}

/// DIG-20, both ways.
#[test]
fn a_registration_keeps_its_scheme() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &answered());
    assert_eq!(world.status(flow, &alice().bearer(F2).cseq(2)), 403);
    let other = world.connect(OPERATOR);
    world.register_alice(other);
    assert_eq!(world.status(other, &answered().cseq(3)), 403);
}

/// TNA-12, DER-05.
#[test]
fn a_connection_is_one_users() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_at_core(flow, &answered());
    assert_eq!(world.status(flow, &credentials("bob-wic@ims.example").cseq(2)), 403);
    let mut bob = Register::new("sip:bob@ims.example").cseq(3);
    assert_eq!(world.status(flow, &bob), 403);
    bob.contact = "*".into();
    assert_eq!(world.status(flow, &bob.line("Expires: 0").cseq(4)), 403);
    assert_eq!(world.mw.len(), 1);
}

/// Not even for as long as the first answer takes.
#[test]
fn two_users_do_not_register_on_one_connection_at_a_time() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, answered().text());
    assert_eq!(world.status(flow, &credentials("bob-wic@ims.example").cseq(2)), 403);
}

#[test]
fn third_party_registration_is_refused() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    let mut register = answered();
    register.from = "<sip:bob@ims.example>".into();
    assert_eq!(world.status(flow, &register), 403);
    assert!(world.mw.is_empty());
}

/// TS 33.203 N.2.1.1: without a user name the IMPU must give an IMPI.
#[test]
fn a_number_alone_does_not_say_who_registers() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    assert_eq!(world.status(flow, &Register::new("tel:+12015550123")), 403);
    assert_eq!(world.status(flow, &alice().line("Authorization: Digest response=\"\"").cseq(2)), 400);
}

/// DIG-04.
#[test]
fn a_wrong_answer_closes_the_connection_after_the_403() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, answered().text());
    let response = refusal(&mut world, StatusCode::FORBIDDEN, None);
    world.core_answers(response);
    assert_eq!(world.answer(flow).status.code(), 403);
    assert_eq!(world.closed_with(flow), Some(1008));
    // What comes after the close is not heard any more.
    world.wic(flow, answered().cseq(2).text());
    assert!(world.try_at_core().is_none());
}

#[test]
fn a_refusal_before_any_challenge_is_no_digest_failure() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, initial().text());
    let response = refusal(&mut world, StatusCode::FORBIDDEN, None);
    world.core_answers(response);
    assert_eq!(world.answer(flow).status.code(), 403);
    assert_eq!(world.closed_with(flow), None);
}

/// DIG-05 and re-challenges: a nonce grown old is nobody's fault.
#[test]
fn there_is_an_end_to_challenges_but_not_to_stale_nonces() {
    let stale = "Digest realm=\"ims.example\", nonce=\"n\", stale=TRUE";
    let fresh = "Digest realm=\"ims.example\", nonce=\"n\"";
    let after = |challenges: &[&str]| {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        for (cseq, challenge) in (1..).zip(challenges) {
            world.wic(flow, answered().cseq(cseq).text());
            let response = refusal(&mut world, StatusCode::UNAUTHORIZED, Some(challenge));
            world.core_answers(response);
            assert_eq!(world.answer(flow).status.code(), 401);
        }
        world.closed_with(flow)
    };
    assert_eq!(after(&[stale, stale, stale, stale]), None);
    assert_eq!(after(&[fresh, stale, fresh]), None);
    assert_eq!(after(&[fresh, fresh, fresh]), Some(1008));
}

/// REG-12.
#[test]
fn a_core_that_does_not_answer_is_504() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, initial().text());
    world.sleep(14);
    assert!(world.try_answer(flow).is_none());
    world.sleep(1);
    let answer = world.answer(flow);
    assert_eq!(answer.status.code(), 504);
    assert!(answer.headers.has(&HeaderName::RetryAfter));
}

#[test]
fn what_is_bound_is_what_the_core_says() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, answered().text());
    let request = world.at_core();
    let mut response = ok(&request);
    response.headers.set(
        HeaderName::PAssociatedUri,
        "<sip:default@ims.example>, <sip:alice@ims.example>, <sip:range-!.*!@ims.example>, <tel:+12015550123>",
    );
    world.core_answers(response);
    let answer = world.answer(flow);
    assert_eq!(
        answer.headers.value(&HeaderName::PAssociatedUri),
        Some("<sip:default@ims.example>, <sip:alice@ims.example>, <tel:+12015550123>")
    );
    let registration = &world.edge.registrations(world.now)[0];
    let impus: Vec<_> = registration.impus.iter().map(ToString::to_string).collect();
    assert_eq!(impus, ["sip:default@ims.example", "sip:alice@ims.example", "tel:+12015550123"]);
    assert_eq!(registration.wildcards[0].as_str(), "sip:range-!.*!@ims.example");
}
