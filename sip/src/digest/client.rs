//! The client's side: answering a challenge, checking that the server knows the password.

use super::{Algorithm, DigestError, Ha1, ha2, nc_hex, response, rspauth, same};
use crate::headers::{AuthenticationInfo, Challenge, DigestChallenge, DigestCredentials};
use crate::syntax;
use std::ops::Deref;

/// The strongest Digest challenge that [`answer`] can answer, of all WWW-Authenticate (or
/// Proxy-Authenticate) headers of a response; of equals the topmost (RFC 8760 §2.4).
pub fn pick<C: Deref<Target = Challenge>>(challenges: &[C]) -> Option<&DigestChallenge> {
    let mut best: Option<(Algorithm, &DigestChallenge)> = None;
    for challenge in challenges {
        let Challenge::Digest(challenge) = &**challenge else { continue };
        let Ok(algorithm) = check(challenge) else { continue };
        if best.is_none_or(|(strongest, _)| algorithm > strongest) {
            best = Some((algorithm, challenge));
        }
    }
    best.map(|(_, challenge)| challenge)
}

/// Credentials that answer `challenge` for a request of `method` to `uri` (RFC 7616 §3.4).
///
/// `uri` is the request's Request-URI as written; `nc` counts from 1 for each nonce.
///
/// # Errors
/// [`DigestError`] when the challenge lacks realm or nonce, or offers nothing supported.
pub fn answer(
    challenge: &DigestChallenge,
    username: &str,
    password: &str,
    method: &str,
    uri: &str,
    cnonce: &str,
    nc: u32,
) -> Result<DigestCredentials, DigestError> {
    let algorithm = check(challenge)?;
    let realm = challenge.realm().ok_or(DigestError::Missing("realm"))?;
    let nonce = challenge.nonce().ok_or(DigestError::Missing("nonce"))?;
    let ha1 = Ha1::new(algorithm, username, &realm, password);
    let proof = response(algorithm, &ha1, &nonce, nc, cnonce, &ha2(algorithm, method, uri));

    let mut credentials = DigestCredentials::default();
    let params = &mut credentials.params;
    params.set_quoted("username", username);
    params.set_quoted("realm", &realm);
    params.set_quoted("nonce", &nonce);
    params.set_quoted("uri", uri);
    params.set_quoted("response", &proof);
    params.set("algorithm", algorithm.as_str());
    params.set_quoted("cnonce", cnonce);
    params.set("qop", "auth");
    params.set("nc", nc_hex(nc));
    if let Some(opaque) = challenge.text("opaque") {
        params.set_quoted("opaque", &opaque);
    }
    Ok(credentials)
}

/// Checks that a 2xx came from a server that knows `password`: its `rspauth`, over the values that
/// the client sent in `sent` (RFC 7616 §3.5; the client must, TS 33.203 N.2.1.1).
///
/// # Errors
/// [`DigestError::Missing`] without an rspauth, [`DigestError::Rspauth`] when it is another's.
pub fn verify_rspauth(info: &AuthenticationInfo, sent: &DigestCredentials, password: &str) -> Result<(), DigestError> {
    let claimed = info.text("rspauth").ok_or(DigestError::Missing("rspauth"))?;
    let sent = super::Presented::parse(sent)?;
    let echoed = |name: &str, own: &str| info.text(name).is_none_or(|echo| echo.eq_ignore_ascii_case(own));
    if !echoed("cnonce", &sent.cnonce) || !echoed("nc", &nc_hex(sent.nc)) || !echoed("qop", "auth") {
        return Err(DigestError::Rspauth);
    }
    let ha1 = Ha1::new(sent.algorithm, &sent.username, &sent.realm, password);
    let expected = rspauth(sent.algorithm, &ha1, &sent.nonce, sent.nc, &sent.cnonce, &sent.uri);
    if same(&claimed.to_ascii_lowercase(), &expected) { Ok(()) } else { Err(DigestError::Rspauth) }
}

/// The algorithm of a challenge that can be answered.
fn check(challenge: &DigestChallenge) -> Result<Algorithm, DigestError> {
    let algorithm = match challenge.text("algorithm") {
        Some(token) => token.parse()?,
        None => Algorithm::Md5,
    };
    let qop = challenge.text("qop").ok_or(DigestError::Qop)?;
    if !syntax::split_list(&qop).any(|option| option.eq_ignore_ascii_case("auth")) {
        return Err(DigestError::Qop);
    }
    Ok(algorithm)
}
