//! What an operator does, and what the S-CSCF is told of it.

use ims::Impu;
use ims::profile::{Identity, PublicIdentity};
use mock_ims::cx::{
    AllowedIdentities, AssignmentType, AuthScheme, AuthorizationType, CxPush, CxPushAnswer, DeregistrationReason, Ppa,
    Ppr, ResultCode, Rtr,
};
use mock_ims::hss::{AdminAnswer, AdminError, AdminRequest, Push, Registration, Subscriber, UserInfo};

use crate::setup::*;

fn carol() -> Subscriber {
    Subscriber {
        impi: impi("carol@ims.example"),
        password: Some("carol-secret".into()),
        impus: vec![impu("sip:carol@ims.example"), impu("tel:+12015550123")],
        allowed_wafs: vec![],
        allowed_wwsfs: vec![],
    }
}

fn users(asked: &mut Asked) -> Vec<UserInfo> {
    match asked.hss.admin(AdminRequest::ListUsers).unwrap() {
        AdminAnswer::Users(users) => users,
        AdminAnswer::Done => panic!("no list"),
    }
}

fn rtr(push: Option<Push>) -> Rtr {
    match push {
        Some(Push { message: CxPush::Rtr(rtr), to }) if to == server(S1) => rtr,
        other => panic!("{other:?}"),
    }
}

fn ppr(push: Option<Push>) -> Ppr {
    match push {
        Some(Push { message: CxPush::Ppr(ppr), to }) if to == server(S1) => ppr,
        other => panic!("{other:?}"),
    }
}

fn alice_registered() -> Asked {
    let mut asked = Asked::with_alice_and_bob();
    asked.sar(ALICE, AssignmentType::Registration, S1);
    asked
}

#[test]
fn an_added_user_can_register_and_is_listed_without_a_secret() {
    let mut asked = Asked::with([]);
    assert_eq!(asked.hss.admin(AdminRequest::AddUser(carol())), Ok(AdminAnswer::Done));
    let pair = ("carol@ims.example", "tel:+1-201-555-0123");
    assert_eq!(asked.mar(pair, AuthScheme::SipDigest, S1).result, ResultCode::Success);
    asked.sar(pair, AssignmentType::Registration, S1);
    let [user] = users(&mut asked).try_into().unwrap();
    assert_eq!(user.impi, impi("carol@ims.example"));
    assert_eq!(user.identities.len(), 2);
    assert_eq!((user.digest, user.registered, user.server), (true, true, Some(server(S1))));
}

#[test]
fn the_store_never_sees_the_password() {
    let mut asked = Asked::with([]);
    asked.hss.admin(AdminRequest::AddUser(carol())).unwrap();
    let stored: Vec<String> =
        asked.reopened().subscriptions().map(|subscription| serde_json::to_string(subscription).unwrap()).collect();
    assert_eq!(stored.len(), 1);
    assert!(!stored[0].contains("carol-secret"));
}

#[test]
fn a_user_that_clashes_is_refused_and_nothing_changes() {
    let mut asked = Asked::with_alice_and_bob();
    let with = |change: fn(&mut Subscriber)| {
        let mut subscriber = carol();
        change(&mut subscriber);
        subscriber
    };
    for (subscriber, taken) in [
        (with(|s| s.impi = impi(ALICE.0)), Some(ALICE.0)),
        (with(|s| s.impus.push(impu(BOB.1))), Some(BOB.1)),
        (with(|s| s.impus.push(impu("tel:+12015550123"))), Some("tel:+12015550123")),
        (with(|s| s.impus.clear()), None),
        (with(|s| s.password = Some("".into())), None),
        (with(|s| s.password = Some("x".repeat(257).into())), None),
    ] {
        let error = asked.hss.admin(AdminRequest::AddUser(subscriber)).unwrap_err();
        match taken {
            Some(taken) => assert_eq!(error, AdminError::Taken(taken.into())),
            None => assert!(matches!(error, AdminError::Invalid(_)), "{error:?}"),
        }
    }
    assert_eq!(users(&mut asked).len(), 2);
}

