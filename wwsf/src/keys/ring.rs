use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ims::Secret;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use super::{KeyError, SigningKey};

/// All keys of one WWSF, oldest first. The last one signs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRing {
    /// Longest token lifetime that any key here has signed for, in seconds.
    token_lifetime: u64,
    /// Makes `sub` of a user name; stays when keys go, so that `sub` stays too.
    subject_secret: Secret<String>,
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// How much longer than its tokens a key stays published, in seconds:
    /// what verifiers forgive, and a little for a token made during rotation.
    const MARGIN: u64 = 60;

    pub(super) fn new(subject_secret: Secret<String>) -> Self {
        Self { token_lifetime: 0, subject_secret, keys: Vec::new() }
    }

    /// The key that signs.
    pub(crate) fn active(&self) -> Option<&SigningKey> {
        self.keys.last().filter(|key| key.publish_until.is_none())
    }

    /// The keys that verifiers need now.
    pub(crate) fn published(&self, now: u64) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(move |key| is_needed(key, now))
    }

    /// The public halves (RFC 7517 §5).
    pub(crate) fn jwks(&self, now: u64) -> Result<JwkSet, KeyError> {
        let keys = self.published(now).map(SigningKey::jwk).collect::<Result<_, _>>()?;
        Ok(JwkSet { keys })
    }

    /// An opaque name for a user, the same each time and only here (`sub`).
    pub(crate) fn subject(&self, username: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.subject_secret.expose().as_bytes());
        let tag = hmac::sign(&key, username.as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }

    /// Retires the active key and drops those that nobody needs.
    pub(super) fn rotate(&mut self, key: SigningKey, now: u64) {
        let until = now.saturating_add(self.token_lifetime).saturating_add(Self::MARGIN);
        for retired in self.keys.iter_mut().filter(|key| key.publish_until.is_none()) {
            retired.publish_until = Some(until);
        }
        self.keys.retain(|key| is_needed(key, now));
        self.keys.push(key);
    }

    /// Remembers that tokens may live so long; true when that is news.
    pub(super) fn allow_lifetime(&mut self, seconds: u64) -> bool {
        let longer = seconds > self.token_lifetime;
        self.token_lifetime = self.token_lifetime.max(seconds);
        longer
    }

    pub(super) fn check(&self) -> Result<(), KeyError> {
        self.active().ok_or(KeyError::Unusable)?;
        self.keys.iter().try_for_each(|key| key.jwk().map(drop))
    }
}

fn is_needed(key: &SigningKey, now: u64) -> bool {
    key.publish_until.is_none_or(|until| now < until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningAlg;

    fn ring(lifetime: u64) -> KeyRing {
        let mut ring = KeyRing::new(Secret::new("salt".into()));
        assert!(ring.allow_lifetime(lifetime));
        ring.rotate(key(0), 0);
        ring
    }

    fn key(now: u64) -> SigningKey {
        SigningKey::generate(SigningAlg::Es256, now).unwrap()
    }

    #[test]
    fn a_retired_key_is_published_until_its_tokens_have_died() {
        let mut ring = ring(3600);
        ring.rotate(key(1000), 1000);
        let end = 1000 + 3600 + KeyRing::MARGIN;
        assert_eq!(ring.published(end - 1).count(), 2);
        assert_eq!(ring.published(end).count(), 1);
        ring.rotate(key(end), end);
        assert_eq!(ring.keys.len(), 2, "the first key is gone from the file too");
    }

    #[test]
    fn a_shorter_lifetime_does_not_unpublish_a_key_early() {
        let mut ring = ring(3600);
        assert!(!ring.allow_lifetime(60));
        ring.rotate(key(0), 0);
        assert_eq!(ring.published(3600).count(), 2);
    }

    #[test]
    fn a_subject_is_stable_and_does_not_show_the_name() {
        let ring = ring(60);
        assert_eq!(ring.subject("alice"), ring.subject("alice"));
        assert_ne!(ring.subject("alice"), ring.subject("bob"));
        assert!(!ring.subject("alice").contains("alice"));
    }
}
