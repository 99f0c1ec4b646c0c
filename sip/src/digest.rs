//! Digest authentication as IMS uses it: MD5 and SHA-256, `qop=auth` alone (RFC 7616, RFC 8760,
//! TS 33.203 Annex N).
//!
//! The hashes are here; [`answer`] and [`verify_rspauth`] are the client's side, [`challenge`] and
//! [`Presented`] the server's.

mod client;
mod server;

pub use client::{answer, pick, verify_rspauth};
pub use server::{Presented, authentication_info, challenge};

use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// A hash algorithm of Digest, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5: what an absent `algorithm` means (RFC 7616 §3.3).
    Md5,
    /// SHA-256 (RFC 8760).
    Sha256,
}

impl Algorithm {
    /// The token in `algorithm=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads the token, without case.
    pub fn parse(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(token))
    }

    /// How many hexadecimal digits a hash has.
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }

    /// H(data) in lower-case hexadecimal.
    pub fn hash_hex(self, data: impl AsRef<[u8]>) -> String {
        self.hash_parts(&[data.as_ref()])
    }

    /// H(parts joined by colons).
    fn hash_joined(self, parts: &[&str]) -> String {
        let mut spans: Vec<&[u8]> = Vec::with_capacity(parts.len() * 2);
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                spans.push(b":");
            }
            spans.push(part.as_bytes());
        }
        self.hash_parts(&spans)
    }

    fn hash_parts(self, parts: &[&[u8]]) -> String {
        fn run<D: Digest>(parts: &[&[u8]]) -> String {
            let mut hasher = D::new();
            parts.iter().for_each(|part| hasher.update(part));
            hex::encode(hasher.finalize().as_slice())
        }
        match self {
            Self::Md5 => run::<Md5>(parts),
            Self::Sha256 => run::<Sha256>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(token: &str) -> Result<Self, DigestError> {
        Self::parse(token).ok_or(DigestError::Algorithm)
    }
}

/// H(username:realm:password): as good as the password within its realm, so `Debug` hides it and
/// comparing takes the same time wherever two differ.
#[derive(Clone)]
pub struct Ha1(Box<str>);

impl Ha1 {
    /// The HA1 of a user (RFC 7616 §3.4.2).
    pub fn new(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Self {
        Self(algorithm.hash_joined(&[username, realm, password]).into())
    }

    /// Reads a stored HA1: 32 (MD5) or 64 (SHA-256) hexadecimal digits, any case.
    ///
    /// # Errors
    /// [`DigestError::Malformed`], without the text.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        if !matches!(hex.len(), 32 | 64) || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(DigestError::Malformed("HA1"));
        }
        Ok(Self(hex.to_ascii_lowercase().into()))
    }

    /// The digits, for a subscriber store and for the hash.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The algorithm that it was made with.
    pub fn algorithm(&self) -> Algorithm {
        if self.0.len() == Algorithm::Md5.hex_len() { Algorithm::Md5 } else { Algorithm::Sha256 }
    }
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Ha1 {}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// H(method:uri), the HA2 of `qop=auth` (RFC 7616 §3.4.3).
pub fn ha2(algorithm: Algorithm, method: &str, uri: &str) -> String {
    algorithm.hash_joined(&[method, uri])
}

/// The `response` of `qop=auth`: H(HA1:nonce:nc:cnonce:auth:HA2) (RFC 7616 §3.4.1).
pub fn response(algorithm: Algorithm, ha1: &Ha1, nonce: &str, nc: u32, cnonce: &str, ha2: &str) -> String {
    algorithm.hash_joined(&[ha1.expose(), nonce, &nc_hex(nc), cnonce, "auth", ha2])
}

/// The `rspauth` by which the server proves that it knows HA1 too (RFC 7616 §3.5).
pub fn rspauth(algorithm: Algorithm, ha1: &Ha1, nonce: &str, nc: u32, cnonce: &str, uri: &str) -> String {
    response(algorithm, ha1, nonce, nc, cnonce, &ha2(algorithm, "", uri))
}

/// What is wrong with a challenge, with credentials or with an Authentication-Info.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// A parameter is not there.
    #[error("Digest {0} is missing (RFC 7616 §3.3-3.5)")]
    Missing(&'static str),
    /// A parameter does not follow its grammar.
    #[error("Digest {0} is malformed (RFC 7616 §3.3-3.5)")]
    Malformed(&'static str),
    /// Neither MD5 nor SHA-256.
    #[error("the Digest algorithm is not supported (RFC 8760 §2.1)")]
    Algorithm,
    /// Not `auth`: `auth-int` can't work where proxies change bodies, and no qop has no nc.
    #[error("only Digest qop=auth is supported (TS 33.203 N.2.1.1)")]
    Qop,
    /// `response=""`: the credentials identify, they do not authenticate.
    #[error("the Digest response is empty (TS 33.203 N.2.2)")]
    EmptyResponse,
    /// The server's `rspauth` is not what one that knows the password would send.
    #[error("rspauth is wrong: the server does not know the password (TS 33.203 N.2.1.1)")]
    Rspauth,
}

/// `nc` as it is written: eight digits.
fn nc_hex(nc: u32) -> String {
    format!("{nc:08x}")
}

/// Compares without telling by its duration where two texts differ.
fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
