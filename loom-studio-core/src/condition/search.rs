//! Searching a store by a condition: the store's indexes narrow, the condition decides.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::Condition;
use super::view::Context;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ids::{Epoch, Seq};
use crate::replay::Direction;
use crate::store::{
    Cursor, EventFilter, EventQuery, EventStore, Order, Page, Position, StoredEvent, Total,
};

/// Events a search looks at when the caller has no bound of its own.
pub const DEFAULT_MAX_SCANNED: u64 = 100_000;
/// Events of the first page that is asked of the store, at least.
const FIRST_PAGE: usize = 64;
/// Events of the longest page: a store may count the matches anew for each, so pages grow; and it holds a page in memory, so they stop growing.
const LONGEST_PAGE: usize = 4096;
/// Bytes of the longest page, judged by the page before.
const PAGE_BYTES: usize = 1 << 24;
/// An event of more bytes counts as several.
const EVENT_BYTES: usize = 1 << 14;
/// Bytes of text looked at between two chances for other tasks to run.
const BYTES_PER_TURN: usize = 1 << 20;

/// What a search found, and how far it looked.
#[derive(Debug, Clone)]
pub struct Search {
    /// The events that match. The total is [`Total::AtLeast`] when the search stopped at its bound; the page may then hold fewer events than the limit, even none, and still have a next one.
    pub page: Page,
    /// How many events were looked at. 0 when the store's indexes answered alone.
    pub scanned: u64,
    /// The time and position of the last event that was looked at in the wanted order; `None` when there was none left behind it.
    pub stopped_at: Option<(Timestamp, Seq)>,
}

/// The events within `query.filter` for which the condition holds, a page at a time.
///
/// Looks at no more than `max_scanned` events that pass the [prefilter](Condition::prefilter), one of more than 16 KiB counted as several, and at whole pages of the store: those behind the cursor first, then, to count them, those before it. The cursor belongs to the query and the condition;
/// `query.offset` passes over matches among those looked at. All pages asked of the store are as of one position, so that what is appended meanwhile changes nothing.
///
/// Works with every backend that takes cursors of this crate. Cancel-safe: it only reads.
///
/// # Errors
/// As [`EventStore::query`]; `Invalid` for a limit of 0 or a cursor of another query or condition.
pub async fn search(
    store: &dyn EventStore,
    query: &EventQuery,
    condition: &Condition,
    context: &dyn Context,
    max_scanned: u64,
) -> Result<Search> {
    if query.limit == 0 {
        return Err(Error::invalid("limit: must be at least 1"));
    }
    let narrowed = EventQuery {
        filter: condition.inner().plan.narrow(&query.filter),
        ..query.clone()
    };
    if condition.is_exact_in(&narrowed.filter) {
        let page = store.query(&narrowed).await?;
        return Ok(Search {
            page,
            scanned: 0,
            stopped_at: None,
        });
    }
    let epoch = store.epoch();
    let identity = with_condition(query, condition);
    let after = query
        .cursor
        .as_ref()
        .map(|cursor| cursor.decode(epoch, &identity))
        .transpose()?;
    let head = head(store, query.up_to).await?;
    let mut scan = Scan {
        store,
        condition,
        context,
        query: EventQuery {
            offset: 0,
            cursor: None,
            up_to: Some(head),
            ..narrowed
        },
        epoch,
        budget: max_scanned.max(1),
        scanned: 0,
        bytes: 0,
    };
    let wanted = query.limit.saturating_add(query.offset).saturating_add(1);
    let (mut matches, mut count) = (Vec::new(), 0_u64);
    let stopped = scan
        .run(after, None, |stored| {
            count += 1;
            if matches.len() < wanted {
                matches.push(stored);
            }
            true
        })
        .await?;
    let mut is_complete = stopped == End::Complete;
    if let Some(after) = after
        && is_complete
    {
        let before = scan.run(None, Some(after), |_| {
            count += 1;
            true
        });
        is_complete = before.await? == End::Complete;
    }
    let stopped = stopped.position();
    let mut rest = matches.into_iter().skip(query.offset);
    let events: Vec<StoredEvent> = rest.by_ref().take(query.limit).collect();
    let last = events.last().map(|stored| position(&stored.event));
    let next = rest.next().and(last).or(stopped);
    Ok(Search {
        page: Page {
            events,
            total: if is_complete {
                Total::Exact(count)
            } else {
                Total::AtLeast(count)
            },
            next: next.map(|position| Cursor::encode(epoch, &identity, position)),
            epoch,
            head,
        },
        scanned: scan.scanned,
        stopped_at: stopped.map(|position| (position.time, position.seq)),
    })
}

/// Where a condition became true, or how far it surely didn't.
#[derive(Debug, Clone)]
pub struct FirstMatch {
    /// The first event, in the direction, for which the condition holds.
    pub found: Option<StoredEvent>,
    /// Everything between the beginning of the range, in the direction, and here was looked at, this position included. The event found, if there is one.
    pub scanned_through: Seq,
    /// Whether there is an answer: an event was found, or there is none in the range. If not, the search stopped at its bound and goes on behind `scanned_through`.
    pub is_complete: bool,
    /// How many events were looked at.
    pub scanned: u64,
}

