//! Which guest has which number of the wildcard range, and until when.

mod journal;
mod table;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::session::SessionKey;

use journal::Journal;
pub(crate) use journal::JournalError;
use table::Table;

/// The leases of a running server, kept over a restart.
pub(crate) struct Leases {
    state: Mutex<State>,
}

struct State {
    table: Table,
    journal: Journal,
}

/// A guest's hold on one number of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// From 1.
    pub(crate) number: u32,
    /// Unix seconds; itself excluded.
    pub(crate) ends: u64,
}

impl Leases {
    /// Opens the leases of a state folder.
    pub(crate) fn open(state_dir: &Path, capacity: u32, now: u64) -> Result<Self, JournalError> {
        let (journal, records) = Journal::open(&state_dir.join("leases.jsonl"), now)?;
        let table = Table::restore(capacity, records);
        Ok(Self { state: Mutex::new(State { table, journal }) })
    }

    /// Whether a guest holds a number, or would get the same one back.
    pub(crate) fn knows(&self, guest: &SessionKey) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).table.knows(guest.as_str())
    }

    /// Gives a guest a number until `ends`: the one it has, else one that no
    /// guest holds at `now`. It is on record before this returns.
    pub(crate) fn hold(&self, guest: &SessionKey, now: u64, ends: u64) -> Result<Lease, LeaseError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { table, journal } = &mut *state;
        let lease = table.hold(guest.as_str(), now, ends)?;
        journal.append(guest.as_str(), lease)?;
        if journal.is_long_for(table.len()) {
            journal.rewrite(table.live(now))?;
        }
        Ok(lease)
    }
}

/// No number for this guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseError {
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// All numbers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all identities are held; one is free in {retry_after} s")]
pub(crate) struct Exhausted {
    /// Seconds until the first may be free.
    pub(crate) retry_after: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionId;

    fn guest() -> SessionKey {
        SessionId::random().unwrap().key()
    }

    #[test]
    fn a_restart_forgets_no_live_guest() {
        let dir = tempfile::tempdir().unwrap();
        let open = |now| Leases::open(dir.path(), 3, now).unwrap();
        let (a, b) = (guest(), guest());
        let (first, second) = {
            let leases = open(0);
            (leases.hold(&a, 0, 100).unwrap(), leases.hold(&b, 0, 50).unwrap())
        };
        let leases = open(60);
        assert_eq!(leases.hold(&a, 60, 160).unwrap().number, first.number);
        let third = leases.hold(&guest(), 60, 160).unwrap().number;
        let fourth = leases.hold(&guest(), 60, 160).unwrap().number;
        assert_ne!(third, first.number);
        assert_ne!(fourth, first.number);
        assert!(third == second.number || fourth == second.number, "the ended one is given out again");
        assert!(matches!(leases.hold(&guest(), 60, 160), Err(LeaseError::Exhausted(_))));
    }

    #[test]
    fn a_record_cut_short_by_a_crash_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let a = guest();
        let number = Leases::open(dir.path(), 9, 0).unwrap().hold(&a, 0, 100).unwrap().number;
        let path = dir.path().join("leases.jsonl");
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"number\":2,\"gue");
        std::fs::write(&path, text).unwrap();
        let leases = Leases::open(dir.path(), 9, 1).unwrap();
        assert_eq!(leases.hold(&a, 1, 101).unwrap().number, number);
    }

    #[test]
    fn renewals_do_not_make_the_file_grow_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let leases = Leases::open(dir.path(), 9, 0).unwrap();
        let a = guest();
        for now in 0..5_000 {
            leases.hold(&a, now, now + 100).unwrap();
        }
        let len = std::fs::metadata(dir.path().join("leases.jsonl")).unwrap().len();
        assert!(len < 200_000, "{len} octets");
    }
}
