//! The ladders of flow 1 and flow 2 between eP-CSCF, I-CSCF, S-CSCF and HSS, as snapshots.

use crate::client::{Client, challenge};
use crate::world::World;
use sip::StatusCode;
use sip::digest::Algorithm;

/// Hides what differs from run to run: it would differ with any change of what draws randomness.
pub(crate) fn assert_ladder(name: &str, world: &World) {
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        filters => vec![
            (r"branch=z9hG4bK[a-z2-7]{24}(\.[0-9a-f]{16})?", "branch=z9hG4bK[own]"),
            (r"(>;tag=)[a-z2-7]{16}", "$1[tag]"),
            (r#"nonce="[a-z2-7]{32}""#, r#"nonce="[nonce]""#),
            (r#"(response|rspauth)="[0-9a-f]{64}""#, r#"$1="[digest]""#),
            (r"tgruu\.[a-z2-7]{26}", "tgruu.[token]"),
        ],
    }, {
        insta::assert_snapshot!(name, world.ladder());
    });
}

#[test]
fn flow_1() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let challenged = world.send(&alice.initial(3600));
    let register = alice.register(3600);
    let mut answer = alice.answer(register, &challenge(&challenged, Algorithm::Sha256), 1);
    let authorization = answer.headers.value(&sip::HeaderName::Authorization).unwrap().to_owned();
    answer.headers.set(sip::HeaderName::Authorization, format!("{authorization}, integrity-protected=\"tls-pending\""));
    assert_eq!(world.send(&answer).status, StatusCode::OK);
    assert_ladder("flow-1-digest", &world);
}

#[test]
fn flow_2() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    assert_eq!(world.send(&alice.register_by_tna(3600, "")).status, StatusCode::OK);
    assert_ladder("flow-2-web-auth", &world);
}
