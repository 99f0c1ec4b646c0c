//! Which of all that passes belongs to one run.

use sip::headers::{Authorization, Credentials};
use sip::{Framing, Message};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use trace::{Direction, Leg, Record};

/// What a run is told by. It is learnt from what the run's own clients send.
#[derive(Debug, Default)]
pub(super) struct Scope {
    calls: HashSet<String>,
    subjects: HashSet<String>,
    traces: HashSet<String>,
    addresses: HashSet<SocketAddr>,
    asked: Asked,
}

/// The requests of a run that have reached a node which asks the HSS about them. Cx names no Call-ID,
/// and others ask about the same users.
#[derive(Clone, Debug, Default)]
struct Asked(HashSet<(String, Asks, String)>);

/// What a node asks about: registrations by UAR, MAR and SAR, everything else by LIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asks {
    Registration,
    Location,
}

impl Scope {
    /// Whether a message at the gate is of the run; learns from it if so. Only the run's clients
    /// share the gate with the nodes, so whatever a WIC sends there is.
    pub(super) fn takes(&mut self, record: &Record) -> bool {
        let own = record.node == "wic" || self.owns(record, &self.asked);
        if own {
            self.learn(record);
            self.asked.note(record);
        }
        own
    }

    /// What of the trace is of the run; `records` in their order.
    pub(super) fn own(&self, records: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
        let mut asked = Asked::default();
        let mut own = Vec::new();
        for record in records {
            if self.owns(&record, &asked) {
                asked.note(&record);
                own.push(record);
            }
        }
        own
    }

    fn owns(&self, record: &Record, asked: &Asked) -> bool {
        match record.leg {
            Leg::Https => record.trace_id.as_ref().is_some_and(|id| self.traces.contains(id)),
            Leg::Upgrade => record.remote.is_some_and(|addr| self.addresses.contains(&addr)),
            Leg::Cx => asked.covers(record, &self.subjects),
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

impl Asked {
    /// A SIP request that reaches a node, or is about to.
    fn note(&mut self, record: &Record) {
        let is_request = matches!(record.leg, Leg::Udp | Leg::Tcp) && !record.text.starts_with("SIP/2.0 ");
        let Some(subject) = record.subject.clone().filter(|_| is_request) else { return };
        let receiver = match record.direction {
            Direction::Out => &record.peer,
            Direction::In => &record.node,
        };
        let asks = if record.text.starts_with("REGISTER ") { Asks::Registration } else { Asks::Location };
        self.0.insert((receiver.clone(), asks, subject));
    }

    /// Whether a Cx message is about one of these requests.
    fn covers(&self, record: &Record, subjects: &HashSet<String>) -> bool {
        let asker = if record.node == "hss" { &record.peer } else { &record.node };
        let location = ["LIR", "LIA"].iter().any(|command| record.summary.starts_with(command));
        let asks = if location { Asks::Location } else { Asks::Registration };
        let Some(subject) = record.subject.as_ref().filter(|subject| subjects.contains(*subject)) else { return false };
        // A private identity says nothing of which public one it is about.
        let fits = |of: &str| of == subject || !subject.contains(':');
        self.0.iter().any(|(node, about, of)| node == asker && *about == asks && fits(of))
    }
}

/// The URI of a name-addr without parameters, as the trace names a subject.
fn uri(value: &str) -> Option<String> {
    let uri = value.split_once('<').map_or(Some(value), |(_, rest)| rest.split('>').next())?;
    Some(uri.split(';').next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace::Hub;

    /// Records a SIP request from one node to another, and what that asks of the HSS.
    fn request(hub: &Hub, (from, to): (&str, &str), first: &str, call_id: &str, command: &str) {
        let addr = |node: &str| SocketAddr::from(([127, 0, 0, 1], if node == "icscf" { 5070 } else { 5060 }));
        let text = format!("{first} SIP/2.0\r\nTo: <sip:bob@ims.example>\r\nCall-ID: {call_id}\r\n\r\n");
        hub.name(addr(from), from);
        hub.tap(to).sip(Direction::In, Leg::Udp, addr(to), addr(from), text.as_bytes());
        hub.tap(to).cx(Direction::Out, "hss", command, Some("sip:bob@ims.example"), command);
    }

    #[test]
    fn what_is_asked_about_a_user_for_others_is_not_of_the_run() {
        let hub = Hub::new(16);
        let mut scope = Scope::default();
        scope.sends("INVITE sip:bob@ims.example SIP/2.0\r\nTo: <sip:bob@ims.example>\r\nCall-ID: ours\r\n");
        request(&hub, ("epcscf", "icscf"), "SUBSCRIBE sip:bob@ims.example", "theirs", "LIR for the SUBSCRIBE");
        request(&hub, ("scscf", "icscf"), "INVITE sip:bob@ims.example", "ours", "LIR for the INVITE");
        request(&hub, ("epcscf", "icscf"), "REGISTER sip:ims.example", "theirs", "UAR for the REGISTER");
        let own: Vec<_> = scope.own(hub.since(0)).iter().map(|record| record.summary.clone()).collect();
        assert_eq!(own, ["INVITE sip:bob@ims.example", "LIR for the INVITE"]);
    }
}
