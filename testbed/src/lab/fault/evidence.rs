//! What the trace shows of a fault.

use super::Expect;
use crate::lab::scope::Scope;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use trace::ladder::label;
use trace::{Direction, Leg, Record};

/// The nodes that have a name; whatever else sends is the fault's.
const NODES: [&str; 4] = ["epcscf", "icscf", "scscf", "hss"];
/// Those that nothing untrusted may reach.
const CORE: [&str; 3] = ["icscf", "scscf", "hss"];

/// The records from the moment at which something went wrong.
#[derive(Debug)]
pub(super) struct Evidence {
    records: Vec<Arc<Record>>,
    closed: Option<u16>,
}

/// The answer that the fault got.
struct Answer<'a> {
    /// Who made it; others only passed it on.
    by: &'a str,
    status: u16,
    record: &'a Record,
}

impl Answer<'_> {
    /// The status line; that of an upgrade says why in its body.
    fn line(&self) -> String {
        let Record { leg, summary, text, .. } = self.record;
        match text.lines().rfind(|line| !line.is_empty() && *line != summary.as_str()) {
            Some(why) if *leg == Leg::Upgrade => format!("{summary}: {why}"),
            _ => summary.clone(),
        }
    }
}

impl Evidence {
    pub(super) fn new(records: Vec<Arc<Record>>, scope: &Scope, closed: Option<u16>) -> Self {
        Self { records: scope.own(records), closed }
    }

    /// The records by their numbers.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.seq).collect()
    }

    /// What is not as it should be.
    pub(super) fn differences(&self, expect: &Expect) -> Vec<String> {
        let mut differences = Vec::new();
        match self.answer() {
            None => differences.push("there is no answer".to_owned()),
            Some(answer) => {
                if (answer.by, answer.status) != (expect.by, expect.status) {
                    differences.push(format!("{} should answer {}", label(expect.by), expect.status));
                }
                let missing = expect.says.iter().filter(|text| !answer.record.text.contains(**text));
                differences.extend(missing.map(|text| format!("the answer should say {text}")));
            }
        }
        if self.closed != expect.closed {
            differences.push(match expect.closed {
                Some(code) => format!("the connection should be closed with {code}"),
                None => "the connection should not be closed".to_owned(),
            });
        }
        let reached = self.reached();
        if reached != expect.reached {
            let should = if expect.reached.is_empty() { "nothing".into() } else { expect.reached.join(", ") };
            differences.push(format!("what should get further is {should}"));
        }
        let inside = || self.records.iter().filter(|r| r.direction == Direction::In && CORE.contains(&r.node.as_str()));
        let missing = expect.shows.iter().filter(|text| !inside().any(|record| record.text.contains(**text)));
        differences.extend(missing.map(|text| format!("{text} should get into the core")));
        let leaked = expect.never.iter().filter(|text| inside().any(|record| record.text.contains(**text)));
        differences.extend(leaked.map(|text| format!("{text} should not get into the core")));
        differences
    }

    /// The last final answer that left for the fault's client.
    fn answer(&self) -> Option<Answer<'_>> {
        let last = self.records.iter().rev().find(|record| {
            let for_client = record.direction == Direction::Out && !NODES.contains(&record.peer.as_str());
            for_client && status(record).is_some_and(|status| status >= 200)
        })?;
        // The first who said it is who decided; a proxy repeats it.
        let first = self.records.iter().find(|record| {
            record.summary == last.summary && header(record, "cseq") == header(last, "cseq") && record.leg != Leg::Cx
        });
        let by = first.map_or(last.node.as_str(), |first| match first.direction {
            Direction::Out => &first.node,
            Direction::In => &first.peer,
        });
        Some(Answer { by, status: status(last)?, record: last })
    }

    /// The requests that got past the eP-CSCF, each once.
    fn reached(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut reached = Vec::new();
        for record in &self.records {
            let into_core = record.direction == Direction::In && CORE.contains(&record.node.as_str());
            let to_wic = record.direction == Direction::Out && record.node == "epcscf" && record.peer == "wic";
            let Some(request) = request(record).filter(|_| into_core || to_wic) else { continue };
            let place = if into_core { &record.node } else { "wic" };
            let id = (place.to_owned(), record.call_id.clone(), header(record, "cseq"), record.summary.clone());
            // What UDP brings twice got there once.
            if record.leg == Leg::Cx || seen.insert(id) {
                reached.push(format!("{place} {request}"));
            }
        }
        reached
    }
}

/// In a sentence or two.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer() {
            None => f.write_str("There is no answer")?,
            Some(answer) => write!(f, "The {} answers {}", label(answer.by), answer.line())?,
        }
        match self.closed {
            Some(code) => write!(f, ", and the connection is closed with {code}.")?,
            None => f.write_str(".")?,
        }
        let reached = self.reached();
        if reached.is_empty() {
            return f.write_str(" Nothing gets past that.");
        }
        f.write_str(" What got further:")?;
        for (at, request) in reached.iter().enumerate() {
            let (place, request) = request.split_once(' ').unwrap_or(("", request));
            write!(f, "{} {request} to the {}", if at == 0 { "" } else { "," }, label(place))?;
        }
        f.write_str(".")
    }
}

/// The status of a SIP response or of the answer to an upgrade.
fn status(record: &Record) -> Option<u16> {
    match record.leg {
        Leg::Upgrade => record.summary.get(..3)?.parse().ok(),
        Leg::Wss | Leg::Udp | Leg::Tcp => record.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok(),
        Leg::Https | Leg::Cx => None,
    }
}

/// The method of a SIP request, or the command of a Cx request.
fn request(record: &Record) -> Option<&str> {
    let word = record.summary.split(' ').next()?;
    match record.leg {
        Leg::Cx => word.ends_with('R').then_some(word),
        Leg::Wss | Leg::Udp | Leg::Tcp => (!record.text.starts_with("SIP/2.0 ")).then_some(word),
        Leg::Https | Leg::Upgrade => None,
    }
}

fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.text.lines().skip(1).find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
