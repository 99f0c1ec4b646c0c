//! The core on sockets: I-CSCF and S-CSCF each in its task, the HSS on a thread of its own.

mod cscf;
mod cx;
mod desk;
mod logged;

pub use cscf::Cscf;
pub use cx::{Answering, CxPeer};

use crate::config::{Config, ConfigError};
use crate::hss::{AdminError, AdminSocket, Hss, Push, RedbStore, STORE_FILE, StoreError};
use crate::icscf::Icscf;
use crate::scscf::Scscf;
use desk::Desk;
use sip::Now;
use sip_net::Mw;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trace::Tap;

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
        let (icscf_config, scscf_config) =
            (config.icscf(icscf.addr(), scscf.addr())?, config.scscf(icscf.addr(), scscf.addr())?);
        tracing::info!(icscf = %icscf.addr(), scscf = %scscf.addr(), "the core listens");
        let (pushes_tx, pushes) = mpsc::unbounded_channel();
        let desk = Desk::open(hss, pushes_tx);
        let icscf = Cscf::icscf(icscf_config, icscf, Arc::new(desk.clone()), &taps);
        let scscf = Arc::new(Cscf::scscf(scscf_config, scscf, Arc::new(desk.clone()), &taps)?);
        let deliver = tokio::spawn(deliver(pushes, scscf.clone(), desk.clone()));
        let admin = desk.clone();
        let socket = AdminSocket::serve(state, move |request| admin.administer(request))?;
        Ok(Running { icscf, scscf, desk, socket: Some(socket), deliver })
    }
}

/// A core that runs; dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    icscf: Cscf<Icscf>,
    scscf: Arc<Cscf<Scscf>>,
    desk: Desk,
    socket: Option<AdminSocket>,
    /// Takes the HSS's pushes to the S-CSCF.
    deliver: JoinHandle<()>,
}

impl Running {
    /// Runs `f` on the I-CSCF, in its task; `None` when that has ended.
    pub async fn icscf<R: Send + 'static>(&self, f: impl FnOnce(&mut Icscf, Now) -> R + Send + 'static) -> Option<R> {
        self.icscf.run(f).await
    }

    /// Runs `f` on the S-CSCF, in its task; `None` when that has ended.
    pub async fn scscf<R: Send + 'static>(&self, f: impl FnOnce(&mut Scscf, Now) -> R + Send + 'static) -> Option<R> {
        self.scscf.run(f).await
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
        self.icscf.stop();
        self.scscf.stop();
        self.deliver.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        self.desk.retire();
    }
}

/// Takes what the HSS says unasked to the S-CSCF, and the answer back.
async fn deliver(mut pushes: mpsc::UnboundedReceiver<Push>, scscf: Arc<Cscf<Scscf>>, desk: Desk) {
    while let Some(push) = pushes.recv().await {
        let Some(answer) = scscf.push(push.message.clone()).await else { return };
        if let Some(Err(error)) = desk.run(move |hss| hss.push_answered(&push, &answer)).await {
            tracing::error!(%error, "the subscriber store failed");
        }
    }
}
