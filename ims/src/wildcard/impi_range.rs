use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{WildcardError, WildcardedImpu};
use crate::Impi;

/// A range of private identities that a third party manages, such as
/// `guest-!.*!@partner.ims.example` (TS 29.228 §6.1.1.1 step 0 leaves its form
/// to the HSS; this one is that of a wildcarded IMPU without its scheme).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImpiRange(WildcardedImpu);

impl ImpiRange {
    /// Reads `literal!expression!literal@realm`.
    pub fn parse(text: &str) -> Result<Self, WildcardError> {
        WildcardedImpu::parse(&format!("sip:{text}")).map(Self)
    }

    /// Whether a private identity lies in the range.
    pub fn matches(&self, impi: &Impi) -> bool {
        self.matched(impi).is_some()
    }

    /// What the expression matched of a private identity.
    pub fn matched<'a>(&self, impi: &'a Impi) -> Option<&'a str> {
        if self.0.host.as_deref() != Some(impi.realm()) {
            return None;
        }
        self.0.matched_user(impi.user())
    }

    /// Whether some private identity may lie in both ranges.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.overlaps(&other.0)
    }
}

impl fmt::Display for ImpiRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_start_matches("sip:"))
    }
}

impl FromStr for ImpiRange {
    type Err = WildcardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ImpiRange {
    type Error = WildcardError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ImpiRange> for String {
    fn from(range: ImpiRange) -> Self {
        range.to_string()
    }
}
