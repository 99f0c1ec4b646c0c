//! Each flow at the edge, message by message, as a snapshot.

use sip::{HeaderName, StatusCode};

use crate::talk::{self, Kind};
use crate::world::{F2, OPERATOR, PARTNER, ROGUE, Register, World, claims, guest, ok, sign, with};

fn ladder(world: &World) -> String {
    world.ladder.join("\n\n")
}

/// What differs from run to run, or is a secret.
fn redacted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    for (pattern, replacement) in [
        ("branch=[^;\n]+", "branch=[branch]"),
        ("eyJ[A-Za-z0-9._-]+", "[token]"),
        ("<sip:[A-Za-z0-9_-]{30}@", "<sip:[flow]@"),
        ("icid-value=\"[a-z2-7]{8}-", "icid-value=\"[icid]-"),
        (";tag=[a-z2-7]{10}", ";tag=[tag]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings
}

fn snapshot(name: &str, world: &World) {
    redacted().bind(|| insta::assert_snapshot!(name, ladder(world)));
}

#[test]
fn flow_1_with_sip_digest() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    let alice = || Register::new("sip:alice@ims.example");
    world.wic(flow, alice().text());
    let challenge = world.at_core().respond(StatusCode::UNAUTHORIZED).with_raw(
        HeaderName::WwwAuthenticate,
        "Digest realm=\"ims.example\", nonce=\"4d0f\", algorithm=SHA-256, qop=\"auth\"",
    );
    world.core_answers(challenge);
    let credentials = "Authorization: Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", \
        nonce=\"4d0f\", uri=\"sip:ims.example\", response=\"00ff\", algorithm=SHA-256, cnonce=\"0a4f\", qop=auth, nc=";
    world.register_at_core(flow, &alice().line(&format!("{credentials}00000001")).cseq(2));
    world.register_at_core(flow, &alice().line(&format!("{credentials}00000002")).cseq(3));
    world.register_at_core(flow, &alice().line(&format!("{credentials}00000003")).expires(0).cseq(4));
    snapshot("flow-1", &world);
}

#[test]
fn flow_2_with_a_token() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.sleep(3500);
    let deregistration = world.at_core();
    world.core_answers(ok(&deregistration));
    snapshot("flow-2", &world);
}

#[test]
fn flow_3_out_of_a_range() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    world.wic(flow, guest(42).text());
    let mut leave = guest(42).cseq(2).line("Expires: 0");
    leave.contact = "*".into();
    world.wic(flow, leave.text());
    snapshot("flow-3", &world);
}

#[test]
fn flow_2_with_a_tampered_token() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    let (payload, signature) = F2.rsplit_once('.').unwrap();
    let payload = payload.split_once('.').unwrap().0;
    let bob = sign(&with(claims(), "impu", vec!["sip:bob@ims.example"]));
    let bobs_payload = bob.split('.').nth(1).unwrap();
    let tampered = format!("{payload}.{bobs_payload}.{signature}");
    world.wic(flow, Register::new("sip:alice@ims.example").bearer(&tampered).text());
    snapshot("flow-2-tampered", &world);
}

/// The rogue WWSF's page does not even get as far as SIP.
#[test]
fn an_unknown_origin_has_no_record() {
    let world = World::new();
    let origin = epcscf::Origin::parse(ROGUE).unwrap();
    assert!(world.edge.records().by_origin(&origin).is_none());
}

/// A call of a WIC, ended by it.
fn call_from(kind: Kind, name: &str) {
    let mut world = talk::world_for(kind);
    let wic = talk::register(&mut world, kind, 42);
    world.ladder.clear();
    let (mut end, _) = talk::call_out(&mut world, &wic);
    let bye = end.says(&mut world, sip::Method::Bye, "");
    world.wic(wic.flow, bye.to_bytes());
    let bye = world.at_core();
    world.core_answers(bye.respond(StatusCode::OK));
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    assert!(talk::nothing_under_way(&world));
    snapshot(name, &world);
}

/// A call to a WIC, ended by the caller.
fn call_to(kind: Kind, name: &str) {
    let mut world = talk::world_for(kind);
    let wic = talk::register(&mut world, kind, 42);
    world.ladder.clear();
    let (_, mut core) = talk::call_in(&mut world, &wic);
    let bye = core.says(&mut world, sip::Method::Bye, "");
    world.core_asks_for(&bye.to_string());
    let bye = world.at_wic(wic.flow);
    world.wic(wic.flow, bye.respond(StatusCode::OK).to_bytes());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    assert!(talk::nothing_under_way(&world));
    snapshot(name, &world);
}

#[test]
fn a_call_of_a_digest_user() {
    call_from(Kind::Digest, "call-from-digest-user");
}

#[test]
fn a_call_to_a_token_user() {
    call_to(Kind::Token, "call-to-token-user");
}

#[test]
fn a_call_of_a_range_user() {
    call_from(Kind::Range, "call-from-range-user");
}

#[test]
fn a_call_to_a_range_user() {
    call_to(Kind::Range, "call-to-range-user");
}
