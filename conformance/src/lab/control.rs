//! What can be asked of a system under test besides what its protocols carry.

use trace::Record;

use crate::Boxed;
use crate::cx::{CxAsk, CxReply};

/// The answer to something that not every system can do: `None` when this one cannot.
pub type Controlled<T> = Option<T>;

/// Of an eP-CSCF.
pub trait EdgeControl: Send + Sync {
    /// Whether it still runs.
    fn alive(&self) -> Boxed<'_, bool>;

    /// Its log so far.
    fn log(&self) -> Controlled<String> {
        None
    }

    /// Lets its wall clock jump by some seconds.
    fn jump_clock(&self, _seconds: i64) -> Boxed<'_, Controlled<()>> {
        Box::pin(async { None })
    }

    /// Says that a token is revoked.
    fn revoke(&self, _issuer: &str, _jti: &str) -> Boxed<'_, Controlled<()>> {
        Box::pin(async { None })
    }

    /// Takes the ranges of the partner's WWSF away.
    fn drop_range(&self) -> Boxed<'_, Controlled<()>> {
        Box::pin(async { None })
    }

    /// What its own taps recorded, beyond what the script sees.
    fn records(&self) -> Vec<Record> {
        Vec::new()
    }
}

/// Of a core.
pub trait CoreControl: Send + Sync {
    /// Whether it still runs.
    fn alive(&self) -> Boxed<'_, bool>;

    /// The Cx commands so far, in short and in order: `UAR REGISTRATION`, `MAR`, `SAR REGISTRATION`.
    fn cx(&self) -> Controlled<Vec<String>> {
        None
    }

    /// Does what an operator can do.
    fn operate(&self, _operation: Operation) -> Boxed<'_, Controlled<Result<(), String>>> {
        Box::pin(async { None })
    }

    /// Asks the HSS.
    fn ask_hss(&self, _ask: CxAsk) -> Boxed<'_, Controlled<CxReply>> {
        Box::pin(async { None })
    }

    /// Its log so far.
    fn log(&self) -> Controlled<String> {
        None
    }

    /// Takes the S-CSCF off the network.
    fn stop_scscf(&self) -> Boxed<'_, Controlled<()>> {
        Box::pin(async { None })
    }

    /// What its own taps recorded, beyond what the script sees.
    fn records(&self) -> Vec<Record> {
        Vec::new()
    }
}

/// Of a WWSF.
pub trait WwsfControl: Send + Sync {
    /// Whether it still runs.
    fn alive(&self) -> Boxed<'_, bool>;

    /// Puts a new key in charge of signing.
    fn rotate_keys(&self) -> Boxed<'_, Controlled<Result<(), String>>> {
        Box::pin(async { None })
    }
}

/// What an operator does to subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Adds a subscriber.
    Add(NewSubscriber),
    /// Gives another password (PPR).
    SetPassword {
        /// Whose.
        impi: String,
        /// The new one.
        password: String,
    },
    /// Says which WAFs and WWSFs may vouch (PPR).
    SetAllowed {
        /// Of which set.
        impu: String,
        /// WAFs.
        wafs: Vec<String>,
        /// WWSFs.
        wwsfs: Vec<String>,
    },
    /// Bars an identity, or opens it.
    SetBarred {
        /// Which.
        impu: String,
        /// Barred or not.
        barred: bool,
    },
    /// Ends a registration (RTR) with a reason by its name: `PERMANENT_TERMINATION`, `SERVER_CHANGE`.
    Deregister {
        /// Of which identity.
        impu: String,
        /// Why.
        reason: String,
    },
}

/// A subscriber to add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSubscriber {
    /// The private identities.
    pub impis: Vec<String>,
    /// The public identities of the one implicit set, the default one first; wildcarded ones too.
    pub impus: Vec<String>,
    /// Which of them are barred.
    pub barred: Vec<String>,
    /// How it authenticates.
    pub authentication: Authentication,
    /// The WAFs that may vouch for it.
    pub wafs: Vec<String>,
    /// The WWSFs that may register it.
    pub wwsfs: Vec<String>,
    /// Whether it has services while not registered.
    pub unregistered_services: bool,
    /// The state it begins with: the S-CSCF that serves it.
    pub registered_at: Option<String>,
}

/// How a subscriber authenticates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// A trusted node vouches.
    #[default]
    TrustedNode,
    /// SIP Digest with a password.
    Digest(String),
    /// IMS AKA.
    Aka,
}
