//! Offers within a call: hold, resume, ICE restart; glare; session timers.

use std::time::Duration;

use sip::headers::SessionExpires;
use sip::{HeaderName, Message, StatusCode};
use wic::{CallEvent, CallState, EndedBy};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{Pair, sdp};

#[test]
fn either_side_may_offer_and_the_other_answers() {
    for (from, to) in [(Alice, Bob), (Bob, Alice)] {
        let mut pair = Pair::new();
        let (mine, theirs) = pair.talk();
        let (offering, answering) = if from == Alice { (mine, theirs) } else { (theirs, mine) };
        for (offer, answer) in [("hold", "held"), ("resume", "resumed")] {
            pair.tell(from, |agent, now| agent.offer(now, offering, sdp(offer)));
            assert_eq!(pair.call_events(to), [CallEvent::Offer { offer: sdp(offer) }]);
            pair.tell(to, |agent, now| agent.answer_offer(now, answering, sdp(answer)));
            assert_eq!(pair.call_events(from), [CallEvent::OfferAnswered { answer: sdp(answer) }]);
        }
        assert_eq!(pair.ladder().iter().filter(|line| line.ends_with(" ACK")).count(), 3);
        pair.tell(from, |agent, now| agent.hang_up(now, offering));
        pair.assert_clean();
    }
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("video")));
    pair.tell(Bob, |agent, now| agent.refuse_offer(now, theirs, StatusCode::NOT_ACCEPTABLE_HERE));
    let refused = CallEvent::OfferRefused { status: 488, reason: "Not Acceptable Here".into() };
    assert_eq!(pair.call_events(Alice), [refused]);
    assert_eq!(pair.calls(Alice), [(mine, CallState::Established)]);
    pair.tell(Bob, |agent, now| agent.offer(now, theirs, sdp("hold")));
    pair.tell(Alice, |agent, now| agent.answer_offer(now, mine, sdp("held")));
    assert_eq!(pair.call_events(Bob).last(), Some(&CallEvent::OfferAnswered { answer: sdp("held") }));
}

#[test]
fn of_offers_that_wait_the_last_is_made() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    for name in ["one", "two", "three"] {
        pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp(name)));
    }
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("1")));
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("3")));
    let answer = |name| CallEvent::OfferAnswered { answer: sdp(name) };
    assert_eq!(pair.call_events(Alice), [answer("1"), answer("3")]);
    let offer = |name| CallEvent::Offer { offer: sdp(name) };
    assert_eq!(pair.call_events(Bob), [offer("one"), offer("three")]);
}

/// An offer made while the other side's waits for its answer is made after that.
#[test]
fn an_offer_waits_for_the_answer_to_the_other_sides() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.tell(Bob, |agent, now| agent.offer(now, theirs, sdp("mute")));
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("held")));
    assert_eq!(
        pair.call_events(Alice),
        [CallEvent::OfferAnswered { answer: sdp("held") }, CallEvent::Offer { offer: sdp("mute") }]
    );
}

