//! Durations of one kind, and their distribution.

use std::fmt;

use serde::Serialize;

/// Every duration, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

/// The distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Distribution {
    samples: usize,
    p50_ms: f64,
    p95_ms: f64,
    pub(crate) p99_ms: f64,
    max_ms: f64,
}

impl Latencies {
    pub(crate) fn add(&mut self, micros: u64) {
        self.0.push(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// `None` without samples.
    pub(crate) fn distribution(mut self) -> Option<Distribution> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        // Nearest rank: a value that really occurred.
        let at = |share: f64| {
            let rank = (share * self.0.len() as f64).ceil() as usize;
            f64::from(self.0[rank.saturating_sub(1).min(last)]) / 1e3
        };
        Some(Distribution {
            samples: self.0.len(),
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            samples: _,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
        } = self;
        write!(
            f,
            "p50 {p50_ms:.1} ms, p95 {p95_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        (1..=100)
            .rev()
            .for_each(|millis| latencies.add(millis * 1000));
        let distribution = latencies.distribution().unwrap().to_string();
        assert_eq!(
            distribution,
            "p50 50.0 ms, p95 95.0 ms, p99 99.0 ms, max 100.0 ms"
        );
        assert!(Latencies::default().distribution().is_none());
    }
}
