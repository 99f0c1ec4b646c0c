//! What comes in from outside is checked before it is believed.

use sip::headers::CSeq;
use sip::{Entropy, Framing, HeaderName, Message, Method, Response, SeededEntropy};
use wic::Event;

use crate::script::{Wic, accept_digest, response};

const OPTIONS: &str = "OPTIONS sip:u8c2@k3f9q2.invalid;transport=ws SIP/2.0\r\n\
    Via: SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKe1\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:bob@ims.example>;tag=b1\r\n\
    To: <sip:alice@ims.example>\r\n\
    Call-ID: o1\r\n\
    CSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\r\n";

fn registered() -> Wic {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic
}

fn replies(wic: &mut Wic, request: &str) -> Vec<Response> {
    wic.receive(request.to_owned());
    wic.sent
        .drain(..)
        .map(|octets| match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Response(response)) => response,
            other => panic!("not a response: {other:?}"),
        })
        .collect()
}

fn reply(wic: &mut Wic, request: &str) -> Response {
    let mut replies = replies(wic, request);
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

#[test]
fn a_response_to_another_request_is_not_believed() {
    type Change = fn(&mut Response);
    let changes: [(&str, Change); 6] = [
        ("Call-ID", |r| r.headers.set(HeaderName::CallId, "another@host")),
        ("CSeq number", |r| r.headers.replace(&CSeq { number: 99, method: Method::Register })),
        ("CSeq method", |r| r.headers.replace(&CSeq { number: 1, method: Method::Options })),
        ("branch", |r| r.headers.set(HeaderName::Via, "SIP/2.0/WSS a.invalid;branch=z9hG4bKother")),
        ("two Vias", |r| r.headers.push(HeaderName::Via, "SIP/2.0/UDP host;branch=z9hG4bKother")),
        ("no To", |r| {
            r.headers.remove(&HeaderName::To);
        }),
    ];
    for (what, change) in changes {
        let mut wic = Wic::digest();
        wic.start();
        wic.connected();
        let request = wic.register();
        let mut forged = response(&request, 403);
        change(&mut forged);
        wic.answer(forged);
        wic.assert_state("registering");
        assert_eq!(wic.agent.discarded(), 1, "{what}");
        assert!(wic.events.iter().any(|e| matches!(e, Event::Discarded { .. })), "{what}");
        wic.answer(response(&request, 403));
        wic.assert_state("failed");
    }
}

#[test]
fn a_second_answer_to_the_same_request_is_dropped() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let opening = wic.register();
    wic.answer(crate::script::challenge(&opening, &[sip::digest::Algorithm::Md5], "n1", false));
    let request = wic.register();
    wic.answer(crate::script::challenge(&opening, &[sip::digest::Algorithm::Md5], "n1", false));
    wic.sent_nothing();
    let accept = accept_digest(&request, 3600, None);
    wic.answer(accept.clone());
    wic.answer(accept);
    wic.answer(response(&request, 403));
    wic.assert_state("registered");
    assert_eq!(wic.agent.discarded(), 3);
    assert_eq!(wic.binds(), 1);
}

#[test]
fn garbage_changes_nothing_and_is_counted() {
    let mut wic = registered();
    let mut entropy = SeededEntropy::new(3);
    let valid = wic.wire.iter().map(|(_, wire)| wire.octets().to_vec()).collect::<Vec<_>>();
    for round in 0..3000_usize {
        let mut octets = valid[round % valid.len()].clone();
        let mut draw = [0; 8];
        entropy.fill(&mut draw);
        let at = usize::from(u16::from_le_bytes([draw[0], draw[1]])) % octets.len();
        match draw[2] % 4 {
            0 => octets[at] = draw[3],
            1 => octets.truncate(at),
            2 => octets.extend_from_within(at..),
            _ => entropy.fill(&mut octets),
        }
        wic.receive(octets);
        wic.sent.clear();
    }
    wic.assert_state("registered");
    assert!(wic.agent.discarded() > 1000);
}

#[test]
fn options_is_answered_200_with_what_we_can() {
    let mut wic = registered();
    let reply = reply(&mut wic, OPTIONS);
    assert_eq!(reply.status.code(), 200);
    assert!(reply.headers.has(&HeaderName::Allow) && reply.headers.has(&HeaderName::Supported));
    assert!(reply.to().unwrap().tag().is_some());
    assert_eq!(reply.via().unwrap().branch(), Some("z9hG4bKe1"));
}

/// NET-03 among them: a REGISTER from the network does nothing.
#[test]
fn requests_that_we_cannot_serve_are_refused_by_the_book() {
    let mut wic = registered();
    for (method, in_dialog, status) in [
        ("INVITE", false, 400),
        ("REGISTER", false, 405),
        ("SUBSCRIBE", false, 405),
        ("FROBNICATE", false, 405),
        ("INVITE", true, 481),
        ("BYE", true, 481),
        ("BYE", false, 481),
        ("CANCEL", false, 481),
        ("NOTIFY", false, 481),
    ] {
        let branch = format!("z9hG4bK{method}{in_dialog}");
        let mut request = OPTIONS.replace("OPTIONS", method).replace("z9hG4bKe1", &branch);
        if in_dialog {
            request = request.replace("<sip:alice@ims.example>", "<sip:alice@ims.example>;tag=x");
        }
        let reply = reply(&mut wic, &request);
        assert_eq!(reply.status.code(), status, "{method}");
        assert_eq!(reply.headers.has(&HeaderName::Allow), status == 405, "{method}");
        assert!(reply.to().unwrap().tag().is_some(), "{method}");
    }
}

#[test]
fn ack_is_never_answered() {
    let mut wic = registered();
    assert!(replies(&mut wic, &OPTIONS.replace("OPTIONS", "ACK")).is_empty());
}

#[test]
fn a_malformed_request_gets_a_400_that_says_why() {
    let mut wic = registered();
    let reply_of = |wic: &mut Wic, request: String| reply(wic, &request);
    let two = OPTIONS.replace("Content-Length: 0", "Content-Length: 7");
    let reply = reply_of(&mut wic, two);
    assert_eq!(reply.status.code(), 400);
    assert!(reply.reason.contains("Content-Length"), "{}", reply.reason);
    let reply = reply_of(&mut wic, OPTIONS.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"));
    assert_eq!(reply.status.code(), 400);
}

#[test]
fn what_comes_without_a_connection_is_dropped() {
    let mut wic = Wic::digest();
    wic.receive(OPTIONS.to_owned());
    wic.sent_nothing();
    assert_eq!(wic.agent.discarded(), 1);
}
