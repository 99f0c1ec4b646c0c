//! A node whose events go into the log and the metrics.

use crate::icscf::{self, Icscf};
use crate::scscf::{self, Scscf};
use bytes::Bytes;
use sip::node::{Node, Output};
use sip::{FlowId, Instant, Now, Peer};

/// Writes down what happened each time the driver has taken all outputs.
#[derive(Debug)]
pub(super) struct Logged<N>(pub(super) N);

/// A node that tells what happened.
pub trait Eventful {
    /// Writes down everything that waits to be told.
    fn log(&mut self);
}

impl<N> Logged<N> {
    pub(super) fn new(node: N) -> Self {
        Self(node)
    }
}

impl<N: Node + Eventful> Node for Logged<N> {
    type Ask = N::Ask;
    type Answer = N::Answer;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        self.0.receive(now, from, octets);
    }

    fn answer(&mut self, now: Now, answer: N::Answer) {
        self.0.answer(now, answer);
    }

    fn flow_closed(&mut self, now: Now, flow: FlowId) {
        self.0.flow_closed(now, flow);
    }

    fn send_failed(&mut self, now: Now, to: Peer) {
        self.0.send_failed(now, to);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.0.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output<N::Ask>> {
        let output = self.0.poll_output();
        if output.is_none() {
            self.0.log();
        }
        output
    }
}

impl Eventful for Icscf {
    fn log(&mut self) {
        while let Some(event) = self.poll_event() {
            match event {
                icscf::Event::Untrusted { from } => {
                    metrics::counter!("icscf_untrusted_total").increment(1);
                    tracing::warn!(%from, "REGISTER from a peer that is no trusted node (TS 24.229 5.3.1.2)");
                }
                icscf::Event::Unreachable { server } => tracing::warn!(%server, "an S-CSCF is out of reach"),
            }
        }
    }
}

impl Eventful for Scscf {
    fn log(&mut self) {
        while let Some(event) = self.poll_event() {
            let what = match &event {
                scscf::Event::Registered(_) => "registered",
                scscf::Event::Refreshed(_) => "refreshed",
                scscf::Event::Deregistered { .. } => "deregistered",
                scscf::Event::Challenged { .. } => "challenged",
                scscf::Event::AuthenticationFailed { .. } => "authentication-failed",
                scscf::Event::AuthenticationTimedOut { .. } => "authentication-timed-out",
                scscf::Event::Served { .. } => "served",
                scscf::Event::CallReleased { .. } => "call-released",
                scscf::Event::CallLost { .. } => "call-lost",
                scscf::Event::ProfileChanged { .. } => "profile-changed",
                scscf::Event::Audit { .. } => "audit",
            };
            metrics::counter!("scscf_events_total", "event" => what).increment(1);
            if let scscf::Event::Audit { impi, what } = &event {
                tracing::warn!(?impi, what, "refused");
            } else {
                tracing::debug!(?event, what);
            }
        }
        metrics::gauge!("scscf_bindings").set(self.bindings() as f64);
    }
}
