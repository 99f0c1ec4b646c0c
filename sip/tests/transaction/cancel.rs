//! RFC 3261 §9: cancelling, from both sides.

use crate::bench::{Bench, request, tcp, udp};
use sip::headers::{CSeq, Route};
use sip::transaction::{Event, Incoming};
use sip::{HeaderName, Message, Method};

#[test]
fn a_cancel_has_its_own_transaction_and_names_the_invite() {
    for branch in ["z9hG4bK1", "old"] {
        let mut bench = Bench::new();
        let (key, invite) = bench.serve(&request("INVITE", branch), udp());
        let cancel = request("CANCEL", branch);
        let own = match bench.receive(cancel.clone(), udp()) {
            Some(Incoming::Cancel { key: own, invite, .. }) => {
                assert_eq!(invite, Some(key));
                own
            }
            other => panic!("{other:?}"),
        };
        bench.respond(own, &cancel, 200);
        bench.respond(key, &invite, 487);
        assert_eq!(bench.sent(), ["200", "487"]);
        assert!(bench.receive(cancel, udp()).is_none());
        assert_eq!(bench.sent(), ["200"]);
    }
}

#[test]
fn a_cancel_of_nothing_says_so() {
    let mut bench = Bench::new();
    bench.serve(&request("MESSAGE", "z9hG4bK1"), udp());
    match bench.receive(request("CANCEL", "z9hG4bK1"), udp()) {
        Some(Incoming::Cancel { invite: None, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_cancel_waits_for_a_provisional_response_and_is_made_of_the_invite() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let key = bench.request(&invite, udp());
    bench.layer.cancel(bench.now(), key);
    bench.layer.cancel(bench.now(), key);
    assert_eq!(bench.sent(), ["INVITE"]);
    assert_eq!(bench.answer(&invite, 100, udp()), Some((key, 100)));
    let [(to, Message::Request(cancel))] = &bench.sent_to()[..] else { panic!() };
    assert_eq!(*to, udp());
    cancel.validate().unwrap();
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(cancel.cseq().unwrap(), CSeq { number: 4, method: Method::Cancel });
    assert_eq!(cancel.headers.values(&HeaderName::Via).count(), 1);
    assert_eq!(cancel.via().unwrap(), invite.via().unwrap());
    assert_eq!(cancel.to().unwrap(), invite.to().unwrap());
    assert_eq!(cancel.headers.all::<Route>().unwrap(), invite.headers.all::<Route>().unwrap());

    assert_eq!(bench.answer(cancel, 200, udp()), None, "the answer to the CANCEL is the layer's");
    assert_eq!(bench.answer(&invite, 487, udp()), Some((key, 487)));
    assert_eq!(bench.sent(), ["ACK"]);
    bench.pass(32_000);
    assert_eq!(bench.events(), [Event::ClientDone { key }]);
    assert!(bench.layer.is_empty());
}

/// TS 24.371 §7.2.1: a WIC's token is in all requests.
#[test]
fn a_cancel_and_an_ack_carry_the_token_of_their_invite() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1").with_raw(HeaderName::Authorization, "Bearer a.b.c");
    let key = bench.request(&invite, tcp());
    bench.answer(&invite, 180, tcp());
    bench.layer.cancel(bench.now(), key);
    bench.answer(&invite, 487, tcp());
    let sent = bench.sent_to();
    let methods = ["INVITE", "CANCEL", "ACK"];
    assert_eq!(sent.len(), methods.len());
    for ((_, message), method) in sent.iter().zip(methods) {
        let Message::Request(request) = message else { panic!("{message:?}") };
        assert_eq!(request.method.as_str(), method);
        assert_eq!(request.headers.value(&HeaderName::Authorization), Some("Bearer a.b.c"), "{method}");
    }
}

#[test]
fn an_invite_that_stays_open_after_its_cancel_times_out() {
    for peer in [udp(), tcp()] {
        let mut bench = Bench::new();
        let invite = request("INVITE", "z9hG4bK1");
        let key = bench.request(&invite, peer);
        bench.answer(&invite, 180, peer);
        bench.pass(100_000);
        bench.sent();
        bench.layer.cancel(bench.now(), key);
        assert_eq!(bench.sent(), ["CANCEL"]);
        bench.pass(31_999);
        assert_eq!(bench.events(), []);
        bench.pass(1);
        assert_eq!(bench.events(), [Event::Timeout { key }]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn what_is_answered_or_no_invite_is_not_cancelled() {
    let mut bench = Bench::new();
    let message = bench.request(&request("MESSAGE", "z9hG4bK1"), tcp());
    let invite = request("INVITE", "z9hG4bK2");
    let answered = bench.request(&invite, tcp());
    bench.answer(&invite, 200, tcp());
    let early = request("INVITE", "z9hG4bK3");
    let refused = bench.request(&early, tcp());
    bench.layer.cancel(bench.now(), refused);
    bench.answer(&early, 486, tcp());
    bench.sent();
    for key in [message, answered, refused] {
        bench.layer.cancel(bench.now(), key);
    }
    assert!(bench.sent().is_empty());
}
