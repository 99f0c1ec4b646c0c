//! Our I-CSCF and our S-CSCF, each alone: the script is all that is around it, the HSS too.

use super::core::configured;
use super::{Logs, OwnNodes, any_port, cx, script, unready};
use conformance::Boxed;
use conformance::lab::{Controlled, CoreControl, IcscfUnderTest, ScriptedScscf, ScscfUnderTest, Setup};
use conformance::script::{Asker, Hss, Log, Node, Pushed, Source};
use conformance::verdict::Outcome;
use mock_ims::cx::{CxRequest, ServerName};
use mock_ims::icscf::Candidate;
use mock_ims::{Answering, Cscf, CxPeer, Icscf, Scscf, Taps};
use sip::{Peer, Transport};
use sip_net::Mw;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trace::Tap;

/// The S-CSCFs that the I-CSCF knows, and what it takes them to be capable of.
const SCSCFS: [(&str, &[u32]); 3] = [("scscf1", &[1]), ("scscf2", &[1, 2]), ("scscf3", &[1, 2, 3])];

pub(super) async fn icscf(lab: &OwnNodes, setup: &Setup, log: &Log) -> Outcome<IcscfUnderTest> {
    let failed = unready("starting the I-CSCF");
    let edge = node(lab, "epcscf", "icscf", log).await?;
    let (hss, end) = Hss::new("icscf", lab.limits.answer, log);
    let config = configured(&edge, setup)?;
    let home = config.domains.first().cloned().unwrap_or_default();
    let mw = Mw::bind(any_port(), Tap::default()).await.map_err(|e| failed(&e))?;
    let entry = udp(&mw);
    // The one S-CSCF of the configuration is replaced by those of the script.
    let mut config = config.icscf(mw.addr(), edge.addr()).map_err(|e| failed(&e))?;
    config.scscfs.clear();
    let mut scscfs = Vec::new();
    for (host, capabilities) in SCSCFS {
        let node = node(lab, host, "icscf", log).await?;
        let name = format!("sip:{host}.{home}");
        config.network.trusted.push(node.addr().into());
        config.scscfs.push(Candidate {
            name: ServerName::parse(&name).map_err(|e| failed(&e))?,
            peer: Peer::new(Transport::Udp, node.addr()),
            capabilities: capabilities.to_vec(),
        });
        scscfs.push(ScriptedScscf { name, capabilities: capabilities.to_vec(), node });
    }
    let running = Cscf::icscf(config, mw, Arc::new(Script(end.asker)), &Taps::default());
    let control = Arc::new(OwnIcscf { running, logs: lab.logs.clone() });
    Ok(IcscfUnderTest { entry, edge, scscfs, hss, home, control })
}

pub(super) async fn scscf(lab: &OwnNodes, setup: &Setup, log: &Log) -> Outcome<ScscfUnderTest> {
    let failed = unready("starting the S-CSCF");
    let edge = node(lab, "epcscf", "scscf", log).await?;
    let icscf = node(lab, "icscf", "scscf", log).await?;
    let (hss, end) = Hss::new("scscf", lab.limits.answer, log);
    let mut config = configured(&edge, setup)?;
    // What is registered by configuration asks by itself; to the purposes that is noise.
    config.statics.clear();
    let home = config.domains.first().cloned().unwrap_or_default();
    let mw = Mw::bind(any_port(), Tap::default()).await.map_err(|e| failed(&e))?;
    let entry = udp(&mw);
    let config = config.scscf(icscf.addr(), mw.addr()).map_err(|e| failed(&e))?;
    let name = config.name.to_string();
    let running = Cscf::scscf(config, mw, Arc::new(Script(end.asker)), &Taps::default()).map_err(|e| failed(&e))?;
    let running = Arc::new(running);
    let pushes = tokio::spawn(deliver(end.pushes, Arc::clone(&running)));
    let control = Arc::new(OwnScscf { running, pushes, logs: lab.logs.clone() });
    Ok(ScscfUnderTest { entry, icscf, edge, hss, name, home, control })
}

async fn node(lab: &OwnNodes, name: &str, system: &str, log: &Log) -> Outcome<Node> {
    Node::bind(any_port(), name, system, lab.limits.answer, log).await.map_err(script)
}

fn udp(mw: &Mw) -> Source {
    Source { transport: Transport::Udp, addr: mw.addr() }
}

/// The script in the HSS's place.
struct Script(Asker);

impl CxPeer for Script {
    fn ask(&self, request: CxRequest) -> Answering {
        let answer = self.0.ask(cx::asked(&request));
        Box::pin(async move {
            let answer = cx::answer(&request, answer.await?);
            answer.inspect_err(|error| tracing::error!(%error, "the script's answer is none")).ok()
        })
    }
}

/// Takes what the script tells to the S-CSCF. What it cannot say in our types, it does not get to say.
async fn deliver(mut pushes: mpsc::Receiver<Pushed>, scscf: Arc<Cscf<Scscf>>) {
    while let Some(Pushed { push, reply }) = pushes.recv().await {
        match cx::push(push) {
            Ok(push) => {
                let Some(answer) = scscf.push(push).await else { return };
                let _ = reply.send(cx::pushed(&answer));
            }
            Err(error) => tracing::error!(%error, "the script's push is none"),
        }
    }
}

struct OwnIcscf {
    running: Cscf<Icscf>,
    logs: Logs,
}

impl CoreControl for OwnIcscf {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.running.run(|_, _| ()).await.is_some() })
    }

    fn log(&self) -> Controlled<String> {
        self.logs.text()
    }
}

struct OwnScscf {
    running: Arc<Cscf<Scscf>>,
    pushes: JoinHandle<()>,
    logs: Logs,
}

impl CoreControl for OwnScscf {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.running.run(|_, _| ()).await.is_some() })
    }

    fn log(&self) -> Controlled<String> {
        self.logs.text()
    }
}

impl Drop for OwnScscf {
    fn drop(&mut self) {
        self.pushes.abort();
    }
}
