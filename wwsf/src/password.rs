use std::sync::OnceLock;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2};
use ims::{Password, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::entropy::{self, NoEntropy};

/// A web password as it is kept: argon2id in PHC form.
///
/// 19 MiB, two passes, one lane: the parameters that OWASP's password storage
/// sheet asks for at least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash(Secret<String>);

impl PasswordHash {
    /// Hashes a password with a fresh salt. Takes tens of milliseconds.
    pub fn of(password: &Password) -> Result<Self, HashError> {
        let salt = SaltString::encode_b64(&entropy::random::<16>()?).map_err(|_| HashError::Parameters)?;
        let hash =
            Argon2::default().hash_password(password.expose().as_bytes(), &salt).map_err(|_| HashError::Parameters)?;
        Ok(Self(Secret::new(hash.to_string())))
    }

    /// Reads a stored hash; anything but argon2id is refused.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let hash = password_hash::PasswordHash::new(text).map_err(|_| HashError::Format)?;
        match hash.algorithm == Algorithm::Argon2id.ident() && hash.hash.is_some() {
            true => Ok(Self(Secret::new(text.to_owned()))),
            false => Err(HashError::Format),
        }
    }

    /// Whether this is the password. Takes tens of milliseconds.
    pub fn verify(&self, password: &Password) -> bool {
        password_hash::PasswordHash::new(self.0.expose())
            .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Why there is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Not an argon2id hash in PHC form.
    #[error("not an argon2id hash in PHC form")]
    Format,
    /// The library refused its own parameters or the password's length.
    #[error("the password cannot be hashed")]
    Parameters,
    /// No salt.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Checks passwords beside the event loop, a few at a time: each takes 19 MiB.
pub(crate) struct Verifier {
    permits: Semaphore,
    absent: OnceLock<Option<PasswordHash>>,
}

impl Verifier {
    const AT_ONCE: usize = 4;

    pub(crate) fn new() -> Self {
        Self { permits: Semaphore::new(Self::AT_ONCE), absent: OnceLock::new() }
    }

    /// Whether the password fits the hash. Without a hash the same work is
    /// done for nothing, so that the time does not tell who has an account.
    pub(crate) async fn verify(&self, hash: Option<PasswordHash>, password: &Password) -> bool {
        let Ok(_permit) = self.permits.acquire().await else {
            return false;
        };
        let exists = hash.is_some();
        let Some(hash) = hash.or_else(|| self.absent()) else {
            return false;
        };
        let password = password.clone();
        let fits = tokio::task::spawn_blocking(move || hash.verify(&password)).await;
        exists && fits.unwrap_or(false)
    }

    fn absent(&self) -> Option<PasswordHash> {
        self.absent.get_or_init(|| crate::demo::USERS.first().and_then(|user| user.hash())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_opens_for_its_password_alone() {
        let hash = PasswordHash::of(&"right".into()).unwrap();
        assert!(hash.verify(&"right".into()));
        assert!(!hash.verify(&"wrong".into()));
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let hash = || PasswordHash::of(&"same".into()).unwrap();
        assert_ne!(hash(), hash());
    }

    #[test]
    fn only_argon2id_is_read() {
        for text in [
            "",
            "alice-web",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWQ",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
            "$2b$12$abcdefghijklmnopqrstuu",
        ] {
            assert_eq!(PasswordHash::parse(text), Err(HashError::Format), "{text}");
        }
    }

    #[tokio::test]
    async fn an_absent_account_never_opens() {
        assert!(!Verifier::new().verify(None, &"alice-web".into()).await);
    }
}
