use std::collections::{BTreeMap, HashMap};

use ims::profile::Identity;
use ims::{Impi, Impu, WildcardedImpu};

use super::record::{ImplicitSet, Pool, Subscription};
use super::store::{Change, Snapshot, StoreError};

/// All records with what finds them, and what changed since the last commit.
#[derive(Default)]
pub(super) struct Directory {
    subscriptions: BTreeMap<String, Subscription>,
    pools: BTreeMap<String, Pool>,
    by_impi: HashMap<Impi, String>,
    by_impu: HashMap<Impu, String>,
    ranges: Vec<(WildcardedImpu, String)>,
    members: HashMap<String, usize>,
    /// The value of each changed record at the last commit.
    before: BTreeMap<String, Option<Subscription>>,
    pools_before: BTreeMap<String, Option<Pool>>,
}

/// What a public identity is to the HSS; a distinct match comes first
/// (TS 23.228 §4.3.3.2b).
pub(super) enum Found<'a> {
    /// Provisioned, or registered out of a pool.
    Distinct(Place<'a>),
    /// Within a wildcarded identity.
    InRange(Place<'a>, &'a WildcardedImpu),
    /// Of a pool, and not registered.
    OfPool,
    /// Nothing.
    Unknown,
}

/// An implicit set and where it is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) set: &'a ImplicitSet,
    /// Index of the set.
    pub(super) index: usize,
}

/// What two records both claim.
pub(super) enum Conflict {
    Impi(Impi),
    Impu(Impu),
    Range(WildcardedImpu),
}

impl Directory {
    pub(super) fn load(snapshot: Snapshot) -> Result<Self, StoreError> {
        let mut directory = Self::default();
        for pool in snapshot.pools {
            directory.pools.insert(pool.name.clone(), pool);
        }
        for subscription in snapshot.subscriptions {
            if directory.conflict(&subscription).is_some() {
                return Err(StoreError::Corrupt(subscription.name));
            }
            directory.index(&subscription);
            directory.subscriptions.insert(subscription.name.clone(), subscription);
        }
        Ok(directory)
    }

