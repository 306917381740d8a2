//! What was pushed and isn't settled: the open batch, the closed ones that wait, and the count of those on their way. No I/O, no clock, no lock.

use std::collections::VecDeque;

use memchr::memmem;

use super::batch::{Batch, Kind};
use super::config::SenderConfig;
use super::stats::Stats;

/// Entries of more bytes are refused whatever the server takes: offsets within a batch have 32 bits.
const MAX_ENTRY_BYTES: usize = 1 << 30;
/// Emptied batches kept for their memory.
const MAX_SPARE: usize = 4;
const SESSION_MEMBER: &str = "\"studiosession\"";

/// Why an entry was not accepted. It is counted in [`Stats`] too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// As many events or bytes are held as may be.
    #[error("the queue is full")]
    Full,
    /// The entry is larger than the server takes, or than the queue.
    #[error("the event is too large")]
    TooLarge,
    /// The text doesn't begin and end as a JSON object does. (What is between is left to the server.)
    #[error("not a JSON object")]
    Invalid,
    /// The sender was closed.
    #[error("the sender is closed")]
    Closed,
}

/// What the sending thread wants to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is busy and will look by itself.
    Nothing,
    /// A batch that is full; for anything less it looks soon enough by itself.
    FullBatch,
    /// It sleeps.
    Anything,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    max_entries: usize,
    max_bytes: usize,
    batch_entries: usize,
    batch_bytes: usize,
    /// Goes before the closing brace of events without a session.
    session: Option<Session>,
    /// What the server takes, once it has said so.
    pub(super) max_entry_bytes: usize,
    open: Batch,
    closed: VecDeque<Batch>,
    /// The id and the entries of each closed batch that isn't settled, oldest first.
    unsettled: VecDeque<(u64, usize)>,
    last_id: u64,
    spare: Vec<Batch>,
    pub(super) interest: Interest,
    /// Nothing more is accepted.
    pub(super) is_closed: bool,
    /// The counters, and what is held.
    pub(super) stats: Stats,
}

#[derive(Debug)]
struct Session {
    member: memmem::Finder<'static>,
    /// `"studiosession":"…"}`
    tail: String,
}

/// What became of a batch or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Settled {
    pub(super) id: u64,
    pub(super) events: usize,
    pub(super) observations: usize,
    pub(super) bytes: usize,
}

impl Settled {
    pub(super) fn of(batch: &Batch) -> Self {
        Self {
            id: batch.id,
            events: batch.events.len(),
            observations: batch.observations.len(),
            bytes: batch.bytes(),
        }
    }
}

impl Queue {
    pub(super) fn new(config: &SenderConfig) -> Self {
        let session = (!config.session.is_empty()).then(|| Session {
            member: memmem::Finder::new(SESSION_MEMBER),
            tail: format!(
                "{SESSION_MEMBER}:{}}}",
                serde_json::Value::from(&*config.session)
            ),
        });
        Self {
            max_entries: config.max_queued_events,
            max_bytes: config.max_queued_bytes,
            batch_entries: config.batch_events,
            batch_bytes: config.batch_bytes,
            session,
            max_entry_bytes: MAX_ENTRY_BYTES,
            open: Batch::default(),
            closed: VecDeque::new(),
            unsettled: VecDeque::new(),
            last_id: 0,
            spare: Vec::new(),
            interest: Interest::Nothing,
            is_closed: false,
            stats: Stats::default(),
        }
    }

