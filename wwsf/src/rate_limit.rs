//! Token buckets by key, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How much one key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// So many at once.
    pub(crate) burst: u32,
    /// And one more after each of these.
    pub(crate) interval: Duration,
}

/// Counts what each key does.
///
/// A bucket is kept as the instant at which it will be full again, so a full
/// one needs no memory.
#[derive(Debug)]
pub(crate) struct RateLimit<K> {
    rate: Rate,
    full_at: HashMap<K, Instant>,
    capacity: usize,
}

/// The bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    /// When to come again.
    pub(crate) retry_after: Duration,
}

impl Limited {
    /// Whole seconds, never 0 (RFC 9110 §10.2.3).
    pub(crate) fn seconds(self) -> u64 {
        self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0)
    }
}

impl<K: Eq + Hash> RateLimit<K> {
    pub(crate) fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, full_at: HashMap::new(), capacity }
    }

    /// Takes one out of the key's bucket.
    pub(crate) fn take(&mut self, key: K, now: Instant) -> Result<(), Limited> {
        if !self.full_at.contains_key(&key) && self.full_at.len() >= self.capacity {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if !self.full_at.contains_key(&key) && self.full_at.len() >= self.capacity {
            // So many keys at once are an attack; refusing newcomers keeps memory bounded.
            return Err(Limited { retry_after: self.rate.interval });
        }
        let full_at = self.full_at.entry(key).or_insert(now);
        let after = (*full_at).max(now) + self.rate.interval;
        let limit = now + self.rate.interval.saturating_mul(self.rate.burst);
        match after.checked_duration_since(limit) {
            Some(too_early) if !too_early.is_zero() => Err(Limited { retry_after: too_early }),
            _ => {
                *full_at = after;
                Ok(())
            }
        }
    }

    /// Puts one back.
    pub(crate) fn refund(&mut self, key: &K) {
        if let Some(full_at) = self.full_at.get_mut(key)
            && let Some(earlier) = full_at.checked_sub(self.rate.interval)
        {
            *full_at = earlier;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_secs(10) };

    #[test]
    fn a_burst_passes_and_the_next_waits_for_one_interval() {
        let (mut limit, now) = (RateLimit::new(RATE, 10), Instant::now());
        for _ in 0..3 {
            assert_eq!(limit.take("a", now), Ok(()));
        }
        let limited = limit.take("a", now).unwrap_err();
        assert_eq!(limited.seconds(), 10);
        assert_eq!(limit.take("b", now), Ok(()), "another key has its own bucket");
        assert_eq!(limit.take("a", now + Duration::from_secs(10)), Ok(()));
        assert!(limit.take("a", now + Duration::from_secs(10)).is_err());
    }

    #[test]
    fn being_refused_costs_nothing() {
        let (mut limit, now) = (RateLimit::new(RATE, 10), Instant::now());
        for _ in 0..100 {
            let _ = limit.take("a", now);
        }
        assert_eq!(limit.take("a", now + Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn a_refund_gives_the_turn_back() {
        let (mut limit, now) = (RateLimit::new(RATE, 10), Instant::now());
        for _ in 0..100 {
            assert_eq!(limit.take("a", now), Ok(()));
            limit.refund(&"a");
        }
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let (mut limit, now) = (RateLimit::new(RATE, 2), Instant::now());
        assert_eq!(limit.take(1, now), Ok(()));
        assert_eq!(limit.take(2, now), Ok(()));
        assert!(limit.take(3, now).is_err());
        assert_eq!(limit.full_at.len(), 2);
        assert_eq!(limit.take(3, now + Duration::from_secs(11)), Ok(()));
        assert_eq!(limit.full_at.len(), 1);
    }

    #[test]
    fn a_wait_is_rounded_up_to_a_second() {
        assert_eq!(Limited { retry_after: Duration::from_millis(1) }.seconds(), 1);
        assert_eq!(Limited { retry_after: Duration::from_secs(2) }.seconds(), 2);
    }
}
