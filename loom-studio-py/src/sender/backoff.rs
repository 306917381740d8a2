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
