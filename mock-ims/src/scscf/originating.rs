//! The user who calls (TS 24.229 §5.4.3.2).

use super::Scscf;
use crate::policy;
use ims::profile::ServiceProfile;
use ims::{Impu, Scheme};
use sip::headers::{PAssertedIdentity, PChargingVector};
use sip::transaction::ServerKey;
use sip::{HeaderName, Instant, Peer, Rejection, Request, StatusCode, Uri};

impl Scscf {
    /// Takes a request of a user who may call to where its Request-URI is served.
    pub(super) fn originate(&mut self, now: Instant, key: ServerKey, profile: &ServiceProfile) {
        let Some(session) = self.relays.owner(key) else { return };
        let copy = &mut session.copy;
        add_alias(copy, profile);
        set_charging(copy, &self.home);
        // They tell of the one who calls; at the next S-CSCF they would tell of the one called.
        copy.headers.remove(&HeaderName::PServedUser);
        copy.headers.remove(&HeaderName::PProfileKey);
        let mut copy = copy.clone();
        self.drop_own_credentials(&mut copy);
        match self.next_network(&copy) {
            Ok(to) => {
                if self.send_on(now, key, copy, to).is_none() {
                    self.refuse(now, key, &policy::unreachable_hop().into());
                }
            }
            Err(rejection) => self.refuse(now, key, &rejection.into()),
        }
    }

    /// Where a request goes: by its Route, to a fixed address, or for a home domain to the I-CSCF.
    fn next_network(&self, copy: &Request) -> Result<Option<Peer>, Rejection> {
        if copy.headers.has(&HeaderName::Route) {
            return Ok(None);
        }
        if let Some(to) = self.network.static_peer(&copy.uri) {
            return Ok(Some(to));
        }
        match &copy.uri {
            Uri::Sip(uri) if self.network.is_home(uri) => Ok(Some(self.icscf)),
            // The HSS knows the numbers that are aliases of its users; there is no ENUM beyond.
            Uri::Tel(_) => Ok(Some(self.icscf)),
            Uri::Other(_) => {
                Err(Rejection::new(StatusCode::NOT_FOUND, "there is no emergency service here (RFC 5031)"))
            }
            Uri::Sip(_) => Err(policy::foreign()),
        }
    }
}

/// A caller with a number is known by that too (TS 24.229 §5.4.3.2 step 9).
fn add_alias(copy: &mut Request, profile: &ServiceProfile) {
    let asserted = copy.headers.all::<PAssertedIdentity>().unwrap_or_default();
    let [only] = asserted.as_slice() else { return };
    let own = Impu::parse(&only.uri.to_string()).ok();
    let alone =
        own.as_ref().is_some_and(|own| own.scheme() == Scheme::Sip && profile.distinct_impus().any(|i| i == own));
    let open = |impu: &&Impu| matches!(profile.entry_of(impu), Ok(Some(entry)) if !entry.barred);
    let number = profile.distinct_impus().filter(open).find(|impu| impu.scheme() == Scheme::Tel);
    if let Some(number) = number.filter(|_| alone).and_then(|number| number.as_str().parse().ok()) {
        copy.headers.add(&PAssertedIdentity::new(number));
    }
}

/// The inter operator identifier of type 2, which has no prefix, in the place of the access side's
/// (TS 24.229 §5.4.3.2 step 7).
pub(super) fn set_charging(copy: &mut Request, home: &str) {
    let Some(mut charging) = copy.headers.opt::<PChargingVector>().ok().flatten() else { return };
    charging.params.remove("term-ioi");
    charging.params.set_quoted("orig-ioi", home);
    copy.headers.replace(&charging);
}
