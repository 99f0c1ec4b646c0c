//! Who is registered, and where: implicit registration sets and their bindings.

use super::claim::{Claim, Entities, Scheme};
use super::register::{BindingKey, Change, Register, Update};
use crate::refusal::Refusal;
use ims::profile::ServiceProfile;
use ims::reginfo::ContactEvent;
use ims::{Defect, Defects, Impi, Impu, WildcardedImpu};
use sip::headers::{CallId, Contact, Path, Route};
use sip::{Entropy, HeaderName, Instant, SipUri, StatusCode, Text};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// An implicit registration set that is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What the HSS said of it last.
    pub profile: ServiceProfile,
    /// Where it is reachable; the one that was refreshed the longest ago first.
    pub bindings: Vec<Binding>,
    /// The identities that lead here.
    indexed: BTreeSet<Impu>,
    /// The ranges that lead here, as provisioned.
    ranges: BTreeSet<String>,
}

/// One contact of an implicit registration set.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The private identity that registered it.
    pub impi: Impi,
    /// The public identity that it registered with; the rest of the set came implicitly.
    pub impu: Impu,
    /// What tells it from the other bindings.
    pub key: BindingKey,
    /// The Contact as registered.
    pub contact: Contact,
    /// The Path to it, one value a line (RFC 3327).
    pub path: Vec<Text>,
    /// The registration's Call-ID.
    pub call_id: CallId,
    /// The last CSeq number.
    pub cseq: u32,
    /// When it lapses; one that is bound by configuration never does.
    pub expires_at: Option<Instant>,
    /// When it was registered first.
    pub registered_at: Instant,
    /// When it was registered or refreshed last.
    pub refreshed_at: Instant,
    /// How it was authenticated.
    pub scheme: Scheme,
    /// Who vouched for it, as far as the trusted node said.
    pub entities: Entities,
    /// Its GRUUs, when they were asked for.
    pub gruus: Option<Gruus>,
    /// What happened to it last, as a watcher is told (RFC 3680 §3.7.2).
    pub event: ContactEvent,
    id: BindingId,
}

/// The GRUUs of a binding (RFC 5627).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gruus {
    /// The public one: always the same.
    pub public: String,
    /// The temporary ones, newest last; all are good as long as the Call-ID stays (§3.1.2).
    pub temporary: Vec<String>,
}

/// The most temporary GRUUs that a binding keeps.
const MAX_TEMP_GRUUS: usize = 16;

/// A binding that went, and what was left.
#[derive(Clone, Debug)]
pub(crate) struct Gone {
    pub(crate) set: SetId,
    pub(crate) binding: Binding,
    /// The distinct identities of its set.
    pub(crate) impus: Vec<Impu>,
    /// Whether its private identity has no binding of the set left: the HSS is to be told.
    pub(crate) last: bool,
    /// What its set was, when nothing of it is left.
    pub(crate) ended: Option<ServiceProfile>,
}

/// What a REGISTER changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Contact>,
    pub(crate) refreshed: Vec<Contact>,
    pub(crate) gone: Vec<Gone>,
    /// Bindings that made room for new ones.
    pub(crate) evicted: Vec<Gone>,
}

/// An implicit registration set, as long as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SetId(u64);

/// A binding, through all its refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(pub(crate) u64);

/// All registrations of an S-CSCF.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    sets: BTreeMap<SetId, Registration>,
    by_impu: HashMap<Impu, SetId>,
    by_range: HashMap<String, SetId>,
    /// Temporary GRUUs by their user part.
    by_gruu: HashMap<String, (SetId, BindingId)>,
    by_impi: HashMap<Impi, BTreeSet<SetId>>,
    expiries: BTreeSet<(Instant, SetId, BindingId)>,
    next_id: u64,
}

impl Registrar {
    /// The set that a distinct identity is registered in.
    pub(crate) fn find(&self, impu: &Impu) -> Option<&Registration> {
        self.sets.get(self.by_impu.get(impu)?)
    }

    /// The set that a distinct identity is registered in.
    pub(crate) fn set_of(&self, impu: &Impu) -> Option<SetId> {
        self.by_impu.get(impu).copied()
    }

    /// The set that a range is registered with.
    pub(crate) fn set_of_range(&self, range: &WildcardedImpu) -> Option<SetId> {
        self.by_range.get(range.as_str()).copied()
    }

    /// The set by its number.
    pub(crate) fn set(&self, id: SetId) -> Option<&Registration> {
        self.sets.get(&id)
    }

