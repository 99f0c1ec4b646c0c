mod identities;
mod termination;

use std::collections::BTreeMap;

use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use ims::{Impi, Impu, Password};
use serde::{Deserialize, Serialize};

use super::directory::{Conflict, Found};
use super::push;
use super::record::{Authentication, ImplicitSet, Pool, Registration, Subscription};
use super::{Hss, Push};
use crate::cx::{Capacity, DeregistrationReason, DigestAuthenticate, Ppr, ServerName};

/// What an operator asks of the HSS.
///
/// Serialises to one JSON object, so that a command line can send it to the
/// process that has the store open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Adds a subscriber.
    AddUser(Subscriber),
    /// Lists private identities with their public ones.
    ListUsers,
    /// Removes a private identity, and with the last one its subscription.
    RemoveUser {
        /// Who.
        impi: Impi,
    },
    /// Bars a public identity, or opens it again.
    SetBarred {
        /// Which.
        impu: Impu,
        /// Barred or not.
        barred: bool,
    },
    /// Gives a private identity another password.
    SetPassword {
        /// Who.
        impi: Impi,
        /// The new password.
        password: Password,
    },
    /// Replaces the WAFs and WWSFs that may register the set of an identity.
    SetAllowed {
        /// An identity of the set.
        impu: Impu,
        /// WAFs.
        wafs: Vec<String>,
        /// WWSFs.
        wwsfs: Vec<String>,
    },
    /// Ends the registration of the set of an identity.
    Deregister {
        /// An identity of the set, or one in its range.
        impu: Impu,
        /// What the S-CSCF is told.
        reason: DeregistrationReason,
    },
    /// Ends every registration of a private identity.
    DeregisterUser {
        /// Who.
        impi: Impi,
        /// What the S-CSCF is told.
        reason: DeregistrationReason,
    },
    /// Changes the public identities of a private identity, in the first of its sets.
    ChangeIdentities {
        /// Whose.
        impi: Impi,
        /// The new default public identity; none leaves it, or takes the first when it is removed.
        default: Option<Impu>,
        /// What is added.
        add: Vec<Identity>,
        /// What is removed.
        remove: Vec<Identity>,
    },
}

/// A subscriber to add: one private identity with one implicit set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscriber {
    /// The private identity.
    pub impi: Impi,
    /// The digest password; none for a user that only a trusted node vouches for.
    #[serde(default)]
    pub password: Option<Password>,
    /// The public identities, the default one first.
    pub impus: Vec<Impu>,
    /// WAFs that may vouch for them.
    #[serde(default)]
    pub allowed_wafs: Vec<String>,
    /// WWSFs that may register them.
    #[serde(default)]
    pub allowed_wwsfs: Vec<String>,
}

/// What the HSS answers to an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminAnswer {
    /// It is done.
    Done,
    /// The private identities, those registered out of a pool too.
    Users(Vec<UserInfo>),
}

/// A private identity, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The private identity.
    pub impi: Impi,
    /// Whether it has a digest password.
    pub digest: bool,
    /// The pool that it came from.
    pub pool: Option<String>,
    /// Its public identities, in provisioned order.
    pub identities: Vec<PublicIdentity>,
    /// Whether this private identity is registered.
    pub registered: bool,
    /// The S-CSCF that serves it.
    pub server: Option<ServerName>,
}

/// Why an operator's request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum AdminError {
    /// An identity belongs to a subscription already.
    #[error("{0} is in use already")]
    Taken(String),
    /// No such identity is provisioned.
    #[error("{0} is not provisioned")]
    Unknown(String),
    /// Nothing is registered that could be ended.
    #[error("{0} is not registered")]
    NotRegistered(String),
    /// The request contradicts itself or a rule.
    #[error("{0}")]
    Invalid(String),
    /// The store failed; nothing changed.
    #[error("{0}")]
    Store(String),
}

impl Hss {
    /// Does what an operator asks; pushes that follow wait in [`Hss::poll_push`].
    ///
    /// # Errors
    /// Then nothing changed.
    pub fn admin(&mut self, request: AdminRequest) -> Result<AdminAnswer, AdminError> {
        let (answer, pushes) = self.apply(request).inspect_err(|_| self.directory.undo())?;
        self.settle_admin(pushes)?;
        Ok(answer)
    }

    /// Adds a subscription whole: several private identities, sets, ranges, a state.
    ///
    /// # Errors
    /// When an identity is taken, a range overlaps another, or a set is inconsistent.
    pub fn provision(&mut self, subscription: Subscription) -> Result<(), AdminError> {
        self.check_new(&subscription)?;
        self.directory.put(subscription);
        self.settle_admin(Vec::new())
    }

