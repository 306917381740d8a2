//! How a call ended.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::causality::{CALL_TIMEOUT, Fact, Role};
use crate::clock::Timestamp;
use crate::event::{Event, Outcome, members};

/// Prepared once: preparing costs more than searching a short text.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Nanoseconds a caller waits.
pub(super) fn timeout_nanos() -> i64 {
    i64::try_from(CALL_TIMEOUT.as_nanos()).unwrap_or(i64::MAX)
}

/// When the caller of a request stops waiting.
pub(super) fn deadline(start: Timestamp) -> Timestamp {
    start.saturating_add(CALL_TIMEOUT)
}

/// Whether a reply at `end` came when its caller had given up.
pub(super) fn is_late(start: Timestamp, end: Timestamp) -> bool {
    end.nanos_since(start) >= timeout_nanos()
}

/// Whether a fact reports a failure.
pub(super) fn is_error(fact: &Fact) -> bool {
    fact.role == Role::Reply(Outcome::Error)
}

/// Deepest result within results that is looked into.
const MAX_INNER: usize = 8;

/// Whether a reply that says "ok" hands on a result that says "error": a router wraps the answer of the node it chose in `result`.
pub(super) fn has_inner_error(event: &Event) -> bool {
    if event.outcome() != Outcome::Ok {
        return false;
    }
    let Some(mut json) = event.data() else {
        return false;
    };
    if ERROR.find(json.as_bytes()).is_none() {
        return false;
    }
    for depth in 0..MAX_INNER {
        let (mut inner, mut is_error) = (None, false);
        let _ = members(json, |name, value| match name {
            "result" => inner = Some(value),
            "error" => is_error = !matches!(value, "null" | "false" | "\"\""),
            _ => {}
        });
        if is_error && depth > 0 {
            return true;
        }
        match inner {
            Some(inner) => json = inner,
            None => return false,
        }
    }
    false
}
