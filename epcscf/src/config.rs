//! What an operator says about an eP-CSCF. Every default is the demo's.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use ims::{ImpiRange, Impu, Scenario, WildcardedImpu};
use serde::{Deserialize, Serialize};
use sip::Transport;

use crate::media::Media;
use crate::policy::Policy;

/// The configuration of one eP-CSCF.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Its host name in SIP; also, as `sip:{name}`, the audience of tokens.
    pub name: String,
    /// The number of this shard.
    pub shard: u8,
    /// The home domain: realm, P-Visited-Network-ID and inter-operator identifier.
    pub home_domain: String,
    /// The domains that a WIC may register in, beside the home domain.
    pub domains: Vec<String>,
    /// The sockets.
    pub listen: Listen,
    /// The next hops.
    pub core: Core,
    /// Who carries media.
    pub media: Media,
    /// Core nodes that may send requests here, by address, with or without a port.
    pub trusted_nodes: Vec<TrustedNode>,
    /// Identities provisioned one by one at the HSS that lie in a wildcard range: they win over
    /// the range (TS 23.228 §4.3.3.2b). The anchors of the ranges need not be repeated.
    pub distinct: Vec<Impu>,
    /// The WWSFs whose pages may connect.
    pub wwsf: Vec<WwsfConfig>,
    /// 32 octets in hexadecimal that flow tokens are signed with, so that a token of an earlier
    /// run is answered 430; without it each start draws its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_token_key: Option<FlowTokenKey>,
    /// The switches.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "epcscf1.ims.example".into(),
            shard: 0,
            home_domain: "ims.example".into(),
            domains: vec!["partner.ims.example".into()],
            listen: Listen::default(),
            core: Core::default(),
            media: Media::default(),
            trusted_nodes: vec![
                TrustedNode { ip: Ipv4Addr::LOCALHOST.into(), port: None },
                TrustedNode { ip: std::net::Ipv6Addr::LOCALHOST.into(), port: None },
            ],
            distinct: Vec::new(),
            wwsf: vec![WwsfConfig::operator(), WwsfConfig::partner()],
            flow_token_key: None,
            policy: Policy::default(),
        }
    }
}

/// The sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// W2: TLS, then WebSocket.
    pub wss: Vec<SocketAddr>,
    /// Mw: SIP over UDP and TCP.
    pub mw: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            wss: vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, 7443)),
                SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 7443)),
            ],
            mw: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
        }
    }
}

/// The next hops: no DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Core {
    /// The I-CSCF's URI, as it stands in Route.
    pub icscf_uri: String,
    /// The I-CSCF's address.
    pub icscf: SocketAddr,
    /// The S-CSCF's URI for requests from identities that are registered here (flow 3), as it
    /// stands in Route: the user part says that it is the originating side.
    pub scscf_uri: String,
    /// The S-CSCF's address.
    pub scscf: SocketAddr,
    /// Further hosts of the core that a Service-Route or Record-Route may name, and where they are.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// How they are spoken to.
    pub transport: CoreTransport,
}

impl Default for Core {
    fn default() -> Self {
        Self {
            icscf_uri: "sip:icscf.ims.example;lr".into(),
            icscf: SocketAddr::from((Ipv4Addr::LOCALHOST, 5070)),
            scscf_uri: "sip:orig@scscf1.ims.example;lr".into(),
            scscf: SocketAddr::from((Ipv4Addr::LOCALHOST, 5080)),
            hosts: BTreeMap::new(),
            // The I-CSCF tells a trusted node by its socket, and over TCP ours would be any port.
            transport: CoreTransport::Udp,
        }
    }
}

/// How the core is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoreTransport {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
}

impl From<CoreTransport> for Transport {
    fn from(transport: CoreTransport) -> Self {
        match transport {
            CoreTransport::Udp => Self::Udp,
            CoreTransport::Tcp => Self::Tcp,
        }
    }
}

/// A core node that is trusted (TS 33.203 U.1): an address, written `ip` or `ip:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustedNode {
    /// The address.
    pub ip: IpAddr,
    /// The port, if only that one is meant.
    pub port: Option<u16>,
}

impl TrustedNode {
    /// Whether a peer is this node.
    pub fn is(&self, addr: SocketAddr) -> bool {
        self.ip == addr.ip().to_canonical() && self.port.is_none_or(|port| port == addr.port())
    }
}

impl FromStr for TrustedNode {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { ip, port: None });
        }
        let addr: SocketAddr = text.parse().map_err(|_| ConfigError::TrustedNode(text.to_owned()))?;
        Ok(Self { ip: addr.ip(), port: Some(addr.port()) })
    }
}

impl TryFrom<String> for TrustedNode {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl From<TrustedNode> for String {
    fn from(node: TrustedNode) -> Self {
        match node.port {
            Some(port) => SocketAddr::new(node.ip, port).to_string(),
            None => node.ip.to_string(),
        }
    }
}

/// The key of the flow tokens; `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlowTokenKey([u8; 32]);

impl FlowTokenKey {
    /// A key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for FlowTokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlowTokenKey(…)")
    }
}

