//! One message at one node.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// One message, seen at one node.
///
/// A message between two of our nodes is recorded twice: `Out` at the sender, `In` at the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Counts up from 1 in the hub's lifetime.
    pub seq: u64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time_us: u64,
    /// The node that saw it.
    pub node: String,
    /// The node at the other end.
    pub peer: String,
    /// Whether the node received or sent it.
    pub direction: Direction,
    /// What it travelled over.
    pub leg: Leg,
    /// The node's own address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub local: Option<SocketAddr>,
    /// The far end's address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote: Option<SocketAddr>,
    /// One line: `REGISTER sip:ims.example`, `401 Unauthorized`, `UAR alice-wic@ims.example`.
    pub summary: String,
    /// The SIP Call-ID; of a location query, that of the request it is made for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call_id: Option<String>,
    /// The identity it is about, where that is known: an IMPU or IMPI.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The registration flow it belongs to: 1, 2 or 3.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scenario: Option<u8>,
    /// The step of that flow, as the source text numbers them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<u8>,
    /// Where it stands in a call or a message (TS 23.228 X.2.2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub procedure: Option<Procedure>,
    /// The W3C trace context that an HTTP client sent, to tie its requests together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_id: Option<String>,
    /// The whole message.
    pub text: String,
}

impl Record {
    /// A record that says only when, where and over what; it has no number yet.
    pub fn blank(time_us: u64, node: &str, direction: Direction, peer: &str, leg: Leg) -> Self {
        Self {
            seq: 0,
            time_us,
            node: node.to_owned(),
            peer: peer.to_owned(),
            direction,
            leg,
            local: None,
            remote: None,
            summary: String::new(),
            call_id: None,
            subject: None,
            scenario: None,
            step: None,
            procedure: None,
            trace_id: None,
            text: String::new(),
        }
    }
}

/// Which way a message went, from the recording node's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// The half of a call or message that a hop belongs to. The source text does not number these steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Procedure {
    /// From the caller to the network that serves the callee.
    Origination,
    /// From there to the callee.
    Termination,
    /// Along the route of a dialog that stands.
    Dialog,
}

impl Procedure {
    /// A name for a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Origination => "origination",
            Self::Termination => "termination",
            Self::Dialog => "in the dialog",
        }
    }

    /// A name for a narrow column.
    pub fn short(self) -> &'static str {
        match self {
            Self::Origination => "orig",
            Self::Termination => "term",
            Self::Dialog => "dialog",
        }
    }
}

/// What a message travelled over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// HTTPS on W1.
    Https,
    /// The WebSocket upgrade on W2.
    Upgrade,
    /// SIP over secure WebSocket on W2.
    Wss,
    /// SIP over UDP on Mw.
    Udp,
    /// SIP over TCP on Mw.
    Tcp,
    /// Cx.
    Cx,
}

impl Leg {
    /// All legs, from the browser inwards.
    pub const ALL: [Self; 6] = [Self::Https, Self::Upgrade, Self::Wss, Self::Udp, Self::Tcp, Self::Cx];

    /// The lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Upgrade => "upgrade",
            Self::Wss => "wss",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Cx => "cx",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
