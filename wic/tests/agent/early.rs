//! Provisional responses: ringing, early media, reliability (RFC 3262), forking.

use sip::dialog;
use sip::headers::{Contact, RAck, RSeq};
use sip::{Framing, HeaderName, Message, Method, Request, Response, StatusCode};
use wic::{CallEvent, CallId, CallOptions, CallState, EndedBy};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{BOB, Pair, sdp};

/// DLG-06.
#[test]
fn early_media_goes_by_a_reliable_183_and_the_200_has_no_sdp() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.early_media(now, theirs, sdp("early")));
    assert_eq!(pair.call_events(Alice), [CallEvent::Progress { answer: Some(sdp("early")) }]);
    let progress = pair.response(183);
    assert!(progress.headers.lists(&HeaderName::Require, "100rel"));
    let rseq: RSeq = progress.headers.one().unwrap();
    let rack: RAck = pair.request("PRACK").headers.one().unwrap();
    assert_eq!((rack.rseq, rack.cseq), (rseq.0, pair.request("INVITE").cseq().unwrap()));
    pair.tell(Bob, |agent, now| agent.ringing(now, theirs));
    assert_eq!(pair.call_events(Alice), [CallEvent::Ringing]);
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("early")));
    assert_eq!(pair.call_events(Alice), [CallEvent::Established { sdp: Some(sdp("early")) }]);
    assert!(pair.response(200).body.is_empty());
    assert_eq!(
        pair.ladder(),
        ["> INVITE", "< 183 INVITE", "> PRACK", "< 200 PRACK", "< 180 INVITE", "< 200 INVITE", "> ACK"]
    );
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    pair.assert_clean();
}

/// RFC 3262 §3: no 2xx before the PRACK to the answer that it builds on.
#[test]
fn an_answer_waits_for_the_prack() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.drops = |_, message| matches!(message, Message::Request(request) if request.method == Method::Prack);
    pair.tell(Bob, |agent, now| agent.early_media(now, theirs, sdp("early")));
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("early")));
    assert_eq!(pair.calls(Bob), [(theirs, CallState::Incoming)]);
    assert!(!pair.ladder().contains(&"< 200 INVITE".to_owned()));
    pair.events(Bob);
    pair.secs(33);
    let events = pair.call_events(Bob);
    assert!(matches!(&events[..], [CallEvent::Ended { by: EndedBy::Network, status: Some(504), .. }]), "{events:?}");
    assert!(pair.calls(Alice).is_empty());
    pair.drops = |_, _| false;
    pair.assert_clean();
}

#[test]
fn what_is_said_after_a_reliable_response_waits_its_turn() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.call();
    pair.tell_only(Bob, |agent, now| agent.early_media(now, theirs, sdp("early")));
    pair.tell_only(Bob, |agent, now| agent.answer(now, theirs, sdp("early")));
    pair.carry();
    assert_eq!(pair.ladder(), ["> INVITE", "< 183 INVITE", "> PRACK", "< 200 PRACK", "< 200 INVITE", "> ACK"]);
}

/// RFC 3262 §3: only what holds an answer holds the 200 back.
#[test]
fn a_prack_that_crosses_the_200_is_answered() {
    let mut pair = Pair::new();
    let to = BOB.parse().unwrap();
    pair.tell_only(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default())).unwrap();
    let octets = pair.wic(Alice).sent.pop_front().unwrap();
    let text = String::from_utf8(octets.to_vec()).unwrap().replacen("Supported:", "Require: 100rel\r\nSupported:", 1);
    pair.wic(Alice).sent.push_back(text.into());
    pair.carry();
    let theirs = pair.calls(Bob)[0].0;
    pair.tell_only(Bob, |agent, now| agent.ringing(now, theirs));
    pair.tell_only(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
    pair.carry();
    assert!(pair.ladder().contains(&"< 200 PRACK".to_owned()), "{:?}", pair.ladder());
    assert_eq!(pair.calls(Bob), [(theirs, CallState::Established)]);
}

