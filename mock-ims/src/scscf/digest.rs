//! SIP Digest at the S-CSCF: challenges, nonces and verdicts (TS 33.203 Annex N).

use super::register::{BindingKey, Register};
use crate::cx::DigestAuthenticate;
use crate::policy::Policy;
use ims::{Defect, Impi, Impu};
use sip::digest::{self, Algorithm, DigestError, Ha1, Presented};
use sip::headers::{AuthenticationInfo, CallId, Challenge, DigestCredentials, ProxyAuthenticate, WwwAuthenticate};
use sip::{Entropy, Instant, Request, SipUri, Uri};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Octets of a nonce's 32 characters of 5 random bits each: 160 bits.
const NONCE_CHARS: usize = 32;

/// Knows who was challenged and with what, for as long as that matters.
#[derive(Debug, Default)]
pub(crate) struct Authenticator {
    users: HashMap<Impi, User>,
    deadlines: BTreeSet<(Instant, ChallengeId, Impi)>,
    next_id: u64,
}

/// The challenges of an S-CSCF, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ChallengeId(u64);

/// What is held of one private identity.
#[derive(Debug, Default)]
struct User {
    /// Authentication data, newest first; two only after a change of password (N.2.5).
    vectors: Vec<DigestAuthenticate>,
    /// The challenges that wait for their answers, oldest first: one for each registration
    /// (N.2.2.3), and so for each browser of the user.
    pending: Vec<Pending>,
    /// Nonces that were answered once and serve for refreshes.
    nonces: Vec<Nonce>,
    /// Nonces for requests other than REGISTER: one that is good here says nothing there.
    request_nonces: Vec<Nonce>,
}

#[derive(Debug)]
struct Pending {
    id: ChallengeId,
    nonce: String,
    until: Instant,
    impu: Impu,
    call_id: CallId,
    contact: Option<BindingKey>,
}

#[derive(Debug)]
struct Nonce {
    value: String,
    /// The last `nc` that was accepted.
    nc: u32,
    until: Instant,
}

/// What is to be done with a REGISTER.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is the user's own.
    Accepted(AuthenticationInfo),
    /// It does not authenticate, or over a nonce that is worth nothing: 401.
    Challenge {
        /// The digest was right, the nonce was not (N.2.3).
        stale: bool,
    },
    /// The digest is wrong.
    Wrong,
    /// The credentials can't mean this registrar: 400.
    Unfit(&'static str),
    /// The authentication data must be fetched first.
    Unknown,
}

impl Authenticator {
    /// Judges the credentials of a REGISTER (N.2.2.1, N.2.3; RFC 8760 §2.6).
    ///
    /// `serves` says whether the digest `uri` is one of this network.
    pub(crate) fn verify(
        &mut self,
        now: Instant,
        impi: &Impi,
        credentials: Option<&DigestCredentials>,
        policy: &Policy,
        serves: impl Fn(&SipUri) -> bool,
    ) -> Verdict {
        let Some(credentials) = credentials else { return Verdict::Challenge { stale: false } };
        let presented = match Presented::parse(credentials) {
            Ok(presented) => presented,
            // An initial REGISTER that only identifies, or one that must be asked again.
            Err(DigestError::EmptyResponse | DigestError::Qop | DigestError::Missing(_)) => {
                return Verdict::Challenge { stale: false };
            }
            Err(DigestError::Algorithm) => return Verdict::Wrong,
            Err(DigestError::Malformed("response")) => return Verdict::Wrong,
            Err(_) => return Verdict::Unfit("malformed Digest credentials (RFC 7616 3.4)"),
        };
        let fits = presented.uri.parse::<SipUri>().is_ok_and(|uri| serves(&uri));
        if !fits && !policy.defects.has(Defect::TakesAnyDigestUri) {
            return Verdict::Unfit("the Digest uri is not of this network (RFC 7616 3.4.6)");
        }
        let Some(user) = self.users.get_mut(impi).filter(|user| !user.vectors.is_empty()) else {
            return Verdict::Unknown;
        };
        user.verify(now, &presented, policy)
    }

    /// Whether a challenge can be made without asking the HSS.
    pub(crate) fn knows(&self, impi: &Impi) -> bool {
        self.users.get(impi).is_some_and(|user| !user.vectors.is_empty())
    }

    /// Keeps what a MAA brought. It is the truth: what was known before is forgotten, unless the
    /// newest of it is the same.
    pub(crate) fn learn(&mut self, impi: &Impi, vector: DigestAuthenticate) {
        let user = self.users.entry(impi.clone()).or_default();
        if user.vectors.first() != Some(&vector) {
            user.vectors = vec![vector];
        }
    }

    /// A changed password: the old one stays good until the new one is used (N.2.5).
    pub(crate) fn change(&mut self, impi: &Impi, vector: DigestAuthenticate) {
        let Some(user) = self.users.get_mut(impi) else { return };
        if user.vectors.first() != Some(&vector) {
            user.vectors.insert(0, vector);
            user.vectors.truncate(2);
        }
    }

