//! TP-CX: the decisions of TS 29.228, one behaviour a test.

use ims::profile::PublicIdentity;
use mock_ims::cx::{AssignmentType, AuthScheme, AuthorizationType, CxRequest, Lir, ResultCode, Sar};
use mock_ims::hss::{Authentication, ImplicitSet, Registration, Roaming};
use sip::digest::Algorithm;

use crate::setup::*;

use AssignmentType as Assign;
use AuthorizationType::{DeRegistration, RegistrationAndCapabilities};
const REGISTER: AuthorizationType = AuthorizationType::Registration;

/// CX-01
#[test]
fn uar_for_an_unknown_a_non_distinct_and_a_mismatched_identity() {
    let mut asked = Asked::with_alice_and_bob();
    asked.hss.provision(trunk(registered(TRUNK.0, S1))).unwrap();
    for (pair, expected) in [
        (("nobody@ims.example", ALICE.1), ResultCode::UserUnknown),
        ((ALICE.0, "sip:nobody@ims.example"), ResultCode::UserUnknown),
        ((TRUNK.0, GUEST), ResultCode::UserUnknown),
        ((ALICE.0, BOB.1), ResultCode::IdentitiesDontMatch),
        (ALICE, ResultCode::FirstRegistration),
    ] {
        assert_eq!(asked.uar(pair, REGISTER).result, expected, "{pair:?}");
    }
}

/// CX-02
#[test]
fn uar_for_a_barred_identity_succeeds_only_beside_an_open_one() {
    let mut lone = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    lone.sets[0].profile.impus[0].barred = true;
    let mut paired = subscription(BOB.0, digest(BOB.0), &[BOB.1, "sip:robert@ims.example"]);
    paired.sets[0].profile.impus[0].barred = true;
    let mut asked = Asked::with([lone, paired]);
    assert_eq!(asked.uar(ALICE, REGISTER).result, ResultCode::AuthorizationRejected);
    assert_eq!(asked.uar(BOB, REGISTER).result, ResultCode::FirstRegistration);
}

/// CX-03
#[test]
fn uar_to_deregister_needs_a_registration_or_a_pending_authentication() {
    let mut asked = Asked::with_alice_and_bob();
    assert_eq!(asked.uar(ALICE, DeRegistration).result, ResultCode::IdentityNotRegistered);
    asked.mar(ALICE, AuthScheme::SipDigest, S1);
    let pending = asked.uar(ALICE, DeRegistration);
    assert_eq!((pending.result, pending.server_name), (ResultCode::Success, Some(server(S1))));
    asked.sar(ALICE, Assign::AuthenticationFailure, S1);
    assert_eq!(asked.uar(ALICE, DeRegistration).result, ResultCode::IdentityNotRegistered);
    asked.sar(ALICE, Assign::Registration, S1);
    let registered = asked.uar(ALICE, DeRegistration);
    assert_eq!((registered.result, registered.server_name), (ResultCode::Success, Some(server(S1))));
}

#[test]
fn uar_tells_whether_an_s_cscf_is_assigned_anywhere_in_the_subscription() {
    let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    let second = subscription(ALICE.0, digest(ALICE.0), &["sip:alice2@ims.example"]);
    alice.sets.extend(second.sets);
    let mut asked = Asked::with([alice]);
    let other = (ALICE.0, "sip:alice2@ims.example");

    let first = asked.uar(ALICE, REGISTER);
    assert_eq!(first.result, ResultCode::FirstRegistration);
    assert_eq!(first.capabilities, Some(config().capabilities));

    asked.mar(ALICE, AuthScheme::Unknown, S2);
    let pending = asked.uar(other, REGISTER);
    assert_eq!((pending.result, pending.server_name), (ResultCode::SubsequentRegistration, Some(server(S2))));

    asked.sar(ALICE, Assign::Registration, S2);
    for pair in [ALICE, other] {
        let answer = asked.uar(pair, REGISTER);
        assert_eq!((answer.result, answer.server_name), (ResultCode::SubsequentRegistration, Some(server(S2))));
    }
}

