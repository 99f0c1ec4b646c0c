//! Octets to packets.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::packet::{Own, Packet};
use super::{CHUNK_HEAD, MAGIC, VENDOR, generic, own};
use crate::record::{Direction, Leg};

/// The most octets that a compressed payload may grow to.
const MAX_INFLATED: u64 = 256 * 1024;
/// The longest name, summary or identity that is taken.
const MAX_TEXT: usize = 1024;

/// Why octets are no HEPv3 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first four octets.
    #[error("not HEPv3")]
    Magic,
    /// The packet is shorter or longer than it says.
    #[error("the packet's length is not the one that it says")]
    Length,
    /// A chunk reaches out of the packet, or is shorter than its own head.
    #[error("a chunk's length is wrong")]
    ChunkLength,
    /// A chunk's value has the wrong size or is out of range.
    #[error("chunk {0} has a value that it can't have")]
    Value(u16),
    /// A chunk that no packet does without.
    #[error("chunk {0} is missing")]
    Missing(u16),
    /// Addresses of two families, or of another than the packet says.
    #[error("the addresses are not of the family that the packet names")]
    Family,
}

/// Reads one packet. Chunks of other vendors and unknown types are passed over; of a chunk that is
/// there twice the last counts.
///
/// # Errors
/// [`Malformed`] says which part.
pub fn decode(octets: &[u8]) -> Result<Packet, Malformed> {
    let (magic, rest) = octets.split_first_chunk::<4>().ok_or(Malformed::Magic)?;
    if magic != MAGIC {
        return Err(Malformed::Magic);
    }
    let (length, mut rest) = rest.split_first_chunk::<2>().ok_or(Malformed::Length)?;
    if usize::from(u16::from_be_bytes(*length)) != octets.len() {
        return Err(Malformed::Length);
    }
    let mut seen = Seen::default();
    while !rest.is_empty() {
        let (chunk, after) = Chunk::split(rest)?;
        match chunk.vendor {
            0 => seen.generic(&chunk)?,
            VENDOR => seen.own(&chunk)?,
            _ => {}
        }
        rest = after;
    }
    seen.packet()
}

struct Chunk<'a> {
    vendor: u16,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn split(octets: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let ([v1, v2, k1, k2, l1, l2], _) = octets.split_first_chunk::<CHUNK_HEAD>().ok_or(Malformed::ChunkLength)?;
        let length = usize::from(u16::from_be_bytes([*l1, *l2]));
        let (chunk, rest) = octets.split_at_checked(length).ok_or(Malformed::ChunkLength)?;
        let value = chunk.get(CHUNK_HEAD..).ok_or(Malformed::ChunkLength)?;
        Ok((Self { vendor: u16::from_be_bytes([*v1, *v2]), kind: u16::from_be_bytes([*k1, *k2]), value }, rest))
    }

    fn octets<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed::Value(self.kind))
    }

    fn text(&self) -> Result<String, Malformed> {
        let text = str::from_utf8(self.value).map_err(|_| Malformed::Value(self.kind))?;
        // Some senders count a terminating NUL in.
        let text = text.trim_end_matches('\0');
        let plain = text.len() <= MAX_TEXT && !text.contains(|c: char| c.is_control());
        if plain { Ok(text.to_owned()) } else { Err(Malformed::Value(self.kind)) }
    }
}

#[derive(Default)]
struct Seen {
    family: Option<u8>,
    transport: Option<u8>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    source_port: u16,
    destination_port: u16,
    seconds: Option<u32>,
    microseconds: u32,
    protocol: Option<u8>,
    agent: u32,
    auth_key: Option<Vec<u8>>,
    correlation: Option<String>,
    node: Option<String>,
    payload: Option<Vec<u8>>,
    direction: Option<Direction>,
    leg: Option<Leg>,
    peer: String,
    summary: String,
    subject: Option<String>,
    trace_id: Option<String>,
}

