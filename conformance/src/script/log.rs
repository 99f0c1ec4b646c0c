//! All that a script sent and got, as the trace's records.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use trace::{Direction, Leg, Record};

/// The most records of one script; later ones are dropped and counted.
const MAX_RECORDS: usize = 4096;

/// All that the players of one script sent and got. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    dropped: u64,
}

impl Log {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// A SIP message that `node` sent to `peer` or got from it.
    pub fn sip(&self, node: &str, peer: &str, direction: Direction, leg: Leg, ends: Ends, octets: &[u8]) {
        let text = String::from_utf8_lossy(octets).into_owned();
        let summary = summary(&text);
        self.push(node, peer, direction, leg, ends, summary, text);
    }

    /// Anything else: an HTTP head, a close, a malformed frame.
    pub fn note(&self, node: &str, peer: &str, direction: Direction, leg: Leg, summary: &str, text: &str) {
        self.push(node, peer, direction, leg, Ends::default(), summary.to_owned(), text.to_owned());
    }

    /// Adds what the nodes of the system recorded, but for the hops from and to the script, which it
    /// has seen itself: from its own side, or with a better name for the sender.
    pub fn merge(&self, records: impl IntoIterator<Item = Record>) {
        let mut kept = self.lock();
        let players: Vec<String> = kept.records.iter().map(|record| record.node.clone()).collect();
        for record in records {
            if !players.contains(&record.peer) {
                kept.push(record);
            } else if record.direction == Direction::Out {
                let same = |r: &&mut Record| r.direction == Direction::In && r.text == record.text;
                if let Some(own) = kept.records.iter_mut().find(same) {
                    own.peer = record.node;
                }
            }
        }
    }

    /// What there is, oldest first.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.lock().records.clone();
        records.sort_by_key(|record| record.time_us);
        records
    }

    /// Takes what there is, oldest first.
    pub fn take(&self) -> Vec<Record> {
        let mut records = std::mem::take(&mut *self.lock()).records;
        records.sort_by_key(|record| record.time_us);
        records
    }

    #[expect(clippy::too_many_arguments, reason = "one flat record")]
    fn push(&self, node: &str, peer: &str, direction: Direction, leg: Leg, ends: Ends, summary: String, text: String) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_sip = !matches!(leg, Leg::Https | Leg::Upgrade | Leg::Cx);
        let header = |long: &str, short: &str| header(&text, long, short).filter(|_| is_sip);
        let record = Record {
            seq: 0,
            time_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
            node: node.to_owned(),
            peer: peer.to_owned(),
            direction,
            leg,
            local: ends.local,
            remote: ends.remote,
            summary,
            call_id: header("call-id", "i"),
            subject: None,
            scenario: None,
            step: None,
            procedure: None,
            trace_id: None,
            text,
        };
        self.lock().push(record);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, mut record: Record) {
        if self.records.len() >= MAX_RECORDS {
            self.dropped += 1;
            return;
        }
        record.seq = self.records.len() as u64 + 1;
        self.records.push(record);
    }
}

/// The addresses of a hop, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// The script's.
    pub local: Option<SocketAddr>,
    /// The system's.
    pub remote: Option<SocketAddr>,
}

fn summary(text: &str) -> String {
    let first = text.split("\r\n").next().unwrap_or_default();
    let first = first.strip_prefix("SIP/2.0 ").or_else(|| first.strip_suffix(" SIP/2.0")).unwrap_or(first);
    match first.trim() {
        "" if text.is_empty() => "(nothing)".into(),
        "" => "CRLF".into(),
        line => line.chars().take(120).collect(),
    }
}

fn header(text: &str, long: &str, short: &str) -> Option<String> {
    text.lines().skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        (name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)).then(|| value.trim().to_owned())
    })
}
