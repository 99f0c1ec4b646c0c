//! The keys of the WAFs: which there are, how old they are, when to ask for new ones.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ims::token::{Algorithm, Jws, TokenError};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use serde::Deserialize;
use sip::Instant;

use crate::policy::KeysTable;

/// Most keys taken from one key set.
const MAX_KEYS: usize = 32;

/// What the eP-CSCF asks of its shell: the keys of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysAsk {
    /// The issuer.
    pub issuer: String,
    /// Where its keys are: from configuration, never from a token (RFC 8725 §3.10).
    pub jwks_url: String,
}

/// The answer to a [`KeysAsk`].
#[derive(Clone, Debug)]
pub struct KeysAnswer {
    /// The issuer that was asked about.
    pub issuer: String,
    /// Its keys, or why there are none.
    pub keys: Result<KeySet, KeysUnavailable>,
}

/// Why keys could not be fetched or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeysUnavailable(pub String);

/// The keys of one issuer that the token profile can use.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, (Algorithm, DecodingKey)>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5). Keys of other kinds than the profile's, without `kid`, or not
    /// for signatures are passed over.
    pub fn from_json(json: &[u8]) -> Result<Self, KeysUnavailable> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|e| KeysUnavailable(format!("not a JWK set: {e}")))?;
        let jwks = set.keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(Self { keys: jwks.filter_map(|jwk| usable(&jwk)).collect() })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key of this name.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// Whether the signature of a token is right. The algorithm is the key's, not the token's
    /// (RFC 8725 §3.1, §3.2).
    pub fn verify(&self, jws: &Jws) -> Result<(), TokenError> {
        let (algorithm, key) = self.keys.get(jws.key_id()).ok_or(TokenError::UnknownKey)?;
        if *algorithm != jws.algorithm() {
            return Err(TokenError::Algorithm);
        }
        let algorithm = match algorithm {
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        let signature = URL_SAFE_NO_PAD.encode(jws.signature());
        match jsonwebtoken::crypto::verify(&signature, jws.signing_input().as_bytes(), key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

fn usable(jwk: &Jwk) -> Option<(String, (Algorithm, DecodingKey))> {
    let kid = jwk.common.key_id.clone()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::Es256,
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDsa,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((kid, (algorithm, key)))
}

/// The key sets at hand and the rule when to fetch anew.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    issuers: HashMap<String, Issuer>,
}

#[derive(Debug, Default)]
struct Issuer {
    set: Option<KeySet>,
    fetched: Option<Instant>,
    asked: Option<Instant>,
    /// When an unknown `kid` last made us ask.
    refreshed: Option<Instant>,
    asking: bool,
}

/// What to do about one token's key.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// Verify with these.
    Found(&'a KeySet),
    /// Ask for the keys and wait.
    Ask,
    /// They are asked for already: wait.
    Wait,
    /// The issuer was asked a moment ago and has no such key.
    Unknown,
    /// The issuer was asked a moment ago and did not answer.
    Unavailable,
}

impl Keys {
    /// Whether the key `kid` of `issuer` is at hand, and if not, whether to ask: on the first use,
    /// when the set is too old, and for an unknown `kid`, but at most once in
    /// [`KeysTable::refresh_interval`].
    pub(crate) fn lookup(&mut self, now: Instant, issuer: &str, kid: &str, table: &KeysTable) -> Lookup<'_> {
        let entry = self.issuers.entry(issuer.to_owned()).or_default();
        if entry.asking {
            return Lookup::Wait;
        }
        let age = entry.fetched.map(|at| now.since(at));
        let fresh = age.is_some_and(|age| age < Duration::from_secs(table.max_age));
        if fresh && entry.set.as_ref().is_some_and(|set| set.has(kid)) {
            return entry.set.as_ref().map_or(Lookup::Unknown, Lookup::Found);
        }
        let interval = Duration::from_secs(table.refresh_interval);
        let within = |at: Option<Instant>| at.is_some_and(|at| now.since(at) < interval);
        if fresh {
            // Only refreshes count against the limit, not the first fetch: a WWSF may change its
            // key soon after. A set that comes now is not asked for again.
            if within(entry.refreshed) || age.is_some_and(|age| age.is_zero()) {
                return Lookup::Unknown;
            }
            entry.refreshed = Some(now);
        } else if within(entry.asked) {
            return Lookup::Unavailable;
        }
        entry.asking = true;
        entry.asked = Some(now);
        Lookup::Ask
    }

    /// Takes the answer to an ask.
    pub(crate) fn answered(&mut self, now: Instant, issuer: &str, keys: Result<KeySet, KeysUnavailable>) {
        let Some(entry) = self.issuers.get_mut(issuer) else { return };
        entry.asking = false;
        // The interval counts from the answer: a slow issuer is not asked twice in a row.
        entry.asked = Some(now);
        // Without new ones, what is at hand stays good until it is too old.
        if let Ok(set) = keys {
            entry.set = Some(set);
            entry.fetched = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8037 A.2.
    const RFC8037_JWKS: &str = r#"{"keys":[
        {"kty":"OKP","crv":"Ed25519","kid":"waf-2025-1","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"RSA","kid":"rsa","n":"AQAB","e":"AQAB"},
        {"kty":"oct","kid":"hmac","k":"AQAB"},
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"OKP","crv":"Ed25519","kid":"enc","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"from-the-future","kid":"new"}]}"#;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn only_keys_that_the_profile_can_use_are_taken() {
        let set = KeySet::from_json(RFC8037_JWKS.as_bytes()).unwrap();
        assert_eq!(set.len(), 1);
        assert!(set.has("waf-2025-1"));
        assert!(KeySet::from_json(b"[]").is_err());
        assert!(KeySet::from_json(b"<html>").is_err());
    }

    /// TOK-09.
    #[test]
    fn an_unknown_key_is_asked_for_once_in_an_interval() {
        let table = KeysTable { max_age: 300, refresh_interval: 5, ..KeysTable::default() };
        let set = KeySet::from_json(RFC8037_JWKS.as_bytes()).unwrap();
        let mut keys = Keys::default();
        assert!(matches!(keys.lookup(at(0), "i", "waf-2025-1", &table), Lookup::Ask));
        assert!(matches!(keys.lookup(at(1), "i", "waf-2025-1", &table), Lookup::Wait));
        keys.answered(at(1), "i", Ok(set.clone()));
        assert!(matches!(keys.lookup(at(2), "i", "waf-2025-1", &table), Lookup::Found(_)));
        // The key may have changed since the first fetch; a second refresh has to wait.
        assert!(matches!(keys.lookup(at(2), "i", "other", &table), Lookup::Ask));
        keys.answered(at(2), "i", Ok(set.clone()));
        assert!(matches!(keys.lookup(at(2), "i", "other", &table), Lookup::Unknown));
        assert!(matches!(keys.lookup(at(6), "i", "other", &table), Lookup::Unknown));
        assert!(matches!(keys.lookup(at(7), "i", "other", &table), Lookup::Ask));
        keys.answered(at(7), "i", Err(KeysUnavailable("down".into())));
        assert!(matches!(keys.lookup(at(8), "i", "waf-2025-1", &table), Lookup::Found(_)));
        assert!(matches!(keys.lookup(at(302), "i", "waf-2025-1", &table), Lookup::Ask));
        keys.answered(at(302), "i", Err(KeysUnavailable("down".into())));
        assert!(matches!(keys.lookup(at(303), "i", "waf-2025-1", &table), Lookup::Unavailable));
    }
}
