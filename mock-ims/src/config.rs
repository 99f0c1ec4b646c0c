//! What an operator says about the core. Every default is the demo's.

use crate::cx::{ServerCapabilities, ServerName};
use crate::hss::HssConfig;
use crate::icscf::{self, Candidate};
use crate::network::{Network, StaticRoute};
use crate::policy::Policy;
use crate::scscf::{self, StaticBinding};
use crate::trust::TrustedNode;
use ims::{Impi, Impu};
use serde::{Deserialize, Serialize};
use sip::headers::Contact;
use sip::transaction::Timers;
use sip::{Host, Peer, Resolver, SipUri, Transport};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// The configuration of I-CSCF, S-CSCF and HSS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the demo subscribers are provisioned.
    pub demo: bool,
    /// The domains that are served; the first is the home domain.
    pub domains: Vec<String>,
    /// The I-CSCF's name in SIP.
    pub icscf: String,
    /// The S-CSCF's name in SIP and at the HSS.
    pub scscf: String,
    /// The address of each host name that a Path, a Route or a Contact may name, beside the CSCFs'
    /// own: the eP-CSCFs.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Users and domains that are reached at a fixed address, over plain SIP: `to` is `sip:user@domain`
    /// or a domain. Who is there may call too, through the I-CSCF, and is known by its `to`.
    pub routes: Vec<StaticRoute>,
    /// The sets that are registered by configuration: the anchors of the wildcard ranges for which an
    /// eP-CSCF is the registrar.
    pub statics: Vec<StaticSet>,
    /// The nodes from which the I-CSCF takes a REGISTER: the eP-CSCFs (TS 24.229 §5.3.1.2). The S-CSCF
    /// takes `auth-done` from the I-CSCF alone. With a port only UDP fits: on one machine that is what tells
    /// an eP-CSCF from any other process.
    pub trusted_nodes: Vec<TrustedNode>,
    /// Whether the I-CSCF speaks TCP to the S-CSCF instead of UDP. Then every process on the
    /// I-CSCF's host is trusted by the S-CSCF.
    pub tcp: bool,
    /// The switches.
    pub policy: Policy,
}

/// A set that is registered by configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticSet {
    /// Its private identity.
    pub impi: Impi,
    /// Its distinct public identity, the anchor.
    pub impu: Impu,
    /// Where requests for its identities go: the URI of the eP-CSCF. It is contact and Path in one.
    pub contact: String,
}

impl StaticSet {
    fn binding(&self) -> Result<StaticBinding, ConfigError> {
        let uri: SipUri = self.contact.parse().map_err(|_| ConfigError::Contact(self.contact.clone()))?;
        let path = vec![format!("<{uri}>").into()];
        Ok(StaticBinding { impi: self.impi.clone(), impu: self.impu.clone(), contact: Contact::new(uri.into()), path })
    }

    /// The anchor of the demo's wildcard range.
    fn demo() -> Option<Self> {
        let impi = Impi::parse("trunk@partner.ims.example").ok()?;
        let impu = Impu::parse("sip:trunk@partner.ims.example").ok()?;
        Some(Self { impi, impu, contact: "sip:epcscf1.ims.example;lr".into() })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            demo: true,
            domains: vec!["ims.example".into(), "partner.ims.example".into()],
            icscf: "icscf.ims.example".into(),
            scscf: "scscf1.ims.example".into(),
            hosts: BTreeMap::from([("epcscf1.ims.example".to_owned(), SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)))]),
            routes: Vec::new(),
            statics: StaticSet::demo().into_iter().collect(),
            trusted_nodes: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)).into()],
            tcp: false,
            policy: Policy::default(),
        }
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name is not a host.
    #[error("{0:?} is not a host name")]
    Host(String),
    /// A contact is no SIP URI.
    #[error("{0:?} is no SIP URI")]
    Contact(String),
    /// No domain is served.
    #[error("domains is empty")]
    NoDomain,
}

impl Config {
    pub(crate) fn server_name(&self) -> Result<ServerName, ConfigError> {
        ServerName::parse(&format!("sip:{}", self.scscf)).map_err(|_| ConfigError::Host(self.scscf.clone()))
    }

    /// What the HSS is told; also for an operator's command on a store that no process has open.
    pub fn hss(&self) -> Result<HssConfig, ConfigError> {
        let capabilities = ServerCapabilities { server_names: vec![self.server_name()?], ..Default::default() };
        let home_network = self.domains.first().ok_or(ConfigError::NoDomain)?.clone();
        Ok(HssConfig { home_network, capabilities, defects: self.policy.defects })
    }

    /// What the I-CSCF at `own` is told, with the S-CSCF at `scscf`.
    ///
    /// # Errors
    /// When a name is not a host, or there is no domain.
    pub fn icscf(&self, own: SocketAddr, scscf: SocketAddr) -> Result<icscf::Config, ConfigError> {
        let transport = if self.tcp { Transport::Tcp } else { Transport::Udp };
        let candidate =
            Candidate { name: self.server_name()?, peer: Peer::new(transport, scscf), capabilities: Vec::new() };
        Ok(icscf::Config {
            host: host(&self.icscf)?,
            port: Some(own.port()),
            home_network: self.domains.first().ok_or(ConfigError::NoDomain)?.clone(),
            trusted: self.trusted_nodes.clone(),
            scscfs: vec![candidate],
            network: self.network(own, scscf)?,
            policy: self.policy.clone(),
            timers: Timers::default(),
        })
    }

    /// What the S-CSCF at `own` is told, with the I-CSCF at `icscf`.
    ///
    /// # Errors
    /// When a name is not a host, or a contact no SIP URI.
    pub fn scscf(&self, icscf: SocketAddr, own: SocketAddr) -> Result<scscf::Config, ConfigError> {
        let transport = if self.tcp { Transport::Tcp } else { Transport::Udp };
        Ok(scscf::Config {
            name: self.server_name()?,
            icscf: Peer::new(transport, icscf),
            network: self.network(icscf, own)?,
            statics: self.statics.iter().map(StaticSet::binding).collect::<Result<_, _>>()?,
            // Over TCP the I-CSCF comes from any port of its host.
            trusted: vec![if self.tcp { TrustedNode::host(icscf.ip()) } else { icscf.into() }],
            policy: self.policy.clone(),
            timers: Timers::default(),
        })
    }

    fn network(&self, icscf: SocketAddr, scscf: SocketAddr) -> Result<Network, ConfigError> {
        let transport = if self.tcp { Transport::Tcp } else { Transport::Udp };
        let mut resolver = Resolver::new();
        self.hosts.iter().for_each(|(host, addr)| resolver.insert(host, Peer::new(Transport::Udp, *addr)));
        resolver.insert(&self.icscf, Peer::new(transport, icscf));
        resolver.insert(&self.scscf, Peer::new(transport, scscf));
        // Over TCP a neighbour comes from any port of its host.
        let node = |addr: SocketAddr| if self.tcp { TrustedNode::host(addr.ip()) } else { addr.into() };
        let trusted = self.trusted_nodes.iter().copied().chain([node(icscf), node(scscf)]).collect();
        let domains = self.domains.iter().map(|domain| host(domain)).collect::<Result<_, _>>()?;
        Ok(Network { domains, resolver, trusted, routes: self.routes.clone() })
    }
}

fn host(name: &str) -> Result<Host, ConfigError> {
    name.parse().map_err(|_| ConfigError::Host(name.to_owned()))
}
