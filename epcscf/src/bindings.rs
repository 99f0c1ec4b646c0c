//! The registrations that this node knows of: which identity is reached over which connection.

use std::collections::HashMap;

use ims::{Impi, Impu, Scenario, WildcardedImpu};
use sip::headers::{CallId, Contact};
use sip::{FlowId, Instant, Text};

/// The number of a binding; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(u64);

/// One registered contact.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// The connection, and whether it is still there.
    pub(crate) flow: FlowId,
    pub(crate) alive: bool,
    pub(crate) scenario: Scenario,
    pub(crate) registrar: Registrar,
    /// The WWSF whose page registered it.
    pub(crate) wwsf: String,
    pub(crate) impi: Impi,
    /// The identity in To.
    pub(crate) impu: Impu,
    /// All identities registered with it, the default one first.
    pub(crate) impus: Vec<Impu>,
    /// The ranges registered with it.
    pub(crate) wildcards: Vec<WildcardedImpu>,
    pub(crate) contact: Contact,
    /// The domain registered in.
    pub(crate) domain: String,
    pub(crate) service_route: Vec<Text>,
    pub(crate) call_id: CallId,
    pub(crate) cseq: u32,
    pub(crate) expires_at: Instant,
    pub(crate) token: Option<TokenStamp>,
    /// The charging identity of the registration.
    pub(crate) icid: String,
}

/// Who keeps a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registrar {
    /// The S-CSCF.
    Core,
    /// This node, for an identity out of a range (flow 3, `static-wildcard`).
    Edge,
}

/// The token that a binding rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenStamp {
    pub(crate) issuer: String,
    pub(crate) jti: String,
    pub(crate) exp: u64,
}

/// What tells the contacts of one identity apart (RFC 5626 §6): instance and reg-id, or the URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ContactKey {
    Instance { urn: String, reg_id: u32 },
    Uri(String),
}

impl ContactKey {
    pub(crate) fn of(contact: &Contact) -> Self {
        match (contact.instance(), contact.reg_id()) {
            (Some(urn), Some(reg_id)) => Self::Instance { urn: urn.to_ascii_lowercase(), reg_id },
            _ => Self::Uri(contact.uri.to_string()),
        }
    }
}

type Key = (Impi, Impu, ContactKey);

/// All bindings of a shard.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    by_id: HashMap<BindingId, Binding>,
    by_key: HashMap<Key, BindingId>,
    by_impu: HashMap<Impu, Vec<BindingId>>,
    by_impi: HashMap<Impi, Vec<BindingId>>,
    by_flow: HashMap<FlowId, Vec<BindingId>>,
    /// How many identities of each WWSF's ranges are kept here.
    in_ranges: HashMap<String, usize>,
    next: u64,
}

impl Bindings {
    pub(crate) fn get(&self, id: BindingId) -> Option<&Binding> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.by_id.iter().map(|(id, binding)| (*id, binding))
    }

    pub(crate) fn find(&self, impi: &Impi, impu: &Impu, contact: &Contact) -> Option<BindingId> {
        self.by_key.get(&(impi.clone(), impu.clone(), ContactKey::of(contact))).copied()
    }

    /// The bindings whose To was this identity, oldest first.
    pub(crate) fn of_impu(&self, impu: &Impu) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.entries(self.by_impu.get(impu))
    }

    /// The bindings of a user, oldest first.
    pub(crate) fn of_impi(&self, impi: &Impi) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.entries(self.by_impi.get(impi))
    }

    /// The bindings on a connection, oldest first.
    pub(crate) fn of_flow(&self, flow: FlowId) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.entries(self.by_flow.get(&flow))
    }

    /// How many identities of a WWSF's ranges are kept here.
    pub(crate) fn in_ranges_of(&self, wwsf: &str) -> usize {
        self.in_ranges.get(wwsf).copied().unwrap_or(0)
    }

    fn entries<'a>(&'a self, ids: Option<&'a Vec<BindingId>>) -> impl Iterator<Item = (BindingId, &'a Binding)> {
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id).map(|binding| (*id, binding)))
    }

    /// Stores a binding in the place of the one with the same identity and contact, which is given
    /// back.
    pub(crate) fn put(&mut self, binding: Binding) -> (BindingId, Option<Binding>) {
        let key = (binding.impi.clone(), binding.impu.clone(), ContactKey::of(&binding.contact));
        let old = self.by_key.get(&key).copied().and_then(|id| self.remove(id));
        if binding.registrar == Registrar::Edge {
            *self.in_ranges.entry(binding.wwsf.clone()).or_default() += 1;
        }
        self.next += 1;
        let id = BindingId(self.next);
        self.by_impu.entry(binding.impu.clone()).or_default().push(id);
        self.by_impi.entry(binding.impi.clone()).or_default().push(id);
        self.by_flow.entry(binding.flow).or_default().push(id);
        self.by_key.insert(key, id);
        self.by_id.insert(id, binding);
        (id, old)
    }

    pub(crate) fn remove(&mut self, id: BindingId) -> Option<Binding> {
        let binding = self.by_id.remove(&id)?;
        self.by_key.remove(&(binding.impi.clone(), binding.impu.clone(), ContactKey::of(&binding.contact)));
        if binding.registrar == Registrar::Edge
            && let Some(count) = self.in_ranges.get_mut(&binding.wwsf)
        {
            *count = count.saturating_sub(1);
        }
        unlist(&mut self.by_impu, &binding.impu, id);
        unlist(&mut self.by_impi, &binding.impi, id);
        unlist(&mut self.by_flow, &binding.flow, id);
        Some(binding)
    }
}

fn unlist<K: std::hash::Hash + Eq>(index: &mut HashMap<K, Vec<BindingId>>, key: &K, id: BindingId) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
