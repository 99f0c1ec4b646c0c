//! What a purpose's code works with.

mod at_edge;
mod caller;
mod core;
mod dialog;
mod edge;
mod icscf;
mod person;
mod scscf;
mod ua;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sip::{HeaderName, Response};
use trace::Record;

use crate::Boxed;
use crate::lab::{CoreControl, EdgeControl, Lab, Setup, WicAccess, WwsfControl};
use crate::script::{Log, Node};
use crate::verdict::{Outcome, Preamble, Stop};

use at_edge::vouch;

pub use self::core::Core;
pub use at_edge::{AtEdge, tls};
pub use caller::AtCore;
pub use dialog::{SDP, answer_of_wic, in_dialog, response_of_wic};
pub use edge::{Admitted, Edge};
pub use icscf::Icscf;
pub use person::Person;
pub use scscf::{Scscf, profile};
pub use ua::Ua;
pub(crate) use web::read as read_token;
pub use web::{Browser, Granted, Web};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest wait for an answer.
    pub answer: Duration,
    /// How long is waited to see that nothing comes.
    pub quiet: Duration,
    /// The longest that one purpose may take.
    pub purpose: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(6), quiet: Duration::from_millis(250), purpose: Duration::from_secs(60) }
    }
}

/// What a purpose's code works with: the systems under test, and a place for what it observes.
pub struct Tester {
    lab: Arc<dyn Lab>,
    limits: Limits,
    log: Log,
    observed: Vec<String>,
    controls: Vec<Control>,
    salt: String,
    persons: u32,
}

enum Control {
    Edge(Arc<dyn EdgeControl>),
    Core(Arc<dyn CoreControl>),
    Wwsf(Arc<dyn WwsfControl>),
}

impl Tester {
    /// A tester for one purpose.
    pub fn new(lab: Arc<dyn Lab>, limits: Limits) -> Self {
        Self { lab, limits, log: Log::new(), observed: Vec::new(), controls: Vec::new(), salt: salt(), persons: 0 }
    }

