//! Calls between two WICs.

use ims::Impu;
use sip::headers::{Authorization, Contact, Credentials, Route};
use sip::{HeaderName, Message, StatusCode};
use wic::{CallError, CallEvent, CallOptions, CallState, EndedBy, Party};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{ALICE, BOB, Pair, proxy_route, sdp};

fn ended(events: &[CallEvent]) -> Option<(EndedBy, Option<u16>, &str)> {
    events.iter().find_map(|event| match event {
        CallEvent::Ended { by, status, reason } => Some((*by, *status, &**reason)),
        _ => None,
    })
}

#[test]
fn a_call_rings_is_answered_and_ended() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    assert_eq!(pair.calls(Alice), [(mine, CallState::Calling)]);
    let events = pair.call_events(Bob);
    let [CallEvent::Incoming { from, called, offer, replaces: None }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*from, Party { uri: ALICE.parse().unwrap(), display: None, asserted: true });
    assert_eq!(*called, Some(Impu::parse(BOB).unwrap()));
    assert_eq!(*offer, Some(sdp("offer")));

    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    assert_eq!(pair.call_events(Alice), [CallEvent::Ringing]);
    assert_eq!(pair.calls(Alice), [(mine, CallState::Ringing)]);

    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    assert_eq!(pair.call_events(Alice), [CallEvent::Established { sdp: Some(sdp("answer")) }]);
    assert_eq!(pair.call_events(Bob), [CallEvent::Established { sdp: None }]);

    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    assert_eq!(ended(&pair.call_events(Alice)), Some((EndedBy::Local, None, "")));
    assert_eq!(ended(&pair.call_events(Bob)), Some((EndedBy::Peer, None, "")));
    assert_eq!(pair.ladder(), ["> INVITE", "< 180 INVITE", "< 200 INVITE", "> ACK", "> BYE", "< 200 BYE"]);
    pair.assert_clean();
}

/// ORG-01: what the eP-CSCF finds in an INVITE (spec §7.1).
#[test]
fn an_invite_has_what_the_network_wants_of_it() {
    let mut pair = Pair::new();
    pair.call();
    let invite = pair.request("INVITE");
    assert_eq!(invite.uri.to_string(), BOB);
    assert_eq!(invite.headers.value(&HeaderName::Route), Some("<sip:orig@scscf1.ims.example;lr>"));
    assert_eq!(invite.headers.value(&HeaderName::Authorization), Some("Bearer token-of-alice"));
    let contact = invite.headers.first::<Contact>().unwrap().unwrap();
    let uri = contact.uri.as_sip().unwrap();
    assert!(uri.host.as_str().ends_with(".invalid") && uri.params.has("ob"));
    assert_eq!(uri.params.value("transport"), Some("ws"));
    for tag in ["outbound", "100rel", "timer", "replaces"] {
        assert!(invite.headers.lists(&HeaderName::Supported, tag), "{tag}");
    }
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "MESSAGE"] {
        assert!(invite.headers.lists(&HeaderName::Allow, method), "{method}");
    }
    assert_eq!(invite.headers.value(&HeaderName::SessionExpires), Some("1800"));
    assert_eq!(invite.headers.value(&HeaderName::MinSe), Some("90"));
}

/// TS 24.371 §7.2.1: the token is in all requests. DLG-04: ACK and CANCEL too.
#[test]
fn every_request_carries_the_token() {
    let mut pair = Pair::new();
    let (mine, _) = pair.call();
    pair.tell(Bob, |agent, now| agent.calls().collect::<Vec<_>>().iter().for_each(|(id, _)| agent.ringing(now, *id)));
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    let (mine, theirs) = pair.talk();
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("held")));
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    pair.tell(Alice, |agent, now| agent.message(now, &BOB.parse().unwrap(), "hi")).unwrap();
    pair.tell(Alice, |agent, now| agent.options(now, &BOB.parse().unwrap())).unwrap();
    let mut methods = Vec::new();
    for (from, message) in &pair.passed {
        let Message::Request(request) = message else { continue };
        assert_eq!(*from, Alice);
        methods.push(request.method.as_str());
        let token = request.headers.one::<Authorization>();
        assert!(matches!(token, Ok(Authorization(Credentials::Bearer(_)))), "{}", request.method);
    }
    for method in ["INVITE", "ACK", "CANCEL", "BYE", "MESSAGE", "OPTIONS"] {
        assert!(methods.contains(&method), "{method} of {methods:?}");
    }
}

