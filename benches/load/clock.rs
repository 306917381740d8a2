//! The clocks of a run: this is a measurement, so it reads real time.

use std::time::Instant;

use loom_studio_core::{Clock as _, SystemClock, Timestamp};

#[expect(clippy::disallowed_methods, reason = "measures elapsed time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time that events carry and viewers compare with.
pub(crate) fn wall() -> Timestamp {
    SystemClock.now()
}
