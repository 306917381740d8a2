//! Time and identity are components: core never asks the operating system by itself, so that a replay is repeatable.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1678 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The moment `micros` microseconds after the Unix epoch, saturating at the ends of the range.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole microseconds since the Unix epoch, rounded down.
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Epoch seconds as a float, as Python's `time.time()` gives them; `None` outside the range.
    pub fn from_epoch_seconds(seconds: f64) -> Option<Self> {
        let nanos = seconds * 1e9;
        // Above 2^53 a float has no sub-microsecond digits: rounding to a microsecond keeps the written value.
        let micros = (nanos / 1_000.0).round();
        (micros.is_finite() && micros.abs() < 9.0e15).then(|| Self::from_micros(micros as i64))
    }

    /// Reads an RFC 3339 time with an offset; `None` for anything else.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(moment.as_nanosecond()).ok().map(Self)
    }

    /// RFC 3339 in UTC, with as many digits as it takes to read the same moment back.
    pub fn to_rfc3339(self) -> String {
        const PRINTER: DateTimePrinter = DateTimePrinter::new();
        // Every moment of this range is one of jiff's.
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .map(|moment| PRINTER.timestamp_to_string(&moment))
            .unwrap_or_default()
    }

    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment minus `duration`, saturating.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// Nanoseconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with microseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_micros();
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let digit = |value: i64, unit: i64| b'0' + (value / unit % 10) as u8;
        let text = [
            digit(year, 1_000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
            b'T',
            digit(second, 36_000),
            digit(second / 3_600, 1),
            b':',
            digit(second % 3_600, 600),
            digit(second / 60 % 60, 1),
            b':',
            digit(second % 60, 10),
            digit(second % 60, 1),
            b'.',
            digit(micros, 100_000),
            digit(micros, 10_000),
            digit(micros, 1_000),
            digit(micros, 100),
            digit(micros, 10),
            digit(micros, 1),
            b'Z',
        ];
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar: years begin in March and come in eras of 400 (H. Hinnant: "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + is_next_year as i64, month, day)
}

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment. May stand still or go back; callers keep their own order.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where core reads the wall clock"
        )]
        let now = std::time::SystemTime::now();
        let since_epoch = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::default().saturating_add(since_epoch)
    }
}

/// A clock that stands where it is put, for tests and replays.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Puts the clock at `moment`.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.0, Ordering::Relaxed);
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().saturating_add(duration));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Makes identifiers that should not repeat.
pub trait IdSource: fmt::Debug + Send + Sync + 'static {
    /// A new identifier.
    fn next_id(&self) -> u64;
}

/// Identifiers from the operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next_id(&self) -> u64 {
        // Without a random source the address of a stack variable still tells two processes apart.
        getrandom::u64().unwrap_or_else(|_| std::ptr::from_ref(&self).addr() as u64)
    }
}

/// Identifiers that count up from a start, for tests.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// The first identifier will be `first`.
    pub const fn new(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }
}

impl IdSource for SequentialIds {
    fn next_id(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trip_keeps_the_moment() {
        let cases = [
            ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"),
            ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.000000Z"),
            ("1999-12-31T23:59:59Z", "1999-12-31T23:59:59.000000Z"),
        ];
        for (input, expected) in cases {
            let parsed = Timestamp::parse_rfc3339(input).map(|moment| moment.to_string());
            assert_eq!(parsed.as_deref(), Some(expected), "{input}");
        }
        for bad in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "yesterday",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn text_is_that_of_the_calendar() {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let day = 86_400_000_000_000_i64;
        let all = (0..80_000).map(|n| (n - 106_000) * day + n * 7_777_777_777);
        let edges = [i64::MIN, i64::MAX, -1, 0, 1, -999, -1_000, day - 1, -day];
        for nanos in all.chain((0..26_000).map(|n| n * day - 1)).chain(edges) {
            let moment = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            let text = Timestamp::from_nanos(nanos).to_string();
            assert_eq!(text, PRINTER.timestamp_to_string(&moment), "{nanos}");
        }
    }

    #[test]
    fn epoch_seconds_keep_microseconds() {
        let moment = Timestamp::from_epoch_seconds(1_767_323_045.678_901);
        assert_eq!(
            moment.map(Timestamp::as_micros),
            Some(1_767_323_045_678_901)
        );
        for bad in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(Timestamp::from_epoch_seconds(bad), None, "{bad}");
        }
    }
}