    pub(super) fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values()
    }

    pub(super) fn subscription(&self, name: &str) -> Option<&Subscription> {
        self.subscriptions.get(name)
    }

    pub(super) fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.get(name)
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    /// How many identities of a pool are registered.
    pub(super) fn members(&self, pool: &str) -> usize {
        self.members.get(pool).copied().unwrap_or(0)
    }

    pub(super) fn of_impi(&self, impi: &Impi) -> Option<&Subscription> {
        self.by_impi.get(impi).and_then(|name| self.subscriptions.get(name))
    }

    pub(super) fn find(&self, impu: &Impu) -> Found<'_> {
        if let Some(subscription) = self.by_impu.get(impu).and_then(|name| self.subscriptions.get(name)) {
            let holds = |set: &&ImplicitSet| set.profile.distinct_impus().any(|i| i == impu);
            if let Some(place) = place(subscription, holds) {
                return Found::Distinct(place);
            }
        }
        // Ranges that overlap are refused when they are provisioned, so the first is the only one.
        if let Some((range, name)) = self.ranges.iter().find(|(range, _)| range.matches(impu))
            && let Some(place) = self.place_of_range(range, name)
        {
            return Found::InRange(place, range);
        }
        match self.pools.values().any(|pool| pool.impus.matches(impu)) {
            true => Found::OfPool,
            false => Found::Unknown,
        }
    }

    /// Finds what a SAR names: a distinct identity or a range itself.
    pub(super) fn find_identity(&self, identity: &Identity) -> Found<'_> {
        match identity {
            Identity::Distinct(impu) => self.find(impu),
            Identity::Wildcard(range) => self.find_range(range),
        }
    }

    pub(super) fn find_range(&self, range: &WildcardedImpu) -> Found<'_> {
        self.ranges
            .iter()
            .find(|(known, _)| known == range)
            .and_then(|(known, name)| Some(Found::InRange(self.place_of_range(known, name)?, known)))
            .unwrap_or(Found::Unknown)
    }

    /// The pool that a pair belongs to, when neither of the two is provisioned
    /// otherwise or in use by another (TS 29.228 §6.1.1.1 step 0).
    pub(super) fn pool_of(&self, impi: &Impi, impu: &Impu) -> Option<&Pool> {
        let pool = self.pools.values().find(|pool| pool.pairs(impi, impu))?;
        let of_pool = |name: &String| {
            self.subscriptions
                .get(name)
                .is_some_and(|s| s.pool.as_ref() == Some(&pool.name) && s.users.contains_key(impi))
        };
        let free = self.by_impi.get(impi).is_none_or(of_pool) && self.by_impu.get(impu).is_none_or(of_pool);
        free.then_some(pool)
    }

    /// An identity of a new or changed subscription that another one has.
    pub(super) fn conflict(&self, subscription: &Subscription) -> Option<Conflict> {
        let other = |name: &String| *name != subscription.name;
        if let Some(impi) = subscription.users.keys().find(|impi| self.by_impi.get(*impi).is_some_and(other)) {
            return Some(Conflict::Impi(impi.clone()));
        }
        let mut impus = subscription.sets.iter().flat_map(|set| set.profile.distinct_impus());
        if let Some(impu) = impus.find(|impu| self.by_impu.get(*impu).is_some_and(other)) {
            return Some(Conflict::Impu(impu.clone()));
        }
        let mut ranges = subscription.sets.iter().flat_map(|set| set.profile.wildcards());
        let taken =
            |range: &&WildcardedImpu| self.ranges.iter().any(|(known, name)| other(name) && known.overlaps(range));
        ranges.find(taken).cloned().map(Conflict::Range)
    }

    pub(super) fn put(&mut self, subscription: Subscription) {
        let name = subscription.name.clone();
        let old = self.subscriptions.get(&name);
        if old == Some(&subscription) {
            return;
        }
        let old = old.cloned();
        if let Some(old) = &old {
            self.unindex(old);
        }
        self.before.entry(name.clone()).or_insert(old);
        self.index(&subscription);
        self.subscriptions.insert(name, subscription);
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(old) = self.subscriptions.remove(name) {
            self.unindex(&old);
            self.before.entry(name.to_owned()).or_insert(Some(old));
        }
    }

    pub(super) fn put_pool(&mut self, pool: Pool) {
        let name = pool.name.clone();
        let old = self.pools.insert(name.clone(), pool);
        self.pools_before.entry(name).or_insert(old);
    }

    /// What differs from the last commit.
    pub(super) fn changes(&self) -> Vec<Change<'_>> {
        let subscriptions = self.before.keys().map(|name| Change::Subscription(name, self.subscriptions.get(name)));
        let pools = self.pools_before.keys().map(|name| Change::Pool(name, self.pools.get(name)));
        subscriptions.chain(pools).collect()
    }

    /// The changes are durable.
    pub(super) fn settle(&mut self) {
        self.before.clear();
        self.pools_before.clear();
    }

    /// Goes back to the last commit.
    pub(super) fn undo(&mut self) {
        for (name, old) in std::mem::take(&mut self.before) {
            if let Some(new) = self.subscriptions.remove(&name) {
                self.unindex(&new);
            }
            if let Some(old) = old {
                self.index(&old);
                self.subscriptions.insert(name, old);
            }
        }
        for (name, old) in std::mem::take(&mut self.pools_before) {
            match old {
                Some(old) => self.pools.insert(name, old),
                None => self.pools.remove(&name),
            };
        }
    }

    fn place_of_range(&self, range: &WildcardedImpu, name: &str) -> Option<Place<'_>> {
        let holds = |set: &&ImplicitSet| set.profile.wildcards().any(|known| known == range);
        place(self.subscriptions.get(name)?, holds)
    }

    fn index(&mut self, subscription: &Subscription) {
        let name = &subscription.name;
        self.by_impi.extend(subscription.users.keys().map(|impi| (impi.clone(), name.clone())));
        for set in &subscription.sets {
            self.by_impu.extend(set.profile.distinct_impus().map(|impu| (impu.clone(), name.clone())));
            self.ranges.extend(set.profile.wildcards().map(|range| (range.clone(), name.clone())));
        }
        if let Some(pool) = &subscription.pool {
            *self.members.entry(pool.clone()).or_default() += 1;
        }
    }

    fn unindex(&mut self, subscription: &Subscription) {
        for impi in subscription.users.keys() {
            self.by_impi.remove(impi);
        }
        for impu in subscription.sets.iter().flat_map(|set| set.profile.distinct_impus()) {
            self.by_impu.remove(impu);
        }
        self.ranges.retain(|(_, name)| *name != subscription.name);
        if let Some(count) = subscription.pool.as_ref().and_then(|pool| self.members.get_mut(pool)) {
            *count = count.saturating_sub(1);
        }
    }
}

fn place<'a>(subscription: &'a Subscription, holds: impl Fn(&&'a ImplicitSet) -> bool) -> Option<Place<'a>> {
    let index = subscription.sets.iter().position(|set| holds(&set))?;
    Some(Place { subscription, set: subscription.sets.get(index)?, index })
}