#[test]
fn uar_checks_roaming_and_authorisation_to_register_but_not_to_deregister() {
    let mut asked = Asked::with_alice_and_bob();
    let mut carol = subscription("carol@ims.example", digest("carol@ims.example"), &["sip:carol@ims.example"]);
    carol.sets[0].roaming = Roaming::Networks(["visited.example".into()].into());
    carol.sets[0].may_register = false;
    asked.hss.provision(carol).unwrap();
    let carol = ("carol@ims.example", "sip:carol@ims.example");
    for (pair, kind, visited, expected) in [
        (ALICE, REGISTER, "IMS.example", ResultCode::FirstRegistration),
        (ALICE, REGISTER, "visited.example", ResultCode::RoamingNotAllowed),
        (ALICE, RegistrationAndCapabilities, "visited.example", ResultCode::RoamingNotAllowed),
        (ALICE, DeRegistration, "visited.example", ResultCode::IdentityNotRegistered),
        (carol, REGISTER, "visited.example", ResultCode::AuthorizationRejected),
        (carol, REGISTER, "elsewhere.example", ResultCode::RoamingNotAllowed),
    ] {
        assert_eq!(asked.uar_from(pair, kind, visited).result, expected, "{pair:?} {kind} {visited}");
    }
}

#[test]
fn uar_for_capabilities_gives_them_and_no_name_even_to_the_registered() {
    let mut asked = Asked::with_alice_and_bob();
    asked.sar(ALICE, Assign::Registration, S1);
    let answer = asked.uar(ALICE, RegistrationAndCapabilities);
    assert_eq!((answer.result, answer.server_name), (ResultCode::Success, None));
    assert_eq!(answer.capabilities, Some(config().capabilities));
}

/// CX-04
#[test]
fn mar_unknown_is_for_digest_subscribers_only() {
    let aka = subscription(BOB.0, Authentication::Aka, &[BOB.1]);
    let vouched = subscription("carol@ims.example", Authentication::TrustedNode, &["sip:carol@ims.example"]);
    let mut asked = Asked::with([subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]), aka, vouched]);
    let carol = ("carol@ims.example", "sip:carol@ims.example");
    for (pair, scheme, expected) in [
        (ALICE, AuthScheme::Unknown, ResultCode::Success),
        (ALICE, AuthScheme::SipDigest, ResultCode::Success),
        (ALICE, AuthScheme::DigestAka, ResultCode::AuthSchemeNotSupported),
        (ALICE, AuthScheme::NassBundled, ResultCode::AuthSchemeNotSupported),
        (ALICE, AuthScheme::EarlyIms, ResultCode::AuthSchemeNotSupported),
        (BOB, AuthScheme::Unknown, ResultCode::AuthSchemeNotSupported),
        (BOB, AuthScheme::DigestAka, ResultCode::AuthSchemeNotSupported),
        (carol, AuthScheme::Unknown, ResultCode::AuthSchemeNotSupported),
    ] {
        let answer = asked.mar(pair, scheme, S1);
        assert_eq!(answer.result, expected, "{pair:?} {scheme:?}");
        assert_eq!(answer.auth.is_some(), expected == ResultCode::Success);
    }
}

#[test]
fn mar_refuses_unknown_non_distinct_and_mismatched_identities() {
    let mut asked = Asked::with_alice_and_bob();
    asked.hss.provision(trunk(registered(TRUNK.0, S1))).unwrap();
    for (pair, expected) in [
        (("nobody@ims.example", ALICE.1), ResultCode::UserUnknown),
        ((ALICE.0, GUEST), ResultCode::UserUnknown),
        ((ALICE.0, BOB.1), ResultCode::IdentitiesDontMatch),
    ] {
        assert_eq!(asked.mar(pair, AuthScheme::SipDigest, S1).result, expected, "{pair:?}");
    }
}

