//! The edge of the trust domain (RFC 3324, RFC 3325 §5, TS 24.229 §4.4): what others may not say,
//! and what they are not told.

use sip::headers::{PAssertedIdentity, Privacy};
use sip::{HeaderName, Headers, Uri};

/// What is only said inside the trust domain.
const INSIDE: [HeaderName; 6] = [
    HeaderName::PAccessNetworkInfo,
    HeaderName::PAssertedService,
    HeaderName::PChargingFunctionAddresses,
    HeaderName::PChargingVector,
    HeaderName::PProfileKey,
    HeaderName::PServedUser,
];

/// Takes out of a message from outside what only a trusted node may say. `asserted` is what the
/// network itself knows of the sender.
pub(crate) fn enter(headers: &mut Headers, asserted: Option<Uri>) {
    let foreign = [HeaderName::PAssertedIdentity, HeaderName::PCalledPartyId, HeaderName::PVisitedNetworkId];
    headers.retain(|header| !INSIDE.contains(&header.name) && !foreign.contains(&header.name));
    if let Some(uri) = asserted {
        headers.add(&PAssertedIdentity::new(uri));
    }
}

/// Takes out of a message to outside what is not told there; the asserted identity too, if its
/// owner wants so.
pub(crate) fn leave(headers: &mut Headers) {
    let private = headers.opt::<Privacy>().ok().flatten().is_some_and(|privacy| privacy.has("id"));
    let stays = |name: &HeaderName| INSIDE.contains(name) || (private && *name == HeaderName::PAssertedIdentity);
    headers.retain(|header| !stays(&header.name));
}
