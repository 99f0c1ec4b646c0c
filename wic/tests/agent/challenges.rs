//! Requests other than REGISTER that are challenged.

use sip::digest::{self, Algorithm, Ha1, Presented};
use sip::headers::{Challenge, Credentials, ProxyAuthenticate, ProxyAuthorization};
use sip::{Framing, HeaderName, Message, Request, Response};
use wic::{CallEvent, CallOptions, Event, TokenFailure, TokenReason};

use crate::pair::{BOB, sdp};
use crate::script::{IMPI, PASSWORD, REALM, Wic, accept, bearer_challenge, grant, response};

fn next(wic: &mut Wic) -> Request {
    let octets = wic.sent.pop_front().expect("something was sent");
    match Message::parse(octets, Framing::WebSocket) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn challenge(request: &Request, realm: &str, nonce: &str, stale: bool) -> Response {
    let challenge = digest::challenge(Algorithm::Md5, realm, nonce, stale);
    response(request, 407).with(&ProxyAuthenticate(Challenge::Digest(challenge)))
}

/// The nonce and the count that a request proves the password with.
#[track_caller]
fn proven(request: &Request) -> (String, u32) {
    let header: ProxyAuthorization = request.headers.one().expect("a Proxy-Authorization");
    let Credentials::Digest(digest) = header.0 else { panic!("no digest") };
    let presented = Presented::parse(&digest).unwrap();
    let ha1 = Ha1::new(presented.algorithm, IMPI, REALM, PASSWORD);
    // An ACK repeats the credentials of its INVITE (RFC 3261 §22.1).
    let repeats = request.method.as_str() == "ACK";
    assert!(repeats || presented.uri == request.uri.to_string(), "{}", request.method);
    let method = if repeats { "INVITE" } else { request.method.as_str() };
    assert!(presented.verify(&ha1, method), "{}", request.method);
    (presented.nonce, presented.nc)
}

fn digest_user() -> Wic {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic
}

fn call(wic: &mut Wic) -> wic::CallId {
    let to = BOB.parse().unwrap();
    wic.tell(|agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default())).unwrap()
}

/// TS 33.203 N.2.1.2: answered once, then without being asked, with the next nc.
#[test]
fn a_407_is_answered_and_the_next_requests_need_none() {
    let mut wic = digest_user();
    call(&mut wic);
    let opening = next(&mut wic);
    assert!(!opening.headers.has(&HeaderName::ProxyAuthorization));
    assert!(!opening.headers.has(&HeaderName::Authorization));
    wic.answer(challenge(&opening, REALM, "p1", false));
    assert_eq!(next(&mut wic).method.as_str(), "ACK");
    let invite = next(&mut wic);
    assert_eq!(proven(&invite), ("p1".to_owned(), 1));
    assert_eq!(invite.cseq().unwrap().number, opening.cseq().unwrap().number + 1);
    assert_eq!(invite.call_id().unwrap(), opening.call_id().unwrap());
    assert_eq!(invite.from().unwrap(), opening.from().unwrap());
    assert_ne!(invite.via().unwrap().branch(), opening.via().unwrap().branch());

    let contact = sip::headers::Contact::new("sip:bob@192.0.2.1".parse().unwrap());
    let ok = sip::dialog::respond(&invite, sip::StatusCode::OK, "b", &contact)
        .with_body("application/sdp", sdp("answer").as_str().to_owned());
    wic.answer(ok);
    let ack = next(&mut wic);
    assert_eq!(proven(&ack), ("p1".to_owned(), 1));

    let to = BOB.parse().unwrap();
    wic.tell(|agent, now| agent.message(now, &to, "hi")).unwrap();
    let message = next(&mut wic);
    assert_eq!(proven(&message), ("p1".to_owned(), 2));
    wic.answer(challenge(&message, REALM, "p2", true));
    let again = next(&mut wic);
    assert_eq!(proven(&again), ("p2".to_owned(), 1));
    wic.answer(response(&again, 200));
    assert!(wic.events.iter().any(|event| matches!(event, Event::MessageDelivered { .. })));

    let calls: Vec<_> = wic.agent.calls().collect();
    wic.tell(|agent, now| agent.hang_up(now, calls[0].0));
    let bye = next(&mut wic);
    assert_eq!(proven(&bye), ("p2".to_owned(), 2));
    wic.answer(challenge(&bye, REALM, "p3", true));
    let again = next(&mut wic);
    assert_eq!(proven(&again), ("p3".to_owned(), 1));
    assert_eq!(again.cseq().unwrap().number, bye.cseq().unwrap().number + 1);
    wic.answer(response(&again, 200));
    wic.pass_secs(65);
    assert_eq!(wic.agent.pending(), 0);
}

