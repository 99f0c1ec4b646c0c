//! Brings the nodes up, wires them to each other and to the trace, and takes them down.

use crate::config::{Config, Ports};
use crate::hep;
use crate::lab::{Demo, DemoLab};
use crate::listen;
use crate::ops;
use crate::pki::Pki;
use crate::state::{Ready, StateDir};
use anyhow::{Context, Result};
use console::{Console, Edge};
use epcscf::KeysClient;
use epcscf::config::FlowTokenKey;
use sip::Entropy;
use sip_net::{Mw, OsEntropy, Pace};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use trace::{Direction, Hub, Leg, Tap};
use wwsf::{HttpDirection, HttpEvent};

/// Which nodes run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nodes {
    /// The three WWSFs.
    pub wwsf: bool,
    /// The eP-CSCF.
    pub epcscf: bool,
    /// I-CSCF, S-CSCF and HSS.
    pub ims: bool,
}

impl Nodes {
    /// All of them.
    pub const ALL: Self = Self { wwsf: true, epcscf: true, ims: true };
}

/// Running nodes. They stop when this is dropped, or in order by [`Testbed::shutdown`].
pub struct Testbed {
    config: Config,
    state: StateDir,
    pki: Pki,
    hub: Hub,
    pace: Pace,
    ready: Ready,
    wwsfs: Vec<wwsf::Running>,
    epcscf: Option<epcscf::Running>,
    /// Leads the console to the eP-CSCF, which may be started again.
    desk: Arc<RwLock<Option<epcscf::Desk>>>,
    ims: Option<mock_ims::Running>,
    ops: Vec<JoinHandle<()>>,
    lab: DemoLab,
    /// Whether the state folder says where these nodes are.
    announced: bool,
}

impl Testbed {
    /// Starts all nodes, their state kept in the folder `state`.
    pub async fn start(config: Config, state: &Path) -> Result<Self> {
        Self::start_nodes(config, state, Nodes::ALL).await
    }

    /// Starts some of the nodes; the others are expected where the configuration says.
    pub async fn start_nodes(config: Config, state: &Path, nodes: Nodes) -> Result<Self> {
        let state = StateDir::open(state)?;
        let mut pki = Pki::load_or_make(&state)?;
        if let Some(path) = &config.tls_key_log {
            pki.log_keys(path)?;
            tracing::warn!(path = %path.display(), "the secrets of all TLS connections are written down");
        }
        let hub = Hub::new(config.trace_capacity);
        let pace = Pace::start();
        let sockets = Sockets::bind(&config, &hub, &pace, nodes).await?;
        let config = config.with_ports(sockets.ports)?;
        for range in &config.partner_wwsf_domains() {
            hub.range_domain(range);
        }
        name_core(&hub, &config);
        let mut ready = ready(&config, &pki);
        let mut ops = ops::serve(sockets.metrics, hub.clone())?;
        if let Some(socket) = sockets.hep {
            ready.hep = Some(socket.local_addr()?);
            ops.push(hep::collect(&config.trace, socket, &hub)?);
        }
        if let Some(collector) = collector(&config, nodes) {
            ops.push(hep::report(&config.trace, &collector, &hub).await?);
        }
        let lab = DemoLab::new(Demo {
            hub: hub.clone(),
            pace: pace.clone(),
            ready: ready.clone(),
            ca: pki.ca_path.clone(),
            domain: config.epcscf.home_domain.clone(),
            range_domains: config.partner_wwsf_domains(),
            subscribers: config.demo,
            whole: nodes.epcscf && nodes.ims,
        });
        let mut testbed = Self {
            config,
            state,
            pki,
            hub,
            pace,
            lab,
            ready,
            wwsfs: Vec::new(),
            epcscf: None,
            desk: Arc::default(),
            ims: None,
            ops,
            announced: false,
        };
        if let Some(core) = sockets.core {
            testbed.start_ims(core).await?;
        }
        if let Some((wss, mw)) = sockets.edge {
            testbed.start_epcscf(wss, mw).await?;
        }
        for (which, listeners) in sockets.wwsfs {
            testbed.start_wwsf(which, listeners).await?;
        }
        testbed.state.set_running(&testbed.ready)?;
        testbed.announced = true;
        Ok(testbed)
    }

