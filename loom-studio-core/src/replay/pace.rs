//! How long a player waits between two events.

use std::time::Duration;

use crate::clock::Timestamp;

/// The speed of a replay. Pauses longer than a bound are shortened to it, for nobody wants to watch an agent sleep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    speed: f64,
    longest: Duration,
}

/// The longest pause unless said otherwise.
const LONGEST: Duration = Duration::from_secs(2);

impl Pace {
    /// So many times as fast as it happened; `None` unless the speed is a number above 0.
    pub fn new(speed: f64) -> Option<Self> {
        (speed.is_finite() && speed > 0.0).then_some(Self {
            speed,
            longest: LONGEST,
        })
    }

    /// With another longest pause.
    #[must_use]
    pub fn with_longest(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// The pause between two events. None at all where the clock went backwards.
    pub fn pause(&self, before: Timestamp, next: Timestamp) -> Duration {
        let nanos = next.nanos_since(before).max(0) as f64 / self.speed;
        let longest = self.longest.as_nanos() as f64;
        Duration::from_nanos(nanos.min(longest) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_speed_and_have_bounds() {
        let at = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        let double = Pace::new(2.0).unwrap();
        assert_eq!(double.pause(at(0), at(300)), Duration::from_millis(150));
        assert_eq!(double.pause(at(300), at(0)), Duration::ZERO);
        assert_eq!(double.pause(at(0), at(3_600_000)), LONGEST);
        let patient = double.with_longest(Duration::from_secs(100));
        assert_eq!(patient.pause(at(0), at(60_000)), Duration::from_secs(30));
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Pace::new(speed), None);
        }
    }
}
