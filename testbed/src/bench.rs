//! Our own nodes as systems under test, each alone on loopback ports, with a script in the place of
//! its neighbours.

mod core;
mod cscf;
mod cx;
mod edge;
mod logs;
mod web;

use crate::config::{apply, merge};
use anyhow::Result;
use conformance::Boxed;
use conformance::lab::{
    CoreUnderTest, EdgeUnderTest, IcscfUnderTest, Lab, NativeWic, ScscfUnderTest, Setup, WicAccess, WicUnderTest,
    WwsfUnderTest,
};
use conformance::script::{Log, Pki, ScriptError, SigningKey};
use conformance::tester::Limits;
use conformance::verdict::{Outcome, Stop};
use logs::Logs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use toml::Table;

/// Starts our own nodes, a fresh one for each purpose.
pub struct OwnNodes {
    pki: Pki,
    operator_key: Arc<SigningKey>,
    partner_key: Arc<SigningKey>,
    state: TempDir,
    count: AtomicU64,
    logs: Logs,
    /// Held while a WWSF starts.
    web: tokio::sync::Mutex<()>,
    parallel: usize,
    limits: Limits,
}

impl OwnNodes {
    /// A lab with keys and certificates of its own. What the nodes log goes to it, not to the terminal.
    pub fn new(limits: Limits) -> Result<Self> {
        let cpus = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            pki: Pki::new(&["localhost"])?,
            operator_key: Arc::new(SigningKey::es256("operator-1")?),
            partner_key: Arc::new(SigningKey::eddsa("partner-1")?),
            state: tempfile::Builder::new().prefix("conformance").tempdir()?,
            count: AtomicU64::new(0),
            logs: Logs::capture(),
            web: tokio::sync::Mutex::default(),
            parallel: (cpus * 3).clamp(4, 24),
            limits,
        })
    }

    /// The certificates that its nodes have.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// A folder that no other system uses.
    fn folder(&self) -> PathBuf {
        self.state.path().join(self.count.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Lab for OwnNodes {
    fn system(&self) -> String {
        "webrtc-ims, each node alone".into()
    }

    fn parallel(&self) -> usize {
        self.parallel
    }

    fn claims(&self, _claim: &str) -> bool {
        true
    }

    fn edge<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>> {
        Box::pin(edge::start(self, setup, log))
    }

    fn core<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>> {
        Box::pin(core::start(self, setup, log))
    }

    fn icscf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<IcscfUnderTest>> {
        Box::pin(cscf::icscf(self, setup, log))
    }

    fn scscf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<ScscfUnderTest>> {
        Box::pin(cscf::scscf(self, setup, log))
    }

    fn wwsf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>> {
        Box::pin(web::start(self, setup, log))
    }

    fn wic<'a>(
        &'a self,
        access: WicAccess,
        setup: &'a Setup,
        log: &'a Log,
    ) -> Boxed<'a, Outcome<Box<dyn WicUnderTest>>> {
        Box::pin(async move { Ok(Box::new(NativeWic::new(access, setup, log, |_| {})?) as Box<dyn WicUnderTest>) })
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A configuration with one value replaced: `key` is dotted, `value` TOML or a bare word.
fn set<T: Serialize + DeserializeOwned>(config: T, key: &str, value: &str) -> Result<T> {
    let mut changes = Table::new();
    apply(&mut changes, &format!("{key}={value}"))?;
    let mut table = Table::try_from(&config)?;
    merge(&mut table, changes);
    Ok(table.try_into()?)
}

/// A system that does not start proves nothing.
fn unready(what: &str) -> impl Fn(&dyn std::fmt::Display) -> Stop {
    move |error| Stop::Inconclusive(format!("{what}: {error}"))
}

fn script(error: ScriptError) -> Stop {
    Stop::Inconclusive(error.to_string())
}
