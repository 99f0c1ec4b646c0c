//! The home subscriber server: subscribers, their registration state, and the
//! decisions of TS 29.228 on them.
//!
//! [`Hss`] takes a Cx request and gives an answer; what it must remember is
//! committed to its [`Store`] before the answer leaves. What it has to tell an
//! S-CSCF unasked waits in [`Hss::poll_push`]. No socket, clock or randomness.

mod admin;
mod assign;
mod at_rest;
mod authenticate;
mod authorize;
mod demo;
mod directory;
mod locate;
mod push;
mod record;
#[cfg(unix)]
mod socket;
mod store;

use std::collections::VecDeque;

use ims::{Defect, Defects};
use serde::{Deserialize, Serialize};

use crate::cx::{CxAnswer, CxPush, CxRequest, ResultCode, ServerCapabilities, ServerName};
use directory::Directory;

pub use admin::{AdminAnswer, AdminError, AdminRequest, Subscriber, UserInfo};
pub use record::{Authentication, ImplicitSet, Pool, Registration, Roaming, Subscription};
#[cfg(unix)]
pub use socket::{AdminSocket, AdministerError, SOCKET_FILE, STORE_FILE, administer};
pub use store::{Change, MemoryStore, RedbStore, Snapshot, Store, StoreError};

/// What holds for the whole HSS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HssConfig {
    /// The home domain: digest realm, and the network that is not roaming.
    pub home_network: String,
    /// What an I-CSCF gets to choose an S-CSCF by.
    pub capabilities: ServerCapabilities,
    /// Rules that are broken on purpose, in tests.
    #[serde(default, skip_serializing_if = "Defects::is_empty")]
    pub defects: Defects,
}

/// A push and the S-CSCF that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The S-CSCF.
    pub to: ServerName,
    /// What it is told.
    pub message: CxPush,
}

/// The HSS.
pub struct Hss {
    config: HssConfig,
    directory: Directory,
    store: Box<dyn Store + Send>,
    outbox: VecDeque<Push>,
}

impl Hss {
    /// Begins with what a store holds.
    pub fn open(config: HssConfig, mut store: Box<dyn Store + Send>) -> Result<Self, StoreError> {
        let directory = Directory::load(store.load()?)?;
        Ok(Self { config, directory, store, outbox: VecDeque::new() })
    }

    /// What holds for the whole HSS.
    pub fn config(&self) -> &HssConfig {
        &self.config
    }

    /// Answers one request. A store that fails makes it UNABLE_TO_COMPLY.
    pub fn handle(&mut self, request: &CxRequest) -> CxAnswer {
        match self.handle_batch(std::slice::from_ref(request)) {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| request.failed(ResultCode::UnableToComply)),
            Err(error) => {
                tracing::error!(%error, "the subscriber store failed");
                request.failed(ResultCode::UnableToComply)
            }
        }
    }

    /// Answers requests in their order with one commit for all of them.
    ///
    /// # Errors
    /// When the store fails: then none of them took effect.
    pub fn handle_batch(&mut self, requests: &[CxRequest]) -> Result<Vec<CxAnswer>, StoreError> {
        let answers = requests.iter().map(|request| self.decide(request)).collect();
        self.commit()?;
        Ok(answers)
    }

    /// The next thing to tell an S-CSCF.
    pub fn poll_push(&mut self) -> Option<Push> {
        self.outbox.pop_front()
    }

    /// All subscriptions, those synthesised from pools too, in the order of their names.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.directory.subscriptions()
    }

    fn has(&self, defect: Defect) -> bool {
        self.config.defects.has(defect)
    }

    fn decide(&mut self, request: &CxRequest) -> CxAnswer {
        match request {
            CxRequest::Uar(uar) => self.authorize(uar).into(),
            CxRequest::Mar(mar) => self.authenticate(mar).into(),
            CxRequest::Sar(sar) => self.assign(sar).into(),
            CxRequest::Lir(lir) => self.locate(lir).into(),
        }
    }

    /// Makes all changes since the last commit durable, or undoes them.
    fn commit(&mut self) -> Result<(), StoreError> {
        let changes = self.directory.changes();
        if changes.is_empty() {
            return Ok(());
        }
        match self.store.commit(&changes) {
            Ok(()) => {
                self.directory.settle();
                Ok(())
            }
            Err(error) => {
                self.directory.undo();
                Err(error)
            }
        }
    }
}
