//! The core on sockets: I-CSCF and S-CSCF each in its task, the HSS on a thread of its own.

mod desk;
mod logged;

use crate::asks::{CxAsk, CxFailure, CxReply};
use crate::config::{Config, ConfigError};
use crate::hss::{AdminError, AdminSocket, Hss, Push, RedbStore, STORE_FILE, StoreError};
use crate::icscf::Icscf;
use crate::scscf::Scscf;
use desk::{Desk, Subject};
use logged::Logged;
use sip::Now;
use sip_net::{Actor, Gate, Mw, NoFlows, OsEntropy, Verdict};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trace::{Direction, Tap};

/// A core.
pub struct Server;

/// The trace taps of the three nodes.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    /// The I-CSCF's.
    pub icscf: Tap,
    /// The S-CSCF's.
    pub scscf: Tap,
    /// The HSS's.
    pub hss: Tap,
}

/// Why a core does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The folder of the store, or the operators' socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The demo subscribers.
    #[error("provisioning the demo: {0}")]
    Provision(#[from] AdminError),
    /// The S-CSCF's name.
    #[error("the S-CSCF's name: {0}")]
    Name(#[from] sip::HeaderError),
}

impl Server {
    /// Starts a core on sockets that are bound already. Subscribers are kept in the folder `state`.
    pub async fn start(config: Config, icscf: Mw, scscf: Mw, state: &Path, taps: Taps) -> Result<Running, StartError> {
        DirBuilder::new().recursive(true).mode(0o700).create(state)?;
        let mut hss = Hss::open(config.hss()?, Box::new(RedbStore::open(&state.join(STORE_FILE))?))?;
        if config.demo {
            hss.provision_demo()?;
        }
        let icscf_node = Icscf::new(config.icscf(icscf.addr(), scscf.addr())?, Box::new(OsEntropy));
        let scscf_node = Scscf::new(config.scscf(icscf.addr(), scscf.addr())?, Box::new(OsEntropy))?;
        tracing::info!(icscf = %icscf.addr(), scscf = %scscf.addr(), "the core listens");
        let (pushes_tx, pushes) = mpsc::unbounded_channel();
        let desk = Desk::open(hss, pushes_tx);
        let asker = |own: &'static str, tap: &Tap, gate: &Gate| {
            let cx = Cx { own, desk: desk.clone(), tap: tap.clone(), hss_tap: taps.hss.clone(), gate: gate.clone() };
            move |ask| cx.clone().ask(ask)
        };
        let ask = asker("icscf", &taps.icscf, &icscf.pace().gate);
        let (icscf, icscf_task) = sip_net::spawn(Logged::new(icscf_node), icscf, ask, NoFlows);
        let ask = asker("scscf", &taps.scscf, &scscf.pace().gate);
        let (scscf, scscf_task) = sip_net::spawn(Logged::new(scscf_node), scscf, ask, NoFlows);
        let deliver = tokio::spawn(deliver(pushes, scscf.clone(), desk.clone(), taps));
        let admin = desk.clone();
        let socket = AdminSocket::serve(state, move |request| admin.administer(request))?;
        Ok(Running { icscf, scscf, desk, socket: Some(socket), tasks: vec![icscf_task, scscf_task, deliver] })
    }
}

/// A core that runs; dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    icscf: Actor<Logged<Icscf>>,
    scscf: Actor<Logged<Scscf>>,
    desk: Desk,
    socket: Option<AdminSocket>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Runs `f` on the I-CSCF, in its task; `None` when that has ended.
    pub async fn icscf<R: Send + 'static>(&self, f: impl FnOnce(&mut Icscf, Now) -> R + Send + 'static) -> Option<R> {
        self.icscf.ask(move |node, now| f(&mut node.0, now)).await
    }

    /// Runs `f` on the S-CSCF, in its task; `None` when that has ended.
    pub async fn scscf<R: Send + 'static>(&self, f: impl FnOnce(&mut Scscf, Now) -> R + Send + 'static) -> Option<R> {
        self.scscf.ask(move |node, now| f(&mut node.0, now)).await
    }

    /// Runs `f` on the HSS, on its thread; `None` when that has ended.
    pub async fn hss<R: Send + 'static>(&self, f: impl FnOnce(&mut Hss) -> R + Send + 'static) -> Option<R> {
        self.desk.run(f).await
    }

    /// Stops; the store is closed when this returns.
    pub async fn shutdown(mut self) {
        self.stop();
        let (desk, socket) = (self.desk.clone(), self.socket.take());
        // The socket's thread may be waiting for the HSS's.
        let _ = tokio::task::spawn_blocking(move || {
            drop(socket);
            desk.close();
        })
        .await;
    }

    fn stop(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        self.desk.retire();
    }
}

