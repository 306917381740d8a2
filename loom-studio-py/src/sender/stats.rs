//! What became of what was pushed.

use std::fmt;

/// A picture of one sender at a moment. Counters count from its start; those of entries count events and observations alike unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events held now: in the open batch, waiting, or sent and not acknowledged.
    pub queued_events: u64,
    /// Observations held now.
    pub queued_observations: u64,
    /// Bytes of JSON held now.
    pub queued_bytes: u64,
    /// Events accepted by `push`.
    pub accepted_events: u64,
    /// Observations accepted by `observe`.
    pub accepted_observations: u64,
    /// Events written to a socket; those written again after a reconnect count again.
    pub sent_events: u64,
    /// Batches written to a socket, repeats included.
    pub sent_batches: u64,
    /// Bytes of frames written to a socket, before WebSocket framing and TLS.
    pub sent_bytes: u64,
    /// Events in batches that were acknowledged, rejected ones excepted. A server without acknowledgements acknowledges by taking a frame.
    pub acknowledged_events: u64,
    /// The same of observations.
    pub acknowledged_observations: u64,
    /// Entries the server had already.
    pub duplicates: u64,
    /// Entries the server refused for good, each for a reason of its own; the last one is in `last_error`.
    pub rejected: u64,
    /// Entries refused because as many events or bytes were held as may be.
    pub dropped_full: u64,
    /// Entries larger than the server takes.
    pub dropped_too_large: u64,
    /// Entries that are no JSON object.
    pub dropped_invalid: u64,
    /// Entries pushed after, or not known to be delivered at, the close.
    pub dropped_closed: u64,
    /// Observations not sent, since the server doesn't speak `loom-studio.v1`.
    pub observations_unsupported: u64,
    /// Times a batch was refused whole and kept for later.
    pub refused_batches: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// A connection is established.
    pub connected: bool,
    /// What the server of the present or last connection speaks.
    pub protocol: Option<Protocol>,
    /// What went wrong last, for a person; it never shows a token or an event.
    pub last_error: Option<String>,
}

impl Stats {
    /// Entries that will never arrive, for whatever reason.
    pub fn lost(&self) -> u64 {
        self.rejected
            + self.dropped_full
            + self.dropped_too_large
            + self.dropped_invalid
            + self.dropped_closed
            + self.observations_unsupported
    }
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `loom-studio.v1`: acknowledgements, credit, compression.
    V1,
    /// The original form: nothing is answered.
    Original,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "loom-studio.v1",
            Self::Original => "original",
        })
    }
}
