//! Flow 1 at the core: SIP Digest (TS 33.203 Annex N).

use crate::client::{Client, challenge, challenges};
use crate::world::{World, impi, impu};
use ims::Password;
use mock_ims::hss::{AdminRequest, Subscriber};
use mock_ims::policy::{DigestAlgorithm, Policy};
use mock_ims::scscf::Event;
use sip::digest::{Algorithm, verify_rspauth};
use sip::headers::{AuthenticationInfo, Authorization, Credentials, DigestChallenge, DigestCredentials};
use sip::{HeaderName, Request, Response, StatusCode};
use std::time::Duration;

/// The challenge that an initial REGISTER gets.
fn challenged(world: &mut World, client: &mut Client) -> DigestChallenge {
    let response = world.send(&client.initial(600));
    assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{response}");
    challenge(&response, Algorithm::Sha256)
}

/// Registers; the challenge and the REGISTER that answered it.
fn registered(world: &mut World, client: &mut Client) -> (DigestChallenge, Request) {
    let challenge = challenged(world, client);
    let register = client.register(600);
    let request = client.answer(register, &challenge, 1);
    let response = world.send(&request);
    assert_eq!(response.status, StatusCode::OK, "{response}");
    world.log.clear();
    (challenge, request)
}

fn credentials(request: &Request) -> DigestCredentials {
    match request.headers.one::<Authorization>().unwrap().0 {
        Credentials::Digest(digest) => digest,
        other => panic!("not Digest: {other}"),
    }
}

fn is_stale(response: &Response) -> bool {
    challenges(response).iter().any(|challenge| challenge.text("stale").as_deref() == Some("true"))
}

/// DIG-01, DIG-02: challenged once, with SHA-256 first, and answered with either.
#[test]
fn a_right_answer_with_either_algorithm_registers_and_proves_the_server() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut world = World::new();
        let mut alice = Client::of("alice");
        let response = world.send(&alice.initial(600));
        let offered: Vec<_> = challenges(&response).iter().map(|c| c.text("algorithm").unwrap()).collect();
        assert_eq!(offered, ["SHA-256", "MD5"]);
        assert!(challenges(&response).iter().all(|c| c.text("qop").as_deref() == Some("auth")));

        let register = alice.register(600);
        let request = alice.answer(register, &challenge(&response, algorithm), 1);
        let response = world.send(&request);
        assert_eq!(response.status, StatusCode::OK);
        let info = response.headers.one::<AuthenticationInfo>().unwrap();
        verify_rspauth(&info, &credentials(&request), &alice.password).unwrap();
        assert_eq!(world.cx(), ["UAR REGISTRATION", "MAR", "UAR REGISTRATION", "SAR REGISTRATION"]);
    }
}

/// DIG-02: what is challenged with follows configuration and what the HSS holds.
#[test]
fn only_configured_algorithms_are_offered() {
    let policy = Policy { digest_algorithms: vec![DigestAlgorithm::Md5], ..Policy::default() };
    let mut world = World::with(policy);
    let response = world.send(&Client::of("alice").initial(600));
    let offered: Vec<_> = challenges(&response).iter().map(|c| c.text("algorithm").unwrap()).collect();
    assert_eq!(offered, ["MD5"]);
}

/// DIG-03: without Authorization the private identity is the one that To stands for.
#[test]
fn without_credentials_the_impi_is_derived_from_to() {
    let mut world = World::new();
    world.admin(AdminRequest::AddUser(Subscriber {
        impi: "dave@ims.example".parse().unwrap(),
        password: Some("dave-secret".into()),
        impus: vec![impu("dave")],
        allowed_wafs: vec![],
        allowed_wwsfs: vec![],
    }));
    let mut dave = Client { impi: "dave@ims.example".into(), ..Client::of("dave") };
    let response = world.send(&dave.register(600));
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    let register = dave.register(600);
    let answer = dave.answer(register, &challenge(&response, Algorithm::Sha256), 1);
    assert_eq!(world.send(&answer).status, StatusCode::OK);

    let response = world.send(&Client::of("alice").register(600));
    assert_eq!(response.status, StatusCode::FORBIDDEN, "alice@ims.example is nobody's IMPI");
}

/// DIG-04: refused, and the HSS told, as long as nobody is registered.
#[test]
fn a_wrong_password_is_refused_and_told_to_the_hss() {
    let mut world = World::new();
    let mut alice = Client { password: "guess".into(), ..Client::of("alice") };
    let challenge = challenged(&mut world, &mut alice);
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &challenge, 1));
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx().last().unwrap(), "SAR AUTHENTICATION_FAILURE");
    assert!(world.events.contains(&Event::AuthenticationFailed { impi: impi("alice"), impu: impu("alice") }));
    assert!(!world.is_registered("alice"));
    assert!(world.is_idle_at_last());
}

