use std::collections::{BTreeMap, BTreeSet};

use ims::profile::ServiceProfile;
use ims::{Impi, ImpiRange, Impu, WildcardedImpu};
use serde::{Deserialize, Serialize};

use super::at_rest;
use crate::cx::{DigestAuthenticate, ServerName};

/// An IMS subscription: private identities and the implicit sets that they use.
///
/// Its serialised form is for the store: it holds the HA1s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Key of the subscription.
    pub name: String,
    /// The private identities and how each authenticates.
    pub users: BTreeMap<Impi, Authentication>,
    /// The implicit registration sets.
    pub sets: Vec<ImplicitSet>,
    /// The pool that it was synthesised from; it goes when its registration does.
    #[serde(default)]
    pub pool: Option<String>,
}

/// How a private identity authenticates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// SIP Digest; never the password, only what comes of it.
    Digest(#[serde(with = "at_rest")] DigestAuthenticate),
    /// IMS AKA, which this HSS cannot serve.
    Aka,
    /// None here: a trusted node vouches for it.
    TrustedNode,
}

/// An implicit registration set with its registration state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImplicitSet {
    /// The public identities and their service data.
    pub profile: ServiceProfile,
    /// The private identities that may use the set; more than one share its identities.
    pub impis: BTreeSet<Impi>,
    /// Where the user may register from.
    pub roaming: Roaming,
    /// Whether the user may register at all; a set that is registered by
    /// configuration may not.
    pub may_register: bool,
    /// Whether there are services for the unregistered state.
    pub unregistered_services: bool,
    /// The registration state.
    pub registration: Registration,
    /// The authentication-pending flags, each with the S-CSCF that asked.
    pub pending: BTreeMap<Impi, ServerName>,
}

/// The registration state of an implicit set (TS 29.228 §6.1.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// No S-CSCF.
    #[default]
    NotRegistered,
    /// An S-CSCF serves calls, nobody is registered.
    Unregistered {
        /// The S-CSCF.
        server: ServerName,
    },
    /// Registered.
    Registered {
        /// The S-CSCF.
        server: ServerName,
        /// The private identities that registered, at least one.
        impis: BTreeSet<Impi>,
    },
}

/// Where a user may register from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roaming {
    /// The home network alone.
    #[default]
    HomeOnly,
    /// Everywhere.
    Anywhere,
    /// The home network and these.
    Networks(BTreeSet<String>),
}

/// Identities that a third party manages for WebRTC (TS 29.228 §6.1.1.1 step 0).
///
/// A private and a public identity pair when both ranges match and what their
/// expressions matched is the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Key of the pool.
    pub name: String,
    /// The private identities.
    pub impis: ImpiRange,
    /// The public identities.
    pub impus: WildcardedImpu,
    /// Public identities of the range that may not register.
    #[serde(default)]
    pub barred: BTreeSet<Impu>,
    /// Where its users may register from.
    #[serde(default)]
    pub roaming: Roaming,
    /// WAFs that may vouch for them.
    #[serde(default)]
    pub allowed_wafs: Vec<String>,
    /// WWSFs that may register them.
    #[serde(default)]
    pub allowed_wwsfs: Vec<String>,
    /// Most identities that are registered at one time.
    pub max_users: usize,
}

impl Subscription {
    /// The S-CSCF of the subscription: all its sets are served by the same one.
    pub fn server(&self) -> Option<&ServerName> {
        self.sets.iter().find_map(|set| set.registration.server())
    }

    /// The S-CSCF of a pending authentication.
    pub fn pending_server(&self) -> Option<&ServerName> {
        self.sets.iter().flat_map(|set| set.pending.values()).next()
    }
}

impl ImplicitSet {
    /// A set of one subscriber at home, not registered.
    pub fn new(profile: ServiceProfile, impis: impl IntoIterator<Item = Impi>) -> Self {
        Self {
            profile,
            impis: impis.into_iter().collect(),
            roaming: Roaming::default(),
            may_register: true,
            unregistered_services: false,
            registration: Registration::default(),
            pending: BTreeMap::new(),
        }
    }
}

impl Registration {
    /// The S-CSCF.
    pub fn server(&self) -> Option<&ServerName> {
        match self {
            Self::NotRegistered => None,
            Self::Unregistered { server } | Self::Registered { server, .. } => Some(server),
        }
    }

    /// Whether somebody is registered.
    pub fn is_registered(&self) -> bool {
        matches!(self, Self::Registered { .. })
    }
}

impl Roaming {
    /// Whether a user may register from a network.
    pub fn allows(&self, network: &str, home: &str) -> bool {
        let same = |a: &str| a.eq_ignore_ascii_case(network);
        match self {
            Self::Anywhere => true,
            Self::HomeOnly => same(home),
            Self::Networks(networks) => same(home) || networks.iter().any(|n| same(n)),
        }
    }
}

impl Pool {
    /// Whether a private and a public identity are a pair of this pool.
    pub fn pairs(&self, impi: &Impi, impu: &Impu) -> bool {
        self.impis.matched(impi).is_some_and(|varying| self.impus.matched(impu) == Some(varying))
    }

    /// The subscription of one pair, as the HSS must hold it by the time of SAR.
    pub fn synthesise(&self, impi: &Impi, impu: &Impu) -> Subscription {
        let profile = ServiceProfile {
            allowed_wafs: self.allowed_wafs.clone(),
            allowed_wwsfs: self.allowed_wwsfs.clone(),
            ..ServiceProfile::of(impu.clone())
        };
        let set = ImplicitSet { roaming: self.roaming.clone(), ..ImplicitSet::new(profile, [impi.clone()]) };
        Subscription {
            name: format!("{}/{impi}", self.name),
            users: BTreeMap::from([(impi.clone(), Authentication::TrustedNode)]),
            sets: vec![set],
            pool: Some(self.name.clone()),
        }
    }
}
