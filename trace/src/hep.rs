//! HEPv3, the Homer Encapsulation Protocol: how nodes of other processes report what they saw, and how
//! a SIP server of others shows up as one more node.
//!
//! A packet is `HEP3`, its length, and chunks of vendor, type, length and value. The generic chunks
//! (vendor 0) say addresses, time, protocol, capture agent and payload, so that any collector can
//! show our SIP. What HEP has no chunk for goes in chunks of our own vendor number, which others pass
//! over:
//!
//! | chunk | holds |
//! |---|---|
//! | 0x0001 | direction: 0 received, 1 sent |
//! | 0x0002 | leg: `https`, `upgrade`, `wss`, `udp`, `tcp`, `cx` |
//! | 0x0003 | the node at the other end |
//! | 0x0004 | the summary line |
//! | 0x0005 | the identity that it is about |
//! | 0x0006 | the W3C trace id |
//!
//! SIP on any transport has protocol type 1. HTTP, upgrades and Cx have 100, which collectors take as a
//! line of a log. The node's name is chunk 0x0013, as captagent and heplify send it.
//!
//! Everything here is without I/O; the testbed has the sockets.

mod agents;
mod decode;
mod encode;
mod packet;

pub use agents::{Agents, Refused};
pub use decode::{Malformed, decode};
pub use encode::{TooLong, encode};
pub use packet::{Own, Packet, protocol, transport};

/// The vendor number of our own chunks. Nobody registers them; those in use are small.
pub const VENDOR: u16 = 0x5749;

const MAGIC: &[u8; 4] = b"HEP3";
/// Vendor, type, length.
const CHUNK_HEAD: usize = 6;
/// What a UDP datagram over IPv4 has room for.
const MAX_LENGTH: usize = 65_507;

/// The types of the generic chunks.
mod generic {
    pub(super) const FAMILY: u16 = 1;
    pub(super) const TRANSPORT: u16 = 2;
    pub(super) const IPV4_SOURCE: u16 = 3;
    pub(super) const IPV4_DESTINATION: u16 = 4;
    pub(super) const IPV6_SOURCE: u16 = 5;
    pub(super) const IPV6_DESTINATION: u16 = 6;
    pub(super) const SOURCE_PORT: u16 = 7;
    pub(super) const DESTINATION_PORT: u16 = 8;
    pub(super) const SECONDS: u16 = 9;
    pub(super) const MICROSECONDS: u16 = 10;
    pub(super) const PROTOCOL: u16 = 11;
    pub(super) const AGENT: u16 = 12;
    pub(super) const AUTH_KEY: u16 = 14;
    pub(super) const PAYLOAD: u16 = 15;
    pub(super) const COMPRESSED_PAYLOAD: u16 = 16;
    pub(super) const CORRELATION: u16 = 17;
    pub(super) const NODE: u16 = 19;

    /// `AF_INET` and `AF_INET6` as Linux numbers them.
    pub(super) const INET: u8 = 2;
    pub(super) const INET6: u8 = 10;
}

/// The types of our own chunks.
mod own {
    pub(super) const DIRECTION: u16 = 1;
    pub(super) const LEG: u16 = 2;
    pub(super) const PEER: u16 = 3;
    pub(super) const SUMMARY: u16 = 4;
    pub(super) const SUBJECT: u16 = 5;
    pub(super) const TRACE_ID: u16 = 6;
}
