//! One ladder out of what a headless WIC saw and what the nodes behind it recorded.

use crate::wic_shell::Outcome;
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
    let own = outcome.records.iter().map(|r| match (r.leg, r.direction) {
        // The far end's record of this answer can't be told from that of another client's.
        (Leg::Https | Leg::Upgrade, Direction::In) => {
            Record { node: r.peer.clone(), peer: r.node.clone(), direction: Direction::Out, ..r.clone() }
        }
        _ => Record { step: r.step.or_else(|| step_of(r)), ..r.clone() },
    });
    let mut all: Vec<Record> = own.chain(core.iter().filter(|r| ours(r)).cloned()).collect();
    all.sort_by_key(|r| r.time_us);
    all
}
