//! Searching a store by a condition: the store's indexes narrow, the condition decides.

use std::ops::RangeInclusive;

use super::Condition;
use super::scan::{End, Scan, position};
use super::view::Context;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::Seq;
use crate::replay::Direction;
use crate::store::{
    Cursor, EventFilter, EventQuery, EventStore, Order, Page, Position, StoredEvent, Total,
};

/// Events a search looks at when the caller has no bound of its own.
pub const DEFAULT_MAX_SCANNED: u64 = 100_000;
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
/// Looks at no more than `max_scanned` events that pass the [prefilter](Condition::prefilter), each beginning 16 KiB of one counted as an event: those behind the cursor first, then, to count them, those before it. The cursor belongs to the query and the condition;
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
    let mut scan = Scan::new(
        store,
        condition,
        context,
        EventQuery {
            offset: 0,
            cursor: None,
            up_to: Some(head),
            ..narrowed
        },
        max_scanned,
    );
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
/// Looks at no more than `max_scanned` events that pass the [prefilter](Condition::prefilter), each beginning 16 KiB of one counted as an event. Works with every backend that takes cursors of this crate. Cancel-safe: it only reads.
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
    let start = (*seqs.start()).max(Seq(1));
    let end = head(store, Some(*seqs.end())).await?;
    let (order, before_first) = match direction {
        Direction::Forward => (Order::Seq, start.previous()),
        Direction::Backward => (Order::SeqDescending, end.next()),
    };
    let mut scan = Scan::new(
        store,
        condition,
        context,
        EventQuery {
            filter: condition.inner().plan.narrow(scope),
            order,
            limit: 1,
            up_to: Some(end),
            ..EventQuery::default()
        },
        max_scanned,
    );
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

/// The query a cursor belongs to: one whose text no store is asked for, because it holds the condition too.
fn with_condition(query: &EventQuery, condition: &Condition) -> EventQuery {
    let mut identity = query.clone();
    let text = query.filter.text.as_deref().unwrap_or_default();
    identity.filter.text = Some(format!("{text}\0{condition}"));
    identity
}
