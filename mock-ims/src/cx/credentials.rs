use std::fmt;

use serde::{Serialize, Serializer};
use sip::digest::{Algorithm, Ha1};

use super::field;

/// What a digest challenge needs (SIP-Digest-Authenticate, TS 29.229 §6.3.36).
///
/// `qop` is always `auth` (TS 33.203 N.2.1.1). The MD5 HA1 is always there; an
/// alternate one comes only beside it (TS 29.228 Table 6.3.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DigestAuthenticate {
    /// Digest-Realm.
    pub realm: String,
    /// Digest-HA1, of MD5.
    #[serde(serialize_with = "redacted")]
    pub ha1: Ha1,
    /// Alternate-Digest-HA1, of Alternate-Digest-Algorithm.
    #[serde(serialize_with = "redacted_option")]
    pub alternate: Option<Ha1>,
}

impl DigestAuthenticate {
    /// Hashes a password with both algorithms.
    pub fn of_password(impi: &ims::Impi, realm: &str, password: &ims::Password) -> Self {
        let ha1 = |algorithm| Ha1::new(algorithm, impi.as_str(), realm, password.expose());
        Self { realm: realm.to_owned(), ha1: ha1(Algorithm::Md5), alternate: Some(ha1(Algorithm::Sha256)) }
    }
}

impl fmt::Display for DigestAuthenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "realm={} qop=auth algorithm={}", self.realm, self.ha1.algorithm())?;
        field(f, "alternate", self.alternate.as_ref().map(Ha1::algorithm))
    }
}

/// What is serialised goes into traces, so the hash does not.
fn redacted<S: Serializer>(ha1: &Ha1, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("[{} redacted]", ha1.algorithm()))
}

fn redacted_option<S: Serializer>(ha1: &Option<Ha1>, serializer: S) -> Result<S::Ok, S::Error> {
    match ha1 {
        Some(ha1) => redacted(ha1, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hashes_of_known_credentials() {
        let impi = ims::Impi::parse("alice-wic@ims.example").unwrap();
        let auth = DigestAuthenticate::of_password(&impi, "ims.example", &"correct horse battery".into());
        assert_eq!(auth.ha1.expose(), "5edf8ae38d86bc1c0bc5323d077845cc");
        assert_eq!(
            auth.alternate.unwrap().expose(),
            "a54089f7a68f97e7657fea5c6553c9c14643aba36cd839751e7136a40d424dea"
        );
    }
}
