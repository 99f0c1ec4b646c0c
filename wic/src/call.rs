//! Calls, as a shell sees them.

use std::fmt;

use ims::Impu;
use sip::Uri;

/// A call. Never used again by the same agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session description, complete with its candidates. The agent does not look into it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sdp(String);

impl Sdp {
    /// The description that reads `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Its length alone: a description names addresses.
impl fmt::Debug for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdp({} octets)", self.0.len())
    }
}

/// How a call is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// As whom, when not as the default identity (RFC 3325 §9.2). The network takes only a
    /// registered one.
    pub preferred_identity: Option<Impu>,
    /// Whether the callee is not to learn who calls (`Privacy: id`, RFC 3325 §9.3).
    pub privacy: bool,
}

/// Why a call, message or query was not even begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no registration to make it under.
    #[error("not registered, or not connected")]
    NotRegistered,
    /// As many as are allowed are under way ([`crate::Limits`]).
    #[error("too many are under way")]
    TooMany,
    /// The address is neither a SIP nor a tel URI.
    #[error("neither a SIP nor a tel URI")]
    Address,
    /// The text is longer than [`crate::Limits::message_octets`].
    #[error("the text is too long")]
    TooLong,
}

/// The other party of a call or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its address.
    pub uri: Uri,
    /// Its display name, quotes undone.
    pub display: Option<String>,
    /// Whether the network vouches for the address (RFC 3325); otherwise the party itself claims
    /// it.
    pub asserted: bool,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// We call, and nothing has come back.
    Calling,
    /// We call, and it rings there.
    Ringing,
    /// We are called.
    Incoming,
    /// It is accepted.
    Established,
    /// It is accepted, and the connection to the network is lost for the time being.
    Suspended,
}

impl CallState {
    /// A word for a page, a log and a test.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Ringing => "ringing",
            Self::Incoming => "incoming",
            Self::Established => "established",
            Self::Suspended => "suspended",
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// This side.
    Local,
    /// The other party, or what answered in its place.
    Peer,
    /// The network, a timer or a lost connection.
    Network,
}

/// What happens in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// Somebody calls. To be followed by `ringing`, `answer` or `reject`.
    Incoming {
        /// Who.
        from: Party,
        /// Which of our identities was called (P-Called-Party-ID, RFC 7315 §4.2).
        called: Option<Impu>,
        /// The offer; without one, `answer` makes it.
        offer: Option<Sdp>,
        /// The call that ends when this one is answered (RFC 3891).
        replaces: Option<CallId>,
    },
    /// It rings at the other side.
    Ringing,
    /// The other side is at work (183 and the like, or one more branch of a forked call).
    Progress {
        /// What may be answered later, for early media: a provisional answer.
        answer: Option<Sdp>,
    },
    /// The call is accepted and acknowledged.
    Established {
        /// To the caller, and to a callee that made the offer: the answer. It may be the one that
        /// came as a provisional answer.
        sdp: Option<Sdp>,
    },
    /// The other side wants another session (hold, resume, ICE restart, …): to be followed by
    /// `answer_offer` or `refuse_offer`.
    Offer {
        /// What it wants.
        offer: Sdp,
    },
    /// Our `offer` was accepted.
    OfferAnswered {
        /// The answer.
        answer: Sdp,
    },
    /// Our `offer` was refused, or the other side's came first (491): the session stays as it was,
    /// and the shell takes its offer back.
    OfferRefused {
        /// The status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// The connection to the network is lost; the call waits for it to come back.
    Suspended,
    /// The connection is back. The shell is to offer, with new candidates.
    Resumed,
    /// The call is over. Nothing more comes of it.
    Ended {
        /// Who ended it.
        by: EndedBy,
        /// The status behind it.
        status: Option<u16>,
        /// Why, in words; may be empty.
        reason: String,
    },
}
