//! One ladder out of what headless WICs saw and what the nodes behind them recorded.

use crate::talk::Talk;
use crate::wic_shell::Outcome;
use std::collections::{HashMap, HashSet};
use trace::{Direction, Leg, Record};

/// The WIC's own view and that of the nodes behind it, in the order of time.
pub fn whole_ladder(outcome: &Outcome, core: Vec<Record>) -> Vec<Record> {
    let call_id = outcome.call_id();
    let mut subjects: Vec<String> = outcome.records.iter().filter_map(|r| r.subject.clone()).collect();
    if let Ok(binding) = &outcome.result {
        subjects.extend(binding.impus.iter().map(ToString::to_string));
    }
    let ours = |r: &Record| match &r.call_id {
        Some(id) => Some(id.as_str()) == call_id,
        None => r.leg == Leg::Cx && r.subject.as_ref().is_some_and(|s| subjects.contains(s)),
    };
    let steps: Vec<_> = core.iter().filter(|r| r.node == "epcscf" && r.leg == Leg::Wss).collect();
    let step_of =
        |own: &Record| steps.iter().find(|r| r.text == own.text && r.direction != own.direction).and_then(|r| r.step);
    let own =
        outcome.records.iter().map(|r| answered_there(Record { step: r.step.or_else(|| step_of(r)), ..r.clone() }));
    let mut all: Vec<Record> = own.chain(core.iter().filter(|r| ours(r)).cloned()).collect();
    all.sort_by_key(|r| r.time_us);
    all
}

/// The views of both WICs and of the nodes between them, in the order of time: the call or message
/// alone, or with the registrations (`all`).
pub fn talk_ladder(talk: &Talk, core: Vec<Record>, all: bool) -> Vec<Record> {
    let nodes = talk.names.each_ref().map(|name| format!("wic {name}"));
    let wanted = |record: &&Record| all || record.procedure.is_some();
    let mut own = Vec::new();
    let mut wic_at = HashMap::new();
    for (node, records) in nodes.iter().zip(&talk.records) {
        for record in records {
            wic_at.extend(record.local.map(|addr| (addr, node.as_str())));
        }
        own.extend(records.iter().filter(wanted).map(|record| Record { node: node.clone(), ..record.clone() }));
    }
    let calls: HashSet<String> = own.iter().filter_map(|record| record.call_id.clone()).collect();
    let (first, last) = (own.iter().map(|r| r.time_us).min(), own.iter().map(|r| r.time_us).max());
    let subjects: HashSet<String> = own.iter().filter_map(|record| record.subject.clone()).collect();
    let meanwhile = |record: &Record| Some(record.time_us) >= first && Some(record.time_us) <= last;
    let ours = |record: &Record| match (&record.call_id, record.leg) {
        (Some(id), _) => calls.contains(id),
        (None, Leg::Cx) => meanwhile(record) && record.subject.as_ref().is_some_and(|s| subjects.contains(s)),
        _ => false,
    };
    let core = core.into_iter().filter(ours).map(|record| {
        let wic = record.remote.and_then(|addr| wic_at.get(&addr)).filter(|_| record.leg == Leg::Wss);
        let peer = wic.map_or_else(|| record.peer.clone(), |wic| (*wic).to_owned());
        Record { peer, ..record }
    });
    let mut all: Vec<Record> = own.into_iter().map(answered_there).chain(core).collect();
    all.sort_by_key(|record| record.time_us);
    all
}

/// The records of one Call-ID, with what was asked at the HSS about its identities meanwhile.
pub fn of_call(records: Vec<Record>, call_id: &str) -> Vec<Record> {
    let ours = |record: &&Record| record.call_id.as_deref() == Some(call_id);
    let subjects: HashSet<String> = records.iter().filter(ours).filter_map(|record| record.subject.clone()).collect();
    let times = || records.iter().filter(ours).map(|record| record.time_us);
    let (first, last) = (times().min(), times().max());
    let meanwhile = |record: &Record| Some(record.time_us) >= first && Some(record.time_us) <= last;
    let asked = |record: &Record| {
        let unnamed = record.leg == Leg::Cx && record.call_id.is_none();
        unnamed && meanwhile(record) && record.subject.as_ref().is_some_and(|s| subjects.contains(s))
    };
    records.iter().filter(|record| ours(record) || asked(record)).cloned().collect()
}

/// An HTTP answer is drawn from the WIC's record of it: the far end's can't be told from that of
/// another client's.
fn answered_there(record: Record) -> Record {
    match (record.leg, record.direction) {
        (Leg::Https | Leg::Upgrade, Direction::In) => {
            let (node, peer) = (record.peer.clone(), record.node.clone());
            Record { node, peer, direction: Direction::Out, ..record }
        }
        _ => record,
    }
}
