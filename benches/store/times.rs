//! How long something took, many times.

use std::fmt;
use std::time::Duration;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The median, the 99th percentile and the longest, in milliseconds.
    fn millis(&self) -> [f64; 3] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let index = (sorted.len() as f64 * share) as usize;
            let index = index.min(sorted.len().saturating_sub(1));
            sorted
                .get(index)
                .map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        [at(0.5), at(0.99), at(1.0)]
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, most] = self.millis();
        write!(
            f,
            "p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.2} ms ({})",
            self.0.len()
        )
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [p50, p99, most] = self.millis();
        let mut times = serializer.serialize_struct("Times", 3)?;
        times.serialize_field("p50_millis", &p50)?;
        times.serialize_field("p99_millis", &p99)?;
        times.serialize_field("most_millis", &most)?;
        times.end()
    }
}
