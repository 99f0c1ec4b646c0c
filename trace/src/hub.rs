//! Where the taps lead.

use crate::ladder;
use crate::record::{Direction, Leg, Record};
use crate::redact::redact;
use crate::steps::{self, Steps};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;

/// Collects the records of all nodes of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    watchers: broadcast::Sender<Arc<Record>>,
    /// Of the records that this process made itself.
    reporters: broadcast::Sender<Arc<Record>>,
}

#[derive(Debug)]
struct Inner {
    ring: VecDeque<Arc<Record>>,
    capacity: usize,
    seq: u64,
    steps: Steps,
    names: HashMap<SocketAddr, String>,
    /// In the order in which they turned up.
    nodes: Vec<String>,
}

/// How many nodes are told apart.
const MAX_NODES: usize = 256;

/// How many addresses reports may name.
const MAX_NAMES: usize = 4096;

impl Inner {
    fn turned_up(&mut self, node: &str) {
        if self.nodes.len() < MAX_NODES && !self.nodes.iter().any(|known| known == node) {
            self.nodes.push(node.to_owned());
        }
    }

    fn name_peer(&self, record: &mut Record) {
        let nameless = record.peer.is_empty() || record.remote.is_some_and(|addr| addr.to_string() == record.peer);
        if nameless {
            let named = record.remote.and_then(|addr| self.names.get(&addr).cloned());
            record.peer = named.unwrap_or_else(|| record.remote.map_or_else(String::new, |addr| addr.to_string()));
        }
    }
}

/// One node's way into the hub. The default tap leads nowhere. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tap {
    to: Option<(Hub, Arc<str>)>,
}

impl Hub {
    /// A hub that keeps the last `capacity` records.
    pub fn new(capacity: usize) -> Self {
        let inner = Inner {
            ring: VecDeque::with_capacity(capacity.min(4096)),
            capacity: capacity.max(1),
            seq: 0,
            steps: Steps::default(),
            names: HashMap::new(),
            nodes: Vec::new(),
        };
        let channel = || broadcast::channel(1024).0;
        Self(Arc::new(Shared { inner: Mutex::new(inner), watchers: channel(), reporters: channel() }))
    }

    /// The tap of the node called `node`.
    pub fn tap(&self, node: &str) -> Tap {
        self.lock().turned_up(node);
        Tap { to: Some((self.clone(), node.into())) }
    }

    /// The nodes that have a tap or are at an end of a record, in the order of the ladder.
    pub fn nodes(&self) -> Vec<String> {
        let mut nodes = self.lock().nodes.clone();
        ladder::sort(&mut nodes);
        nodes
    }

    /// Says that `domain`'s identities come out of a wildcard range (flow 3).
    pub fn range_domain(&self, domain: &str) {
        self.lock().steps.range_domain(domain);
    }

    /// Says which node is at `addr`.
    pub fn name(&self, addr: SocketAddr, node: &str) {
        self.lock().names.insert(addr, node.to_owned());
    }

    /// The kept records after `seq`, oldest first.
    pub fn since(&self, seq: u64) -> Vec<Arc<Record>> {
        self.lock().ring.iter().filter(|r| r.seq > seq).cloned().collect()
    }

