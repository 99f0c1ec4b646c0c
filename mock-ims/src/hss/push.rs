use ims::Impi;

use super::record::{ImplicitSet, Registration};
use super::store::StoreError;
use super::{Hss, Push};
use crate::cx::{AllowedIdentities, CxPush, CxPushAnswer, DeregistrationReason, Ppr, ResultCode, Rtr, UserData};

impl Hss {
    /// Takes the answer to a push.
    ///
    /// An S-CSCF that does not know the user (5001) serves it no longer; one
    /// that cannot hold the profile (5008) is asked to let the user go to
    /// another. TS 29.228 §6.2.1 leaves both to the HSS; what else fails
    /// changes nothing.
    ///
    /// # Errors
    /// When the store fails; then the state is as before.
    pub fn push_answered(&mut self, push: &Push, answer: &CxPushAnswer) -> Result<(), StoreError> {
        let CxPush::Ppr(ppr) = &push.message else {
            return Ok(());
        };
        let over = match answer.result() {
            ResultCode::UserUnknown => false,
            ResultCode::TooMuchData => true,
            _ => return Ok(()),
        };
        let Some(mut subscription) = self.directory.of_impi(&ppr.user_name).cloned() else {
            return Ok(());
        };
        let mut pushes = Vec::new();
        for set in &mut subscription.sets {
            if !set.impis.contains(&ppr.user_name) || set.registration.server() != Some(&push.to) {
                continue;
            }
            if over {
                pushes.extend(terminate(set, DeregistrationReason::ServerChange, "profile too large"));
            }
            set.registration = Registration::NotRegistered;
        }
        self.keep(subscription);
        self.commit()?;
        self.outbox.extend(pushes);
        Ok(())
    }
}

/// RTR for a whole implicit set, by its distinct identities (TS 29.228 §6.5.2.2).
/// None when no S-CSCF serves it.
pub(super) fn terminate(set: &ImplicitSet, reason: DeregistrationReason, info: &str) -> Option<Push> {
    let to = set.registration.server()?.clone();
    let mut impis: Vec<Impi> = holders(set).cloned().collect();
    if impis.is_empty() {
        return None;
    }
    let user_name = impis.remove(0);
    let message = Rtr {
        user_name,
        associated: impis,
        public_identities: set.profile.distinct_impus().cloned().collect(),
        reason,
        info: info.to_owned(),
    };
    Some(Push { to, message: message.into() })
}

/// PPR with the profile of one set. None when no S-CSCF serves it.
pub(super) fn profile(set: &ImplicitSet) -> Option<Push> {
    push(set, |ppr, impi| {
        ppr.user_data = Some(UserData { impi: impi.clone(), profile: set.profile.clone() });
    })
}

/// PPR with the allowed WAFs and WWSFs of one set. None when no S-CSCF serves it.
pub(super) fn allowed(set: &ImplicitSet) -> Option<Push> {
    push(set, |ppr, _| ppr.allowed = Some(AllowedIdentities::of(&set.profile)))
}

fn push(set: &ImplicitSet, fill: impl FnOnce(&mut Ppr, &Impi)) -> Option<Push> {
    let to = set.registration.server()?.clone();
    let user_name = holders(set).next()?.clone();
    let mut ppr = Ppr { user_name, user_data: None, auth: None, allowed: None };
    let impi = ppr.user_name.clone();
    fill(&mut ppr, &impi);
    Some(Push { to, message: ppr.into() })
}

/// The private identities that the S-CSCF knows the set by.
fn holders(set: &ImplicitSet) -> Box<dyn Iterator<Item = &Impi> + '_> {
    match &set.registration {
        Registration::Registered { impis, .. } => Box::new(impis.iter()),
        _ => Box::new(set.impis.iter()),
    }
}
