//! Public identities that come and go while their user may be registered: PPR (TS 29.228 §6.2.1).

use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use ims::{Impi, Impu};

use super::AdminError;
use crate::hss::{Hss, Push, push};

impl Hss {
    /// Changes the first set of a private identity; the S-CSCF that serves it gets the new profile.
    pub(super) fn change_identities(
        &mut self,
        impi: &Impi,
        default: Option<Impu>,
        add: Vec<Identity>,
        remove: &[Identity],
    ) -> Result<Vec<Push>, AdminError> {
        let mut subscription = self.provisioned(impi)?;
        let unknown = || AdminError::Unknown(impi.to_string());
        let set = subscription.sets.iter_mut().find(|set| set.impis.contains(impi)).ok_or_else(unknown)?;
        change(&mut set.profile, default, add, remove)?;
        let ppr = push::profile(set);
        self.check(&subscription)?;
        self.directory.put(subscription);
        Ok(ppr.into_iter().collect())
    }
}

fn change(
    profile: &mut ServiceProfile,
    default: Option<Impu>,
    add: Vec<Identity>,
    remove: &[Identity],
) -> Result<(), AdminError> {
    for identity in remove {
        let before = profile.impus.len();
        profile.impus.retain(|entry| entry.identity != *identity);
        if profile.impus.len() == before {
            return Err(AdminError::Unknown(identity.to_string()));
        }
    }
    let entry = |identity| PublicIdentity { identity, barred: false };
    profile.impus.extend(add.into_iter().map(entry));
    let kept = Some(&profile.default).filter(|kept| profile.distinct_impus().any(|impu| impu == *kept));
    let chosen = default.or_else(|| kept.or(profile.distinct_impus().next()).cloned());
    let none = || AdminError::Invalid("a set needs a distinct public identity (TS 29.228 §6.5.1.1)".into());
    profile.default = chosen.ok_or_else(none)?;
    Ok(())
}
