//! What happened at an S-CSCF, for those who watch: reg event, third-party registration, logs.

use super::claim::Scheme;
use super::registrar::Binding;
use crate::cx::DeregistrationReason;
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
