//! What happened at an S-CSCF, for those who watch: reg event, third-party registration, logs.

use super::claim::Scheme;
use super::registrar::Binding;
use crate::cx::DeregistrationReason;
use ims::reginfo::ContactEvent;
use ims::{Impi, Impu};
use sip::Uri;

/// Something that happened to a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A contact was added.
    Registered(Subject),
    /// A contact was refreshed.
    Refreshed(Subject),
    /// A contact went.
    Deregistered {
        /// Which.
        subject: Subject,
        /// Why.
        cause: Cause,
        /// Whether its private identity has no contact left in this set.
        last: bool,
    },
    /// A 401 went out.
    Challenged {
        /// Who is to answer it.
        impi: Impi,
        /// Whether a right answer came over a worthless nonce.
        stale: bool,
    },
    /// The digest was wrong.
    AuthenticationFailed {
        /// Who it claimed to be.
        impi: Impi,
        /// What it wanted to register.
        impu: Impu,
    },
    /// Nobody answered a challenge (reg-await-auth).
    AuthenticationTimedOut {
        /// Who was challenged.
        impi: Impi,
        /// What was to be registered.
        impu: Impu,
    },
    /// A request was taken on behalf of a user: where initial filter criteria would be looked at.
    Served {
        /// Whom.
        impu: Impu,
        /// On which side.
        case: SessionCase,
    },
    /// A call was released because a served user of it is no longer registered.
    CallReleased {
        /// Its Call-ID.
        call_id: String,
    },
    /// A call was not refreshed in time and is forgotten (RFC 4028 §8.1).
    CallLost {
        /// Its Call-ID.
        call_id: String,
    },
    /// A profile was replaced by the HSS.
    ProfileChanged {
        /// Whose.
        impi: Impi,
    },
    /// Something was refused that a policeman wants to know of.
    Audit {
        /// Who it claimed to be, as far as it said.
        impi: Option<Impi>,
        /// What was refused.
        what: String,
    },
}

/// The session case of initial filter criteria (TS 29.228 Annex B.2.2). No profile here has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionCase {
    /// 0: the one who calls, registered.
    Originating,
    /// 1: the one who is called, registered.
    Terminating,
    /// 2: the one who is called, not registered.
    TerminatingUnregistered,
    /// 3: the one who calls, not registered.
    OriginatingUnregistered,
}

impl SessionCase {
    pub(crate) fn of(originating: bool, registered: bool) -> Self {
        match (originating, registered) {
            (true, true) => Self::Originating,
            (false, true) => Self::Terminating,
            (false, false) => Self::TerminatingUnregistered,
            (true, false) => Self::OriginatingUnregistered,
        }
    }
}

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The private identity.
    pub impi: Impi,
    /// The public identity that it registered with.
    pub impu: Impu,
    /// The distinct identities of the implicit set.
    pub impus: Vec<Impu>,
    /// The contact address.
    pub contact: Uri,
    /// How it was authenticated.
    pub scheme: Scheme,
}

/// Why a contact went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The user left.
    User,
    /// It was not refreshed in time.
    Expired,
    /// It made room for a newer one.
    Evicted,
    /// The HSS ended it (RTR).
    Hss(DeregistrationReason),
    /// The WAF or WWSF that vouched for it may not any more.
    EntityRefused,
    /// Its flow is gone (430, RFC 5626 §5.3).
    FlowFailed,
    /// The network wants a new registration, but not before so many seconds have gone.
    Probation {
        /// How many.
        retry_after: u32,
    },
}

impl Cause {
    /// What watchers of the registration are told (RFC 3680 §3.7.2): `deactivated` lets a user agent
    /// register again at once, `rejected` does not. Who made room is not called back, or two
    /// browsers would push each other out for ever.
    pub(crate) fn contact_event(self) -> (ContactEvent, Option<u32>) {
        use DeregistrationReason::{NewServerAssigned, PermanentTermination, RemoveScscf, ServerChange};
        match self {
            Self::User => (ContactEvent::Unregistered, None),
            Self::Expired => (ContactEvent::Expired, None),
            Self::Evicted | Self::EntityRefused | Self::Hss(PermanentTermination) => (ContactEvent::Rejected, None),
            Self::FlowFailed | Self::Hss(NewServerAssigned | ServerChange | RemoveScscf) => {
                (ContactEvent::Deactivated, None)
            }
            Self::Probation { retry_after } => (ContactEvent::Probation, Some(retry_after)),
        }
    }
}

impl Subject {
    pub(crate) fn of(binding: &Binding, impus: &[Impu]) -> Self {
        Self {
            impi: binding.impi.clone(),
            impu: binding.impu.clone(),
            impus: impus.to_vec(),
            contact: binding.contact.uri.clone(),
            scheme: binding.scheme,
        }
    }
}