    /// The addresses in use.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// What all nodes saw and sent.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The clock and the gate of the SIP nodes.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Lessons and faults on these nodes.
    pub fn lab(&self) -> &DemoLab {
        &self.lab
    }

    /// The certificates.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// The configuration in force, with the ports in use.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The core, if it runs here.
    pub fn ims(&self) -> Option<&mock_ims::Running> {
        self.ims.as_ref()
    }

    /// Stops the eP-CSCF: all its connections break, and nothing listens on its ports.
    pub async fn stop_epcscf(&mut self) {
        if let Some(running) = self.epcscf.take() {
            running.shutdown().await;
        }
    }

    /// Starts the eP-CSCF again on the same ports, with the configuration that `change` changes.
    pub async fn restart_epcscf(&mut self, change: impl FnOnce(&mut epcscf::Config)) -> Result<()> {
        self.stop_epcscf().await;
        change(&mut self.config.epcscf);
        let wss = listen::tcp(&self.config.hosts, self.config.ports.epcscf, "ports.epcscf")?;
        let mw = bind_mw(self.config.ports.epcscf_mw, "ports.epcscf_mw", self.hub.tap("epcscf"), &self.pace).await?;
        self.start_epcscf(wss, mw).await
    }

    /// Stops all nodes, the ones that people reach first.
    pub async fn shutdown(mut self) {
        for running in std::mem::take(&mut self.wwsfs) {
            running.shutdown().await;
        }
        self.stop_epcscf().await;
        if let Some(running) = self.ims.take() {
            running.shutdown().await;
        }
    }

    async fn start_ims(&mut self, core: CoreSockets) -> Result<()> {
        let taps =
            mock_ims::Taps { icscf: self.hub.tap("icscf"), scscf: self.hub.tap("scscf"), hss: self.hub.tap("hss") };
        let config = mock_ims::Config { demo: self.config.demo, ..self.config.ims.clone() };
        let state = self.state.path("ims");
        let running =
            mock_ims::Server::start(config, core.icscf, core.scscf, &state, taps).await.context("the core")?;
        self.ims = Some(running);
        Ok(())
    }

    async fn start_epcscf(&mut self, wss: Vec<TcpListener>, mw: Mw) -> Result<()> {
        let tls = self.pki.server_config(&["http/1.1"])?;
        let ca = self.pki.ca_pem.clone();
        let tap = self.hub.tap("epcscf");
        let config = self.epcscf_config()?;
        let running = epcscf::Server::start(config, tls, wss, mw, &ca, tap).await.context("the eP-CSCF")?;
        *self.desk.write().unwrap_or_else(PoisonError::into_inner) = Some(running.desk());
        self.lab.knows_epcscf(running.known());
        self.epcscf = Some(running);
        Ok(())
    }

    fn epcscf_config(&self) -> Result<epcscf::Config> {
        let mut config = self.config.epcscf.clone();
        if config.flow_token_key.is_none() {
            config.flow_token_key = Some(flow_token_key(&self.state)?);
        }
        Ok(config)
    }

    async fn start_wwsf(&mut self, which: Wwsf, listeners: Vec<TcpListener>) -> Result<()> {
        let mut config = which.config(&self.config).clone();
        config.demo &= self.config.demo;
        // The WWSFs serve the same assets: the first start compresses them once for all.
        config.asset_cache.get_or_insert_with(|| self.state.path("asset-cache"));
        let tls = self.pki.server_config(&["h2", "http/1.1"])?;
        let tap = self.hub.tap(which.node());
        for listener in &listeners {
            tap.own_address(listener.local_addr()?);
        }
        let state = self.state.path(which.node());
        let observer = move |event: &HttpEvent| observe(&tap, event);
        let console = self.config.wwsf.origin.to_string() + "/console";
        config.console.get_or_insert(console);
        let routes = match which {
            Wwsf::Operator => self.console()?,
            Wwsf::Partner | Wwsf::Rogue => axum::Router::new(),
        };
        let running = wwsf::Server::start_with_routes(config, routes, tls, listeners, state, observer);
        let running = running.await.with_context(|| format!("the {}", trace::ladder::label(which.node())))?;
        self.lab.knows_wwsf(which.node(), running.keys());
        self.wwsfs.push(running);
        Ok(())
    }
}

