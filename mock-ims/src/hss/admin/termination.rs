//! Registrations that an operator ends: the S-CSCF is told by RTR (TS 29.228 §6.1.3).

use ims::{Impi, Impu};

use super::AdminError;
use crate::cx::{CxPush, DeregistrationReason, Rtr, ServerName};
use crate::hss::record::{Registration, Subscription};
use crate::hss::{Hss, Push, push};

impl Hss {
    /// Ends the registration of a set, for all who use it.
    pub(super) fn end_registration(
        &mut self,
        impu: &Impu,
        reason: DeregistrationReason,
    ) -> Result<Vec<Push>, AdminError> {
        let pushes = self.change_set(impu, |set| {
            let rtr = push::terminate(set, reason, "ended by the operator");
            set.registration = Registration::NotRegistered;
            set.pending.clear();
            rtr
        })?;
        match pushes.is_empty() {
            true => Err(AdminError::NotRegistered(impu.to_string())),
            false => Ok(pushes),
        }
    }

    /// Ends the registrations of one private identity; others that share a set stay.
    pub(super) fn end_registrations(
        &mut self,
        impi: &Impi,
        reason: DeregistrationReason,
    ) -> Result<Vec<Push>, AdminError> {
        let unknown = || AdminError::Unknown(impi.to_string());
        let mut subscription = self.directory.of_impi(impi).cloned().ok_or_else(unknown)?;
        let Some(rtr) = leave(&mut subscription, impi, reason, "ended by the operator") else {
            return Err(AdminError::NotRegistered(impi.to_string()));
        };
        self.keep(subscription);
        Ok(vec![rtr])
    }

    /// Removes a private identity, and with the last one its subscription.
    pub(super) fn remove_user(&mut self, impi: &Impi) -> Result<Vec<Push>, AdminError> {
        let mut subscription = self.provisioned(impi)?;
        let reason = DeregistrationReason::PermanentTermination;
        let rtr = leave(&mut subscription, impi, reason, "subscriber removed");
        for set in &mut subscription.sets {
            set.impis.remove(impi);
        }
        subscription.sets.retain(|set| !set.impis.is_empty());
        subscription.users.remove(impi);
        match subscription.users.is_empty() {
            true => self.directory.remove(&subscription.name),
            false => self.directory.put(subscription),
        }
        Ok(rtr.into_iter().collect())
    }
}

/// Takes a private identity out of the registrations of its sets: one RTR, because all sets of a
/// subscription are served by one S-CSCF. None when it had none.
fn leave(subscription: &mut Subscription, impi: &Impi, reason: DeregistrationReason, info: &str) -> Option<Push> {
    let mut ended: Option<(ServerName, Vec<Impu>)> = None;
    for set in subscription.sets.iter_mut().filter(|set| set.impis.contains(impi)) {
        let sole = set.impis.len() == 1;
        let served = match &set.registration {
            Registration::Registered { server, impis } if impis.contains(impi) => Some(server.clone()),
            Registration::Unregistered { server } if sole => Some(server.clone()),
            _ => None,
        };
        set.pending.remove(impi);
        let Some(server) = served else { continue };
        ended.get_or_insert((server, Vec::new())).1.extend(set.profile.distinct_impus().cloned());
        set.registration.leave(Some(impi), false);
    }
    let (to, public_identities) = ended?;
    let rtr = Rtr { user_name: impi.clone(), associated: Vec::new(), public_identities, reason, info: info.into() };
    Some(Push { to, message: CxPush::Rtr(rtr) })
}