#[test]
fn an_incoming_call_is_cancelled_during_early_media() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.early_media(now, theirs, sdp("early")));
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    assert!(pair.calls(Bob).is_empty());
    pair.assert_clean();
}

/// A network of branches, played by the test.
struct Fork {
    pair: Pair,
    call: CallId,
    invite: Request,
}

impl Fork {
    fn new() -> Self {
        let mut pair = Pair::new();
        let to = BOB.parse().unwrap();
        let call =
            pair.tell_only(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default())).unwrap();
        let invite = next(&mut pair).unwrap();
        Self { pair, call, invite }
    }

    fn response(&self, status: u16, branch: &str) -> Response {
        let contact = Contact::new(format!("sip:{branch}@192.0.2.1").parse().unwrap());
        dialog::respond(&self.invite, StatusCode::new(status).unwrap(), branch, &contact)
    }

    fn answer(&mut self, response: Response) {
        self.pair.wic(Alice).answer(response);
    }

    fn sent(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| next(&mut self.pair)).collect()
    }
}

fn next(pair: &mut Pair) -> Option<Request> {
    let octets = pair.wic(Alice).sent.pop_front()?;
    match Message::parse(octets, Framing::WebSocket) {
        Ok(Message::Request(request)) => Some(request),
        other => panic!("not a request: {other:?}"),
    }
}

fn shape(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| format!("{} {}", request.method, request.uri)).collect()
}

fn with_sdp(response: Response, name: &str) -> Response {
    response.with_body("application/sdp", sdp(name).as_str().to_owned())
}

/// DLG-08, RFC 3261 §13.2.2.4.
#[test]
fn of_the_branches_of_a_fork_the_first_to_answer_wins() {
    let mut fork = Fork::new();
    for branch in ["b1", "b2", "b3"] {
        let response = fork.response(180, branch);
        fork.answer(response);
    }
    let events = fork.pair.call_events(Alice);
    let progress = CallEvent::Progress { answer: None };
    assert_eq!(events, [CallEvent::Ringing, progress.clone(), progress]);

    let won = with_sdp(fork.response(200, "b2"), "of b2");
    fork.answer(won.clone());
    assert_eq!(shape(&fork.sent()), ["ACK sip:b2@192.0.2.1"]);
    assert_eq!(fork.pair.call_events(Alice), [CallEvent::Established { sdp: Some(sdp("of b2")) }]);

    let lost = with_sdp(fork.response(200, "b3"), "of b3");
    fork.answer(lost.clone());
    let sent = fork.sent();
    assert_eq!(shape(&sent), ["ACK sip:b3@192.0.2.1", "BYE sip:b3@192.0.2.1"]);
    assert_eq!(sent[0].cseq().unwrap().number, fork.invite.cseq().unwrap().number);
    assert!(sent[1].cseq().unwrap().number > fork.invite.cseq().unwrap().number);

    // Copies of both are acknowledged, and no more.
    fork.answer(lost);
    assert_eq!(shape(&fork.sent()), ["ACK sip:b3@192.0.2.1"]);
    fork.answer(won);
    assert_eq!(shape(&fork.sent()), ["ACK sip:b2@192.0.2.1"]);
    assert_eq!(fork.pair.calls(Alice), [(fork.call, CallState::Established)]);
}

/// A branch that answers after the call is over.
#[test]
fn a_late_answer_of_another_branch_is_ended_too() {
    let mut fork = Fork::new();
    let won = with_sdp(fork.response(200, "b1"), "of b1");
    fork.answer(won);
    let call = fork.call;
    fork.pair.tell_only(Alice, |agent, now| agent.hang_up(now, call));
    let bye = fork.sent().pop().unwrap();
    fork.answer(crate::script::response(&bye, 200));
    let late = with_sdp(fork.response(200, "b2"), "of b2");
    fork.answer(late);
    assert_eq!(shape(&fork.sent()), ["ACK sip:b2@192.0.2.1", "BYE sip:b2@192.0.2.1"]);
}

fn reliable(response: Response, rseq: u32) -> Response {
    response.with(&RSeq(rseq)).with_raw(HeaderName::Require, "100rel")
}

