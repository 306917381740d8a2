//! Which moment an event is filed under.

use std::time::Duration;

use crate::clock::Timestamp;

/// 2000-01-01T00:00:00Z: an event time before it is a broken clock's.
const EARLIEST: Timestamp = Timestamp::from_micros(946_684_800_000_000);
/// How far ahead of the receiver a sender's clock may run.
const MAX_AHEAD: Duration = Duration::from_mins(5);

/// The event's own time, or the interceptor's stamp, or the time of receipt: the first that is plausible.
pub(crate) fn resolve_time(
    time: Option<Timestamp>,
    stamp: Option<Timestamp>,
    received: Timestamp,
) -> Timestamp {
    let latest = received.saturating_add(MAX_AHEAD);
    let plausible = |moment: &Timestamp| (EARLIEST..=latest).contains(moment);
    time.filter(plausible)
        .or_else(|| stamp.filter(plausible))
        .unwrap_or(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_back_from_time_to_stamp_to_receipt() {
        let at = |text| Timestamp::parse_rfc3339(text);
        let received = at("2026-01-02T00:00:00Z").unwrap();
        let good = at("2026-01-01T00:00:00Z");
        let ahead = at("2026-01-02T00:05:00.000001Z");
        let ancient = at("1999-12-31T23:59:59Z");
        let edge = at("2026-01-02T00:05:00Z");
        let first = at("2000-01-01T00:00:00Z");
        assert_eq!(Some(resolve_time(good, ahead, received)), good);
        assert_eq!(Some(resolve_time(edge, None, received)), edge);
        assert_eq!(Some(resolve_time(first, None, received)), first);
        assert_eq!(Some(resolve_time(ahead, good, received)), good);
        assert_eq!(Some(resolve_time(None, good, received)), good);
        assert_eq!(resolve_time(ancient, ahead, received), received);
        assert_eq!(resolve_time(None, None, received), received);
    }
}
