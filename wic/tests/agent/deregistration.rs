//! Ending a registration.

use sip::digest::Algorithm::Sha256;
use wic::{Event, close};

use crate::script::{
    Wic, accept, accept_digest, bearer_challenge, challenge, contact_expires, cseq, grant, presented, response,
    token_of,
};

fn deregister(wic: &mut Wic) {
    wic.tell(|agent, now| agent.deregister(now));
}

fn confirmed(wic: &Wic) -> Option<bool> {
    wic.events.iter().find_map(|e| match e {
        Event::Deregistered { confirmed } => Some(*confirmed),
        _ => None,
    })
}

#[test]
fn the_contact_is_taken_back_and_the_connection_closed_after_the_200() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    deregister(&mut wic);
    wic.assert_state("deregistering");
    let request = wic.register();
    assert_eq!((contact_expires(&request), cseq(&request), presented(&request).nc), (Some(0), 3, 2));
    assert!(wic.closes.is_empty(), "not before the answer");
    wic.answer(accept_digest(&request, 0, None));
    wic.assert_state("idle");
    assert_eq!(wic.closes, [(close::NORMAL, "de-registered")]);
    assert_eq!(confirmed(&wic), Some(true));
    assert_eq!(wic.agent.poll_timeout(), None, "nothing goes on");
}

#[test]
fn a_challenge_on_the_way_out_is_answered() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    deregister(&mut wic);
    let request = wic.register();
    wic.answer(challenge(&request, &[Sha256], "n2", true));
    let request = wic.register();
    assert_eq!(contact_expires(&request), Some(0));
    wic.answer(accept_digest(&request, 0, None));
    assert_eq!(confirmed(&wic), Some(true));
}

#[test]
fn the_token_goes_along_even_when_it_is_old() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    wic.now.unix += 10_000;
    deregister(&mut wic);
    let request = wic.register();
    assert_eq!(token_of(&request), "first");
    wic.answer(accept(&request, 0));
    assert_eq!(confirmed(&wic), Some(true));
}

#[test]
fn whatever_the_network_says_it_ends() {
    for (status, said) in [(481, true), (404, true), (403, false), (500, false), (503, false)] {
        let mut wic = Wic::digest();
        wic.register_by_digest(3600);
        deregister(&mut wic);
        let request = wic.register();
        wic.answer(response(&request, status));
        wic.assert_state("idle");
        assert_eq!(confirmed(&wic), Some(said), "{status}");
    }
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    deregister(&mut wic);
    let request = wic.register();
    wic.answer(bearer_challenge(&request, None, Some("invalid_token")));
    wic.assert_state("idle");
    assert_eq!(wic.fetches.len(), 1, "no token is fetched to leave");
}

#[test]
fn silence_ends_it_too() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    deregister(&mut wic);
    wic.register();
    wic.pass_secs(32);
    wic.assert_state("idle");
    assert_eq!(confirmed(&wic), Some(false));
}

#[test]
fn a_lost_connection_ends_it_too() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    deregister(&mut wic);
    wic.closed(1006);
    wic.assert_state("idle");
    assert_eq!(wic.agent.poll_timeout(), None);
}

/// One REGISTER at a time (RFC 3261 §10.2).
#[test]
fn a_refresh_that_is_out_is_waited_for() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let refresh = wic.register();
    deregister(&mut wic);
    wic.sent_nothing();
    wic.answer(accept_digest(&refresh, 600, None));
    let request = wic.register();
    assert_eq!(contact_expires(&request), Some(0));
    wic.answer(accept_digest(&request, 0, None));
    assert_eq!(confirmed(&wic), Some(true));
}

#[test]
fn a_refresh_that_is_challenged_gives_way_to_the_end() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let refresh = wic.register();
    deregister(&mut wic);
    wic.answer(challenge(&refresh, &[Sha256], "n2", true));
    let request = wic.register();
    assert_eq!((contact_expires(&request), presented(&request).nonce.as_str()), (Some(0), "n2"));
}

#[test]
fn before_there_is_anything_to_end_it_just_stops() {
    let mut wic = Wic::web_auth();
    wic.start();
    deregister(&mut wic);
    wic.assert_state("idle");
    wic.token(Ok(grant("late", 3600)));
    wic.assert_state("idle");
    assert!(wic.connects.is_empty());

    let mut wic = Wic::digest();
    wic.start();
    deregister(&mut wic);
    wic.assert_state("idle");
    assert_eq!(wic.closes.len(), 1, "the opening is given up");
    wic.connected();
    wic.sent_nothing();
}

#[test]
fn it_can_register_again_afterwards_under_a_new_call_id() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    deregister(&mut wic);
    let last = wic.register();
    wic.answer(accept_digest(&last, 0, None));
    wic.start();
    wic.connected();
    let request = wic.register();
    assert_ne!(request.call_id(), last.call_id());
    assert_eq!(cseq(&request), 1);
}