/// RFC 3262 §4: in order, each once.
#[test]
fn reliable_responses_are_acknowledged_in_order_and_once() {
    let mut fork = Fork::new();
    for (rseq, acknowledged) in [(7, true), (7, false), (9, false), (8, true), (9, true), (8, false)] {
        let response = reliable(fork.response(183, "b1"), rseq);
        fork.answer(response);
        let sent = fork.sent();
        assert_eq!(!sent.is_empty(), acknowledged, "{rseq}");
        for prack in sent {
            let rack: RAck = prack.headers.one().unwrap();
            assert_eq!(rack.to_string(), format!("{rseq} 1 INVITE"));
            assert_eq!(prack.uri.to_string(), "sip:b1@192.0.2.1");
        }
    }
    // Another branch counts for itself.
    let response = reliable(fork.response(183, "b2"), 1000);
    fork.answer(response);
    assert_eq!(shape(&fork.sent()), ["PRACK sip:b2@192.0.2.1"]);
}

/// What is heard first is heard until the end: a page has one connection for media.
#[test]
fn early_media_of_one_branch_is_heard_at_a_time() {
    let mut fork = Fork::new();
    for branch in ["b1", "b2"] {
        let response = with_sdp(fork.response(183, branch), branch);
        fork.answer(response);
    }
    assert_eq!(
        fork.pair.call_events(Alice),
        [CallEvent::Progress { answer: Some(sdp("b1")) }, CallEvent::Progress { answer: None }]
    );
    let won = with_sdp(fork.response(200, "b2"), "final");
    fork.answer(won);
    assert_eq!(fork.pair.call_events(Alice), [CallEvent::Established { sdp: Some(sdp("final")) }]);
}

#[test]
fn a_200_without_an_answer_is_acknowledged_and_ended() {
    let mut fork = Fork::new();
    let response = fork.response(200, "b1");
    fork.answer(response);
    assert_eq!(shape(&fork.sent()), ["ACK sip:b1@192.0.2.1", "BYE sip:b1@192.0.2.1"]);
    let events = fork.pair.call_events(Alice);
    assert!(matches!(&events[..], [CallEvent::Ended { by: EndedBy::Network, status: Some(488), .. }]), "{events:?}");
}

/// RFC 3311: a peer may change the early session once it is settled.
#[test]
fn an_update_in_an_early_dialog_is_answered() {
    let mut fork = Fork::new();
    let early = reliable(with_sdp(fork.response(183, "b1"), "early"), 1);
    fork.answer(early.clone());
    fork.sent();
    let mut peer = dialog::Dialog::uas(&fork.invite, "b1").unwrap();
    let update = peer
        .request(Method::Update)
        .with_raw(HeaderName::Via, "SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKu1")
        .with(&Contact::new("sip:b1@192.0.2.1".parse().unwrap()))
        .with_body("application/sdp", sdp("other").as_str().to_owned());
    fork.pair.wic(Alice).receive(update.to_bytes());
    assert_eq!(fork.pair.call_events(Alice).last(), Some(&CallEvent::Offer { offer: sdp("other") }));
    let call = fork.call;
    fork.pair.tell_only(Alice, |agent, now| agent.answer_offer(now, call, sdp("mine")));
    let octets = fork.pair.wic(Alice).sent.pop_front().unwrap();
    let Ok(Message::Response(answer)) = Message::parse(octets, Framing::WebSocket) else { panic!() };
    assert_eq!((answer.status.code(), &*answer.body), (200, sdp("mine").as_str().as_bytes()));
}

/// What reaches a callee, played by the test.
fn invite(change: impl FnOnce(Request) -> Request) -> (Pair, Request, Option<CallId>, Vec<Response>) {
    let mut pair = Pair::new();
    let to = BOB.parse().unwrap();
    pair.tell_only(Alice, |agent, now| agent.call(now, &to, sdp("offer"), CallOptions::default())).unwrap();
    let invite = change(next(&mut pair).unwrap());
    pair.wic(Bob).receive(invite.to_bytes());
    let call = pair.calls(Bob).first().map(|(id, _)| *id);
    let responses = responses(&mut pair);
    (pair, invite, call, responses)
}

