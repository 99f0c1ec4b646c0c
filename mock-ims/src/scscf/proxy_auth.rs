//! Digest on requests other than REGISTER (TS 33.203 N.2.1.2), where the policy asks for it: 407, and
//! from then on credentials ahead of time. Whom a trusted node vouched for has no password to ask
//! for, so only those who registered by digest are challenged.

use super::claim::Scheme;
use super::digest::Verdict;
use super::event::Event;
use super::session::Served;
use super::{Binding, Scscf};
use crate::policy;
use crate::refusal::Refusal;
use ims::Impi;
use sip::headers::{Credentials, DigestCredentials, ProxyAuthorization};
use sip::transaction::ServerKey;
use sip::{Header, HeaderName, Instant, Method, Request, StatusCode};

impl Scscf {
    /// Whether a request of a user who calls may go on as far as digest is concerned.
    pub(super) fn authenticate_request(
        &mut self,
        now: Instant,
        request: &Request,
        served: &Served,
    ) -> Result<(), Refusal> {
        let exempt = matches!(request.method, Method::Ack | Method::Cancel);
        if !self.policy.digest_non_register || exempt {
            return Ok(());
        }
        let users = self.digest_users(served);
        let Some(first) = users.first() else { return Ok(()) };
        let Some(credentials) = self.own_credentials(request)? else {
            return Err(self.challenge_request(now, &first.clone(), false));
        };
        let username = Impi::parse(&credentials.text("username").unwrap_or_default()).ok();
        let Some(impi) = username.filter(|impi| users.contains(impi)) else {
            let reason = "the asserted identity is not one of the user who authenticates (TS 33.203 N.2.1.2)";
            return Err(Refusal::forbidden(reason));
        };
        let verdict = self.authenticator.verify_request(now, &impi, &credentials, request, &self.policy);
        match verdict {
            Verdict::Accepted(_) => Ok(()),
            Verdict::Challenge { stale } => Err(self.challenge_request(now, &impi, stale)),
            Verdict::Wrong => {
                self.tell(Event::AuthenticationFailed { impi, impu: served.identity.clone() });
                Err(Refusal::forbidden("the digest is wrong (TS 33.203 N.2.1.2)"))
            }
            Verdict::Unfit(reason) => Err(Refusal::bad_request(reason)),
            Verdict::Unknown => Err(policy::hss_silent().into()),
        }
    }

    /// Takes out the credentials that were for this node.
    pub(super) fn drop_own_credentials(&self, copy: &mut Request) {
        let home = self.home.clone();
        copy.headers.retain(|header| header.name != HeaderName::ProxyAuthorization || !is_for(header, &home));
    }

    /// The private identities that registered the served set by digest; only that of the contact
    /// which calls, where it is known.
    fn digest_users(&self, served: &Served) -> Vec<Impi> {
        let Some(set) = served.set.and_then(|set| self.registrar.set(set)) else { return Vec::new() };
        let calls = |binding: &&Binding| served.binding.is_none_or(|calling| binding.id() == calling);
        let calling: Vec<&Binding> = set.bindings.iter().filter(calls).collect();
        if calling.iter().any(|binding| binding.scheme == Scheme::Tna) {
            return Vec::new();
        }
        let first = calling.first().map(|binding| binding.impi.clone());
        let others = set.bindings.iter().filter(|binding| binding.scheme == Scheme::Digest).map(|b| b.impi.clone());
        first.into_iter().chain(others).collect()
    }

    fn own_credentials(&self, request: &Request) -> Result<Option<DigestCredentials>, Refusal> {
        let mut found = None;
        for header in request.headers.each::<ProxyAuthorization>()? {
            let Credentials::Digest(digest) = header.0 else { continue };
            if digest.text("realm").is_some_and(|realm| realm.eq_ignore_ascii_case(&self.home))
                && found.replace(digest).is_some()
            {
                return Err(Refusal::bad_request("Digest credentials are there more than once"));
            }
        }
        Ok(found)
    }

    fn challenge_request(&mut self, now: Instant, impi: &Impi, stale: bool) -> Refusal {
        let Self { authenticator, policy, front, .. } = self;
        let challenges = authenticator.challenge_request(now, impi, stale, policy, &mut *front.entropy);
        if challenges.is_empty() {
            return policy::hss_silent().into();
        }
        self.tell(Event::Challenged { impi: impi.clone(), stale });
        let reason = "credentials are needed (TS 33.203 N.2.1.2)";
        challenges.iter().fold(Refusal::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED, reason), |refusal, challenge| {
            refusal.with_raw(Header::new(HeaderName::ProxyAuthenticate, challenge.to_string()))
        })
    }

    /// As [`Scscf::authenticate_request`], for a request that is under way; false when it is refused.
    pub(super) fn authenticated(&mut self, now: Instant, key: ServerKey, served: &Served) -> bool {
        let Some(request) = self.relays.find(key).map(|context| context.request.clone()) else { return false };
        match self.authenticate_request(now, &request, served) {
            Ok(()) => true,
            Err(refusal) => {
                self.refuse(now, key, &refusal);
                false
            }
        }
    }
}

fn is_for(header: &Header, realm: &str) -> bool {
    use sip::headers::TypedHeader;
    match ProxyAuthorization::parse(&header.value).map(|header| header.0) {
        Ok(Credentials::Digest(digest)) => digest.text("realm").is_some_and(|own| own.eq_ignore_ascii_case(realm)),
        _ => false,
    }
}
