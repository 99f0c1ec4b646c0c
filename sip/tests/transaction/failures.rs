//! RFC 3261 §17.1.4, §17.2.4, §18.2.2: the transport fails, or a connection is gone.

use crate::bench::{Bench, request, tcp, udp, wss};
use sip::transaction::Event;
use sip::{FlowId, Peer, Transport};

#[test]
fn a_request_that_can_not_be_sent_fails() {
    for method in ["INVITE", "MESSAGE"] {
        let mut bench = Bench::new();
        let key = bench.request(&request(method, "z9hG4bK1"), udp());
        let other = bench.request(&request(method, "z9hG4bK2"), tcp());
        bench.layer.send_failed(bench.now(), udp());
        assert_eq!(bench.events(), [Event::Failed { key }]);
        bench.layer.send_failed(bench.now(), tcp());
        assert_eq!(bench.events(), [Event::Failed { key: other }]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn a_ringing_invite_outlives_a_failure_to_send_something_else() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let key = bench.request(&invite, udp());
    bench.answer(&invite, 180, udp());
    bench.layer.send_failed(bench.now(), udp());
    assert_eq!(bench.events(), []);
    assert_eq!(bench.answer(&invite, 200, udp()), Some((key, 200)));
}

#[test]
fn when_a_connection_closes_what_waits_on_it_fails_and_nothing_else() {
    let mut bench = Bench::new();
    let waiting = bench.request(&request("INVITE", "z9hG4bK1"), wss(1));
    let ringing_invite = request("INVITE", "z9hG4bK2");
    let ringing = bench.request(&ringing_invite, wss(1));
    bench.answer(&ringing_invite, 180, wss(1));
    let accepted_invite = request("INVITE", "z9hG4bK3");
    let accepted = bench.request(&accepted_invite, wss(1));
    bench.answer(&accepted_invite, 200, wss(1));
    let elsewhere = bench.request(&request("INVITE", "z9hG4bK4"), wss(2));
    let (served, _) = bench.serve(&request("MESSAGE", "z9hG4bK5"), wss(1));
    bench.layer.flow_closed(bench.now(), FlowId(1));
    assert_eq!(
        bench.events(),
        [
            Event::Failed { key: waiting },
            Event::Failed { key: ringing },
            Event::ClientDone { key: accepted },
            Event::ServerDone { key: served },
        ]
    );
    assert_eq!(bench.layer.len(), 1);
    bench.layer.flow_closed(bench.now(), FlowId(2));
    assert_eq!(bench.events(), [Event::Failed { key: elsewhere }]);
}

#[test]
fn a_response_finds_the_tcp_client_again_after_its_connection_closed() {
    let mut bench = Bench::new();
    let (key, message) = bench.serve(&request("MESSAGE", "z9hG4bK1"), tcp());
    bench.layer.flow_closed(bench.now(), FlowId(3));
    assert_eq!(bench.events(), []);
    bench.respond(key, &message, 200);
    let [(to, _)] = &bench.sent_to()[..] else { panic!() };
    assert_eq!(*to, Peer::new(Transport::Tcp, "192.0.2.7:5060".parse().unwrap()));
}

#[test]
fn a_response_that_could_not_be_sent_is_tried_once_more_on_a_new_connection() {
    let mut bench = Bench::new();
    let (key, invite) = bench.serve(&request("INVITE", "z9hG4bK1"), tcp());
    bench.respond(key, &invite, 486);
    bench.sent();
    bench.layer.send_failed(bench.now(), tcp());
    let listener = Peer::new(Transport::Tcp, "192.0.2.7:5060".parse().unwrap());
    let [(to, _)] = &bench.sent_to()[..] else { panic!() };
    assert_eq!(*to, listener);
    assert_eq!(bench.events(), []);
    bench.layer.send_failed(bench.now(), listener);
    assert_eq!(bench.events(), [Event::ServerDone { key }]);
    assert!(bench.layer.is_empty());
}
