//! RFC 3261 §17.2.2, RFC 4320.

use crate::bench::{Bench, request, tcp, udp, wss};
use sip::transaction::Event;

#[test]
fn before_any_response_copies_are_absorbed_in_silence() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bK1");
    bench.serve(&message, udp());
    assert!(bench.receive(message, udp()).is_none());
    assert_eq!(bench.pass(10_000), []);
}

#[test]
fn a_copy_gets_the_latest_response() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bK1");
    let (key, seen) = bench.serve(&message, udp());
    for status in [100, 200] {
        bench.respond(key, &seen, status);
        assert_eq!(bench.sent(), [status.to_string()]);
        assert!(bench.receive(message.clone(), udp()).is_none());
        assert_eq!(bench.sent(), [status.to_string()]);
    }
}

#[test]
fn a_second_final_response_is_not_sent() {
    let mut bench = Bench::new();
    let (key, message) = bench.serve(&request("MESSAGE", "z9hG4bK1"), udp());
    bench.respond(key, &message, 404);
    bench.sent();
    bench.respond(key, &message, 200);
    bench.respond(key, &message, 100);
    assert!(bench.sent().is_empty());
    assert!(bench.receive(request("MESSAGE", "z9hG4bK1"), udp()).is_none());
    assert_eq!(bench.sent(), ["404"]);
}

#[test]
fn timer_j_keeps_it_for_copies() {
    let mut bench = Bench::new();
    let (key, message) = bench.serve(&request("MESSAGE", "z9hG4bK1"), udp());
    bench.respond(key, &message, 200);
    bench.sent();
    assert_eq!(bench.pass(31_999), []);
    assert!(bench.receive(request("MESSAGE", "z9hG4bK1"), udp()).is_none());
    assert_eq!(bench.sent(), ["200"]);
    bench.pass(1);
    assert_eq!(bench.events(), [Event::ServerDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn on_a_reliable_transport_the_final_response_ends_it_at_once() {
    for peer in [tcp(), wss(1)] {
        let mut bench = Bench::new();
        let (key, message) = bench.serve(&request("MESSAGE", "z9hG4bK1"), peer);
        bench.respond(key, &message, 200);
        assert_eq!(bench.sent(), ["200"]);
        assert_eq!(bench.events(), [Event::ServerDone { key }]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn a_request_that_nobody_answers_is_forgotten_when_the_client_has_given_up() {
    for provisional in [false, true] {
        let mut bench = Bench::new();
        let (key, message) = bench.serve(&request("MESSAGE", "z9hG4bK1"), tcp());
        if provisional {
            bench.respond(key, &message, 100);
        }
        bench.pass(32_000);
        assert_eq!(bench.events(), [Event::ServerDone { key }]);
        bench.sent();
        bench.respond(key, &message, 200);
        assert!(bench.sent().is_empty(), "an answer after timer F has fired is a stray (RFC 4320 §4.2)");
    }
}
