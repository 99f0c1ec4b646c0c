//! Ethernet, IP, UDP and TCP around octets.

use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const TCP: u8 = 6;

/// The most octets of payload in one packet: what an IP packet of 65 535 has room for.
pub(super) const MAX_PAYLOAD: usize = 65_535 - 40 - 20;

/// Who sends a packet to whom: addresses of one family, and the nodes' numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) from_node: u8,
    pub(super) to_node: u8,
}

impl Ends {
    /// The way back.
    pub(super) fn turned(&self) -> Self {
        Self { from: self.to, to: self.from, from_node: self.to_node, to_node: self.from_node }
    }
}

/// Where a TCP segment stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
}

/// TCP's flags.
pub(super) mod flags {
    pub(in crate::pcapng) const SYN: u8 = 0x02;
    pub(in crate::pcapng) const PSH: u8 = 0x08;
    pub(in crate::pcapng) const ACK: u8 = 0x10;
}

/// A datagram; more than one has room for is cut off.
pub(super) fn udp(ends: &Ends, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    let mut transport = Vec::with_capacity(8 + payload.len());
    transport.extend_from_slice(&ends.from.port().to_be_bytes());
    transport.extend_from_slice(&ends.to.port().to_be_bytes());
    transport.extend_from_slice(&length(8 + payload.len()));
    transport.extend_from_slice(&[0, 0]);
    transport.extend_from_slice(payload);
    packet(ends, UDP, 6, transport)
}

/// A TCP segment.
pub(super) fn tcp(ends: &Ends, segment: Segment, payload: &[u8]) -> Vec<u8> {
    let mut transport = Vec::with_capacity(20 + payload.len());
    transport.extend_from_slice(&ends.from.port().to_be_bytes());
    transport.extend_from_slice(&ends.to.port().to_be_bytes());
    transport.extend_from_slice(&segment.sequence.to_be_bytes());
    transport.extend_from_slice(&segment.acknowledged.to_be_bytes());
    // Header of five words, window, no checksum yet, no urgent data.
    transport.extend_from_slice(&[5 << 4, segment.flags, 0xff, 0xff, 0, 0, 0, 0]);
    transport.extend_from_slice(payload);
    packet(ends, TCP, 16, transport)
}

/// An exported PDU: who sent text to whom, to be shown as lines of `protocol`.
pub(super) fn exported(ends: &Ends, protocol: &str, text: &str) -> Vec<u8> {
    const DISSECTOR: u16 = 12;
    const IPV4: [u16; 2] = [20, 21];
    const IPV6: [u16; 2] = [22, 23];
    const PROTOCOL: u16 = 33;
    let mut octets = Vec::with_capacity(text.len() + 64);
    let mut tag = |kind: u16, value: &[u8]| {
        let padded = value.len().next_multiple_of(4);
        octets.extend_from_slice(&kind.to_be_bytes());
        octets.extend_from_slice(&length(padded));
        octets.extend_from_slice(value);
        octets.resize(octets.len() + padded - value.len(), 0);
    };
    tag(DISSECTOR, b"data-text-lines");
    for (at, addr) in [ends.from, ends.to].into_iter().enumerate() {
        match addr.ip() {
            IpAddr::V4(ip) => tag(if at == 0 { IPV4[0] } else { IPV4[1] }, &ip.octets()),
            IpAddr::V6(ip) => tag(if at == 0 { IPV6[0] } else { IPV6[1] }, &ip.octets()),
        }
    }
    tag(PROTOCOL, protocol.as_bytes());
    tag(0, b"");
    octets.extend_from_slice(text.as_bytes());
    octets
}

fn packet(ends: &Ends, protocol: u8, checksum_at: usize, mut transport: Vec<u8>) -> Vec<u8> {
    let pseudo = pseudo_header(ends, protocol, transport.len());
    let sum = match checksum(&[&pseudo, &transport]) {
        // RFC 768: 0 means that there is none.
        0 if protocol == UDP => 0xffff,
        sum => sum,
    };
    if let Some(place) = transport.get_mut(checksum_at..checksum_at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    let mut frame = Vec::with_capacity(14 + 40 + transport.len());
    frame.extend_from_slice(&mac(ends.to_node));
    frame.extend_from_slice(&mac(ends.from_node));
    match (ends.from.ip(), ends.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend_from_slice(&[0x08, 0x00]);
            let mut header = vec![0x45, 0];
            header.extend_from_slice(&length(20 + transport.len()));
            // No identification, don't fragment, 64 hops.
            header.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            let sum = checksum(&[&header]).to_be_bytes();
            if let Some(place) = header.get_mut(10..12) {
                place.copy_from_slice(&sum);
            }
            frame.extend_from_slice(&header);
        }
        (from, to) => {
            frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend_from_slice(&length(transport.len()));
            frame.extend_from_slice(&[protocol, 64]);
            frame.extend_from_slice(&v6(from));
            frame.extend_from_slice(&v6(to));
        }
    }
    frame.extend_from_slice(&transport);
    frame
}

/// A locally administered address for each node.
fn mac(node: u8) -> [u8; 6] {
    [0x02, 0, 0, 0, 0, node]
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn length(octets: usize) -> [u8; 2] {
    u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes()
}

/// RFC 768 and RFC 8200 §8.1.
fn pseudo_header(ends: &Ends, protocol: u8, octets: usize) -> Vec<u8> {
    let mut pseudo = Vec::with_capacity(40);
    match (ends.from.ip(), ends.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            pseudo.extend_from_slice(&from.octets());
            pseudo.extend_from_slice(&to.octets());
            pseudo.extend_from_slice(&[0, protocol]);
            pseudo.extend_from_slice(&length(octets));
        }
        (from, to) => {
            pseudo.extend_from_slice(&v6(from));
            pseudo.extend_from_slice(&v6(to));
            pseudo.extend_from_slice(&u32::try_from(octets).unwrap_or(u32::MAX).to_be_bytes());
            pseudo.extend_from_slice(&[0, 0, 0, protocol]);
        }
    }
    pseudo
}

/// The internet checksum (RFC 1071) over parts, of which all but the last are even.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            let high = pair.first().copied().unwrap_or_default();
            let low = pair.get(1).copied().unwrap_or_default();
            sum += u64::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(checksum(&[&[0xab]]), !0xab00);
    }
}
