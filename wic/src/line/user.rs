//! Who sends: what a registration gives to the other requests.

use ims::{Impu, Scheme, Token};
use sip::headers::{Authorization, BearerStyle, BearerToken, Credentials, NameAddr, ProxyAuthorization, Route};
use sip::{Entropy, Host, Request, Response, StatusCode, Uri};

use super::Challenged;
use super::credentials::ProxyDigest;
use crate::{Binding, DigestAccess};

/// The registered user.
#[derive(Debug)]
pub(crate) struct User {
    /// The identity that was registered.
    pub(crate) impu: Impu,
    /// The first SIP identity of the implicit set: the default one, as a rule.
    pub(crate) default: Impu,
    pub(super) contact: Uri,
    /// The random host of Via, Contact and Call-ID (RFC 7118 §5.3).
    pub(super) host: Host,
    pub(super) routes: Vec<Route>,
    proof: Proof,
}

/// How the user proves who it is.
#[derive(Debug)]
pub(crate) enum Proof {
    /// The token, on every request (TS 24.371 §7.2.1).
    Bearer(Option<BearerToken>),
    /// Digest, once the network asked for it (TS 33.203 N.2.1.2).
    Digest(Box<ProxyDigest>),
}

impl Proof {
    pub(crate) fn bearer(token: &Token, style: BearerStyle) -> Self {
        Self::Bearer(BearerToken::new(token.expose(), style).ok())
    }

    pub(crate) fn digest(access: DigestAccess) -> Self {
        Self::Digest(Box::new(ProxyDigest::new(access)))
    }
}

impl User {
    /// `contact` and `host` are those of the REGISTER.
    pub(crate) fn new(binding: &Binding, contact: Uri, host: Host, proof: Proof) -> Self {
        let mut contact = contact;
        if let Some(uri) = contact.as_sip_mut() {
            uri.params.set_flag("ob");
        }
        let routes = binding.service_route.iter().map(|hop| Route(hop.0.clone())).collect();
        let default = binding.impus.iter().find(|impu| impu.scheme() == Scheme::Sip).unwrap_or(&binding.impu).clone();
        Self { impu: binding.impu.clone(), default, contact, host, routes, proof }
    }

    /// Takes over what is known of the network's challenge.
    pub(crate) fn succeed(mut self, before: Option<Self>) -> Self {
        if let Some(User { proof: proof @ Proof::Digest(_), .. }) = before
            && matches!(self.proof, Proof::Digest(_))
        {
            self.proof = proof;
        }
        self
    }

    /// Sends another token from now on.
    pub(crate) fn use_token(&mut self, token: &Token) {
        if let Proof::Bearer(Some(before)) = &self.proof {
            self.proof = Proof::bearer(token, before.style());
        }
    }

    /// The address that requests come from.
    pub(crate) fn address(&self, impu: &Impu) -> Option<NameAddr> {
        impu.as_str().parse().ok().map(NameAddr::new)
    }

    pub(super) fn authorize(&mut self, request: &mut Request, entropy: &mut dyn Entropy) {
        match &mut self.proof {
            Proof::Bearer(Some(token)) => request.headers.add(&Authorization(Credentials::Bearer(token.clone()))),
            Proof::Bearer(None) => {}
            Proof::Digest(digest) => {
                if let Some(credentials) = digest.credentials(request, entropy) {
                    request.headers.add(&ProxyAuthorization(Credentials::Digest(credentials)));
                }
            }
        }
    }

    pub(super) fn challenged(&mut self, request: &Request, response: &Response, before: u8) -> Challenged {
        match &mut self.proof {
            Proof::Digest(digest) if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                digest.challenged(request, response, before)
            }
            Proof::Bearer(Some(token)) if response.status == StatusCode::UNAUTHORIZED && before == 0 => {
                let sent = Authorization(Credentials::Bearer(token.clone())).to_string();
                let stale = request.headers.value(&sip::HeaderName::Authorization) != Some(&sent);
                if stale { Challenged::Again } else { Challenged::RenewToken }
            }
            _ => Challenged::Refused,
        }
    }
}