    /// Whether `impi` has a binding in the set of `impu`.
    pub(crate) fn is_registered(&self, impi: &Impi, impu: &Impu) -> bool {
        self.find(impu).is_some_and(|set| set.bindings.iter().any(|binding| binding.impi == *impi))
    }

    /// The sets that `impi` has bindings in.
    pub(crate) fn of(&self, impi: &Impi) -> impl Iterator<Item = &Registration> {
        self.by_impi.get(impi).into_iter().flatten().filter_map(|id| self.sets.get(id))
    }

    /// Whether `impi` has a binding at all.
    pub(crate) fn knows(&self, impi: &Impi) -> bool {
        self.by_impi.contains_key(impi)
    }

    /// How many bindings there are, those by configuration aside.
    pub(crate) fn len(&self) -> usize {
        self.expiries.len()
    }

    /// Whether every Contact of a REGISTER is bound already, and in the same way: nothing that the
    /// HSS would want to know changes.
    pub(crate) fn only_refreshes(&self, register: &Register) -> bool {
        let Change::Update(updates) = &register.change else { return false };
        let Some(set) = self.find(&register.impu) else { return false };
        updates.iter().all(|update| set.position(&register.impi, &update.key).is_some())
    }

    /// The rules of RFC 3261 §10.3 step 7 and of TS 33.203 P.3 on a REGISTER that is about to be
    /// acted on.
    pub(crate) fn check(&self, register: &Register, defects: Defects) -> Result<(), Refusal> {
        let Some(set) = self.find(&register.impu) else { return Ok(()) };
        let own = || set.bindings.iter().filter(|binding| binding.impi == register.impi);
        // One Call-ID is one registration: a user agent that starts anew takes another.
        let scheme = register.claim.scheme();
        let switches = own().any(|binding| binding.call_id == register.call_id && binding.scheme != scheme);
        if switches && !defects.has(Defect::SwitchesScheme) {
            return Err(Refusal::forbidden("the authentication scheme changes within a registration (TS 33.203 P.3)"));
        }
        let touched = |binding: &Binding| match &register.change {
            Change::Fetch => false,
            Change::RemoveAll => true,
            Change::Update(updates) => updates.iter().any(|update| update.key == binding.key),
        };
        let late = |binding: &Binding| binding.call_id == register.call_id && register.cseq <= binding.cseq;
        if own().any(|binding| touched(binding) && late(binding)) && !defects.has(Defect::TakesOldCseq) {
            let reason = "the CSeq is not above that of the binding (RFC 3261 10.3)";
            return Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, reason));
        }
        Ok(())
    }

    /// Takes a profile as the HSS gave it; the set of `impu` is made if there is none.
    pub(crate) fn put_profile(&mut self, impu: &Impu, profile: ServiceProfile) {
        let known = self.by_impu.get(impu).or_else(|| profile.distinct_impus().find_map(|i| self.by_impu.get(i)));
        let id = match known {
            Some(id) => *id,
            None => SetId(self.fresh_id()),
        };
        let indexed = profile.distinct_impus().chain([impu]).cloned().collect();
        self.put(id, profile, indexed);
    }

    fn put(&mut self, id: SetId, profile: ServiceProfile, indexed: BTreeSet<Impu>) {
        let ranges: BTreeSet<String> = profile.wildcards().map(|range| range.as_str().to_owned()).collect();
        let old = self.sets.remove(&id).unwrap_or_else(|| Registration::of(profile.clone()));
        self.unindex(id, &old);
        self.by_impu.extend(indexed.iter().map(|impu| (impu.clone(), id)));
        self.by_range.extend(ranges.iter().map(|range| (range.clone(), id)));
        self.sets.insert(id, Registration { profile, indexed, ranges, ..old });
    }

    /// Binds a contact by configuration, for as long as the HSS has the set registered. A set that
    /// has it already only gets the new profile.
    pub(crate) fn put_static(
        &mut self,
        now: Instant,
        impi: Impi,
        impu: &Impu,
        profile: ServiceProfile,
        (contact, path): (Contact, Vec<Text>),
    ) -> Option<(SetId, BindingId)> {
        self.put_profile(impu, profile);
        let id = self.set_of(impu)?;
        let own = BindingId(self.fresh_id());
        let set = self.sets.get_mut(&id)?;
        let key = BindingKey::Contact(contact.uri.clone());
        if set.position(&impi, &key).is_some() {
            return None;
        }
        set.bindings.push(Binding {
            impi: impi.clone(),
            impu: impu.clone(),
            key,
            contact,
            path,
            call_id: CallId("configuration".into()),
            cseq: 0,
            expires_at: None,
            registered_at: now,
            refreshed_at: now,
            scheme: Scheme::Tna,
            entities: Entities::default(),
            gruus: None,
            event: ContactEvent::Created,
            id: own,
        });
        self.by_impi.entry(impi).or_default().insert(id);
        Some((id, own))
    }

    /// The binding that a GRUU stands for, and its set (RFC 5627 §5.4).
    pub(crate) fn find_gruu(&self, uri: &SipUri) -> Option<(SetId, BindingId)> {
        if uri.params.value("gr").is_none() {
            return self.by_gruu.get(uri.user.as_deref()?).copied();
        }
        let id = self.set_of(&Impu::parse(&uri.to_string()).ok()?)?;
        let is = |gruu: &String| gruu.parse::<SipUri>().is_ok_and(|gruu| gruu.equivalent(uri));
        let of_binding = |binding: &&Binding| binding.gruus.as_ref().is_some_and(|gruus| is(&gruus.public));
        Some((id, self.sets.get(&id)?.bindings.iter().find(of_binding)?.id))
    }

    /// Removes some bindings; the last one of its set takes the set with it.
    pub(crate) fn remove_bindings(&mut self, set: SetId, bindings: &[BindingId]) -> Vec<Gone> {
        self.remove_where(set, |b| bindings.contains(&b.id))
    }

    /// Adds, refreshes and removes bindings as a REGISTER says, which [`Registrar::check`] passed.
    /// The set is there ([`Registrar::put_profile`]) unless nothing is added.
    pub(crate) fn apply(
        &mut self,
        now: Instant,
        register: &Register,
        max_bindings: usize,
        entropy: &mut dyn Entropy,
    ) -> Changes {
        let mut changes = Changes::default();
        let Some(&id) = self.by_impu.get(&register.impu) else { return changes };
        match &register.change {
            Change::Fetch => {}
            Change::RemoveAll => changes.gone = self.remove_where(id, |b| b.impi == register.impi),
            Change::Update(updates) => {
                for update in updates {
                    if update.expires == 0 {
                        let gone = self.remove_where(id, |b| b.impi == register.impi && b.key == update.key);
                        changes.gone.extend(gone);
                    } else if self.bind(now, id, register, update, entropy) {
                        changes.added.push(update.contact.clone());
                    } else {
                        changes.refreshed.push(update.contact.clone());
                    }
                }
                changes.evicted = self.evict(id, max_bindings);
            }
        }
        changes
    }

    /// Removes what lapsed until `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Gone> {
        let mut gone = Vec::new();
        while let Some((_, set, binding)) = self.expiries.first().filter(|(at, _, _)| *at <= now).copied() {
            gone.extend(self.remove_where(set, |b| b.id == binding));
        }
        gone
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _, _)| *at)
    }

    /// Removes the bindings of `impi` that `doomed` says true of, in the sets of `impus`, or in all
    /// of them when `impus` is empty.
    pub(crate) fn remove(
        &mut self,
        impi: &Impi,
        impus: &[Impu],
        doomed: impl Fn(&Registration, &Binding) -> bool,
    ) -> Vec<Gone> {
        let named: BTreeSet<SetId> = impus.iter().filter_map(|impu| self.by_impu.get(impu)).copied().collect();
        let sets: Vec<SetId> = self.by_impi.get(impi).into_iter().flatten().copied().collect();
        let mut gone = Vec::new();
        for id in sets.into_iter().filter(|id| impus.is_empty() || named.contains(id)) {
            let Some(set) = self.sets.get(&id) else { continue };
            let ids: Vec<BindingId> =
                set.bindings.iter().filter(|b| b.impi == *impi && doomed(set, b)).map(|b| b.id).collect();
            gone.extend(self.remove_where(id, |b| ids.contains(&b.id)));
        }
        gone
    }

    /// Ends the bindings of a set earlier, `seconds` from now, so that their users register again
    /// (TS 24.229 §5.4.1.6); those that were changed.
    pub(crate) fn shorten(&mut self, now: Instant, id: SetId, seconds: u32) -> Vec<BindingId> {
        let at = now + Duration::from_secs(seconds.into());
        let Some(set) = self.sets.get_mut(&id) else { return Vec::new() };
        let mut changed = Vec::new();
        for binding in set.bindings.iter_mut().filter(|binding| binding.expires_at.is_some_and(|old| old > at)) {
            if let Some(old) = binding.expires_at.replace(at) {
                self.expiries.remove(&(old, id, binding.id));
            }
            self.expiries.insert((at, id, binding.id));
            binding.event = ContactEvent::Shortened;
            changed.push(binding.id);
        }
        changed
    }

    /// Gives a set another profile. A binding whose public identity is not in it goes on under the
    /// default one.
    pub(crate) fn replace_profile(&mut self, id: SetId, profile: ServiceProfile) {
        let indexed = profile.distinct_impus().cloned().collect();
        self.put(id, profile, indexed);
        let Some(Registration { profile, bindings, .. }) = self.sets.get_mut(&id) else { return };
        for binding in bindings {
            if !profile.distinct_impus().any(|impu| *impu == binding.impu) {
                binding.impu = profile.default.clone();
            }
        }
    }

    /// The sets that `impi` has bindings in, by their numbers.
    pub(crate) fn sets_of(&self, impi: &Impi) -> Vec<SetId> {
        self.by_impi.get(impi).into_iter().flatten().copied().collect()
    }

    /// Changes the profiles of the sets that `impi` is registered in.
    pub(crate) fn update_profiles(&mut self, impi: &Impi, change: impl Fn(&mut ServiceProfile)) {
        for id in self.by_impi.get(impi).into_iter().flatten() {
            if let Some(set) = self.sets.get_mut(id) {
                change(&mut set.profile);
            }
        }
    }

    /// Adds or refreshes one binding; whether it is new.
    fn bind(
        &mut self,
        now: Instant,
        id: SetId,
        register: &Register,
        update: &Update,
        entropy: &mut dyn Entropy,
    ) -> bool {
        let fresh = BindingId(self.fresh_id());
        let Some(set) = self.sets.get_mut(&id) else { return false };
        let old = set.position(&register.impi, &update.key).map(|at| set.bindings.remove(at));
        // A binding keeps its number: those who watch it know it by that (RFC 3680 §5.1).
        let own = old.as_ref().map_or(fresh, |old| old.id);
        for gruu in old.iter().flat_map(Binding::temporary_users) {
            self.by_gruu.remove(&gruu);
        }
        if let Some(expires_at) = old.as_ref().and_then(|old| old.expires_at) {
            self.expiries.remove(&(expires_at, id, own));
        }
        let expires_at = now + Duration::from_secs(update.expires.into());
        let binding = Binding {
            impi: register.impi.clone(),
            impu: register.impu.clone(),
            key: update.key.clone(),
            contact: update.contact.clone(),
            path: register.path.clone(),
            call_id: register.call_id.clone(),
            cseq: register.cseq,
            expires_at: Some(expires_at),
            registered_at: old.as_ref().map_or(now, |old| old.registered_at),
            refreshed_at: now,
            scheme: register.claim.scheme(),
            entities: match &register.claim {
                Claim::Tna(entities) => entities.clone(),
                Claim::Digest(_) => Entities::default(),
            },
            gruus: Gruus::assign(register, update, old.as_ref(), entropy),
            event: if old.is_some() { ContactEvent::Refreshed } else { ContactEvent::Registered },
            id: own,
        };
        self.by_gruu.extend(binding.temporary_users().map(|gruu| (gruu, (id, own))));
        set.bindings.push(binding);
        self.expiries.insert((expires_at, id, own));
        self.by_impi.entry(register.impi.clone()).or_default().insert(id);
        old.is_none()
    }

    fn evict(&mut self, id: SetId, max_bindings: usize) -> Vec<Gone> {
        let excess = self.sets.get(&id).map_or(0, |set| set.bindings.len().saturating_sub(max_bindings.max(1)));
        let Some(set) = self.sets.get(&id).filter(|_| excess > 0) else { return Vec::new() };
        // The order of `bindings` is that of their last refresh.
        let lapsing = set.bindings.iter().filter(|binding| !binding.is_static());
        let oldest: Vec<BindingId> = lapsing.take(excess).map(|binding| binding.id).collect();
        self.remove_where(id, |binding| oldest.contains(&binding.id))
    }

    fn remove_where(&mut self, id: SetId, doomed: impl Fn(&Binding) -> bool) -> Vec<Gone> {
        let Some(set) = self.sets.get_mut(&id) else { return Vec::new() };
        let (gone, kept) = std::mem::take(&mut set.bindings).into_iter().partition(|binding| doomed(binding));
        set.bindings = kept;
        let gone: Vec<Binding> = gone;
        let impus: Vec<Impu> = set.profile.distinct_impus().cloned().collect();
        let stays = |impi: &Impi| set.bindings.iter().any(|binding| binding.impi == *impi);
        let lasts: Vec<bool> = gone
            .iter()
            .enumerate()
            .map(|(at, binding)| {
                // Of several that go together, the last one counts as the last.
                let later = gone.get(at + 1..).unwrap_or_default();
                !stays(&binding.impi) && !later.iter().any(|other| other.impi == binding.impi)
            })
            .collect();
        let empty = set.bindings.is_empty();
        for (binding, last) in gone.iter().zip(&lasts) {
            if let Some(expires_at) = binding.expires_at {
                self.expiries.remove(&(expires_at, id, binding.id));
            }
            for gruu in binding.temporary_users() {
                self.by_gruu.remove(&gruu);
            }
            if *last && let Some(sets) = self.by_impi.get_mut(&binding.impi) {
                sets.remove(&id);
                if sets.is_empty() {
                    self.by_impi.remove(&binding.impi);
                }
            }
        }
        let ended = if empty { self.sets.remove(&id) } else { None };
        if let Some(set) = &ended {
            self.unindex(id, set);
        }
        let ended = ended.map(|set| set.profile);
        let of = |(binding, last)| Gone { set: id, binding, impus: impus.clone(), last, ended: ended.clone() };
        gone.into_iter().zip(lasts).map(of).collect()
    }

    /// An identity that another set took over in the meantime stays with that.
    fn unindex(&mut self, id: SetId, set: &Registration) {
        for impu in &set.indexed {
            if self.by_impu.get(impu) == Some(&id) {
                self.by_impu.remove(impu);
            }
        }
        for range in &set.ranges {
            if self.by_range.get(range) == Some(&id) {
                self.by_range.remove(range);
            }
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

impl Registration {
    fn of(profile: ServiceProfile) -> Self {
        Self { profile, bindings: Vec::new(), indexed: BTreeSet::new(), ranges: BTreeSet::new() }
    }

    /// One of its bindings by its number.
    pub(crate) fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.id == id)
    }

    fn position(&self, impi: &Impi, key: &BindingKey) -> Option<usize> {
        self.bindings.iter().position(|binding| binding.impi == *impi && binding.key == *key)
    }
}

