//! Flow 3 as the final standard has it (`pool-tna`): each identity of a pool at the S-CSCF.

use epcscf::policy::Flow3Mode;
use sip::HeaderName;

use crate::world::{PARTNER, Register, World, guest, guest_claims, sign, with};

fn pool() -> World {
    World::with(|c| c.policy.flow3.mode = Flow3Mode::PoolTna)
}

fn authorization(world: &mut World) -> String {
    world.at_core().headers.value(&HeaderName::Authorization).unwrap().to_owned()
}

/// WLD-13: membership was checked here, so nobody else need be asked.
#[test]
fn a_pool_identity_is_registered_at_the_core() {
    let mut world = pool();
    let flow = world.connect(PARTNER);
    world.wic(flow, guest(1).text());
    let authorization = authorization(&mut world);
    assert!(authorization.starts_with("Digest username=\"guest-1@partner.ims.example\""), "{authorization}");
    assert!(authorization.ends_with("integrity-protected=\"auth-done\""), "{authorization}");
}

/// WLD-14: where it could not be checked, the S-CSCF is told whom to check.
#[test]
fn a_pool_that_is_not_known_here_is_left_to_the_core() {
    let mut world = World::with(|c| {
        c.policy.flow3.mode = Flow3Mode::PoolTna;
        c.wwsf[1].pool.clear();
    });
    let flow = world.connect(PARTNER);
    world.wic(flow, guest(1).text());
    let authorization = authorization(&mut world);
    assert!(
        authorization.ends_with("authorization-entity=\"waf.partner.example\", wwsf-entity=\"wwsf.partner.example\""),
        "{authorization}"
    );
}

#[test]
fn what_is_not_of_the_pool_or_range_is_refused() {
    for (name, value) in
        [("impi", serde_json::json!("alice-wic@ims.example")), ("impu", serde_json::json!(["sip:alice@ims.example"]))]
    {
        let mut world = pool();
        let flow = world.connect(PARTNER);
        let claims = with(guest_claims(1), name, value);
        let to = claims["impu"][0].as_str().unwrap().to_owned();
        let mut register = Register::new(&to).bearer(&sign(&claims));
        register.domain = "partner.ims.example".into();
        assert_eq!(world.status(flow, &register), 403, "{name}");
        assert!(world.mw.is_empty());
    }
}

#[test]
fn a_pool_registration_is_bound_and_ends_like_any_at_the_core() {
    let mut world = pool();
    let flow = world.connect(PARTNER);
    assert_eq!(world.register_at_core(flow, &guest(1)).status.code(), 200);
    let registration = &world.edge.registrations(world.now)[0];
    assert!(!registration.local && registration.scenario == ims::Scenario::WildcardRange);
    world.sleep(3500);
    assert_eq!(world.at_core().headers.value(&HeaderName::Expires), Some("0"));
}
