//! Whatever is asked in whatever order: what must hold of the HSS at all times.

use ims::ImpiRange;
use mock_ims::cx::{AssignmentType, AuthScheme, AuthorizationType, CxPush, DeregistrationReason, ResultCode};
use mock_ims::hss::{AdminRequest, Authentication, Pool, Registration, Roaming, Subscription};
use proptest::prelude::*;

use crate::setup::*;

const SHARED: &str = "sip:family@ims.example";
const OWN: &str = "sip:alice@ims.example";
const GUEST_USER: &str = "guest-042@partner.ims.example";
const USERS: [&str; 5] = [ALICE.0, BOB.0, TRUNK.0, GUEST_USER, "nobody@ims.example"];
const PUBLICS: [&str; 6] = [SHARED, OWN, TRUNK.1, GUEST, RANGE, "sip:nobody@ims.example"];
const SERVERS: [&str; 2] = [S1, S2];

/// One thing that happens to the HSS; the numbers pick from the tables above.
#[derive(Clone, Debug)]
enum Step {
    Uar(usize, usize, bool),
    Mar(usize, usize, usize),
    Sar { user: Option<usize>, publics: Vec<usize>, kind: usize, server: usize },
    Bar(usize, bool),
    Remove(usize),
    Deregister(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (user, public, server) = (0..USERS.len(), 0..PUBLICS.len(), 0..SERVERS.len());
    let publics = prop_oneof![
        8 => public.clone().prop_map(|one| vec![one]),
        1 => prop::collection::vec(public.clone(), 0..3),
    ];
    // Mostly the types that change state, and mostly the first S-CSCF, or little would be registered.
    let kind = prop_oneof![3 => Just(1_usize), 2 => 0..AssignmentType::ALL.len()];
    let mostly_first = prop_oneof![3 => Just(0_usize), 1 => server.clone()];
    let sar = (prop::option::weighted(0.9, user.clone()), publics, kind, mostly_first)
        .prop_map(|(user, publics, kind, server)| Step::Sar { user, publics, kind, server });
    let step = prop_oneof![
        8 => sar,
        3 => (user.clone(), public.clone(), server).prop_map(|(u, p, s)| Step::Mar(u, p, s)),
        2 => (user.clone(), public.clone(), any::<bool>()).prop_map(|(u, p, d)| Step::Uar(u, p, d)),
        1 => (public.clone(), any::<bool>()).prop_map(|(p, b)| Step::Bar(p, b)),
        1 => public.prop_map(Step::Deregister),
        1 => user.prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

/// Two users who share a set, one of them with a set of her own; a range; a pool.
fn world() -> Asked {
    let mut family = subscription(ALICE.0, digest(ALICE.0), &[SHARED]);
    family.users.insert(impi(BOB.0), Authentication::TrustedNode);
    family.sets[0].impis.insert(impi(BOB.0));
    let mut own = subscription(ALICE.0, digest(ALICE.0), &[OWN]).sets.remove(0);
    own.unregistered_services = true;
    family.sets.push(own);
    let mut asked = Asked::with([family, trunk(Registration::NotRegistered)]);
    let pool = Pool {
        name: "guests".into(),
        impis: ImpiRange::parse("guest-!.*!@partner.ims.example").unwrap(),
        impus: range(RANGE),
        barred: [].into(),
        roaming: Roaming::HomeOnly,
        allowed_wafs: vec![],
        allowed_wwsfs: vec![],
        max_users: 10,
    };
    asked.hss.provision_pool(pool).unwrap();
    asked
}

fn state(asked: &Asked) -> Vec<Subscription> {
    asked.hss.subscriptions().cloned().collect()
}

fn is_range(public: usize) -> bool {
    PUBLICS[public] == RANGE
}

fn take(asked: &mut Asked, step: &Step) {
    let before = state(asked);
    match step {
        Step::Uar(_, public, _) | Step::Mar(_, public, _) | Step::Bar(public, _) | Step::Deregister(public)
            if is_range(*public) => {}
        Step::Uar(user, public, leaving) => {
            let kind = if *leaving { AuthorizationType::DeRegistration } else { AuthorizationType::Registration };
            let answer = asked.uar((USERS[*user], PUBLICS[*public]), kind);
            let named = matches!(answer.result, ResultCode::SubsequentRegistration | ResultCode::Success);
            assert_eq!(answer.server_name.is_some(), named, "{answer}");
            assert_eq!(answer.capabilities.is_some(), answer.result == ResultCode::FirstRegistration, "{answer}");
            assert_eq!(state(asked), before, "UAR changes nothing");
        }
        Step::Mar(user, public, server) => {
            let answer = asked.mar((USERS[*user], PUBLICS[*public]), AuthScheme::SipDigest, SERVERS[*server]);
            assert_eq!(answer.auth.is_some(), answer.result == ResultCode::Success);
            assert!(answer.auth.is_none() || USERS[*user] == ALICE.0, "only alice has a password");
            assert!(registrations(&state(asked)).eq(registrations(&before)), "MAR registers nobody");
        }
        Step::Sar { user, publics, kind, server } => {
            let publics: Vec<&str> = publics.iter().map(|public| PUBLICS[*public]).collect();
            let kind = AssignmentType::ALL[*kind];
            let answer = asked.send_sar(sar(user.map(|user| USERS[user]), &publics, kind, SERVERS[*server]));
            if !answer.result.is_success() {
                assert_eq!(state(asked), before, "{answer}");
            }
            if answer.result == ResultCode::IdentityAlreadyRegistered {
                assert_ne!(answer.server_name, Some(self::server(SERVERS[*server])));
            }
        }
        Step::Bar(public, barred) => {
            let _ = asked.hss.admin(AdminRequest::SetBarred { impu: impu(PUBLICS[*public]), barred: *barred });
        }
        Step::Deregister(public) => {
            let reason = DeregistrationReason::ServerChange;
            let done = asked.hss.admin(AdminRequest::Deregister { impu: impu(PUBLICS[*public]), reason });
            if done.is_err() {
                assert!(registrations(&state(asked)).eq(registrations(&before)));
            }
        }
        Step::Remove(user) => {
            let _ = asked.hss.admin(AdminRequest::RemoveUser { impi: impi(USERS[*user]) });
            // The pool's users are nobody's to remove; the others are gone.
            let gone = !state(asked).iter().any(|s| s.pool.is_none() && s.users.contains_key(&impi(USERS[*user])));
            assert!(gone);
        }
        Step::Restart => asked.hss = asked.reopened(),
    }
    while let Some(push) = asked.hss.poll_push() {
        let served = before.iter().flat_map(|s| &s.sets).any(|set| set.registration.server() == Some(&push.to));
        assert!(served, "{} to an S-CSCF that serves nobody", push.message);
        if let CxPush::Rtr(rtr) = &push.message {
            assert!(!rtr.public_identities.is_empty());
        }
    }
}

fn registrations(state: &[Subscription]) -> impl Iterator<Item = &Registration> {
    state.iter().flat_map(|subscription| &subscription.sets).map(|set| &set.registration)
}

fn check(asked: &mut Asked) {
    let state = state(asked);
    assert!(asked.reopened().subscriptions().eq(&state), "the store holds what the HSS does");
    for subscription in &state {
        let mut servers: Vec<_> = subscription.sets.iter().filter_map(|set| set.registration.server()).collect();
        servers.dedup();
        assert!(servers.len() <= 1, "one S-CSCF serves a subscription: {servers:?}");
        for set in &subscription.sets {
            if let Registration::Registered { impis, .. } = &set.registration {
                assert!(!impis.is_empty() && impis.is_subset(&set.impis));
            }
            assert!(set.pending.keys().all(|impi| set.impis.contains(impi)));
            let idle = set.registration == Registration::NotRegistered && set.pending.is_empty();
            assert!(subscription.pool.is_none() || !idle, "an idle pool identity is not kept");
            for impu in set.profile.distinct_impus() {
                let located = asked.lir(impu.as_str(), false);
                assert_ne!(located.result, ResultCode::UserUnknown, "{impu}");
                let serving = set.registration.server().or(subscription.server().filter(|_| set.unregistered_services));
                assert_eq!(located.server_name.as_ref(), serving, "{impu}: {located}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_stays_consistent_durable_and_untouched_by_refusals(steps in steps()) {
        let mut asked = world();
        for step in &steps {
            take(&mut asked, step);
            check(&mut asked);
        }
    }
}
