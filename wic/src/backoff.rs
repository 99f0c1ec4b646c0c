use std::time::Duration;

use sip::Entropy;

use crate::Timers;

/// How long to wait before the next try to form a flow (RFC 5626 §4.5).
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Consecutive failures so far.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next failure counts as the first.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; how long to wait. The first wait is short, because most losses are a
    /// restart; then `min(max, base · 2^failures)`, of which 50 to 100 % at random.
    pub(crate) fn next(&mut self, timers: &Timers, entropy: &mut dyn Entropy) -> Duration {
        let upper = match self.failures {
            0 => timers.first_retry,
            n => timers.retry_base.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(timers.retry_max),
        };
        self.failures = self.failures.saturating_add(1);
        between(upper, 50, entropy)
    }
}

/// At random `percent` to 100 % of `upper`.
pub(crate) fn between(upper: Duration, percent: u64, entropy: &mut dyn Entropy) -> Duration {
    let upper = u64::try_from(upper.as_millis()).unwrap_or(u64::MAX);
    let lower = upper / 100 * percent + upper % 100 * percent / 100;
    let mut octets = [0; 8];
    entropy.fill(&mut octets);
    let span = (upper - lower).saturating_add(1);
    Duration::from_millis(lower + u64::from_le_bytes(octets) % span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::SeededEntropy;

    /// RFC 5626 §4.5: base 30 s, doubled with each failure, at most 1800 s, half of it at least.
    #[test]
    fn waits_double_up_to_the_ceiling_with_half_of_it_at_random() {
        let timers = Timers::default();
        for seed in 0..200 {
            let mut entropy = SeededEntropy::new(seed);
            let mut backoff = Backoff::default();
            for upper in [1, 60, 120, 240, 480, 960, 1800, 1800, 1800] {
                let wait = backoff.next(&timers, &mut entropy).as_millis();
                assert!((upper * 500..=upper * 1000).contains(&wait), "{wait} ms of {upper} s");
            }
            backoff.reset();
            assert!(backoff.next(&timers, &mut entropy) <= timers.first_retry);
        }
    }

    #[test]
    fn a_hundred_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        let wait = backoff.next(&Timers::default(), &mut SeededEntropy::new(1));
        assert!(wait <= Duration::from_secs(1800));
        assert!(!between(Duration::MAX, 80, &mut SeededEntropy::new(1)).is_zero());
    }
}