#[test]
fn a_subscription_with_a_bad_set_or_an_overlapping_range_is_refused() {
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    let mut overlapping = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    overlapping.sets[0].profile.impus.push(PublicIdentity::wildcard(range("sip:!g.*!@partner.ims.example")));
    let mut stray_default = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    stray_default.sets[0].profile.default = impu(BOB.1);
    let mut only_a_range = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    only_a_range.sets[0].profile.impus = vec![PublicIdentity::wildcard(range("sip:!.*!@h.example"))];
    let mut stray_user = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    stray_user.sets[0].impis.insert(impi(BOB.0));
    for bad in [overlapping, stray_default, only_a_range, stray_user] {
        let error = asked.hss.provision(bad.clone()).unwrap_err();
        assert!(matches!(error, AdminError::Invalid(_)), "{bad:?}: {error:?}");
    }
    assert_eq!(users(&mut asked).len(), 1);
}

#[test]
fn removing_a_registered_user_terminates_it_for_good() {
    let mut asked = alice_registered();
    asked.hss.admin(AdminRequest::RemoveUser { impi: impi(ALICE.0) }).unwrap();
    let told = rtr(asked.hss.poll_push());
    assert_eq!(told.user_name, impi(ALICE.0));
    assert_eq!(told.public_identities, [impu(ALICE.1)]);
    assert_eq!(told.reason, DeregistrationReason::PermanentTermination);
    assert_eq!(asked.hss.poll_push(), None);
    assert_eq!(asked.lir(ALICE.1, false).result, ResultCode::UserUnknown);
    assert_eq!(asked.reopened().subscriptions().count(), 1);
}

#[test]
fn removing_a_user_that_is_not_registered_tells_nobody() {
    let mut asked = Asked::with_alice_and_bob();
    asked.hss.admin(AdminRequest::RemoveUser { impi: impi(ALICE.0) }).unwrap();
    assert_eq!(asked.hss.poll_push(), None);
    let again = asked.hss.admin(AdminRequest::RemoveUser { impi: impi(ALICE.0) });
    assert_eq!(again, Err(AdminError::Unknown(ALICE.0.into())));
}

#[test]
fn removing_one_user_of_a_shared_identity_leaves_the_other_registered() {
    let shared = "sip:family@ims.example";
    let mut family = subscription(ALICE.0, digest(ALICE.0), &[shared]);
    family.users.insert(impi(BOB.0), digest(BOB.0));
    family.sets[0].impis.insert(impi(BOB.0));
    let mut asked = Asked::with([family]);
    asked.sar((ALICE.0, shared), AssignmentType::Registration, S1);
    asked.sar((BOB.0, shared), AssignmentType::Registration, S1);
    asked.hss.admin(AdminRequest::RemoveUser { impi: impi(ALICE.0) }).unwrap();
    assert_eq!(rtr(asked.hss.poll_push()).user_name, impi(ALICE.0));
    assert_eq!(asked.state(shared), registered(BOB.0, S1));
}

#[test]
fn barring_pushes_the_profile_and_survives_a_restart() {
    let mut asked = alice_registered();
    asked.hss.admin(AdminRequest::SetBarred { impu: impu(ALICE.1), barred: true }).unwrap();
    let profile = ppr(asked.hss.poll_push()).user_data.unwrap().profile;
    assert_eq!(profile.impus, [PublicIdentity::distinct(impu(ALICE.1)).barred()]);
    assert!(!asked.reopened().subscriptions().next().unwrap().sets[0].profile.any_open());
    let unknown = asked.hss.admin(AdminRequest::SetBarred { impu: impu("sip:x@y.example"), barred: true });
    assert_eq!(unknown, Err(AdminError::Unknown("sip:x@y.example".into())));
}

#[test]
fn a_new_password_reaches_the_s_cscf_and_the_next_challenge() {
    let mut asked = alice_registered();
    let old = asked.mar(ALICE, AuthScheme::SipDigest, S1).auth.unwrap();
    let request = AdminRequest::SetPassword { impi: impi(ALICE.0), password: "changed".into() };
    asked.hss.admin(request.clone()).unwrap();
    let pushed = ppr(asked.hss.poll_push()).auth.unwrap();
    assert_ne!(pushed, old);
    assert_eq!(asked.mar(ALICE, AuthScheme::SipDigest, S1).auth, Some(pushed));
    asked.sar(ALICE, AssignmentType::UserDeregistration, S1);
    asked.hss.admin(request).unwrap();
    assert_eq!(asked.hss.poll_push(), None, "no S-CSCF serves the user");
}

