//! Records as a packet capture that Wireshark opens (pcapng, draft-ietf-opsawg-pcapng).
//!
//! The capture is made up from the records: real addresses, but synthetic Ethernet, IP, UDP and TCP
//! around what the nodes saw behind TLS. A wss connection is shown decrypted: TCP, its upgrade, then
//! WebSocket frames. Cx is JSON-like text between two modules of one program, not Diameter; it goes as
//! exported PDUs on an interface of its own. Each packet has a comment that names its nodes and step.

mod block;
mod frame;
mod http;
mod stream;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::hops::{Hop, hops};
use crate::ladder::label;
use crate::record::{Direction, Leg, Record};
use block::Blocks;
use frame::Ends;
use stream::{Stream, websocket};

/// Where Ethernet frames go.
const NETWORK: u32 = 0;
/// Where Cx goes.
const CX: u32 = 1;
/// LINKTYPE_ETHERNET
const ETHERNET: u16 = 1;
/// LINKTYPE_WIRESHARK_UPPER_PDU
const UPPER_PDU: u16 = 252;

/// A capture of `records`, oldest first. A message that both its ends recorded is in it once.
pub fn encode<R: Borrow<Record>>(records: &[R]) -> Vec<u8> {
    let mut capture = Capture::new();
    for hop in hops(records) {
        capture.add(&hop);
    }
    capture.blocks.finish()
}

struct Capture<'a> {
    blocks: Blocks,
    streams: HashMap<(SocketAddr, SocketAddr), Stream>,
    /// In the order in which they turned up: the last octet of their addresses.
    nodes: Vec<&'a str>,
}

impl<'a> Capture<'a> {
    fn new() -> Self {
        let mut blocks = Blocks::begin("webrtc-ims", "Made from a trace; TLS is left out, framing is synthetic.");
        blocks.interface(ETHERNET, "nodes");
        blocks.interface(UPPER_PDU, "Cx");
        Self { blocks, streams: HashMap::new(), nodes: Vec::new() }
    }

    fn add(&mut self, hop: &Hop<'a>) {
        let comment = comment(hop);
        let ends = self.ends(hop);
        let record = hop.record;
        match record.leg {
            Leg::Cx => self.packet(CX, record, &frame::exported(&ends, "Cx", &record.text), &comment),
            Leg::Udp => self.packet(NETWORK, record, &frame::udp(&ends, record.text.as_bytes()), &comment),
            Leg::Tcp => self.stream(&ends, record, &comment, |_| record.text.clone().into_bytes()),
            Leg::Https => self.stream(&ends, record, &comment, |_| http::message(record, ends.to)),
            Leg::Upgrade => self.upgrade(&ends, record, &comment),
            Leg::Wss => self.websocket(hop, &ends, &comment),
        }
    }

    fn upgrade(&mut self, ends: &Ends, record: &Record, comment: &str) {
        self.stream(ends, record, comment, |stream| {
            let message = http::upgrade(record, ends.to);
            stream.upgraded |= message.starts_with(b"HTTP/1.1 101");
            message
        });
    }

    /// The selection may begin in the middle of a connection: then its upgrade is made up.
    fn websocket(&mut self, hop: &Hop<'_>, ends: &Ends, comment: &str) {
        let record = hop.record;
        let by_client = !hop.to.starts_with("wic");
        let (up, down) = if by_client { (*ends, ends.turned()) } else { (ends.turned(), *ends) };
        if !self.streams.get(&key(ends)).is_some_and(|stream| stream.upgraded) {
            let made_up = "made up: the trace's part begins after it";
            self.stream(&up, record, made_up, |_| http::upgrade_request(None, up.to));
            self.stream(&down, record, made_up, |stream| {
                stream.upgraded = true;
                http::SWITCHING.into()
            });
        }
        self.stream(ends, record, comment, |_| websocket(record.text.as_bytes(), by_client));
    }

    fn stream(&mut self, ends: &Ends, record: &Record, comment: &str, octets: impl FnOnce(&mut Stream) -> Vec<u8>) {
        let stream = self.streams.entry(key(ends)).or_insert_with(|| Stream::new(ends.from));
        let (blocks, mut comment) = (&mut self.blocks, comment);
        let opening = stream.opening(ends);
        for frame in opening {
            blocks.packet(NETWORK, record.time_us, &frame, "");
        }
        let octets = octets(stream);
        for frame in stream.send(ends, &octets) {
            blocks.packet(NETWORK, record.time_us, &frame, std::mem::take(&mut comment));
        }
    }

    fn packet(&mut self, interface: u32, record: &Record, frame: &[u8], comment: &str) {
        self.blocks.packet(interface, record.time_us, frame, comment);
    }

    fn ends(&mut self, hop: &Hop<'a>) -> Ends {
        let (from, to) = (self.number(hop.from), self.number(hop.to));
        let record = hop.record;
        let known = record.local.zip(record.remote).map(|(local, remote)| match record.direction {
            Direction::Out => (canonical(local), canonical(remote)),
            Direction::In => (canonical(remote), canonical(local)),
        });
        let (from_addr, to_addr) = match known.filter(|(a, b)| a.is_ipv4() == b.is_ipv4()) {
            Some(known) => known,
            None => made_up(record, from, to),
        };
        Ends { from: from_addr, to: to_addr, from_node: from, to_node: to }
    }

    fn number(&mut self, node: &'a str) -> u8 {
        let known = self.nodes.iter().position(|known| *known == node);
        let at = known.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        });
        u8::try_from(at + 1).unwrap_or(u8::MAX)
    }
}

/// A connection, whichever way.
fn key(ends: &Ends) -> (SocketAddr, SocketAddr) {
    (ends.from.min(ends.to), ends.from.max(ends.to))
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Addresses of the documentation's network (RFC 5737) for ends that the record does not name.
fn made_up(record: &Record, from: u8, to: u8) -> (SocketAddr, SocketAddr) {
    let at = |node: u8, port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, node)), port);
    let client = |node: u8| 49_152 + u16::from(node);
    match record.leg {
        // Who asks is the client, over all its exchanges.
        Leg::Https | Leg::Upgrade | Leg::Wss => match record.summary.as_bytes() {
            [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9', ..] => (at(from, 8443), at(to, client(to))),
            _ => (at(from, client(from)), at(to, 8443)),
        },
        Leg::Udp | Leg::Tcp => (at(from, 5060), at(to, 5060)),
        Leg::Cx => (at(from, 3868), at(to, 3868)),
    }
}

fn comment(hop: &Hop<'_>) -> String {
    let mut comment = format!("{} → {}", label(hop.from), label(hop.to));
    let Record { leg, summary, scenario, step, procedure, .. } = hop.record;
    if *leg == Leg::Cx {
        // Wireshark sums up what it dissects; of Cx it sees lines of text.
        comment += &format!(": {summary}");
    }
    match (scenario, step) {
        (Some(flow), Some(step)) => comment += &format!(", flow {flow} step {step}"),
        (None, Some(step)) => comment += &format!(", step {step}"),
        _ => comment += &procedure.map(|procedure| format!(", {}", procedure.name())).unwrap_or_default(),
    }
    if hop.failed {
        comment += ", failed";
    }
    comment
}
