//! One TOML file for all nodes. Every default is in the program; `testbed config` prints them.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The configuration of a testbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the demo subscribers and their published passwords exist.
    pub demo: bool,
    /// The addresses that HTTPS and WSS listeners bind. Browsers try ::1 first for localhost.
    pub hosts: Vec<IpAddr>,
    /// How many messages the trace keeps.
    pub trace_capacity: usize,
    /// A file that gets the secrets of all TLS connections, so that Wireshark can read a capture of W1
    /// and W2. Whoever reads it reads those connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key_log: Option<PathBuf>,
    /// How nodes of several processes come together in one trace.
    pub trace: Trace,
    /// The ports; 0 is any free one. Addresses elsewhere in this file that name a default port of
    /// `localhost` follow what is set here.
    pub ports: Ports,
    /// The operator's WWSF.
    pub wwsf: wwsf::Config,
    /// The partner's WWSF.
    pub partner_wwsf: wwsf::Config,
    /// The WWSF that nobody authorised.
    pub rogue_wwsf: wwsf::Config,
    /// The eP-CSCF.
    pub epcscf: epcscf::Config,
    /// The core.
    pub ims: mock_ims::Config,
}

/// The ports of all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// The operator's WWSF, HTTPS.
    pub wwsf: u16,
    /// The partner's WWSF, HTTPS.
    pub partner_wwsf: u16,
    /// The rogue WWSF, HTTPS.
    pub rogue_wwsf: u16,
    /// The eP-CSCF, W2: WSS, and HTTPS for its page.
    pub epcscf: u16,
    /// The eP-CSCF, Mw: UDP and TCP.
    pub epcscf_mw: u16,
    /// The I-CSCF: UDP and TCP.
    pub icscf: u16,
    /// The S-CSCF: UDP and TCP.
    pub scscf: u16,
    /// Metrics, health and trace: HTTP.
    pub metrics: u16,
    /// Where nodes of other processes report what they saw: HEPv3 over UDP.
    pub hep: u16,
}

/// How nodes of several processes come together in one trace: by HEPv3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// `host:port` that the nodes of this process report to: the console's process, or a collector of
    /// others such as Homer. Left out, a node that runs alone reports to `hep_listen`; empty, nobody is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hep: Option<String>,
    /// The address, with the port `ports.hep`, that the process with the console listens on for reports.
    pub hep_listen: IpAddr,
    /// The number of this process as a capture agent.
    pub hep_agent: u32,
    /// What agents and the collector know each other by; it crosses the network in clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hep_auth_key: Option<String>,
    /// The names of foreign nodes by the number of their capture agent, e.g. `{ 2001 = "sbc" }`.
    pub hep_nodes: BTreeMap<String, String>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            hep: None,
            hep_listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            hep_agent: 1,
            hep_auth_key: None,
            hep_nodes: BTreeMap::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            demo: true,
            hosts: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            trace_capacity: 50_000,
            trace: Trace::default(),
            tls_key_log: None,
            ports: Ports::default(),
            wwsf: wwsf::Config::operator(),
            partner_wwsf: wwsf::Config::partner(),
            rogue_wwsf: wwsf::Config::rogue(),
            epcscf: epcscf::Config::default(),
            ims: mock_ims::Config::default(),
        }
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            wwsf: 8443,
            partner_wwsf: 9443,
            rogue_wwsf: 9543,
            epcscf: 7443,
            epcscf_mw: 5060,
            icscf: 5070,
            scscf: 5080,
            metrics: 9464,
            hep: 9060,
        }
    }
}

impl Ports {
    /// Any free port for every node.
    pub fn any() -> Self {
        Self {
            wwsf: 0,
            partner_wwsf: 0,
            rogue_wwsf: 0,
            epcscf: 0,
            epcscf_mw: 0,
            icscf: 0,
            scscf: 0,
            metrics: 0,
            hep: 0,
        }
    }
}