#[test]
fn requests_in_a_dialog_follow_its_route_set() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.talk();
    assert_eq!(pair.request("ACK").headers.all::<Route>().unwrap(), [proxy_route()]);
    pair.tell(Bob, |agent, now| agent.hang_up(now, theirs));
    assert_eq!(pair.request("BYE").headers.all::<Route>().unwrap(), [proxy_route()]);
    assert_eq!(ended(&pair.call_events(Alice)), Some((EndedBy::Peer, None, "")));
    pair.assert_clean();
}

/// ORG-02, ORG-14.
#[test]
fn a_caller_may_choose_an_identity_and_hide_it() {
    let mut pair = Pair::new();
    let identity = Impu::parse("tel:+15550100").unwrap();
    pair.call_with(CallOptions { preferred_identity: Some(identity), privacy: false });
    let invite = pair.request("INVITE");
    assert_eq!(invite.headers.value(&HeaderName::PPreferredIdentity), Some("<tel:+15550100>"));
    assert_eq!(invite.from().unwrap().uri.to_string(), "tel:+15550100");

    pair.call_with(CallOptions { preferred_identity: None, privacy: true });
    let invite = pair.request("INVITE");
    assert_eq!(invite.headers.value(&HeaderName::Privacy), Some("id"));
    assert_eq!(invite.headers.value(&HeaderName::PPreferredIdentity), Some("<sip:alice@ims.example>"));
    assert_eq!(invite.from().unwrap().uri.to_string(), "sip:anonymous@anonymous.invalid");
    let events = pair.call_events(Bob);
    let Some(CallEvent::Incoming { from, .. }) = events.last() else { panic!("{events:?}") };
    assert!(!from.asserted);
    assert_eq!(from.display.as_deref(), Some("Anonymous"));
}

#[test]
fn a_refusal_tells_its_status_and_reason() {
    for (status, reason) in [(486, "Busy Here"), (603, "Decline"), (480, "Temporarily Unavailable")] {
        let mut pair = Pair::new();
        let (_, theirs) = pair.call();
        let status = StatusCode::new(status).unwrap();
        pair.tell(Bob, |agent, now| agent.reject(now, theirs, status));
        assert_eq!(ended(&pair.call_events(Alice)), Some((EndedBy::Peer, Some(status.code()), reason)));
        assert_eq!(ended(&pair.call_events(Bob)), Some((EndedBy::Local, Some(status.code()), "")));
        assert_eq!(pair.ladder().last().unwrap(), "> ACK");
        pair.assert_clean();
    }
}

/// DLG-03.
#[test]
fn hanging_up_before_the_answer_cancels() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    pair.events(Bob);
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    assert_eq!(ended(&pair.call_events(Alice)), Some((EndedBy::Local, None, "")));
    assert_eq!(ended(&pair.call_events(Bob)), Some((EndedBy::Peer, Some(487), "the caller gave up")));
    assert_eq!(pair.ladder()[2..], ["> CANCEL", "< 487 INVITE", "> ACK", "< 200 CANCEL"]);
    pair.assert_clean();
}

/// RFC 3261 §9.1: no CANCEL before a provisional response.
#[test]
fn a_cancel_waits_for_the_first_response() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    assert_eq!(pair.ladder(), ["> INVITE"]);
    assert_eq!(pair.calls(Alice), []);
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    assert_eq!(pair.ladder()[1..3], ["< 180 INVITE", "> CANCEL"]);
    pair.assert_clean();
}

/// DLG-03: the 200 crosses the CANCEL.
#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    pair.tell_only(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    pair.tell_only(Alice, |agent, now| agent.hang_up(now, mine));
    pair.carry();
    let ladder = pair.ladder();
    assert!(ladder.contains(&"> ACK".to_owned()) && ladder.contains(&"> BYE".to_owned()), "{ladder:?}");
    assert_eq!(pair.calls(Bob), []);
    pair.assert_clean();
}