fn responses(pair: &mut Pair) -> Vec<Response> {
    let octets = std::iter::from_fn(|| pair.wic(Bob).sent.pop_front());
    octets
        .filter_map(|octets| match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Response(response)) => Some(response),
            _ => None,
        })
        .collect()
}

fn without(mut request: Request, name: &HeaderName) -> Request {
    request.headers.remove(name);
    request
}

#[test]
fn a_caller_without_100rel_gets_early_media_unreliably() {
    let (mut pair, _, call, _) = invite(|invite| without(invite, &HeaderName::Supported));
    let call = call.unwrap();
    pair.tell_only(Bob, |agent, now| agent.early_media(now, call, sdp("early")));
    pair.tell_only(Bob, |agent, now| agent.answer(now, call, sdp("early")));
    let responses = responses(&mut pair);
    let [progress, ok] = &responses[..] else { panic!("{responses:?}") };
    assert!(progress.status.code() == 183 && !progress.headers.has(&HeaderName::RSeq));
    assert_eq!(&*progress.body, sdp("early").as_str().as_bytes());
    assert_eq!(&*ok.body, sdp("early").as_str().as_bytes());
}

#[test]
fn a_caller_that_requires_100rel_gets_every_response_reliably() {
    let (mut pair, _, call, _) = invite(|invite| invite.with_raw(HeaderName::Require, "100rel"));
    pair.tell_only(Bob, |agent, now| agent.ringing(now, call.unwrap()));
    let responses = responses(&mut pair);
    assert!(responses[0].status.code() == 180 && responses[0].headers.has(&HeaderName::RSeq));
}

#[test]
fn a_call_without_an_offer_gets_one_in_the_200_and_answers_in_the_ack() {
    for answered in [true, false] {
        let (mut pair, invite, call, _) = invite(|mut invite| {
            invite.body = bytes::Bytes::new();
            without(invite, &HeaderName::ContentType)
        });
        let call = call.unwrap();
        let events = pair.call_events(Bob);
        assert!(matches!(&events[..], [CallEvent::Incoming { offer: None, .. }]), "{events:?}");
        pair.tell_only(Bob, |agent, now| agent.answer(now, call, sdp("offer of Bob")));
        let ok = responses(&mut pair).pop().unwrap();
        assert_eq!(&*ok.body, sdp("offer of Bob").as_str().as_bytes());
        let dialog = dialog::Dialog::uac(&invite, &ok).unwrap();
        let via = "SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKa1";
        let mut ack = dialog.ack(1).with_raw(HeaderName::Via, via);
        if answered {
            ack = ack.with_body("application/sdp", sdp("answer").as_str().to_owned());
        }
        pair.wic(Bob).receive(ack.to_bytes());
        let events = pair.call_events(Bob);
        if answered {
            assert_eq!(events, [CallEvent::Established { sdp: Some(sdp("answer")) }]);
        } else {
            assert!(matches!(&events[..], [CallEvent::Ended { status: Some(488), .. }]), "{events:?}");
            assert!(pair.wic(Bob).sent.pop_front().unwrap().starts_with(b"BYE"));
        }
    }
}

#[test]
fn calls_that_are_not_understood_are_refused_by_the_book() {
    type Change = fn(Request) -> Request;
    let cases: [(Change, u16, Option<HeaderName>); 8] = [
        (|r| r.with_raw(HeaderName::Require, "frob"), 420, Some(HeaderName::Unsupported)),
        (|r| r.with_body("text/plain", "hi"), 415, Some(HeaderName::Accept)),
        (|r| r.with_raw(HeaderName::ContentEncoding, "gzip"), 415, Some(HeaderName::AcceptEncoding)),
        (|r| without(r, &HeaderName::Contact), 400, None),
        (|r| r.with_raw(HeaderName::Replaces, "c1;to-tag=a;from-tag=b"), 481, None),
        (|r| r.with_raw(HeaderName::Replaces, "c1;to-tag=a"), 400, None),
        (
            |mut r| {
                r.headers.set(HeaderName::SessionExpires, "30");
                r
            },
            422,
            Some(HeaderName::MinSe),
        ),
        (|r| r.with_raw(HeaderName::ContentDisposition, "render;handling=optional"), 0, None),
    ];
    for (change, status, header) in cases {
        let (_, _, call, responses) = invite(change);
        assert_eq!(responses.first().map_or(0, |r| r.status.code()), status);
        assert_eq!(call.is_none(), status != 0, "{status}");
        if let Some(header) = header {
            assert!(responses[0].headers.has(&header), "{status}");
        }
    }
}

