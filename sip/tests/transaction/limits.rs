//! State is bounded, and what can't be served is told so.

use crate::bench::{Bench, request, tcp, udp};
use sip::transaction::{Event, Timers, Transactions};
use sip::{HeaderName, Message, Rejection, StatusCode};

#[test]
fn above_the_limit_requests_get_503_and_ours_fail() {
    let mut bench = Bench::with(Transactions::new(Timers::default()).with_limit(1));
    let (key, first) = bench.serve(&request("MESSAGE", "z9hG4bK1"), udp());
    for method in ["MESSAGE", "INVITE", "CANCEL"] {
        assert!(bench.receive(request(method, "z9hG4bK2"), udp()).is_none());
        assert_eq!(bench.sent(), ["503"], "{method}");
    }
    let sent = bench.request(&request("MESSAGE", "z9hG4bK3"), tcp());
    let refused = bench.request(&request("MESSAGE", "z9hG4bK4"), tcp());
    assert_eq!(bench.events(), [Event::Failed { key: refused }]);
    assert_eq!(bench.sent(), ["MESSAGE"]);
    bench.respond(key, &first, 200);
    bench.pass(32_000);
    assert_eq!(bench.events(), [Event::Timeout { key: sent }, Event::ServerDone { key }]);
    bench.serve(&request("MESSAGE", "z9hG4bK5"), udp());
}

#[test]
fn a_stateless_refusal_has_a_to_tag_that_a_copy_gets_too() {
    let mut bench = Bench::new();
    let rejection = Rejection::new(StatusCode::BAD_REQUEST, "Max-Forwards: not a number");
    let broken = request("MESSAGE", "z9hG4bK1");
    let mut tags = Vec::new();
    for _ in 0..2 {
        bench.layer.reject(&broken, &rejection, udp());
        let [(to, Message::Response(response))] = &bench.sent_to()[..] else { panic!() };
        assert_eq!((*to, response.status.code()), (udp(), 400));
        assert_eq!(response.reason, "Max-Forwards: not a number");
        tags.push(response.to().unwrap().tag().unwrap().to_owned());
    }
    assert_eq!(tags[0], tags[1]);
    assert!(bench.layer.is_empty());
}

#[test]
fn what_can_not_be_answered_is_not() {
    let mut bench = Bench::new();
    let rejection = Rejection::new(StatusCode::BAD_REQUEST, "no");
    bench.layer.reject(&request("ACK", "z9hG4bK1"), &rejection, udp());
    for name in [HeaderName::Via, HeaderName::CSeq] {
        let mut broken = request("MESSAGE", "z9hG4bK1");
        broken.headers.remove(&name);
        bench.layer.reject(&broken, &rejection, udp());
    }
    assert!(bench.sent().is_empty());
}

/// PAR-34, RFC 4475 §3.3.1: what is missing is missing in the answer too.
#[test]
fn a_refusal_copies_what_is_there() {
    let rejection = Rejection::new(StatusCode::BAD_REQUEST, "no");
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        let mut bench = Bench::new();
        let mut broken = request("MESSAGE", "z9hG4bK1");
        broken.headers.remove(&name);
        bench.layer.reject(&broken, &rejection, udp());
        let [(_, Message::Response(response))] = &bench.sent_to()[..] else { panic!("{name}") };
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert!(!response.headers.has(&name) && response.headers.has(&HeaderName::Via));
    }
}

#[test]
fn timers_of_no_length_do_not_hang_the_layer() {
    let zero = std::time::Duration::ZERO;
    let timers = Timers { t1: zero, t2: zero, t4: zero, c: zero };
    let mut bench = Bench::with(Transactions::new(timers));
    bench.request(&request("INVITE", "z9hG4bK1"), udp());
    bench.layer.handle_timeout(bench.now());
    assert!(bench.layer.is_empty());
}
