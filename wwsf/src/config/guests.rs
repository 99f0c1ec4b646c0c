use ims::token::Reg;
use ims::{Impu, WildcardedImpu};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Anonymous guests, who get an identity out of a wildcard range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guests {
    /// Whether a token is given without a login.
    pub enabled: bool,
    /// The range that the operator gave this WWSF.
    pub range: WildcardedImpu,
    /// `range`: the eP-CSCF is the registrar. `tna`: each guest is registered
    /// in the core, as in the pool mode of TS 23.228 U.2.1.4.
    pub reg: Reg,
    /// Most guests at a time.
    pub capacity: u32,
    /// Seconds after the last token's expiry before an identity is given out
    /// again; covers the leeway of those who check tokens.
    pub grace: u64,
    /// New guests in a row from one address.
    pub peer_burst: u32,
    /// Milliseconds until one more is allowed.
    pub peer_interval_ms: u64,
}

impl Guests {
    /// The `n`th identity of the range.
    pub fn impu(&self, n: u32) -> Result<Impu, ConfigError> {
        let fault = |reason| ConfigError::Value { key: "guests.range", reason };
        let (prefix, rest) = self.range.as_str().split_once('!').ok_or(fault("has no expression"))?;
        let (_, suffix) = rest.rsplit_once('!').ok_or(fault("has no expression"))?;
        let impu = Impu::parse(&format!("{prefix}{n}{suffix}"))
            .map_err(|_| fault("gives no public identity with a number in it"))?;
        if !self.range.matches(&impu) {
            return Err(fault("does not take numbers in place of its expression"));
        }
        impu.to_impi_default().map_err(|_| fault("gives no private identity"))?;
        Ok(impu)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !self.enabled {
            return Ok(());
        }
        let fault = |key, reason| Err(ConfigError::Value { key, reason });
        if !(1..=1_000_000).contains(&self.capacity) {
            return fault("guests.capacity", "is not between 1 and 1000000");
        }
        if self.peer_burst == 0 || self.peer_interval_ms == 0 {
            return fault("guests", "has a zero limit, which would shut everyone out or nobody");
        }
        self.impu(1)?;
        self.impu(self.capacity)?;
        Ok(())
    }
}

impl Default for Guests {
    fn default() -> Self {
        Self {
            enabled: false,
            range: default_range(),
            reg: Reg::Range,
            capacity: 10_000,
            grace: 60,
            peer_burst: 200,
            peer_interval_ms: 100,
        }
    }
}

fn default_range() -> WildcardedImpu {
    WildcardedImpu::parse("sip:guest-!.*!@partner.ims.example").expect("a literal range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_numbered_within_their_range() {
        let guests = Guests::default();
        assert_eq!(guests.impu(7).unwrap().as_str(), "sip:guest-7@partner.ims.example");
    }
}
