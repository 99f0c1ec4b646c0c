//! One CSCF that runs: in its task, on its own sockets, with whatever HSS it is given.

use super::Taps;
use super::cx::{Cx, CxPeer};
use super::logged::{Eventful, Logged};
use crate::asks::{CxAsk, CxReply};
use crate::cx::{CxPush, CxPushAnswer};
use crate::icscf::{self, Icscf};
use crate::scscf::{self, Scscf};
use sip::node::Node;
use sip::{HeaderError, Now};
use sip_net::{Actor, Mw, NoFlows, OsEntropy};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A CSCF that runs; dropping it ends it at once.
#[derive(Debug)]
pub struct Cscf<N> {
    actor: Actor<Logged<N>>,
    cx: Cx,
    task: JoinHandle<()>,
}

impl Cscf<Icscf> {
    /// Starts an I-CSCF.
    pub fn icscf(config: icscf::Config, mw: Mw, hss: Arc<dyn CxPeer>, taps: &Taps) -> Self {
        let cx = Cx::of_icscf(hss, taps, mw.pace().gate.clone());
        Self::spawn(Icscf::new(config, Box::new(OsEntropy)), mw, cx)
    }
}

impl Cscf<Scscf> {
    /// Starts an S-CSCF.
    ///
    /// # Errors
    /// When its name is not the URI of a host.
    pub fn scscf(config: scscf::Config, mw: Mw, hss: Arc<dyn CxPeer>, taps: &Taps) -> Result<Self, HeaderError> {
        let cx = Cx::of_scscf(hss, taps, mw.pace().gate.clone());
        Ok(Self::spawn(Scscf::new(config, Box::new(OsEntropy))?, mw, cx))
    }

    /// Takes to it what the HSS says unasked; its answer, or `None` when it has ended.
    pub async fn push(&self, push: CxPush) -> Option<CxPushAnswer> {
        self.cx.pushed(&push);
        let message = push.clone();
        let answer = self.run(move |node, now| node.push(now, message)).await?;
        self.cx.push_answered(&push, &answer);
        Some(answer)
    }
}

impl<N: Node<Ask = CxAsk, Answer = CxReply> + Eventful + Send + 'static> Cscf<N> {
    fn spawn(node: N, mw: Mw, cx: Cx) -> Self {
        let ask = {
            let cx = cx.clone();
            move |ask| cx.clone().ask(ask)
        };
        let (actor, task) = sip_net::spawn(Logged::new(node), mw, ask, NoFlows);
        Self { actor, cx, task }
    }

    /// Runs `f` on the node, in its task; `None` when that has ended.
    pub async fn run<R: Send + 'static>(&self, f: impl FnOnce(&mut N, Now) -> R + Send + 'static) -> Option<R> {
        self.actor.ask(move |node, now| f(&mut node.0, now)).await
    }
}

impl<N> Cscf<N> {
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl<N> Drop for Cscf<N> {
    fn drop(&mut self) {
        self.stop();
    }
}