    /// The number of the newest record; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.lock().seq
    }

    /// The records from now on. One who reads too slowly loses the oldest and is told how many.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Record>> {
        self.0.watchers.subscribe()
    }

    /// As [`Hub::watch`], without what came in by [`Hub::ingest`]: what is to be reported to others.
    pub fn watch_own(&self) -> broadcast::Receiver<Arc<Record>> {
        self.0.reporters.subscribe()
    }

    /// Takes the record of a node elsewhere. Its number and its step are given here, and its ends named
    /// by what is known here.
    pub fn ingest(&self, record: Record) {
        {
            let mut inner = self.lock();
            // The first to say whose an address is has said it; a report renames none of our nodes.
            if let Some(local) = record.local
                && inner.names.len() < MAX_NAMES
            {
                inner.names.entry(local).or_insert_with(|| record.node.clone());
            }
        }
        self.add(Record { scenario: None, step: None, procedure: None, ..record });
    }

    fn record(&self, record: Record) {
        let record = self.add(record);
        // That nobody reports is no error.
        let _ = self.0.reporters.send(record);
    }

    fn add(&self, mut record: Record) -> Arc<Record> {
        let record = {
            let mut inner = self.lock();
            inner.seq += 1;
            record.seq = inner.seq;
            inner.name_peer(&mut record);
            inner.turned_up(&record.node);
            // A peer without a name is an address, and a client of one moment.
            if record.remote.is_none_or(|addr| addr.to_string() != record.peer) {
                inner.turned_up(&record.peer);
            }
            inner.steps.classify(&mut record);
            let record = Arc::new(record);
            if inner.ring.len() == inner.capacity {
                inner.ring.pop_front();
            }
            inner.ring.push_back(Arc::clone(&record));
            record
        };
        // No watcher is no error.
        let _ = self.0.watchers.send(Arc::clone(&record));
        record
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held; should it, the ring is still usable.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Says that the node speaks from `addr`: its listener, or the near end of a connection it made.
    pub fn own_address(&self, addr: SocketAddr) {
        if let Some((hub, node)) = &self.to {
            hub.name(addr, node);
        }
    }

    /// Forgets an address given by [`Tap::own_address`], when the connection is closed.
    pub fn forget_address(&self, addr: SocketAddr) {
        if let Some((hub, _)) = &self.to {
            hub.lock().names.remove(&addr);
        }
    }

    /// A SIP message. `leg` is [`Leg::Wss`], [`Leg::Udp`] or [`Leg::Tcp`].
    pub fn sip(&self, direction: Direction, leg: Leg, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        let Some((hub, node)) = &self.to else { return };
        hub.record(sip(node, direction, leg, local, remote, octets));
    }

    /// What would be recorded of a SIP message that is about to be sent, but for its step.
    pub fn preview_sip(&self, leg: Leg, local: SocketAddr, remote: SocketAddr, octets: &[u8]) -> Option<Record> {
        let (hub, node) = self.to.as_ref()?;
        let mut record = sip(node, Direction::Out, leg, local, remote, octets);
        hub.lock().name_peer(&mut record);
        Some(record)
    }

    /// An HTTP request or response head, or a WebSocket upgrade. `text` holds no secret.
    #[expect(clippy::too_many_arguments, reason = "one flat event")]
    pub fn http(
        &self,
        direction: Direction,
        leg: Leg,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
        summary: &str,
        subject: Option<&str>,
        trace_id: Option<&str>,
        text: &str,
    ) {
        let Some((hub, node)) = &self.to else { return };
        hub.record(Record {
            direction,
            leg,
            local,
            remote,
            summary: summary.to_owned(),
            subject: subject.map(str::to_owned),
            trace_id: trace_id.map(str::to_owned),
            text: text.to_owned(),
            ..blank(node, "wic".to_owned())
        });
    }

    /// A Cx request or answer, between this node and `peer`. `text` holds no secret.
    pub fn cx(&self, direction: Direction, peer: &str, summary: &str, subject: Option<&str>, text: &str) {
        let Some((hub, node)) = &self.to else { return };
        hub.record(cx(node, direction, peer, summary, subject, text));
    }

    /// What would be recorded of a Cx request or answer that is about to be sent, but for its step.
    pub fn preview_cx(&self, peer: &str, summary: &str, subject: Option<&str>, text: &str) -> Option<Record> {
        let (_, node) = self.to.as_ref()?;
        Some(cx(node, Direction::Out, peer, summary, subject, text))
    }
}

fn sip(node: &str, direction: Direction, leg: Leg, local: SocketAddr, remote: SocketAddr, octets: &[u8]) -> Record {
    let text = String::from_utf8_lossy(octets);
    let peer = if leg == Leg::Wss { "wic".to_owned() } else { String::new() };
    let record = Record { direction, leg, local: Some(local), remote: Some(remote), ..blank(node, peer) };
    steps::sip(record, redact(&text).into_owned())
}

fn cx(node: &str, direction: Direction, peer: &str, summary: &str, subject: Option<&str>, text: &str) -> Record {
    Record {
        direction,
        leg: Leg::Cx,
        summary: summary.to_owned(),
        subject: subject.map(str::to_owned),
        text: text.to_owned(),
        ..blank(node, peer.to_owned())
    }
}