/// When a condition first became true: the first event of `seqs` in the direction ([`Direction::Backward`]: the last one) that is within `scope` and for which the condition holds.
///
/// Looks at no more than `max_scanned` events that pass the [prefilter](Condition::prefilter), one of more than 16 KiB counted as several, and at whole pages of the store. Works with every backend that takes cursors of this crate. Cancel-safe: it only reads.
///
/// # Errors
/// As [`EventStore::query`]. What retention has deleted is not there, and is no error.
pub async fn first_match(
    store: &dyn EventStore,
    scope: &EventFilter,
    condition: &Condition,
    context: &dyn Context,
    seqs: RangeInclusive<Seq>,
    direction: Direction,
    max_scanned: u64,
) -> Result<FirstMatch> {
    let epoch = store.epoch();
    let start = (*seqs.start()).max(Seq(1));
    let end = head(store, Some(*seqs.end())).await?;
    let (order, before_first) = match direction {
        Direction::Forward => (Order::Seq, start.previous()),
        Direction::Backward => (Order::SeqDescending, end.next()),
    };
    let mut scan = Scan {
        store,
        condition,
        context,
        query: EventQuery {
            filter: condition.inner().plan.narrow(scope),
            order,
            limit: 1,
            up_to: Some(end),
            ..EventQuery::default()
        },
        epoch,
        budget: max_scanned.max(1),
        scanned: 0,
        bytes: 0,
    };
    let at = |seq| Position {
        time: Timestamp::default(),
        seq,
    };
    let mut found = None;
    let stopped = if start > end {
        End::Complete
    } else {
        let until = (direction == Direction::Backward).then(|| at(start));
        scan.run(Some(at(before_first)), until, |stored| {
            found = Some(stored);
            false
        })
        .await?
    };
    let scanned_through = match (&found, stopped.position(), direction) {
        (Some(stored), ..) => stored.event.seq(),
        (None, Some(position), _) => position.seq,
        (None, None, Direction::Forward) => end,
        (None, None, Direction::Backward) => start,
    };
    Ok(FirstMatch {
        is_complete: found.is_some() || stopped == End::Complete,
        found,
        scanned_through,
        scanned: scan.scanned,
    })
}

async fn head(store: &dyn EventStore, up_to: Option<Seq>) -> Result<Seq> {
    let head = store.stats().await?.last_seq;
    Ok(up_to.map_or(head, |up_to| up_to.min(head)))
}

fn position(event: &Arc<Event>) -> Position {
    Position {
        time: event.time(),
        seq: event.seq(),
    }
}

/// The query a cursor belongs to: one whose text no store is asked for, because it holds the condition too.
fn with_condition(query: &EventQuery, condition: &Condition) -> EventQuery {
    let mut identity = query.clone();
    let text = query.filter.text.as_deref().unwrap_or_default();
    identity.filter.text = Some(format!("{text}\0{condition}"));
    identity
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There was nothing left, or the visitor had enough.
    Complete,
    /// The budget was used up behind this position; behind none, there was none.
    Stopped(Option<Position>),
}

impl End {
    fn position(self) -> Option<Position> {
        match self {
            Self::Complete => None,
            Self::Stopped(position) => position,
        }
    }
}

/// Pages of one query, tested event by event within a budget.
struct Scan<'a> {
    store: &'a dyn EventStore,
    condition: &'a Condition,
    context: &'a dyn Context,
    query: EventQuery,
    epoch: Epoch,
    /// Events that may still be looked at.
    budget: u64,
    scanned: u64,
    /// Bytes looked at since other tasks had a chance.
    bytes: usize,
}

impl Scan<'_> {
    /// Visits the matches behind `after` and up to `until`, in order, until the visitor says to stop.
    async fn run(
        &mut self,
        after: Option<Position>,
        until: Option<Position>,
        mut visit: impl FnMut(StoredEvent) -> bool,
    ) -> Result<End> {
        let order = self.query.order;
        let key = |position: Position| order.key(position.time, position.seq);
        let until = until.map(key);
        let mut reached = after;
        let mut cursor = after.map(|position| Cursor::encode(self.epoch, &self.query, position));
        let mut limit = self.query.limit.clamp(FIRST_PAGE, LONGEST_PAGE);
        loop {
            if self.budget == 0 {
                return Ok(End::Stopped(reached));
            }
            let affordable = usize::try_from(self.budget).unwrap_or(usize::MAX);
            let asked = limit.min(affordable);
            let page = self
                .store
                .query(&EventQuery {
                    limit: asked,
                    cursor: cursor.take(),
                    ..self.query.clone()
                })
                .await?;
            if page.events.is_empty() {
                // The text of the scope was looked for in a whole page of others.
                self.budget = self.budget.saturating_sub(asked as u64);
            }
            let (count, mut page_bytes) = (page.events.len(), 0);
            for stored in page.events {
                let position = position(&stored.event);
                if until.is_some_and(|until| key(position) > until) {
                    return Ok(End::Complete);
                }
                let size = stored.event.raw().len();
                let cost = 1 + (size / EVENT_BYTES) as u64;
                self.budget = self.budget.saturating_sub(cost);
                self.scanned += 1;
                self.bytes += size;
                page_bytes += size;
                if self.bytes >= BYTES_PER_TURN {
                    self.bytes = 0;
                    tokio::task::yield_now().await;
                }
                if self.condition.matches(&stored.event, self.context) && !visit(stored) {
                    return Ok(End::Complete);
                }
            }
            let Some(next) = page.next else {
                return Ok(End::Complete);
            };
            reached = Some(next.decode(self.epoch, &self.query)?);
            cursor = Some(next);
            let fitting = (PAGE_BYTES / (page_bytes / count.max(1)).max(1)).max(1);
            limit = limit.saturating_mul(4).min(LONGEST_PAGE).min(fitting);
        }
    }
}
