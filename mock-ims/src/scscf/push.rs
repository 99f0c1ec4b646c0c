//! What the HSS tells the S-CSCF unasked: RTR and PPR (TS 29.228 §6.1.3, §6.2.1).

use super::event::{Cause, Event};
use super::{Scheme, Scscf};
use crate::cx::{AssignmentType, Capacity, CxPush, CxPushAnswer, Ppa, Ppr, ResultCode, Rta, Rtr};
use sip::{Instant, Now};

impl Scscf {
    /// Acts on a push, and gives the answer to it.
    pub fn push(&mut self, now: Now, push: CxPush) -> CxPushAnswer {
        match push {
            CxPush::Rtr(rtr) => Rta { result: self.on_rtr(now.mono, &rtr) }.into(),
            CxPush::Ppr(ppr) => Ppa { result: self.on_ppr(now.mono, ppr) }.into(),
        }
    }

    /// Registrations end, the implicit sets whole (TS 29.228 §6.5.2.2). The HSS knows, so it is not
    /// told.
    fn on_rtr(&mut self, now: Instant, rtr: &Rtr) -> ResultCode {
        for impi in [&rtr.user_name].into_iter().chain(&rtr.associated) {
            for gone in self.registrar.remove(impi, &rtr.public_identities, |_, _| true) {
                self.tell_gone(now, &gone, Cause::Hss(rtr.reason));
            }
            // Challenges that wait are void too; their answers start anew.
            self.authenticator.settle_all(impi);
            self.forget_unless_registered(impi);
        }
        ResultCode::Success
    }

    fn on_ppr(&mut self, now: Instant, ppr: Ppr) -> ResultCode {
        let impi = &ppr.user_name;
        if !self.registrar.knows(impi) && !self.authenticator.knows(impi) {
            return ResultCode::UserUnknown;
        }
        if let Some(data) = &ppr.user_data
            && let Err(result) = data.check(&Capacity::default())
        {
            return result;
        }
        if let Some(data) = ppr.user_data {
            let known = data.profile.distinct_impus().find(|impu| self.registrar.find(impu).is_some()).cloned();
            if let Some(impu) = known {
                self.registrar.put_profile(&impu, data.profile);
            }
        }
        if let Some(auth) = ppr.auth {
            self.authenticator.change(impi, auth);
        }
        if let Some(allowed) = ppr.allowed {
            self.registrar.update_profiles(impi, |profile| {
                profile.allowed_wafs.clone_from(&allowed.wafs);
                profile.allowed_wwsfs.clone_from(&allowed.wwsfs);
            });
        }
        self.tell(Event::ProfileChanged { impi: impi.clone() });
        self.expel_disallowed(now, &ppr.user_name);
        ResultCode::Success
    }

    /// Ends the registrations by TNA whose WAF or WWSF is not allowed any more (TNA-08).
    fn expel_disallowed(&mut self, now: Instant, impi: &ims::Impi) {
        let doomed: Vec<_> = self
            .registrar
            .of(impi)
            .flat_map(|set| set.bindings.iter().map(move |binding| (set, binding)))
            .filter(|(_, binding)| binding.impi == *impi && binding.scheme == Scheme::Tna)
            .filter(|(set, binding)| self.refused_entity(&binding.entities, &set.profile).is_some())
            .map(|(_, binding)| (binding.impu.clone(), binding.key.clone()))
            .collect();
        for (impu, key) in doomed {
            for gone in self.registrar.remove(impi, std::slice::from_ref(&impu), |_, b| b.key == key) {
                self.tell_gone(now, &gone, Cause::EntityRefused);
                if gone.last {
                    self.report(now, AssignmentType::AdministrativeDeregistration, impi, &gone.binding.impu);
                }
            }
        }
    }
}
