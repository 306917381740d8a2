//! Questions to a store, and its answers.

use std::str::FromStr;
use std::sync::Arc;

use super::{Cursor, EventFilter, SeqSet};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{Event, Stamps};
use crate::ids::{Epoch, Seq};

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Arrival, oldest first.
    #[default]
    Seq,
    /// Arrival, newest first.
    SeqDescending,
    /// Event time, then arrival, oldest first.
    Time,
    /// Event time, then arrival, newest first.
    TimeDescending,
}

impl Order {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seq => "seq",
            Self::SeqDescending => "-seq",
            Self::Time => "time",
            Self::TimeDescending => "-time",
        }
    }

    pub(crate) fn by_time(self) -> bool {
        matches!(self, Self::Time | Self::TimeDescending)
    }

    pub(crate) fn descending(self) -> bool {
        matches!(self, Self::SeqDescending | Self::TimeDescending)
    }

    /// Where an event stands in this order: ascending keys are the order of the page.
    pub(crate) fn key(self, time: Timestamp, seq: Seq) -> (i128, i128) {
        let sign = if self.descending() { -1 } else { 1 };
        let time = if self.by_time() {
            i128::from(time.as_nanos())
        } else {
            0
        };
        (sign * time, sign * i128::from(seq.0))
    }
}

impl FromStr for Order {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [
            Self::Seq,
            Self::SeqDescending,
            Self::Time,
            Self::TimeDescending,
        ]
        .into_iter()
        .find(|order| order.as_str() == text)
        .ok_or_else(|| Error::invalid("order: expected seq, -seq, time or -time"))
    }
}

/// A question for events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// Only those at these positions, such as the events of a run.
    pub within: Option<SeqSet>,
    /// In which order.
    pub order: Order,
    /// How many at most; at least 1.
    pub limit: usize,
    /// How many matches to pass over, counted from the cursor or the beginning.
    pub offset: usize,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Answer as of this position: later records don't exist.
    pub up_to: Option<Seq>,
    /// How many bytes of JSON text a free-text condition may read before it stops (one event is always read). The total is then `AtLeast`, and the page may hold
    /// fewer events than `limit`, even none, and still have a next one.
    pub max_text_bytes: u64,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            filter: EventFilter::default(),
            within: None,
            order: Order::default(),
            limit: 100,
            offset: 0,
            cursor: None,
            up_to: None,
            max_text_bytes: 1 << 30,
        }
    }
}

/// How many events match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Exactly so many.
    Exact(u64),
    /// At least so many: a text scan stopped at its limit.
    AtLeast(u64),
}

impl Total {
    /// The number.
    pub fn count(self) -> u64 {
        match self {
            Self::Exact(count) | Self::AtLeast(count) => count,
        }
    }
}

/// A stored event with what is known of its dispatch.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The event.
    pub event: Arc<Event>,
    /// When it was dispatched and published, its observations included.
    pub stamps: Stamps,
}

/// One page of an answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events, in order.
    pub events: Vec<StoredEvent>,
    /// How many events match in all, whatever the page, cursor and offset.
    pub total: Total,
    /// Where the next page begins; `None` after the last one. The offset isn't part of it: a caller that goes on asks without one. A cursor stays good across appends, sealing and retention.
    pub next: Option<Cursor>,
    /// The store's epoch.
    pub epoch: Epoch,
    /// The newest position the answer took into account.
    pub head: Seq,
}