/// CX-05
#[test]
fn sar_from_a_second_s_cscf_learns_the_name_of_the_first() {
    let mut asked = Asked::with_alice_and_bob();
    assert_eq!(asked.sar(ALICE, Assign::Registration, S1).result, ResultCode::Success);
    for kind in [Assign::Registration, Assign::ReRegistration, Assign::UnregisteredUser] {
        let answer = asked.sar(ALICE, kind, S2);
        assert_eq!(answer.result, ResultCode::IdentityAlreadyRegistered, "{kind}");
        assert_eq!(answer.server_name, Some(server(S1)), "{kind}");
        assert_eq!(answer.user_data, None, "{kind}");
    }
    assert_eq!(asked.state(ALICE.1), registered(ALICE.0, S1));
}

#[test]
fn sar_of_a_challenge_that_another_s_cscf_took_over_is_refused() {
    let mut asked = Asked::with_alice_and_bob();
    asked.mar(ALICE, AuthScheme::SipDigest, S1);
    asked.mar(ALICE, AuthScheme::SipDigest, S2);
    let late = asked.sar(ALICE, Assign::Registration, S1);
    assert_eq!((late.result, late.server_name), (ResultCode::IdentityAlreadyRegistered, Some(server(S2))));
    assert_eq!(asked.sar(ALICE, Assign::Registration, S2).result, ResultCode::Success);
}

/// CX-06
#[test]
fn sar_for_an_identity_that_is_not_distinct_allows_only_some_types() {
    let refused = [1, 2, 5, 7, 9, 10];
    for named in [GUEST, RANGE] {
        for kind in AssignmentType::ALL {
            let mut asked = Asked::with([trunk(Registration::NotRegistered)]);
            let answer = asked.sar((TRUNK.0, named), kind, S1);
            let wrong_type = answer.result == ResultCode::InAssignmentType;
            assert_eq!(wrong_type, refused.contains(&kind.code()), "{named} {kind}: {answer}");
            if wrong_type {
                assert_eq!(asked.state(TRUNK.1), Registration::NotRegistered, "{named} {kind}");
            }
        }
    }
}

/// CX-07
#[test]
fn sar_for_a_guest_of_a_registered_range_is_sent_to_ask_with_the_key() {
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    let keyless = sar(None, &[GUEST], Assign::UnregisteredUser, S1);
    let answer = asked.send_sar(keyless.clone());
    assert_eq!(answer.result, ResultCode::InAssignmentType);
    assert_eq!(answer.wildcarded, Some(range(RANGE)));
    assert_eq!(asked.state(TRUNK.1), registered(TRUNK.0, S1));

    let with_key = asked.send_sar(Sar { wildcarded: Some(range(RANGE)), ..keyless.clone() });
    assert_eq!(with_key.result, ResultCode::Success);
    let profile = with_key.user_data.unwrap().profile;
    assert_eq!(profile.wildcards().collect::<Vec<_>>(), [&range(RANGE)]);
    assert_eq!(asked.state(TRUNK.1), registered(TRUNK.0, S1));

    let foreign = Sar { wildcarded: Some(range("sip:other-!.*!@partner.ims.example")), ..keyless };
    assert_eq!(asked.send_sar(foreign).result, ResultCode::UserUnknown);
}

#[test]
fn sar_for_a_guest_of_an_unregistered_range_serves_it_and_names_the_range() {
    let mut asked = Asked::with([trunk(Registration::NotRegistered)]);
    let answer = asked.send_sar(sar(None, &[GUEST], Assign::UnregisteredUser, S1));
    assert_eq!((answer.result, answer.wildcarded), (ResultCode::Success, Some(range(RANGE))));
    assert_eq!(asked.state(TRUNK.1), Registration::Unregistered { server: server(S1) });
}