    /// Takes an entry in; tells whether the sending thread must be woken.
    pub(super) fn push(&mut self, kind: Kind, json: &[u8]) -> Result<bool, Refused> {
        let json = json.trim_ascii();
        if self.is_closed {
            self.stats.dropped_closed += 1;
            return Err(Refused::Closed);
        }
        let Some(inner) = json
            .strip_prefix(b"{")
            .and_then(|rest| rest.strip_suffix(b"}"))
        else {
            self.stats.dropped_invalid += 1;
            return Err(Refused::Invalid);
        };
        let session = self
            .session
            .as_ref()
            .filter(|session| kind == Kind::Event && session.member.find(json).is_none());
        let (parts, len): ([&[u8]; 3], usize) = match session {
            None => ([json, b"", b""], json.len()),
            Some(session) => {
                let comma: &[u8] = if inner.trim_ascii().is_empty() {
                    b""
                } else {
                    b","
                };
                let head = json.split_last().map_or(json, |(_, head)| head);
                let tail = session.tail.as_bytes();
                ([head, comma, tail], head.len() + comma.len() + tail.len())
            }
        };
        if len > self.max_entry_bytes.min(MAX_ENTRY_BYTES) || len >= self.max_bytes {
            self.stats.dropped_too_large += 1;
            return Err(Refused::TooLarge);
        }
        // The comma counts.
        let size = len + 1;
        let held = self.stats.queued_events + self.stats.queued_observations;
        if held as usize >= self.max_entries
            || self.stats.queued_bytes as usize + size > self.max_bytes
        {
            self.stats.dropped_full += 1;
            return Err(Refused::Full);
        }

        let mut is_full = false;
        if !self.open.is_empty() && self.open.bytes() + size > self.batch_bytes {
            is_full = close(
                &mut self.open,
                &mut self.closed,
                &mut self.unsettled,
                &mut self.last_id,
                &mut self.spare,
            );
        }
        if self.open.capacity() == 0 {
            // Left untouched, reserved memory costs nothing.
            self.open = Batch::with_capacity(
                self.batch_bytes.min(self.max_bytes),
                self.batch_entries.min(1_024),
            );
        }
        self.open.push(kind, &parts);
        match kind {
            Kind::Event => {
                self.stats.queued_events += 1;
                self.stats.accepted_events += 1;
            }
            Kind::Observation => {
                self.stats.queued_observations += 1;
                self.stats.accepted_observations += 1;
            }
        }
        self.stats.queued_bytes += size as u64;
        if self.open.len() >= self.batch_entries || self.open.bytes() >= self.batch_bytes {
            is_full = self.close_open();
        }
        let wakes = match self.interest {
            Interest::Nothing => false,
            Interest::FullBatch => is_full,
            Interest::Anything => true,
        };
        if wakes {
            self.interest = Interest::Nothing;
        }
        Ok(wakes)
    }

    /// Closes the open batch, however small; false when there is nothing in it.
    pub(super) fn close_open(&mut self) -> bool {
        close(
            &mut self.open,
            &mut self.closed,
            &mut self.unsettled,
            &mut self.last_id,
            &mut self.spare,
        )
    }

    /// The oldest closed batch. It stays counted as held until [`settle`](Self::settle) is told of all its entries.
    pub(super) fn take(&mut self) -> Option<Batch> {
        self.closed.pop_front()
    }

    /// Entries of a batch that are held no more, whatever became of them.
    pub(super) fn settle(&mut self, settled: Settled) {
        self.stats.queued_events -= settled.events as u64;
        self.stats.queued_observations -= settled.observations as u64;
        self.stats.queued_bytes -= settled.bytes as u64;
        // Nearly always the first.
        if let Some((_, entries)) = self.unsettled.iter_mut().find(|(id, _)| *id == settled.id) {
            *entries -= settled.events + settled.observations;
        }
        while self
            .unsettled
            .front()
            .is_some_and(|(_, entries)| *entries == 0)
        {
            self.unsettled.pop_front();
        }
    }

    /// Gives back the memory of a settled batch.
    pub(super) fn recycle(&mut self, mut batch: Batch) {
        let useful = self.batch_bytes / 2..=self.batch_bytes * 2;
        if self.spare.len() < MAX_SPARE && useful.contains(&batch.capacity()) {
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// The id of the last closed batch, 0 before the first.
    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Whether every batch up to this id is settled.
    pub(super) fn is_settled(&self, id: u64) -> bool {
        self.unsettled
            .front()
            .is_none_or(|(oldest, _)| *oldest > id)
    }

    pub(super) fn has_nothing_open(&self) -> bool {
        self.open.is_empty()
    }

    /// Nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.unsettled.is_empty()
    }

    /// Lets go of everything. What was held counts as dropped, and stays unsettled.
    pub(super) fn abandon(&mut self) {
        self.close_open();
        self.is_closed = true;
        self.closed.clear();
        self.spare.clear();
        let stats = &mut self.stats;
        stats.dropped_closed += stats.queued_events + stats.queued_observations;
        stats.queued_events = 0;
        stats.queued_observations = 0;
        stats.queued_bytes = 0;
    }
}

/// A function of the fields, so that the session's text can stay borrowed meanwhile.
fn close(
    open: &mut Batch,
    closed: &mut VecDeque<Batch>,
    unsettled: &mut VecDeque<(u64, usize)>,
    last_id: &mut u64,
    spare: &mut Vec<Batch>,
) -> bool {
    if open.is_empty() {
        return false;
    }
    *last_id += 1;
    let mut batch = if open.bytes() < open.capacity() / 2 {
        // Held memory follows held bytes: many small batches must not each keep the memory of a full one.
        let exact = open.clone();
        open.clear();
        exact
    } else {
        std::mem::replace(open, spare.pop().unwrap_or_default())
    };
    batch.id = *last_id;
    unsettled.push_back((batch.id, batch.len()));
    closed.push_back(batch);
    true
}

#[cfg(test)]
mod tests;
