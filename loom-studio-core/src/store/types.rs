//! What goes into a store, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::{Phase, Reject, RejectCode};
use crate::ids::Seq;

/// One entry of a batch, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A CloudEvents JSON object.
    Event(Bytes),
    /// An observation object: `source`, `of`, `phase`, `at`, `changed`.
    Observation(Bytes),
    /// A record of another log.
    Recorded(Box<Recorded>),
}

/// A record of another log, with what can't be settled a second time: the session and the moment that log filed it under are taken as they are, whatever the text says.
/// Its position and its time of receipt are the store's own, so that retention counts from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// An event.
    Event {
        /// The session it belongs to.
        session: Arc<str>,
        /// When it happened.
        time: Timestamp,
        /// A CloudEvents JSON object.
        json: Bytes,
    },
    /// An observation; it belongs to the session of its event.
    Observation {
        /// `source` of the observed event, as written.
        source: Arc<str>,
        /// `id` of the observed event.
        of: Arc<str>,
        /// What was observed.
        phase: Phase,
        /// When it was observed.
        at: Timestamp,
        /// The event's members that had changed by then: a JSON object.
        changed: Bytes,
    },
}

impl Incoming {
    /// The JSON text it holds.
    pub fn text(&self) -> &Bytes {
        match self {
            Self::Event(json) | Self::Observation(json) => json,
            Self::Recorded(recorded) => match &**recorded {
                Recorded::Event { json, .. } => json,
                Recorded::Observation { changed, .. } => changed,
            },
        }
    }
}

/// Events to store together.
#[derive(Debug, Clone)]
pub struct AppendBatch {
    /// The tenant they belong to.
    pub workspace: Arc<str>,
    /// The session of events that don't name one.
    pub session: Arc<str>,
    /// The entries, in order.
    pub items: Vec<Incoming>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// The first and the last seq the batch got; `None` when it added no record.
    pub seqs: Option<(Seq, Seq)>,
    /// Entries that were already stored.
    pub duplicates: u64,
    /// Entries that break a rule, by index.
    pub rejected: Vec<Rejected>,
}

impl Appended {
    /// How many records were added.
    pub fn added(&self) -> u64 {
        self.seqs.map_or(0, |(first, last)| last.0 - first.0 + 1)
    }
}

/// One rejected entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its index in the batch.
    pub index: usize,
    /// The broken rule.
    pub code: RejectCode,
    /// The rule in words.
    pub detail: String,
}

impl Rejected {
    pub(crate) fn new(index: usize, reject: Reject) -> Self {
        Self {
            index,
            code: reject.code,
            detail: reject.detail,
        }
    }
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Acknowledged records survive the end of the process and a power cut.
    pub durable: bool,
    /// The store drops its oldest records by itself to stay within its bounds.
    pub bounded: bool,
}

/// Whether appends are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Reads and appends work.
    Ready,
    /// Reads work, appends are refused for this reason.
    ReadOnly(String),
}

/// What to keep. Both limits hold; `None` means no limit.
///
/// A backend deletes whole units (chunks, segments): a unit that holds any record within `max_age` stays, and a unit that crosses `max_bytes` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetainPolicy {
    /// Delete records received longer ago than this.
    pub max_age: Option<Duration>,
    /// Delete the oldest records above this many bytes.
    pub max_bytes: Option<u64>,
}

/// What retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Records deleted.
    pub deleted_records: u64,
    /// The oldest position still stored; [`Seq::ZERO`] when nothing is.
    pub first_seq: Seq,
}

/// Counts and sizes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Events stored.
    pub events: u64,
    /// Observations stored.
    pub observations: u64,
    /// Bytes of JSON text stored, uncompressed.
    pub payload_bytes: u64,
    /// Bytes the store occupies, its own estimate.
    pub stored_bytes: u64,
    /// The oldest position still stored; [`Seq::ZERO`] when the store is empty.
    pub first_seq: Seq,
    /// The newest position; [`Seq::ZERO`] when nothing was ever stored.
    pub last_seq: Seq,
    /// When the oldest record still stored was received.
    pub oldest_received: Option<Timestamp>,
    /// Records that left by retention or bounds since the store was opened.
    pub dropped_records: u64,
    /// Segments, the one that is written to included; 0 for a store without any.
    pub segments: u64,
    /// Bytes of JSON text stored durably since the store was opened; 0, like the figures below, for a store that isn't durable.
    pub accepted_bytes: u64,
    /// Bytes written to the disk since the store was opened, indexes included.
    pub written_bytes: u64,
    /// Commit groups (one sync each) since the store was opened.
    pub groups: u64,
    /// Records in those groups.
    pub group_records: u64,
    /// Bytes written in those groups.
    pub group_bytes: u64,
}

impl StoreStats {
    /// Bytes written to the disk per byte of JSON text accepted, since the store was opened; `None` before the first.
    pub fn write_amplification(&self) -> Option<f64> {
        ratio(self.written_bytes, self.accepted_bytes)
    }

    /// Mean records of a commit group since the store was opened; `None` before the first.
    pub fn mean_group_records(&self) -> Option<f64> {
        ratio(self.group_records, self.groups)
    }

    /// Mean bytes of a commit group since the store was opened; `None` before the first.
    pub fn mean_group_bytes(&self) -> Option<f64> {
        ratio(self.group_bytes, self.groups)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