#[test]
fn changed_wafs_and_wwsfs_are_pushed_alone() {
    let mut asked = alice_registered();
    let request = AdminRequest::SetAllowed {
        impu: impu(ALICE.1),
        wafs: vec!["waf.ims.example".into()],
        wwsfs: vec!["wwsf.ims.example".into()],
    };
    asked.hss.admin(request).unwrap();
    let told = ppr(asked.hss.poll_push());
    let expected = AllowedIdentities { wafs: vec!["waf.ims.example".into()], wwsfs: vec!["wwsf.ims.example".into()] };
    assert_eq!((told.allowed, told.user_data, told.auth), (Some(expected), None, None));
}

/// NET-05: the range goes down with a distinct identity of its set.
#[test]
fn ending_the_registration_of_a_range_names_its_anchor() {
    for named in [TRUNK.1, GUEST] {
        let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
        let reason = DeregistrationReason::ServerChange;
        asked.hss.admin(AdminRequest::Deregister { impu: impu(named), reason }).unwrap();
        let told = rtr(asked.hss.poll_push());
        assert_eq!((told.user_name, told.reason), (impi(TRUNK.0), reason));
        assert_eq!(told.public_identities, [impu(TRUNK.1)]);
        assert_eq!(asked.state(TRUNK.1), Registration::NotRegistered);
        let again = asked.hss.admin(AdminRequest::Deregister { impu: impu(named), reason });
        assert_eq!(again, Err(AdminError::NotRegistered(named.into())));
    }
}

#[test]
fn ending_the_registration_of_a_shared_identity_names_all_who_registered() {
    let shared = "sip:family@ims.example";
    let mut family = subscription(ALICE.0, digest(ALICE.0), &[shared]);
    family.users.insert(impi(BOB.0), digest(BOB.0));
    family.sets[0].impis.insert(impi(BOB.0));
    let mut asked = Asked::with([family]);
    asked.sar((ALICE.0, shared), AssignmentType::Registration, S1);
    asked.sar((BOB.0, shared), AssignmentType::Registration, S1);
    let reason = DeregistrationReason::PermanentTermination;
    asked.hss.admin(AdminRequest::Deregister { impu: impu(shared), reason }).unwrap();
    let told = rtr(asked.hss.poll_push());
    assert_eq!((told.user_name, told.associated), (impi(ALICE.0), vec![impi(BOB.0)]));
}

#[test]
fn ending_the_registrations_of_one_user_leaves_the_other_of_a_shared_identity() {
    let shared = "sip:family@ims.example";
    let mut family = subscription(ALICE.0, digest(ALICE.0), &[shared]);
    family.users.insert(impi(BOB.0), digest(BOB.0));
    family.sets[0].impis.insert(impi(BOB.0));
    let mut asked = Asked::with([family]);
    asked.sar((ALICE.0, shared), AssignmentType::Registration, S1);
    asked.sar((BOB.0, shared), AssignmentType::Registration, S1);
    let reason = DeregistrationReason::ServerChange;
    let request = AdminRequest::DeregisterUser { impi: impi(ALICE.0), reason };
    asked.hss.admin(request.clone()).unwrap();
    let told = rtr(asked.hss.poll_push());
    assert_eq!((told.user_name, told.associated, told.reason), (impi(ALICE.0), vec![], reason));
    assert_eq!(told.public_identities, [impu(shared)]);
    assert_eq!(asked.state(shared), registered(BOB.0, S1));
    assert_eq!(asked.hss.admin(request), Err(AdminError::NotRegistered(ALICE.0.into())));
    let stranger = AdminRequest::DeregisterUser { impi: impi("x@y.example"), reason };
    assert_eq!(asked.hss.admin(stranger), Err(AdminError::Unknown("x@y.example".into())));
}

