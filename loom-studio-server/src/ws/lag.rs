//! When a viewer has fallen behind, and when it has caught up.

use std::time::Duration;

/// A send that takes this long means that the socket is full.
const SLOW_SEND: Duration = Duration::from_millis(250);

/// Decides between events and counters for one viewer.
///
/// A viewer lags when it is far behind the head *and* its socket or window is full: reading from the beginning of a long log alone is no lag.
#[derive(Debug)]
pub(super) struct Lag {
    limit: u64,
    socket_full: bool,
    lagging: bool,
}

impl Lag {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            socket_full: false,
            lagging: false,
        }
    }

    /// A frame took this long to send.
    pub(super) fn sent(&mut self, took: Duration) {
        self.socket_full = took >= SLOW_SEND;
    }

    /// Whether the viewer gets counters at present.
    pub(super) fn is_lagging(&self) -> bool {
        self.lagging
    }

    /// Whether to send counters instead of events, given how far behind the viewer is.
    pub(super) fn update(&mut self, behind: u64, window_full: bool) -> Step {
        let full = self.socket_full || window_full;
        match (self.lagging, full) {
            (false, true) if behind > self.limit => {
                self.lagging = true;
                Step::Counters
            }
            (true, true) => Step::Counters,
            (true, false) => {
                self.lagging = false;
                Step::Resume
            }
            (false, true) if window_full => Step::Wait,
            (false, _) => Step::Events,
        }
    }
}

/// What a viewer gets next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Records.
    Events,
    /// Nothing until it acknowledges.
    Wait,
    /// How far it is behind.
    Counters,
    /// One gap up to the head, then records again.
    Resume,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_only_when_behind_and_full() {
        let mut lag = Lag::new(100);
        assert_eq!(lag.update(1_000, false), Step::Events);
        assert_eq!(lag.update(10, true), Step::Wait);
        assert_eq!(lag.update(1_000, true), Step::Counters);
        assert_eq!(lag.update(0, true), Step::Counters);
        assert_eq!(lag.update(1_000, false), Step::Resume);
        assert_eq!(lag.update(1_000, false), Step::Events);
        lag.sent(SLOW_SEND);
        assert_eq!(lag.update(10, false), Step::Events);
        assert_eq!(lag.update(1_000, false), Step::Counters);
        lag.sent(Duration::ZERO);
        assert_eq!(lag.update(1_000, false), Step::Resume);
    }
}
