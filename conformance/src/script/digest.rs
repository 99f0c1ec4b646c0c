//! Answers to digest challenges, right ones and others.

use sip::digest::{self, Algorithm};
use sip::headers::{
    AuthenticationInfo, Authorization, Challenge, Credentials, DigestChallenge, DigestCredentials, WwwAuthenticate,
};
use sip::{HeaderName, Response};

use super::ScriptError;

/// Who answers.
#[derive(Clone, Debug)]
pub struct Answerer {
    /// The IMPI.
    pub username: String,
    /// The password.
    pub password: String,
    /// The `uri` parameter: the registrar's.
    pub uri: String,
    /// The method.
    pub method: String,
    /// The client's nonce.
    pub cnonce: String,
    /// How often the nonce was used, this time included.
    pub nc: u32,
}

impl Answerer {
    /// One who answers for a REGISTER to `domain`, for the first time.
    pub fn register(username: &str, password: &str, domain: &str) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            uri: format!("sip:{domain}"),
            method: "REGISTER".into(),
            cnonce: "0a4f113b5e6d".into(),
            nc: 1,
        }
    }

    /// The same for a later use of the nonce.
    #[must_use]
    pub fn nc(mut self, nc: u32) -> Self {
        self.nc = nc;
        self
    }

    /// The right credentials; spoil them with [`DigestCredentials::params`].
    pub fn credentials(&self, challenge: &DigestChallenge) -> Result<DigestCredentials, ScriptError> {
        let Self { username, password, uri, method, cnonce, nc } = self;
        digest::answer(challenge, username, password, method, uri, cnonce, *nc)
            .map_err(|e| ScriptError::Malformed { what: "the challenge", why: e.to_string() })
    }

    /// Whether the server of a 2xx knows the password too.
    pub fn proves_itself(&self, response: &Response, sent: &DigestCredentials) -> Result<(), String> {
        let info: Option<AuthenticationInfo> = response.headers.opt().map_err(|e| e.to_string())?;
        let info = info.ok_or("no Authentication-Info")?;
        digest::verify_rspauth(&info, sent, &self.password).map_err(|e| e.to_string())
    }
}

/// The Digest challenges of a 401, in their order.
pub fn challenges(response: &Response) -> Vec<DigestChallenge> {
    response
        .headers
        .values(&HeaderName::WwwAuthenticate)
        .filter_map(|value| <WwwAuthenticate as sip::headers::TypedHeader>::parse(value).ok())
        .filter_map(|header| match header.0 {
            Challenge::Digest(challenge) => Some(challenge),
            _ => None,
        })
        .collect()
}

/// The challenge with one algorithm.
pub fn challenge_with(response: &Response, algorithm: Algorithm) -> Option<DigestChallenge> {
    let of = |challenge: &DigestChallenge| {
        challenge.text("algorithm").map_or(Some(Algorithm::Md5), |a| Algorithm::parse(&a))
    };
    challenges(response).into_iter().find(|challenge| of(challenge) == Some(algorithm))
}

/// The value of an Authorization header.
pub fn authorization(credentials: DigestCredentials) -> String {
    Authorization(Credentials::Digest(credentials)).to_string()
}

/// Credentials that name a user and answer nothing, as an initial REGISTER has them.
pub fn identity(username: &str, domain: &str) -> String {
    format!("Digest username=\"{username}\", realm=\"{domain}\", nonce=\"\", uri=\"sip:{domain}\", response=\"\"")
}