/// RFC 3261 §8.2.2.2.
#[test]
fn the_same_invite_by_another_way_gets_482() {
    let (mut pair, invite, ..) = invite(|invite| invite);
    let mut again = invite.clone();
    again.headers.set(HeaderName::Via, "SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKother");
    pair.wic(Bob).receive(again.to_bytes());
    assert_eq!(responses(&mut pair)[0].status.code(), 482);
    // The same by the same way is a retransmission.
    pair.wic(Bob).receive(invite.to_bytes());
    assert!(responses(&mut pair).iter().all(|response| response.status.code() == 100));
    assert_eq!(pair.calls(Bob).len(), 1);
}

/// RFC 3891 §3.
#[test]
fn a_call_takes_the_place_of_another() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.talk();
    let first = pair.request("INVITE");
    let tag = |name: &sip::headers::NameAddr| name.tag().unwrap().to_owned();
    let to_tag = tag(&pair.response(200).to().unwrap());
    let replaces = format!("{};to-tag={to_tag};from-tag={}", first.call_id().unwrap(), tag(&first.from().unwrap()));
    let to = BOB.parse().unwrap();
    let new = pair.tell_only(Alice, |agent, now| agent.call(now, &to, sdp("new"), CallOptions::default())).unwrap();
    let octets = pair.wic(Alice).sent.pop_front().unwrap();
    let text = String::from_utf8(octets.to_vec()).unwrap();
    let text = text.replacen("Via:", &format!("Replaces: {replaces}\r\nVia:"), 1);
    pair.wic(Alice).sent.push_back(text.into());
    pair.carry();
    let events = pair.call_events(Bob);
    assert!(matches!(&events[..], [CallEvent::Incoming { replaces: Some(of), .. }] if *of == theirs), "{events:?}");
    let call = pair.calls(Bob).last().unwrap().0;
    pair.tell(Bob, |agent, now| agent.answer(now, call, sdp("answer")));
    assert_eq!(pair.calls(Bob), [(call, CallState::Established)]);
    assert_eq!(pair.calls(Alice), [(new, CallState::Established)]);
    let _ = mine;
    pair.tell(Alice, |agent, now| agent.hang_up(now, new));
    pair.assert_clean();
}

#[test]
fn info_is_answered_but_does_nothing() {
    let mut pair = Pair::new();
    pair.talk();
    let mut ack = pair.request("ACK");
    let contact = pair.response(200).headers.first::<Contact>().unwrap().unwrap();
    ack.uri = contact.0.uri;
    for (number, (body, package, status)) in
        [("", false, 200), ("Signal=5", false, 415), ("", true, 469)].into_iter().enumerate()
    {
        let mut info = ack.clone();
        info.method = Method::Info;
        let cseq = u32::try_from(number).unwrap() + 10;
        info.headers.replace(&sip::headers::CSeq { number: cseq, method: Method::Info });
        info.headers.set(HeaderName::Via, format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKi{number}"));
        if !body.is_empty() {
            info = info.with_body("application/dtmf-relay", body);
        }
        if package {
            info.headers.push(HeaderName::Other("info-package".into()), "dtmf");
        }
        pair.wic(Bob).receive(info.to_bytes());
        assert_eq!(responses(&mut pair)[0].status.code(), status);
    }
    assert_eq!(pair.calls(Bob).len(), 1);
}
