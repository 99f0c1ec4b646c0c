//! Packets to octets.

use std::net::IpAddr;

use super::packet::Packet;
use super::{CHUNK_HEAD, MAGIC, MAX_LENGTH, VENDOR, generic, own};
use crate::record::Direction;

/// A packet has no room for its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a HEP packet of {0} octets does not fit in a datagram")]
pub struct TooLong(pub usize);

/// The packet as it is sent.
///
/// # Errors
/// [`TooLong`] when it does not fit in a UDP datagram.
pub fn encode(packet: &Packet) -> Result<Vec<u8>, TooLong> {
    let mut out = Chunks(Vec::with_capacity(256 + packet.payload.len()));
    out.0.extend_from_slice(MAGIC);
    out.0.extend_from_slice(&[0, 0]);
    out.generic(generic::FAMILY, &[if packet.source.is_ipv4() { generic::INET } else { generic::INET6 }]);
    out.generic(generic::TRANSPORT, &[packet.transport]);
    out.address(packet.source.ip(), generic::IPV4_SOURCE, generic::IPV6_SOURCE);
    out.address(packet.destination.ip(), generic::IPV4_DESTINATION, generic::IPV6_DESTINATION);
    out.generic(generic::SOURCE_PORT, &packet.source.port().to_be_bytes());
    out.generic(generic::DESTINATION_PORT, &packet.destination.port().to_be_bytes());
    let seconds = u32::try_from(packet.time_us / 1_000_000).unwrap_or(u32::MAX);
    let microseconds = u32::try_from(packet.time_us % 1_000_000).unwrap_or_default();
    out.generic(generic::SECONDS, &seconds.to_be_bytes());
    out.generic(generic::MICROSECONDS, &microseconds.to_be_bytes());
    out.generic(generic::PROTOCOL, &[packet.protocol]);
    out.generic(generic::AGENT, &packet.agent.to_be_bytes());
    out.text(0, generic::NODE, packet.node.as_deref());
    out.text(0, generic::CORRELATION, packet.correlation.as_deref());
    if let Some(key) = &packet.auth_key {
        out.generic(generic::AUTH_KEY, key);
    }
    if let Some(said) = &packet.own {
        out.chunk(VENDOR, own::DIRECTION, &[u8::from(said.direction == Direction::Out)]);
        out.chunk(VENDOR, own::LEG, said.leg.as_str().as_bytes());
        out.text(VENDOR, own::PEER, Some(&said.peer));
        out.text(VENDOR, own::SUMMARY, Some(&said.summary));
        out.text(VENDOR, own::SUBJECT, said.subject.as_deref());
        out.text(VENDOR, own::TRACE_ID, said.trace_id.as_deref());
    }
    out.generic(generic::PAYLOAD, &packet.payload);
    out.finish()
}

struct Chunks(Vec<u8>);

impl Chunks {
    fn generic(&mut self, kind: u16, value: &[u8]) {
        self.chunk(0, kind, value);
    }

    /// A chunk longer than its length can say makes the packet too long, which [`Chunks::finish`] finds.
    fn chunk(&mut self, vendor: u16, kind: u16, value: &[u8]) {
        let length = u16::try_from(CHUNK_HEAD + value.len()).unwrap_or(u16::MAX);
        for number in [vendor, kind, length] {
            self.0.extend_from_slice(&number.to_be_bytes());
        }
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, vendor: u16, kind: u16, value: Option<&str>) {
        if let Some(value) = value {
            self.chunk(vendor, kind, value.as_bytes());
        }
    }

    fn address(&mut self, ip: IpAddr, v4: u16, v6: u16) {
        match ip {
            IpAddr::V4(ip) => self.generic(v4, &ip.octets()),
            IpAddr::V6(ip) => self.generic(v6, &ip.octets()),
        }
    }

    fn finish(mut self) -> Result<Vec<u8>, TooLong> {
        let length = self.0.len();
        let place = self.0.get_mut(4..6);
        match (place, u16::try_from(length)) {
            (Some(place), Ok(short)) if length <= MAX_LENGTH => {
                place.copy_from_slice(&short.to_be_bytes());
                Ok(self.0)
            }
            _ => Err(TooLong(length)),
        }
    }
}
