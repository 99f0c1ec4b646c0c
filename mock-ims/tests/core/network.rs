//! What the network ends or changes: RTR and PPR (TS 29.228 §6.1.3, §6.2.1).

use crate::client::Client;
use crate::world::{Hop, World, impi, impu};
use ims::profile::{PublicIdentity, ServiceProfile};
use mock_ims::cx::{CxPush, CxPushAnswer, DeregistrationReason, Ppr, ResultCode, UserData};
use mock_ims::hss::AdminRequest;
use mock_ims::scscf::{Cause, Event};
use sip::StatusCode;

/// NET-01, NET-02, NET-03: gone, said why, and nobody is sent a REGISTER.
#[test]
fn an_rtr_ends_the_registration_and_says_why() {
    for reason in [DeregistrationReason::PermanentTermination, DeregistrationReason::ServerChange] {
        let mut world = World::new();
        world.send(&Client::of("alice").register_by_tna(600, ""));
        world.send(&Client::of("bob").register_by_tna(600, ""));
        world.log.clear();
        world.admin(AdminRequest::Deregister { impu: impu("alice"), reason });
        assert!(!world.is_registered("alice") && world.is_registered("bob"));
        let Some(Event::Deregistered { subject, cause, last: true }) = world.events.last() else {
            panic!("{:?}", world.events)
        };
        assert_eq!((&subject.impi, *cause), (&impi("alice"), Cause::Hss(reason)));
        assert!(matches!(&world.log[..], [Hop::Push { answer: CxPushAnswer::Rta(rta) }] if rta.result.is_success()));
    }
}

/// A subscriber who is removed while registered, and comes back.
#[test]
fn a_removed_subscriber_is_out_and_stays_out() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.admin(AdminRequest::RemoveUser { impi: impi("alice") });
    assert!(!world.is_registered("alice"));
    assert_eq!(world.send(&alice.register_by_tna(600, "")).status, StatusCode::FORBIDDEN);
    assert!(world.is_idle_at_last());
}

/// NET-08, in its first half: the new profile serves from the next answer on.
#[test]
fn a_ppr_replaces_the_profile() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    let second = impu("alice.second");
    let mut profile = ServiceProfile::of(second.clone());
    profile.impus.push(PublicIdentity::distinct(impu("alice")));
    let push = |profile: ServiceProfile, name| {
        let data = UserData { impi: impi(name), profile };
        CxPush::from(Ppr { user_name: impi(name), user_data: Some(data), auth: None, allowed: None })
    };
    let answer = world.scscf.push(world.now, push(profile.clone(), "alice"));
    assert_eq!(answer.result(), ResultCode::Success);
    let set = world.scscf.registration(&second).unwrap();
    assert_eq!(set.profile.default_impu(), Some(&second));
    assert_eq!(set.bindings.len(), 1);

    let answer = world.scscf.push(world.now, push(profile.clone(), "carol"));
    assert_eq!(answer.result(), ResultCode::UserUnknown, "not served here");
    let stray = ServiceProfile { default: impu("stranger"), ..profile.clone() };
    let answer = world.scscf.push(world.now, push(stray, "alice"));
    assert_eq!(answer.result(), ResultCode::NotSupportedUserData, "a default that is not of the set");
    let many = (0..1000).map(|n| PublicIdentity::distinct(impu(&format!("a{n}"))));
    let answer = world.scscf.push(world.now, push(ServiceProfile { impus: many.collect(), ..profile }, "alice"));
    assert_eq!(answer.result(), ResultCode::TooMuchData);
}