/// CX-08
#[test]
fn sar_of_a_failed_authentication_keeps_a_registration_and_clears_a_mere_name() {
    for kind in [Assign::AuthenticationFailure, Assign::AuthenticationTimeout] {
        let mut asked = Asked::with_alice_and_bob();
        asked.mar(ALICE, AuthScheme::SipDigest, S1);
        assert_eq!(asked.sar(ALICE, kind, S1).result, ResultCode::Success);
        let cleared = asked.uar(ALICE, REGISTER);
        assert_eq!((cleared.result, cleared.server_name), (ResultCode::FirstRegistration, None), "{kind}");

        asked.sar(ALICE, Assign::Registration, S1);
        asked.mar(ALICE, AuthScheme::SipDigest, S1);
        assert_eq!(asked.sar(ALICE, kind, S1).result, ResultCode::Success);
        assert_eq!(asked.state(ALICE.1), registered(ALICE.0, S1), "{kind}");
    }
}

#[test]
fn sar_of_a_failed_authentication_leaves_the_challenge_of_another_s_cscf() {
    let mut asked = Asked::with_alice_and_bob();
    asked.mar(ALICE, AuthScheme::SipDigest, S2);
    asked.sar(ALICE, Assign::AuthenticationTimeout, S1);
    assert_eq!(asked.uar(ALICE, DeRegistration).server_name, Some(server(S2)));
}

/// CX-09
#[test]
fn lir_by_state_services_and_direction() {
    let states =
        || [registered(ALICE.0, S1), Registration::Unregistered { server: server(S1) }, Registration::NotRegistered];
    for state in states() {
        for services in [false, true] {
            for originating in [false, true] {
                let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
                alice.sets[0].registration = state.clone();
                alice.sets[0].unregistered_services = services;
                let mut asked = Asked::with([alice]);
                let answer = asked.lir(ALICE.1, originating);
                let expected = match (&state, services || originating) {
                    (Registration::NotRegistered, false) => (ResultCode::IdentityNotRegistered, None),
                    (Registration::NotRegistered, true) => (ResultCode::UnregisteredService, None),
                    _ => (ResultCode::Success, Some(server(S1))),
                };
                assert_eq!((answer.result, answer.server_name), expected, "{state:?} {services} {originating}");
                assert_eq!(answer.capabilities.is_some(), expected.0 == ResultCode::UnregisteredService);
            }
        }
    }
    assert_eq!(Asked::with([]).lir(ALICE.1, true).result, ResultCode::UserUnknown);
}

#[test]
fn lir_for_an_unregistered_identity_finds_the_s_cscf_of_its_siblings() {
    let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    alice.sets[0].registration = registered(ALICE.0, S2);
    let mut second = subscription(ALICE.0, digest(ALICE.0), &["sip:alice2@ims.example"]).sets.remove(0);
    second.unregistered_services = true;
    alice.sets.push(second);
    let answer = Asked::with([alice]).lir("sip:alice2@ims.example", false);
    assert_eq!((answer.result, answer.server_name), (ResultCode::Success, Some(server(S2))));
}

#[test]
fn lir_for_a_guest_names_the_range_and_a_distinct_identity_outranks_it() {
    let distinct = subscription("guest@ims.example", Authentication::TrustedNode, &[GUEST]);
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    let guest = asked.lir(GUEST, false);
    assert_eq!((guest.result, guest.server_name), (ResultCode::Success, Some(server(S1))));
    assert_eq!(guest.wildcarded, Some(range(RANGE)));

    asked.hss.provision(distinct).unwrap();
    let shadowed = asked.lir(GUEST, false);
    assert_eq!((shadowed.result, shadowed.wildcarded), (ResultCode::IdentityNotRegistered, None));
    assert_eq!(asked.lir("sip:guest-043@partner.ims.example", false).result, ResultCode::Success);
}

#[test]
fn lir_for_capabilities_gives_them_without_a_name() {
    let mut asked = Asked::with_alice_and_bob();
    asked.sar(ALICE, Assign::Registration, S1);
    let request = Lir { public_identity: impu(ALICE.1), originating: false, capabilities_only: true };
    let mock_ims::cx::CxAnswer::Lia(answer) = asked.hss.handle(&CxRequest::Lir(request)) else {
        panic!("not a LIA");
    };
    assert_eq!((answer.result, answer.server_name), (ResultCode::Success, None));
    assert_eq!(answer.capabilities, Some(config().capabilities));
}

