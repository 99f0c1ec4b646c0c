//! Which of all that passes belongs to one run.

use sip::headers::{Authorization, Credentials};
use sip::{Framing, Message};
use std::collections::HashSet;
use std::net::SocketAddr;
use trace::{Leg, Record};

/// What a run is told by. It is learnt from what the run's own clients send.
#[derive(Debug, Default)]
pub(super) struct Scope {
    calls: HashSet<String>,
    subjects: HashSet<String>,
    traces: HashSet<String>,
    addresses: HashSet<SocketAddr>,
}

impl Scope {
    /// Whether a message at the gate is of the run; learns from it if so. Only the run's clients
    /// share the gate with the nodes, so whatever a WIC sends there is.
    pub(super) fn takes(&mut self, record: &Record) -> bool {
        let own = record.node == "wic" || self.owns(record);
        if own {
            self.learn(record);
        }
        own
    }

    /// Whether a record of the trace is of the run.
    pub(super) fn owns(&self, record: &Record) -> bool {
        match record.leg {
            Leg::Https => record.trace_id.as_ref().is_some_and(|id| self.traces.contains(id)),
            Leg::Upgrade => record.remote.is_some_and(|addr| self.addresses.contains(&addr)),
            Leg::Cx => record.subject.as_ref().is_some_and(|subject| self.subjects.contains(subject)),
            Leg::Wss | Leg::Udp | Leg::Tcp => record.call_id.as_ref().is_some_and(|id| self.calls.contains(id)),
        }
    }

    /// The run sends these octets: whatever Call-IDs and identities they name are its own.
    pub(super) fn sends(&mut self, text: &str) {
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "call-id" | "i" => drop(self.calls.insert(value.trim().to_owned())),
                "to" | "t" => self.subjects.extend(uri(value)),
                _ => {}
            }
        }
    }

    /// The run acts for a private identity.
    pub(super) fn speaks_for(&mut self, impi: &str) {
        if !self.subjects.contains(impi) {
            self.subjects.insert(impi.to_owned());
        }
    }

    /// The run connects from an address.
    pub(super) fn comes_from(&mut self, addr: Option<SocketAddr>) {
        self.addresses.extend(addr);
    }

    fn learn(&mut self, record: &Record) {
        self.traces.extend(record.trace_id.clone());
        if record.call_id.is_none() {
            return;
        }
        self.calls.extend(record.call_id.clone());
        self.subjects.extend(record.subject.clone());
        if record.node == "wic" {
            self.addresses.extend(record.local);
        }
        let message = Message::parse(record.text.clone().into_bytes(), Framing::WebSocket);
        let credentials = message.ok().and_then(|message| message.headers().each::<Authorization>().ok());
        for Authorization(credentials) in credentials.into_iter().flatten() {
            if let Credentials::Digest(digest) = credentials {
                // Cx may speak of the private identity alone.
                self.subjects.extend(digest.text("username"));
            }
        }
    }
}

/// The URI of a name-addr without parameters, as the trace names a subject.
fn uri(value: &str) -> Option<String> {
    let uri = value.split_once('<').map_or(Some(value), |(_, rest)| rest.split('>').next())?;
    Some(uri.split(';').next()?.trim().to_owned())
}
