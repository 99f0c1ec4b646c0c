mod guests;

use std::path::PathBuf;

use ims::{Defect, Defects, Scenario};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::keys::SigningAlg;
use crate::origin::{Origin, OriginError};

pub use guests::Guests;

/// Everything that one WWSF can be told.
///
/// All defaults are in the program. What a table leaves out comes from the
/// defaults of its `role`, so `role = "partner"` alone is a whole partner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Config {
    /// What this WWSF is to the operator.
    pub role: Role,
    /// Its name in the eP-CSCF's records, and `client_id` of its tokens.
    pub wwsf_id: String,
    /// Where browsers reach it: the `iss` of its tokens and the Origin of its WICs.
    pub origin: Origin,
    /// What the page calls it.
    pub title: String,
    /// The home network domain, realm of SIP Digest.
    pub realm: String,
    /// The WebSocket address of the eP-CSCF that WICs are sent to.
    pub wss_url: String,
    /// The eP-CSCF's own page, where a browser can accept its certificate.
    pub epcscf_page: String,
    /// The eP-CSCF's name, `aud` of the tokens.
    pub audience: String,
    /// `scope` of the tokens (TS 33.203 X.3.2.3).
    pub scope: String,
    /// Seconds from issue to expiry of a token.
    pub token_lifetime: u64,
    /// The algorithm that tokens are signed with.
    pub signing_alg: SigningAlg,
    /// The flows that the page offers.
    pub flows: Vec<Scenario>,
    /// The token servers that the WIC may contact (RFC 8898 §2.1.1); empty
    /// means this WWSF's own `/api/token` alone.
    pub authz_servers: Vec<String>,
    /// The user file; `users.toml` in the state folder when it is left out.
    pub users: Option<PathBuf>,
    /// Whether alice, bob and carol may log in with their published passwords;
    /// a rogue knows nobody else.
    pub demo: bool,
    /// Seconds that a login lasts.
    pub session_lifetime: u64,
    /// The operator console to link to.
    pub console: Option<String>,
    /// Other origins that may call the API from a page.
    pub cors_origins: Vec<Origin>,
    /// Folders with assets of the page; later ones win, all win over the built-in ones.
    pub assets: Vec<PathBuf>,
    /// Where compressed assets are kept; `asset-cache` in the state folder when it is left out.
    pub asset_cache: Option<PathBuf>,
    /// The WWSFs that the page links to, for the flows that this one does not serve.
    pub others: Vec<Neighbour>,
    /// Bounds on logins.
    pub login: LoginLimits,
    /// Anonymous guests.
    pub guests: Guests,
    /// A rogue's pretence.
    pub impersonate: Option<Impersonation>,
    /// Rules that are broken on purpose, in tests.
    #[serde(default, skip_serializing_if = "Defects::is_empty")]
    pub defects: Defects,
}

/// What a WWSF is to the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The operator's own: it knows the subscribers.
    #[default]
    Operator,
    /// A third party's, with a range of identities (TS 23.228 U.2.1.4).
    Partner,
    /// Authorised by nobody. It logs anyone in as any demo subscriber, to show
    /// that the network does not believe it.
    Rogue,
}

impl Role {
    /// The name in configuration and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Partner => "partner",
            Self::Rogue => "rogue",
        }
    }
}

/// Another WWSF of the testbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// What it is to the operator.
    pub role: Role,
    /// What the page calls it.
    pub title: String,
    /// Where browsers reach it.
    pub origin: Origin,
    /// The flows that it serves.
    pub flows: Vec<Scenario>,
}

/// Bounds on failed logins: token buckets per account and per peer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginLimits {
    /// Failed logins in a row for one account.
    pub account_burst: u32,
    /// Seconds until one more is allowed.
    pub account_interval: u64,
    /// Failed logins in a row from one address.
    pub peer_burst: u32,
    /// Seconds until one more is allowed.
    pub peer_interval: u64,
}

/// Whom a rogue claims to be in its tokens; it still has only its own keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impersonation {
    /// The false `iss`.
    pub issuer: String,
    /// The false `client_id`.
    pub client_id: String,
}

impl Config {
    /// Longest token lifetime, in seconds: a choice, 24 hours.
    pub const MAX_TOKEN_LIFETIME: u64 = 24 * 60 * 60;

