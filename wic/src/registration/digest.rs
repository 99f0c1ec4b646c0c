//! Flow 1: SIP Digest (TS 33.203 Annex N, RFC 8760).

use ims::{Defect, Defects};
use sip::digest::{self, DigestError};
use sip::headers::{AuthenticationInfo, Challenge, DigestChallenge, DigestCredentials, TypedHeader, WwwAuthenticate};
use sip::{Entropy, HeaderName, Method, Response};

use super::Verdict;
use crate::{Cause, DigestAccess, Failure, Opening};

/// How often one round answers a fresh challenge that says `stale`.
const MOST_STALE: u8 = 2;

/// What a WIC knows of the digest protection space: the nonce at hand and how often it was used.
#[derive(Debug)]
pub(super) struct DigestClient {
    pub(super) access: DigestAccess,
    challenge: Option<DigestChallenge>,
    nc: u32,
    /// Challenges answered in this round.
    answered: u8,
    /// `stale` challenges in this round.
    stale: u8,
    sent: Option<DigestCredentials>,
    defects: Defects,
}

impl DigestClient {
    pub(super) fn new(access: DigestAccess, defects: Defects) -> Self {
        Self { access, challenge: None, nc: 0, answered: 0, stale: 0, sent: None, defects }
    }

    pub(super) fn begin(&mut self) {
        self.answered = 0;
        self.stale = 0;
    }

    pub(super) fn forget(&mut self) {
        self.challenge = None;
        self.nc = 0;
        self.sent = None;
    }

    /// Answers the nonce at hand with the next nc (TS 33.203 N.2.1.1); without one, opens.
    pub(super) fn credentials(
        &mut self,
        uri: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<DigestCredentials>, Failure> {
        let access = &self.access;
        let Some(challenge) = &self.challenge else {
            self.sent = None;
            return Ok((access.opening == Opening::Identified).then(|| identify(access, uri)));
        };
        if self.nc == 0 || !self.defects.has(Defect::RepeatsNc) {
            self.nc += 1;
        }
        let method = Method::Register;
        let credentials = digest::answer(
            challenge,
            access.impi.as_str(),
            access.password.expose(),
            method.as_str(),
            uri,
            &entropy.token(16),
            self.nc,
        )
        .map_err(|e| unsupported(&e.to_string()))?;
        self.sent = Some(credentials.clone());
        Ok(Some(credentials))
    }

    /// A 401. The same password is tried once a round: what it did not open, it won't open.
    /// `stale` says that the password was right and only the nonce is too old (RFC 7616 §3.3).
    pub(super) fn challenged(&mut self, response: &Response) -> Verdict {
        let most = if self.defects.has(Defect::AnswersFirstChallenge) { 1 } else { usize::MAX };
        let offered: Vec<WwwAuthenticate> = response
            .headers
            .values(&HeaderName::WwwAuthenticate)
            .filter_map(|value| WwwAuthenticate::parse(value).ok())
            .take(most)
            .collect();
        let Some(challenge) = digest::pick(&offered) else {
            return Verdict::Refused(nothing_to_answer(&offered));
        };
        let stale = challenge.text("stale").is_some_and(|s| s.eq_ignore_ascii_case("true"))
            && !self.defects.has(Defect::IgnoresStale);
        self.stale += u8::from(stale);
        if self.answered > 0 && !stale && !self.defects.has(Defect::TriesPasswordAgain) {
            return Verdict::Refused(wrong_password(response));
        }
        if self.stale > MOST_STALE {
            return Verdict::Refused(unsupported("every nonce is called stale at once"));
        }
        if self.challenge.as_ref().and_then(DigestChallenge::nonce) != challenge.nonce() {
            self.nc = 0;
        }
        self.challenge = Some(challenge.clone());
        self.answered += 1;
        Verdict::Again
    }

    /// A 200: the network must have proven that it knows the password (TS 33.203 N.2.1.1).
    pub(super) fn confirmed(&mut self, response: &Response) -> Result<(), Failure> {
        let info = response.headers.opt::<AuthenticationInfo>().map_err(|e| not_proven(&e.to_string()))?;
        let password = self.access.password.expose();
        let verdict = match (&info, &self.sent) {
            (Some(info), Some(sent)) => digest::verify_rspauth(info, sent, password),
            _ => Err(DigestError::Missing("rspauth")),
        };
        match verdict {
            Ok(()) => {}
            Err(DigestError::Missing("rspauth")) if !self.access.require_rspauth => {}
            Err(_) if self.defects.has(Defect::BelievesAnyServer) => {}
            Err(error) => return Err(not_proven(&error.to_string())),
        }
        let next = info.and_then(|info| info.text("nextnonce")).filter(|nonce| !nonce.is_empty());
        if let (Some(next), Some(challenge)) = (next, &mut self.challenge) {
            challenge.params.set_quoted("nonce", &next);
            self.nc = 0;
        }
        Ok(())
    }
}

/// The Authorization that names the IMPI and proves nothing (TS 24.229 §5.1.1.2).
fn identify(access: &DigestAccess, uri: &str) -> DigestCredentials {
    let mut credentials = DigestCredentials::default();
    let params = &mut credentials.params;
    params.set_quoted("username", access.impi.as_str());
    params.set_quoted("realm", access.domain.as_str());
    params.set_quoted("nonce", "");
    params.set_quoted("uri", uri);
    params.set_quoted("response", "");
    credentials
}

fn nothing_to_answer(offered: &[WwwAuthenticate]) -> Failure {
    if offered.iter().any(|c| matches!(**c, Challenge::Bearer(_))) {
        return unsupported("it asks for a token")
            .advise("The users of this WWSF register by web login and token: choose flow 2 or 3.");
    }
    unsupported("it offers neither MD5 nor SHA-256 with qop=auth")
}

fn unsupported(why: &str) -> Failure {
    Failure::new(
        Cause::UnsupportedChallenge,
        format!("the network's challenge has no answer in flow 1: {why} (TS 33.203 N.2.1.1)"),
    )
}

fn wrong_password(response: &Response) -> Failure {
    Failure::new(
        Cause::WrongPassword,
        format!("the network challenged again after the answer: {} {}", response.status, response.reason),
    )
    .advise("The password is not that of this IMPI (TS 33.203 N.2.2.1).")
}

fn not_proven(why: &str) -> Failure {
    Failure::new(Cause::ServerNotProven, format!("the network did not prove that it knows the password: {why}"))
        .advise("Somebody else may be answering in its place: don't trust this connection.")
}
