//! What the HSS tells the S-CSCF unasked: RTR and PPR (TS 29.228 §6.1.3, §6.2.1).

use super::calls::Party;
use super::event::{Cause, Event};
use super::registrar::{Binding, Gone};
use super::{Scheme, Scscf};
use crate::cx::{AssignmentType, Capacity, CxPush, CxPushAnswer, Ppa, Ppr, ResultCode, Rta, Rtr};
use ims::profile::{Identity, ServiceProfile};
use ims::{Defect, Impi, Impu};
use sip::{Instant, Now};

impl Scscf {
    /// Acts on a push, and gives the answer to it.
    pub fn push(&mut self, now: Now, push: CxPush) -> CxPushAnswer {
        let answer = match push {
            CxPush::Rtr(_) if self.has(Defect::IgnoresRtr) => Rta { result: ResultCode::Success }.into(),
            CxPush::Rtr(rtr) => Rta { result: self.on_rtr(now.mono, &rtr) }.into(),
            CxPush::Ppr(_) if self.has(Defect::IgnoresPpr) => Ppa { result: ResultCode::Success }.into(),
            CxPush::Ppr(ppr) => Ppa { result: self.on_ppr(now.mono, ppr) }.into(),
        };
        self.conclude(now.mono);
        answer
    }

    /// Ends the bindings of the set of `impu` in `seconds`, so that its users authenticate again
    /// (network-initiated re-authentication, TS 24.229 §5.4.1.6). How many were ended earlier.
    pub fn shorten(&mut self, now: Now, impu: &Impu, seconds: u32) -> usize {
        let Some(set) = self.registrar.set_of(impu) else { return 0 };
        let changed = self.registrar.shorten(now.mono, set, seconds);
        changed.iter().for_each(|binding| self.watchers_see(set, *binding));
        self.conclude(now.mono);
        changed.len()
    }

    /// Ends the registration of the set of `impu`; its users may come back after `retry_after`
    /// seconds. How many contacts went.
    pub fn put_on_probation(&mut self, now: Now, impu: &Impu, retry_after: u32) -> usize {
        let Some(set) = self.registrar.set_of(impu) else { return 0 };
        let bindings = self.registrar.set(set).map(|set| set.bindings.as_slice()).unwrap_or_default();
        let ids: Vec<_> = bindings.iter().filter(|b| !b.is_static()).map(Binding::id).collect();
        let gone = self.registrar.remove_bindings(set, &ids);
        self.end(now.mono, &gone, Cause::Probation { retry_after });
        self.conclude(now.mono);
        gone.len()
    }

    /// Contacts that the network ended: who held the last one of a private identity is out at the HSS.
    pub(super) fn end(&mut self, now: Instant, gone: &[Gone], cause: Cause) {
        for gone in gone {
            self.tell_gone(now, gone, cause);
            if gone.last {
                let Binding { impi, impu, .. } = &gone.binding;
                self.report(now, AssignmentType::AdministrativeDeregistration, impi, impu);
            }
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
            self.replace_profile(now, impi, data.profile);
        }
        if let Some(auth) = ppr.auth
            && !self.has(Defect::IgnoresNewPassword)
        {
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
    fn expel_disallowed(&mut self, now: Instant, impi: &Impi) {
        let doomed: Vec<_> = self
            .registrar
            .of(impi)
            .flat_map(|set| set.bindings.iter().map(move |binding| (set, binding)))
            .filter(|(_, binding)| binding.impi == *impi && binding.scheme == Scheme::Tna)
            .filter(|(set, binding)| self.refused_entity(&binding.entities, &set.profile).is_some())
            .map(|(_, binding)| (binding.impu.clone(), binding.key.clone()))
            .collect();
        for (impu, key) in doomed {
            let gone = self.registrar.remove(impi, std::slice::from_ref(&impu), |_, b| b.key == key);
            self.end(now, &gone, Cause::EntityRefused);
        }
    }

    /// The profile of a set that is registered: identities that are gone or barred now have no calls
    /// any more, and watchers are told.
    fn replace_profile(&mut self, now: Instant, impi: &Impi, profile: ServiceProfile) {
        let by_identity = profile.distinct_impus().find_map(|impu| self.registrar.set_of(impu));
        let Some(set) = by_identity.or_else(|| self.registrar.sets_of(impi).first().copied()) else { return };
        let open = |identity: &Identity| profile.impus.iter().any(|entry| !entry.barred && entry.identity == *identity);
        let serves = |party: &Party| match &party.key {
            Some(range) => open(&Identity::Wildcard(range.clone())),
            None => open(&Identity::Distinct(party.identity.clone())),
        };
        self.release_where(now, set, |party| !serves(party));
        self.registrar.replace_profile(set, profile.clone());
        self.watchers_see_profile(set);
    }
}