    /// The challenge of a 401, one header for each algorithm, the most preferred first
    /// (RFC 8760 §2.3). It takes the place of one that still waits for the same user agent
    /// (N.2.2.3), which its Call-ID or its contact tells.
    pub(crate) fn challenge(
        &mut self,
        now: Instant,
        register: &Register,
        stale: bool,
        policy: &Policy,
        entropy: &mut dyn Entropy,
    ) -> Vec<WwwAuthenticate> {
        let Register { impi, impu, call_id, .. } = register;
        let contact = register.change.first_key();
        let id = ChallengeId(self.next_id);
        self.next_id += 1;
        let Some(user) = self.users.get_mut(impi) else { return Vec::new() };
        let Some(vector) = user.vectors.first() else { return Vec::new() };
        let mut nonce = entropy.token(NONCE_CHARS);
        if policy.defects.has(Defect::RepeatsNonce) {
            nonce = "0".repeat(NONCE_CHARS);
        }
        let stale = stale && !policy.defects.has(Defect::NeverStale);
        let mut headers: Vec<_> = policy
            .algorithms()
            .filter(|algorithm| ha1(vector, *algorithm).is_some())
            .map(|algorithm| digest::challenge(algorithm, &vector.realm, &nonce, stale))
            .map(|challenge| WwwAuthenticate(Challenge::Digest(challenge)))
            .collect();
        if policy.defects.has(Defect::OffersWeakestFirst) {
            headers.reverse();
        }
        let same_agent =
            |old: &Pending| old.call_id == *call_id || (contact.is_some() && old.contact.as_ref() == contact);
        let mut replaced = user.take_pending(|old| same_agent(old) && !policy.defects.has(Defect::KeepsOldChallenge));
        if user.pending.len() >= policy.max_nonces.max(1) {
            replaced.push(user.pending.remove(0));
        }
        let until = now + Duration::from_secs(policy.reg_await_auth.into());
        user.pending.push(Pending {
            id,
            nonce,
            until,
            impu: impu.clone(),
            call_id: call_id.clone(),
            contact: contact.cloned(),
        });
        self.disarm(impi, &replaced);
        self.deadlines.insert((until, id, impi.clone()));
        headers
    }

    /// Judges the credentials of a request other than REGISTER (N.2.1.2): over a nonce of its own
    /// kind, for its method and Request-URI.
    pub(crate) fn verify_request(
        &mut self,
        now: Instant,
        impi: &Impi,
        credentials: &DigestCredentials,
        request: &Request,
        policy: &Policy,
    ) -> Verdict {
        let presented = match Presented::parse(credentials) {
            Ok(presented) => presented,
            Err(DigestError::EmptyResponse | DigestError::Qop | DigestError::Missing(_)) => {
                return Verdict::Challenge { stale: false };
            }
            Err(DigestError::Algorithm | DigestError::Malformed("response")) => return Verdict::Wrong,
            Err(_) => return Verdict::Unfit("malformed Digest credentials (RFC 7616 3.4)"),
        };
        if !presented.uri.parse::<Uri>().is_ok_and(|uri| uri.equivalent(&request.uri)) {
            return Verdict::Unfit("the Digest uri is not the Request-URI (RFC 7616 3.4.6)");
        }
        match self.users.get_mut(impi).filter(|user| !user.vectors.is_empty()) {
            Some(user) => user.verify_request(now, &presented, request.method.as_str(), policy),
            None => Verdict::Unknown,
        }
    }

    /// The challenge of a 407, the most preferred algorithm first.
    pub(crate) fn challenge_request(
        &mut self,
        now: Instant,
        impi: &Impi,
        stale: bool,
        policy: &Policy,
        entropy: &mut dyn Entropy,
    ) -> Vec<ProxyAuthenticate> {
        let Some(user) = self.users.get_mut(impi) else { return Vec::new() };
        let Some(vector) = user.vectors.first() else { return Vec::new() };
        let value = entropy.token(NONCE_CHARS);
        let headers = policy
            .algorithms()
            .filter(|algorithm| ha1(vector, *algorithm).is_some())
            .map(|algorithm| digest::challenge(algorithm, &vector.realm, &value, stale))
            .map(|challenge| ProxyAuthenticate(Challenge::Digest(challenge)))
            .collect();
        user.request_nonces.retain(|nonce| nonce.until > now);
        if user.request_nonces.len() >= policy.max_nonces.max(1) {
            user.request_nonces.remove(0);
        }
        let until = now + Duration::from_secs(policy.nonce_lifetime.into());
        user.request_nonces.push(Nonce { value, nc: 0, until });
        headers
    }

    /// The challenge with this nonce has served, by a right answer or a wrong one.
    pub(crate) fn settle(&mut self, impi: &Impi, nonce: &str) {
        let Some(user) = self.users.get_mut(impi) else { return };
        let served = user.take_pending(|pending| pending.nonce == nonce);
        self.disarm(impi, &served);
    }

    /// All challenges of a user are void.
    pub(crate) fn settle_all(&mut self, impi: &Impi) {
        let Some(user) = self.users.get_mut(impi) else { return };
        let served = user.take_pending(|_| true);
        self.disarm(impi, &served);
    }

