//! Signing keys: kept in the state folder, published as a JWK set, rotated
//! while the server runs.

mod ring;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ims::Secret;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::entropy::{self, NoEntropy};
use crate::file::{self, Lock, Watched};

pub(crate) use ring::KeyRing;

/// The name of the key file in the state folder.
const FILE: &str = "keys.json";

/// The algorithm that tokens are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037 §3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The name of a key: its JWK thumbprint (RFC 7638), so that a name never
/// stands for two keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kid(String);

/// Puts a new key in charge of signing.
///
/// The old one stays published until the last token that it signed has
/// expired. A server that runs on this state folder changes over at its next
/// token, without a restart.
pub fn rotate(state_dir: &Path) -> Result<Kid, KeyError> {
    let path = state_dir.join(FILE);
    let _lock = Lock::of(&path).map_err(|e| KeyError::io(&path, e))?;
    let mut ring = read(&path)?;
    let alg = ring.active().map(|key| key.alg).ok_or_else(|| KeyError::format(&path, "no active key"))?;
    let key = SigningKey::generate(alg, clock::unix_now())?;
    let kid = key.kid.clone();
    ring.rotate(key, clock::unix_now());
    write(&path, &ring)?;
    Ok(kid)
}

impl Kid {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SigningAlg {
    pub(crate) fn jws(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// One key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SigningKey {
    pub(crate) kid: Kid,
    pub(crate) alg: SigningAlg,
    /// Unix seconds.
    pub(crate) created: u64,
    /// Unix seconds until which a retired key stays published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) publish_until: Option<u64>,
    /// PKCS #8, base64.
    pkcs8: Secret<String>,
}

impl SigningKey {
    pub(crate) fn generate(alg: SigningAlg, now: u64) -> Result<Self, KeyError> {
        let rng = SystemRandom::new();
        let pkcs8 = match alg {
            SigningAlg::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng),
            // The first version of the form: the second, with the public key, is not read by all.
            SigningAlg::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&rng),
        }
        .map_err(|_| KeyError::Generate)?;
        let mut key = Self {
            kid: Kid(String::new()),
            alg,
            created: now,
            publish_until: None,
            pkcs8: Secret::new(STANDARD.encode(pkcs8.as_ref())),
        };
        let thumbprint = key.bare_jwk()?.thumbprint(ThumbprintHash::SHA256);
        key.kid = Kid(thumbprint.map_err(|_| KeyError::Generate)?);
        Ok(key)
    }

    pub(crate) fn encoding_key(&self) -> Result<EncodingKey, KeyError> {
        let der = self.pkcs8()?;
        Ok(match self.alg {
            SigningAlg::Es256 => EncodingKey::from_ec_der(der.expose()),
            SigningAlg::EdDsa => EncodingKey::from_ed_der(der.expose()),
        })
    }

    /// PKCS #8 in DER.
    pub(crate) fn pkcs8(&self) -> Result<Secret<Vec<u8>>, KeyError> {
        STANDARD.decode(self.pkcs8.expose()).map(Secret::new).map_err(|_| KeyError::Unusable)
    }

    /// The public half, as others verify with it (RFC 7517 §4).
    pub(crate) fn jwk(&self) -> Result<Jwk, KeyError> {
        let mut jwk = self.bare_jwk()?;
        jwk.common.key_id = Some(self.kid.0.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }

    fn bare_jwk(&self) -> Result<Jwk, KeyError> {
        Jwk::from_encoding_key(&self.encoding_key()?, self.alg.jws()).map_err(|_| KeyError::Unusable)
    }
}

/// The keys of a running server.
pub(crate) struct KeyStore {
    ring: Watched<KeyRing>,
}

impl KeyStore {
    /// Opens the key file of a state folder, made when it is not there.
    pub(crate) fn open(state_dir: &Path, alg: SigningAlg, token_lifetime: u64) -> Result<Self, KeyError> {
        let path = state_dir.join(FILE);
        file::private_dir(state_dir).map_err(|e| KeyError::io(&path, e))?;
        let _lock = Lock::of(&path).map_err(|e| KeyError::io(&path, e))?;
        let now = clock::unix_now();
        let mut ring = match fs::exists(&path) {
            Ok(true) => read(&path)?,
            Ok(false) => KeyRing::new(Secret::new(entropy::random_id()?)),
            Err(error) => return Err(KeyError::io(&path, error)),
        };
        let changed = ring.allow_lifetime(token_lifetime);
        let other_alg = ring.active().is_none_or(|key| key.alg != alg);
        if other_alg {
            ring.rotate(SigningKey::generate(alg, now)?, now);
        }
        if changed || other_alg {
            write(&path, &ring)?;
        }
        Ok(Self { ring: Watched::open(path, read)? })
    }

