use ims::profile::Identity;
use ims::{Defect, Impi, WildcardedImpu};

use super::Hss;
use super::directory::{Found, Place};
use super::record::{ImplicitSet, Registration, Subscription};
use crate::cx::{AssignmentType, ResultCode, Saa, Sar, ServerName, UserData};

/// One set that a SAR is about.
struct Target {
    subscription: Subscription,
    /// Index of the set.
    index: usize,
    /// The range, when the identity is not a distinct one.
    range: Option<WildcardedImpu>,
}

impl Hss {
    /// The decision on a SAR, in the order of TS 29.228 §6.1.2.1.
    pub(super) fn assign(&mut self, sar: &Sar) -> Saa {
        match self.try_assign(sar) {
            Ok(answer) => answer,
            Err(answer) => *answer,
        }
    }

    fn try_assign(&mut self, sar: &Sar) -> Result<Saa, Box<Saa>> {
        let targets = self.targets(sar)?;
        let strays = |target: &Target| match &sar.user_name {
            Some(impi) => !target.set().is_some_and(|set| set.impis.contains(impi)),
            None => false,
        };
        if targets.iter().any(strays) {
            return refuse(ResultCode::IdentitiesDontMatch);
        }
        let takes_many = sar.assignment_type.takes_many() || self.has(Defect::TakesManyIdentities);
        if sar.public_identities.len() > 1 && !takes_many {
            return refuse(ResultCode::AvpOccursTooManyTimes);
        }
        self.check_distinct(sar, &targets)?;
        if !self.has(Defect::AssignsTwice) {
            check_server(sar, &targets)?;
        }
        if !sar.assignment_type.is_deregistration() && targets.iter().any(|t| self.pool_is_full(&t.subscription)) {
            return refuse(ResultCode::UnableToComply);
        }
        match sar.assignment_type {
            AssignmentType::Registration | AssignmentType::ReRegistration => self.register(sar, targets),
            AssignmentType::NoAssignment => Ok(profile_answer(sar, targets.first())),
            AssignmentType::UnregisteredUser => Ok(self.serve_unregistered(sar, targets)),
            AssignmentType::AuthenticationFailure | AssignmentType::AuthenticationTimeout => {
                Ok(self.forget_challenge(sar, targets))
            }
            _ => Ok(self.deregister(sar, targets)),
        }
    }

    /// Step 1: everything that is named exists. A pool pair is synthesised,
    /// because the exemption of UAR has no counterpart here.
    fn targets(&self, sar: &Sar) -> Result<Vec<Target>, Box<Saa>> {
        let kind = sar.assignment_type;
        let needs_user = matches!(
            kind,
            AssignmentType::Registration
                | AssignmentType::ReRegistration
                | AssignmentType::AuthenticationFailure
                | AssignmentType::AuthenticationTimeout
        );
        match &sar.user_name {
            None if needs_user || sar.public_identities.is_empty() => return refuse(ResultCode::MissingAvp),
            Some(_) if sar.public_identities.is_empty() && !kind.takes_many() => {
                return refuse(ResultCode::MissingAvp);
            }
            _ => {}
        }
        let pooled = sar.user_name.as_ref().and_then(|impi| self.pool_target(impi, &sar.public_identities));
        if let Some(target) = pooled {
            return Ok(vec![target]);
        }
        let user = match &sar.user_name {
            Some(impi) => match self.directory.of_impi(impi) {
                Some(subscription) => Some((impi, subscription)),
                None => return refuse(ResultCode::UserUnknown),
            },
            None => None,
        };
        if let (true, Some((impi, subscription))) = (sar.public_identities.is_empty(), user) {
            return Ok(all_sets(impi, subscription));
        }
        let mut targets: Vec<Target> = Vec::new();
        for identity in &sar.public_identities {
            let found = match &sar.wildcarded {
                Some(range) if !range_holds(range, identity) => Found::Unknown,
                Some(range) => self.directory.find_range(range),
                None => self.directory.find_identity(identity),
            };
            let target = match found {
                Found::Distinct(place) => Target::new(place, None),
                Found::InRange(place, range) => Target::new(place, Some(range)),
                Found::OfPool | Found::Unknown => return refuse(ResultCode::UserUnknown),
            };
            let known = |t: &Target| t.subscription.name == target.subscription.name && t.index == target.index;
            // Identities of one set go together (TS 29.228 §6.5.2): each set once.
            if !targets.iter().any(known) {
                targets.push(target);
            }
        }
        Ok(targets)
    }

