//! Who reports, and the records that their packets become.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use subtle::ConstantTimeEq;

use super::decode::{Malformed, decode};
use super::packet::{Packet, protocol, transport};
use crate::record::{Direction, Leg, Record};
use crate::redact::redact;
use crate::steps;

/// How many agents are told apart, and how many addresses of each are counted.
const MAX_AGENTS: usize = 256;
const MAX_ADDRESSES: usize = 64;

/// The agents that report to one collector.
#[derive(Default)]
pub struct Agents {
    auth_key: Option<Vec<u8>>,
    names: HashMap<u32, String>,
    seen: HashMap<(IpAddr, u32), Addresses>,
}

/// How often an agent was one of the ends, by address.
#[derive(Debug, Default)]
struct Addresses(Vec<(SocketAddr, u64)>);

/// Why a packet becomes no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It lacks the key, or has another.
    #[error("the packet has not the collector's key")]
    AuthKey,
    /// RTCP, statistics and other things that are no messages.
    #[error("protocol type {0} is no message of a flow")]
    Protocol(u8),
    /// Too many agents.
    #[error("more agents report than are told apart")]
    TooMany,
}

impl Agents {
    /// Agents that have to know `auth_key`, if there is one. `names` are those of nodes by the number
    /// of their agent; it wins over the name that a packet brings.
    pub fn new(auth_key: Option<Vec<u8>>, names: HashMap<u32, String>) -> Self {
        Self { auth_key, names, seen: HashMap::new() }
    }

    /// The record that a datagram from `from` reports. A token that a foreign node lets through is left
    /// out, as in all records.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn receive(&mut self, from: IpAddr, datagram: &[u8]) -> Result<Record, Refused> {
        let packet = decode(datagram)?;
        if let Some(key) = &self.auth_key
            && !bool::from(packet.auth_key.as_deref().unwrap_or_default().ct_eq(key))
        {
            return Err(Refused::AuthKey);
        }
        let node = match self.names.get(&packet.agent).or(packet.node.as_ref()) {
            Some(name) => name.clone(),
            None => format!("agent-{}", packet.agent),
        };
        match &packet.own {
            Some(_) => Ok(own(node, packet)),
            None => self.foreign(from, node, &packet),
        }
    }

    /// A message of somebody else's node. HEP does not say which of the ends that is: it is the
    /// address that most of its packets have.
    fn foreign(&mut self, from: IpAddr, node: String, packet: &Packet) -> Result<Record, Refused> {
        if packet.protocol != protocol::SIP {
            return Err(Refused::Protocol(packet.protocol));
        }
        let ends = packet.ends();
        let direction = match ends {
            Some((source, destination)) => self.direction((from, packet.agent), source, destination)?,
            None => Direction::In,
        };
        let (local, remote) = match (direction, ends) {
            (_, None) => (None, None),
            (Direction::Out, Some((source, destination))) => (Some(source), Some(destination)),
            (Direction::In, Some((source, destination))) => (Some(destination), Some(source)),
        };
        let text = String::from_utf8_lossy(&packet.payload);
        let text = redact(&text).into_owned();
        let leg = if packet.transport == transport::UDP { Leg::Udp } else { Leg::Tcp };
        Ok(steps::sip(Record { node, direction, leg, local, remote, ..blank(packet.time_us) }, text))
    }

    fn direction(
        &mut self,
        agent: (IpAddr, u32),
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Result<Direction, Refused> {
        if self.seen.len() >= MAX_AGENTS && !self.seen.contains_key(&agent) {
            return Err(Refused::TooMany);
        }
        let addresses = self.seen.entry(agent).or_default();
        let (to, by) = (addresses.count(destination), addresses.count(source));
        // Of its first message a server is the receiver: as long as counts tell nothing, that does.
        let is_sender = by > to || by == to && addresses.first_of(source, destination) == Some(source);
        Ok(if is_sender { Direction::Out } else { Direction::In })
    }
}

impl Addresses {
    fn count(&mut self, addr: SocketAddr) -> u64 {
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| *known == addr) {
            *count += 1;
            return *count;
        }
        if self.0.len() == MAX_ADDRESSES {
            // A client of one moment makes room, never the server's own address.
            if let Some(rarest) = self.0.iter().enumerate().min_by_key(|(_, (_, count))| *count).map(|(at, _)| at) {
                self.0.swap_remove(rarest);
            }
        }
        self.0.push((addr, 1));
        1
    }

    fn first_of(&self, a: SocketAddr, b: SocketAddr) -> Option<SocketAddr> {
        self.0.iter().map(|(addr, _)| *addr).find(|addr| [a, b].contains(addr))
    }
}

/// A message of a node of ours that runs in another process.
fn own(node: String, packet: Packet) -> Record {
    let ends = packet.ends();
    let (payload, time_us) = (String::from_utf8_lossy(&packet.payload).into_owned(), packet.time_us);
    let Some(said) = packet.own else { return Record { node, text: payload, ..blank(time_us) } };
    let (local, remote) = match (said.direction, ends) {
        (_, None) => (None, None),
        (Direction::Out, Some((source, destination))) => (Some(source), Some(destination)),
        (Direction::In, Some((source, destination))) => (Some(destination), Some(source)),
    };
    Record {
        node,
        peer: said.peer,
        direction: said.direction,
        leg: said.leg,
        local,
        remote,
        summary: said.summary,
        call_id: packet.correlation,
        subject: said.subject,
        trace_id: said.trace_id,
        text: redact(&payload).into_owned(),
        ..blank(time_us)
    }
}

