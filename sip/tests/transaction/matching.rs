//! RFC 3261 §17.1.3, §17.2.3: what belongs together.

use crate::bench::{Bench, request, response, udp, wss};
use sip::headers::To;
use sip::transaction::Incoming;
use sip::{HeaderName, Request};

fn changed(request: &Request, name: HeaderName, value: &str) -> Request {
    let mut request = request.clone();
    request.headers.set(name, value.to_owned());
    request
}

#[test]
fn a_request_with_another_branch_sent_by_or_method_is_another() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bKone");
    bench.serve(&message, udp());
    bench.serve(&request("MESSAGE", "z9hG4bKtwo"), udp());
    bench.serve(&request("OPTIONS", "z9hG4bKone"), udp());
    for via in ["SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bKone", "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKone"] {
        bench.serve(&changed(&message, HeaderName::Via, via), udp());
    }
    assert_eq!(bench.layer.len(), 5);
    let copy = changed(&message, HeaderName::CallId, "another");
    assert!(bench.receive(copy, udp()).is_none(), "the branch alone decides");
}

#[test]
fn a_bare_cookie_or_no_branch_is_matched_by_rfc_2543() {
    for via in [
        "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK",
        "SIP/2.0/UDP 192.0.2.7:5060",
        "SIP/2.0/UDP 192.0.2.7:5060;branch=7",
    ] {
        let mut bench = Bench::new();
        let message = changed(&request("MESSAGE", "x"), HeaderName::Via, via);
        bench.serve(&message, udp());
        assert!(bench.receive(message.clone(), udp()).is_none(), "{via}");
        let others = [
            changed(&message, HeaderName::CallId, "another"),
            changed(&message, HeaderName::CSeq, "5 MESSAGE"),
            changed(&message, HeaderName::From, "<sip:alice@ims.example>;tag=z"),
            changed(&message, HeaderName::To, "<sip:bob@ims.example>;tag=z"),
            changed(&message, HeaderName::Via, "SIP/2.0/UDP 192.0.2.7:5999"),
            Request { uri: "sip:carol@ims.example".parse().unwrap(), ..message.clone() },
        ];
        for other in others {
            bench.serve(&other, udp());
        }
        assert_eq!(bench.layer.len(), 7, "{via}");
    }
}

#[test]
fn by_rfc_2543_the_ack_is_found_by_the_responses_to_tag() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "old");
    let (key, seen) = bench.serve(&invite, udp());
    bench.respond(key, &seen, 486);
    bench.sent();
    let mut ack = request("ACK", "old");
    assert!(matches!(
        bench.receive(changed(&ack, HeaderName::To, "<sip:bob@ims.example>;tag=other"), udp()),
        Some(Incoming::Ack { .. })
    ));
    let mut to: To = ack.headers.one().unwrap();
    to.set_tag("b");
    ack.headers.replace(&to);
    assert!(bench.receive(ack, udp()).is_none());
    assert_eq!(bench.pass(4_999), [], "timer G has stopped");
    bench.pass(1);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_response_is_matched_by_branch_and_cseq_method() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bK1");
    let key = bench.request(&message, udp());
    for (name, value) in
        [(HeaderName::Via, "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKother"), (HeaderName::CSeq, "4 OPTIONS")]
    {
        let mut stray = response(&message, 200);
        stray.headers.set(name, value.to_owned());
        assert!(matches!(bench.receive(stray, udp()), Some(Incoming::Stray { .. })));
    }
    assert_eq!(bench.answer(&message, 200, udp()), Some((key, 200)));
}

#[test]
fn what_went_out_on_a_websocket_is_answered_on_it() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bK1");
    let key = bench.request(&message, wss(1));
    assert!(matches!(bench.receive(response(&message, 200), wss(2)), Some(Incoming::Stray { .. })));
    assert_eq!(bench.answer(&message, 200, wss(1)), Some((key, 200)));
}

#[test]
fn two_websocket_clients_with_one_branch_do_not_meet() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let (first, _) = bench.serve(&invite, wss(1));
    bench.serve(&invite, wss(2));
    let cancel = request("CANCEL", "z9hG4bK1");
    match bench.receive(cancel.clone(), wss(3)) {
        Some(Incoming::Cancel { invite: None, .. }) => {}
        other => panic!("{other:?}"),
    }
    match bench.receive(cancel, wss(1)) {
        Some(Incoming::Cancel { invite, .. }) => assert_eq!(invite, Some(first)),
        other => panic!("{other:?}"),
    }
}
