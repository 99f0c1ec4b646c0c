//! The one place that asks the operating system for randomness.

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The operating system gave no randomness; nothing secret can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoEntropy;

/// `N` random octets.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut octets = [0; N];
    rand::fill(&mut octets).map_err(|_| NoEntropy)?;
    Ok(octets)
}

/// A random text of 128 bits that fits in a claim.
pub(crate) fn random_id() -> Result<String, NoEntropy> {
    Ok(URL_SAFE_NO_PAD.encode(random::<16>()?))
}

/// SHA-256 in base64url: a name for a secret that does not give it away.
pub(crate) fn fingerprint(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret))
}