    /// How long things may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// All messages.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// An eP-CSCF with the script around it.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn edge(&mut self) -> Outcome<Edge> {
        self.edge_with(Setup::new()).await
    }

    /// An eP-CSCF with other settings.
    ///
    /// # Errors
    /// When there is none to be had, or not with these settings.
    pub async fn edge_with(&mut self, setup: Setup) -> Outcome<Edge> {
        let edge = self.lab.edge(&setup, &self.log).await?;
        self.controls.push(Control::Edge(Arc::clone(&edge.control)));
        let by_token = self.lab.claims("web-auth");
        Ok(Edge::new(edge, self.log.clone(), self.limits, self.unique(), by_token))
    }

    /// A core with the script before it.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn core(&mut self) -> Outcome<Core> {
        self.core_with(Setup::new()).await
    }

    /// A core with other settings.
    ///
    /// # Errors
    /// When there is none to be had, or not with these settings.
    pub async fn core_with(&mut self, setup: Setup) -> Outcome<Core> {
        let core = self.lab.core(&setup, &self.log).await?;
        self.controls.push(Control::Core(Arc::clone(&core.control)));
        Ok(Core::new(core, self.limits, self.unique()))
    }

    /// An I-CSCF alone.
    ///
    /// # Errors
    /// When there is none to be had, or not with these settings.
    pub async fn icscf(&mut self, setup: Setup) -> Outcome<Icscf> {
        let icscf = self.lab.icscf(&setup, &self.log).await?;
        self.controls.push(Control::Core(Arc::clone(&icscf.control)));
        Ok(Icscf::new(icscf, self.limits, self.unique()))
    }

    /// An S-CSCF alone.
    ///
    /// # Errors
    /// When there is none to be had, or not with these settings.
    pub async fn scscf(&mut self, setup: Setup) -> Outcome<Scscf> {
        let scscf = self.lab.scscf(&setup, &self.log).await?;
        self.controls.push(Control::Core(Arc::clone(&scscf.control)));
        Ok(Scscf::new(scscf, self.limits, self.unique()))
    }

    /// A WWSF.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn wwsf(&mut self, setup: Setup) -> Outcome<Web> {
        let wwsf = self.lab.wwsf(&setup, &self.log).await?;
        self.controls.push(Control::Wwsf(Arc::clone(&wwsf.control)));
        Ok(Web::new(wwsf, self.log.clone()))
    }

    /// A node that no system trusts.
    ///
    /// # Errors
    /// Inconclusive, when there is no address for it.
    pub async fn stranger(&self, system: &str) -> Outcome<Node> {
        let any = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        Node::bind(any, "stranger", system, self.limits.answer, &self.log).await.preamble("the stranger")
    }

    /// A WIC that has not begun.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn wic(&mut self, access: WicAccess) -> Outcome<Ua> {
        self.wic_with(access, Setup::new()).await
    }

    /// A WIC with other settings.
    ///
    /// # Errors
    /// When there is none to be had, or not with these settings.
    pub async fn wic_with(&mut self, access: WicAccess, setup: Setup) -> Outcome<Ua> {
        self.lab.wic(access, &setup, &self.log).await.map(Ua::new)
    }

    /// How a WIC registers where the purpose does not ask for one flow.
    pub fn any_access(&self) -> WicAccess {
        if self.lab.claims("web-auth") { WicAccess::Token } else { WicAccess::Digest }
    }

    /// A text that no other purpose of this run uses.
    pub fn unique(&mut self) -> String {
        self.persons += 1;
        format!("{}n{}", self.salt, self.persons)
    }

    /// Notes what was observed.
    pub fn saw(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.observed.len() < 64 {
            self.observed.push(what);
        }
    }

    /// That a response has one of these statuses.
    ///
    /// # Errors
    /// A fail that names both.
    pub fn status(&mut self, response: &Response, expected: &[u16]) -> Outcome {
        let got = response.status.code();
        self.saw(format!("{} {}", response.status, response.reason));
        match expected.contains(&got) {
            true => Ok(()),
            false => Err(Stop::Fail(format!("{got} {} instead of {}", response.reason, list(expected)))),
        }
    }

    /// That something holds.
    ///
    /// # Errors
    /// A fail that says what does not.
    pub fn check(&mut self, holds: bool, otherwise: impl Into<String>) -> Outcome {
        if holds { Ok(()) } else { Err(Stop::Fail(otherwise.into())) }
    }

    /// That a message has no header of these names.
    ///
    /// # Errors
    /// A fail that names the one it has.
    pub fn absent(&mut self, headers: &sip::Headers, names: &[&str], wherever: &str) -> Outcome {
        for name in names {
            let header: HeaderName = name.parse().map_err(|_| Stop::Inconclusive(format!("{name} is no header")))?;
            if let Some(value) = headers.value(&header) {
                return Err(Stop::Fail(format!("{name}: {value} is in {wherever}")));
            }
        }
        Ok(())
    }

    /// What was observed, all messages, and whether the systems still run.
    pub(crate) async fn finish(&mut self) -> (Vec<String>, Vec<Record>, bool) {
        let mut alive = true;
        for control in &self.controls {
            let (probe, records): (Boxed<'_, bool>, _) = match control {
                Control::Edge(edge) => (edge.alive(), edge.records()),
                Control::Core(core) => (core.alive(), core.records()),
                Control::Wwsf(wwsf) => (wwsf.alive(), Vec::new()),
            };
            self.log.merge(records);
            alive &= tokio::time::timeout(self.limits.answer, probe).await.unwrap_or(false);
        }
        (std::mem::take(&mut self.observed), self.log.take(), alive)
    }
}

/// What tells the names of one purpose from those of another, in this run and the next.
pub(crate) fn salt() -> String {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    format!("{:x}{run:x}", crate::script::Token::now() & 0xffff)
}

fn list(codes: &[u16]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
