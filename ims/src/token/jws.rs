use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::Claims;
use super::error::TokenError;
use super::json;
use crate::policy::{MAX_CLAIM_LEN, MAX_TOKEN_DEPTH, MAX_TOKEN_LEN};
use crate::{Defect, Defects};

/// The signature algorithms of the profile; all others are refused, `none` and
/// the symmetric ones above all (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// Edwards curve signatures (RFC 8037 §3.1).
    EdDsa,
}

/// A token whose form and header are right, and whose signature nobody has
/// looked at yet.
#[derive(Clone)]
pub struct Jws {
    algorithm: Algorithm,
    key_id: String,
    issuer: String,
    signing_input: String,
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl Jws {
    /// Reads a JWS in compact form (RFC 7515 §7.1) by the rules of RFC 8725.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        Self::parse_with(text, Defects::NONE)
    }

    /// The same, by a node with defects.
    pub fn parse_with(text: &str, defects: Defects) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(TokenError::NotJws)?;
        let (header, payload) = signing_input.split_once('.').ok_or(TokenError::NotJws)?;
        if header.is_empty() || payload.is_empty() || payload.contains('.') {
            return Err(TokenError::NotJws);
        }
        let (algorithm, key_id) = check_header(&decode_object(header)?, defects)?;
        let claims = decode_object(payload)?;
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) if issuer.len() <= MAX_CLAIM_LEN => issuer.clone(),
            Some(_) => return Err(TokenError::BadClaim("iss")),
            None => return Err(TokenError::MissingClaim("iss")),
        };
        let signature = decode(signature)?;
        if signature.is_empty() && !defects.has(Defect::AcceptsAlgNone) {
            return Err(TokenError::Signature);
        }
        Ok(Self { algorithm, key_id, issuer, signing_input: signing_input.to_owned(), signature, claims })
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`: the key that the issuer says it signed with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// `iss`, which selects the keys to verify with; nobody has verified it yet.
    pub fn unverified_issuer(&self) -> &str {
        &self.issuer
    }

    /// What is signed: header and payload in their encoded form.
    pub fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The claims, once `verify` finds that the signature is right.
    ///
    /// `verify` gets this token and answers whether [`Jws::signature`] over
    /// [`Jws::signing_input`] verifies under the issuer's key.
    pub fn verify(&self, verify: impl FnOnce(&Self) -> Result<(), TokenError>) -> Result<Claims, TokenError> {
        verify(self)?;
        Claims::decode(&self.claims)
    }

    /// The claims as they stand: for the client that got the token from the
    /// WWSF itself, and for people to look at. Never a ground to admit anybody.
    pub fn unverified_claims(&self) -> Result<Claims, TokenError> {
        Claims::decode(&self.claims)
    }
}

fn check_header(header: &Map<String, Value>, defects: Defects) -> Result<(Algorithm, String), TokenError> {
    let algorithm = match header.get("alg").and_then(Value::as_str) {
        Some("ES256") => Algorithm::Es256,
        Some("EdDSA") => Algorithm::EdDsa,
        Some("none") if defects.has(Defect::AcceptsAlgNone) => Algorithm::Es256,
        _ => return Err(TokenError::Algorithm),
    };
    if header.contains_key("crit") {
        return Err(TokenError::Critical);
    }
    if let Some(name) = ["jwk", "jku", "x5u", "x5c"].into_iter().find(|n| header.contains_key(*n)) {
        return Err(TokenError::EmbeddedKey(name));
    }
    // RFC 7515 §4.1.9: compared without regard to case, "application/" optional.
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default();
    if !["at+jwt", "application/at+jwt"].iter().any(|t| typ.eq_ignore_ascii_case(t)) {
        return Err(TokenError::Type);
    }
    match header.get("kid") {
        Some(Value::String(kid)) if (1..=MAX_CLAIM_LEN).contains(&kid.len()) => Ok((algorithm, kid.clone())),
        _ => Err(TokenError::NoKeyId),
    }
}

fn decode_object(part: &str) -> Result<Map<String, Value>, TokenError> {
    json::object(&decode(part)?, MAX_TOKEN_DEPTH).map_err(|_| TokenError::Json)
}

/// Canonical base64url only: this engine refuses padding and stray trailing bits.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Base64)
}
