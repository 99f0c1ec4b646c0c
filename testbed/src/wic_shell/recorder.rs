//! What this WIC sent and received, in the shape of the trace.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ::wic::Wire;
use ims::Scenario;
use sip::headers::To;
use sip::{Framing, Message};
use trace::steps::Steps;
use trace::{Direction, Leg, Record};

/// How many records are kept.
const KEPT: usize = 1024;

/// Collects records; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    scenario: Scenario,
    records: VecDeque<Record>,
    steps: Steps,
    seq: u64,
    /// The near end of the last connection, by which other nodes' records can be told to be of this
    /// WIC, and the far end.
    connection: (Option<SocketAddr>, Option<SocketAddr>),
}

impl Recorder {
    pub(super) fn new(scenario: Scenario) -> Self {
        let inner =
            Inner { scenario, records: VecDeque::new(), steps: Steps::default(), seq: 0, connection: (None, None) };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The records so far, oldest first.
    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().records.iter().cloned().collect()
    }

    pub(super) fn http(&self, direction: Direction, summary: String) {
        let wwsf = match self.scenario() {
            Scenario::WildcardRange => "partner-wwsf",
            _ => "wwsf",
        };
        self.push(Record { peer: wwsf.into(), leg: Leg::Https, text: summary.clone(), summary, ..blank(direction) });
    }

    /// A connection was made between these two addresses.
    pub(super) fn connected(&self, local: Option<SocketAddr>, remote: Option<SocketAddr>) {
        self.lock().connection = (local, remote);
    }

    pub(super) fn upgrade(&self, direction: Direction, summary: String) {
        self.push(Record { leg: Leg::Upgrade, text: summary.clone(), summary, ..blank(direction) });
    }

    /// A SIP message, its token left out. Keep-alives are not recorded.
    pub(super) fn sip(&self, direction: Direction, wire: &Wire) {
        if wire.is_keepalive() {
            return;
        }
        let first = wire.first_line();
        let summary = first.strip_prefix("SIP/2.0 ").or_else(|| first.strip_suffix(" SIP/2.0")).unwrap_or(&first);
        let message = Message::parse(wire.octets().clone(), Framing::WebSocket).ok();
        let call_id = message.as_ref().and_then(|m| m.call_id()).map(str::to_owned);
        let to = message.as_ref().and_then(|m| m.headers().one::<To>().ok());
        self.push(Record {
            leg: Leg::Wss,
            summary: summary.to_owned(),
            call_id,
            subject: to.map(|to| to.uri.to_string()),
            text: wire.redacted(),
            ..blank(direction)
        });
    }

    fn scenario(&self) -> Scenario {
        self.lock().scenario
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, mut record: Record) {
        let mut inner = self.lock();
        if record.leg != Leg::Https {
            (record.local, record.remote) = inner.connection;
        }
        inner.steps.classify(&mut record);
        inner.seq += 1;
        record.seq = inner.seq;
        record.scenario = Some(inner.scenario.number());
        if inner.records.len() == KEPT {
            inner.records.pop_front();
        }
        inner.records.push_back(record);
    }
}

fn blank(direction: Direction) -> Record {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Record {
        seq: 0,
        time_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        node: "wic".into(),
        peer: "epcscf".into(),
        direction,
        leg: Leg::Wss,
        local: None,
        remote: None,
        summary: String::new(),
        call_id: None,
        subject: None,
        scenario: None,
        step: None,
        procedure: None,
        trace_id: None,
        text: String::new(),
    }
}
