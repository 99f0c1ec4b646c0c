//! RFC 3261 §17.1.2.

use crate::bench::{Bench, request, response, tcp, udp, wss};
use sip::transaction::{Event, Incoming};

#[test]
fn timer_e_doubles_up_to_t2_until_timer_f_gives_up() {
    let mut bench = Bench::new();
    let key = bench.request(&request("MESSAGE", "z9hG4bK1"), udp());
    assert_eq!(bench.sent(), ["MESSAGE"]);
    let times: Vec<u64> = bench.pass(31_999).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    bench.pass(1);
    assert_eq!(bench.events(), [Event::Timeout { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_provisional_response_slows_retransmission_to_t2_and_leaves_timer_f() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bK1");
    let key = bench.request(&message, udp());
    bench.sent();
    bench.pass(100);
    assert_eq!(bench.answer(&message, 100, udp()), Some((key, 100)));
    let times: Vec<u64> = bench.pass(31_899).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [400, 4400, 8400, 12_400, 16_400, 20_400, 24_400, 28_400]);
    bench.pass(1);
    assert_eq!(bench.events(), [Event::Timeout { key }]);
}

#[test]
fn a_reliable_transport_sees_the_request_once_and_timer_f_still_runs() {
    for peer in [tcp(), wss(1)] {
        let mut bench = Bench::new();
        let key = bench.request(&request("REGISTER", "z9hG4bK1"), peer);
        assert_eq!(bench.sent(), ["REGISTER"]);
        assert_eq!(bench.pass(31_999), []);
        assert_eq!(bench.events(), []);
        bench.pass(1);
        assert_eq!(bench.events(), [Event::Timeout { key }]);
    }
}

#[test]
fn a_final_response_is_shown_once_and_its_copies_absorbed_until_timer_k() {
    for status in [200, 401] {
        let mut bench = Bench::new();
        let register = request("REGISTER", "z9hG4bK1");
        let key = bench.request(&register, udp());
        bench.sent();
        assert_eq!(bench.answer(&register, status, udp()), Some((key, status)));
        assert_eq!(bench.pass(4_999), []);
        assert_eq!(bench.answer(&register, status, udp()), None);
        assert_eq!(bench.answer(&register, 100, udp()), None);
        assert_eq!(bench.events(), []);
        bench.pass(1);
        assert_eq!(bench.events(), [Event::ClientDone { key }]);
        assert!(matches!(bench.receive(response(&register, status), udp()), Some(Incoming::Stray { .. })));
    }
}

#[test]
fn a_final_response_on_a_reliable_transport_ends_it_at_once() {
    let mut bench = Bench::new();
    let register = request("REGISTER", "z9hG4bK1");
    let key = bench.request(&register, wss(1));
    assert_eq!(bench.answer(&register, 200, wss(1)), Some((key, 200)));
    assert_eq!(bench.events(), [Event::ClientDone { key }]);
    assert!(bench.layer.is_empty());
}
