use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The three ways in which a WIC registers (TS 23.228 U.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Flow 1: IMS subscription, SIP Digest (U.2.1.2).
    #[serde(rename = "digest")]
    ImsDigest,
    /// Flow 2: IMS subscription, web authentication and a token (U.2.1.3).
    WebAuth,
    /// Flow 3: an identity out of a wildcard range or pool of a WWSF (U.2.1.4).
    #[serde(rename = "wildcard")]
    WildcardRange,
}

impl Scenario {
    /// All three, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::ImsDigest, Self::WebAuth, Self::WildcardRange];

    /// The number that people use: flow 1, 2 or 3.
    pub fn number(self) -> u8 {
        match self {
            Self::ImsDigest => 1,
            Self::WebAuth => 2,
            Self::WildcardRange => 3,
        }
    }

    /// The name on the command line and in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImsDigest => "digest",
            Self::WebAuth => "web-auth",
            Self::WildcardRange => "wildcard",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or(UnknownScenario)
    }
}

/// The name is none of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a flow is one of digest, web-auth, wildcard")]
pub struct UnknownScenario;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_the_published_ones() {
        let table = [("digest", 1), ("web-auth", 2), ("wildcard", 3)];
        for (name, number) in table {
            let scenario: Scenario = name.parse().unwrap();
            assert_eq!(scenario.number(), number);
            assert_eq!(scenario.to_string(), name);
            assert_eq!(serde_json::to_string(&scenario).unwrap(), format!("\"{name}\""));
        }
        assert_eq!("tls".parse::<Scenario>(), Err(UnknownScenario));
    }
}
