//! Queries: over the shortest posting list, or over a snapshot of the chunks; never under the lock for longer than it takes to copy pointers.

use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::log::{Chunk, Log};
use super::{Shared, StoredEvent};
use crate::error::{Error, Result};
use crate::event::{Event, Record};
use crate::ids::{Epoch, Seq};
use crate::store::cursor::Position;
use crate::store::{Cursor, EventFilter, EventQuery, Order, Page, Total};

/// Candidates up to this many are picked out under the lock; more are looked up in a snapshot.
const PICK_LIMIT: usize = 4096;
/// Events tested between two chances for other tasks to run.
const TESTS_PER_TURN: usize = 8192;

/// Where matches are looked for.
enum Candidates {
    Picked(Vec<Arc<Event>>),
    Snapshot {
        chunks: VecDeque<Chunk>,
        active: Vec<Record>,
    },
}

impl Candidates {
    fn take(log: &Log, filter: &EventFilter) -> Self {
        match log.candidates(filter) {
            Some(seqs) if seqs.len() <= PICK_LIMIT => Self::Picked(
                seqs.into_iter()
                    .filter_map(|seq| log.event(seq).cloned())
                    .collect(),
            ),
            _ => Self::Snapshot {
                chunks: log.chunks.clone(),
                active: log.active.clone(),
            },
        }
    }

    /// In seq order, or against it.
    fn iter(&self, descending: bool) -> Box<dyn Iterator<Item = &Arc<Event>> + Send + '_> {
        match self {
            Self::Picked(events) if descending => Box::new(events.iter().rev()),
            Self::Picked(events) => Box::new(events.iter()),
            Self::Snapshot { chunks, active } => {
                let records = chunks
                    .iter()
                    .flat_map(|chunk| chunk.records.iter())
                    .chain(active);
                if descending {
                    Box::new(records.rev().filter_map(Record::as_event))
                } else {
                    Box::new(records.filter_map(Record::as_event))
                }
            }
        }
    }
}

/// A match and where it stands in the wanted order.
struct Ranked {
    key: (i128, i128),
    event: Arc<Event>,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Ranked {}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

pub(super) async fn run(shared: &Shared, epoch: Epoch, query: &EventQuery) -> Result<Page> {
    if query.limit == 0 {
        return Err(Error::invalid("limit: must be at least 1"));
    }
    let filter = query.filter.normalized();
    let after = query
        .cursor
        .as_ref()
        .map(|cursor| cursor.decode(epoch, query))
        .transpose()?;
    let (candidates, head, known_total) = {
        let log = shared.read();
        let head = query
            .up_to
            .map_or(log.head(), |up_to| up_to.min(log.head()));
        let counts_all = filter.is_workspace_only() && head == log.head();
        let known_total = counts_all.then(|| log.workspace_events(filter.workspace.as_deref()));
        (Candidates::take(&log, &filter), head, known_total)
    };
    let mut search = Search::new(query, &filter, after, head, known_total);
    for (index, event) in candidates.iter(query.order.descending()).enumerate() {
        if index % TESTS_PER_TURN == TESTS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        if search.visit(event).is_break() {
            break;
        }
    }
    let (matches, total, next) = search.finish(epoch, query);
    let log = shared.read();
    let events = matches
        .into_iter()
        .map(|event| StoredEvent {
            stamps: log.stamps(&event),
            event,
        })
        .collect();
    Ok(Page {
        events,
        total,
        next,
        epoch,
        head,
    })
}

struct Search<'a> {
    filter: &'a EventFilter,
    order: Order,
    after: Option<(i128, i128)>,
    head: Seq,
    known_total: Option<u64>,
    /// How many matches of the page, those to pass over and one more to know whether there is a next page.
    wanted: usize,
    best: BinaryHeap<Ranked>,
    matched: u64,
    text_bytes_left: Option<u64>,
    stopped_at: Option<Position>,
}

impl<'a> Search<'a> {
    fn new(
        query: &EventQuery,
        filter: &'a EventFilter,
        after: Option<Position>,
        head: Seq,
        known_total: Option<u64>,
    ) -> Self {
        Self {
            filter,
            order: query.order,
            after: after.map(|position| query.order.key(position.time, position.seq)),
            head,
            known_total,
            wanted: query.limit.saturating_add(query.offset).saturating_add(1),
            best: BinaryHeap::new(),
            matched: 0,
            text_bytes_left: filter.text.is_some().then_some(query.max_text_bytes),
            stopped_at: None,
        }
    }

    fn visit(&mut self, event: &Arc<Event>) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};

        if event.seq() > self.head {
            return Continue(());
        }
        if let Some(left) = &mut self.text_bytes_left {
            let size = event.raw().len() as u64;
            if *left < size {
                self.stopped_at = Some(Position {
                    time: event.time(),
                    seq: event.seq(),
                });
                return Break(());
            }
            *left -= size;
        }
        if !self.filter.matches(event) {
            return Continue(());
        }
        self.matched += 1;
        let key = self.order.key(event.time(), event.seq());
        if self.after.is_some_and(|after| key <= after) {
            return Continue(());
        }
        if self.best.len() < self.wanted {
            self.best.push(Ranked {
                key,
                event: Arc::clone(event),
            });
        } else if self.best.peek().is_some_and(|worst| key < worst.key) {
            self.best.pop();
            self.best.push(Ranked {
                key,
                event: Arc::clone(event),
            });
        } else if self.known_total.is_some() && !self.order.by_time() {
            // Visited in the wanted order: nothing better can follow, and the total needs no counting.
            return Break(());
        }
        Continue(())
    }

    fn finish(self, epoch: Epoch, query: &EventQuery) -> (Vec<Arc<Event>>, Total, Option<Cursor>) {
        let more = self.best.len() >= self.wanted;
        let mut matches: Vec<Arc<Event>> = self
            .best
            .into_sorted_vec()
            .into_iter()
            .map(|ranked| ranked.event)
            .collect();
        if more {
            matches.pop();
        }
        matches.drain(..query.offset.min(matches.len()));
        let total = match (self.known_total, self.stopped_at) {
            (Some(total), _) => Total::Exact(total),
            (None, None) => Total::Exact(self.matched),
            (None, Some(_)) => Total::AtLeast(self.matched),
        };
        let last = matches.last().map(|event| Position {
            time: event.time(),
            seq: event.seq(),
        });
        let next = last
            .filter(|_| more)
            .map(|position| Cursor::encode(epoch, query, position));
        (matches, total, next)
    }
}