    fn pool_target(&self, impi: &Impi, identities: &[Identity]) -> Option<Target> {
        let [Identity::Distinct(impu)] = identities else {
            return None;
        };
        let pool = self.directory.pool_of(impi, impu)?;
        let held = self.directory.of_impi(impi).cloned();
        Some(Target { subscription: held.unwrap_or_else(|| pool.synthesise(impi, impu)), index: 0, range: None })
    }

    fn register(&mut self, sar: &Sar, targets: Vec<Target>) -> Result<Saa, Box<Saa>> {
        let (Some(mut target), Some(impi)) = (targets.into_iter().next(), &sar.user_name) else {
            return refuse(ResultCode::MissingAvp);
        };
        if let Some(set) = target.set_mut() {
            set.pending.remove(impi);
            set.registration.register(impi, &sar.server_name);
        }
        let answer = profile_answer(sar, Some(&target));
        self.directory.put(target.subscription);
        Ok(answer)
    }

    fn serve_unregistered(&mut self, sar: &Sar, targets: Vec<Target>) -> Saa {
        let Some(mut target) = targets.into_iter().next() else {
            return Saa::of(ResultCode::MissingAvp);
        };
        if let Some(set) = target.set_mut()
            && set.registration == Registration::NotRegistered
        {
            set.registration = Registration::Unregistered { server: sar.server_name.clone() };
        }
        let answer = profile_answer(sar, Some(&target));
        self.directory.put(target.subscription);
        answer
    }

    /// The pending flag goes; the S-CSCF name goes with it when it had no other hold.
    fn forget_challenge(&mut self, sar: &Sar, targets: Vec<Target>) -> Saa {
        for mut target in targets {
            if let (Some(set), Some(impi)) = (target.set_mut(), &sar.user_name)
                && set.pending.get(impi) == Some(&sar.server_name)
            {
                set.pending.remove(impi);
                if self.has(Defect::FailureUnregisters) {
                    set.registration.leave(Some(impi), false);
                }
            }
            self.keep(target.subscription);
        }
        Saa::of(ResultCode::Success)
    }

    fn deregister(&mut self, sar: &Sar, targets: Vec<Target>) -> Saa {
        let keep_name = matches!(
            sar.assignment_type,
            AssignmentType::TimeoutDeregistrationStoreServerName | AssignmentType::UserDeregistrationStoreServerName
        );
        let mut all_kept = true;
        for target in targets {
            // An earlier target of the same subscription may have changed it.
            let held = self.directory.subscription(&target.subscription.name).cloned();
            let mut subscription = held.unwrap_or(target.subscription);
            if let Some(set) = subscription.sets.get_mut(target.index) {
                match &sar.user_name {
                    Some(impi) => set.pending.remove(impi),
                    None => None,
                };
                let keep = keep_name && set.unregistered_services;
                let who = sar.user_name.as_ref().filter(|_| !self.has(Defect::EndsShared));
                all_kept &= set.registration.leave(who, keep);
            }
            self.keep(subscription);
        }
        match keep_name && !all_kept {
            true => Saa::of(ResultCode::SuccessServerNameNotStored),
            false => Saa::of(ResultCode::Success),
        }
    }

    /// Stores a subscription, unless it was synthesised and nothing needs it any more.
    pub(super) fn keep(&mut self, subscription: Subscription) {
        let idle = |set: &ImplicitSet| set.registration == Registration::NotRegistered && set.pending.is_empty();
        match subscription.pool.is_some() && subscription.sets.iter().all(idle) {
            true => self.directory.remove(&subscription.name),
            false => self.directory.put(subscription),
        }
    }

    /// Step 4: what only a distinct identity may do, and the registered wildcard.
    fn check_distinct(&self, sar: &Sar, targets: &[Target]) -> Result<(), Box<Saa>> {
        let distinct_only = matches!(sar.assignment_type.code(), 1 | 2 | 5 | 7 | 9 | 10);
        for target in targets {
            let Some(range) = &target.range else {
                continue;
            };
            if distinct_only && !self.has(Defect::RegistersWildcards) {
                return refuse(ResultCode::InAssignmentType);
            }
            let keyless =
                sar.wildcarded.is_none() && sar.public_identities.iter().any(|i| matches!(i, Identity::Distinct(_)));
            let registered = target.set().is_some_and(|set| set.registration.is_registered());
            if sar.assignment_type == AssignmentType::UnregisteredUser && keyless && registered {
                let wildcarded = Some(range.clone()).filter(|_| !self.has(Defect::HidesWildcard));
                return Err(Box::new(Saa { wildcarded, ..Saa::of(ResultCode::InAssignmentType) }));
            }
        }
        Ok(())
    }

    fn pool_is_full(&self, subscription: &Subscription) -> bool {
        let pool = subscription.pool.as_ref().and_then(|name| self.directory.pool(name));
        let new = self.directory.subscription(&subscription.name).is_none();
        pool.is_some_and(|pool| new && self.directory.members(&pool.name) >= pool.max_users)
    }
}