    /// One whose challenge nobody answered until `now` (reg-await-auth), and for which identity;
    /// not as long as another one for it waits.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(Impi, Impu)> {
        while let Some(first) = self.deadlines.first().filter(|(until, ..)| *until <= now).cloned() {
            self.deadlines.remove(&first);
            let (_, id, impi) = first;
            let Some(user) = self.users.get_mut(&impi) else { continue };
            for expired in user.take_pending(|pending| pending.id == id) {
                if !user.pending.iter().any(|other| other.impu == expired.impu) {
                    return Some((impi, expired.impu));
                }
            }
        }
        None
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, ..)| *until)
    }

    /// Forgets one who is not registered any more, unless a challenge waits.
    pub(crate) fn forget(&mut self, impi: &Impi) {
        if self.users.get(impi).is_some_and(|user| user.pending.is_empty()) {
            self.users.remove(impi);
        }
    }

    /// How many private identities something is held of.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    fn disarm(&mut self, impi: &Impi, served: &[Pending]) {
        for pending in served {
            self.deadlines.remove(&(pending.until, pending.id, impi.clone()));
        }
    }
}

impl User {
    fn verify(&mut self, now: Instant, presented: &Presented, policy: &Policy) -> Verdict {
        self.nonces.retain(|nonce| nonce.until > now);
        let algorithm = presented.algorithm;
        if !policy.algorithms().any(|challenged| challenged == algorithm) {
            return Verdict::Wrong;
        }
        let realm = |vector: &&DigestAuthenticate| vector.realm == presented.realm;
        if !self.vectors.iter().any(|vector| realm(&vector)) {
            return Verdict::Challenge { stale: false };
        }
        let right = self.vectors.iter().position(|vector| {
            realm(&vector) && ha1(vector, algorithm).is_some_and(|ha1| presented.verify(ha1, "REGISTER"))
        });
        let pending = self.pending.iter().any(|p| p.nonce == presented.nonce && p.until > now);
        let last_nc = self.nonces.iter().find(|nonce| nonce.value == presented.nonce).map(|nonce| nonce.nc);
        let Some(right) = right else {
            let issued = pending || last_nc.is_some();
            return if issued { Verdict::Wrong } else { Verdict::Challenge { stale: false } };
        };
        let fresh = match last_nc {
            Some(last) => presented.nc > last || policy.defects.has(Defect::IgnoresNc),
            None => pending && presented.nc > 0,
        };
        if !fresh {
            return Verdict::Challenge { stale: true };
        }
        self.count(now, presented, policy);
        let Some(ha1) = self.vectors.get(right).and_then(|vector| ha1(vector, algorithm)) else {
            return Verdict::Wrong;
        };
        let mut info = digest::authentication_info(presented, ha1, None);
        if policy.defects.has(Defect::WrongRspauth) {
            info.params.set_quoted("rspauth", &presented.response);
        }
        if right == 0 && !policy.defects.has(Defect::KeepsOldPassword) {
            self.vectors.truncate(1);
        }
        Verdict::Accepted(info)
    }

    fn verify_request(&mut self, now: Instant, presented: &Presented, method: &str, policy: &Policy) -> Verdict {
        self.request_nonces.retain(|nonce| nonce.until > now);
        let algorithm = presented.algorithm;
        if !policy.algorithms().any(|challenged| challenged == algorithm) {
            return Verdict::Wrong;
        }
        let nonce = self.request_nonces.iter_mut().find(|nonce| nonce.value == presented.nonce);
        let right = self
            .vectors
            .iter()
            .filter(|vector| vector.realm == presented.realm)
            .find_map(|vector| ha1(vector, algorithm).filter(|ha1| presented.verify(ha1, method)));
        match (nonce, right) {
            (Some(nonce), Some(ha1)) if presented.nc > nonce.nc => {
                nonce.nc = presented.nc;
                Verdict::Accepted(digest::authentication_info(presented, ha1, None))
            }
            (_, Some(_)) => Verdict::Challenge { stale: true },
            (Some(_), None) => Verdict::Wrong,
            (None, None) => Verdict::Challenge { stale: false },
        }
    }

    fn take_pending(&mut self, served: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let (taken, kept) = std::mem::take(&mut self.pending).into_iter().partition(served);
        self.pending = kept;
        taken
    }

    /// Keeps the nonce for the next request, `nc` included.
    fn count(&mut self, now: Instant, presented: &Presented, policy: &Policy) {
        if let Some(nonce) = self.nonces.iter_mut().find(|nonce| nonce.value == presented.nonce) {
            nonce.nc = presented.nc;
            return;
        }
        if self.nonces.len() >= policy.max_nonces.max(1) {
            self.nonces.remove(0);
        }
        let until = now + Duration::from_secs(policy.nonce_lifetime.into());
        self.nonces.push(Nonce { value: presented.nonce.clone(), nc: presented.nc, until });
    }
}

fn ha1(vector: &DigestAuthenticate, algorithm: Algorithm) -> Option<&Ha1> {
    [Some(&vector.ha1), vector.alternate.as_ref()].into_iter().flatten().find(|ha1| ha1.algorithm() == algorithm)
}
