//! The Mw peers that are trusted nodes (TS 33.203 U.1).

use serde::{Deserialize, Serialize};
use sip::{Peer, Transport};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The address of a node whose word counts: `127.0.0.1:5060`, or `127.0.0.1` for any port.
///
/// With a port only UDP can match, because a TCP connection comes from any port: to trust what a
/// host says over TCP is to trust every process on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustedNode {
    ip: IpAddr,
    port: Option<u16>,
}

impl TrustedNode {
    /// Every node on a host.
    pub fn host(ip: IpAddr) -> Self {
        Self { ip: ip.to_canonical(), port: None }
    }

    /// Whether a message from `peer` is this node's.
    pub fn is(&self, peer: &Peer) -> bool {
        let port_fits = self.port.is_none_or(|port| peer.transport == Transport::Udp && peer.addr.port() == port);
        port_fits && peer.addr.ip().to_canonical() == self.ip
    }
}

impl From<SocketAddr> for TrustedNode {
    fn from(addr: SocketAddr) -> Self {
        Self { ip: addr.ip().to_canonical(), port: Some(addr.port()) }
    }
}

impl FromStr for TrustedNode {
    type Err = TrustedNodeError;

    fn from_str(text: &str) -> Result<Self, TrustedNodeError> {
        let addr = text.parse().map(|addr: SocketAddr| addr.into());
        addr.or_else(|_| text.parse().map(Self::host)).map_err(|_| TrustedNodeError)
    }
}

impl TryFrom<String> for TrustedNode {
    type Error = TrustedNodeError;

    fn try_from(text: String) -> Result<Self, TrustedNodeError> {
        text.parse()
    }
}

impl From<TrustedNode> for String {
    fn from(node: TrustedNode) -> Self {
        node.to_string()
    }
}

impl fmt::Display for TrustedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

/// The text is neither an address nor an address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trusted node is an IP address, or one with a port")]
pub struct TrustedNodeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_matched_on_udp_alone() {
        let peer = |transport, addr: &str| Peer::new(transport, addr.parse().unwrap());
        let socket: TrustedNode = "127.0.0.1:5060".parse().unwrap();
        let host: TrustedNode = "127.0.0.1".parse().unwrap();
        for (peer, by_socket, by_host) in [
            (peer(Transport::Udp, "127.0.0.1:5060"), true, true),
            (peer(Transport::Udp, "[::ffff:127.0.0.1]:5060"), true, true),
            (peer(Transport::Udp, "127.0.0.1:5061"), false, true),
            (peer(Transport::Tcp, "127.0.0.1:5060"), false, true),
            (peer(Transport::Udp, "127.0.0.2:5060"), false, false),
        ] {
            assert_eq!((socket.is(&peer), host.is(&peer)), (by_socket, by_host), "{peer}");
        }
        assert_eq!("icscf.ims.example".parse::<TrustedNode>(), Err(TrustedNodeError));
    }
}