    /// The operator's WWSF at `https://localhost:8443`.
    pub fn operator() -> Self {
        Self {
            role: Role::Operator,
            wwsf_id: "wwsf.ims.example".into(),
            origin: local_origin(8443),
            title: "IMS operator".into(),
            realm: "ims.example".into(),
            wss_url: "wss://localhost:7443/".into(),
            epcscf_page: "https://localhost:7443/".into(),
            audience: "sip:epcscf1.ims.example".into(),
            scope: "webrtc-ims-client-access-to-ims".into(),
            token_lifetime: 3600,
            signing_alg: SigningAlg::default(),
            flows: vec![Scenario::ImsDigest, Scenario::WebAuth],
            authz_servers: Vec::new(),
            users: None,
            demo: true,
            session_lifetime: 8 * 3600,
            console: None,
            cors_origins: Vec::new(),
            assets: Vec::new(),
            asset_cache: None,
            others: neighbours([Role::Partner, Role::Rogue]),
            login: LoginLimits::default(),
            guests: Guests::default(),
            impersonate: None,
            defects: Defects::NONE,
        }
    }

    /// The partner's WWSF at `https://localhost:9443`, serving anonymous guests.
    pub fn partner() -> Self {
        Self {
            role: Role::Partner,
            wwsf_id: "wwsf.partner.example".into(),
            origin: local_origin(9443),
            title: "Partner".into(),
            flows: vec![Scenario::WildcardRange],
            demo: false,
            others: neighbours([Role::Operator, Role::Rogue]),
            guests: Guests { enabled: true, ..Guests::default() },
            ..Self::operator()
        }
    }

    /// The rogue WWSF at `https://localhost:9543`.
    pub fn rogue() -> Self {
        Self {
            role: Role::Rogue,
            wwsf_id: "wwsf.rogue.example".into(),
            origin: local_origin(9543),
            title: "Rogue".into(),
            flows: Scenario::ALL.to_vec(),
            others: neighbours([Role::Operator, Role::Partner]),
            ..Self::operator()
        }
    }

    /// This WWSF as another one's page links to it.
    pub fn as_neighbour(&self) -> Neighbour {
        Neighbour { role: self.role, title: self.title.clone(), origin: self.origin.clone(), flows: self.flows.clone() }
    }

    /// The defaults of a role.
    pub fn of_role(role: Role) -> Self {
        match role {
            Role::Operator => Self::operator(),
            Role::Partner => Self::partner(),
            Role::Rogue => Self::rogue(),
        }
    }

    /// This configuration with some values replaced, table by table.
    ///
    /// ```
    /// let table = toml::from_str("title = 'Example Ltd'\n[guests]\ncapacity = 5").unwrap();
    /// let config = wwsf::Config::partner().overlay(table)?;
    /// assert_eq!((config.title.as_str(), config.guests.capacity), ("Example Ltd", 5));
    /// # Ok::<(), wwsf::ConfigError>(())
    /// ```
    pub fn overlay(&self, changes: toml::Table) -> Result<Self, ConfigError> {
        let mut table = toml::Table::try_from(self)?;
        merge(&mut table, changes);
        Ok(Self::deserialize(toml::Value::Table(table))?)
    }

