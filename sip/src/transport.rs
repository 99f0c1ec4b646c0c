//! Where a message came from and where one goes.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A transport protocol, as the Via header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// Whether the transport itself retransmits, so that SIP must not (RFC 3261 §17, RFC 7118 §5).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// The token in a Via header's sent-protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(s))
            .ok_or(())
    }
}

/// One connection of a node (RFC 5626's *flow*). Numbers are never reused in a node's lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow-{}", self.0)
    }
}

/// The other end of a hop: a transport address, and the connection when there is one.
///
/// A message sent to a peer with a `flow` goes over that connection or not at all; without one the
/// shell uses or opens a connection to `addr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The protocol spoken on this hop.
    pub transport: Transport,
    /// The far end.
    pub addr: SocketAddr,
    /// The connection, for messages that arrived on one.
    pub flow: Option<FlowId>,
}

impl Peer {
    /// The peer at `addr`, over whatever connection the shell has or makes.
    pub fn new(transport: Transport, addr: SocketAddr) -> Self {
        Self { transport, addr, flow: None }
    }

    /// The peer at the far end of `flow`.
    pub fn on_flow(transport: Transport, addr: SocketAddr, flow: FlowId) -> Self {
        Self { transport, addr, flow: Some(flow) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.addr)
    }
}
