//! The demo's subscribers.

use mock_ims::cx::{AssignmentType, AuthScheme, AuthorizationType, DeregistrationReason, ResultCode};
use mock_ims::hss::{AdminRequest, Registration};
use sip::digest::{Algorithm, Ha1};

use crate::setup::*;

fn demo() -> Asked {
    let mut asked = Asked::with([]);
    asked.hss.provision_demo().unwrap();
    asked
}

#[test]
fn alice_bob_and_carol_have_their_published_passwords() {
    let mut asked = demo();
    for name in ["alice", "bob", "carol"] {
        let (user, public) = (format!("{name}-wic@ims.example"), format!("sip:{name}@ims.example"));
        let auth = asked.mar((&user, &public), AuthScheme::Unknown, S1).auth.unwrap();
        let expected = Ha1::new(Algorithm::Sha256, &user, "ims.example", &format!("{name}-secret"));
        assert_eq!(auth.alternate, Some(expected));
    }
}

#[test]
fn the_range_is_registered_from_the_start_and_its_anchor_cannot_register() {
    let mut asked = demo();
    let guest = asked.lir(GUEST, false);
    assert_eq!((guest.result, guest.server_name), (ResultCode::Success, Some(server(S1))));
    assert_eq!(guest.wildcarded, Some(range(RANGE)));
    let anchor = asked.uar(TRUNK, AuthorizationType::Registration);
    assert_eq!(anchor.result, ResultCode::AuthorizationRejected);
    let fetched = asked.sar(TRUNK, AssignmentType::NoAssignment, S1);
    assert!(fetched.user_data.unwrap().profile.loose_route);
}

#[test]
fn guests_register_at_the_s_cscf_too() {
    let pair = ("guest-7@partner.ims.example", "sip:guest-7@partner.ims.example");
    let mut asked = demo();
    assert_eq!(asked.uar(pair, AuthorizationType::Registration).result, ResultCode::FirstRegistration);
    assert_eq!(asked.sar(pair, AssignmentType::Registration, S1).result, ResultCode::Success);
}

#[test]
fn provisioning_again_keeps_what_changed_and_registers_the_anchor_again() {
    let mut asked = demo();
    asked.sar(ALICE, AssignmentType::Registration, S1);
    asked.hss.admin(AdminRequest::SetPassword { impi: impi(ALICE.0), password: "mine".into() }).unwrap();
    let reason = DeregistrationReason::PermanentTermination;
    asked.hss.admin(AdminRequest::Deregister { impu: impu(TRUNK.1), reason }).unwrap();
    assert_eq!(asked.state(TRUNK.1), Registration::NotRegistered);
    let mine = asked.mar(ALICE, AuthScheme::SipDigest, S1).auth;

    let mut again = Asked { hss: asked.reopened(), store: asked.store.clone() };
    again.hss.provision_demo().unwrap();
    assert_eq!(again.state(ALICE.1), registered(ALICE.0, S1));
    assert_eq!(again.mar(ALICE, AuthScheme::SipDigest, S1).auth, mine);
    assert_eq!(again.state(TRUNK.1), registered(TRUNK.0, S1));
    let commits = again.store.commits();
    again.hss.provision_demo().unwrap();
    assert_eq!(again.store.commits(), commits, "a third time changes nothing");
}
