//! Security tokens, right ones and others (RFC 7515, RFC 7519).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::ScriptError;

/// A key that a WAF signs with.
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

enum Pair {
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// A new key for ES256.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn es256(kid: &str) -> Result<Self, ScriptError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| ScriptError::Setup("no ES256 key can be made".into()))?;
        Ok(Self { kid: kid.into(), pair: Pair::Ec(Box::new(pair)) })
    }

    /// A new key for EdDSA.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn eddsa(kid: &str) -> Result<Self, ScriptError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| ScriptError::Setup("no Ed25519 key can be made".into()))?;
        Ok(Self { kid: kid.into(), pair: Pair::Ed(Box::new(pair)) })
    }

    /// A key that is there already, in PKCS #8 (DER): P-256 or Ed25519.
    ///
    /// # Errors
    /// When it is neither.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, ScriptError> {
        let kid = kid.to_owned();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return Ok(Self { kid, pair: Pair::Ec(Box::new(pair)) });
        }
        match Ed25519KeyPair::from_pkcs8(der) {
            Ok(pair) => Ok(Self { kid, pair: Pair::Ed(Box::new(pair)) }),
            Err(_) => Err(ScriptError::Setup("the token key is neither P-256 nor Ed25519 in PKCS #8".into())),
        }
    }

    /// The same, in PEM.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(kid: &str, pem: &str) -> Result<Self, ScriptError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|e| ScriptError::Setup(format!("the token key: {e}")))?;
        Self::from_pkcs8(kid, key.secret_pkcs8_der())
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The `alg` that it is for.
    pub fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// Its public half (RFC 7517).
    pub fn jwk(&self) -> Value {
        let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match &self.pair {
            Pair::Ec(pair) => {
                // An uncompressed point: 04, x, y.
                let (x, y) = pair.public_key().as_ref().split_at_checked(33).unwrap_or_default();
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
                       "x": encode(x.get(1..).unwrap_or_default()), "y": encode(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                                     "x": encode(pair.public_key().as_ref())}),
        }
    }

    /// The octets of its public half, which an HS256 token of an attacker is keyed with.
    pub fn public_octets(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    fn sign(&self, input: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), input).map(|s| s.as_ref().to_vec()).unwrap_or_default(),
            Pair::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.kid, self.alg())
    }
}

/// A token before it is signed: any header, any claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

impl Token {
    /// A token for `key`, with claims as they are given.
    pub fn new(key: &SigningKey, claims: Value) -> Self {
        Self { header: json!({"alg": key.alg(), "typ": "at+jwt", "kid": key.kid}), claims }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(claims) = self.claims.as_object_mut() {
            claims.remove(name);
        }
        self
    }

    /// Sets a member of the header.
    #[must_use]
    pub fn head(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// The token, signed by `key` whatever the header says.
    pub fn sign(&self, key: &SigningKey) -> String {
        Self::sign_raw(&self.header.to_string(), &self.claims.to_string(), key)
    }

    /// Signs any two texts as header and claims.
    pub fn sign_raw(header: &str, claims: &str, key: &SigningKey) -> String {
        let input = input(header, claims);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// The token with `alg` HS256 and a MAC keyed with `secret`.
    pub fn hs256(&self, secret: &[u8]) -> String {
        let input = input(&self.clone().head("alg", "HS256").header.to_string(), &self.claims.to_string());
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// The token with `alg` none and no signature (RFC 7519 §6.1).
    pub fn unsigned(&self) -> String {
        format!("{}.", input(&self.clone().head("alg", "none").header.to_string(), &self.claims.to_string()))
    }

    /// `token` with one character of its signature changed; not the last, part of which means nothing.
    pub fn tampered(token: &str) -> String {
        let at = token.len().saturating_sub(10);
        let (before, rest) = token.split_at(at);
        let mut rest = rest.chars();
        let other = if rest.next() == Some('A') { 'B' } else { 'A' };
        format!("{before}{other}{}", rest.as_str())
    }

    /// Seconds since 1970, as claims count them.
    pub fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

fn input(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

    fn split(token: &str) -> (String, Vec<u8>) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    #[test]
    fn a_signed_token_verifies_and_a_tampered_one_does_not() {
        let (ec, ed) = (SigningKey::es256("1").unwrap(), SigningKey::eddsa("2").unwrap());
        for key in [&ec, &ed] {
            let token = Token::new(key, json!({"iss": "x"})).sign(key);
            let verify = |token: &str| {
                let (input, signature) = split(token);
                let public = key.public_octets();
                match key.pair {
                    Pair::Ec(_) => {
                        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(input.as_bytes(), &signature)
                    }
                    Pair::Ed(_) => UnparsedPublicKey::new(&ED25519, public).verify(input.as_bytes(), &signature),
                }
            };
            assert!(verify(&token).is_ok(), "{key:?}");
            assert!(verify(&Token::tampered(&token)).is_err(), "{key:?}");
        }
    }

    #[test]
    fn an_unsigned_token_has_an_empty_third_part() {
        let key = SigningKey::eddsa("1").unwrap();
        assert!(Token::new(&key, json!({})).unsigned().ends_with('.'));
    }
}