    /// Finds what would make a WWSF that nobody can use, or one that is unsafe.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fault = |key, reason| Err(ConfigError::Value { key, reason });
        if self.wwsf_id.is_empty() {
            return fault("wwsf_id", "is empty");
        }
        if !(1..=Self::MAX_TOKEN_LIFETIME).contains(&self.token_lifetime) {
            return fault("token_lifetime", "is not between 1 s and 24 h");
        }
        if self.session_lifetime == 0 {
            return fault("session_lifetime", "is zero");
        }
        self.wss_origin()?;
        self.epcscf_origin()?;
        if self.impersonate.is_some() && self.role != Role::Rogue {
            return fault("impersonate", "is for a rogue WWSF only");
        }
        let login = &self.login;
        if [login.account_burst, login.peer_burst].contains(&0)
            || [login.account_interval, login.peer_interval].contains(&0)
        {
            return fault("login", "has a zero, which would lock everyone out or nobody");
        }
        self.guests.validate()
    }

    /// The token servers that the WIC may contact.
    pub fn authz_servers(&self) -> Vec<String> {
        match self.authz_servers.is_empty() {
            true => vec![format!("{}/api/token", self.origin)],
            false => self.authz_servers.clone(),
        }
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defects.has(defect)
    }

    pub(crate) fn wss_origin(&self) -> Result<String, ConfigError> {
        Origin::of_url(&self.wss_url, "wss://", "443").map_err(|e| ConfigError::Address { key: "wss_url", source: e })
    }

    pub(crate) fn epcscf_origin(&self) -> Result<String, ConfigError> {
        Origin::of_url(&self.epcscf_page, "https://", "443")
            .map_err(|e| ConfigError::Address { key: "epcscf_page", source: e })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::operator()
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = <toml::Table as Deserialize>::deserialize(deserializer)?;
        let role = match table.get("role") {
            Some(role) => Role::deserialize(role.clone()).map_err(de::Error::custom)?,
            None => Role::default(),
        };
        Self::of_role(role).overlay(table).map_err(de::Error::custom)
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self { account_burst: 5, account_interval: 15, peer_burst: 20, peer_interval: 3 }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that makes no sense.
    #[error("wwsf: {key} {reason}")]
    Value {
        /// The key in the file.
        key: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// An address that is none, or has another scheme.
    #[error("wwsf: {key}: {source}")]
    Address {
        /// The key in the file.
        key: &'static str,
        /// Why not.
        source: OriginError,
    },
    /// A key or a type that does not exist here.
    #[error("wwsf: {0}")]
    Read(#[from] toml::de::Error),
    /// Could not be written as a table.
    #[error("wwsf: {0}")]
    Write(#[from] toml::ser::Error),
}

fn merge(table: &mut toml::Table, changes: toml::Table) {
    for (key, value) in changes {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(changes)) => merge(inner, changes),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn neighbours(roles: [Role; 2]) -> Vec<Neighbour> {
    let neighbour = |role| {
        let (title, port, flows) = match role {
            Role::Operator => ("IMS operator", 8443, vec![Scenario::ImsDigest, Scenario::WebAuth]),
            Role::Partner => ("Partner", 9443, vec![Scenario::WildcardRange]),
            Role::Rogue => ("Rogue", 9543, Scenario::ALL.to_vec()),
        };
        Neighbour { role, title: title.into(), origin: local_origin(port), flows }
    };
    roles.map(neighbour).into()
}

fn local_origin(port: u16) -> Origin {
    Origin::parse(&format!("https://localhost:{port}")).expect("a literal origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn the_defaults_of_each_role_are_valid_and_survive_a_file() {
        for config in [Config::operator(), Config::partner(), Config::rogue()] {
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(read(&text).unwrap(), config);
        }
    }

    #[test]
    fn an_empty_table_is_the_operator_and_a_role_alone_is_that_role() {
        assert_eq!(read("").unwrap(), Config::operator());
        assert_eq!(read("role = 'partner'").unwrap(), Config::partner());
        assert_eq!(read("role = 'rogue'").unwrap(), Config::rogue());
    }

    #[test]
    fn the_default_links_lead_to_the_default_wwsfs() {
        for config in [Config::operator(), Config::partner(), Config::rogue()] {
            for other in &config.others {
                assert_ne!(other.role, config.role);
                assert_eq!(*other, Config::of_role(other.role).as_neighbour());
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_named() {
        assert!(read("titel = 'x'").unwrap_err().to_string().contains("titel"));
        assert!(read("[guests]\nrnage = 'x'").unwrap_err().to_string().contains("rnage"));
    }

    #[test]
    fn what_nobody_could_use_is_refused() {
        for (text, key) in [
            ("token_lifetime = 0", "token_lifetime"),
            ("token_lifetime = 86401", "token_lifetime"),
            ("wss_url = 'ws://localhost/'", "wss_url"),
            ("wss_url = \"wss://a;script-src *\"", "wss_url"),
            ("epcscf_page = 'http://localhost/'", "epcscf_page"),
            ("[impersonate]\nissuer = 'a'\nclient_id = 'b'", "impersonate"),
            ("[login]\npeer_burst = 0", "login"),
            ("[guests]\nenabled = true\ncapacity = 0", "guests.capacity"),
            ("[guests]\nenabled = true\nrange = 'sip:g-![a-z]+!@p.example'", "guests.range"),
        ] {
            let error = read(text).unwrap().validate().unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
        assert!(read("origin = 'http://localhost'").is_err());
        assert!(read("cors_origins = ['*']").is_err());
    }
}
