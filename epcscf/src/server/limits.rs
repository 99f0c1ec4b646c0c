//! How many connections each origin and each address has.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::origin::Origin;
use crate::upgrade::Load;

/// The counts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    origins: HashMap<Option<Origin>, usize>,
    addresses: HashMap<IpAddr, usize>,
}

/// The counts, held still so that no other connection slips in between question and admission.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    counts: MutexGuard<'a, Counts>,
    limits: &'a Limits,
}

/// A connection that counts, until this is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    origin: Option<Origin>,
    address: IpAddr,
}

impl Limits {
    pub(super) fn lock(&self) -> Counted<'_> {
        Counted { counts: self.counts(), limits: self }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Plain numbers: what a panic left behind is still usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted<'_> {
    pub(super) fn load(&self, origin: Option<&Origin>, address: IpAddr) -> Load {
        Load {
            of_origin: self.counts.origins.get(&origin.cloned()).copied().unwrap_or(0),
            of_address: self.counts.addresses.get(&address).copied().unwrap_or(0),
        }
    }

    pub(super) fn admit(mut self, origin: Option<Origin>, address: IpAddr) -> Admission {
        *self.counts.origins.entry(origin.clone()).or_default() += 1;
        *self.counts.addresses.entry(address).or_default() += 1;
        Admission { limits: self.limits.clone(), origin, address }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        release(&mut counts.origins, &self.origin);
        release(&mut counts.addresses, &self.address);
    }
}

fn release<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_counts_until_it_is_gone() {
        let limits = Limits::default();
        let origin = Origin::parse("https://wwsf.ims.example").ok();
        let ip = IpAddr::from([127, 0, 0, 1]);
        let load = || limits.lock().load(origin.as_ref(), ip);
        let first = limits.lock().admit(origin.clone(), ip);
        let second = limits.lock().admit(None, ip);
        assert_eq!(load(), Load { of_origin: 1, of_address: 2 });
        drop(first);
        assert_eq!(load(), Load { of_origin: 0, of_address: 1 });
        drop(second);
        assert_eq!(load(), Load::default());
        assert!(limits.counts().addresses.is_empty());
    }
}
