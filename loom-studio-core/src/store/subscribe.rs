//! Catch-up, then live: one reader's way along the log.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Stream;
use tokio::sync::watch;

use super::{EventFilter, SeqSet};
use crate::condition::Condition;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observation, Record};
use crate::ids::{Epoch, Seq};

/// Events whose answer to the condition is kept in mind for the observations that follow them.
const RECENT_ANSWERS: usize = 4096;
/// Bytes of text tested between two chances for other tasks to run.
const BYTES_PER_TURN: usize = 1 << 20;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// After the newest record.
    Head,
    /// At the oldest record still stored.
    Beginning,
    /// So many records before the head.
    Last(u64),
    /// After a position of an epoch. What retention has deleted since then is named as a gap.
    After {
        /// The last record already known; [`Seq::ZERO`] for none.
        seq: Seq,
        /// The epoch it was read in.
        epoch: Epoch,
    },
}

/// What a subscriber gets next.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Records between the last delivery and `records` that no longer exist.
    pub gap: Option<(Seq, Seq)>,
    /// Records that match, in seq order. An observation matches when its workspace and session do and nothing else is asked for, or the observed event does.
    pub records: Vec<Record>,
    /// Everything up to here was delivered, filtered out or named in a gap.
    pub through: Seq,
}

/// The part of a log after a position.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The oldest position stored; greater than the head when nothing is.
    pub first: Seq,
    /// The newest position.
    pub head: Seq,
    /// Stored records from the wanted position on, contiguous.
    pub records: Vec<Record>,
    /// Whether the observed event matches, for each observation in `records`, in order.
    pub observed_matches: Vec<bool>,
}

/// How a backend feeds its subscriptions.
#[async_trait]
pub trait TailSource: Debug + Send + Sync + 'static {
    /// Up to `max_records` records after `after`. `filter` is normalized and only decides `observed_matches`.
    async fn read_tail(&self, after: Seq, max_records: usize, filter: &EventFilter)
    -> Result<Tail>;
}

/// One reader's way along the log. It holds a position and no records, so a reader that never reads costs nothing, however far it falls behind.
#[derive(Debug)]
pub struct Subscription {
    source: Arc<dyn TailSource>,
    head: watch::Receiver<Seq>,
    after: Seq,
    filter: EventFilter,
    condition: Option<Condition>,
    within: Option<SeqSet>,
    /// Whether the condition holds for the last events tested.
    answers: BTreeMap<Seq, bool>,
}

impl Subscription {
    /// A subscription for a backend: `head` follows the newest durable position, `first` is the oldest position stored now (above the head when nothing is).
    ///
    /// What was deleted before is no gap in "the beginning" or "the last n"; what is deleted from now on is one.
    ///
    /// # Errors
    /// `EpochMismatch` or `Invalid` when `start` is no position of this log.
    pub fn new(
        source: Arc<dyn TailSource>,
        head: watch::Receiver<Seq>,
        epoch: Epoch,
        first: Seq,
        start: StartAt,
        filter: &EventFilter,
    ) -> Result<Self> {
        let newest = *head.borrow();
        let after = match start {
            StartAt::Head => newest,
            StartAt::Beginning => first.previous(),
            StartAt::Last(count) => Seq(newest.0.saturating_sub(count)).max(first.previous()),
            StartAt::After { epoch: theirs, .. } if theirs != epoch => {
                return Err(Error::epoch_mismatch());
            }
            StartAt::After { seq, .. } if seq > newest => {
                return Err(Error::invalid(format!(
                    "position {seq} lies beyond the head {newest}"
                )));
            }
            StartAt::After { seq, .. } => seq,
        };
        Ok(Self {
            source,
            head,
            after,
            filter: filter.normalized(),
            condition: None,
            within: None,
            answers: BTreeMap::new(),
        })
    }

