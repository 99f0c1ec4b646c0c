use ims::{Defect, WildcardedImpu};

use super::Hss;
use super::directory::{Found, Place};
use crate::cx::{Lia, Lir, ResultCode};

impl Hss {
    /// The decision on a LIR, by TS 29.228 §6.1.4.1.
    pub(super) fn locate(&self, lir: &Lir) -> Lia {
        match self.directory.find(&lir.public_identity) {
            Found::Distinct(place) => self.locate_at(lir, place, None),
            Found::InRange(place, range) => self.locate_at(lir, place, Some(range)),
            Found::OfPool => Lia::of(ResultCode::IdentityNotRegistered),
            Found::Unknown if self.has(Defect::CallsUnknownUnregistered) => Lia::of(ResultCode::IdentityNotRegistered),
            Found::Unknown => Lia::of(ResultCode::UserUnknown),
        }
    }

    fn locate_at(&self, lir: &Lir, place: Place<'_>, range: Option<&WildcardedImpu>) -> Lia {
        let answer = |result| Lia { wildcarded: range.cloned(), ..Lia::of(result) };
        let capabilities = Some(self.config.capabilities.clone());
        if lir.capabilities_only {
            return Lia { capabilities, ..answer(ResultCode::Success) };
        }
        if let Some(server) = place.set.registration.server() {
            return Lia { server_name: Some(server.clone()), ..answer(ResultCode::Success) };
        }
        let served = place.set.unregistered_services || lir.originating || self.has(Defect::ServesUnregistered);
        if !served {
            return Lia::of(ResultCode::IdentityNotRegistered);
        }
        // One S-CSCF serves a subscription, so a sibling set decides.
        match place.subscription.server() {
            Some(server) => Lia { server_name: Some(server.clone()), ..answer(ResultCode::Success) },
            None => Lia { capabilities, ..answer(ResultCode::UnregisteredService) },
        }
    }
}