fn blank(node: &str, peer: String) -> Record {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time_us = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
    Record::blank(time_us, node, Direction::In, &peer, Leg::Cx)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "127.0.0.1:5060";
    const B: &str = "127.0.0.1:5070";

    fn send(tap: &Tap, call_id: &str) {
        let text = format!("REGISTER sip:ims.example SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n");
        tap.sip(Direction::Out, Leg::Udp, A.parse().unwrap(), B.parse().unwrap(), text.as_bytes());
    }

    #[test]
    fn a_preview_says_what_will_be_recorded_and_records_nothing() {
        let hub = Hub::new(8);
        hub.tap("icscf").own_address(B.parse().unwrap());
        let (tap, text) = (hub.tap("epcscf"), "REGISTER sip:ims.example SIP/2.0\r\nCall-ID: x\r\n\r\n");
        let seen = tap.preview_sip(Leg::Udp, A.parse().unwrap(), B.parse().unwrap(), text.as_bytes()).unwrap();
        assert_eq!((seen.peer.as_str(), seen.call_id.as_deref(), hub.last_seq()), ("icscf", Some("x"), 0));
        send(&tap, "x");
        let recorded = hub.since(0);
        let unstamped = |r: &Record| Record { seq: 0, time_us: 0, step: None, scenario: None, ..r.clone() };
        assert_eq!(unstamped(&recorded[0]), unstamped(&seen));
    }

    #[test]
    fn a_record_names_both_ends() {
        let hub = Hub::new(8);
        hub.tap("icscf").own_address(B.parse().unwrap());
        send(&hub.tap("epcscf"), "x");
        let records = hub.since(0);
        assert_eq!((records[0].node.as_str(), records[0].peer.as_str()), ("epcscf", "icscf"));
        assert_eq!(records[0].summary, "REGISTER sip:ims.example");
        assert_eq!(records[0].call_id.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_recorded_holds_no_token() {
        let hub = Hub::new(8);
        let text = "REGISTER sip:x SIP/2.0\r\nAuthorization: Bearer eyJh.eyJi.c2ln\r\nCall-ID: c\r\n\r\n";
        let (tap, a, b) = (hub.tap("epcscf"), A.parse().unwrap(), B.parse().unwrap());
        tap.sip(Direction::In, Leg::Wss, a, b, text.as_bytes());
        let preview = tap.preview_sip(Leg::Wss, a, b, text.as_bytes()).unwrap();
        for record in [&*hub.since(0)[0], &preview] {
            assert!(record.text.contains("Authorization: Bearer …\r\n"), "{}", record.text);
            assert!(!record.text.contains("eyJ"), "{}", record.text);
        }
        assert_eq!(hub.since(0)[0].scenario, Some(2));
    }

    #[test]
    fn reports_of_others_are_numbered_named_and_not_reported_again() {
        let (here, there) = (Hub::new(8), Hub::new(8));
        send(&there.tap("epcscf"), "x");
        let report = (*there.since(0)[0]).clone();
        assert_eq!(report.peer, B);
        here.tap("icscf").own_address(B.parse().unwrap());
        here.name("127.0.0.1:1".parse().unwrap(), "scscf");
        let mut own = here.watch_own();
        here.ingest(report.clone());
        here.ingest(Record { local: Some(B.parse().unwrap()), node: "liar".into(), ..report });
        send(&here.tap("icscf"), "y");
        let seen: Vec<_> = here.since(0).iter().map(|r| (r.seq, r.node.clone(), r.peer.clone())).collect();
        assert_eq!(seen[0], (1, "epcscf".into(), "icscf".into()));
        assert_eq!(here.lock().names[&B.parse().unwrap()], "icscf");
        assert_eq!(own.try_recv().unwrap().seq, 3);
        assert!(own.try_recv().is_err());
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let hub = Hub::new(2);
        let tap = hub.tap("epcscf");
        ["a", "b", "c"].iter().for_each(|id| send(&tap, id));
        let kept: Vec<_> = hub.since(0).iter().map(|r| (r.seq, r.call_id.clone().unwrap())).collect();
        assert_eq!(kept, [(2, "b".to_owned()), (3, "c".to_owned())]);
    }

    #[tokio::test]
    async fn a_watcher_gets_what_comes_after() {
        let hub = Hub::new(2);
        let tap = hub.tap("epcscf");
        send(&tap, "before");
        let mut watcher = hub.watch();
        send(&tap, "after");
        assert_eq!(watcher.recv().await.unwrap().call_id.as_deref(), Some("after"));
    }

    #[test]
    fn a_tap_without_a_hub_does_nothing() {
        send(&Tap::default(), "x");
    }
}
