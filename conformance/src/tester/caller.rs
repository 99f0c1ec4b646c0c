//! What the script answers in the core's place.

use sip::{HeaderName, Request, Response, StatusCode};

/// The core's answers, as an S-CSCF of this home domain gives them.
#[derive(Clone, Debug)]
pub struct AtCore {
    /// The home domain.
    pub home: String,
}

impl AtCore {
    /// The S-CSCF's Service-Route.
    pub fn service_route(&self) -> String {
        format!("<sip:orig@scscf1.{};lr>", self.home)
    }

    /// The 200 to a REGISTER, with the identity of To as the only one.
    pub fn ok(&self, request: &Request) -> Response {
        let to = request.to().map(|to| to.uri.to_string()).unwrap_or_default();
        self.ok_with(request, &[&format!("<{to}>")])
    }

    /// The 200 to a REGISTER, with these in P-Associated-URI.
    pub fn ok_with(&self, request: &Request, identities: &[&str]) -> Response {
        let mut response = request.respond(StatusCode::OK);
        response.ensure_to_tag(|| "s1".into());
        for name in [HeaderName::Contact, HeaderName::Path, HeaderName::PChargingVector, HeaderName::Expires] {
            request.headers.values(&name).for_each(|value| response.headers.push(name.clone(), value.to_owned()));
        }
        response
            .with_raw(HeaderName::ServiceRoute, self.service_route())
            .with_raw(HeaderName::PAssociatedUri, identities.join(", "))
            .with_raw(HeaderName::PChargingFunctionAddresses, "ccf=192.0.2.9")
            .with_raw(HeaderName::Require, "outbound")
    }

    /// A digest challenge.
    pub fn challenge(&self, request: &Request, nonce: &str) -> Response {
        let mut response = request.respond(StatusCode::UNAUTHORIZED);
        response.ensure_to_tag(|| "s1".into());
        let value = format!("Digest realm=\"{}\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"", self.home);
        response.with_raw(HeaderName::WwwAuthenticate, value)
    }
}
