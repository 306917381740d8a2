//! The events of a query, page by page, tested one by one within a budget.

use std::sync::Arc;

use super::Condition;
use super::view::Context;
use crate::error::Result;
use crate::event::Event;
use crate::ids::Epoch;
use crate::store::{Cursor, EventQuery, EventStore, Position, StoredEvent};

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

/// Where an event stands.
pub(super) fn position(event: &Arc<Event>) -> Position {
    Position {
        time: event.time(),
        seq: event.seq(),
    }
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There was nothing left, or the visitor had enough.
    Complete,
    /// The budget was used up behind this position; behind none, there was none.
    Stopped(Option<Position>),
}

impl End {
    pub(super) fn position(self) -> Option<Position> {
        match self {
            Self::Complete => None,
            Self::Stopped(position) => position,
        }
    }
}

/// Pages of one query, tested event by event within a budget.
pub(super) struct Scan<'a> {
    store: &'a dyn EventStore,
    condition: &'a Condition,
    context: &'a dyn Context,
    query: EventQuery,
    epoch: Epoch,
    /// Events that may still be looked at.
    budget: u64,
    pub(super) scanned: u64,
    /// Bytes looked at since other tasks had a chance.
    bytes: usize,
}

impl<'a> Scan<'a> {
    /// `query` asks for whole matches: its limit is a hint, it has neither cursor nor offset.
    pub(super) fn new(
        store: &'a dyn EventStore,
        condition: &'a Condition,
        context: &'a dyn Context,
        query: EventQuery,
        max_scanned: u64,
    ) -> Self {
        Self {
            epoch: store.epoch(),
            store,
            condition,
            context,
            query,
            budget: max_scanned.max(1),
            scanned: 0,
            bytes: 0,
        }
    }

    /// Visits the matches behind `after` and up to `until`, in order, until the visitor says to stop.
    pub(super) async fn run(
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
