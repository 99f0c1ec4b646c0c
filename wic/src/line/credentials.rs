//! Digest for requests other than REGISTER (TS 33.203 N.2.1.2).

use sip::digest;
use sip::headers::{Challenge, DigestChallenge, DigestCredentials, ProxyAuthenticate, ProxyAuthorization, TypedHeader};
use sip::{Entropy, HeaderName, Request, Response};

use super::Challenged;
use crate::DigestAccess;

/// How often one request is challenged and sent again.
const MOST_CHALLENGES: u8 = 2;

/// What is known of the network's proxy challenge: once it came, every request answers it without
/// being asked, with the next nc.
#[derive(Debug)]
pub(crate) struct ProxyDigest {
    access: DigestAccess,
    challenge: Option<DigestChallenge>,
    nc: u32,
}

impl ProxyDigest {
    pub(super) fn new(access: DigestAccess) -> Self {
        Self { access, challenge: None, nc: 0 }
    }

    pub(super) fn credentials(&mut self, request: &Request, entropy: &mut dyn Entropy) -> Option<DigestCredentials> {
        let challenge = self.challenge.as_ref()?;
        self.nc = self.nc.saturating_add(1);
        let (impi, password) = (self.access.impi.as_str(), self.access.password.expose());
        let uri = request.uri.to_string();
        digest::answer(challenge, impi, password, request.method.as_str(), &uri, &entropy.token(16), self.nc).ok()
    }

    /// A 407. Only the home network is answered, and the same nonce only once unless it is stale.
    pub(super) fn challenged(&mut self, request: &Request, response: &Response, before: u8) -> Challenged {
        let offered: Vec<ProxyAuthenticate> = response
            .headers
            .values(&HeaderName::ProxyAuthenticate)
            .filter_map(|value| ProxyAuthenticate::parse(value).ok())
            .filter(|challenge| self.is_home(challenge))
            .collect();
        let Some(challenge) = digest::pick(&offered) else { return Challenged::Refused };
        let sent = request.headers.opt::<ProxyAuthorization>().ok().flatten();
        let sent = sent.and_then(|header| match header.0 {
            sip::headers::Credentials::Digest(digest) => digest.nonce(),
            _ => None,
        });
        let refused = sent.is_some() && sent == challenge.nonce() && !challenge.is_stale();
        if refused || before >= MOST_CHALLENGES {
            return Challenged::Refused;
        }
        if self.challenge.as_ref().and_then(DigestChallenge::nonce) != challenge.nonce() {
            self.nc = 0;
        }
        self.challenge = Some(challenge.clone());
        Challenged::Again
    }

    fn is_home(&self, challenge: &ProxyAuthenticate) -> bool {
        match &challenge.0 {
            Challenge::Digest(digest) => {
                digest.realm().is_some_and(|realm| realm.eq_ignore_ascii_case(self.access.domain.as_str()))
            }
            _ => false,
        }
    }
}