/// DLG-09: both get 491; who does not own the Call-ID comes first, and the owner gives way.
#[test]
fn offers_that_cross_are_made_one_after_the_other() {
    for seed in 0..40 {
        let mut pair = Pair::seeded(100 + seed * 2, |_| {});
        let (mine, theirs) = pair.talk();
        pair.tell_only(Alice, |agent, now| agent.offer(now, mine, sdp("of Alice")));
        pair.tell_only(Bob, |agent, now| agent.offer(now, theirs, sdp("of Bob")));
        pair.carry();
        let crossed = pair.ladder().iter().filter(|line| line.contains("491")).count();
        assert_eq!(crossed, 2);
        assert!(pair.events(Alice).is_empty() && pair.events(Bob).is_empty());

        pair.pass(Duration::from_millis(2001));
        let events = pair.call_events(Alice);
        let [CallEvent::OfferRefused { status: 491, .. }, CallEvent::Offer { offer }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(*offer, sdp("of Bob"));
        pair.tell(Alice, |agent, now| agent.answer_offer(now, mine, sdp("to Bob")));
        assert_eq!(pair.call_events(Bob), [CallEvent::OfferAnswered { answer: sdp("to Bob") }]);
        pair.secs(5);
        assert!(pair.events(Bob).is_empty(), "Alice's offer was taken back");
    }
}

/// DLG-09: the owner of the Call-ID waits 2.1 to 4 s.
#[test]
fn an_offer_that_met_491_is_made_again_after_the_back_off() {
    for (side, from, to) in [(Alice, 2100, 4000), (Bob, 0, 2000)] {
        for seed in 0..20 {
            let mut pair = Pair::seeded(200 + seed * 2, |_| {});
            let (mine, theirs) = pair.talk();
            let (call, other) = if side == Alice { (mine, Bob) } else { (theirs, Alice) };
            pair.tell_only(side, |agent, now| agent.offer(now, call, sdp("hold")));
            let octets = pair.wic(side).sent.pop_front().unwrap();
            let Ok(Message::Request(invite)) = Message::parse(octets, sip::Framing::WebSocket) else { panic!() };
            let busy = crate::script::response(&invite, 491);
            pair.wic(side).answer(busy);
            pair.carry();
            let before = pair.wic(side).now.mono;
            while pair.events(other).is_empty() {
                pair.pass(Duration::from_millis(10));
                assert!(pair.wic(side).now.mono - before <= Duration::from_millis(to + 20));
            }
            let waited = pair.wic(side).now.mono - before;
            assert!(waited >= Duration::from_millis(from), "{waited:?}");
        }
    }
}

/// RFC 4028: the caller refreshes at half of the interval, by UPDATE.
#[test]
fn a_session_is_refreshed_at_half_of_its_interval() {
    let mut pair = Pair::with(|config| config.timers.session = Duration::from_secs(600));
    let (mine, theirs) = pair.talk();
    let settled: SessionExpires = pair.response(200).headers.one().unwrap();
    assert_eq!(settled.to_string(), "600;refresher=uac");
    for round in 1..=3 {
        pair.secs(299);
        assert_eq!(pair.ladder().iter().filter(|line| *line == "> UPDATE").count(), round - 1);
        pair.secs(1);
        assert_eq!(pair.ladder().iter().filter(|line| *line == "> UPDATE").count(), round);
    }
    assert_eq!(pair.calls(Alice), [(mine, CallState::Established)]);
    assert_eq!(pair.calls(Bob), [(theirs, CallState::Established)]);
    assert!(pair.events(Alice).is_empty() && pair.events(Bob).is_empty());
    let update = pair.request("UPDATE");
    assert_eq!(update.headers.value(&HeaderName::SessionExpires), Some("600;refresher=uac"));
    assert!(update.body.is_empty());
}

#[test]
fn a_session_that_nobody_refreshes_is_ended() {
    let mut pair = Pair::with(|config| config.timers.session = Duration::from_secs(600));
    pair.talk();
    pair.drops = |_, message| matches!(message, Message::Request(request) if request.method.as_str() == "UPDATE");
    // 600 s less the 32 s of RFC 4028 §10.
    pair.secs(567);
    assert_eq!(pair.calls(Bob).len(), 1);
    pair.secs(2);
    let ended = pair.call_events(Bob);
    assert!(matches!(&ended[..], [CallEvent::Ended { by: EndedBy::Network, status: Some(408), .. }]), "{ended:?}");
    pair.assert_clean();
}

/// DLG-10.
#[test]
fn an_interval_too_short_for_the_other_side_is_lengthened() {
    let mut pair = Pair::new();
    let short = |timers: &mut wic::Timers| timers.session = Duration::from_secs(300);
    let mut strict = Pair::with(|config| {
        short(&mut config.timers);
        config.timers.min_session = Duration::from_secs(90);
    });
    strict.talk();
    assert!(!strict.ladder().iter().any(|line| line.contains("422")));
    // The same INVITE, refused by a stricter network.
    let to = crate::pair::BOB.parse().unwrap();
    pair.tell_only(Alice, |agent, now| agent.call(now, &to, sdp("offer"), Default::default())).unwrap();
    let octets = pair.wic(Alice).sent.pop_front().unwrap();
    let Ok(Message::Request(invite)) = Message::parse(octets, sip::Framing::WebSocket) else { panic!() };
    let too_small = crate::script::response(&invite, 422).with_raw(HeaderName::MinSe, "3600");
    pair.wic(Alice).answer(too_small);
    pair.carry();
    let again = pair.request("INVITE");
    assert_eq!(again.headers.value(&HeaderName::SessionExpires), Some("3600"));
    assert_eq!(again.headers.value(&HeaderName::MinSe), Some("3600"));
    assert_eq!(again.cseq().unwrap().number, invite.cseq().unwrap().number + 1);
    assert_eq!(again.call_id().unwrap(), invite.call_id().unwrap());
    let theirs = pair.calls(Bob)[0].0;
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    assert_eq!(pair.calls(Alice)[0].1, CallState::Established);
}

/// RFC 5057: 481 and 408 end the call, others the request alone.
#[test]
fn some_answers_in_the_dialog_end_the_call() {
    for (status, ends) in [(481, true), (408, true), (404, true), (500, false), (488, false), (403, false)] {
        let mut pair = Pair::new();
        let (mine, _) = pair.talk();
        pair.tell_only(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
        let octets = pair.wic(Alice).sent.pop_front().unwrap();
        let Ok(Message::Request(invite)) = Message::parse(octets, sip::Framing::WebSocket) else { panic!() };
        let answer = crate::script::response(&invite, status);
        pair.wic(Alice).answer(answer);
        assert_eq!(pair.calls(Alice).is_empty(), ends, "{status}");
    }
}

#[test]
fn a_request_in_the_dialog_without_an_answer_ends_the_call() {
    let mut pair = Pair::new();
    let (mine, _) = pair.talk();
    pair.drops = |_, _| true;
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.secs(33);
    assert!(pair.calls(Alice).is_empty());
}

#[test]
fn an_unacknowledged_answer_to_an_offer_ends_the_call() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    pair.drops = |_, message| matches!(message, Message::Request(request) if request.method.as_str() == "ACK");
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("held")));
    pair.secs(33);
    assert!(pair.calls(Bob).is_empty() && pair.calls(Alice).is_empty());
    pair.drops = |_, _| false;
    pair.assert_clean();
}
