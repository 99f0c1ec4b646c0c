//! RFC 3261 §17.2.1, RFC 6026 §7.1.

use crate::bench::{Bench, request, response, tcp, udp, wss};
use sip::Method;
use sip::headers::CSeq;
use sip::transaction::{Event, Incoming, Timers, Transactions};
use std::time::Duration;

fn ack(branch: &str) -> sip::Request {
    request("ACK", branch)
}

#[test]
fn trying_is_said_after_200_ms_unless_the_user_was_faster() {
    for peer in [udp(), tcp()] {
        let mut bench = Bench::new();
        bench.serve(&request("INVITE", "z9hG4bK1"), peer);
        assert_eq!(bench.pass(1000), [(200, "100".to_owned())]);

        for status in [100, 180, 200, 404] {
            let mut bench = Bench::new();
            let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), peer);
            bench.pass(199);
            bench.respond(key, &invite, status);
            assert_eq!(bench.sent(), [status.to_string()]);
            assert_eq!(bench.pass(200), []);
        }
    }
}

#[test]
fn trying_is_said_at_once_where_that_is_wanted() {
    let layer = Transactions::new(Timers::default()).with_trying_after(Duration::ZERO);
    let mut bench = Bench::with(layer);
    let invite = request("INVITE", "z9hG4bK1");
    bench.serve(&invite, udp());
    assert_eq!(bench.sent(), ["100"]);
    assert!(bench.receive(invite, udp()).is_none());
    assert_eq!(bench.sent(), ["100"]);
    assert_eq!(bench.pass(1000), []);
}

#[test]
fn a_retransmitted_invite_gets_the_latest_response() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let (key, seen) = bench.serve(&invite, udp());
    assert!(bench.receive(invite.clone(), udp()).is_none());
    assert_eq!(bench.sent(), ["100"], "sooner than after 200 ms, and not again then");
    assert_eq!(bench.pass(300), []);
    bench.respond(key, &seen, 180);
    bench.respond(key, &seen, 183);
    bench.sent();
    assert!(bench.receive(invite.clone(), udp()).is_none());
    assert_eq!(bench.sent(), ["183"]);
    bench.respond(key, &seen, 486);
    bench.sent();
    assert!(bench.receive(invite, udp()).is_none());
    assert_eq!(bench.sent(), ["486"]);
}

#[test]
fn a_refusal_is_retransmitted_by_timer_g_until_timer_h_reports_the_missing_ack() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), udp());
    bench.respond(key, &invite, 486);
    assert_eq!(bench.sent(), ["486"]);
    let times: Vec<u64> = bench.pass(31_999).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    bench.pass(1);
    assert_eq!(bench.events(), [Event::AckMissing { key }, Event::ServerDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn on_a_reliable_transport_a_refusal_goes_out_once_and_timer_h_still_runs() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), tcp());
    bench.respond(key, &invite, 486);
    assert_eq!(bench.sent(), ["486"]);
    assert_eq!(bench.pass(32_000), []);
    assert_eq!(bench.events(), [Event::AckMissing { key }, Event::ServerDone { key }]);
}

#[test]
fn the_ack_stops_timer_g_and_its_copies_are_absorbed_until_timer_i() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), udp());
    bench.respond(key, &invite, 486);
    bench.sent();
    assert!(bench.receive(ack("z9hG4bK1"), udp()).is_none());
    assert_eq!(bench.pass(4_999), []);
    assert!(bench.receive(ack("z9hG4bK1"), udp()).is_none());
    assert!(bench.receive(request("INVITE", "z9hG4bK1"), udp()).is_none());
    assert!(bench.sent().is_empty());
    bench.pass(1);
    assert_eq!(bench.events(), [Event::ServerDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn on_a_reliable_transport_the_ack_ends_it_at_once() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), wss(2));
    bench.respond(key, &invite, 486);
    assert!(bench.receive(ack("z9hG4bK1"), wss(2)).is_none());
    assert_eq!(bench.events(), [Event::ServerDone { key }]);
    assert!(bench.layer.is_empty());
}

#[test]
fn an_ack_before_any_final_response_is_dropped() {
    let mut bench = Bench::new();
    bench.serve(&request("INVITE", "z9hG4bK1"), udp());
    assert!(bench.receive(ack("z9hG4bK1"), udp()).is_none());
    assert_eq!(bench.layer.len(), 1);
}

#[test]
fn after_a_2xx_invites_are_absorbed_and_acks_and_2xx_pass_until_timer_l() {
    for peer in [udp(), tcp()] {
        let mut bench = Bench::new();
        let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), peer);
        bench.respond(key, &invite, 200);
        assert_eq!(bench.sent(), ["200"]);
        assert!(bench.receive(request("INVITE", "z9hG4bK1"), peer).is_none());
        assert!(bench.sent().is_empty());
        bench.respond(key, &invite, 200);
        assert_eq!(bench.sent(), ["200"], "the user retransmits its 2xx, or a fork's comes");
        bench.respond(key, &invite, 486);
        bench.respond(key, &invite, 180);
        assert!(bench.sent().is_empty());
        for branch in ["z9hG4bK1", "z9hG4bKack"] {
            assert!(matches!(bench.receive(ack(branch), peer), Some(Incoming::Ack { .. })), "{branch}");
        }
        assert_eq!(bench.pass(31_999), []);
        assert_eq!(bench.events(), []);
        bench.pass(1);
        assert_eq!(bench.events(), [Event::ServerDone { key }]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn nothing_is_sent_after_a_refusal_but_the_refusal() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), udp());
    bench.respond(key, &invite, 486);
    bench.sent();
    for status in [180, 200, 603] {
        bench.respond(key, &invite, status);
    }
    assert!(bench.sent().is_empty());
    assert_eq!(bench.pass(500), [(500, "486".to_owned())]);
}

#[test]
fn the_bench_makes_acks_that_match() {
    assert_eq!(ack("x").cseq().unwrap(), CSeq { number: 4, method: Method::Ack });
    assert_eq!(response(&request("INVITE", "x"), 486).to().unwrap().tag(), Some("b"));
}
