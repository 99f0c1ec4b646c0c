//! A registration as it is shown to people and tests.

use ims::{Impi, Impu, Scenario, WildcardedImpu};
use sip::{FlowId, Now};

use crate::bindings::{Binding, Registrar};

/// One registered contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// How it was registered.
    pub scenario: Scenario,
    /// The WWSF whose page registered it.
    pub wwsf: String,
    /// Whose it is.
    pub impi: Impi,
    /// The identities, the default one first.
    pub impus: Vec<Impu>,
    /// The ranges registered with it.
    pub wildcards: Vec<WildcardedImpu>,
    /// The Contact's URI.
    pub contact: String,
    /// The way for requests of this user, as Route values.
    pub service_route: Vec<String>,
    /// The charging identity of the registration; empty when this node is the registrar.
    pub icid: String,
    /// The connection.
    pub flow: FlowId,
    /// Whether the connection is there.
    pub alive: bool,
    /// Whether this node is the registrar, and not the S-CSCF.
    pub local: bool,
    /// Seconds until it ends.
    pub expires: u64,
}

impl Registration {
    pub(crate) fn of(binding: &Binding, now: Now) -> Self {
        Self {
            scenario: binding.scenario,
            wwsf: binding.wwsf.clone(),
            impi: binding.impi.clone(),
            impus: binding.impus.clone(),
            wildcards: binding.wildcards.clone(),
            contact: binding.contact.uri.to_string(),
            service_route: binding.service_route.iter().map(ToString::to_string).collect(),
            icid: binding.icid.clone(),
            flow: binding.flow,
            alive: binding.alive,
            local: binding.registrar == Registrar::Edge,
            expires: binding.expires_at.since(now.mono).as_secs(),
        }
    }
}