    /// The keys as they are now.
    pub(crate) fn current(&self) -> Arc<KeyRing> {
        self.ring.current(read)
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key file could not be read or written.
    #[error("key file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file is damaged.
    #[error("key file {path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Others than the owner may read the key file.
    #[error("key file {path} is readable by others than its owner: set its mode to 0600 and rotate the keys")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A key pair could not be made.
    #[error("the signing key could not be generated")]
    Generate,
    /// A stored key pair is none.
    #[error("a stored signing key cannot be used")]
    Unusable,
    /// No randomness.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

impl KeyError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn format(path: &Path, reason: impl ToString) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.to_string() }
    }
}

fn read(path: &Path) -> Result<KeyRing, KeyError> {
    let io = |e| KeyError::io(path, e);
    if file::is_open_to_others(&fs::metadata(path).map_err(io)?) {
        return Err(KeyError::Exposed { path: path.to_owned() });
    }
    let ring: KeyRing = serde_json::from_slice(&fs::read(path).map_err(io)?).map_err(|e| KeyError::format(path, e))?;
    ring.check()?;
    Ok(ring)
}

fn write(path: &Path, ring: &KeyRing) -> Result<(), KeyError> {
    let text = serde_json::to_vec_pretty(ring).map_err(|e| KeyError::format(path, e))?;
    file::replace(path, &text).map_err(|e| KeyError::io(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let kid = || {
            let store = KeyStore::open(dir.path(), SigningAlg::Es256, 60).unwrap();
            store.current().active().unwrap().kid.clone()
        };
        assert_eq!(kid(), kid());
    }

    #[test]
    fn a_rotation_by_another_process_is_seen_and_the_old_key_stays_published() {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::open(dir.path(), SigningAlg::Es256, 60).unwrap();
        let old = store.current().active().unwrap().kid.clone();
        let new = rotate(dir.path()).unwrap();
        let ring = store.current();
        assert_eq!(ring.active().unwrap().kid, new);
        let published: Vec<_> = ring.published(clock::unix_now()).map(|key| key.kid.clone()).collect();
        assert_eq!(published, [old, new]);
    }

    #[test]
    fn another_algorithm_brings_another_key() {
        let dir = tempfile::tempdir().unwrap();
        drop(KeyStore::open(dir.path(), SigningAlg::Es256, 60).unwrap());
        let ring = KeyStore::open(dir.path(), SigningAlg::EdDsa, 60).unwrap().current();
        assert_eq!(ring.active().unwrap().alg, SigningAlg::EdDsa);
        assert_eq!(ring.published(clock::unix_now()).count(), 2);
    }

    #[test]
    fn a_public_key_has_no_private_part_and_its_thumbprint_for_a_name() {
        for (alg, members) in [
            (SigningAlg::Es256, ["alg", "crv", "kid", "kty", "use", "x", "y"].as_slice()),
            (SigningAlg::EdDsa, ["alg", "crv", "kid", "kty", "use", "x"].as_slice()),
        ] {
            let key = SigningKey::generate(alg, 0).unwrap();
            let jwk = key.jwk().unwrap();
            assert_eq!(jwk.thumbprint(ThumbprintHash::SHA256).unwrap(), key.kid.as_str());
            let jwk = serde_json::to_value(jwk).unwrap();
            let mut names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, members);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_private_and_an_exposed_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        drop(KeyStore::open(dir.path(), SigningAlg::Es256, 60).unwrap());
        let path = dir.path().join(FILE);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(rotate(dir.path()), Err(KeyError::Exposed { .. })));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = SigningKey::generate(SigningAlg::Es256, 0).unwrap();
        assert!(!format!("{key:?}").contains(key.pkcs8.expose().as_str()));
    }
}
