//! RFC 3261 §18.2, RFC 3581: where a response goes, and what the Via learns on the way in.

use crate::bench::{Bench, request};
use sip::headers::Via;
use sip::{FlowId, HeaderName, Peer, Transport};

struct Case {
    via: &'static str,
    from: Peer,
    /// The topmost Via that the user sees.
    seen: &'static str,
    to: &'static str,
}

fn udp(addr: &str) -> Peer {
    Peer::new(Transport::Udp, addr.parse().unwrap())
}

fn flow(transport: Transport) -> Peer {
    Peer::on_flow(transport, "192.0.2.9:4444".parse().unwrap(), FlowId(8))
}

#[test]
fn a_response_goes_where_the_request_came_from() {
    let cases = [
        Case {
            via: "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
            to: "UDP/192.0.2.9:5060",
        },
        Case {
            via: "SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1",
            to: "UDP/192.0.2.9:5066",
        },
        Case {
            via: "SIP/2.0/UDP edge.example:5066;branch=z9hG4bK1",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP edge.example:5066;branch=z9hG4bK1;received=192.0.2.9",
            to: "UDP/192.0.2.9:5066",
        },
        Case {
            via: "SIP/2.0/UDP 10.0.0.1:5066;rport;branch=z9hG4bK1",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP 10.0.0.1:5066;rport=4444;branch=z9hG4bK1;received=192.0.2.9",
            to: "UDP/192.0.2.9:4444",
        },
        Case {
            via: "SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1;received=198.51.100.1;rport=99",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1;received=192.0.2.9;rport=4444",
            to: "UDP/192.0.2.9:4444",
        },
        Case {
            via: "SIP/2.0/UDP [2001:db8::9]:5066;branch=z9hG4bK1",
            from: udp("[2001:db8::9]:4444"),
            seen: "SIP/2.0/UDP [2001:db8::9]:5066;branch=z9hG4bK1",
            to: "UDP/[2001:db8::9]:5066",
        },
        Case {
            via: "SIP/2.0/TCP edge.example;branch=z9hG4bK1",
            from: flow(Transport::Tcp),
            seen: "SIP/2.0/TCP edge.example;branch=z9hG4bK1;received=192.0.2.9",
            to: "TCP/192.0.2.9:4444",
        },
        Case {
            via: "SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK1",
            from: flow(Transport::Wss),
            seen: "SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK1",
            to: "WSS/192.0.2.9:4444",
        },
        Case {
            via: "SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK1;rport",
            from: flow(Transport::Wss),
            seen: "SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK1;rport=4444;received=192.0.2.9",
            to: "WSS/192.0.2.9:4444",
        },
        Case {
            via: "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;maddr=203.0.113.1",
            from: udp("192.0.2.9:4444"),
            seen: "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;maddr=203.0.113.1",
            to: "UDP/192.0.2.9:5060",
        },
    ];
    for case in cases {
        let mut bench = Bench::new();
        let mut message = request("MESSAGE", "x");
        message.headers.set(HeaderName::Via, case.via);
        message.headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbelow");
        let (key, seen) = bench.serve(&message, case.from);
        assert_eq!(seen.via().unwrap().to_string(), case.seen);
        assert_eq!(seen.headers.all::<Via>().unwrap().len(), 2, "{}", case.via);
        bench.respond(key, &seen, 200);
        let [(to, _)] = &bench.sent_to()[..] else { panic!() };
        assert_eq!(to.to_string(), case.to, "{}", case.via);
        assert_eq!(to.flow, case.from.flow);
    }
}

#[test]
fn a_via_that_shares_its_line_with_others_is_annotated_alone() {
    let mut bench = Bench::new();
    let mut message = request("MESSAGE", "x");
    message
        .headers
        .set(HeaderName::Via, "SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP/2.0/UDP b.example;branch=z9hG4bK2");
    let (_, seen) = bench.serve(&message, udp("192.0.2.9:4444"));
    let vias: Vec<String> = seen.headers.all::<Via>().unwrap().iter().map(Via::to_string).collect();
    assert_eq!(
        vias,
        ["SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.9", "SIP/2.0/UDP b.example;branch=z9hG4bK2"]
    );
}