    /// Delivers only events for which a condition holds too, and the observations about them. A condition on `duration` never holds: no duration is known here.
    ///
    /// An observation costs a read of its event when that lies more than some thousand tested events back; it matches no more once the event is deleted.
    #[must_use]
    pub fn matching(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Delivers only events at these positions, and the observations about them.
    #[must_use]
    pub fn within(mut self, set: SeqSet) -> Self {
        self.within = Some(set);
        self
    }

    /// The next records, at most about `max_records`; waits until there is at least one new record, matching or not.
    ///
    /// Cancel-safe: a dropped call delivers nothing and loses nothing.
    ///
    /// # Errors
    /// `Closed` when the store was closed and everything was delivered.
    pub async fn next(&mut self, max_records: usize) -> Result<Delivery> {
        loop {
            if let Some(delivery) = self.try_next(max_records).await? {
                return Ok(delivery);
            }
            self.head
                .changed()
                .await
                .map_err(|_| Error::new(ErrorKind::Closed, "the store was closed"))?;
        }
    }

    /// The deliveries as a stream, each of about `max_records` at most. Ends after the first error.
    pub fn into_stream(self, max_records: usize) -> impl Stream<Item = Result<Delivery>> + Send {
        futures::stream::unfold(Some(self), move |state| async move {
            let mut subscription = state?;
            let delivery = subscription.next(max_records).await;
            let state = delivery.is_ok().then_some(subscription);
            Some((delivery, state))
        })
    }

    /// The next records if there are any now. Cancel-safe, as [`next`](Self::next).
    ///
    /// # Errors
    /// As the backend's read.
    pub async fn try_next(&mut self, max_records: usize) -> Result<Option<Delivery>> {
        self.head.mark_unchanged();
        let after = self.after;
        if *self.head.borrow() <= after {
            return Ok(None);
        }
        let tail = self
            .source
            .read_tail(after, max_records.max(1), &self.filter)
            .await?;
        let resumed = tail.records.first().map_or(tail.head.next(), Record::seq);
        let gap = (resumed > after.next()).then(|| (after.next(), resumed.previous()));
        let through = tail.records.last().map_or(tail.head, Record::seq);
        let mut observed = tail.observed_matches.iter().copied();
        let mut records = tail.records;
        records.retain(|record| match record {
            Record::Event(event) => self.filter.matches(event) && self.contains(event.seq()),
            Record::Observation(observation) => {
                observed.next().unwrap_or(false) && self.contains(observation.of)
            }
        });
        if let Some(condition) = self.condition.clone() {
            records = self.holding(&condition, records).await?;
        }
        self.after = through;
        Ok(Some(Delivery {
            gap,
            records,
            through,
        }))
    }

    fn contains(&self, seq: Seq) -> bool {
        self.within.as_ref().is_none_or(|set| set.contains(seq))
    }

    /// The records for which the condition holds. Dropped midway it leaves answers behind, which stay true.
    async fn holding(
        &mut self,
        condition: &Condition,
        records: Vec<Record>,
    ) -> Result<Vec<Record>> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        for record in records {
            let holds = match &record {
                Record::Event(event) => {
                    bytes += event.raw().len();
                    self.holds(condition, event)
                }
                Record::Observation(observation) => self.held(condition, observation).await?,
            };
            if bytes >= BYTES_PER_TURN {
                bytes = 0;
                tokio::task::yield_now().await;
            }
            if holds {
                held.push(record);
            }
        }
        Ok(held)
    }

    fn holds(&mut self, condition: &Condition, event: &Event) -> bool {
        let holds = condition.matches(event, &());
        self.answers.insert(event.seq(), holds);
        if self.answers.len() > RECENT_ANSWERS {
            self.answers.pop_first();
        }
        holds
    }

    /// Whether the condition holds for the observed event.
    async fn held(&mut self, condition: &Condition, observation: &Observation) -> Result<bool> {
        if let Some(holds) = self.answers.get(&observation.of) {
            return Ok(*holds);
        }
        let all = EventFilter::default();
        let before = observation.of.previous();
        let tail = self.source.read_tail(before, 1, &all).await?;
        let record = tail.records.into_iter().next();
        Ok(
            match record.filter(|record| record.seq() == observation.of) {
                Some(Record::Event(event)) => self.holds(condition, &event),
                Some(Record::Observation(_)) | None => false,
            },
        )
    }

    /// The last position delivered, filtered out or skipped.
    pub fn position(&self) -> Seq {
        self.after
    }

    /// How many records lie between this reader and the head.
    pub fn lag(&self) -> u64 {
        self.head.borrow().0.saturating_sub(self.after.0)
    }

    /// Passes over everything up to the head and returns the skipped range, if any: for a reader that can't keep up.
    pub fn skip_to_head(&mut self) -> Option<(Seq, Seq)> {
        let (from, head) = (self.after.next(), *self.head.borrow_and_update());
        (head >= from).then(|| {
            self.after = head;
            (from, head)
        })
    }
}
