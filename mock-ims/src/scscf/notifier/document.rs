//! What a watcher is told (RFC 3680 §5, RFC 5628, TS 24.229 §7.10.2).

use crate::scscf::registrar::{Binding, BindingId, Registration as Set};
use ims::profile::{Identity, ServiceProfile};
use ims::reginfo::{ContactEvent, RegContact, RegInfo, RegState, Registration};
use sip::Instant;
use sip::digest::Algorithm;

/// What happened to one contact.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) binding: BindingId,
    /// What is said of one that went.
    pub(super) gone: Option<RegContact>,
}

/// What there is to tell.
pub(super) struct Document<'a> {
    pub(super) now: Instant,
    /// The set, as long as it is registered.
    pub(super) set: Option<&'a Set>,
    /// The identities that the watcher knows of.
    pub(super) told: &'a ServiceProfile,
    pub(super) full: bool,
    pub(super) changes: &'a [Told],
}

pub(super) fn told_of(now: Instant, binding: &Binding, event: ContactEvent, retry_after: Option<u32>) -> Told {
    let mut contact = contact_of(now, binding, event);
    contact.active = false;
    contact.expires = None;
    contact.retry_after = retry_after;
    Told { binding: binding.id(), gone: Some(contact) }
}

impl Document<'_> {
    pub(super) fn info(&self, version: u32) -> RegInfo {
        let profile = self.set.map_or(self.told, |set| &set.profile);
        let mut registrations: Vec<Registration> =
            identities(profile).map(|identity| self.registration(identity)).collect();
        // Identities that the watcher knows of and that are none of the set any more.
        let left = identities(self.told).filter(|old| !identities(profile).any(|new| new == *old));
        registrations.extend(left.map(|identity| self.left(identity)));
        RegInfo { version, full: self.full, registrations }
    }

    fn registration(&self, identity: &Identity) -> Registration {
        let bindings = self.set.map(|set| set.bindings.as_slice()).unwrap_or_default();
        let is_told = |binding: &&Binding| self.full || self.changes.iter().any(|told| told.binding == binding.id());
        let mut contacts: Vec<RegContact> = bindings
            .iter()
            .filter(is_told)
            .map(|b| for_identity(contact_of(self.now, b, b.event), b, identity))
            .collect();
        contacts.extend(self.changes.iter().filter_map(|told| told.gone.clone()));
        let state = if bindings.is_empty() { RegState::Terminated } else { RegState::Active };
        Registration { state, contacts, ..head(identity) }
    }

    /// An identity that was taken out of the set: its contacts serve it no more.
    fn left(&self, identity: &Identity) -> Registration {
        let bindings = self.set.map(|set| set.bindings.as_slice()).unwrap_or_default();
        let end = |binding: &Binding| {
            let contact = contact_of(self.now, binding, ContactEvent::Deactivated);
            RegContact { active: false, expires: None, ..contact }
        };
        Registration { state: RegState::Terminated, contacts: bindings.iter().map(end).collect(), ..head(identity) }
    }
}

/// The identities that may be used; a barred one is registered and told to nobody.
fn identities(profile: &ServiceProfile) -> impl Iterator<Item = &Identity> {
    profile.impus.iter().filter(|entry| !entry.barred).map(|entry| &entry.identity)
}

fn head(identity: &Identity) -> Registration {
    let aor = identity.to_string();
    let mut id = Algorithm::Sha256.hash_hex(&aor);
    id.truncate(8);
    let wildcarded = match identity {
        Identity::Wildcard(range) => Some(range.to_string()),
        Identity::Distinct(_) => None,
    };
    Registration { wildcarded, ..Registration::active(aor, format!("r{id}")) }
}

/// An identity that came with another one was not registered by anybody: its contacts were created.
fn for_identity(mut contact: RegContact, binding: &Binding, identity: &Identity) -> RegContact {
    let explicit = matches!(identity, Identity::Distinct(impu) if *impu == binding.impu);
    if !explicit && contact.event == ContactEvent::Registered {
        contact.event = ContactEvent::Created;
    }
    if let (Some(gruus), Identity::Distinct(impu)) = (&binding.gruus, identity)
        && explicit
    {
        contact.pub_gruu = Some(gruus.public.clone()).filter(|gruu| gruu.starts_with(impu.as_str()));
        contact.temp_gruu = gruus.temporary.last().cloned();
    }
    contact
}

fn contact_of(now: Instant, binding: &Binding, event: ContactEvent) -> RegContact {
    let text = |value: &str| sip::syntax::unquote(value).into_owned();
    let known = ["expires", "q", "pub-gruu", "temp-gruu"];
    let params = binding.contact.params.iter().filter(|p| !known.iter().any(|name| p.name.eq_ignore_ascii_case(name)));
    RegContact {
        expires: binding.seconds_left(now),
        // One that is bound by configuration was registered by none.
        call_id: binding.expires_at.map(|_| binding.call_id.0.to_string()),
        cseq: binding.expires_at.map(|_| binding.cseq),
        q: binding.contact.params.value("q").map(text),
        params: params.map(|p| (p.name.to_string(), p.value.as_deref().map(text).unwrap_or_default())).collect(),
        ..RegContact::active(format!("c{}", binding.id().0), event, binding.contact.uri.to_string())
    }
}