impl Testbed {
    /// The console, which shows what the nodes of this process do.
    fn console(&self) -> Result<axum::Router> {
        let (config, desk) = (self.epcscf_config()?, Arc::clone(&self.desk));
        let within = Duration::from_secs(config.policy.keys.wait);
        let edge = Edge {
            keys: KeysClient::new(&self.pki.ca_pem, within).context("the keys of the WWSFs")?,
            desk: Arc::new(move || desk.read().unwrap_or_else(PoisonError::into_inner).clone()),
            config,
        };
        let console = Console { hub: self.hub.clone(), lab: Arc::new(self.lab().clone()), edge };
        console.router(&self.state.path("asset-cache")).context("the console")
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.ops.iter().for_each(JoinHandle::abort);
        if self.announced {
            self.state.clear_running();
        }
    }
}

#[derive(Clone, Copy)]
enum Wwsf {
    Operator,
    Partner,
    Rogue,
}

impl Wwsf {
    fn node(self) -> &'static str {
        match self {
            Self::Operator => "wwsf",
            Self::Partner => "partner-wwsf",
            Self::Rogue => "rogue-wwsf",
        }
    }

    fn config(self, config: &Config) -> &wwsf::Config {
        match self {
            Self::Operator => &config.wwsf,
            Self::Partner => &config.partner_wwsf,
            Self::Rogue => &config.rogue_wwsf,
        }
    }
}

struct CoreSockets {
    icscf: Mw,
    scscf: Mw,
}

/// All listeners, bound before anything starts: a taken port fails the start and leaves nothing
/// half up, and every node can be told the ports of the others.
struct Sockets {
    ports: Ports,
    wwsfs: Vec<(Wwsf, Vec<TcpListener>)>,
    edge: Option<(Vec<TcpListener>, Mw)>,
    core: Option<CoreSockets>,
    metrics: Vec<TcpListener>,
    /// Where others report, beside the console.
    hep: Option<UdpSocket>,
}

impl Sockets {
    async fn bind(config: &Config, hub: &Hub, pace: &Pace, nodes: Nodes) -> Result<Self> {
        let (hosts, mut ports) = (&config.hosts, config.ports);
        let mut wwsfs = Vec::new();
        if nodes.wwsf {
            for (which, port, option) in [
                (Wwsf::Operator, &mut ports.wwsf, "ports.wwsf"),
                (Wwsf::Partner, &mut ports.partner_wwsf, "ports.partner_wwsf"),
                (Wwsf::Rogue, &mut ports.rogue_wwsf, "ports.rogue_wwsf"),
            ] {
                let listeners = listen::tcp(hosts, *port, option)?;
                *port = port_of(&listeners)?;
                wwsfs.push((which, listeners));
            }
        }
        let mut edge = None;
        if nodes.epcscf {
            let wss = listen::tcp(hosts, ports.epcscf, "ports.epcscf")?;
            let mw = bind_mw(ports.epcscf_mw, "ports.epcscf_mw", hub.tap("epcscf"), pace).await?;
            (ports.epcscf, ports.epcscf_mw) = (port_of(&wss)?, mw.addr().port());
            edge = Some((wss, mw));
        }
        let mut core = None;
        if nodes.ims {
            let icscf = bind_mw(ports.icscf, "ports.icscf", hub.tap("icscf"), pace).await?;
            let scscf = bind_mw(ports.scscf, "ports.scscf", hub.tap("scscf"), pace).await?;
            (ports.icscf, ports.scscf) = (icscf.addr().port(), scscf.addr().port());
            core = Some(CoreSockets { icscf, scscf });
        }
        // One node alone leaves the port to the first that takes it.
        let metrics = match listen::tcp(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], ports.metrics, "ports.metrics") {
            Ok(listeners) => listeners,
            Err(error) if nodes != Nodes::ALL => {
                tracing::warn!(%error, "no operations port");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        if let Ok(port) = port_of(&metrics) {
            ports.metrics = port;
        }
        let mut hep = None;
        if nodes.wwsf {
            match hep::listen(&config.trace, ports.hep).await {
                Ok(socket) => {
                    ports.hep = socket.local_addr()?.port();
                    hep = Some(socket);
                }
                // A collector of others may have it; the nodes of this process show all the same.
                Err(error) => tracing::warn!(%error, "the console does not show nodes of other processes"),
            }
        }
        Ok(Self { ports, wwsfs, edge, core, metrics, hep })
    }
}

/// The SIP nodes are where the configuration says, in whichever process they run.
fn name_core(hub: &Hub, config: &Config) {
    let Ports { epcscf_mw, icscf, scscf, .. } = config.ports;
    for (node, port) in [("epcscf", epcscf_mw), ("icscf", icscf), ("scscf", scscf)] {
        hub.name(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), node);
    }
}

