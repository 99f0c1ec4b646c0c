//! Runs purposes, several at a time, each within its time.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::lab::Lab;
use crate::purpose::{Flow, Purpose, Role, Run};
use crate::report::{Report, Result};
use crate::tester::{Limits, Tester};
use crate::verdict::Verdict;

/// Which purposes are wanted; nothing given is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of these nodes.
    pub roles: Vec<Role>,
    /// Of these flows.
    pub flows: Vec<Flow>,
    /// With one of these in their clause.
    pub clauses: Vec<String>,
    /// With an id that is one of these, or begins with one up to its hyphen: `TOK-05`, `TOK`.
    pub ids: Vec<String>,
}

impl Selection {
    /// Whether a purpose is wanted.
    pub fn takes(&self, purpose: &Purpose) -> bool {
        let named = |id: &String| {
            purpose.id.eq_ignore_ascii_case(id) || purpose.family().eq_ignore_ascii_case(id.trim_end_matches('-'))
        };
        let lower = purpose.clause.to_lowercase();
        (self.roles.is_empty() || self.roles.contains(&purpose.role))
            && (self.flows.is_empty() || self.flows.contains(&purpose.flow))
            && (self.clauses.is_empty() || self.clauses.iter().any(|clause| lower.contains(&clause.to_lowercase())))
            && (self.ids.is_empty() || self.ids.iter().any(named))
    }
}

/// What happens while purposes run.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// So many will run.
    Begun(usize),
    /// One has ended.
    Ended(&'a Result),
}

/// Runs all purposes that are wanted, in the order of the catalogue as far as they run one by one.
pub async fn run(
    lab: Arc<dyn Lab>,
    selection: &Selection,
    limits: Limits,
    mut progress: impl FnMut(Progress<'_>),
) -> Report {
    let purposes: Vec<&'static Purpose> = crate::catalogue::all().filter(|p| selection.takes(p)).collect();
    progress(Progress::Begun(purposes.len()));
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let clock = Instant::now();
    let permits = Arc::new(Semaphore::new(lab.parallel().max(1)));
    let mut running = JoinSet::new();
    for (at, purpose) in purposes.into_iter().enumerate() {
        let (lab, permits) = (Arc::clone(&lab), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            (at, one(lab, purpose, limits).await)
        });
    }
    let mut results = Vec::new();
    while let Some(ended) = running.join_next().await {
        // `one` catches what panics, so that only an abort of the whole run gets here.
        let Ok((at, result)) = ended else { continue };
        progress(Progress::Ended(&result));
        results.push((at, result));
    }
    results.sort_by_key(|(at, _)| *at);
    Report {
        system: lab.system(),
        version: env!("CARGO_PKG_VERSION").into(),
        started,
        seconds: clock.elapsed().as_secs_f64(),
        results: results.into_iter().map(|(_, result)| result).collect(),
    }
}

/// Runs one purpose, in a task of its own so that a panic in it is only its own.
pub async fn one(lab: Arc<dyn Lab>, purpose: &'static Purpose, limits: Limits) -> Result {
    let clock = Instant::now();
    let (verdict, reason, observed, records) = match purpose.run {
        Run::Waits(reason) => (Verdict::NotApplicable, format!("waits: {reason}"), Vec::new(), Vec::new()),
        Run::Test(_) if purpose.flow.claim().is_some_and(|claim| !lab.claims(claim)) => {
            let reason = format!("flow {} is not claimed", purpose.flow);
            (Verdict::NotApplicable, reason, Vec::new(), Vec::new())
        }
        Run::Test(test) => {
            let task = tokio::spawn(async move {
                let mut tester = Tester::new(lab, limits);
                let outcome = tokio::time::timeout(limits.purpose, test(&mut tester)).await;
                let (observed, records, alive) = tester.finish().await;
                let (verdict, reason) = match outcome {
                    Ok(Ok(())) => (Verdict::Pass, String::new()),
                    Ok(Err(stop)) => stop.verdict(),
                    Err(_) => {
                        let reason = format!("not at its end after {} s", limits.purpose.as_secs());
                        (Verdict::Inconclusive, reason)
                    }
                };
                match alive {
                    true => (verdict, reason, observed, records),
                    false => {
                        let reason = format!("the system under test is down{}", after(&reason));
                        (Verdict::Fail, reason, observed, records)
                    }
                }
            });
            let broken = |e: tokio::task::JoinError| {
                (Verdict::Inconclusive, format!("the tester itself failed: {e}"), Vec::new(), Vec::new())
            };
            task.await.unwrap_or_else(broken)
        }
    };
    let millis = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    Result { purpose: purpose.into(), verdict, reason, observed, millis, records }
}

fn after(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(", after: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(selection: &Selection) -> usize {
        crate::catalogue::all().filter(|p| selection.takes(p)).count()
    }

    #[test]
    fn purposes_are_selected_by_any_of_their_marks() {
        assert_eq!(count(&Selection::default()), crate::catalogue::all().count());
        let one = Selection { ids: vec!["ws-01".into()], ..Selection::default() };
        assert_eq!(count(&one), 1);
        let family = Selection { ids: vec!["WS".into()], ..Selection::default() };
        assert!(count(&family) > 10);
        let clause = Selection { clauses: vec!["rfc 7118".into()], ..Selection::default() };
        assert!(count(&clause) > 3);
        let none = Selection { roles: vec![Role::Wwsf], ids: vec!["WS-01".into()], ..Selection::default() };
        assert_eq!(count(&none), 0);
    }
}