fn blank(time_us: u64) -> Record {
    Record::blank(time_us, "", Direction::In, "", Leg::Udp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hep::encode;
    use crate::sample;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn addr(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    fn foreign(source: &str, destination: &str, text: &str) -> Vec<u8> {
        let packet = Packet {
            transport: transport::UDP,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            time_us: 5_000_001,
            protocol: protocol::SIP,
            agent: 2001,
            auth_key: Some(b"key".to_vec()),
            correlation: None,
            node: None,
            own: None,
            payload: text.as_bytes().to_vec(),
        };
        encode(&packet).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_was_sent() {
        let text = "REGISTER sip:ims.example SIP/2.0\r\nTo: <sip:a@x>\r\nCall-ID: c\r\n\r\n";
        let mut sent = sample::sip("epcscf", Direction::Out, "icscf", Leg::Udp, text);
        (sent.local, sent.remote) = (addr("127.0.0.1:5060"), addr("127.0.0.1:5070"));
        let cx = Record { subject: Some("sip:a@x".into()), ..sample::cx("hss", Direction::In, "icscf", "UAR") };
        let https = Record { trace_id: Some("ab".into()), ..sample::http("wwsf", Direction::Out, "200 /") };
        let mut v6 = https.clone();
        (v6.local, v6.remote) = (addr("[::1]:8443"), addr("[::1]:50000"));
        let mut agents = Agents::default();
        for record in [sent, cx, https, v6] {
            let octets = encode(&Packet::of(&record, 1, None)).unwrap();
            let received = agents.receive(LOOPBACK, &octets).unwrap();
            assert_eq!(received, Record { seq: 0, ..record });
        }
    }

    #[test]
    fn a_foreign_server_is_the_end_that_most_of_its_packets_have() {
        let mut agents = Agents::new(Some(b"key".to_vec()), HashMap::from([(2001, "sbc".into())]));
        let mut seen = |from: &str, to: &str, text: &str| {
            let record = agents.receive(LOOPBACK, &foreign(from, to, text)).unwrap();
            (record.node, record.direction, record.summary)
        };
        let invite = "INVITE sip:b@x SIP/2.0\r\nCall-ID: c\r\n\r\n";
        let (sbc, a, b) = ("192.0.2.9:5060", "192.0.2.1:5060", "192.0.2.2:5060");
        assert_eq!(seen(a, sbc, invite), ("sbc".into(), Direction::In, "INVITE sip:b@x".into()));
        assert_eq!(seen(sbc, b, invite).1, Direction::Out);
        assert_eq!(seen(b, sbc, "SIP/2.0 200 OK\r\n\r\n").1, Direction::In);
        assert_eq!(seen(sbc, a, "SIP/2.0 200 OK\r\n\r\n"), ("sbc".into(), Direction::Out, "200 OK".into()));
    }

    #[test]
    fn a_foreign_servers_first_answer_is_its_own() {
        let mut agents = Agents::new(Some(b"key".to_vec()), HashMap::new());
        let (server, client) = ("192.0.2.9:5060", "192.0.2.1:5060");
        let invite = "INVITE sip:b@x SIP/2.0\r\nCall-ID: c\r\n\r\n";
        let asked = agents.receive(LOOPBACK, &foreign(client, server, invite)).unwrap();
        let answered = agents.receive(LOOPBACK, &foreign(server, client, "SIP/2.0 200 OK\r\n\r\n")).unwrap();
        assert_eq!((asked.direction, asked.local), (Direction::In, server.parse().ok()));
        assert_eq!((answered.direction, answered.local), (Direction::Out, server.parse().ok()));
    }

    #[test]
    fn a_token_that_a_foreign_server_lets_through_is_left_out() {
        let text = "REGISTER sip:x SIP/2.0\r\nAuthorization: Bearer eyJh.eyJi.sig\r\nCall-ID: c\r\n\r\n";
        let mut agents = Agents::default();
        let record = agents.receive(LOOPBACK, &foreign("192.0.2.1:1", "192.0.2.2:2", text)).unwrap();
        assert!(!record.text.contains("eyJ"), "{}", record.text);
        assert_eq!(record.node, "agent-2001");
    }

    #[test]
    fn a_packet_without_the_key_is_refused() {
        let mut agents = Agents::new(Some(b"other".to_vec()), HashMap::new());
        let refused = agents.receive(LOOPBACK, &foreign("192.0.2.1:1", "192.0.2.2:2", "x"));
        assert_eq!(refused, Err(Refused::AuthKey));
        assert_eq!(agents.receive(LOOPBACK, b"HEP2"), Err(Refused::Malformed(Malformed::Magic)));
    }

    #[test]
    fn no_more_agents_and_addresses_are_remembered_than_there_is_room_for() {
        let mut agents = Agents::default();
        let packet = |port: u16| foreign(&format!("192.0.2.1:{port}"), "192.0.2.2:5060", "x");
        for port in 1..1000 {
            let record = agents.receive(LOOPBACK, &packet(port)).unwrap();
            assert_eq!(record.direction, Direction::In, "{port}");
        }
        assert!(agents.seen.values().all(|addresses| addresses.0.len() <= MAX_ADDRESSES));
        for n in 0..1000u32 {
            let _ = agents.receive(IpAddr::V4(n.into()), &packet(1));
        }
        assert_eq!(agents.seen.len(), MAX_AGENTS);
    }
}