/// Whom the nodes of this process report to: whom the configuration names, else the console's process,
/// if that is another one.
fn collector(config: &Config, nodes: Nodes) -> Option<String> {
    let here = SocketAddr::new(config.trace.hep_listen, config.ports.hep).to_string();
    let wanted = config.trace.hep.clone().or_else(|| (!nodes.wwsf).then_some(here));
    wanted.filter(|collector| !collector.is_empty())
}

async fn bind_mw(port: u16, option: &str, tap: Tap, pace: &Pace) -> Result<Mw> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mw = Mw::bind(addr, tap).await.map_err(|e| listen::explain(e.addr, &e.source, option))?;
    Ok(mw.paced(pace.clone()))
}

fn port_of(listeners: &[TcpListener]) -> Result<u16> {
    Ok(listeners.first().context("no address to listen on: `hosts` is empty")?.local_addr()?.port())
}

fn ready(config: &Config, pki: &Pki) -> Ready {
    let Ports { epcscf, epcscf_mw, icscf, scscf, metrics, .. } = config.ports;
    let mw = |port: u16| format!("127.0.0.1:{port}");
    Ready {
        ready: true,
        wwsf: config.wwsf.origin.to_string(),
        partner_wwsf: config.partner_wwsf.origin.to_string(),
        rogue_wwsf: config.rogue_wwsf.origin.to_string(),
        epcscf: format!("wss://localhost:{epcscf}"),
        epcscf_mw: mw(epcscf_mw),
        icscf: mw(icscf),
        scscf: mw(scscf),
        metrics: format!("http://127.0.0.1:{metrics}"),
        hep: None,
        ca: pki.ca_path.clone(),
    }
}

/// The key of the flow tokens, kept: a token of before a restart is then known to be genuine, and its
/// flow to be dead (430), not forged (403).
fn flow_token_key(state: &StateDir) -> Result<FlowTokenKey> {
    const FILE: &str = "flow-token.key";
    if let Some(kept) = state.read(FILE)? {
        return FlowTokenKey::try_from(kept.trim().to_owned()).with_context(|| format!("{FILE} is damaged"));
    }
    let mut key = [0; 32];
    OsEntropy.fill(&mut key);
    let key = FlowTokenKey::new(key);
    state.write_private(FILE, String::from(key.clone()).as_bytes())?;
    Ok(key)
}

fn observe(tap: &Tap, event: &HttpEvent) {
    let (direction, summary) = match (event.direction, event.status) {
        (HttpDirection::Request, _) => (Direction::In, format!("{} {}", event.method, event.path)),
        (HttpDirection::Response, status) => (Direction::Out, format!("{} {}", status.unwrap_or_default(), event.path)),
    };
    // Assets are many and say nothing about a flow, and who watches is not part of it.
    if ["/assets/", "/console"].iter().any(|prefix| event.path.starts_with(prefix)) {
        return;
    }
    let impu = event.identities.as_ref().and_then(|i| i.impus.first()).map(ToString::to_string);
    let text = match &event.identities {
        Some(i) => format!("{summary}\r\n\r\nimpi: {}\r\nimpu: {}\r\n", i.impi, impu.as_deref().unwrap_or_default()),
        None => summary.clone(),
    };
    tap.http(
        direction,
        Leg::Https,
        Some(event.local),
        Some(event.peer),
        &summary,
        impu.as_deref(),
        event.trace_id.as_deref(),
        &text,
    );
}

impl Config {
    /// The domains of the ranges that WWSFs give identities out of.
    fn partner_wwsf_domains(&self) -> Vec<String> {
        let ranges = self.epcscf.wwsf.iter().flat_map(|wwsf| &wwsf.ranges);
        ranges
            .filter_map(|range| range.as_str().rsplit_once('@'))
            .map(|(_, domain)| domain.to_ascii_lowercase())
            .collect()
    }
}
