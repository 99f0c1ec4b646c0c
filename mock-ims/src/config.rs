//! What an operator says about the core. Every default is the demo's.

use crate::cx::{ServerCapabilities, ServerName};
use crate::hss::HssConfig;
use crate::icscf::{self, Candidate};
use crate::policy::Policy;
use crate::scscf;
use crate::trust::TrustedNode;
use serde::{Deserialize, Serialize};
use sip::transaction::Timers;
use sip::{Host, Peer, Transport};
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
    /// The nodes from which the I-CSCF takes `auth-done`: the eP-CSCFs (TS 33.203 U.1). The S-CSCF
    /// takes it from the I-CSCF alone. With a port only UDP fits: on one machine that is what tells
    /// an eP-CSCF from any other process.
    pub trusted_nodes: Vec<TrustedNode>,
    /// Whether the I-CSCF speaks TCP to the S-CSCF instead of UDP. Then every process on the
    /// I-CSCF's host is trusted by the S-CSCF.
    pub tcp: bool,
    /// The switches.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            demo: true,
            domains: vec!["ims.example".into(), "partner.ims.example".into()],
            icscf: "icscf.ims.example".into(),
            scscf: "scscf1.ims.example".into(),
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
        Ok(HssConfig { home_network: self.domains.first().ok_or(ConfigError::NoDomain)?.clone(), capabilities })
    }

    pub(crate) fn icscf(&self, own: SocketAddr, scscf: SocketAddr) -> Result<icscf::Config, ConfigError> {
        let transport = if self.tcp { Transport::Tcp } else { Transport::Udp };
        let candidate =
            Candidate { name: self.server_name()?, peer: Peer::new(transport, scscf), capabilities: Vec::new() };
        Ok(icscf::Config {
            host: host(&self.icscf)?,
            port: Some(own.port()),
            home_network: self.domains.first().ok_or(ConfigError::NoDomain)?.clone(),
            trusted: self.trusted_nodes.clone(),
            scscfs: vec![candidate],
            policy: self.policy.clone(),
            timers: Timers::default(),
        })
    }

    pub(crate) fn scscf(&self, icscf: SocketAddr) -> Result<scscf::Config, ConfigError> {
        Ok(scscf::Config {
            name: self.server_name()?,
            domains: self.domains.iter().map(|domain| host(domain)).collect::<Result<_, _>>()?,
            // Over TCP the I-CSCF comes from any port of its host.
            trusted: vec![if self.tcp { TrustedNode::host(icscf.ip()) } else { icscf.into() }],
            policy: self.policy.clone(),
            timers: Timers::default(),
        })
    }
}

fn host(name: &str) -> Result<Host, ConfigError> {
    name.parse().map_err(|_| ConfigError::Host(name.to_owned()))
}