/// CX-10
#[test]
fn maa_carries_the_md5_ha1_beside_the_sha_256_one() {
    let mut asked = Asked::with_alice_and_bob();
    let auth = asked.mar(ALICE, AuthScheme::SipDigest, S1).auth.unwrap();
    assert_eq!(auth.realm, "ims.example");
    assert_eq!(auth.ha1.algorithm(), Algorithm::Md5);
    assert_eq!(auth.alternate.unwrap().algorithm(), Algorithm::Sha256);
}

/// CX-12
#[test]
fn a_shared_identity_stays_registered_until_its_last_private_identity_leaves() {
    let shared = "sip:family@ims.example";
    let mut family = subscription(ALICE.0, digest(ALICE.0), &[shared]);
    family.users.insert(impi(BOB.0), digest(BOB.0));
    family.sets[0].impis.insert(impi(BOB.0));
    let mut asked = Asked::with([family]);
    for user in [ALICE.0, BOB.0] {
        let answer = asked.sar((user, shared), Assign::Registration, S1);
        let other = if user == ALICE.0 { BOB.0 } else { ALICE.0 };
        assert_eq!((answer.result, answer.associated), (ResultCode::Success, vec![impi(other)]));
    }
    assert_eq!(asked.sar((ALICE.0, shared), Assign::UserDeregistration, S1).result, ResultCode::Success);
    assert_eq!(asked.state(shared), registered(BOB.0, S1));
    asked.sar((BOB.0, shared), Assign::TimeoutDeregistration, S1);
    assert_eq!(asked.state(shared), Registration::NotRegistered);
}

#[test]
fn sar_for_registration_returns_the_profile_once_and_not_when_the_s_cscf_has_it() {
    let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1, "tel:+12015550123"]);
    alice.sets[0].profile.impus.push(PublicIdentity::distinct(impu("sip:barred@ims.example")).barred());
    alice.sets[0].profile.loose_route = true;
    alice.sets[0].profile.allowed_wwsfs = vec!["wwsf.ims.example".into()];
    let profile = alice.sets[0].profile.clone();
    let mut asked = Asked::with([alice]);
    let data = asked.sar(ALICE, Assign::Registration, S1).user_data.unwrap();
    assert_eq!((data.impi, data.profile), (impi(ALICE.0), profile));
    let refresh =
        Sar { user_data_already_available: true, ..sar(Some(ALICE.0), &[ALICE.1], Assign::ReRegistration, S1) };
    let answer = asked.send_sar(refresh);
    assert_eq!((answer.result, answer.user_data), (ResultCode::Success, None));
}

#[test]
fn sar_registers_and_ends_a_whole_implicit_set() {
    let second = "sip:alice2@ims.example";
    let mut asked = Asked::with([subscription(ALICE.0, digest(ALICE.0), &[ALICE.1, second])]);
    asked.sar(ALICE, Assign::Registration, S1);
    assert_eq!(asked.lir(second, false).result, ResultCode::Success);
    let both = sar(Some(ALICE.0), &[ALICE.1, second], Assign::UserDeregistration, S1);
    assert_eq!(asked.send_sar(both).result, ResultCode::Success);
    for public in [ALICE.1, second] {
        assert_eq!(asked.lir(public, false).result, ResultCode::IdentityNotRegistered);
    }
}

#[test]
fn sar_without_identities_ends_every_set_of_the_private_identity() {
    let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
    let second = subscription(ALICE.0, digest(ALICE.0), &["sip:alice2@ims.example"]);
    alice.sets.extend(second.sets);
    let mut asked = Asked::with([alice]);
    let other = (ALICE.0, "sip:alice2@ims.example");
    asked.sar(ALICE, Assign::Registration, S1);
    asked.sar(other, Assign::Registration, S1);
    let all = asked.send_sar(sar(Some(ALICE.0), &[], Assign::AdministrativeDeregistration, S1));
    assert_eq!(all.result, ResultCode::Success);
    assert_eq!(
        [asked.state(ALICE.1), asked.state(other.1)],
        [Registration::NotRegistered, Registration::NotRegistered]
    );
}

