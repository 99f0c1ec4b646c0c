//! What the eP-CSCF knows of each WWSF: the record that a connection is bound to for life.

use std::collections::HashMap;
use std::sync::Arc;

use ims::{Impi, Impu, Scenario, WildcardedImpu};

use crate::config::{Config, ConfigError, IssuerConfig, WwsfConfig};
use crate::origin::Origin;
use crate::policy::NativeClients;

/// One WWSF and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct WwsfRecord {
    config: WwsfConfig,
    domains: Vec<String>,
    issuer_names: Vec<String>,
}

impl WwsfRecord {
    fn new(config: &WwsfConfig, home_domain: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::Wwsf { wwsf: config.id.clone(), reason };
        if config.flows.is_empty() {
            return Err(wrong("no flow is allowed".into()));
        }
        let needs_token = config.flows.iter().any(|flow| *flow != Scenario::ImsDigest);
        if needs_token && config.issuers.is_empty() {
            return Err(wrong("flows 2 and 3 need an issuer of tokens".into()));
        }
        if config.flows.contains(&Scenario::WildcardRange) && config.ranges.is_empty() {
            return Err(wrong("flow 3 needs a range".into()));
        }
        let domains = if config.domains.is_empty() {
            vec![home_domain.to_ascii_lowercase()]
        } else {
            config.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect()
        };
        let issuer_names = config.issuers.iter().map(|i| i.issuer.clone()).collect();
        Ok(Self { config: config.clone(), domains, issuer_names })
    }

    /// Its name, the `client_id` of its tokens.
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// The origins of its pages, as configured.
    pub fn origins(&self) -> &[String] {
        &self.config.origins
    }

    /// The ranges of identities that it may give away.
    pub fn ranges(&self) -> &[WildcardedImpu] {
        &self.config.ranges
    }

    /// Whether its pages may register this way.
    pub fn allows(&self, scenario: Scenario) -> bool {
        self.config.flows.contains(&scenario)
    }

    /// The WAFs whose tokens it may hand out.
    pub fn issuers(&self) -> &[String] {
        &self.issuer_names
    }

    /// One of these WAFs.
    pub fn issuer(&self, name: &str) -> Option<&IssuerConfig> {
        self.config.issuers.iter().find(|i| i.issuer == name)
    }

    /// Where a WIC gets a token.
    pub fn authz_server(&self) -> Option<&str> {
        self.config.authz_server.as_deref()
    }

    /// Whether WWSF and WAF are a third party.
    pub fn is_third_party(&self) -> bool {
        self.config.third_party
    }

    /// The most identities of its ranges in use at a time.
    pub fn max_users(&self) -> usize {
        self.config.max_users.unwrap_or(usize::MAX)
    }

    /// Its own bound on a registration's length.
    pub fn max_expires(&self) -> u32 {
        self.config.max_expires.unwrap_or(u32::MAX)
    }

    /// The range of this WWSF that an identity lies in.
    pub fn range_of(&self, impu: &Impu) -> Option<&WildcardedImpu> {
        self.config.ranges.iter().find(|range| range.matches(impu))
    }

    /// Whether it may register an identity by web authentication: the domain is one of its own.
    pub fn vouches_for(&self, impu: &Impu) -> bool {
        match impu.host() {
            Some(host) => self.domains.iter().any(|domain| domain == host),
            // A number has no domain: only the operator's own WWSF may vouch for it.
            None => !self.is_third_party(),
        }
    }

    /// Whether an IMPI is of its pool; `None` where that cannot be told here.
    pub fn in_pool(&self, impi: &Impi) -> Option<bool> {
        let pool = &self.config.pool;
        (!pool.is_empty()).then(|| pool.iter().any(|range| range.matches(impi)))
    }

    /// The name of an issuer at the S-CSCF: as configured, or its host.
    pub fn entity_of(&self, issuer: &str) -> String {
        match self.issuer(issuer).and_then(|i| i.entity.as_deref()) {
            Some(entity) => entity.to_owned(),
            None => {
                let host = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
                host.split(['/', ':']).next().unwrap_or(host).to_owned()
            }
        }
    }
}

/// All WWSFs: a snapshot that is swapped whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    by_origin: HashMap<Origin, Arc<WwsfRecord>>,
    by_id: HashMap<String, Arc<WwsfRecord>>,
    distinct: Vec<Impu>,
    native: Option<Arc<WwsfRecord>>,
}

impl Records {
    /// The records that a configuration describes.
    pub fn from_config(config: &Config) -> Result<Self, ConfigError> {
        let mut records = Self { distinct: config.distinct.clone(), ..Self::default() };
        for wwsf in &config.wwsf {
            records.insert(wwsf, &config.home_domain)?;
        }
        let connection = &config.policy.connection;
        if connection.native_clients == NativeClients::Allow {
            let id = connection.native_wwsf.as_deref().ok_or(ConfigError::NativeWwsf)?;
            records.native = Some(records.get(id).cloned().ok_or(ConfigError::NativeWwsf)?);
        }
        Ok(records)
    }

