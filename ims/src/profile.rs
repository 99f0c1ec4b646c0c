//! What the HSS knows of a subscriber and tells the S-CSCF (TS 29.228 Annex B).

use serde::{Deserialize, Serialize};

use crate::{Ambiguous, Impu, WildcardedImpu};

/// An implicit registration set with its service data: what SAA carries as
/// User-Data, Loose-Route-Indication and Allowed-WAF-WWSF-Identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceProfile {
    /// The identities that are registered together, in provisioned order.
    pub impus: Vec<PublicIdentity>,
    /// The identity to prefer as default; it must be distinct (TS 29.228 §6.5.1.1).
    pub default: Impu,
    /// Whether terminating requests keep their Request-URI
    /// (Loose-Route-Indication, TS 29.229 §6.3.45).
    #[serde(default)]
    pub loose_route: bool,
    /// WAFs that may vouch for these identities (TS 29.229 §6.3.64).
    #[serde(default)]
    pub allowed_wafs: Vec<String>,
    /// WWSFs that may register these identities (TS 29.229 §6.3.64).
    #[serde(default)]
    pub allowed_wwsfs: Vec<String>,
}

/// One public identity of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicIdentity {
    /// The identity or the range of them.
    pub identity: Identity,
    /// A barred identity may be registered and used for nothing else
    /// (TS 29.228 B.2.1).
    #[serde(default)]
    pub barred: bool,
}

/// A distinct or a wildcarded public identity (IdentityType, TS 29.228 B.2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// One identity.
    Distinct(Impu),
    /// A range of them, registered only implicitly.
    Wildcard(WildcardedImpu),
}

impl ServiceProfile {
    /// A profile of one distinct identity that is not barred.
    pub fn of(impu: Impu) -> Self {
        Self {
            impus: vec![PublicIdentity::distinct(impu.clone())],
            default: impu,
            loose_route: false,
            allowed_wafs: Vec::new(),
            allowed_wwsfs: Vec::new(),
        }
    }

    /// The default public identity: the preferred one, or when that is barred
    /// the first distinct one that is not.
    pub fn default_impu(&self) -> Option<&Impu> {
        let open = |impu: &&Impu| self.distinct(impu).is_some_and(|entry| !entry.barred);
        Some(&self.default).filter(open).or_else(|| self.distinct_impus().find(open))
    }

    /// The distinct identities in provisioned order, barred ones too.
    pub fn distinct_impus(&self) -> impl Iterator<Item = &Impu> {
        self.impus.iter().filter_map(|entry| match &entry.identity {
            Identity::Distinct(impu) => Some(impu),
            Identity::Wildcard(_) => None,
        })
    }

    /// The ranges in provisioned order, barred ones too.
    pub fn wildcards(&self) -> impl Iterator<Item = &WildcardedImpu> {
        self.impus.iter().filter_map(|entry| match &entry.identity {
            Identity::Distinct(_) => None,
            Identity::Wildcard(range) => Some(range),
        })
    }

    /// What P-Associated-URI lists: the default first, a wildcard never first,
    /// a barred identity not at all (TS 24.229 §5.4.1.2.2F).
    pub fn associated(&self) -> Vec<&Identity> {
        let default = self.default_impu();
        let is_default = |identity: &Identity| match identity {
            Identity::Distinct(impu) => Some(impu) == default,
            Identity::Wildcard(_) => false,
        };
        let mut listed: Vec<&Identity> =
            self.impus.iter().filter(|entry| !entry.barred).map(|entry| &entry.identity).collect();
        listed.sort_by_key(|identity| (!is_default(identity), matches!(identity, Identity::Wildcard(_))));
        listed
    }

    /// The entry that an identity falls under; a distinct match outranks a
    /// wildcarded one (TS 23.228 §4.3.3.2b).
    pub fn entry_of(&self, impu: &Impu) -> Result<Option<&PublicIdentity>, Ambiguous> {
        if let Some(entry) = self.distinct(impu) {
            return Ok(Some(entry));
        }
        let range = WildcardedImpu::find(self.wildcards(), impu)?;
        Ok(range.and_then(|range| {
            self.impus.iter().find(|entry| matches!(&entry.identity, Identity::Wildcard(w) if w == range))
        }))
    }

    /// Whether at least one identity of the set is not barred.
    pub fn any_open(&self) -> bool {
        self.impus.iter().any(|entry| !entry.barred)
    }

    fn distinct(&self, impu: &Impu) -> Option<&PublicIdentity> {
        self.impus.iter().find(|entry| matches!(&entry.identity, Identity::Distinct(i) if i == impu))
    }
}

impl PublicIdentity {
    /// A distinct identity that is not barred.
    pub fn distinct(impu: Impu) -> Self {
        Self { identity: Identity::Distinct(impu), barred: false }
    }

    /// A range that is not barred.
    pub fn wildcard(range: WildcardedImpu) -> Self {
        Self { identity: Identity::Wildcard(range), barred: false }
    }

    /// The same identity, barred.
    pub fn barred(self) -> Self {
        Self { barred: true, ..self }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Distinct(impu) => impu.fmt(f),
            Self::Wildcard(range) => range.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impu(text: &str) -> Impu {
        Impu::parse(text).unwrap()
    }

    fn mixed() -> ServiceProfile {
        let range = "sip:guest-!.*!@h.example".parse().unwrap();
        ServiceProfile {
            impus: vec![
                PublicIdentity::wildcard(range),
                PublicIdentity::distinct(impu("sip:barred@h.example")).barred(),
                PublicIdentity::distinct(impu("sip:second@h.example")),
                PublicIdentity::distinct(impu("sip:first@h.example")),
            ],
            ..ServiceProfile::of(impu("sip:first@h.example"))
        }
    }

    /// REG-03: the default first, no barred identity, a wildcard never first.
    #[test]
    fn associated_identities_begin_with_the_default_and_leave_out_the_barred() {
        let profile = mixed();
        let listed: Vec<String> = profile.associated().iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["sip:first@h.example", "sip:second@h.example", "sip:guest-!.*!@h.example"]);
    }

    #[test]
    fn a_barred_default_gives_way_to_the_next_open_identity() {
        let mut profile = mixed();
        profile.impus[3].barred = true;
        assert_eq!(profile.default_impu(), Some(&impu("sip:second@h.example")));
        profile.impus[2].barred = true;
        assert_eq!(profile.default_impu(), None);
        assert!(profile.any_open(), "the range is still open");
    }

    #[test]
    fn a_distinct_entry_outranks_the_range_around_it() {
        let mut profile = mixed();
        profile.impus.push(PublicIdentity::distinct(impu("sip:guest-1@h.example")).barred());
        let barred = |text| profile.entry_of(&impu(text)).unwrap().map(|entry| entry.barred);
        assert_eq!(barred("sip:guest-1@h.example"), Some(true));
        assert_eq!(barred("sip:guest-2@h.example"), Some(false));
        assert_eq!(barred("sip:bob@h.example"), None);
    }
}