#[test]
fn sar_that_names_too_many_or_too_few_identities_is_refused() {
    let second = "sip:alice2@ims.example";
    let mut asked = Asked::with([subscription(ALICE.0, digest(ALICE.0), &[ALICE.1, second])]);
    for kind in AssignmentType::ALL {
        let many = asked.send_sar(sar(Some(ALICE.0), &[ALICE.1, second], kind, S1)).result;
        let too_many = many == ResultCode::AvpOccursTooManyTimes;
        assert_eq!(too_many, !kind.is_deregistration(), "{kind}: {many}");
        let none = asked.send_sar(sar(None, &[], kind, S1)).result;
        assert_eq!(none, ResultCode::MissingAvp, "{kind}");
    }
    let anonymous = asked.send_sar(sar(None, &[ALICE.1], Assign::Registration, S1));
    assert_eq!(anonymous.result, ResultCode::MissingAvp);
}

#[test]
fn sar_for_unknown_and_mismatched_identities_is_refused() {
    let mut asked = Asked::with_alice_and_bob();
    for (pair, expected) in [
        (("nobody@ims.example", ALICE.1), ResultCode::UserUnknown),
        ((ALICE.0, "sip:nobody@ims.example"), ResultCode::UserUnknown),
        ((ALICE.0, "sip:!.*!@nowhere.example"), ResultCode::UserUnknown),
        ((ALICE.0, BOB.1), ResultCode::IdentitiesDontMatch),
    ] {
        assert_eq!(asked.sar(pair, Assign::Registration, S1).result, expected, "{pair:?}");
    }
}

#[test]
fn sar_that_asks_to_keep_the_name_keeps_it_only_for_unregistered_services() {
    for (kind, services) in
        [(Assign::UserDeregistrationStoreServerName, false), (Assign::TimeoutDeregistrationStoreServerName, true)]
    {
        let mut alice = subscription(ALICE.0, digest(ALICE.0), &[ALICE.1]);
        alice.sets[0].unregistered_services = services;
        let mut asked = Asked::with([alice]);
        asked.sar(ALICE, Assign::Registration, S1);
        let result = asked.sar(ALICE, kind, S1).result;
        let expected = match services {
            true => (ResultCode::Success, Registration::Unregistered { server: server(S1) }),
            false => (ResultCode::SuccessServerNameNotStored, Registration::NotRegistered),
        };
        assert_eq!((result, asked.state(ALICE.1)), expected);
    }
}

#[test]
fn an_s_cscf_that_lost_the_user_can_neither_end_nor_read_the_registration() {
    let mut asked = Asked::with_alice_and_bob();
    asked.sar(ALICE, Assign::Registration, S1);
    for kind in AssignmentType::ALL.into_iter().filter(|kind| kind.is_deregistration() || kind.code() == 0) {
        let answer = asked.sar(ALICE, kind, S2);
        assert_eq!((answer.result, answer.user_data), (ResultCode::UnableToComply, None), "{kind}");
        assert_eq!(asked.state(ALICE.1), registered(ALICE.0, S1), "{kind}");
    }
    assert!(asked.sar(ALICE, Assign::NoAssignment, S1).user_data.is_some());
}

#[test]
fn trusted_node_registration_needs_no_mar() {
    let mut asked = Asked::with([subscription(ALICE.0, Authentication::TrustedNode, &[ALICE.1])]);
    assert_eq!(asked.uar(ALICE, REGISTER).result, ResultCode::FirstRegistration);
    assert_eq!(asked.sar(ALICE, Assign::Registration, S1).result, ResultCode::Success);
    assert_eq!(asked.uar(ALICE, REGISTER).result, ResultCode::SubsequentRegistration);
}

