use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A private user identity: a NAI without a scheme (TS 23.003 §13.3).
///
/// The realm is kept in lower case, because it compares without regard to case
/// (RFC 4282 §2.4); the user part is kept as it is. Nothing that could break
/// out of a quoted string or a header line fits in the grammar.
///
/// ```
/// let impi: ims::Impi = "alice-wic@IMS.example".parse()?;
/// assert_eq!(impi.as_str(), "alice-wic@ims.example");
/// # Ok::<(), ims::ImpiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Impi(String);

impl Impi {
    /// Longest NAI that RFC 4282 §2.2 lets an implementation count on, in octets.
    pub const MAX_LEN: usize = 253;

    /// Reads a NAI by the ASCII grammar of RFC 4282 §2.1.
    pub fn parse(text: &str) -> Result<Self, ImpiError> {
        if text.len() > Self::MAX_LEN {
            return Err(ImpiError::TooLong);
        }
        if text.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err(ImpiError::Character);
        }
        let (user, realm) = text.split_once('@').ok_or(ImpiError::NoRealm)?;
        if realm.contains('@') {
            return Err(ImpiError::TwoRealms);
        }
        if !user.split('.').all(|s| !s.is_empty() && s.bytes().all(is_user_octet)) {
            return Err(ImpiError::User);
        }
        if !is_realm(realm) {
            return Err(ImpiError::Realm);
        }
        Ok(Self(format!("{user}@{}", realm.to_ascii_lowercase())))
    }

    /// The identity as text, realm in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `@`.
    pub fn user(&self) -> &str {
        self.0.split_once('@').map_or("", |(user, _)| user)
    }

    /// The part after `@`.
    pub fn realm(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, realm)| realm)
    }
}

impl fmt::Display for Impi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Impi {
    type Err = ImpiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Impi {
    type Error = ImpiError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Impi> for String {
    fn from(impi: Impi) -> Self {
        impi.0
    }
}

/// Why a text is not an IMPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImpiError {
    /// Longer than [`Impi::MAX_LEN`].
    #[error("IMPI is longer than 253 octets (RFC 4282 §2.2)")]
    TooLong,
    /// A control, a space or a non-ASCII character.
    #[error("IMPI holds a control, space or non-ASCII character (RFC 4282 §2.1)")]
    Character,
    /// No `@`.
    #[error("IMPI has no realm (TS 23.003 §13.3)")]
    NoRealm,
    /// More than one `@`.
    #[error("IMPI has more than one @ (RFC 4282 §2.1)")]
    TwoRealms,
    /// The user part breaks the grammar; a scheme such as `sip:` ends here too.
    #[error("IMPI user part is not a NAI user name, or has a scheme (RFC 4282 §2.1)")]
    User,
    /// The realm is not a domain name.
    #[error("IMPI realm is not a domain name (RFC 4282 §2.1)")]
    Realm,
}

fn is_user_octet(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

fn is_realm(realm: &str) -> bool {
    realm.split('.').all(|label| {
        label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && label.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && !label.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nai_keeps_its_user_and_lowers_its_realm() {
        let impi = Impi::parse("Alice.Wic+1@IMS.Example").unwrap();
        assert_eq!(impi.as_str(), "Alice.Wic+1@ims.example");
        assert_eq!((impi.user(), impi.realm()), ("Alice.Wic+1", "ims.example"));
    }

    #[test]
    fn what_is_not_a_nai_is_named() {
        let long = format!("{}@ims.example", "a".repeat(250));
        for (text, error) in [
            ("alice", ImpiError::NoRealm),
            ("a@b@c", ImpiError::TwoRealms),
            ("@ims.example", ImpiError::User),
            ("a..b@ims.example", ImpiError::User),
            ("sip:alice@ims.example", ImpiError::User),
            ("al\"ice@ims.example", ImpiError::User),
            ("alice@", ImpiError::Realm),
            ("alice@-ims.example", ImpiError::Realm),
            ("alice@ims..example", ImpiError::Realm),
            ("alice@ims.example:5060", ImpiError::Realm),
            ("alice@ims.example\r\nX: y", ImpiError::Character),
            ("al ice@ims.example", ImpiError::Character),
            ("al\0ice@ims.example", ImpiError::Character),
            ("alicé@ims.example", ImpiError::Character),
            (long.as_str(), ImpiError::TooLong),
        ] {
            assert_eq!(Impi::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn serde_goes_through_the_parser() {
        let impi: Impi = serde_json::from_str("\"a@IMS.example\"").unwrap();
        assert_eq!(serde_json::to_string(&impi).unwrap(), "\"a@ims.example\"");
        assert!(serde_json::from_str::<Impi>("\"a@x\\r\\ny\"").is_err());
    }
}
