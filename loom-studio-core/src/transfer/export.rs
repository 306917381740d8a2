//! From the log to lines.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::line;
use crate::error::{ErrorKind, Result};
use crate::event::{Observation, Record};
use crate::ids::Seq;
use crate::store::{EventFilter, EventStore, StartAt, Subscription};

/// Bytes of lines handed out together, about: a chunk ends with the line that reaches them.
const CHUNK_BYTES: usize = 256 << 10;
/// Records read from the store in one step. The store ends a step early when they are large.
const STEP_RECORDS: usize = 1024;
/// Events kept in mind, by name alone, for the observations that follow them.
const RECENT_EVENTS: usize = 4096;

/// What an export has written so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Observations.
    pub observations: u64,
    /// Observations left out because the observed event is no longer stored: nobody could tell what they are about.
    pub orphans: u64,
    /// Positions that retention or a bound deleted before the export reached them. What was deleted before it began doesn't count.
    pub deleted: u64,
    /// Everything up to here is written, filtered out, or counted above.
    pub through: Seq,
    /// Where the export ends.
    pub target: Seq,
}

/// The matching part of a log, as lines of JSON: see `docs/export-format.md`.
///
/// It ends at the position that was the head when it began, holds one step of records at a time, and never holds up a writer. Two exports of the same records are equal, byte for byte.
#[derive(Debug)]
pub struct Export {
    store: Arc<dyn EventStore>,
    subscription: Subscription,
    filter: EventFilter,
    /// Read, not written yet.
    waiting: VecDeque<Record>,
    /// `source` and `id` of the last events written.
    recent: BTreeMap<Seq, (Arc<str>, Arc<str>)>,
    exported: Exported,
    start: Seq,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header,
    Records,
    Ended,
}

impl Export {
    /// Begins an export of the records that match, up to `up_to` (the head when `None`). An observation matches as in a [`Subscription`].
    ///
    /// # Errors
    /// As the store's reads.
    pub async fn new(
        store: Arc<dyn EventStore>,
        filter: EventFilter,
        up_to: Option<Seq>,
    ) -> Result<Self> {
        let head = store.stats().await?.last_seq;
        let filter = filter.normalized();
        let subscription = store.subscribe(StartAt::Beginning, filter.clone()).await?;
        let start = subscription.position();
        let exported = Exported {
            through: start,
            target: up_to.map_or(head, |up_to| up_to.min(head)),
            ..Exported::default()
        };
        Ok(Self {
            store,
            subscription,
            filter,
            waiting: VecDeque::new(),
            recent: BTreeMap::new(),
            exported,
            start,
            phase: Phase::Header,
        })
    }

    /// The next lines, whole ones; `None` after the last. Not cancel-safe: a dropped call may lose lines, so drop the export with it.
    ///
    /// # Errors
    /// As the store's reads. The export can't go on after one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut out = String::new();
        if self.phase == Phase::Header {
            self.phase = Phase::Records;
            let range = (self.start.min(self.exported.target), self.exported.target);
            line::write_header(&mut out, self.store.epoch(), range, &self.filter);
        }
        while self.phase == Phase::Records && out.len() < CHUNK_BYTES {
            match self.waiting.pop_front() {
                Some(record) => self.write(&mut out, &record).await?,
                None if self.exported.through < self.exported.target => self.read().await?,
                None => {
                    line::write_end(&mut out, &self.exported);
                    self.phase = Phase::Ended;
                }
            }
        }
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    /// What was written so far, and how far there is to go.
    pub fn exported(&self) -> Exported {
        self.exported
    }

    /// Reads one step.
    async fn read(&mut self) -> Result<()> {
        let target = self.exported.target;
        let left = target.0.saturating_sub(self.exported.through.0);
        let step = usize::try_from(left)
            .unwrap_or(STEP_RECORDS)
            .min(STEP_RECORDS);
        let Some(delivery) = self.subscription.try_next(step).await? else {
            self.exported.through = target;
            return Ok(());
        };
        if let Some((first, last)) = delivery.gap {
            let last = last.min(target);
            self.exported.deleted += (last.0 + 1).saturating_sub(first.0);
        }
        self.exported.through = delivery.through.min(target);
        let records = delivery.records.into_iter();
        self.waiting
            .extend(records.take_while(|record| record.seq() <= target));
        // A reader of a store in memory never waits: others get their turn between two steps.
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn write(&mut self, out: &mut String, record: &Record) -> Result<()> {
        match record {
            Record::Event(event) => {
                line::write_event(out, event);
                self.exported.events += 1;
                let key = (Arc::clone(event.source()), Arc::clone(event.id()));
                self.recent.insert(event.seq(), key);
                if self.recent.len() > RECENT_EVENTS {
                    self.recent.pop_first();
                }
            }
            Record::Observation(observation) => match self.observed(observation).await? {
                Some((source, id)) => {
                    line::write_observation(out, observation, &source, &id);
                    self.exported.observations += 1;
                }
                None => self.exported.orphans += 1,
            },
        }
        Ok(())
    }

    /// `source` and `id` of the observed event, if it is still stored.
    async fn observed(&self, observation: &Observation) -> Result<Option<(Arc<str>, Arc<str>)>> {
        if let Some(key) = self.recent.get(&observation.of) {
            return Ok(Some(key.clone()));
        }
        let record = match self.store.get(observation.of).await {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::Gone => None,
            Err(error) => return Err(error),
        };
        Ok(record.and_then(|stored| {
            let event = stored.record.as_event()?;
            Some((Arc::clone(event.source()), Arc::clone(event.id())))
        }))
    }
}
