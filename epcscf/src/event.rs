//! What an [`Edge`](crate::Edge) tells besides its outputs: for metrics, logs and an operator's eye.

use std::borrow::Cow;

use ims::{Impi, Impu, Scenario};
use sip::{FlowId, Method};

use crate::media::Side;
use crate::trust_boundary::Leak;

/// Something that happened. Holds identities and no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An identity is registered, or registered again.
    Registered {
        /// The connection.
        flow: FlowId,
        /// How.
        scenario: Scenario,
        /// Who.
        impi: Impi,
        /// As what.
        impu: Impu,
        /// For how long, in seconds.
        expires: u32,
        /// Whether it was registered already.
        refresh: bool,
    },
    /// An identity is registered no more.
    Deregistered {
        /// How it was.
        scenario: Scenario,
        /// Who.
        impi: Impi,
        /// As what.
        impu: Impu,
        /// Why.
        cause: Cause,
    },
    /// A request of a WIC was refused here.
    Refused {
        /// The connection.
        flow: FlowId,
        /// The status answered.
        status: u16,
        /// The step of the token checks, or the status again.
        label: Cow<'static, str>,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The core refused a REGISTER.
    RefusedByCore {
        /// The connection.
        flow: FlowId,
        /// The status that the core answered.
        status: u16,
    },
    /// A WIC would have liked to be somebody that it is not; its default identity was asserted.
    IdentityPassedOver {
        /// The connection.
        flow: FlowId,
        /// What was asserted.
        asserted: Option<Impu>,
    },
    /// A request outside of dialogs has had its final answer.
    Passed {
        /// Who sent it.
        from: Side,
        /// Its method.
        method: Method,
        /// The status.
        status: u16,
    },
    /// A request of the core was refused here.
    RefusedToCore {
        /// The status answered.
        status: u16,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A call was answered.
    CallStarted {
        /// Who called.
        from: Side,
        /// Whose WIC it is.
        impi: Impi,
    },
    /// A call goes on over another connection.
    CallTakenOver {
        /// That connection.
        flow: FlowId,
        /// Whose call it is.
        impi: Impi,
    },
    /// A call is over.
    CallEnded {
        /// Whose WIC it was.
        impi: Impi,
        /// How.
        end: End,
    },
    /// This node can't watch a registration; it tries again.
    WatchFailed {
        /// Whose registration.
        impu: Impu,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The core does not answer.
    CoreUnreachable,
    /// A message that would have leaked was held back. A bug of this node.
    Leak {
        /// What.
        leak: Leak,
    },
    /// A request came from a node that is not trusted.
    UntrustedPeer {
        /// Its address.
        peer: std::net::SocketAddr,
    },
    /// Keys could not be fetched.
    KeysUnavailable {
        /// Whose.
        issuer: String,
        /// Why.
        reason: String,
    },
}

/// Why a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The user asked.
    User,
    /// Its time was over.
    Expired,
    /// The token's time was over.
    TokenExpired,
    /// The token was revoked.
    TokenRevoked,
    /// Another contact took its place.
    Replaced,
    /// The WWSF may give the identity away no more.
    Withdrawn,
    /// The network ended it (RFC 3680 §3.7.2).
    Network,
}

impl Cause {
    /// A short name for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Expired => "expired",
            Self::TokenExpired => "token-expired",
            Self::TokenRevoked => "token-revoked",
            Self::Replaced => "replaced",
            Self::Withdrawn => "withdrawn",
            Self::Network => "network",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// One side said BYE.
    Bye,
    /// It was never answered by a 2xx.
    Refused,
    /// The WIC lost its connection and did not come back in time.
    Lost,
    /// The registration of its contact ended.
    Deregistered,
    /// Nobody refreshed the session.
    Expired,
    /// This node had to end it.
    Released,
}

impl End {
    /// A short name for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bye => "bye",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Deregistered => "deregistered",
            Self::Expired => "expired",
            Self::Released => "released",
        }
    }
}
