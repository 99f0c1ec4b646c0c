//! A packet, and what it has to do with a record.

use std::net::{Ipv4Addr, SocketAddr};

use crate::record::{Direction, Leg, Record};

/// Values of the protocol type chunk.
pub mod protocol {
    /// SIP.
    pub const SIP: u8 = 1;
    /// A line of a log.
    pub const LOG: u8 = 100;
}

/// IP protocol numbers.
pub mod transport {
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
}

/// What one HEPv3 packet says.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// The IP protocol that the message went over.
    pub transport: u8,
    /// Who sent the message; the unspecified address when nobody knows.
    pub source: SocketAddr,
    /// Who received it.
    pub destination: SocketAddr,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time_us: u64,
    /// What the payload is: one of [`protocol`] or another's.
    pub protocol: u8,
    /// The capture agent's number.
    pub agent: u32,
    /// What the collector knows the agent by.
    pub auth_key: Option<Vec<u8>>,
    /// What ties packets together; for SIP the Call-ID.
    pub correlation: Option<String>,
    /// The node's name.
    pub node: Option<String>,
    /// What only our own nodes say.
    pub own: Option<Own>,
    /// The message.
    pub payload: Vec<u8>,
}

/// The chunks of our own vendor number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Which way the message went, from the node's side.
    pub direction: Direction,
    /// What it travelled over.
    pub leg: Leg,
    /// The node at the other end, as far as the sender knew it.
    pub peer: String,
    /// The summary line.
    pub summary: String,
    /// The identity that it is about.
    pub subject: Option<String>,
    /// The trace context.
    pub trace_id: Option<String>,
}

impl Packet {
    /// The packet that reports `record`, from the capture agent `agent`.
    pub fn of(record: &Record, agent: u32, auth_key: Option<&[u8]>) -> Self {
        let (source, destination) = match record.direction {
            Direction::Out => (record.local, record.remote),
            Direction::In => (record.remote, record.local),
        };
        let (source, destination) = match source.zip(destination) {
            Some((source, destination)) => (canonical(source), canonical(destination)),
            None => (NOBODY, NOBODY),
        };
        // One family chunk speaks for both.
        let (source, destination) =
            if source.is_ipv4() == destination.is_ipv4() { (source, destination) } else { (NOBODY, NOBODY) };
        let is_sip = matches!(record.leg, Leg::Wss | Leg::Udp | Leg::Tcp);
        Self {
            transport: if record.leg == Leg::Udp { transport::UDP } else { transport::TCP },
            source,
            destination,
            time_us: record.time_us,
            protocol: if is_sip { protocol::SIP } else { protocol::LOG },
            agent,
            auth_key: auth_key.map(<[u8]>::to_vec),
            correlation: record.call_id.clone(),
            node: Some(record.node.clone()),
            own: Some(Own {
                direction: record.direction,
                leg: record.leg,
                peer: record.peer.clone(),
                summary: record.summary.clone(),
                subject: record.subject.clone(),
                trace_id: record.trace_id.clone(),
            }),
            payload: record.text.clone().into_bytes(),
        }
    }

    /// Both ends, the sender first, when they are known.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let known = |addr: SocketAddr| !addr.ip().is_unspecified();
        (known(self.source) && known(self.destination)).then_some((self.source, self.destination))
    }
}

/// Hides the key and the payload.
impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("agent", &self.agent)
            .field("node", &self.node)
            .field("protocol", &self.protocol)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}

const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
