use std::collections::{BTreeSet, HashMap};

use super::{Exhausted, Lease};

/// Numbers and their holders, without clock or file.
///
/// A number is fresh, or in `by_end`. One whose lease has ended stays with its
/// last holder until somebody needs it, longest ended first: a guest who comes
/// back late mostly finds the old identity, and a new guest gets the one that
/// has been silent longest.
#[derive(Debug)]
pub(super) struct Table {
    capacity: u32,
    /// The lowest number never given out.
    fresh: u32,
    by_guest: HashMap<String, Lease>,
    by_end: BTreeSet<(u64, u32)>,
    guests: HashMap<u32, String>,
}

impl Table {
    /// A table as the records left it; the last record of a number counts.
    pub(super) fn restore(capacity: u32, records: impl IntoIterator<Item = (String, Lease)>) -> Self {
        let mut table =
            Self { capacity, fresh: 1, by_guest: HashMap::new(), by_end: BTreeSet::new(), guests: HashMap::new() };
        for (guest, lease) in records {
            if (1..=capacity).contains(&lease.number) {
                table.drop_number(lease.number);
                table.drop_guest(&guest);
                table.insert(guest, lease);
                table.fresh = table.fresh.max(lease.number + 1);
            }
        }
        // Those in between were given out once, and their records are gone.
        for number in (1..table.fresh).filter(|number| !table.guests.contains_key(number)) {
            table.by_end.insert((0, number));
        }
        table
    }

    pub(super) fn knows(&self, guest: &str) -> bool {
        self.by_guest.contains_key(guest)
    }

    pub(super) fn hold(&mut self, guest: &str, now: u64, ends: u64) -> Result<Lease, Exhausted> {
        if let Some(lease) = self.by_guest.get(guest).copied() {
            let lease = Lease { ends: lease.ends.max(ends), ..lease };
            self.drop_number(lease.number);
            self.insert(guest.to_owned(), lease);
            return Ok(lease);
        }
        let lease = Lease { number: self.free_number(now)?, ends };
        self.insert(guest.to_owned(), lease);
        Ok(lease)
    }

    /// Leases that are remembered, ended ones too.
    pub(super) fn len(&self) -> usize {
        self.by_guest.len()
    }

    pub(super) fn live(&self, now: u64) -> impl Iterator<Item = (&str, Lease)> {
        self.by_guest.iter().filter(move |(_, lease)| now < lease.ends).map(|(guest, lease)| (guest.as_str(), *lease))
    }

    fn free_number(&mut self, now: u64) -> Result<u32, Exhausted> {
        if self.fresh <= self.capacity {
            self.fresh += 1;
            return Ok(self.fresh - 1);
        }
        match self.by_end.first().copied() {
            Some((ends, number)) if ends <= now => {
                self.by_end.remove(&(ends, number));
                self.drop_number(number);
                Ok(number)
            }
            Some((ends, _)) => Err(Exhausted { retry_after: ends - now }),
            None => Err(Exhausted { retry_after: 1 }),
        }
    }

    fn insert(&mut self, guest: String, lease: Lease) {
        self.by_end.insert((lease.ends, lease.number));
        self.guests.insert(lease.number, guest.clone());
        self.by_guest.insert(guest, lease);
    }

    fn drop_guest(&mut self, guest: &str) {
        if let Some(lease) = self.by_guest.get(guest).copied() {
            self.drop_number(lease.number);
            self.by_end.insert((0, lease.number));
        }
    }

    fn drop_number(&mut self, number: u32) {
        self.by_end.remove(&(0, number));
        if let Some(guest) = self.guests.remove(&number)
            && let Some(lease) = self.by_guest.remove(&guest)
        {
            self.by_end.remove(&(lease.ends, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(capacity: u32) -> Table {
        Table::restore(capacity, [])
    }

    #[test]
    fn two_live_guests_never_share_a_number() {
        let mut table = table(100);
        let mut numbers: Vec<_> = (0..100).map(|n| table.hold(&format!("g{n}"), 0, 10).unwrap().number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
        assert_eq!(table.hold("late", 3, 13), Err(Exhausted { retry_after: 7 }));
    }

    #[test]
    fn a_renewal_keeps_the_number_and_never_shortens() {
        let mut table = table(2);
        let first = table.hold("a", 0, 100).unwrap();
        assert_eq!(table.hold("a", 50, 60).unwrap(), first);
        assert_eq!(table.hold("a", 50, 150).unwrap(), Lease { ends: 150, ..first });
        table.hold("b", 50, 150).unwrap();
        assert!(table.hold("c", 149, 200).is_err());
        assert!(table.hold("c", 150, 200).is_ok());
    }

    #[test]
    fn the_number_that_was_silent_longest_goes_first_and_the_others_wait_for_their_guests() {
        let mut table = table(2);
        let a = table.hold("a", 0, 20).unwrap().number;
        let b = table.hold("b", 0, 10).unwrap().number;
        assert_eq!(table.hold("c", 30, 40).unwrap().number, b);
        assert_eq!(table.hold("a", 30, 40).unwrap().number, a);
        assert!(!table.knows("b"));
        assert!(table.hold("b", 30, 40).is_err());
    }

    #[test]
    fn numbers_without_records_are_free_after_a_restart() {
        let record = |guest: &str, number, ends| (guest.to_owned(), Lease { number, ends });
        let mut table = Table::restore(4, [record("a", 4, 100), record("x", 9, 100)]);
        let mut numbers: Vec<_> = ["b", "c", "d"].map(|g| table.hold(g, 0, 100).unwrap().number).into();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(table.hold("e", 0, 100).is_err());
    }

    #[test]
    fn the_last_record_of_a_number_and_of_a_guest_counts() {
        let record = |guest: &str, number, ends| (guest.to_owned(), Lease { number, ends });
        let mut table = Table::restore(2, [record("a", 1, 10), record("b", 1, 90), record("b", 2, 95)]);
        assert!(!table.knows("a"));
        assert_eq!(table.hold("b", 50, 99).unwrap().number, 2);
        assert_eq!(table.hold("c", 50, 99).unwrap().number, 1);
        assert!(table.hold("d", 50, 99).is_err());
    }
}
