//! Messages and capability queries between two WICs.

use sip::{HeaderName, Message};
use wic::{CallError, Event};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{ALICE, BOB, Pair};

fn send(pair: &mut Pair, text: &str) -> wic::MessageId {
    let to = BOB.parse().unwrap();
    pair.tell(Alice, |agent, now| agent.message(now, &to, text)).unwrap()
}

/// DLG-05.
#[test]
fn a_message_is_shown_once_and_confirmed() {
    let mut pair = Pair::new();
    let id = send(&mut pair, "Grüße\r\nund mehr");
    let shown = pair.events(Bob);
    let [Event::Message { from, called, text }] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((from.uri.to_string().as_str(), from.asserted), (ALICE, true));
    assert_eq!(called.as_ref().map(|impu| impu.as_str()), Some(BOB));
    assert_eq!(text, "Grüße\r\nund mehr");
    let confirmed = pair.events(Alice);
    assert!(matches!(&confirmed[..], [Event::MessageDelivered { id: of }] if *of == id), "{confirmed:?}");
    let request = pair.request("MESSAGE");
    assert!(!request.headers.has(&HeaderName::Contact), "RFC 3428 §4");

    // The same once more, as over a hop that lost the 200.
    let copy = pair.wic(Bob).wire.iter().find(|(direction, _)| *direction == '<').unwrap().1.octets().clone();
    pair.wic(Bob).receive(copy);
    assert_eq!(pair.wic(Bob).sent.len(), 1);
    pair.wic(Bob).sent.clear();
    assert!(pair.events(Bob).is_empty());
    pair.assert_clean();
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let mut pair = Pair::with(|config| config.limits.message_octets = 10);
    let begun = pair.tell(Alice, |agent, now| agent.message(now, &BOB.parse().unwrap(), "12345678901"));
    assert_eq!(begun, Err(CallError::TooLong));
    send(&mut pair, "1234567890");
    let message = pair.wic(Bob).wire.iter().find(|(direction, _)| *direction == '<').unwrap().1.clone();
    let message = String::from_utf8(message.octets().to_vec()).unwrap();
    for (change, status) in [
        (("text/plain;charset=UTF-8", "text/html"), 415),
        (("text/plain;charset=UTF-8", "text/plain;charset=koi8-r"), 415),
        (("Content-Type", "Content-Encoding: gzip\r\nContent-Type"), 415),
        (("Content-Length: 10", "Content-Length: 11"), 413),
        (("CSeq", "Require: frob\r\nCSeq"), 420),
    ] {
        let mut changed = message.replace(change.0, change.1).replace("branch=z9hG4bK", "branch=z9hG4bKx");
        if status == 413 {
            changed.push('1');
        }
        pair.wic(Bob).receive(changed);
        let octets = pair.wic(Bob).sent.pop_front().expect("an answer");
        let Ok(Message::Response(response)) = Message::parse(octets, sip::Framing::WebSocket) else { panic!() };
        assert_eq!(response.status.code(), status, "{change:?}");
    }
}

#[test]
fn a_message_that_nobody_takes_fails() {
    let mut pair = Pair::new();
    pair.drops = |from, _| from == Bob;
    let id = send(&mut pair, "hello?");
    pair.secs(33);
    let events = pair.events(Alice);
    assert!(matches!(&events[..], [Event::MessageFailed { id: of, status: 408, .. }] if *of == id), "{events:?}");
    let id = send(&mut pair, "hello?");
    pair.break_link(Alice);
    let events = pair.events(Alice);
    assert!(matches!(&events[..], [Event::MessageFailed { id: of, status: 503, .. }] if *of == id), "{events:?}");
}

#[test]
fn no_more_than_the_limit_wait_for_their_answer() {
    let mut pair = Pair::new();
    pair.drops = |_, _| true;
    let to = BOB.parse().unwrap();
    for _ in 0..32 {
        pair.tell(Alice, |agent, now| agent.message(now, &to, "x")).unwrap();
    }
    let one_more = pair.tell(Alice, |agent, now| agent.options(now, &to));
    assert_eq!(one_more, Err(CallError::TooMany));
    pair.secs(33);
    assert!(pair.tell(Alice, |agent, now| agent.message(now, &to, "x")).is_ok());
}

#[test]
fn options_says_what_the_other_side_takes() {
    let mut pair = Pair::new();
    let to = BOB.parse().unwrap();
    let id = pair.tell(Alice, |agent, now| agent.options(now, &to)).unwrap();
    let events = pair.events(Alice);
    let [Event::OptionsAnswered { id: of, status: 200, reason, allow }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((*of, reason.as_str()), (id, "OK"));
    assert!(allow.iter().any(|method| method == "INVITE") && allow.iter().any(|method| method == "MESSAGE"));
    let answer = pair.response(200);
    assert!(answer.headers.lists(&HeaderName::Accept, "application/sdp"));
    assert!(answer.headers.lists(&HeaderName::Supported, "replaces"));
    pair.assert_clean();
}