impl Config {
    /// This configuration, then `file`, then each `key=value` of `set` (dotted keys, TOML values; a bare
    /// word is a string).
    pub fn load(&self, file: Option<&Path>, set: &[String]) -> Result<Self> {
        let mut changes = Table::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            changes = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        }
        for assignment in set {
            apply(&mut changes, assignment)?;
        }
        self.overlay(changes)
    }

    /// This configuration with some values replaced, table by table.
    pub fn overlay(&self, changes: Table) -> Result<Self> {
        let mut table = Table::try_from(self)?;
        merge(&mut table, changes);
        table.try_into().context("the configuration is not valid")
    }

    /// The whole configuration as TOML.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }

    /// Puts the ports in use in the place of the default ones, wherever an address names one.
    pub(crate) fn with_ports(&self, used: Ports) -> Result<Self> {
        let default = Ports::default();
        let moves: Vec<(String, String)> = [
            (default.wwsf, used.wwsf),
            (default.partner_wwsf, used.partner_wwsf),
            (default.rogue_wwsf, used.rogue_wwsf),
            (default.epcscf, used.epcscf),
        ]
        .into_iter()
        .map(|(from, to)| (format!("localhost:{from}"), format!("localhost:{to}")))
        .chain(
            [(default.epcscf_mw, used.epcscf_mw), (default.icscf, used.icscf), (default.scscf, used.scscf)]
                .into_iter()
                .map(|(from, to)| (format!("127.0.0.1:{from}"), format!("127.0.0.1:{to}"))),
        )
        .collect();
        let mut value = Value::try_from(self)?;
        rewrite(&mut value, &moves);
        let mut config: Self = value.try_into()?;
        config.ports = used;
        Ok(config)
    }
}

pub(crate) fn apply(table: &mut Table, assignment: &str) -> Result<()> {
    let Some((key, value)) = assignment.split_once('=') else {
        bail!("--set takes KEY=VALUE, e.g. --set ports.wwsf=8444; got {assignment:?}");
    };
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let Some(last) = path.pop().filter(|k| !k.is_empty()) else { bail!("--set {assignment:?} names no key") };
    let mut at = table;
    for part in path {
        let entry = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = entry.as_table_mut().with_context(|| format!("--set {assignment:?}: {part} is not a table"))?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

pub(crate) fn merge(into: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (into.get_mut(&key), change) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, change) => {
                into.insert(key, change);
            }
        }
    }
}

fn rewrite(value: &mut Value, moves: &[(String, String)]) {
    match value {
        Value::String(text) => {
            // One pass a string: a port that one node moved to must not be moved on for another.
            if let Some((at, (from, to))) = moves.iter().find_map(|m| find_address(text, &m.0).map(|at| (at, m))) {
                text.replace_range(at..at + from.len(), to);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, moves)),
        Value::Table(table) => table.iter_mut().for_each(|(_, item)| rewrite(item, moves)),
        _ => {}
    }
}

/// Where `address` stands in `text` with no further digit behind it.
fn find_address(text: &str, address: &str) -> Option<usize> {
    let at = text.find(address)?;
    let next = text[at + address.len()..].chars().next();
    (!next.is_some_and(|c| c.is_ascii_digit())).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_defaults_are_read_back() {
        let config = Config::default();
        let printed = config.to_toml().unwrap();
        assert_eq!(Config::default().overlay(printed.parse().unwrap()).unwrap(), config);
    }

    #[test]
    fn set_reaches_into_tables() {
        let set = ["ports.wwsf=0".to_owned(), "wwsf.title=Example".to_owned(), "demo=false".to_owned()];
        let config = Config::default().load(None, &set).unwrap();
        assert_eq!((config.ports.wwsf, config.wwsf.title.as_str(), config.demo), (0, "Example", false));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = format!("{:#}", Config::default().load(None, &["wwsf.titel=x".to_owned()]).unwrap_err());
        assert!(error.contains("titel"), "{error}");
    }

    #[test]
    fn addresses_follow_the_ports() {
        let used = Ports { wwsf: 9443, partner_wwsf: 1234, epcscf: 4321, icscf: 9, ..Ports::default() };
        let config = Config::default().with_ports(used).unwrap();
        let printed = config.to_toml().unwrap();
        assert_eq!(config.wwsf.wss_url, "wss://localhost:4321/");
        assert_eq!(config.wwsf.origin.to_string(), "https://localhost:9443");
        assert_eq!(config.partner_wwsf.origin.to_string(), "https://localhost:1234");
        assert!(!printed.contains("localhost:8443"), "{printed}");
        assert!(printed.contains("127.0.0.1:9\""), "{printed}");
    }
}