    /// Adds a pool of identities that a third party manages, or changes it.
    ///
    /// # Errors
    /// When it overlaps another pool.
    pub fn provision_pool(&mut self, pool: Pool) -> Result<(), AdminError> {
        let clash = |other: &&Pool| {
            other.name != pool.name && (other.impis.overlaps(&pool.impis) || other.impus.overlaps(&pool.impus))
        };
        if let Some(other) = self.directory.pools().find(clash) {
            return Err(AdminError::Invalid(format!("pool {} overlaps pool {}", pool.name, other.name)));
        }
        if self.directory.pool(&pool.name) != Some(&pool) {
            self.directory.put_pool(pool);
        }
        self.settle_admin(Vec::new())
    }

    fn apply(&mut self, request: AdminRequest) -> Result<(AdminAnswer, Vec<Push>), AdminError> {
        let pushes = match request {
            AdminRequest::ListUsers => return Ok((AdminAnswer::Users(self.users()), Vec::new())),
            AdminRequest::AddUser(subscriber) => {
                let subscription = subscriber.subscription(&self.config.home_network)?;
                self.check_new(&subscription)?;
                self.directory.put(subscription);
                Vec::new()
            }
            AdminRequest::RemoveUser { impi } => self.remove_user(&impi)?,
            AdminRequest::SetBarred { impu, barred } => self.set_barred(&impu, barred)?,
            AdminRequest::SetPassword { impi, password } => self.set_password(&impi, &password)?,
            AdminRequest::SetAllowed { impu, wafs, wwsfs } => self.set_allowed(&impu, wafs, wwsfs)?,
            AdminRequest::Deregister { impu, reason } => self.end_registration(&impu, reason)?,
            AdminRequest::DeregisterUser { impi, reason } => self.end_registrations(&impi, reason)?,
            AdminRequest::ChangeIdentities { impi, default, add, remove } => {
                self.change_identities(&impi, default, add, &remove)?
            }
        };
        Ok((AdminAnswer::Done, pushes))
    }

    fn settle_admin(&mut self, pushes: Vec<Push>) -> Result<(), AdminError> {
        self.commit().map_err(|error| AdminError::Store(error.to_string()))?;
        self.outbox.extend(pushes);
        Ok(())
    }

    fn users(&self) -> Vec<UserInfo> {
        let infos = |subscription: &Subscription| -> Vec<UserInfo> {
            subscription.users.iter().map(|(impi, auth)| user_info(subscription, impi, auth)).collect()
        };
        self.directory.subscriptions().flat_map(infos).collect()
    }

    fn check_new(&self, subscription: &Subscription) -> Result<(), AdminError> {
        if self.directory.subscription(&subscription.name).is_some() {
            return Err(AdminError::Taken(subscription.name.clone()));
        }
        self.check(subscription)
    }

    /// The rules on a new or changed subscription: by itself, and beside the others.
    fn check(&self, subscription: &Subscription) -> Result<(), AdminError> {
        check_consistent(subscription)?;
        match self.directory.conflict(subscription) {
            Some(Conflict::Impi(impi)) => Err(AdminError::Taken(impi.to_string())),
            Some(Conflict::Impu(impu)) => Err(AdminError::Taken(impu.to_string())),
            Some(Conflict::Range(range)) => {
                Err(AdminError::Invalid(format!("{range} overlaps another range (TS 23.228 §4.3.3.2b)")))
            }
            None => Ok(()),
        }
    }

    fn set_barred(&mut self, impu: &Impu, barred: bool) -> Result<Vec<Push>, AdminError> {
        self.change_set(impu, |set| {
            for entry in &mut set.profile.impus {
                if entry.identity == Identity::Distinct(impu.clone()) {
                    entry.barred = barred;
                }
            }
            push::profile(set)
        })
    }

    fn set_allowed(&mut self, impu: &Impu, wafs: Vec<String>, wwsfs: Vec<String>) -> Result<Vec<Push>, AdminError> {
        self.change_set(impu, |set| {
            set.profile.allowed_wafs = wafs;
            set.profile.allowed_wwsfs = wwsfs;
            push::allowed(set)
        })
    }

    fn set_password(&mut self, impi: &Impi, password: &Password) -> Result<Vec<Push>, AdminError> {
        let mut subscription = self.provisioned(impi)?;
        let auth = digest(impi, &self.config.home_network, password)?;
        subscription.users.insert(impi.clone(), Authentication::Digest(auth.clone()));
        let serving = subscription.sets.iter().find(|set| match &set.registration {
            Registration::Registered { impis, .. } => impis.contains(impi),
            _ => false,
        });
        let to = serving.and_then(|set| set.registration.server()).cloned();
        self.directory.put(subscription);
        let ppr = Ppr { user_name: impi.clone(), user_data: None, auth: Some(auth), allowed: None };
        Ok(to.into_iter().map(|to| Push { to, message: ppr.clone().into() }).collect())
    }

