//! The connection is lost during a call, or the registration ends.

use std::time::Duration;

use sip::Message;
use wic::{CallEvent, CallState, EndedBy};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{Pair, sdp};

/// DLG-07.
#[test]
fn a_call_outlives_a_lost_connection_that_comes_back_in_time() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    let contact = pair.request("INVITE").headers.value(&sip::HeaderName::Contact).map(str::to_owned);
    pair.break_link(Alice);
    assert_eq!(pair.call_events(Alice), [CallEvent::Suspended]);
    assert_eq!(pair.calls(Alice), [(mine, CallState::Suspended)]);
    pair.come_back(Alice);
    assert_eq!(pair.call_events(Alice), [CallEvent::Resumed]);
    assert_eq!(pair.calls(Alice), [(mine, CallState::Established)]);

    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("restart")));
    assert_eq!(pair.call_events(Bob), [CallEvent::Offer { offer: sdp("restart") }]);
    let invite = pair.request("INVITE");
    assert_eq!(invite.headers.value(&sip::HeaderName::Contact).map(str::to_owned), contact);
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("restarted")));
    assert_eq!(pair.call_events(Alice), [CallEvent::OfferAnswered { answer: sdp("restarted") }]);
    pair.tell(Bob, |agent, now| agent.hang_up(now, theirs));
    pair.assert_clean();
}

/// DLG-07, the other half.
#[test]
fn a_call_ends_when_the_connection_does_not_come_back_in_time() {
    let mut pair = Pair::new();
    pair.talk();
    pair.break_link(Alice);
    pair.events(Alice);
    let wic = pair.wic(Alice);
    wic.pass(Duration::from_secs(10));
    let events = pair.call_events(Alice);
    assert!(matches!(&events[..], [CallEvent::Ended { by: EndedBy::Network, status: Some(408), .. }]), "{events:?}");
    assert_eq!(pair.calls(Alice), []);
    assert_eq!(pair.wic(Alice).agent.pending(), 0);
}

#[test]
fn another_network_keeps_a_call_too() {
    let mut pair = Pair::new();
    let (mine, _) = pair.talk();
    pair.tell_only(Alice, |agent, now| agent.network_changed(now));
    pair.wic(Alice).sent.clear();
    assert_eq!(pair.calls(Alice), [(mine, CallState::Suspended)]);
    pair.come_back(Alice);
    assert_eq!(pair.calls(Alice), [(mine, CallState::Established)]);
}

#[test]
fn a_call_that_is_not_established_ends_with_its_connection() {
    for (side, rings) in [(Alice, false), (Alice, true), (Bob, false), (Bob, true)] {
        let mut pair = Pair::new();
        let (_, theirs) = pair.call();
        if rings {
            pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
        }
        pair.events(side);
        pair.break_link(side);
        let events = pair.call_events(side);
        assert!(
            matches!(&events[..], [CallEvent::Ended { by: EndedBy::Network, status: Some(503), .. }]),
            "{side:?}: {events:?}"
        );
        assert_eq!(pair.wic(side).agent.pending(), 0, "{side:?}");
    }
}

/// The caller has our 200, so it is told as soon as there is a connection.
#[test]
fn a_call_whose_ack_was_lost_with_the_connection_is_ended_by_bye() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.drops = |from, message| {
        from == Alice && matches!(message, Message::Request(request) if request.method.as_str() == "ACK")
    };
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    pair.drops = |_, _| false;
    pair.break_link(Bob);
    assert_eq!(pair.calls(Bob), []);
    pair.come_back(Bob);
    assert_eq!(pair.ladder()[pair.ladder().len() - 2..], ["< BYE", "> 200 BYE"]);
    assert_eq!(pair.calls(Alice), []);
    pair.assert_clean();
}

#[test]
fn hanging_up_without_a_connection_sends_bye_once_there_is_one() {
    let mut pair = Pair::new();
    let (mine, _) = pair.talk();
    pair.break_link(Alice);
    pair.tell_only(Alice, |agent, now| agent.hang_up(now, mine));
    assert_eq!(pair.calls(Alice), []);
    pair.come_back(Alice);
    assert_eq!(pair.calls(Bob), []);
    assert_eq!(pair.ladder().last().unwrap(), "< 200 BYE");
    pair.assert_clean();
}

#[test]
fn an_offer_that_is_lost_with_the_connection_is_taken_back() {
    let mut pair = Pair::new();
    let (mine, _) = pair.talk();
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.break_link(Alice);
    let events = pair.call_events(Alice);
    assert!(matches!(&events[..], [CallEvent::OfferRefused { status: 503, .. }, CallEvent::Suspended]), "{events:?}");
}

/// TS 23.228 §5.10.3: no call outlives its registration.
#[test]
fn de_registering_ends_all_calls_first() {
    let mut pair = Pair::new();
    pair.talk();
    pair.call();
    pair.call();
    let third = pair.calls(Bob).last().unwrap().0;
    pair.tell(Bob, |agent, now| agent.ringing(now, third));
    pair.tell_only(Alice, |agent, now| agent.deregister(now));
    let mut registers = Vec::new();
    let mut count = 0;
    while let Some(octets) = pair.wic(Alice).sent.pop_front() {
        if octets.starts_with(b"REGISTER") {
            registers.push(count);
        } else {
            count += 1;
            pair.wic(Alice).sent.push_front(octets);
            pair.carry();
        }
    }
    assert_eq!(pair.calls(Alice), []);
    assert!(pair.ladder().contains(&"> BYE".to_owned()) && pair.ladder().contains(&"> CANCEL".to_owned()));
    // One INVITE of the three has no provisional response, so its CANCEL waits: as long as release.
    pair.wic(Alice).pass(Duration::from_secs(2));
    let register = pair.wic(Alice).register();
    assert_eq!(register.method.as_str(), "REGISTER");
    assert_eq!(crate::script::contact_expires(&register), Some(0));
    let accepted = crate::script::accept(&register, 0);
    pair.wic(Alice).answer(accepted);
    pair.wic(Alice).assert_state("idle");
    assert_eq!(pair.wic(Alice).agent.pending(), 0);
}