impl Target {
    fn new(place: Place<'_>, range: Option<&WildcardedImpu>) -> Self {
        Self { subscription: place.subscription.clone(), index: place.index, range: range.cloned() }
    }

    fn set(&self) -> Option<&ImplicitSet> {
        self.subscription.sets.get(self.index)
    }

    fn set_mut(&mut self) -> Option<&mut ImplicitSet> {
        self.subscription.sets.get_mut(self.index)
    }
}

impl Registration {
    fn register(&mut self, impi: &Impi, by: &ServerName) {
        match self {
            Self::Registered { server, impis } => {
                *server = by.clone();
                impis.insert(impi.clone());
            }
            _ => *self = Self::Registered { server: by.clone(), impis: [impi.clone()].into() },
        }
    }

    /// One private identity leaves, or with `None` all do. Whether the S-CSCF name is kept.
    ///
    /// A shared identity stays registered while another private identity holds it.
    pub(super) fn leave(&mut self, impi: Option<&Impi>, keep_name: bool) -> bool {
        let server = match self {
            Self::NotRegistered => return false,
            Self::Unregistered { server } => server.clone(),
            Self::Registered { server, impis } => {
                match impi {
                    Some(impi) => {
                        impis.remove(impi);
                    }
                    None => impis.clear(),
                }
                if !impis.is_empty() {
                    return true;
                }
                server.clone()
            }
        };
        *self = match keep_name {
            true => Self::Unregistered { server },
            false => Self::NotRegistered,
        };
        keep_name
    }
}

/// Step 5: one S-CSCF serves a subscription.
fn check_server(sar: &Sar, targets: &[Target]) -> Result<(), Box<Saa>> {
    for target in targets {
        let serving = target.subscription.server();
        let challenging = match (target.set(), &sar.user_name) {
            (Some(set), Some(impi)) => set.pending.get(impi),
            _ => None,
        };
        let other = |name: Option<&ServerName>| name.filter(|name| **name != sar.server_name).cloned();
        match sar.assignment_type {
            AssignmentType::Registration | AssignmentType::ReRegistration => {
                if let Some(name) = other(serving.or(challenging)) {
                    return already_registered(name);
                }
            }
            AssignmentType::UnregisteredUser => {
                if let Some(name) = other(serving) {
                    return already_registered(name);
                }
            }
            // A profile goes only to the S-CSCF that serves the identity.
            AssignmentType::NoAssignment => {
                if target.set().and_then(|set| set.registration.server()) != Some(&sar.server_name) {
                    return refuse(ResultCode::UnableToComply);
                }
            }
            AssignmentType::AuthenticationFailure | AssignmentType::AuthenticationTimeout => {}
            // An S-CSCF that lost the user to another one must not end its registration there.
            _ => {
                if other(target.set().and_then(|set| set.registration.server())).is_some() {
                    return refuse(ResultCode::UnableToComply);
                }
            }
        }
    }
    Ok(())
}

fn profile_answer(sar: &Sar, target: Option<&Target>) -> Saa {
    let Some((target, set)) = target.and_then(|target| Some((target, target.set()?))) else {
        return Saa::of(ResultCode::UserUnknown);
    };
    let impi = sar.user_name.as_ref().or_else(|| set.impis.first());
    let user_data = match impi {
        Some(impi) if !sar.user_data_already_available => {
            Some(UserData { impi: impi.clone(), profile: set.profile.clone() })
        }
        _ => None,
    };
    let associated = target.subscription.users.keys().filter(|known| Some(*known) != impi).cloned().collect();
    Saa { user_data, associated, wildcarded: target.range.clone(), ..Saa::of(ResultCode::Success) }
}

fn all_sets(impi: &Impi, subscription: &Subscription) -> Vec<Target> {
    let used = subscription.sets.iter().enumerate().filter(|(_, set)| set.impis.contains(impi));
    used.map(|(index, _)| Target { subscription: subscription.clone(), index, range: None }).collect()
}

fn range_holds(range: &WildcardedImpu, identity: &Identity) -> bool {
    match identity {
        Identity::Distinct(impu) => range.matches(impu),
        Identity::Wildcard(named) => named == range,
    }
}

fn already_registered<T>(name: ServerName) -> Result<T, Box<Saa>> {
    Err(Box::new(Saa { server_name: Some(name), ..Saa::of(ResultCode::IdentityAlreadyRegistered) }))
}

fn refuse<T>(result: ResultCode) -> Result<T, Box<Saa>> {
    Err(Box::new(Saa::of(result)))
}
