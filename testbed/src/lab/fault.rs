//! Break it: one thing is done wrong, on the demo's running nodes, and the trace shows what comes
//! of it.

mod bench;
mod client;
mod connection;
mod core;
mod digest;
mod evidence;
mod identity;
mod token;

pub(super) use bench::{Bench, Props};

use conformance::script::ScriptError;
use console::api;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long the acts of a fault may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// All faults, heading by heading.
fn all() -> impl Iterator<Item = &'static Fault> {
    [digest::FAULTS, token::FAULTS, identity::FAULTS, connection::FAULTS, core::FAULTS].into_iter().flatten()
}

/// The faults as the console gives them.
pub(super) fn described() -> Vec<api::Fault> {
    all().map(Fault::described).collect()
}

/// The fault called `id`.
pub(super) fn find(id: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.id == id)
}

/// One switch.
pub(super) struct Fault {
    id: &'static str,
    title: &'static str,
    group: &'static str,
    breaks: &'static str,
    /// What should happen, for people.
    expected: &'static str,
    clause: &'static str,
    script: Script,
    /// What should happen, to be compared with the trace.
    expect: Expect,
}

/// What is done. It gives back the client whose connection counts, if that is open.
type Script = for<'a> fn(&'a mut Bench) -> BoxFuture<'a, Result<Option<client::Client>, ScriptError>>;

/// What the trace should show from the moment at which something goes wrong.
#[derive(Debug)]
struct Expect {
    /// Who answers.
    by: &'static str,
    /// With what status.
    status: u16,
    /// What stands in the answer.
    says: &'static [&'static str],
    /// The code that the connection is closed with; none when it stays open or never was.
    closed: Option<u16>,
    /// What got past the eP-CSCF, or to a node that was asked directly, in order: `icscf REGISTER`,
    /// `hss UAR`.
    reached: &'static [&'static str],
    /// What stands in it.
    shows: &'static [&'static str],
    /// What stands in none of it.
    never: &'static [&'static str],
}

impl Expect {
    /// An answer of the eP-CSCF, after which nothing happens.
    const fn refusal(status: u16) -> Self {
        Self { by: "epcscf", status, says: &[], closed: None, reached: &[], shows: &[], never: &[] }
    }

    /// The same with the connection closed for a breach of policy.
    const fn expulsion(status: u16) -> Self {
        Self { closed: Some(1008), ..Self::refusal(status) }
    }
}

impl Fault {
    fn described(&self) -> api::Fault {
        api::Fault {
            id: self.id.into(),
            title: self.title.into(),
            group: self.group.into(),
            breaks: self.breaks.into(),
            expected: self.expected.into(),
            clause: self.clause.into(),
        }
    }

    /// Breaks it, looks, and mends it.
    pub(super) async fn run(&self, mut bench: Bench) -> api::FaultOutcome {
        let acted = tokio::time::timeout(PATIENCE, (self.script)(&mut bench)).await;
        let (mut client, failure) = match acted {
            Ok(Ok(client)) => (client, None),
            Ok(Err(error)) => (None, Some(error.to_string())),
            Err(_) => (None, Some("the demo did not answer in time".to_owned())),
        };
        let closed = match &mut client {
            Some(client) => client.closed(self.expect.closed.is_some()).await,
            None => None,
        };
        let evidence = bench.evidence(closed).await;
        bench.mend(client).await;
        let mut differences = evidence.differences(&self.expect);
        differences.extend(failure);
        let observed = match differences.as_slice() {
            [] => evidence.to_string(),
            differences => format!("{evidence} Not as expected: {}.", differences.join("; ")),
        };
        let records = evidence.numbers();
        api::FaultOutcome { fault: self.id.into(), as_expected: differences.is_empty(), observed, records }
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fault({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_fault_can_be_read() {
        let ids: HashSet<_> = all().map(|fault| fault.id).collect();
        assert_eq!(ids.len(), all().count(), "two faults of one name");
        assert!(ids.len() >= 24, "{}", ids.len());
        for fault in described() {
            for text in [&fault.title, &fault.group, &fault.breaks, &fault.expected, &fault.clause] {
                assert!(!text.is_empty(), "{}", fault.id);
            }
            assert!(fault.breaks.ends_with('.') && fault.expected.ends_with('.'), "{}", fault.id);
        }
    }
}
