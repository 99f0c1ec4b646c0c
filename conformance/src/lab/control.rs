//! What can be asked of a system under test besides what its protocols carry.

use trace::Record;

use crate::Boxed;

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

/// A question to the HSS (TS 29.228 §6.1, §6.3), as text where a type is a text on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CxAsk {
    /// User-Authorization-Request.
    Uar {
        /// User-Name.
        impi: String,
        /// Public-Identity.
        impu: String,
        /// User-Authorization-Type.
        kind: u32,
        /// Visited-Network-Identifier.
        visited: String,
    },
    /// Multimedia-Auth-Request.
    Mar {
        /// User-Name.
        impi: String,
        /// Public-Identity.
        impu: String,
        /// SIP-Authentication-Scheme.
        scheme: String,
        /// Server-Name.
        server: String,
    },
    /// Server-Assignment-Request.
    Sar {
        /// User-Name.
        impi: Option<String>,
        /// Public-Identity, wildcarded too.
        impus: Vec<String>,
        /// Wildcarded-Public-Identity.
        wildcard: Option<String>,
        /// Server-Assignment-Type.
        kind: u32,
        /// Server-Name.
        server: String,
    },
    /// Location-Info-Request.
    Lir {
        /// Public-Identity.
        impu: String,
        /// Originating-Request.
        originating: bool,
    },
    /// A profile as it may come in a PPR, told by its size alone: how many identities, and how many
    /// octets of something else; `None` for a document that is not understood.
    Ppr {
        /// How many identities it has.
        identities: Option<usize>,
    },
}

/// What the HSS answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CxReply {
    /// The result code.
    pub code: u32,
    /// Whether it is an Experimental-Result-Code.
    pub experimental: bool,
    /// Server-Name.
    pub server: Option<String>,
    /// Whether Server-Capabilities are there.
    pub capabilities: bool,
    /// Wildcarded-Public-Identity.
    pub wildcard: Option<String>,
    /// The algorithms of the HA1s.
    pub ha1: Vec<String>,
    /// Whether User-Data is there.
    pub profile: bool,
    /// The whole answer, for people.
    pub text: String,
}
