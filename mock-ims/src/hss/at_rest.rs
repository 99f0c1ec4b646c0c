//! The stored form of digest credentials, the one place that writes an HA1 out.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sip::digest::{Algorithm, Ha1};

use crate::cx::DigestAuthenticate;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    realm: T,
    md5: T,
    #[serde(rename = "sha-256")]
    sha256: Option<T>,
}

pub(super) fn serialize<S: Serializer>(auth: &DigestAuthenticate, serializer: S) -> Result<S::Ok, S::Error> {
    let stored =
        Stored { realm: auth.realm.as_str(), md5: auth.ha1.expose(), sha256: auth.alternate.as_ref().map(Ha1::expose) };
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DigestAuthenticate, D::Error> {
    let stored = Stored::<String>::deserialize(deserializer)?;
    let read = |hex: &str, algorithm| match Ha1::from_hex(hex) {
        Ok(ha1) if ha1.algorithm() == algorithm => Ok(ha1),
        _ => Err(D::Error::custom("malformed HA1")),
    };
    Ok(DigestAuthenticate {
        ha1: read(&stored.md5, Algorithm::Md5)?,
        alternate: stored.sha256.map(|hex| read(&hex, Algorithm::Sha256)).transpose()?,
        realm: stored.realm,
    })
}