impl TryFrom<String> for FlowTokenKey {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        let mut key = [0; 32];
        hex::decode_to_slice(&text, &mut key).map_err(|_| ConfigError::FlowTokenKey)?;
        Ok(Self(key))
    }
}

impl From<FlowTokenKey> for String {
    fn from(key: FlowTokenKey) -> Self {
        hex::encode(key.0)
    }
}

/// A WWSF whose pages may connect, and what it may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WwsfConfig {
    /// Its name: the `client_id` of its tokens.
    pub id: String,
    /// The origins of its pages.
    pub origins: Vec<String>,
    /// The registration flows that its pages may use.
    pub flows: Vec<Scenario>,
    /// The WAFs whose tokens it may hand out.
    #[serde(default)]
    pub issuers: Vec<IssuerConfig>,
    /// Where a WIC gets a token: `authz_server` of a challenge (RFC 8898 §4).
    #[serde(default)]
    pub authz_server: Option<String>,
    /// The domains whose identities it may register by web authentication (flow 2); none given is
    /// the home domain.
    #[serde(default)]
    pub domains: Vec<String>,
    /// The ranges of identities that it may give away (flow 3).
    #[serde(default)]
    pub ranges: Vec<WildcardedImpu>,
    /// The IMPIs of its pool. Without any, membership cannot be checked here and is left to the
    /// S-CSCF (TS 33.203 X.4.2.3).
    #[serde(default)]
    pub pool: Vec<ImpiRange>,
    /// The distinct identity that the ranges are registered by.
    #[serde(default)]
    pub anchor: Option<Impu>,
    /// The most identities out of the ranges that may be in use at a time.
    #[serde(default)]
    pub max_users: Option<usize>,
    /// Longest registration, in seconds, where it is less than the node's.
    #[serde(default)]
    pub max_expires: Option<u32>,
    /// Whether WWSF and WAF belong to somebody else than the operator (TS 33.203 X.3.2.3 step 5).
    #[serde(default)]
    pub third_party: bool,
}

/// A WAF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_url: String,
    /// The name that the S-CSCF knows it by, for a third party; the issuer's host when left out.
    #[serde(default)]
    pub entity: Option<String>,
}

impl WwsfConfig {
    /// The operator's WWSF of the demo.
    pub fn operator() -> Self {
        Self {
            id: "wwsf.ims.example".into(),
            flows: vec![Scenario::ImsDigest, Scenario::WebAuth],
            ..Self::at("https://localhost:8443")
        }
    }

    /// The partner's WWSF of the demo.
    pub fn partner() -> Self {
        Self {
            id: "wwsf.partner.example".into(),
            flows: vec![Scenario::WildcardRange],
            ranges: "sip:guest-!.*!@partner.ims.example".parse().into_iter().collect(),
            pool: "guest-!.*!@partner.ims.example".parse().into_iter().collect(),
            anchor: "sip:trunk@partner.ims.example".parse().ok(),
            third_party: true,
            ..Self::at("https://localhost:9443")
        }
    }

    /// A WWSF that is its own WAF, at an origin; it may do nothing yet.
    pub fn at(origin: &str) -> Self {
        Self {
            id: String::new(),
            origins: vec![origin.to_owned()],
            flows: Vec::new(),
            issuers: vec![IssuerConfig {
                issuer: origin.to_owned(),
                jwks_url: format!("{origin}/.well-known/jwks.json"),
                entity: None,
            }],
            authz_server: Some(format!("{origin}/api/token")),
            domains: Vec::new(),
            ranges: Vec::new(),
            pool: Vec::new(),
            anchor: None,
            max_users: None,
            max_expires: None,
            third_party: false,
        }
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `core.icscf_uri`, `core.scscf_uri` or the names make no URI.
    #[error("{0} is not a SIP URI")]
    Uri(String),
    /// An entry of `trusted_nodes`.
    #[error("trusted node {0} is neither an address nor an address and a port")]
    TrustedNode(String),
    /// `flow_token_key`.
    #[error("flow_token_key is not 64 hexadecimal digits")]
    FlowTokenKey,
    /// An origin of a WWSF.
    #[error("wwsf {wwsf}: origin {origin}: {error}")]
    Origin {
        /// The WWSF.
        wwsf: String,
        /// The origin as written.
        origin: String,
        /// What is wrong.
        error: crate::origin::OriginError,
    },
    /// Two WWSFs have one origin.
    #[error("origin {0} belongs to two WWSFs")]
    SharedOrigin(String),
    /// Two WWSFs have one name.
    #[error("wwsf {0} is there twice")]
    SharedId(String),
    /// Two ranges are the same, or one WWSF may not use any flow.
    #[error("wwsf {wwsf}: {reason}")]
    Wwsf {
        /// The WWSF.
        wwsf: String,
        /// What is wrong.
        reason: String,
    },
    /// `connection.native_wwsf`.
    #[error("native_clients are allowed, but native_wwsf names no WWSF")]
    NativeWwsf,
}
