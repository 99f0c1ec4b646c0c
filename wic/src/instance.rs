use std::fmt;
use std::str::FromStr;

use sip::Entropy;

/// The instance of a WIC, a UUID URN: the same over restarts, so that a new flow replaces the old
/// one instead of standing beside it (RFC 5626 §4.1). The shell makes one and keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceId(String);

impl InstanceId {
    /// A random one (RFC 9562 §5.4, version 4).
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut octets = [0; 16];
        entropy.fill(&mut octets);
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        let mut text = String::from("urn:uuid:");
        for (at, octet) in octets.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{octet:02x}"));
        }
        Self(text)
    }

    /// `urn:uuid:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = InvalidInstanceId;

    fn from_str(text: &str) -> Result<Self, InvalidInstanceId> {
        let uuid = text.strip_prefix("urn:uuid:").ok_or(InvalidInstanceId)?;
        let well_formed = uuid.len() == 36
            && uuid.bytes().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => b == b'-',
                _ => b.is_ascii_hexdigit(),
            });
        if well_formed { Ok(Self(text.to_owned())) } else { Err(InvalidInstanceId) }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no UUID URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance is urn:uuid: and a UUID (RFC 5626 §4.1)")]
pub struct InvalidInstanceId;

#[cfg(test)]
mod tests {
    use super::*;
    use sip::SeededEntropy;

    #[test]
    fn a_random_instance_is_a_version_4_uuid_and_reads_back() {
        let instance = InstanceId::random(&mut SeededEntropy::new(1));
        assert_eq!(&instance.as_str()[9 + 14..9 + 15], "4");
        assert_eq!(instance.as_str().parse(), Ok(instance));
    }

    #[test]
    fn a_text_that_could_leave_its_quotes_is_no_instance() {
        for text in ["", "urn:uuid:", "urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e9\"", "0c67d3a4"] {
            assert_eq!(text.parse::<InstanceId>(), Err(InvalidInstanceId), "{text}");
        }
    }
}
