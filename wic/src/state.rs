use std::time::Duration;

use ims::Impu;
use sip::headers::ServiceRoute;
use sip::{Instant, Uri};

use crate::Failure;

/// Where a WIC stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing has been asked of it, or it has de-registered.
    Idle,
    /// It waits for the WWSF's token, before it can register.
    FetchingToken,
    /// It waits for the connection to the eP-CSCF.
    Connecting,
    /// It waits for the answer to a REGISTER.
    Registering,
    /// It is registered.
    Registered(Box<Binding>),
    /// It is registered, and at work to stay so.
    Refreshing(Box<Binding>),
    /// It waits for the answer to its last REGISTER.
    Deregistering,
    /// It failed for now and will try again by itself.
    BackingOff {
        /// When.
        until: Instant,
        /// Which try that will be, from 1.
        attempt: u32,
        /// What went wrong.
        cause: Failure,
    },
    /// It failed for good: it tries nothing more until it is started again.
    Failed(Failure),
}

impl State {
    /// One word for a page, a log and a test.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::FetchingToken => "fetching-token",
            Self::Connecting => "connecting",
            Self::Registering => "registering",
            Self::Registered(_) => "registered",
            Self::Refreshing(_) => "refreshing",
            Self::Deregistering => "deregistering",
            Self::BackingOff { .. } => "backing-off",
            Self::Failed(_) => "failed",
        }
    }

    /// The registration in force.
    pub fn binding(&self) -> Option<&Binding> {
        match self {
            Self::Registered(binding) | Self::Refreshing(binding) => Some(binding),
            _ => None,
        }
    }

    /// What went wrong, while it matters.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::BackingOff { cause, .. } | Self::Failed(cause) => Some(cause),
            _ => None,
        }
    }
}

/// A registration, as the 200 OK describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The identity that was registered.
    pub impu: Impu,
    /// The identities registered with it, the default one first (RFC 7315 §4.1).
    pub impus: Vec<Impu>,
    /// The route for requests of this user (RFC 3608).
    pub service_route: Vec<ServiceRoute>,
    /// The public GRUU (RFC 5627).
    pub pub_gruu: Option<Uri>,
    /// The temporary GRUU (RFC 5627).
    pub temp_gruu: Option<Uri>,
    /// Whether the registrar does outbound (RFC 5626 §6).
    pub outbound: bool,
    /// How long it was granted for.
    pub granted: Duration,
    /// When it ends.
    pub expires_at: Instant,
    /// When it is refreshed.
    pub refresh_at: Instant,
}
