//! What this WIC sent and received, in the shape of the trace.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ::wic::Wire;
use bytes::Bytes;
use ims::Scenario;
use sip::headers::To;
use sip::{Entropy, Framing, Message};
use sip_net::OsEntropy;
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
    /// The W3C trace that its HTTP requests are of.
    trace_id: String,
    records: VecDeque<Record>,
    steps: Steps,
    seq: u64,
    /// The near end of the last connection, by which other nodes' records can be told to be of this
    /// WIC, and the far end.
    connection: (Option<SocketAddr>, Option<SocketAddr>),
}

impl Recorder {
    pub(super) fn new(scenario: Scenario) -> Self {
        let inner = Inner {
            scenario,
            trace_id: random_hex::<16>(),
            records: VecDeque::new(),
            steps: Steps::default(),
            seq: 0,
            connection: (None, None),
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The records so far, oldest first.
    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().records.iter().cloned().collect()
    }

    /// The header by which a WWSF can tell that HTTP requests are of one WIC (W3C Trace Context).
    pub(super) fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.lock().trace_id, random_hex::<8>())
    }

    /// The near end of the last connection.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.lock().connection.0
    }

    pub(super) fn http(&self, direction: Direction, summary: String) {
        self.push(self.http_record(direction, summary));
    }

    /// What [`Self::http`] will say of a request.
    pub(super) fn preview_http(&self, summary: &str) -> Record {
        self.http_record(Direction::Out, summary.to_owned())
    }

    /// A connection was made between these two addresses.
    pub(super) fn connected(&self, local: Option<SocketAddr>, remote: Option<SocketAddr>) {
        self.lock().connection = (local, remote);
    }

    pub(super) fn upgrade(&self, direction: Direction, summary: String) {
        self.push(Record { leg: Leg::Upgrade, text: summary.clone(), summary, ..blank(direction) });
    }

    /// What [`Self::upgrade`] will say of a request.
    pub(super) fn preview_upgrade(&self, summary: &str) -> Record {
        Record { leg: Leg::Upgrade, text: summary.to_owned(), summary: summary.to_owned(), ..blank(Direction::Out) }
    }

    /// A SIP message, its token left out. Keep-alives are not recorded.
    pub(super) fn sip(&self, direction: Direction, wire: &Wire) {
        if !wire.is_keepalive() {
            self.push(sip_record(direction, wire.octets(), wire.redacted()));
        }
    }

    /// A SIP message that is about to be sent, as it is.
    pub(super) fn preview_sip(&self, octets: &Bytes) -> Record {
        let (local, remote) = self.lock().connection;
        Record { local, remote, ..sip_record(Direction::Out, octets, String::from_utf8_lossy(octets).into_owned()) }
    }

    fn http_record(&self, direction: Direction, summary: String) -> Record {
        let wwsf = match self.scenario() {
            Scenario::WildcardRange => "partner-wwsf",
            _ => "wwsf",
        };
        let trace_id = Some(self.lock().trace_id.clone());
        Record { peer: wwsf.into(), leg: Leg::Https, text: summary.clone(), summary, trace_id, ..blank(direction) }
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

fn random_hex<const N: usize>() -> String {
    let mut octets = [0; N];
    OsEntropy.fill(&mut octets);
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn sip_record(direction: Direction, octets: &Bytes, text: String) -> Record {
    let first = text.lines().next().unwrap_or_default();
    let summary = first.strip_prefix("SIP/2.0 ").or_else(|| first.strip_suffix(" SIP/2.0")).unwrap_or(first).to_owned();
    let message = Message::parse(octets.clone(), Framing::WebSocket).ok();
    let call_id = message.as_ref().and_then(|m| m.call_id()).map(str::to_owned);
    let to = message.as_ref().and_then(|m| m.headers().one::<To>().ok());
    Record { summary, call_id, subject: to.map(|to| to.uri.to_string()), text, ..blank(direction) }
}

fn blank(direction: Direction) -> Record {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time_us = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
    Record::blank(time_us, "wic", direction, "epcscf", Leg::Wss)
}
