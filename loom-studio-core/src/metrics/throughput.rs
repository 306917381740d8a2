//! How many events happened when: a histogram whose resolution adapts.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Buckets kept.
const MAX_BUCKETS: usize = 512;
/// The finest width: a millisecond.
const FINEST_NANOS: i64 = 1_000_000;
/// With this many doublings two buckets cover every moment there is.
const MAX_DOUBLINGS: u8 = 43;

/// Events of one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBucket {
    /// The bucket begins at this multiple of the width, counted from the Unix epoch.
    pub index: i64,
    /// Events in it.
    pub events: u64,
    /// Those that report an error.
    pub errors: u64,
}

/// Events over event time, in at most 512 buckets of one width.
///
/// The width is a millisecond times a power of two: the smallest for which the events fall into at most 512 different buckets. Buckets begin at multiples of the width, and empty ones are not kept, so the
/// histogram depends on the set of events alone, not on their order, nor on how they were split before [`merge`](Self::merge). A stray event far off costs one bucket and no resolution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Throughput {
    doublings: u8,
    /// By index. Shared: a clone costs a reference count, and the first change after it one copy of 12 KiB at most.
    buckets: Arc<Vec<TimeBucket>>,
}

impl Throughput {
    /// Counts one event.
    pub fn add(&mut self, time: Timestamp, is_error: bool) {
        let index = time.as_nanos().div_euclid(self.bucket_nanos());
        let errors = u64::from(is_error);
        let buckets = Arc::make_mut(&mut self.buckets);
        let found = match buckets.last() {
            // Most events come in the order of their times.
            Some(last) => match last.index.cmp(&index) {
                Ordering::Less => Err(buckets.len()),
                Ordering::Equal => Ok(buckets.len() - 1),
                Ordering::Greater => buckets.binary_search_by_key(&index, |bucket| bucket.index),
            },
            None => Err(0),
        };
        match found {
            Ok(at) => {
                if let Some(bucket) = buckets.get_mut(at) {
                    bucket.events += 1;
                    bucket.errors += errors;
                }
            }
            Err(at) => {
                let bucket = TimeBucket {
                    index,
                    events: 1,
                    errors,
                };
                buckets.insert(at, bucket);
                self.fit();
            }
        }
    }

    /// Counts the events of another histogram.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.doublings < other.doublings {
            self.halve();
        }
        while other.doublings < self.doublings {
            other.halve();
        }
        let buckets = Arc::make_mut(&mut self.buckets);
        buckets.extend(other.buckets.iter());
        buckets.sort_by_key(|bucket| bucket.index);
        join(buckets);
        self.fit();
    }

    /// The width of a bucket.
    pub fn bucket_nanos(&self) -> i64 {
        FINEST_NANOS << self.doublings
    }

    /// The buckets with events, by time.
    pub fn buckets(&self) -> &[TimeBucket] {
        &self.buckets
    }

    /// When a bucket begins.
    pub fn start_of(&self, bucket: &TimeBucket) -> Timestamp {
        Timestamp::from_nanos(bucket.index.saturating_mul(self.bucket_nanos()))
    }

    /// All events, and those that report an error.
    pub fn totals(&self) -> (u64, u64) {
        self.buckets
            .iter()
            .fold((0, 0), |(events, errors), bucket| {
                (events + bucket.events, errors + bucket.errors)
            })
    }

    fn fit(&mut self) {
        while self.buckets.len() > MAX_BUCKETS && self.doublings < MAX_DOUBLINGS {
            self.halve();
        }
    }

    /// Makes the buckets twice as wide. Rounding down twice is rounding down once by the product, so the way to a width makes no difference.
    fn halve(&mut self) {
        self.doublings += 1;
        let buckets = Arc::make_mut(&mut self.buckets);
        for bucket in buckets.iter_mut() {
            bucket.index = bucket.index.div_euclid(2);
        }
        join(buckets);
    }

    /// What [`restore`](Self::restore) takes.
    pub(super) fn save(&self) -> (u8, Vec<TimeBucket>) {
        (self.doublings, self.buckets.to_vec())
    }

    /// The histogram of saved parts; `None` when they are none.
    pub(super) fn restore((doublings, buckets): (u8, Vec<TimeBucket>)) -> Option<Self> {
        let is_one = doublings <= MAX_DOUBLINGS
            && buckets.len() <= MAX_BUCKETS
            && buckets.is_sorted_by(|left, right| left.index < right.index);
        is_one.then(|| Self {
            doublings,
            buckets: Arc::new(buckets),
        })
    }
}

/// Makes one bucket of neighbours with the same index.
fn join(buckets: &mut Vec<TimeBucket>) {
    buckets.dedup_by(|bucket, kept| {
        let is_same = bucket.index == kept.index;
        if is_same {
            kept.events += bucket.events;
            kept.errors += bucket.errors;
        }
        is_same
    });
}
