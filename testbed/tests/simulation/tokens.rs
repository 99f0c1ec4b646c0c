//! The WWSFs of the simulation: tokens signed with a fixed key, and the key set to verify them by.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use epcscf::KeySet;
use serde_json::json;

const KID: &str = "simulated";

pub(crate) struct Waf(Ed25519KeyPair);

/// What a token is to say.
pub(crate) struct Grant<'a> {
    pub(crate) origin: &'a str,
    pub(crate) wwsf: &'a str,
    pub(crate) impi: &'a str,
    pub(crate) impu: &'a str,
    pub(crate) serial: u64,
    pub(crate) now: u64,
    pub(crate) lifetime: u64,
}

impl Waf {
    pub(crate) fn new() -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
    }

    pub(crate) fn keys(&self) -> KeySet {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KID, "use": "sig", "x": x}]});
        KeySet::from_json(set.to_string().as_bytes()).unwrap()
    }

    pub(crate) fn sign(&self, grant: &Grant<'_>) -> String {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": KID});
        let claims = json!({
            "iss": grant.origin, "aud": "sip:epcscf1.ims.example", "sub": format!("web|{}", grant.impi),
            "client_id": grant.wwsf, "iat": grant.now, "nbf": grant.now, "exp": grant.now + grant.lifetime,
            "jti": format!("t-{}", grant.serial), "scope": "webrtc-ims-client-access-to-ims",
            "impi": grant.impi, "impu": [grant.impu],
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