impl Binding {
    /// Its number.
    pub(crate) fn id(&self) -> BindingId {
        self.id
    }

    /// Whether it was bound by configuration, not by a REGISTER.
    pub fn is_static(&self) -> bool {
        self.expires_at.is_none()
    }

    /// The user parts of its temporary GRUUs.
    fn temporary_users(&self) -> impl Iterator<Item = String> + use<'_> {
        let gruus = self.gruus.iter().flat_map(|gruus| &gruus.temporary);
        gruus.filter_map(|gruu| gruu.parse::<SipUri>().ok()?.user.map(String::from))
    }

    /// For how many more seconds it is bound.
    pub(crate) fn seconds_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires_at?.since(now).as_millis().div_ceil(1000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// Its Path, topmost first.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let mut headers = sip::Headers::new();
        self.path.iter().for_each(|line| headers.push(HeaderName::Path, line.clone()));
        // It was read when it was registered.
        headers.all::<Path>().unwrap_or_default().into_iter().map(|path| Route(path.0)).collect()
    }
}

impl Gruus {
    fn assign(register: &Register, update: &Update, old: Option<&Binding>, entropy: &mut dyn Entropy) -> Option<Self> {
        // What no URI parameter can hold gets no GRUU (RFC 3261 §25.1 paramchar).
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&c);
        let instance = update.instance.as_ref().filter(|instance| register.gruu && instance.bytes().all(fits))?;
        let host = register.impu.host()?;
        let kept = old.filter(|old| old.call_id == register.call_id).and_then(|old| old.gruus.clone());
        let mut temporary = kept.map(|gruus| gruus.temporary).unwrap_or_default();
        if temporary.len() >= MAX_TEMP_GRUUS {
            temporary.remove(0);
        }
        temporary.push(format!("sip:tgruu.{}@{host};gr", entropy.token(26)));
        Some(Self { public: format!("{};gr={instance}", register.impu), temporary })
    }
}