    fn insert(&mut self, config: &WwsfConfig, home_domain: &str) -> Result<(), ConfigError> {
        let record = Arc::new(WwsfRecord::new(config, home_domain)?);
        for text in &config.origins {
            let origin = Origin::from_config(text).map_err(|error| ConfigError::Origin {
                wwsf: config.id.clone(),
                origin: text.clone(),
                error,
            })?;
            if self.by_origin.insert(origin, record.clone()).is_some() {
                return Err(ConfigError::SharedOrigin(text.clone()));
            }
        }
        // An identity in the ranges of two WWSFs could be given away by either.
        let others = || self.by_id.values().flat_map(|other| &other.config.ranges);
        if let Some(range) = config.ranges.iter().find(|range| others().any(|other| range.overlaps(other))) {
            return Err(ConfigError::Wwsf {
                wwsf: config.id.clone(),
                reason: format!("range {range} shares identities with another WWSF's"),
            });
        }
        self.distinct.extend(config.anchor.clone());
        match self.by_id.insert(config.id.clone(), record) {
            Some(_) => Err(ConfigError::SharedId(config.id.clone())),
            None => Ok(()),
        }
    }

    /// The WWSF whose page has an origin.
    pub fn by_origin(&self, origin: &Origin) -> Option<&Arc<WwsfRecord>> {
        self.by_origin.get(origin)
    }

    /// The WWSF of this name.
    pub fn get(&self, id: &str) -> Option<&Arc<WwsfRecord>> {
        self.by_id.get(id)
    }

    /// All WWSFs, by name.
    pub fn all(&self) -> Vec<&Arc<WwsfRecord>> {
        let mut all: Vec<_> = self.by_id.values().collect();
        all.sort_by_key(|record| record.id());
        all
    }

    /// The WWSF that clients without Origin belong to, where they are let in.
    pub fn native(&self) -> Option<&Arc<WwsfRecord>> {
        self.native.as_ref()
    }

    /// Whether an identity is provisioned one by one, which beats any range
    /// (TS 23.228 §4.3.3.2b).
    pub fn is_distinct(&self, impu: &Impu) -> bool {
        self.distinct.contains(impu)
    }

    /// The same, with one more identity that is provisioned one by one.
    #[must_use]
    pub fn with_distinct(&self, impu: Impu) -> Self {
        let mut records = self.clone();
        records.distinct.push(impu);
        records
    }

    /// The identities that ranges are registered by, with the names of the WWSFs.
    pub fn anchors(&self) -> Vec<(String, Impu)> {
        let anchored = |record: &Arc<WwsfRecord>| {
            let anchor = record.config.anchor.clone().filter(|_| record.allows(Scenario::WildcardRange))?;
            Some((record.id().to_owned(), anchor))
        };
        let mut anchors: Vec<_> = self.by_id.values().filter_map(anchored).collect();
        anchors.sort_by(|(a, _), (b, _)| a.cmp(b));
        anchors
    }

    /// Whether an identity lies in a range of any WWSF.
    pub fn in_any_range(&self, impu: &Impu) -> bool {
        self.by_id.values().any(|record| record.range_of(impu).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impu(text: &str) -> Impu {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_configuration_has_two_records() {
        let records = Records::from_config(&Config::default()).unwrap();
        let operator = records.by_origin(&Origin::parse("https://localhost:8443").unwrap()).unwrap();
        assert_eq!(operator.id(), "wwsf.ims.example");
        assert!(operator.vouches_for(&impu("sip:alice@ims.example")));
        assert!(!operator.vouches_for(&impu("sip:guest-1@partner.ims.example")));
        let partner = records.get("wwsf.partner.example").unwrap();
        assert!(partner.range_of(&impu("sip:guest-1@partner.ims.example")).is_some());
        assert_eq!(partner.in_pool(&"guest-1@partner.ims.example".parse().unwrap()), Some(true));
        assert_eq!(partner.in_pool(&"alice-wic@ims.example".parse().unwrap()), Some(false));
        assert_eq!(operator.in_pool(&"alice-wic@ims.example".parse().unwrap()), None);
        assert!(records.is_distinct(&impu("sip:trunk@partner.ims.example")));
        let guest = impu("sip:guest-1@partner.ims.example");
        assert!(!records.is_distinct(&guest) && records.with_distinct(guest.clone()).is_distinct(&guest));
        assert!(records.by_origin(&Origin::parse("https://localhost:9543").unwrap()).is_none());
    }

    #[test]
    fn what_belongs_to_two_wwsfs_is_refused() {
        let with = |change: fn(&mut WwsfConfig)| {
            let mut config = Config::default();
            change(&mut config.wwsf[1]);
            Records::from_config(&config).map(|_| ()).unwrap_err().to_string()
        };
        assert!(with(|w| w.origins = vec!["https://LOCALHOST:8443".into()]).contains("two WWSFs"));
        assert!(with(|w| w.id = "wwsf.ims.example".into()).contains("twice"));
        assert!(with(|w| w.ranges.clear()).contains("needs a range"));
        assert!(with(|w| w.issuers.clear()).contains("issuer"));
        assert!(with(|w| w.origins = vec!["https://h/".into()]).contains("RFC 6454"));
        let mut config = Config::default();
        config.wwsf[0].ranges = config.wwsf[1].ranges.clone();
        assert!(Records::from_config(&config).unwrap_err().to_string().contains("shares identities"));
    }

    #[test]
    fn an_entity_is_the_issuers_host_unless_named() {
        let mut config = Config::default();
        config.wwsf[1].issuers[0].issuer = "https://waf.partner.example:9443/x".into();
        let records = Records::from_config(&config).unwrap();
        let partner = records.get("wwsf.partner.example").unwrap();
        assert_eq!(partner.entity_of("https://waf.partner.example:9443/x"), "waf.partner.example");
        config.wwsf[1].issuers[0].entity = Some("waf-7".into());
        let records = Records::from_config(&config).unwrap();
        assert_eq!(
            records.get("wwsf.partner.example").unwrap().entity_of("https://waf.partner.example:9443/x"),
            "waf-7"
        );
    }
}