#[test]
fn a_request_whose_commit_fails_changes_nothing() {
    let mut asked = Asked::with_alice_and_bob();
    asked.store.fail(true);
    assert_eq!(asked.sar(ALICE, Assign::Registration, S1).result, ResultCode::UnableToComply);
    assert_eq!(asked.mar(BOB, AuthScheme::SipDigest, S1).result, ResultCode::UnableToComply);
    asked.store.fail(false);
    assert_eq!(asked.state(ALICE.1), Registration::NotRegistered);
    assert_eq!(asked.uar(BOB, REGISTER).result, ResultCode::FirstRegistration);
    assert_eq!(asked.sar(ALICE, Assign::Registration, S1).result, ResultCode::Success);
}

#[test]
fn sar_for_registration_clears_the_pending_authentication() {
    let mut asked = Asked::with_alice_and_bob();
    asked.mar(ALICE, AuthScheme::SipDigest, S1);
    asked.sar(ALICE, Assign::Registration, S1);
    assert!(asked.hss.subscriptions().flat_map(|s| &s.sets).all(|set| set.pending.is_empty()));
}

#[test]
fn a_batch_whose_commit_fails_is_undone_whole() {
    let mut asked = Asked::with_alice_and_bob();
    let before: Vec<_> = asked.hss.subscriptions().cloned().collect();
    let requests: Vec<CxRequest> =
        [Assign::Registration, Assign::UserDeregistration, Assign::UnregisteredUser, Assign::Registration]
            .map(|kind| CxRequest::Sar(sar(Some(ALICE.0), &[ALICE.1], kind, S1)))
            .into();
    asked.store.fail(true);
    assert!(asked.hss.handle_batch(&requests).is_err());
    assert!(asked.hss.subscriptions().eq(&before));
}

#[test]
fn a_batch_is_answered_in_order_with_one_commit() {
    let mut asked = Asked::with_alice_and_bob();
    let before = asked.store.commits();
    let requests: Vec<CxRequest> = [
        sar(Some(ALICE.0), &[ALICE.1], Assign::Registration, S1),
        sar(Some(ALICE.0), &[ALICE.1], Assign::Registration, S2),
        sar(Some(BOB.0), &[BOB.1], Assign::Registration, S2),
    ]
    .map(CxRequest::Sar)
    .into();
    let results: Vec<_> = asked.hss.handle_batch(&requests).unwrap().iter().map(|a| a.result()).collect();
    assert_eq!(results, [ResultCode::Success, ResultCode::IdentityAlreadyRegistered, ResultCode::Success]);
    assert_eq!(asked.store.commits(), before + 1);
}

#[test]
fn what_changes_nothing_is_not_committed() {
    let mut asked = Asked::with_alice_and_bob();
    asked.sar(ALICE, Assign::Registration, S1);
    let before = asked.store.commits();
    asked.sar(ALICE, Assign::ReRegistration, S1);
    asked.uar(ALICE, REGISTER);
    asked.lir(ALICE.1, false);
    assert_eq!(asked.store.commits(), before);
}

#[test]
fn registration_state_is_there_after_a_restart() {
    let mut asked = Asked::with_alice_and_bob();
    asked.hss.provision(trunk(registered(TRUNK.0, S1))).unwrap();
    asked.sar(ALICE, Assign::Registration, S1);
    asked.mar(BOB, AuthScheme::SipDigest, S2);
    let again = asked.reopened();
    assert!(again.subscriptions().eq(asked.hss.subscriptions()));
    let mut again = Asked { hss: again, store: asked.store };
    assert_eq!(again.state(ALICE.1), registered(ALICE.0, S1));
    assert_eq!(again.uar(BOB, DeRegistration).server_name, Some(server(S2)));
    assert_eq!(again.lir(GUEST, false).wildcarded, Some(range(RANGE)));
    let sets: Vec<&ImplicitSet> = again.hss.subscriptions().flat_map(|s| &s.sets).collect();
    assert_eq!(sets.len(), 3);
}
