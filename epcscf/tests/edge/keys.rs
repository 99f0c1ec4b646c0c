//! How keys are asked for, waited for and done without.

use crate::world::{F2, JWKS, OPERATOR, Register, World, claims, sign_raw};

const ISSUER: &str = "https://waf.ims.example";

fn alice() -> Register {
    Register::new("sip:alice@ims.example").bearer(F2)
}

fn waiting_world() -> World {
    let mut world = World::new();
    world.keys_answer = false;
    world
}

#[test]
fn a_register_waits_for_the_keys_and_goes_on() {
    let mut world = waiting_world();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    assert!(world.try_answer(flow).is_none() && world.try_at_core().is_none());
    assert_eq!(world.asked.len(), 1);
    assert_eq!(world.asked[0].jwks_url, "https://waf.ims.example/.well-known/jwks.json");
    world.give_keys(ISSUER, Ok(JWKS));
    assert_eq!(world.at_core().method.as_str(), "REGISTER");
}

/// Many wait for one fetch.
#[test]
fn one_fetch_serves_all_that_wait() {
    let mut world = waiting_world();
    let flows: Vec<_> = (0..5).map(|_| world.connect(OPERATOR)).collect();
    for (n, flow) in flows.iter().enumerate() {
        let claims = crate::world::with(claims(), "jti", format!("t-{n}"));
        let token = crate::world::sign(&claims);
        world.wic(*flow, Register::new("sip:alice@ims.example").instance(n as u32).bearer(&token).text());
    }
    assert_eq!(world.asked.len(), 1);
    world.give_keys(ISSUER, Ok(JWKS));
    assert_eq!(std::iter::from_fn(|| world.try_at_core()).count(), 5);
}

/// TOK-26 and T9.
#[test]
fn keys_that_do_not_come_are_504_and_the_connection_stays() {
    let mut world = waiting_world();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    world.sleep(4);
    assert!(world.try_answer(flow).is_none());
    world.sleep(1);
    assert_eq!(world.answer(flow).status.code(), 504);
    assert_eq!(world.closed_with(flow), None);
    // They come late: nothing happens, and the next REGISTER uses them.
    world.give_keys(ISSUER, Ok(JWKS));
    assert!(world.try_at_core().is_none());
    world.wic(flow, alice().cseq(2).text());
    assert_eq!(world.at_core().method.as_str(), "REGISTER");
}

#[test]
fn a_failed_fetch_is_504_at_once_and_not_repeated_at_once() {
    let mut world = waiting_world();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    world.give_keys(ISSUER, Err("connection refused"));
    assert_eq!(world.answer(flow).status.code(), 504);
    assert_eq!(world.status(flow, &alice().cseq(2)), 504);
    assert_eq!(world.asked.len(), 1);
    world.sleep(5);
    world.wic(flow, alice().cseq(3).text());
    assert_eq!(world.asked.len(), 2);
}

/// TOK-09, and rotation without a restart.
#[test]
fn an_unknown_key_is_fetched_once_and_then_refused() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    assert_eq!(world.asked.len(), 1);
    world.sleep(10);
    let rotated = sign_raw(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"waf-2025-2"}"#, &claims().to_string());
    let register = Register::new("sip:alice@ims.example").instance(2).bearer(&rotated);
    let second = world.connect(OPERATOR);
    assert_eq!(world.status(second, &register), 401);
    assert_eq!(world.asked.len(), 2);
    // Again at once: refused without a fetch.
    let third = world.connect(OPERATOR);
    assert_eq!(world.status(third, &register), 401);
    assert_eq!(world.asked.len(), 2);
    // Once the issuer has published it, it is found.
    world.sleep(10);
    world.keys_answer = false;
    let fourth = world.connect(OPERATOR);
    world.wic(fourth, register.text());
    world.give_keys(ISSUER, Ok(&JWKS.replace("waf-2025-1", "waf-2025-2")));
    assert_eq!(world.at_core().method.as_str(), "REGISTER");
}

#[test]
fn a_connection_that_closes_waits_no_more() {
    let mut world = waiting_world();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    world.lose(flow);
    world.give_keys(ISSUER, Ok(JWKS));
    assert!(world.try_at_core().is_none());
}

#[test]
fn so_many_registers_may_be_under_way_on_a_connection() {
    let mut world = waiting_world();
    let flow = world.connect(OPERATOR);
    for cseq in 1..=4 {
        world.wic(flow, alice().cseq(cseq).text());
        assert!(world.try_answer(flow).is_none());
    }
    assert_eq!(world.status(flow, &alice().cseq(5)), 503);
}
