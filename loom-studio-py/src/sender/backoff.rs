//! How long to wait between connection attempts: exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter",
//! AWS Architecture Blog, 2015).

use std::time::Duration;

/// No two attempts are closer together than this, whatever the draw.
pub(super) const FLOOR: Duration = Duration::from_millis(50);

/// The waits of one sender. The same seed gives the same waits.
#[derive(Debug)]
pub(super) struct Backoff {
    initial: Duration,
    max: Duration,
    failures: u32,
    random: SplitMix64,
}

impl Backoff {
    pub(super) fn new(initial: Duration, max: Duration, seed: u64) -> Self {
        Self {
            initial,
            max,
            failures: 0,
            random: SplitMix64(seed),
        }
    }

    /// A connection worked: the next failure is a first one.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Another try won't help soon: the next wait is from the whole range.
    pub(super) fn exhausted(&mut self) {
        self.failures = u32::BITS;
    }

    /// The wait after one more failure, evenly from `FLOOR` to `min(max, initial · 2^failures)`.
    pub(super) fn next_wait(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.initial.saturating_mul(factor).min(self.max);
        // 53 bits are what a float holds.
        let share = (self.random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ceiling.mul_f64(share).max(FLOOR)
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): enough for jitter, and repeatable.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_millis(200);
    const MAX: Duration = Duration::from_secs(6);

    fn waits(seed: u64, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(INITIAL, MAX, seed);
        (0..count).map(|_| backoff.next_wait()).collect()
    }

    #[test]
    fn waits_fill_a_range_that_doubles_up_to_its_end() {
        let of_all: Vec<_> = (0..1_000).map(|seed| waits(seed, 40)).collect();
        for failure in 0..40 {
            let ceiling = INITIAL.saturating_mul(1 << failure.min(20)).min(MAX);
            let drawn: Vec<_> = of_all.iter().map(|waits| waits[failure]).collect();
            assert!(drawn.iter().all(|wait| (FLOOR..=ceiling).contains(wait)));
            let above = |share: f64| drawn.iter().any(|wait| *wait > ceiling.mul_f64(share));
            let below = |share: f64| drawn.iter().any(|wait| *wait < ceiling.mul_f64(share));
            assert!(above(0.9) && below(0.3), "failure {failure}");
        }
    }

    #[test]
    fn the_seed_decides_and_success_begins_anew() {
        assert_eq!(waits(7, 10), waits(7, 10));
        assert_ne!(waits(7, 10), waits(8, 10));
        let mut backoff = Backoff::new(INITIAL, MAX, 7);
        for _ in 0..10 {
            backoff.next_wait();
        }
        backoff.succeeded();
        assert!(backoff.next_wait() <= INITIAL);
        backoff.exhausted();
        let longest = (0..100).map(|_| {
            backoff.exhausted();
            backoff.next_wait()
        });
        assert!(longest.max().unwrap() > MAX / 2);
    }
}
