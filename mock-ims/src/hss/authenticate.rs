use super::Hss;
use super::directory::Found;
use super::record::Authentication;
use crate::cx::{AuthScheme, Maa, Mar, ResultCode};
use ims::Defect;

impl Hss {
    /// The decision on a MAR, in the order of TS 29.228 §6.3.1.
    pub(super) fn authenticate(&mut self, mar: &Mar) -> Maa {
        let Some(user) = self.directory.of_impi(&mar.user_name) else {
            return Maa::of(ResultCode::UserUnknown);
        };
        // No third-party exemption here, unlike UAR: such a pair is never challenged.
        let Found::Distinct(place) = self.directory.find(&mar.public_identity) else {
            return Maa::of(ResultCode::UserUnknown);
        };
        if !place.set.impis.contains(&mar.user_name) && !self.has(Defect::AuthenticatesAnyPair) {
            return Maa::of(ResultCode::IdentitiesDontMatch);
        }
        let auth = match (mar.scheme, user.users.get(&mar.user_name)) {
            (AuthScheme::Unknown | AuthScheme::SipDigest, Some(Authentication::Digest(auth))) => auth.clone(),
            (_, Some(Authentication::Digest(auth))) if self.has(Defect::TakesAnyScheme) => auth.clone(),
            _ => return Maa::of(ResultCode::AuthSchemeNotSupported),
        };
        // The name of another S-CSCF than the serving one waits here: SAR decides (5005).
        let mut subscription = place.subscription.clone();
        if let Some(set) = subscription.sets.get_mut(place.index) {
            set.pending.insert(mar.user_name.clone(), mar.server_name.clone());
        }
        self.directory.put(subscription);
        Maa { auth: Some(auth), ..Maa::of(ResultCode::Success) }
    }
}