#[test]
fn a_407_after_the_right_answer_or_of_a_stranger_ends_the_call() {
    for (realm, again) in [(REALM, true), ("elsewhere.example", false)] {
        let mut wic = digest_user();
        call(&mut wic);
        let opening = next(&mut wic);
        wic.answer(challenge(&opening, realm, "p1", false));
        assert_eq!(next(&mut wic).method.as_str(), "ACK");
        if again {
            let invite = next(&mut wic);
            wic.answer(challenge(&invite, realm, "p1", false));
            assert_eq!(next(&mut wic).method.as_str(), "ACK");
        }
        wic.sent_nothing();
        assert!(ended_with(&wic, 407));
    }
}

/// A 401 is a user agent's own: the IMS password is not for it.
#[test]
fn a_401_gets_no_answer_from_a_digest_user() {
    let mut wic = digest_user();
    call(&mut wic);
    let invite = next(&mut wic);
    wic.answer(crate::script::challenge(&invite, &[Algorithm::Md5], "n9", false));
    assert_eq!(next(&mut wic).method.as_str(), "ACK");
    wic.sent_nothing();
    assert!(ended_with(&wic, 401));
}

#[test]
fn a_token_user_has_no_answer_to_a_407() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(36_000, 18_000);
    call(&mut wic);
    let invite = next(&mut wic);
    wic.answer(challenge(&invite, REALM, "p1", false));
    assert_eq!(next(&mut wic).method.as_str(), "ACK");
    wic.sent_nothing();
    assert!(ended_with(&wic, 407));
}

/// RFC 8898 §2.2: with another token, registered first.
#[test]
fn a_refused_token_is_renewed_and_the_call_made_with_the_new_one() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(36_000, 18_000);
    call(&mut wic);
    let opening = next(&mut wic);
    wic.answer(bearer_challenge(&opening, Some(crate::script::AUTHZ), Some("invalid_token")));
    assert_eq!(next(&mut wic).method.as_str(), "ACK");
    wic.sent_nothing();
    assert_eq!(wic.fetches.last(), Some(&TokenReason::Rejected));
    wic.token(Ok(grant("second", 36_000)));
    let register = next(&mut wic);
    assert_eq!(register.method.as_str(), "REGISTER");
    assert_eq!(crate::script::token_of(&register), "second");
    wic.answer(accept(&register, 18_000));
    let invite = next(&mut wic);
    assert_eq!(invite.method.as_str(), "INVITE");
    assert_eq!(crate::script::token_of(&invite), "second");
    assert_eq!(invite.cseq().unwrap().number, opening.cseq().unwrap().number + 1);
    // Once is enough.
    wic.answer(bearer_challenge(&invite, None, Some("invalid_token")));
    assert_eq!(next(&mut wic).method.as_str(), "ACK");
    assert!(ended_with(&wic, 401));
    wic.pass_secs(65);
    assert_eq!(wic.agent.pending(), 0);
}

#[test]
fn without_another_token_what_waits_for_it_fails() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(36_000, 18_000);
    call(&mut wic);
    let to = BOB.parse().unwrap();
    let invite = next(&mut wic);
    wic.tell(|agent, now| agent.message(now, &to, "hi")).unwrap();
    let message = next(&mut wic);
    wic.answer(bearer_challenge(&invite, None, None));
    wic.answer(bearer_challenge(&message, None, None));
    wic.token(Err(TokenFailure::Unavailable("down".to_owned())));
    assert!(ended_with(&wic, 401));
    assert!(wic.events.iter().any(|event| matches!(event, Event::MessageFailed { status: 401, .. })));
    wic.pass_secs(65);
    assert_eq!(wic.agent.pending(), 0);
}

/// A call that waits for a token can be given up.
#[test]
fn hanging_up_while_a_token_is_fetched_leaves_nothing() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(36_000, 18_000);
    let id = call(&mut wic);
    let invite = next(&mut wic);
    wic.answer(bearer_challenge(&invite, None, None));
    wic.sent.clear();
    wic.tell(|agent, now| agent.hang_up(now, id));
    assert_eq!(wic.agent.calls().count(), 0);
    wic.token(Ok(grant("second", 36_000)));
    let register = wic.register();
    wic.answer(accept(&register, 18_000));
    wic.sent_nothing();
    wic.pass_secs(65);
    assert_eq!(wic.agent.pending(), 0);
}

fn ended_with(wic: &Wic, status: u16) -> bool {
    wic.events.iter().any(
        |event| matches!(event, Event::Call { event: CallEvent::Ended { status: Some(of), .. }, .. } if *of == status),
    )
}
