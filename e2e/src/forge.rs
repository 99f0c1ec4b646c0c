//! Tokens signed with a WWSF's real key, with claims that it would not sign.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct KeyFile {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    pkcs8: String,
    #[serde(default)]
    publish_until: Option<u64>,
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("not a JWS")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Signs `claims` with the active key of the WWSF whose state folder this is.
pub fn sign(wwsf_state: &Path, claims: &Value) -> Result<String> {
    let text = std::fs::read_to_string(wwsf_state.join("keys.json"))?;
    let file: KeyFile = serde_json::from_str(&text)?;
    let key = file.keys.iter().find(|k| k.publish_until.is_none()).context("no active key")?;
    let header = Header { typ: Some("at+jwt".into()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::ES256) };
    let encoding = EncodingKey::from_ec_der(&STANDARD.decode(&key.pkcs8)?);
    Ok(jsonwebtoken::encode(&header, claims, &encoding)?)
}

/// `token` with one character of its signature changed (not the last: part of it means nothing).
pub fn tamper(token: &str) -> String {
    let at = token.len() - 10;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}
