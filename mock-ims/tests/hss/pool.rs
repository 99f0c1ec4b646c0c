//! Identities that a third party manages (TS 29.228 §6.1.1.1 step 0, TS 23.228 U.2.1.4).

use ims::ImpiRange;
use mock_ims::cx::{AssignmentType, AuthScheme, AuthorizationType, ResultCode};
use mock_ims::hss::{Authentication, Pool, Registration, Roaming};

use crate::setup::*;

const PAIR: (&str, &str) = ("guest-042@partner.ims.example", GUEST);
const REGISTER: AuthorizationType = AuthorizationType::Registration;

fn pool() -> Pool {
    Pool {
        name: "guests".into(),
        impis: ImpiRange::parse("guest-!.*!@partner.ims.example").unwrap(),
        impus: range(RANGE),
        barred: [impu("sip:guest-666@partner.ims.example")].into(),
        roaming: Roaming::HomeOnly,
        allowed_wafs: vec!["waf.partner.example".into()],
        allowed_wwsfs: vec!["wwsf.partner.example".into()],
        max_users: 2,
    }
}

fn with_pool() -> Asked {
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    asked.hss.provision_pool(pool()).unwrap();
    asked
}

/// WLD-13
#[test]
fn a_pool_pair_registers_without_being_provisioned() {
    let mut asked = with_pool();
    assert_eq!(asked.uar(PAIR, REGISTER).result, ResultCode::FirstRegistration);
    let answer = asked.sar(PAIR, AssignmentType::Registration, S1);
    assert_eq!(answer.result, ResultCode::Success);
    let profile = answer.user_data.unwrap().profile;
    assert_eq!(profile.default_impu(), Some(&impu(GUEST)));
    assert_eq!(profile.allowed_wwsfs, ["wwsf.partner.example"]);
    assert_eq!(asked.uar(PAIR, REGISTER).result, ResultCode::SubsequentRegistration);

    // It is distinct now, and outranks the range around it.
    let located = asked.lir(GUEST, false);
    assert_eq!((located.result, located.wildcarded), (ResultCode::Success, None));
}

/// WLD-15
#[test]
fn without_the_pool_the_same_pair_is_unknown() {
    let mut asked = Asked::with([trunk(registered(TRUNK.0, S1))]);
    assert_eq!(asked.uar(PAIR, REGISTER).result, ResultCode::UserUnknown);
    assert_eq!(asked.sar(PAIR, AssignmentType::Registration, S1).result, ResultCode::UserUnknown);
}

#[test]
fn a_pair_whose_varying_parts_differ_is_not_of_the_pool() {
    let mut asked = with_pool();
    let crossed = ("guest-041@partner.ims.example", GUEST);
    assert_eq!(asked.uar(crossed, REGISTER).result, ResultCode::UserUnknown);
    assert_eq!(asked.sar(crossed, AssignmentType::Registration, S1).result, ResultCode::UserUnknown);
}

#[test]
fn a_provisioned_identity_is_never_taken_for_one_of_the_pool() {
    let mut asked = with_pool();
    asked.hss.provision(subscription("owner@ims.example", Authentication::TrustedNode, &[GUEST])).unwrap();
    assert_eq!(asked.uar(PAIR, REGISTER).result, ResultCode::UserUnknown);
    assert_eq!(asked.sar(PAIR, AssignmentType::Registration, S1).result, ResultCode::UserUnknown);
}

#[test]
fn step_0_goes_on_with_barring_roaming_and_state() {
    let mut asked = with_pool();
    let barred = ("guest-666@partner.ims.example", "sip:guest-666@partner.ims.example");
    assert_eq!(asked.uar(barred, REGISTER).result, ResultCode::AuthorizationRejected);
    assert_eq!(asked.uar_from(PAIR, REGISTER, "visited.example").result, ResultCode::RoamingNotAllowed);
    assert_eq!(asked.uar(PAIR, AuthorizationType::DeRegistration).result, ResultCode::IdentityNotRegistered);
}

#[test]
fn a_pool_pair_is_never_challenged() {
    let mut asked = with_pool();
    assert_eq!(asked.mar(PAIR, AuthScheme::Unknown, S1).result, ResultCode::UserUnknown);
    asked.sar(PAIR, AssignmentType::Registration, S1);
    assert_eq!(asked.mar(PAIR, AuthScheme::Unknown, S1).result, ResultCode::AuthSchemeNotSupported);
}

#[test]
fn a_pool_identity_is_forgotten_when_it_leaves() {
    let mut asked = with_pool();
    asked.sar(PAIR, AssignmentType::Registration, S1);
    assert_eq!(asked.reopened().subscriptions().count(), 2);
    assert_eq!(asked.sar(PAIR, AssignmentType::UserDeregistration, S1).result, ResultCode::Success);
    assert_eq!(asked.reopened().subscriptions().count(), 1);
    assert_eq!(asked.state(GUEST), Registration::NotRegistered);
    assert_eq!(asked.lir(GUEST, false).wildcarded, Some(range(RANGE)));
    // Once more changes nothing.
    assert_eq!(asked.sar(PAIR, AssignmentType::UserDeregistration, S1).result, ResultCode::Success);
}

#[test]
fn a_pool_holds_no_more_identities_than_it_may() {
    let mut asked = with_pool();
    let pair = |n: u32| (format!("guest-{n}@partner.ims.example"), format!("sip:guest-{n}@partner.ims.example"));
    let mut register = |n: u32| {
        let (user, public) = pair(n);
        asked.sar((&user, &public), AssignmentType::Registration, S1).result
    };
    assert_eq!(
        [register(1), register(2), register(3)],
        [ResultCode::Success, ResultCode::Success, ResultCode::UnableToComply]
    );
    assert_eq!(register(2), ResultCode::Success, "a refresh is not one more");
    let (user, public) = pair(1);
    asked.sar((&user, &public), AssignmentType::TimeoutDeregistration, S1);
    let (user, public) = pair(3);
    assert_eq!(asked.sar((&user, &public), AssignmentType::Registration, S1).result, ResultCode::Success);
}

#[test]
fn an_idle_pool_identity_is_known_but_not_registered() {
    let mut asked = Asked::with([]);
    asked.hss.provision_pool(pool()).unwrap();
    assert_eq!(asked.lir(GUEST, false).result, ResultCode::IdentityNotRegistered);
    assert_eq!(asked.lir("sip:bob@partner.ims.example", false).result, ResultCode::UserUnknown);
}

#[test]
fn pools_that_overlap_are_refused() {
    let mut asked = with_pool();
    let wider = Pool { name: "wider".into(), impus: range("sip:!.*!@partner.ims.example"), ..pool() };
    assert!(asked.hss.provision_pool(wider).is_err());
    assert!(asked.hss.provision_pool(pool()).is_ok(), "the same pool again");
}