/// NET-08, at the HSS.
#[test]
fn changed_identities_are_pushed_and_clashes_refused() {
    let mut asked = alice_registered();
    let [old, new] = [ALICE.1, "sip:a2@ims.example"].map(impu);
    let distinct = |impu: &Impu| Identity::Distinct(impu.clone());
    let change = |default: Option<&Impu>, add: &[&Impu], remove: &[&Impu]| AdminRequest::ChangeIdentities {
        impi: impi(ALICE.0),
        default: default.cloned(),
        add: add.iter().map(|impu| distinct(impu)).collect(),
        remove: remove.iter().map(|impu| distinct(impu)).collect(),
    };
    asked.hss.admin(change(Some(&new), &[&new], &[])).unwrap();
    let profile = ppr(asked.hss.poll_push()).user_data.unwrap().profile;
    assert_eq!(profile.associated(), [&distinct(&new), &distinct(&old)]);
    for (request, error) in [
        (change(None, &[&impu(BOB.1)], &[]), Some(AdminError::Taken(BOB.1.into()))),
        (change(None, &[], &[&impu(BOB.1)]), Some(AdminError::Unknown(BOB.1.into()))),
        (change(Some(&impu(BOB.1)), &[], &[]), None),
        (change(None, &[], &[&old, &new]), None),
    ] {
        let refused = asked.hss.admin(request).unwrap_err();
        assert!(error.map_or(matches!(refused, AdminError::Invalid(_)), |error| error == refused), "{refused:?}");
    }
    asked.hss.admin(change(None, &[], &[&new])).unwrap();
    let profile = ppr(asked.hss.poll_push()).user_data.unwrap().profile;
    assert_eq!(profile.default, old, "the first that is left becomes the default");
    assert_eq!(asked.hss.poll_push(), None);
}

/// CX-11: the S-CSCF's answer to a profile that it cannot take.
#[test]
fn a_profile_that_the_s_cscf_cannot_hold_moves_the_user() {
    for (result, ends, tells) in [
        (ResultCode::Success, false, false),
        (ResultCode::NotSupportedUserData, false, false),
        (ResultCode::TooMuchData, true, true),
        (ResultCode::UserUnknown, true, false),
    ] {
        let mut asked = alice_registered();
        asked.hss.admin(AdminRequest::SetBarred { impu: impu(ALICE.1), barred: true }).unwrap();
        let push = asked.hss.poll_push().unwrap();
        asked.hss.push_answered(&push, &CxPushAnswer::Ppa(Ppa { result })).unwrap();
        assert_eq!(asked.state(ALICE.1) == Registration::NotRegistered, ends, "{result}");
        match tells {
            true => assert_eq!(rtr(asked.hss.poll_push()).reason, DeregistrationReason::ServerChange),
            false => assert_eq!(asked.hss.poll_push(), None, "{result}"),
        }
    }
}

#[test]
fn a_change_that_the_store_refuses_tells_nobody() {
    let mut asked = alice_registered();
    asked.store.fail(true);
    let removed = asked.hss.admin(AdminRequest::RemoveUser { impi: impi(ALICE.0) });
    assert!(matches!(removed, Err(AdminError::Store(_))), "{removed:?}");
    assert_eq!(asked.hss.poll_push(), None);
    assert_eq!(asked.state(ALICE.1), registered(ALICE.0, S1));
}

#[test]
fn a_refused_request_leaves_a_pending_authentication() {
    let mut asked = Asked::with_alice_and_bob();
    asked.mar(ALICE, AuthScheme::SipDigest, S2);
    let reason = DeregistrationReason::PermanentTermination;
    let refused = asked.hss.admin(AdminRequest::Deregister { impu: impu(ALICE.1), reason });
    assert_eq!(refused, Err(AdminError::NotRegistered(ALICE.1.into())));
    assert_eq!(asked.uar(ALICE, AuthorizationType::DeRegistration).server_name, Some(server(S2)));
}

#[test]
fn requests_and_answers_go_over_a_wire() {
    let requests = [
        AdminRequest::AddUser(carol()),
        AdminRequest::ListUsers,
        AdminRequest::Deregister { impu: impu(ALICE.1), reason: DeregistrationReason::RemoveScscf },
    ];
    for request in requests {
        let line = serde_json::to_string(&request).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<AdminRequest>(&line).unwrap(), request);
        assert!(!format!("{request:?}").contains("carol-secret"));
    }
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    let result = asked.hss.admin(AdminRequest::ListUsers);
    let line = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<Result<AdminAnswer, AdminError>>(&line).unwrap(), result);
    let [user] = users(&mut asked).try_into().unwrap();
    assert!(user.identities.iter().any(|entry| entry.identity == Identity::Wildcard(range(RANGE))));
}