/// DIG-04: a stranger's guess leaves a registration as it is.
#[test]
fn a_wrong_password_does_not_touch_who_is_registered() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    registered(&mut world, &mut alice);
    let mut mallory = Client { password: "guess".into(), call_id: "mallory".into(), ..Client::of("alice") };
    let challenge = challenged(&mut world, &mut mallory);
    let register = mallory.register(0);
    let response = world.send(&mallory.answer(register, &challenge, 1));
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), ["UAR REGISTRATION", "MAR", "UAR DE_REGISTRATION"], "no SAR");
    assert!(world.is_registered("alice"));
}

/// DIG-05, DIG-09: a right digest over a nonce that is worth nothing is asked again, as stale.
#[test]
fn a_right_digest_over_a_worthless_nonce_is_stale() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let never_given = sip::digest::challenge(Algorithm::Sha256, "ims.example", "made-up", false);
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &never_given, 1));
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(is_stale(&response), "never given out: {response}");

    let replaced = challenge(&response, Algorithm::Sha256);
    let current = challenged(&mut world, &mut alice);
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &replaced, 1));
    assert!(is_stale(&response), "replaced by a newer challenge: {response}");
    assert_ne!(current.nonce(), challenges(&response)[0].nonce(), "a fresh nonce each time");

    let expired = challenge(&response, Algorithm::Sha256);
    world.advance(Duration::from_secs(241));
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &expired, 1));
    assert!(is_stale(&response), "answered too late: {response}");

    let register = alice.register(600);
    let answer = alice.answer(register, &challenge(&response, Algorithm::Sha256), 1);
    assert_eq!(world.send(&answer).status, StatusCode::OK, "the fresh one is good");
}

/// A wrong digest over a worthless nonce proves nothing either way: asked again, not as stale.
#[test]
fn a_wrong_digest_over_a_worthless_nonce_is_just_asked_again() {
    let mut world = World::new();
    let mut alice = Client { password: "guess".into(), ..Client::of("alice") };
    let never_given = sip::digest::challenge(Algorithm::Md5, "ims.example", "made-up", false);
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &never_given, 1));
    assert_eq!((response.status, is_stale(&response)), (StatusCode::UNAUTHORIZED, false));
}

/// DIG-06: the same nc a second time, in a request of its own.
#[test]
fn a_replayed_answer_is_stale() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let (_, request) = registered(&mut world, &mut alice);
    let register = alice.register(600);
    let replay = register.with(&Authorization(Credentials::Digest(credentials(&request))));
    let response = world.send(&replay);
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(is_stale(&response));
}

/// DIG-07: the cached nonce with a higher nc, without a question to the HSS.
#[test]
fn a_refresh_with_the_next_nc_needs_no_challenge() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let (challenge, _) = registered(&mut world, &mut alice);
    for nc in [2, 3, 7] {
        let register = alice.register(600);
        let response = world.send(&alice.answer(register, &challenge, nc));
        assert_eq!(response.status, StatusCode::OK, "nc {nc}");
        assert!(response.headers.has(&HeaderName::AuthenticationInfo));
    }
    assert_eq!(world.cx(), ["UAR REGISTRATION", "UAR REGISTRATION", "UAR REGISTRATION"]);
    let register = alice.register(600);
    assert!(is_stale(&world.send(&alice.answer(register, &challenge, 5))), "nc went back");
}

/// A nonce does not serve forever.
#[test]
fn an_aged_nonce_is_stale() {
    let mut world = World::with(Policy { nonce_lifetime: 300, ..Policy::default() });
    let mut alice = Client::of("alice");
    let (challenge, _) = registered(&mut world, &mut alice);
    world.advance(Duration::from_secs(301));
    let register = alice.register(600);
    assert!(is_stale(&world.send(&alice.answer(register, &challenge, 2))));
}

/// DIG-08: reg-await-auth.
#[test]
fn a_challenge_that_nobody_answers_is_told_to_the_hss_and_forgotten() {
    let mut world = World::new();
    challenged(&mut world, &mut Client::of("alice"));
    world.advance(Duration::from_secs(239));
    assert_eq!(world.cx(), ["UAR REGISTRATION", "MAR"]);
    world.advance(Duration::from_secs(2));
    assert_eq!(world.cx().last().unwrap(), "SAR AUTHENTICATION_TIMEOUT");
    assert!(world.events.contains(&Event::AuthenticationTimedOut { impi: impi("alice"), impu: impu("alice") }));
    assert!(world.is_idle_at_last());
}

