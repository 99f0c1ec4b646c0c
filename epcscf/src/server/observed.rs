//! An [`Edge`] whose events become metrics and log lines.

use bytes::Bytes;
use sip::node::{Node, Output};
use sip::{FlowId, Instant, Method, Now, Peer};

use crate::edge::Edge;
use crate::event::Event;
use crate::keys::{KeysAnswer, KeysAsk};
use crate::media::Side;

/// The edge as the shell runs it.
#[derive(Debug)]
pub(super) struct Observed(Edge);

impl Observed {
    pub(super) fn new(edge: Edge) -> Self {
        Self(edge)
    }

    pub(super) fn edge(&mut self) -> &mut Edge {
        &mut self.0
    }

    fn observe(&mut self) {
        while let Some(event) = self.0.poll_event() {
            record(&event);
        }
        let load = self.0.load();
        metrics::gauge!("epcscf_connections").set(load.connections as f64);
        metrics::gauge!("epcscf_bindings").set(load.bindings as f64);
        metrics::gauge!("epcscf_calls").set(load.calls as f64);
        metrics::gauge!("epcscf_dialogs").set(load.dialogs as f64);
        metrics::gauge!("epcscf_media_contexts").set(load.contexts as f64);
        metrics::gauge!("epcscf_requests").set(load.requests as f64);
        metrics::gauge!("epcscf_watches").set(load.watches as f64);
        metrics::gauge!("epcscf_subscriptions").set(load.subscriptions as f64);
    }
}

fn record(event: &Event) {
    match event {
        Event::Registered { flow, scenario, impi, impu, expires, refresh } => {
            tracing::info!(%flow, %scenario, %impi, %impu, expires, refresh, "registered");
            metrics::counter!("epcscf_registrations_total", "scenario" => scenario.name()).increment(1);
        }
        Event::Deregistered { scenario, impi, impu, cause } => {
            let cause = cause.label();
            tracing::info!(%scenario, %impi, %impu, cause, "registered no more");
            metrics::counter!("epcscf_deregistrations_total", "scenario" => scenario.name(), "cause" => cause)
                .increment(1);
        }
        Event::Refused { flow, status, label, reason } => {
            tracing::info!(%flow, status, %reason, "refused");
            metrics::counter!("epcscf_refusals_total", "reason" => label.clone()).increment(1);
        }
        Event::RefusedByCore { flow, status } => {
            tracing::info!(%flow, status, "refused by the core");
            metrics::counter!("epcscf_core_refusals_total", "status" => status.to_string()).increment(1);
        }
        Event::IdentityPassedOver { flow, asserted } => {
            let asserted = asserted.as_ref().map(tracing::field::display);
            tracing::warn!(%flow, asserted, "P-Preferred-Identity is not registered here");
            metrics::counter!("epcscf_identities_passed_over_total").increment(1);
        }
        Event::Passed { from, method, status } => {
            tracing::debug!(?from, %method, status, "passed");
            let method = known(method);
            metrics::counter!("epcscf_requests_total", "from" => side(*from), "method" => method, "status" => status.to_string())
                .increment(1);
        }
        Event::RefusedToCore { status, reason } => {
            tracing::info!(status, %reason, "request of the core refused");
            metrics::counter!("epcscf_core_requests_refused_total", "status" => status.to_string()).increment(1);
        }
        Event::CallStarted { from, impi } => {
            tracing::info!(?from, %impi, "call answered");
            metrics::counter!("epcscf_calls_total", "from" => side(*from)).increment(1);
        }
        Event::CallTakenOver { flow, impi } => {
            tracing::info!(%flow, %impi, "call goes on over another connection");
            metrics::counter!("epcscf_calls_taken_over_total").increment(1);
        }
        Event::CallEnded { impi, end } => {
            let end = end.label();
            tracing::info!(%impi, end, "call ended");
            metrics::counter!("epcscf_calls_ended_total", "end" => end).increment(1);
        }
        Event::WatchFailed { impu, reason } => {
            tracing::warn!(%impu, %reason, "the registration cannot be watched");
            metrics::counter!("epcscf_watch_failures_total").increment(1);
        }
        Event::CoreUnreachable => {
            tracing::warn!("the core does not answer");
            metrics::counter!("epcscf_core_unreachable_total").increment(1);
        }
        Event::Leak { leak } => {
            tracing::error!(%leak, "held back at the trust boundary: a bug of this node");
            metrics::counter!("epcscf_leaks_prevented_total").increment(1);
        }
        Event::UntrustedPeer { peer } => {
            tracing::warn!(%peer, "request from a node that is not trusted");
            metrics::counter!("epcscf_untrusted_requests_total").increment(1);
        }
        Event::KeysUnavailable { issuer, reason } => {
            tracing::warn!(issuer, reason, "no keys");
            metrics::counter!("epcscf_key_fetch_failures_total").increment(1);
        }
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Wic => "wic",
        Side::Core => "core",
    }
}

/// A method as a label; what nobody knows is one label, so that their number stays bounded.
fn known(method: &Method) -> String {
    match method {
        Method::Other(_) => "other".into(),
        method => method.as_str().into(),
    }
}

impl Node for Observed {
    type Ask = KeysAsk;
    type Answer = KeysAnswer;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        self.0.receive(now, from, octets);
    }

    fn answer(&mut self, now: Now, answer: KeysAnswer) {
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

    fn poll_output(&mut self) -> Option<Output<KeysAsk>> {
        let output = self.0.poll_output();
        // The driver polls until there is nothing more, after every input.
        if output.is_none() {
            self.observe();
        }
        output
    }
}
