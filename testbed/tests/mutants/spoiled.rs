//! A lab whose nodes have one defect.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conformance::Boxed;
use conformance::cx::{CxAsk, CxReply};
use conformance::lab::{
    Controlled, CoreControl, CoreUnderTest, EdgeControl, EdgeUnderTest, IcscfUnderTest, Lab, NativeWic, Operation,
    ScscfUnderTest, Setup, WicAccess, WicUnderTest, WwsfUnderTest,
};
use conformance::script::{Log, Node, Source, connector};
use conformance::tester::Limits;
use conformance::verdict::{Outcome, Stop};
use testbed::bench::OwnNodes;
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use trace::Record;

use crate::mutant::Mutant;
use crate::relay::{self, Running};
use crate::spoil::Memory;

/// Our nodes with one defect.
pub(crate) struct Spoiled {
    nodes: Arc<OwnNodes>,
    mutant: Mutant,
}

impl Spoiled {
    pub(crate) fn new(nodes: Arc<OwnNodes>, mutant: Mutant) -> Self {
        Self { nodes, mutant }
    }

    fn setup(&self, setup: &Setup) -> Setup {
        let setup = self.mutant.settings.iter().fold(setup.clone(), |setup, (name, value)| setup.with(name, value));
        match self.mutant.defects.is_empty() {
            true => setup,
            false => setup.with("defects", serde_json::to_string(&self.mutant.defects).unwrap()),
        }
    }

    async fn spoil_edge(&self, setup: &Setup, log: &Log) -> Outcome<EdgeUnderTest> {
        let mut it = self.nodes.edge(&self.setup(setup), log).await?;
        let memory = Arc::new(Memory::default());
        if let Ok(mut key) = memory.key.lock() {
            *key = Some(Arc::clone(&it.operator.key));
        }
        let mut running = Running::default();
        if self.mutant.is_on_w2() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(own)?;
            let addr = listener.local_addr().map_err(own)?;
            let client = connector(&self.nodes.pki().ca_pem).map_err(own)?;
            let server = TlsAcceptor::from(self.nodes.pki().server());
            let (addr_of_node, mutant) = (it.wss.addr, self.mutant.clone());
            running.spawn(relay::websockets(listener, server, client, addr_of_node, mutant, Arc::clone(&memory)));
            it.wss.addr = addr;
        }
        if self.mutant.is_on_mw()
            && let Some(mw) = it.mw
        {
            let place = it.core.addr();
            let core = node("core", "epcscf", log).await?;
            drop(std::mem::replace(&mut it.core, core));
            let near = Arc::new(any().await?);
            let far = Arc::new(taken_over(place).await?);
            it.mw = Some(Source { addr: near.local_addr().map_err(own)?, ..mw });
            let script = Arc::new(Mutex::new(it.core.addr()));
            // On this hop the script is the core: what the node says comes first.
            running.spawn(relay::datagrams(near.clone(), far.clone(), mw.addr, script.clone()));
            running.spawn(relay::back(far, near, self.mutant.from_epcscf, memory, script));
        }
        it.control = Arc::new(Keeping { inner: it.control, _running: running });
        Ok(it)
    }

    async fn spoil_core(&self, setup: &Setup, log: &Log) -> Outcome<CoreUnderTest> {
        let mut it = self.nodes.core(&self.setup(setup), log).await?;
        if self.mutant.from_core.is_none() {
            return Ok(it);
        }
        let mut running = Running::default();
        let place = it.edge.addr();
        let edge = node("epcscf", "icscf", log).await?;
        drop(std::mem::replace(&mut it.edge, edge));
        let near = Arc::new(any().await?);
        let far = Arc::new(taken_over(place).await?);
        let entry = it.entry.addr;
        it.entry.addr = near.local_addr().map_err(own)?;
        let script = Arc::new(Mutex::new(it.edge.addr()));
        running.spawn(relay::datagrams(near.clone(), far.clone(), entry, script.clone()));
        running.spawn(relay::back(far, near, self.mutant.from_core, Arc::new(Memory::default()), script));
        it.control = Arc::new(Keeping { inner: it.control, _running: running });
        Ok(it)
    }
}

impl Lab for Spoiled {
    fn system(&self) -> String {
        self.mutant.name.to_string()
    }

    fn parallel(&self) -> usize {
        1
    }

    fn claims(&self, claim: &str) -> bool {
        self.nodes.claims(claim)
    }

    fn edge<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>> {
        Box::pin(self.spoil_edge(setup, log))
    }

    fn core<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>> {
        Box::pin(self.spoil_core(setup, log))
    }

    fn icscf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<IcscfUnderTest>> {
        Box::pin(async move { self.nodes.icscf(&self.setup(setup), log).await })
    }

    fn scscf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<ScscfUnderTest>> {
        Box::pin(async move { self.nodes.scscf(&self.setup(setup), log).await })
    }

    fn wwsf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>> {
        Box::pin(async move { self.nodes.wwsf(&self.setup(setup), log).await })
    }

    fn wic<'a>(
        &'a self,
        access: WicAccess,
        setup: &'a Setup,
        log: &'a Log,
    ) -> Boxed<'a, Outcome<Box<dyn WicUnderTest>>> {
        let spoil = |config: &mut wic::Config| config.defects = self.mutant.defects;
        let wic = NativeWic::new(access, setup, log, spoil);
        Box::pin(async move { Ok(Box::new(wic?) as Box<dyn WicUnderTest>) })
    }
}

fn own(error: impl std::fmt::Display) -> Stop {
    Stop::Inconclusive(format!("the relay: {error}"))
}

async fn node(name: &str, system: &str, log: &Log) -> Outcome<Node> {
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    Node::bind(any, name, system, Limits::default().answer, log).await.map_err(own)
}

async fn any() -> Outcome<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(own)
}

/// The socket of a node that is letting go of it.
async fn taken_over(addr: SocketAddr) -> Outcome<UdpSocket> {
    let mut tries = 100;
    loop {
        match UdpSocket::bind(addr).await {
            Ok(socket) => return Ok(socket),
            Err(error) if tries == 0 => return Err(own(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        tries -= 1;
    }
}

/// Keeps the relays as long as the system.
struct Keeping<C> {
    inner: C,
    _running: Running,
}

impl EdgeControl for Keeping<Arc<dyn EdgeControl>> {
    fn alive(&self) -> Boxed<'_, bool> {
        self.inner.alive()
    }

    fn log(&self) -> Controlled<String> {
        self.inner.log()
    }

    fn revoke(&self, issuer: &str, jti: &str) -> Boxed<'_, Controlled<()>> {
        self.inner.revoke(issuer, jti)
    }

    fn drop_range(&self) -> Boxed<'_, Controlled<()>> {
        self.inner.drop_range()
    }
}

impl CoreControl for Keeping<Arc<dyn CoreControl>> {
    fn alive(&self) -> Boxed<'_, bool> {
        self.inner.alive()
    }

    fn cx(&self) -> Controlled<Vec<String>> {
        self.inner.cx()
    }

    fn operate(&self, operation: Operation) -> Boxed<'_, Controlled<Result<(), String>>> {
        self.inner.operate(operation)
    }

    fn ask_hss(&self, ask: CxAsk) -> Boxed<'_, Controlled<CxReply>> {
        self.inner.ask_hss(ask)
    }

    fn records(&self) -> Vec<Record> {
        self.inner.records()
    }
}