/// What is odd in an otherwise right answer, and the status that it gets.
#[test]
fn odd_answers_never_succeed() {
    use StatusCode as S;
    let long = "9".repeat(64);
    let upper = "A".repeat(64);
    for (what, change, status) in [
        ("DIG-12: not an algorithm of ours", ("algorithm", "SHA-512-256"), S::FORBIDDEN),
        ("DIG-12: another algorithm than answered", ("algorithm", "MD5"), S::FORBIDDEN),
        ("DIG-13: a foreign uri", ("uri", "\"sip:evil.example\""), S::BAD_REQUEST),
        ("DIG-13: a uri that is none", ("uri", "\"x\""), S::BAD_REQUEST),
        ("DIG-13: another uri of ours, so another digest", ("uri", "\"sip:scscf1.ims.example\""), S::FORBIDDEN),
        ("DIG-14: auth-int", ("qop", "auth-int"), S::UNAUTHORIZED),
        ("DIG-14: no qop", ("qop", ""), S::UNAUTHORIZED),
        ("DIG-21: empty response", ("response", "\"\""), S::UNAUTHORIZED),
        ("no response", ("response", ""), S::UNAUTHORIZED),
        ("a short response", ("response", "\"9999\""), S::FORBIDDEN),
        ("a wrong response", ("response", &format!("\"{long}\"")), S::FORBIDDEN),
        ("upper case", ("response", &format!("\"{upper}\"")), S::FORBIDDEN),
        ("no cnonce", ("cnonce", ""), S::UNAUTHORIZED),
        ("nc 0", ("nc", "00000000"), S::FORBIDDEN),
        ("nc of other digits", ("nc", "1"), S::BAD_REQUEST),
        ("another realm", ("realm", "\"elsewhere.example\""), S::UNAUTHORIZED),
        ("no nonce", ("nonce", ""), S::UNAUTHORIZED),
        ("a username that is no IMPI", ("username", "\"alice\""), S::BAD_REQUEST),
    ] {
        let mut world = World::new();
        let mut alice = Client::of("alice");
        let challenge = challenged(&mut world, &mut alice);
        let register = alice.register(600);
        let response = world.send(&alice.answer_but(register, &challenge, change));
        assert_eq!(response.status, status, "{what}: {response}");
        assert!(!world.is_registered("alice"), "{what}");
    }
}

/// DIG-12: right by MD5, where only SHA-256 was challenged.
#[test]
fn an_algorithm_that_was_not_challenged_is_refused() {
    let policy = Policy { digest_algorithms: vec![DigestAlgorithm::Sha256], ..Policy::default() };
    let mut world = World::with(policy);
    let mut alice = Client::of("alice");
    let nonce = challenged(&mut world, &mut alice).nonce().unwrap();
    let downgraded = sip::digest::challenge(Algorithm::Md5, "ims.example", &nonce, false);
    let register = alice.register(600);
    let response = world.send(&alice.answer(register, &downgraded, 1));
    assert_eq!(response.status, StatusCode::FORBIDDEN);
}

/// DIG-15: Basic is answered with a Digest challenge, as is a token that got this far.
#[test]
fn other_schemes_are_challenged_with_digest() {
    for credentials in ["Basic YWxpY2U6c2VjcmV0", "Bearer abc.def.ghi"] {
        let mut world = World::new();
        let mut dave = Client { impi: "dave@ims.example".into(), ..Client::of("dave") };
        world.admin(AdminRequest::AddUser(Subscriber {
            impi: "dave@ims.example".parse().unwrap(),
            password: Some("dave-secret".into()),
            impus: vec![impu("dave")],
            allowed_wafs: vec![],
            allowed_wwsfs: vec![],
        }));
        let request = dave.register(600).with_raw(HeaderName::Authorization, credentials.to_owned());
        let response = world.send(&request);
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{credentials}");
        assert_eq!(challenges(&response).len(), 2);
    }
}

/// DIG-16: bob's credentials for alice's identity.
#[test]
fn anothers_credentials_do_not_register_ones_own_identity() {
    let mut world = World::new();
    let mut client = Client { impi: "bob-wic@ims.example".into(), ..Client::of("alice") };
    assert_eq!(world.send(&client.initial(600)).status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), ["UAR REGISTRATION"], "refused by the I-CSCF");
}