/// How one node asks the HSS.
#[derive(Clone)]
struct Cx {
    own: &'static str,
    desk: Desk,
    tap: Tap,
    hss_tap: Tap,
    gate: Gate,
}

impl Cx {
    /// Asks the HSS. The question is handed over before this returns, so that questions arrive in
    /// the order in which they were asked, unless it is held at the gate; only the answer is waited for.
    fn ask(self, (id, request): CxAsk) -> impl Future<Output = CxReply> + Send + use<> {
        let subject = request.subject();
        let (summary, text) = (request.to_string(), format!("{request:#?}"));
        let verdict = self.gate.judge(|| self.tap.preview_cx("hss", &summary, subject.as_deref(), &text));
        let submit = {
            let (cx, subject) = (self.clone(), subject.clone());
            move |reaches: bool| {
                cx.tap.cx(Direction::Out, "hss", &summary, subject.as_deref(), &text);
                metrics::counter!("ims_cx_requests_total", "command" => request.command_code().to_string())
                    .increment(1);
                reaches.then(|| {
                    cx.hss_tap.cx(Direction::In, cx.own, &summary, subject.as_deref(), &text);
                    cx.desk.ask(request)
                })
            }
        };
        let submitted = match verdict {
            Verdict::Pass => Ok(submit(true)),
            Verdict::Fail => Ok(submit(false)),
            Verdict::Hold(ticket) => Err((ticket, submit)),
        };
        async move {
            let answer = match submitted {
                Ok(answer) => answer,
                Err((ticket, submit)) => {
                    ticket.redeemed().await;
                    submit(true)
                }
            };
            let answer = match answer {
                Some(answer) => answer.await,
                None => None,
            };
            let Some(answer) = answer else { return (id, Err(CxFailure::Unreachable)) };
            let (summary, text) = (answer.to_string(), format!("{answer:#?}"));
            self.gate.pass(|| self.hss_tap.preview_cx(self.own, &summary, subject.as_deref(), &text)).await;
            self.hss_tap.cx(Direction::Out, self.own, &summary, subject.as_deref(), &text);
            self.tap.cx(Direction::In, "hss", &summary, subject.as_deref(), &text);
            (id, Ok(answer))
        }
    }
}

/// Takes what the HSS says unasked to the S-CSCF, and the answer back.
async fn deliver(mut pushes: mpsc::UnboundedReceiver<Push>, scscf: Actor<Logged<Scscf>>, desk: Desk, taps: Taps) {
    while let Some(push) = pushes.recv().await {
        let subject = push.message.subject();
        let (summary, text) = (push.message.to_string(), format!("{:#?}", push.message));
        taps.hss.cx(Direction::Out, "scscf", &summary, subject.as_deref(), &text);
        taps.scscf.cx(Direction::In, "hss", &summary, subject.as_deref(), &text);
        let message = push.message.clone();
        let Some(answer) = scscf.ask(move |node, now| node.0.push(now, message)).await else { return };
        let (summary, text) = (answer.to_string(), format!("{answer:#?}"));
        taps.scscf.cx(Direction::Out, "hss", &summary, subject.as_deref(), &text);
        taps.hss.cx(Direction::In, "scscf", &summary, subject.as_deref(), &text);
        if let Some(Err(error)) = desk.run(move |hss| hss.push_answered(&push, &answer)).await {
            tracing::error!(%error, "the subscriber store failed");
        }
    }
}