#[test]
fn a_call_that_nobody_answers_is_given_up() {
    let mut pair = Pair::with(|config| config.timers.give_up = std::time::Duration::from_secs(30));
    let (_, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    pair.events(Alice);
    pair.secs(31);
    assert_eq!(ended(&pair.call_events(Alice)), Some((EndedBy::Network, Some(408), "nobody answered")));
    assert_eq!(ended(&pair.call_events(Bob)).map(|e| e.1), Some(Some(487)));
    pair.assert_clean();
}

#[test]
fn a_call_that_rings_too_long_gets_480() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    pair.secs(121);
    assert_eq!(ended(&pair.call_events(Alice)).map(|e| e.1), Some(Some(480)));
    assert_eq!(ended(&pair.call_events(Bob)), Some((EndedBy::Network, Some(480), "nobody answered")));
    pair.assert_clean();
}

#[test]
fn one_call_more_than_the_limit_gets_486() {
    let mut pair = Pair::with(|config| config.limits.calls = 2);
    pair.call();
    pair.call();
    let to = BOB.parse().unwrap();
    let begun = pair.tell(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default()));
    assert_eq!(begun, Err(CallError::TooMany));

    // Bob takes fewer than Alice may make.
    let made = std::cell::Cell::new(0);
    let mut pair = Pair::with(|config| config.limits.calls = 4 - 3 * made.replace(made.get() + 1));
    let (_, theirs) = pair.call();
    let begun = pair.tell(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default()));
    assert!(begun.is_ok());
    assert_eq!(pair.response(486).reason, "no more calls are taken");
    assert_eq!(pair.calls(Bob), [(theirs, CallState::Incoming)]);
    // OPTIONS says what an INVITE would be answered (RFC 3261 §11.2).
    pair.tell(Alice, |agent, now| agent.options(now, &to)).unwrap();
    assert_eq!(pair.ladder().last().unwrap(), "< 486 OPTIONS");
}

#[test]
fn nothing_is_begun_without_a_registration_or_to_no_address() {
    let mut pair = Pair::new();
    let begun = pair.tell(Alice, |agent, now| {
        agent.call(now, &"mailto:bob@ims.example".parse().unwrap(), sdp("offer"), CallOptions::default())
    });
    assert_eq!(begun, Err(CallError::Address));
    pair.break_link(Alice);
    let to = BOB.parse().unwrap();
    let begun = pair.tell(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default()));
    assert_eq!(begun, Err(CallError::NotRegistered));
    let begun = pair.tell(Alice, |agent, now| agent.message(now, &to, "hi"));
    assert_eq!(begun, Err(CallError::NotRegistered));
}

/// RFC 3261 §13.3.1.4, over a reliable transport too.
#[test]
fn a_200_is_repeated_until_its_ack_and_then_the_call_is_ended() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.drops = |_, message| matches!(message, Message::Request(request) if request.method.as_str() == "ACK");
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    pair.secs(10);
    let repeats = pair.ladder().iter().filter(|line| *line == "< 200 INVITE").count();
    assert!((4..8).contains(&repeats), "{repeats}");
    assert_eq!(pair.calls(Bob), [(theirs, CallState::Established)]);
    pair.events(Bob);
    pair.secs(30);
    assert_eq!(ended(&pair.call_events(Bob)).map(|e| (e.0, e.1)), Some((EndedBy::Network, Some(408))));
    assert!(pair.request("BYE").headers.value(&HeaderName::Reason).is_some_and(|r| r.contains("cause=408")));
    pair.drops = |_, _| false;
    pair.assert_clean();
}

#[test]
fn a_repeated_200_is_acknowledged_again() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.drops = |from, message| {
        from == Alice && matches!(message, Message::Request(request) if request.method.as_str() == "ACK")
    };
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    pair.drops = |_, _| false;
    pair.pass(std::time::Duration::from_millis(500));
    assert_eq!(pair.call_events(Bob).last(), Some(&CallEvent::Established { sdp: None }));
    assert_eq!(pair.ladder().iter().filter(|line| *line == "> ACK").count(), 1);
    let established = pair.call_events(Alice).iter().filter(|e| matches!(e, CallEvent::Established { .. })).count();
    assert_eq!(established, 1);
}

#[test]
fn an_unanswered_invite_fails_after_timer_b() {
    let mut pair = Pair::new();
    pair.drops = |_, message| matches!(message, Message::Response(_));
    pair.call();
    pair.events(Alice);
    pair.secs(33);
    assert_eq!(ended(&pair.call_events(Alice)).map(|e| (e.0, e.1)), Some((EndedBy::Network, Some(408))));
}