    /// Changes the set that an identity is in, or falls into the range of.
    fn change_set(
        &mut self,
        impu: &Impu,
        change: impl FnOnce(&mut ImplicitSet) -> Option<Push>,
    ) -> Result<Vec<Push>, AdminError> {
        let (Found::Distinct(place) | Found::InRange(place, _)) = self.directory.find(impu) else {
            return Err(AdminError::Unknown(impu.to_string()));
        };
        let mut subscription = place.subscription.clone();
        let push = subscription.sets.get_mut(place.index).and_then(change);
        self.keep(subscription);
        Ok(push.into_iter().collect())
    }

    /// The subscription of a private identity that an operator provisioned.
    fn provisioned(&self, impi: &Impi) -> Result<Subscription, AdminError> {
        match self.directory.of_impi(impi) {
            Some(subscription) if subscription.pool.is_none() => Ok(subscription.clone()),
            _ => Err(AdminError::Unknown(impi.to_string())),
        }
    }
}

impl Subscriber {
    /// The subscription that this describes, named after its private identity.
    pub(super) fn subscription(self, realm: &str) -> Result<Subscription, AdminError> {
        let Some(default) = self.impus.first() else {
            return Err(AdminError::Invalid("a subscriber needs a public identity".into()));
        };
        let auth = match &self.password {
            Some(password) => Authentication::Digest(digest(&self.impi, realm, password)?),
            None => Authentication::TrustedNode,
        };
        let profile = ServiceProfile {
            default: default.clone(),
            impus: self.impus.into_iter().map(PublicIdentity::distinct).collect(),
            loose_route: false,
            allowed_wafs: self.allowed_wafs,
            allowed_wwsfs: self.allowed_wwsfs,
        };
        Ok(Subscription {
            name: self.impi.to_string(),
            users: BTreeMap::from([(self.impi.clone(), auth)]),
            sets: vec![ImplicitSet::new(profile, [self.impi])],
            pool: None,
        })
    }
}

fn digest(impi: &Impi, realm: &str, password: &Password) -> Result<DigestAuthenticate, AdminError> {
    match password.expose().len() {
        1..=256 => Ok(DigestAuthenticate::of_password(impi, realm, password)),
        _ => Err(AdminError::Invalid("a password has 1 to 256 octets".into())),
    }
}

/// The rules on a subscription by itself.
fn check_consistent(subscription: &Subscription) -> Result<(), AdminError> {
    let invalid = |text: &str| Err(AdminError::Invalid(text.to_owned()));
    if subscription.users.is_empty() || subscription.sets.is_empty() {
        return invalid("a subscription needs a private identity and an implicit set");
    }
    let capacity = Capacity::default();
    let mut distinct: Vec<&Impu> = Vec::new();
    let mut ranges = Vec::new();
    for set in &subscription.sets {
        if set.profile.impus.len() > capacity.identities {
            return invalid("too many public identities in one implicit set");
        }
        if !set.profile.distinct_impus().any(|impu| *impu == set.profile.default) {
            return invalid("the default public identity is a distinct one of its set (TS 29.228 §6.5.1.1)");
        }
        if set.impis.is_empty() || !set.impis.iter().all(|impi| subscription.users.contains_key(impi)) {
            return invalid("an implicit set belongs to private identities of its subscription");
        }
        if let Registration::Registered { impis, .. } = &set.registration
            && (impis.is_empty() || !impis.is_subset(&set.impis))
        {
            return invalid("only private identities of a set can be registered in it");
        }
        for impu in set.profile.distinct_impus() {
            if distinct.contains(&impu) {
                return Err(AdminError::Taken(impu.to_string()));
            }
            distinct.push(impu);
        }
        for range in set.profile.wildcards() {
            if ranges.iter().any(|other: &&ims::WildcardedImpu| other.overlaps(range)) {
                return Err(AdminError::Invalid(format!("{range} overlaps another range (TS 23.228 §4.3.3.2b)")));
            }
            ranges.push(range);
        }
    }
    Ok(())
}

fn user_info(subscription: &Subscription, impi: &Impi, auth: &Authentication) -> UserInfo {
    let sets = || subscription.sets.iter().filter(|set| set.impis.contains(impi));
    let registered = |set: &ImplicitSet| match &set.registration {
        Registration::Registered { impis, .. } => impis.contains(impi),
        _ => false,
    };
    UserInfo {
        impi: impi.clone(),
        digest: matches!(auth, Authentication::Digest(_)),
        pool: subscription.pool.clone(),
        identities: sets().flat_map(|set| set.profile.impus.iter().cloned()).collect(),
        registered: sets().any(registered),
        server: sets().find_map(|set| set.registration.server()).cloned(),
    }
}