/// DIG-18: old and new password until the new one is used.
#[test]
fn after_a_change_of_password_both_serve_until_the_new_one_is_used() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let (challenge, _) = registered(&mut world, &mut alice);
    let password: Password = "new-secret".into();
    world.admin(AdminRequest::SetPassword { impi: impi("alice"), password });
    let mut renewed = Client { password: "new-secret".into(), ..alice.clone() };

    let mut refresh = |client: &mut Client, nc, cseq| {
        (client.cseq, client.branch) = (cseq, cseq);
        let register = client.register(600);
        world.send(&client.answer(register, &challenge, nc)).status
    };
    assert_eq!(refresh(&mut alice, 2, 10), StatusCode::OK, "the old one, before the new one was used");
    assert_eq!(refresh(&mut renewed, 3, 11), StatusCode::OK, "the new one");
    assert_eq!(refresh(&mut alice, 4, 12), StatusCode::FORBIDDEN, "the old one, after");
    assert_eq!(refresh(&mut renewed, 5, 13), StatusCode::OK);
}

/// DIG-20: from digest to a trusted node's word, within one registration and in another.
#[test]
fn a_registration_keeps_its_scheme() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    registered(&mut world, &mut alice);
    let response = world.send(&alice.register_by_tna(600, ""));
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert!(world.is_registered("alice"));

    let mut anew = Client { call_id: "anew".into(), ..Client::of("alice") };
    assert_eq!(world.send(&anew.register_by_tna(600, "")).status, StatusCode::OK, "a new registration may");
}

/// TS 33.203 O.2.3 and P.4, by the flag that the eP-CSCF sets.
#[test]
fn integrity_protected_decides_the_scheme() {
    use StatusCode as S;
    for (flag, answered, status) in [
        ("yes", true, S::FORBIDDEN),
        ("no", true, S::FORBIDDEN),
        ("tls-connected", true, S::FORBIDDEN),
        ("tls-pending", false, S::FORBIDDEN),
        ("tls-pending", true, S::OK),
        ("tls-yes", true, S::OK),
        ("ip-assoc-pending", true, S::OK),
        ("tls-yes", false, S::UNAUTHORIZED),
    ] {
        let mut world = World::new();
        let mut alice = Client::of("alice");
        let challenge = challenged(&mut world, &mut alice);
        let register = alice.register(600);
        let mut request = match answered {
            true => alice.answer(register, &challenge, 1),
            false => alice.identify(register),
        };
        let mut credentials = credentials(&request);
        credentials.params.set_quoted("integrity-protected", flag);
        request.headers.replace(&Authorization(Credentials::Digest(credentials)));
        assert_eq!(world.send(&request).status, status, "{flag}, answered: {answered}");
    }
}

/// DIG-09 is about one user agent: another browser's challenge stands.
#[test]
fn two_browsers_of_one_user_are_challenged_side_by_side() {
    let mut world = World::new();
    let mut first = Client::of("alice");
    let mut second = Client { call_id: "second".into(), ..Client::of("alice") };
    second.contact = second.contact.replace("urn:uuid:0", "urn:uuid:1");
    let challenges = [challenged(&mut world, &mut first), challenged(&mut world, &mut second)];
    for (client, challenge) in [(&mut first, &challenges[0]), (&mut second, &challenges[1])] {
        let register = client.register(600);
        assert_eq!(world.send(&client.answer(register, challenge, 1)).status, StatusCode::OK);
    }

    let mut world = World::new();
    let mut crowd: Vec<_> =
        (0..20).map(|n| Client { call_id: format!("browser-{n}"), ..Client::of("alice") }).collect();
    let oldest = crowd.iter_mut().enumerate().map(|(n, client)| {
        client.contact = client.contact.replace("urn:uuid:0", &format!("urn:uuid:{n}-"));
        challenged(&mut world, client)
    });
    let oldest = oldest.collect::<Vec<_>>().remove(0);
    let register = crowd[0].register(600);
    assert!(is_stale(&world.send(&crowd[0].answer(register, &oldest, 1))), "only so many wait");
    world.log.clear();
    world.advance(Duration::from_secs(300));
    assert_eq!(world.cx(), ["SAR AUTHENTICATION_TIMEOUT"], "once, when the last one ran out");
    assert!(world.is_idle_at_last());
}

/// Two browsers of one user, each with a nonce of its own.
#[test]
fn two_browsers_of_one_user_refresh_side_by_side() {
    let mut world = World::new();
    let mut first = Client::of("alice");
    let mut second = Client { call_id: "second".into(), ..Client::of("alice") };
    second.contact = second.contact.replace("urn:uuid:0", "urn:uuid:1");
    let (a, _) = registered(&mut world, &mut first);
    let (b, _) = registered(&mut world, &mut second);
    for nc in 2..5 {
        for (client, challenge) in [(&mut first, &a), (&mut second, &b)] {
            let register = client.register(600);
            assert_eq!(world.send(&client.answer(register, challenge, nc)).status, StatusCode::OK);
        }
    }
    assert_eq!(world.scscf.bindings(), 2);
}
