//! A mergeable sketch of durations.

use super::Percentiles;

/// DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019) over positive durations.
///
/// A quantile differs from the true one by at most 1 % of its value. Merging two sketches gives the sketch of all their values. One bucket per 2 % step: about 1,150 from 1 ns to 1 h at most.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatencySketch {
    /// Bucket and count, sorted: a copy is one block of memory.
    buckets: Vec<(i32, u64)>,
    count: u64,
}

/// The guaranteed relative error.
const ALPHA: f64 = 0.01;
const GAMMA: f64 = (1.0 + ALPHA) / (1.0 - ALPHA);

impl LatencySketch {
    /// Adds one duration; one below a nanosecond counts as a nanosecond.
    pub fn add(&mut self, nanos: i64) {
        let bucket = ((nanos.max(1) as f64).ln() / GAMMA.ln()).ceil() as i32;
        self.add_to(bucket, 1);
    }

    /// Adds all durations of another sketch.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.add_to(bucket, count);
        }
    }

    fn add_to(&mut self, bucket: i32, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(at, _)| *at) {
            Ok(index) => {
                if let Some((_, known)) = self.buckets.get_mut(index) {
                    *known += count;
                }
            }
            Err(index) => self.buckets.insert(index, (bucket, count)),
        }
        self.count += count;
    }

    /// Buckets with their counts, ascending: what [`from_buckets`](Self::from_buckets) takes.
    pub(crate) fn buckets(&self) -> &[(i32, u64)] {
        &self.buckets
    }

    /// The sketch of these buckets.
    pub(crate) fn from_buckets(buckets: &[(i32, u64)]) -> Self {
        let mut sketch = Self::default();
        for &(bucket, count) in buckets {
            sketch.add_to(bucket, count);
        }
        sketch
    }

    /// How many durations were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that a share of `quantile` (0 to 1) does not exceed; `None` when empty.
    pub fn quantile_nanos(&self, quantile: f64) -> Option<f64> {
        let rank = quantile.clamp(0.0, 1.0) * self.count.saturating_sub(1) as f64;
        let mut seen = 0_u64;
        self.buckets.iter().find_map(|&(bucket, count)| {
            seen += count;
            (seen as f64 > rank).then(|| 2.0 * GAMMA.powi(bucket) / (GAMMA + 1.0))
        })
    }

    /// The usual three points; `None` when empty.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Some(Percentiles {
            p50_nanos: self.quantile_nanos(0.50)?,
            p95_nanos: self.quantile_nanos(0.95)?,
            p99_nanos: self.quantile_nanos(0.99)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent() {
        let mut values: Vec<i64> = (0..5_000)
            .map(|i| 1_000 + (i * 7_919 % 10_007) * 3_001)
            .collect();
        let mut sketch = LatencySketch::default();
        for value in &values {
            sketch.add(*value);
        }
        values.sort_unstable();
        for quantile in [0.0, 0.01, 0.5, 0.95, 0.99, 1.0] {
            let exact = values[(quantile * (values.len() - 1) as f64) as usize] as f64;
            let estimate = sketch.quantile_nanos(quantile).unwrap();
            assert!(
                (estimate - exact).abs() <= exact * 0.010_001,
                "{quantile}: {estimate} for {exact}"
            );
        }
    }

    #[test]
    fn merging_equals_adding_all() {
        let (mut left, mut right, mut all) = (
            LatencySketch::default(),
            LatencySketch::default(),
            LatencySketch::default(),
        );
        for value in [0, -5, 1, 10, 10_000_000_000, i64::MAX] {
            left.add(value);
            all.add(value);
            right.add(value / 3);
            all.add(value / 3);
        }
        left.merge(&right);
        assert_eq!(left, all);
        assert_eq!(LatencySketch::default().percentiles(), None);
    }
}
