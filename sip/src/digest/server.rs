//! The server's side: challenging, judging what a client presents, proving oneself back.

use super::{Algorithm, DigestError, Ha1, ha2, nc_hex, response, rspauth, same};
use crate::headers::{AuthenticationInfo, DigestChallenge, DigestCredentials};
use std::fmt;

/// A challenge with `qop="auth"` (RFC 7616 §3.3). For several algorithms send one header each, the
/// most preferred first (RFC 8760 §2.3).
pub fn challenge(algorithm: Algorithm, realm: &str, nonce: &str, stale: bool) -> DigestChallenge {
    let mut challenge = DigestChallenge::default();
    let params = &mut challenge.params;
    params.set_quoted("realm", realm);
    params.set_quoted("nonce", nonce);
    params.set("algorithm", algorithm.as_str());
    params.set_quoted("qop", "auth");
    if stale {
        params.set("stale", "true");
    }
    challenge
}

/// The Authentication-Info of a success: `rspauth` over what the client presented, and the nonce
/// for its next request if that is to change (RFC 7616 §3.5).
pub fn authentication_info(presented: &Presented, ha1: &Ha1, nextnonce: Option<&str>) -> AuthenticationInfo {
    let Presented { nonce, uri, algorithm, cnonce, nc, .. } = presented;
    let mut info = AuthenticationInfo::default();
    let params = &mut info.params;
    if let Some(nextnonce) = nextnonce {
        params.set_quoted("nextnonce", nextnonce);
    }
    params.set("qop", "auth");
    params.set_quoted("rspauth", &rspauth(*algorithm, ha1, nonce, *nc, cnonce, uri));
    params.set_quoted("cnonce", cnonce);
    params.set("nc", nc_hex(*nc));
    info
}

/// Digest credentials with all that a verdict needs: nothing missing, nothing malformed, `qop=auth`.
///
/// Whether nonce, nc, realm, uri and algorithm are those that the server gave out is the caller's
/// to check: it knows what it gave out.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// `username`: in IMS the IMPI.
    pub username: String,
    /// `realm`.
    pub realm: String,
    /// `nonce`.
    pub nonce: String,
    /// `uri`, as written.
    pub uri: String,
    /// `response`, lower-case hexadecimal of the algorithm's length.
    pub response: String,
    /// `algorithm`, MD5 when absent.
    pub algorithm: Algorithm,
    /// `cnonce`.
    pub cnonce: String,
    /// `nc`.
    pub nc: u32,
    /// `qop`: `auth`.
    pub qop: String,
}

impl Presented {
    /// Reads credentials that claim to authenticate.
    ///
    /// # Errors
    /// [`DigestError::EmptyResponse`] for those of an initial REGISTER, which only identify
    /// (TS 24.229 §5.1.1.2); the other variants for what can't be judged.
    pub fn parse(credentials: &DigestCredentials) -> Result<Self, DigestError> {
        let need = |name: &'static str| credentials.text(name).ok_or(DigestError::Missing(name));
        let response = need("response")?;
        if response.is_empty() {
            return Err(DigestError::EmptyResponse);
        }
        let algorithm = match credentials.text("algorithm") {
            Some(token) => token.parse()?,
            None => Algorithm::Md5,
        };
        let qop = credentials.text("qop").ok_or(DigestError::Qop)?;
        if !qop.eq_ignore_ascii_case("auth") {
            return Err(DigestError::Qop);
        }
        let lower_hex = |text: &str| text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if response.len() != algorithm.hex_len() || !lower_hex(&response) {
            return Err(DigestError::Malformed("response"));
        }
        let cnonce = need("cnonce")?;
        if cnonce.is_empty() {
            return Err(DigestError::Malformed("cnonce"));
        }
        Ok(Self {
            username: need("username")?,
            realm: need("realm")?,
            nonce: need("nonce")?,
            uri: need("uri")?,
            response,
            algorithm,
            cnonce,
            nc: parse_nc(&need("nc")?)?,
            qop,
        })
    }

    /// Whether `response` is that of someone who knows `ha1`, for a request of `method`.
    ///
    /// `false` also when `ha1` was made for another algorithm than was presented.
    pub fn verify(&self, ha1: &Ha1, method: &str) -> bool {
        let Self { nonce, uri, algorithm, cnonce, nc, .. } = self;
        let expected = response(*algorithm, ha1, nonce, *nc, cnonce, &ha2(*algorithm, method, uri));
        ha1.algorithm() == *algorithm && same(&self.response, &expected)
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("nonce", &self.nonce)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .field("nc", &self.nc)
            .finish_non_exhaustive()
    }
}

/// Exactly eight hexadecimal digits (RFC 7616 §3.4).
fn parse_nc(nc: &str) -> Result<u32, DigestError> {
    if nc.len() != 8 || !nc.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err(DigestError::Malformed("nc"));
    }
    u32::from_str_radix(nc, 16).map_err(|_| DigestError::Malformed("nc"))
}
