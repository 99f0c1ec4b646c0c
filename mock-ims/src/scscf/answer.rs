//! The 200 to a REGISTER (TS 24.229 §5.4.1.2.2F, RFC 3261 §10.3 step 8).

use super::register::Register;
use super::registrar::{Binding, Registration};
use sip::headers::{AuthenticationInfo, Contact, ServiceRoute};
use sip::{HeaderName, Instant, Response, StatusCode, Uri};

/// What the answers of one S-CSCF have in common.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// `sip:orig@scscf1.ims.example;lr` (RFC 3608).
    pub(crate) service_route: Uri,
    /// The inter operator identifier of the home network, type 1 (TS 24.229 Table 7.2A.5A).
    pub(crate) term_ioi: String,
}

impl Answers {
    /// The 200 that lists what is bound now; `set` is none when nothing is.
    pub(crate) fn ok(
        &self,
        now: Instant,
        register: &Register,
        set: Option<&Registration>,
        info: Option<&AuthenticationInfo>,
    ) -> Response {
        let mut response = register.request.respond(StatusCode::OK);
        let headers = &mut response.headers;
        register.path.iter().for_each(|path| headers.push(HeaderName::Path, path.clone()));
        if register.change.uses_outbound() {
            headers.push(HeaderName::Require, "outbound");
        }
        headers.push(HeaderName::Supported, "path, outbound, gruu");
        if let Some(set) = set {
            headers.add(&ServiceRoute::new(self.service_route.clone()));
            let associated: Vec<String> = set.profile.associated().iter().map(|i| format!("<{i}>")).collect();
            if !associated.is_empty() {
                headers.push(HeaderName::PAssociatedUri, associated.join(", "));
            }
            set.bindings.iter().for_each(|binding| headers.add(&contact_of(now, binding, register)));
        }
        if let Some(mut charging) = register.charging.clone() {
            charging.params.set_quoted("term-ioi", &self.term_ioi);
            headers.add(&charging);
        }
        if let Some(info) = info {
            headers.add(info);
        }
        response
    }
}

/// A binding as a Contact with what is left of its lifetime. Each sees the GRUUs of its own alone,
/// and only when it asks (RFC 5627 §5.3).
fn contact_of(now: Instant, binding: &Binding, register: &Register) -> Contact {
    let mut contact = binding.contact.clone();
    if let Some(left) = binding.seconds_left(now) {
        contact.params.set("expires", left.to_string());
    }
    contact.params.remove("pub-gruu");
    contact.params.remove("temp-gruu");
    if let Some(gruus) = binding.gruus.as_ref().filter(|_| register.gruu && binding.impi == register.impi) {
        contact.params.set_quoted("pub-gruu", &gruus.public);
        if let Some(newest) = gruus.temporary.last() {
            contact.params.set_quoted("temp-gruu", newest);
        }
    }
    contact
}
