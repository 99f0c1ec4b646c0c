//! TCP connections, and WebSocket frames on them.

use std::net::SocketAddr;

use super::frame::{Ends, Segment, flags, tcp};

/// The most octets in one segment: nearly what an IP packet has room for, since SIP over TCP reads best
/// in one piece.
const SEGMENT: usize = 65_000;
/// That of RFC 6455 §5.7: a key that shows that there is masking, since nothing is to be hidden.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One connection.
pub(super) struct Stream {
    /// The end that opened it.
    client: SocketAddr,
    opened: bool,
    /// The next sequence numbers, the client's first.
    next: [u32; 2],
    /// Whether it is a WebSocket by now.
    pub(super) upgraded: bool,
}

impl Stream {
    /// A connection that `client` opens.
    pub(super) fn new(client: SocketAddr) -> Self {
        Self { client, opened: false, next: [1_000, 5_000], upgraded: false }
    }

    /// The three-way handshake, once.
    pub(super) fn opening(&mut self, ends: &Ends) -> Vec<Vec<u8>> {
        if std::mem::replace(&mut self.opened, true) {
            return Vec::new();
        }
        let (up, down) = (*ends, ends.turned());
        let [client, server] = self.next;
        self.next = [client + 1, server + 1];
        let segment = |sequence, acknowledged, flags| Segment { sequence, acknowledged, flags };
        vec![
            tcp(&up, segment(client, 0, flags::SYN), &[]),
            tcp(&down, segment(server, client + 1, flags::SYN | flags::ACK), &[]),
            tcp(&up, segment(client + 1, server + 1, flags::ACK), &[]),
        ]
    }

    /// Octets from one end to the other, in as many segments as they need.
    pub(super) fn send(&mut self, ends: &Ends, octets: &[u8]) -> Vec<Vec<u8>> {
        let [client, server] = &mut self.next;
        let (own, other) = if ends.from == self.client { (client, server) } else { (server, client) };
        octets
            .chunks(SEGMENT)
            .map(|chunk| {
                let segment = Segment { sequence: *own, acknowledged: *other, flags: flags::PSH | flags::ACK };
                *own = own.wrapping_add(u32::try_from(chunk.len()).unwrap_or_default());
                tcp(ends, segment, chunk)
            })
            .collect()
    }
}

/// One text frame (RFC 6455 §5.2); a client's is masked.
pub(super) fn websocket(payload: &[u8], by_client: bool) -> Vec<u8> {
    let mask_bit = if by_client { 0x80 } else { 0 };
    let mut frame = vec![0x81];
    match payload.len() {
        length @ 0..=125 => frame.push(mask_bit | u8::try_from(length).unwrap_or_default()),
        length => match u16::try_from(length) {
            Ok(length) => {
                frame.push(mask_bit | 126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                frame.push(mask_bit | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        },
    }
    if by_client {
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, key)| octet ^ key));
    } else {
        frame.extend_from_slice(payload);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6455 §5.7.
    #[test]
    fn frames_are_those_of_rfc_6455() {
        assert_eq!(websocket(b"Hello", false), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(websocket(b"Hello", true), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert_eq!(websocket(&[0; 256], false).get(..4), Some(&[0x81, 0x7e, 0x01, 0x00][..]));
        assert_eq!(websocket(&[0; 65536], false).get(..10), Some(&[0x81, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..]));
    }
}
