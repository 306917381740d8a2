//! The events of a session, in the order they are replayed in.

use crate::clock::Timestamp;
use crate::condition::Condition;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Record};
use crate::ids::Seq;
use crate::store::{EventFilter, EventQuery, EventStore, StartAt};

use super::{Moment, ReplayScope, ReplayState};

/// Where the events of a session stand in the log, by `(time, seq)`: 24 bytes each.
#[derive(Debug)]
pub(super) struct Track {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    time: i64,
    seq: u64,
    /// The greatest position up to here: the state to show.
    through: u64,
}

/// Events asked for at a time.
const PAGE: usize = 1000;

impl Track {
    /// Looks up the events of a scope.
    pub(super) async fn read(
        store: &dyn EventStore,
        scope: &ReplayScope,
        max_events: usize,
    ) -> Result<Self> {
        let mut found = Found {
            entries: Vec::new(),
            max_events,
            condition: scope.condition.as_ref(),
        };
        match &scope.members {
            Some(members) => found.members(store, &scope.filter, members).await?,
            None => found.matching(store, &scope.filter).await?,
        }
        let mut entries = found.entries;
        entries.sort_unstable_by_key(|entry| (entry.time, entry.seq));
        let mut through = 0;
        for entry in &mut entries {
            through = through.max(entry.seq);
            entry.through = through;
        }
        entries.shrink_to_fit();
        Ok(Self { entries })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn seq(&self, index: usize) -> Option<Seq> {
        self.entries.get(index).map(|entry| Seq(entry.seq))
    }

    /// The state with the cursor at an index.
    pub(super) fn state(&self, index: usize) -> ReplayState {
        let before = index.checked_sub(1).and_then(|last| self.entries.get(last));
        ReplayState {
            index,
            total: self.len(),
            // The run begins in the world of its time: an empty one would be a lie, and after a retention one that can't be told any more.
            state_at: before
                .map_or_else(
                    || self.entries.first().map(|first| Seq(first.seq).previous()),
                    |entry| Some(Seq(entry.through)),
                )
                .unwrap_or_default(),
            time: before.map(|entry| Timestamp::from_nanos(entry.time)),
            next_time: self
                .entries
                .get(index)
                .map(|entry| Timestamp::from_nanos(entry.time)),
        }
    }

    /// The positions between which all its states lie.
    pub(super) fn range(&self) -> Option<(Seq, Seq)> {
        let first = self.entries.iter().map(|entry| entry.seq).min()?;
        let last = self.entries.last()?.through;
        Some((Seq(first).previous(), Seq(last)))
    }

    pub(super) fn find(&self, moment: Moment) -> usize {
        match moment {
            Moment::Time(time) => self
                .entries
                .partition_point(|entry| entry.time < time.as_nanos()),
            // The event itself where it is one of the session, else the first that shows a later state.
            Moment::Seq(seq) => {
                let is_it = |entry: &Entry| entry.seq == seq.0;
                let place = self.entries.iter().position(is_it);
                place.unwrap_or_else(|| self.entries.partition_point(|entry| entry.through < seq.0))
            }
        }
    }
}

/// Events found so far.
struct Found<'a> {
    entries: Vec<Entry>,
    max_events: usize,
    condition: Option<&'a Condition>,
}

impl Found<'_> {
    fn add(&mut self, event: &Event) -> Result<()> {
        if self
            .condition
            .is_some_and(|condition| !condition.matches(event, &()))
        {
            return Ok(());
        }
        if self.entries.len() >= self.max_events {
            return Err(Error::invalid(format!(
                "more than {} events match: narrow the session by run, trace, session or time",
                self.max_events
            )));
        }
        self.entries.push(Entry {
            time: event.time().as_nanos(),
            seq: event.seq().0,
            through: 0,
        });
        Ok(())
    }

    async fn members(
        &mut self,
        store: &dyn EventStore,
        filter: &EventFilter,
        members: &[Seq],
    ) -> Result<()> {
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        let filter = filter.normalized();
        for (read, seq) in (1_usize..).zip(members) {
            let stored = match store.get(seq).await {
                Ok(stored) => stored,
                // What is deleted can't be replayed; the rest can.
                Err(error) if error.kind() == ErrorKind::Gone => continue,
                Err(error) => return Err(error),
            };
            if let Some(event) = stored.as_ref().and_then(|stored| stored.record.as_event())
                && filter.matches(event)
            {
                self.add(event)?;
            }
            if read.is_multiple_of(PAGE) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Asks the index where few events match, and reads along the log where most do.
    async fn matching(&mut self, store: &dyn EventStore, filter: &EventFilter) -> Result<()> {
        let filter = match self.condition {
            Some(condition) => narrowed(filter, condition),
            None => filter.clone(),
        };
        let stats = store.stats().await?;
        let mut query = EventQuery {
            filter: filter.clone(),
            limit: PAGE,
            up_to: Some(stats.last_seq),
            ..EventQuery::default()
        };
        loop {
            let page = store.query(&query).await?;
            if page.total.count() > stats.events / 4
                && query.cursor.is_none()
                && page.next.is_some()
            {
                return self.along(store, &filter, stats.last_seq).await;
            }
            for stored in &page.events {
                self.add(&stored.event)?;
            }
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(());
            }
            // A page may come without any wait: so that a long search can be given up.
            tokio::task::yield_now().await;
        }
    }

    async fn along(
        &mut self,
        store: &dyn EventStore,
        filter: &EventFilter,
        head: Seq,
    ) -> Result<()> {
        let mut subscription = store.subscribe(StartAt::Beginning, filter.clone()).await?;
        while subscription.position() < head {
            let Some(delivery) = subscription.try_next(4 * PAGE).await? else {
                break;
            };
            for record in &delivery.records {
                if let Record::Event(event) = record
                    && event.seq() <= head
                {
                    self.add(event)?;
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// The filter, with what the condition's own filter adds where the first one says nothing.
fn narrowed(filter: &EventFilter, condition: &Condition) -> EventFilter {
    let more = condition.prefilter();
    EventFilter {
        workspace: filter.workspace.clone().or_else(|| more.workspace.clone()),
        session: filter.session.clone().or_else(|| more.session.clone()),
        trace: filter.trace.clone().or_else(|| more.trace.clone()),
        node: filter.node.clone().or_else(|| more.node.clone()),
        kind: filter.kind.clone().or_else(|| more.kind.clone()),
        id: filter.id.clone().or_else(|| more.id.clone()),
        request_id: filter
            .request_id
            .clone()
            .or_else(|| more.request_id.clone()),
        causation_id: filter
            .causation_id
            .clone()
            .or_else(|| more.causation_id.clone()),
        time: filter.time,
        text: filter.text.clone(),
    }
}
