//! 407: digest on requests other than REGISTER (TS 33.203 N.2.1.2).

use crate::client::{Client, challenge};
use crate::user::User;
use crate::world::World;
use mock_ims::policy::Policy;
use sip::digest::{self, Algorithm};
use sip::headers::{Challenge, Credentials, DigestChallenge, ProxyAuthenticate, ProxyAuthorization};
use sip::{HeaderName, Request, Response, StatusCode};

fn world() -> World {
    World::with(Policy { digest_non_register: true, ..Policy::default() })
}

fn register_by_digest(world: &mut World, name: &str) -> User {
    let mut client = Client::of(name);
    let challenged = world.send(&client.initial(600));
    let register = client.register(600);
    let answer = client.answer(register, &challenge(&challenged, Algorithm::Sha256), 1);
    assert_eq!(world.send(&answer).status, StatusCode::OK);
    world.log.clear();
    User::of(name)
}

fn challenges(response: &Response) -> Vec<DigestChallenge> {
    let of = |header: ProxyAuthenticate| match header.0 {
        Challenge::Digest(challenge) => challenge,
        other => panic!("not Digest: {other}"),
    };
    response.headers.each::<ProxyAuthenticate>().unwrap().into_iter().map(of).collect()
}

fn answer(request: Request, challenge: &DigestChallenge, (impi, password): (&str, &str), nc: u32) -> Request {
    let impi = format!("{impi}-wic@ims.example");
    let (method, uri) = (request.method.as_str().to_owned(), request.uri.to_string());
    let credentials = digest::answer(challenge, &impi, password, &method, &uri, "0a4f113b5e6d", nc).unwrap();
    request.with(&ProxyAuthorization(Credentials::Digest(credentials)))
}

fn challenged(world: &mut World, user: &mut User) -> DigestChallenge {
    world.originate(&user.request("INVITE", "sip:bob@ims.example"));
    let response = world.responses().pop().unwrap();
    assert_eq!(response.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED, "{response}");
    let challenges = challenges(&response);
    let offered: Vec<_> = challenges.iter().map(|c| c.text("algorithm").unwrap()).collect();
    assert_eq!(offered, ["SHA-256", "MD5"]);
    challenges.into_iter().next().unwrap()
}

/// DIG-19: asked once, then credentials ahead of time; none of it goes further than here.
#[test]
fn a_right_answer_is_passed_on_and_serves_for_the_next_request() {
    let mut world = world();
    let mut alice = register_by_digest(&mut world, "alice");
    register_by_digest(&mut world, "bob");
    let challenge = challenged(&mut world, &mut alice);
    for (nc, method) in [(1, "INVITE"), (2, "MESSAGE")] {
        let request = alice.request(method, "sip:bob@ims.example");
        world.originate(&answer(request, &challenge, ("alice", "alice-secret"), nc));
        let arrived = world.one_arrived();
        assert!(!arrived.request.headers.has(&HeaderName::ProxyAuthorization), "{}", arrived.request);
    }
    let request = alice.request("MESSAGE", "sip:bob@ims.example");
    world.originate(&answer(request, &challenge, ("alice", "alice-secret"), 2));
    let replayed = world.responses().pop().unwrap();
    assert_eq!(replayed.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert!(self::challenges(&replayed).iter().all(|c| c.text("stale").as_deref() == Some("true")));
}

/// DIG-19: wrong, another's, or for another Request-URI.
#[test]
fn a_wrong_answer_is_refused() {
    let mut world = world();
    let mut alice = register_by_digest(&mut world, "alice");
    register_by_digest(&mut world, "bob");
    let challenge = challenged(&mut world, &mut alice);
    for (user, status) in [(("alice", "guess"), 403), (("bob", "bob-secret"), 403)] {
        let request = alice.request("INVITE", "sip:bob@ims.example");
        world.originate(&answer(request, &challenge, user, 1));
        assert_eq!(world.statuses(), [status], "{user:?}");
    }
    let mut moved = answer(alice.request("INVITE", "sip:bob@ims.example"), &challenge, ("alice", "alice-secret"), 1);
    moved.uri = "sip:carol@ims.example".parse().unwrap();
    world.originate(&moved);
    assert_eq!(world.statuses(), [400]);
    assert!(world.arrived().is_empty());
}

/// A nonce of a REGISTER is none for other requests, and the other way round.
#[test]
fn nonces_of_registrations_and_of_requests_are_apart() {
    let mut world = world();
    let mut client = Client::of("alice");
    let challenge = challenge(&world.send(&client.initial(600)), Algorithm::Sha256);
    let register = client.register(600);
    assert_eq!(world.send(&client.answer(register, &challenge, 1)).status, StatusCode::OK);
    let request = User::of("alice").request("INVITE", "sip:bob@ims.example");
    world.originate(&answer(request, &challenge, ("alice", "alice-secret"), 2));
    assert_eq!(world.statuses(), [407]);
    let mut alice = User { requests: 1, ..User::of("alice") };
    let for_requests = challenged(&mut world, &mut alice);
    let register = client.register(600);
    let response = world.send(&client.answer(register, &for_requests, 1));
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
}

/// §7.6: who was vouched for by a trusted node has no password to be asked for; and what is switched
/// off asks nobody.
#[test]
fn who_registered_by_tna_is_not_asked() {
    let mut world = world();
    let mut alice = world.register("alice");
    world.register("bob");
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    assert_eq!(world.arrived().len(), 1);
    let mut world = World::new();
    let mut alice = register_by_digest(&mut world, "alice");
    world.register("bob");
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    assert_eq!(world.arrived().len(), 1);
}