impl Seen {
    fn generic(&mut self, chunk: &Chunk<'_>) -> Result<(), Malformed> {
        let v4 = || chunk.octets::<4>().map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
        let v6 = || chunk.octets::<16>().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
        let byte = || chunk.octets::<1>().map(|[octet]| octet);
        let short = || chunk.octets().map(u16::from_be_bytes);
        let long = || chunk.octets().map(u32::from_be_bytes);
        match chunk.kind {
            generic::FAMILY => self.family = Some(byte()?),
            generic::TRANSPORT => self.transport = Some(byte()?),
            generic::IPV4_SOURCE => self.source = Some(v4()?),
            generic::IPV4_DESTINATION => self.destination = Some(v4()?),
            generic::IPV6_SOURCE => self.source = Some(v6()?),
            generic::IPV6_DESTINATION => self.destination = Some(v6()?),
            generic::SOURCE_PORT => self.source_port = short()?,
            generic::DESTINATION_PORT => self.destination_port = short()?,
            generic::SECONDS => self.seconds = Some(long()?),
            generic::MICROSECONDS => {
                self.microseconds = Some(long()?).filter(|us| *us < 1_000_000).ok_or(Malformed::Value(chunk.kind))?;
            }
            generic::PROTOCOL => self.protocol = Some(byte()?),
            generic::AGENT => self.agent = long()?,
            generic::AUTH_KEY => self.auth_key = Some(chunk.value.to_vec()),
            generic::PAYLOAD => self.payload = Some(chunk.value.to_vec()),
            generic::COMPRESSED_PAYLOAD => self.payload = Some(inflate(chunk.value)?),
            // What others put there is not ours to judge.
            generic::CORRELATION => self.correlation = chunk.text().ok().filter(|text| !text.is_empty()),
            generic::NODE => self.node = Some(chunk.text()?).filter(|text| !text.is_empty()),
            _ => {}
        }
        Ok(())
    }

    fn own(&mut self, chunk: &Chunk<'_>) -> Result<(), Malformed> {
        match chunk.kind {
            own::DIRECTION => {
                self.direction = Some(match chunk.octets()? {
                    [0] => Direction::In,
                    [1] => Direction::Out,
                    _ => return Err(Malformed::Value(chunk.kind)),
                });
            }
            own::LEG => {
                let leg = Leg::ALL.into_iter().find(|leg| leg.as_str().as_bytes() == chunk.value);
                self.leg = Some(leg.ok_or(Malformed::Value(chunk.kind))?);
            }
            own::PEER => self.peer = chunk.text()?,
            own::SUMMARY => self.summary = chunk.text()?,
            own::SUBJECT => self.subject = Some(chunk.text()?),
            own::TRACE_ID => self.trace_id = Some(chunk.text()?),
            _ => {}
        }
        Ok(())
    }

    fn packet(self) -> Result<Packet, Malformed> {
        let family = self.family.ok_or(Malformed::Missing(generic::FAMILY))?;
        let source = self.source.ok_or(Malformed::Missing(generic::IPV4_SOURCE))?;
        let destination = self.destination.ok_or(Malformed::Missing(generic::IPV4_DESTINATION))?;
        let named = match family {
            generic::INET => source.is_ipv4() && destination.is_ipv4(),
            // BSD and macOS have other numbers than Linux.
            generic::INET6 | 24 | 28 | 30 => source.is_ipv6() && destination.is_ipv6(),
            _ => false,
        };
        if !named {
            return Err(Malformed::Family);
        }
        let seconds = self.seconds.ok_or(Malformed::Missing(generic::SECONDS))?;
        let own = self.direction.zip(self.leg).map(|(direction, leg)| Own {
            direction,
            leg,
            peer: self.peer,
            summary: self.summary,
            subject: self.subject,
            trace_id: self.trace_id,
        });
        Ok(Packet {
            transport: self.transport.ok_or(Malformed::Missing(generic::TRANSPORT))?,
            source: SocketAddr::new(source, self.source_port),
            destination: SocketAddr::new(destination, self.destination_port),
            time_us: u64::from(seconds) * 1_000_000 + u64::from(self.microseconds),
            protocol: self.protocol.ok_or(Malformed::Missing(generic::PROTOCOL))?,
            agent: self.agent,
            auth_key: self.auth_key,
            correlation: self.correlation,
            node: self.node,
            own,
            payload: self.payload.ok_or(Malformed::Missing(generic::PAYLOAD))?,
        })
    }
}

/// zlib, as captagent compresses.
fn inflate(octets: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut payload = Vec::new();
    let read = flate2::read::ZlibDecoder::new(octets).take(MAX_INFLATED + 1).read_to_end(&mut payload);
    match read {
        Ok(length) if length as u64 <= MAX_INFLATED => Ok(payload),
        _ => Err(Malformed::Value(generic::COMPRESSED_PAYLOAD)),
    }
}
