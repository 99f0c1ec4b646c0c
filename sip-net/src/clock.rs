//! The machine's clock and randomness, in the shapes that sans-IO code takes.

use sip::{Entropy, Instant, Now};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// A clock whose monotonic origin is when it was made, and which can be halted. Clones are the same
/// clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origin: tokio::time::Instant,
    hands: watch::Sender<Hands>,
}

/// Where the monotonic clock stands, told from the time since its origin.
#[derive(Clone, Copy, Debug, Default)]
struct Hands {
    /// How many hold it still.
    holders: usize,
    /// When the first of them came.
    halted: Duration,
    /// How long it has been held still before.
    lost: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Arc::new(Shared { origin: tokio::time::Instant::now(), hands: watch::Sender::new(Hands::default()) }))
    }

    /// The time on both clocks. The wall clock goes on while the other is halted: tokens are made by
    /// others, who do not halt.
    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mono = self.0.hands.borrow().read(self.0.origin.elapsed());
        Now { mono: Instant::from_millis(u64::try_from(mono.as_millis()).unwrap_or(u64::MAX)), unix }
    }

    /// Halts the monotonic clock: until all halts are dropped it stands still and no alarm goes off.
    pub fn halt(&self) -> Halt {
        let elapsed = self.0.origin.elapsed();
        self.0.hands.send_modify(|hands| hands.halt(elapsed));
        Halt(self.clone())
    }

    /// Whether it is halted.
    pub fn is_halted(&self) -> bool {
        self.0.hands.borrow().holders > 0
    }

    /// Something that waits for times on this clock.
    pub fn alarm(&self) -> Alarm {
        Alarm { hands: self.0.hands.subscribe(), clock: self.clone() }
    }

    /// Waits until `span` has passed on this clock.
    pub async fn sleep(&self, span: Duration) {
        let at = self.now().mono + span;
        self.alarm().until(Some(at)).await;
    }

    /// What `work` gives, or `None` when `span` has passed on this clock before that.
    pub async fn timeout<T>(&self, span: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.sleep(span) => None,
        }
    }
}

impl Hands {
    fn read(&self, elapsed: Duration) -> Duration {
        let until = if self.holders > 0 { self.halted } else { elapsed };
        until.saturating_sub(self.lost)
    }

    fn halt(&mut self, elapsed: Duration) {
        if self.holders == 0 {
            self.halted = elapsed;
        }
        self.holders += 1;
    }

    fn resume(&mut self, elapsed: Duration) {
        self.holders = self.holders.saturating_sub(1);
        if self.holders == 0 {
            self.lost += elapsed.saturating_sub(self.halted);
        }
    }
}

/// Holds a clock still until it is dropped.
#[derive(Debug)]
pub struct Halt(Clock);

impl Drop for Halt {
    fn drop(&mut self) {
        let Clock(shared) = &self.0;
        let elapsed = shared.origin.elapsed();
        shared.hands.send_modify(|hands| hands.resume(elapsed));
    }
}

/// Waits for times on a [`Clock`], and longer when the clock is halted meanwhile.
#[derive(Debug)]
pub struct Alarm {
    hands: watch::Receiver<Hands>,
    clock: Clock,
}

impl Alarm {
    /// Waits until `at`; for ever when there is no such time. May be dropped and begun anew.
    pub async fn until(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return std::future::pending().await };
        loop {
            let hands = *self.hands.borrow_and_update();
            if hands.holders > 0 {
                // The clock is at hand, so its sender is too.
                let _ = self.hands.changed().await;
                continue;
            }
            // A millisecond more: the origin's fraction of a millisecond must not wake us too early.
            let wake = hands.lost + Duration::from_millis(at.as_millis().saturating_add(1));
            // What no tokio instant can express does not come.
            let wake = self.clock.0.origin.checked_add(wake);
            tokio::select! {
                () = sleep_until(wake) => return,
                _ = self.hands.changed() => {}
            }
        }
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, buf: &mut [u8]) {
        // Without randomness no nonce, tag or branch can be made: there is nothing to go on with.
        getrandom::fill(buf).expect("the operating system gives random numbers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::time::advance;

    const LONGER_THAN_TIMER_F: Duration = Duration::from_secs(40);

    fn millis(clock: &Clock) -> u64 {
        clock.now().mono.as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_halted_clock_stands_still_and_goes_on_where_it_was() {
        let clock = Clock::start();
        advance(Duration::from_millis(300)).await;
        let halt = clock.halt();
        let second = clock.clone().halt();
        advance(LONGER_THAN_TIMER_F).await;
        drop(halt);
        assert_eq!((millis(&clock), clock.is_halted()), (300, true), "one still holds it");
        advance(LONGER_THAN_TIMER_F).await;
        drop(second);
        advance(Duration::from_millis(5)).await;
        assert_eq!((millis(&clock), clock.is_halted()), (305, false));
    }

    #[tokio::test(start_paused = true)]
    async fn no_alarm_goes_off_while_the_clock_is_halted() {
        let clock = Clock::start();
        let mut alarm = clock.alarm();
        let mut waiting = pin!(alarm.until(Some(Instant::from_millis(32_000))));
        // Once polled, it has armed a timer that runs out during the halt.
        assert!(tokio::time::timeout(Duration::from_millis(1_000), &mut waiting).await.is_err());
        let halt = clock.halt();
        assert!(tokio::time::timeout(LONGER_THAN_TIMER_F, &mut waiting).await.is_err(), "it went off");
        drop(halt);
        assert!(tokio::time::timeout(Duration::from_millis(30_900), &mut waiting).await.is_err(), "too early");
        assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_ok(), "too late");
        assert!((32_000..32_010).contains(&millis(&clock)), "{}", millis(&clock));
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_set_during_a_halt_waits_for_its_end() {
        let clock = Clock::start();
        let halt = clock.halt();
        assert!(tokio::time::timeout(LONGER_THAN_TIMER_F, clock.sleep(Duration::from_secs(1))).await.is_err());
        drop(halt);
        assert!(clock.timeout(Duration::from_secs(2), clock.sleep(Duration::from_secs(1))).await.is_some());
        assert_eq!(clock.timeout(Duration::from_secs(1), std::future::pending::<()>()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_never_comes_is_waited_for() {
        let clock = Clock::start();
        let never = Instant::from_millis(u64::MAX);
        for at in [None, Some(never)] {
            assert!(tokio::time::timeout(LONGER_THAN_TIMER_F, clock.alarm().until(at)).await.is_err());
        }
    }
}
