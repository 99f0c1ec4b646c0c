//! RFC 3261 §17.1.1, RFC 6026 §7.2.

use crate::bench::{Bench, request, response, tcp, udp, wss};
use sip::headers::{CSeq, Route, To};
use sip::transaction::{Event, Incoming};
use sip::{HeaderName, Message, Method};

#[test]
fn timer_a_doubles_without_bound_until_timer_b_gives_up() {
    let mut bench = Bench::new();
    let key = bench.request(&request("INVITE", "z9hG4bK1"), udp());
    assert_eq!(bench.sent(), ["INVITE"]);
    let times: Vec<u64> = bench.pass(31_999).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(bench.events(), []);
    assert_eq!(bench.pass(1), []);
    assert_eq!(bench.events(), [Event::Timeout { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_reliable_transport_sees_the_invite_once_and_timer_b_still_runs() {
    for peer in [tcp(), wss(1)] {
        let mut bench = Bench::new();
        let key = bench.request(&request("INVITE", "z9hG4bK1"), peer);
        assert_eq!(bench.sent(), ["INVITE"]);
        assert_eq!(bench.pass(32_000), []);
        assert_eq!(bench.events(), [Event::Timeout { key }]);
    }
}

#[test]
fn a_provisional_response_stops_timers_a_and_b() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let key = bench.request(&invite, udp());
    bench.sent();
    assert_eq!(bench.answer(&invite, 100, udp()), Some((key, 100)));
    assert_eq!(bench.answer(&invite, 180, udp()), Some((key, 180)));
    assert_eq!(bench.answer(&invite, 180, udp()), Some((key, 180)));
    assert_eq!(bench.pass(3_600_000), []);
    assert_eq!(bench.events(), []);
    assert_eq!(bench.layer.len(), 1);
}

#[test]
fn a_refusal_is_shown_once_and_acknowledged_each_time_until_timer_d() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let key = bench.request(&invite, udp());
    bench.sent();
    assert_eq!(bench.answer(&invite, 486, udp()), Some((key, 486)));
    assert_eq!(bench.sent(), ["ACK"]);
    assert_eq!(bench.pass(31_999), []);
    assert_eq!(bench.answer(&invite, 486, udp()), None);
    assert_eq!(bench.sent(), ["ACK"]);
    assert_eq!(bench.answer(&invite, 180, udp()), None);
    assert_eq!(bench.answer(&invite, 200, udp()), None);
    assert!(bench.sent().is_empty());
    bench.pass(1);
    assert_eq!(bench.events(), [Event::ClientDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_refusal_on_a_reliable_transport_ends_it_at_once() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let key = bench.request(&invite, tcp());
    bench.sent();
    assert_eq!(bench.answer(&invite, 603, tcp()), Some((key, 603)));
    assert_eq!(bench.sent(), ["ACK"]);
    assert_eq!(bench.events(), [Event::ClientDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn the_ack_is_made_of_the_invite_and_the_responses_to() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1").with_body("text/plain", "x");
    bench.request(&invite, udp());
    bench.sent();
    bench.answer(&invite, 404, udp());
    let [(to, Message::Request(ack))] = &bench.sent_to()[..] else { panic!() };
    assert_eq!(*to, udp());
    ack.validate().unwrap();
    assert_eq!((&ack.method, &ack.uri), (&Method::Ack, &invite.uri));
    let vias: Vec<&str> = ack.headers.values(&HeaderName::Via).collect();
    assert_eq!(vias, ["SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1"]);
    assert_eq!(ack.cseq().unwrap(), CSeq { number: 4, method: Method::Ack });
    assert_eq!(ack.from().unwrap(), invite.from().unwrap());
    assert_eq!(ack.call_id().unwrap(), invite.call_id().unwrap());
    assert_eq!(ack.headers.one::<To>().unwrap().tag(), Some("b"));
    assert_eq!(ack.headers.all::<Route>().unwrap(), invite.headers.all::<Route>().unwrap());
    assert!(ack.body.is_empty());
}

#[test]
fn every_2xx_is_shown_and_none_acknowledged_until_timer_m() {
    for peer in [udp(), tcp()] {
        let mut bench = Bench::new();
        let invite = request("INVITE", "z9hG4bK1");
        let key = bench.request(&invite, peer);
        bench.sent();
        assert_eq!(bench.answer(&invite, 200, peer), Some((key, 200)));
        assert_eq!(bench.pass(31_999), []);
        assert_eq!(bench.answer(&invite, 200, peer), Some((key, 200)));
        assert_eq!(bench.answer(&invite, 180, peer), None);
        assert_eq!(bench.answer(&invite, 486, peer), None);
        assert!(bench.sent().is_empty());
        bench.pass(1);
        assert_eq!(bench.events(), [Event::ClientDone { key }]);
        assert!(matches!(bench.receive(response(&invite, 200), peer), Some(Incoming::Stray { .. })));
    }
}
