//! Queries: over the shortest posting list, or over a snapshot of the chunks; never under the lock for longer than it takes to copy pointers and positions.

use std::collections::BinaryHeap;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use memchr::memmem::Finder;

use super::log::{Chunk, Log};
use super::{Shared, StoredEvent};
use crate::error::{Error, Result};
use crate::event::{Event, Record};
use crate::ids::{Epoch, Seq};
use crate::store::cursor::Position;
use crate::store::{Cursor, EventFilter, EventQuery, Page, SeqSet, Total};

/// Candidates up to this many are picked out under the lock; more are looked up in a snapshot.
const PICK_LIMIT: usize = 1024;
/// Events tested between two chances for other tasks to run.
const TESTS_PER_TURN: usize = 8192;
/// Bytes of text read between two chances for other tasks to run.
const TEXT_BYTES_PER_TURN: usize = 1 << 20;

/// Where an event stands in the wanted order.
type Key = (i128, i128);

/// Every event that can match, as of one moment.
enum Candidates {
    Picked(Vec<Arc<Event>>),
    Listed(Snapshot, Vec<Seq>),
    All(Snapshot),
}

struct Snapshot {
    chunks: Vec<Chunk>,
    active: Vec<Record>,
}

impl Snapshot {
    fn take(log: &Log, wanted: impl Fn(&Chunk) -> bool) -> Self {
        Self {
            chunks: log
                .chunks
                .iter()
                .filter(|chunk| wanted(chunk))
                .cloned()
                .collect(),
            active: log.active.clone(),
        }
    }

    fn event(&self, seq: Seq) -> Option<&Arc<Event>> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= seq);
        let in_chunk = after
            .checked_sub(1)
            .and_then(|index| self.chunks.get(index)?.record(seq));
        let in_active = || {
            let first = self.active.first()?.seq();
            let index = usize::try_from(seq.0.checked_sub(first.0)?).ok()?;
            self.active.get(index)
        };
        in_chunk.or_else(in_active)?.as_event()
    }

    fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + Send {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.records.iter())
            .chain(&self.active)
    }
}

impl Candidates {
    fn take(log: &Log, query: &EventQuery, filter: &EventFilter, start: Option<Seq>) -> Self {
        let descending = query.order.descending();
        let wanted = |chunk: &Chunk| {
            let (earliest, latest) = chunk.times;
            let begun = match start {
                None => true,
                Some(start) if descending => chunk.first < start,
                Some(start) => chunk.last() > start,
            };
            begun
                && filter.time.overlaps(earliest, latest)
                && query.up_to.is_none_or(|up_to| chunk.first <= up_to)
        };
        let listed = log.candidates(filter);
        let length = listed.map_or(u64::MAX, |seqs| seqs.len() as u64);
        let within = query.within.as_ref().filter(|set| set.len() < length);
        let seqs: Vec<Seq> = match (within, listed) {
            (Some(set), _) => set.iter().collect(),
            (None, Some(seqs)) => seqs.iter().copied().collect(),
            (None, None) => return Self::All(Snapshot::take(log, wanted)),
        };
        if seqs.len() <= PICK_LIMIT {
            let events = seqs.iter().filter_map(|seq| log.event(*seq).cloned());
            return Self::Picked(events.collect());
        }
        Self::Listed(Snapshot::take(log, wanted), seqs)
    }

    /// In seq order, or against it.
    fn iter(&self, descending: bool) -> Box<dyn Iterator<Item = &Arc<Event>> + Send + '_> {
        fn directed<'a, T>(
            items: impl DoubleEndedIterator<Item = T> + Send + 'a,
            descending: bool,
        ) -> Box<dyn Iterator<Item = T> + Send + 'a> {
            if descending {
                Box::new(items.rev())
            } else {
                Box::new(items)
            }
        }
        match self {
            Self::Picked(events) => directed(events.iter(), descending),
            Self::Listed(snapshot, seqs) => directed(
                seqs.iter().filter_map(|seq| snapshot.event(*seq)),
                descending,
            ),
            Self::All(snapshot) => {
                directed(snapshot.records().filter_map(Record::as_event), descending)
            }
        }
    }
}

/// What a search found.
struct Found {
    /// The page.
    matches: Vec<Arc<Event>>,
    total: Total,
    /// Where the next page begins.
    next: Option<Position>,
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
        let counts_all = filter.is_workspace_only() && query.within.is_none() && head == log.head();
        let known_total = counts_all.then(|| log.workspace_events(filter.workspace.as_deref()));
        // Without a need to count, a page in seq order begins where the last one ended.
        let start = after
            .filter(|_| known_total.is_some() && !query.order.by_time())
            .map(|position| position.seq);
        let candidates = Candidates::take(&log, query, &filter, start);
        (candidates, head, known_total)
    };
    let after = after.map(|position| query.order.key(position.time, position.seq));
    let found = if filter.text.is_some() {
        text_search(&candidates, query, &filter, after, head).await
    } else {
        search(&candidates, query, &filter, after, head, known_total).await
    };
    let log = shared.read();
    let events = found
        .matches
        .into_iter()
        .map(|event| StoredEvent {
            stamps: log.stamps(&event, head),
            event,
        })
        .collect();
    Ok(Page {
        events,
        total: found.total,
        next: found
            .next
            .map(|position| Cursor::encode(epoch, query, position)),
        epoch,
        head,
    })
}

/// Whether the event is one that the query asks for, but for its text.
fn is_asked_for(event: &Event, query: &EventQuery, filter: &EventFilter, head: Seq) -> bool {
    let is_in = |set: &SeqSet| set.contains(event.seq());
    event.seq() <= head
        && query.within.as_ref().is_none_or(is_in)
        && filter.matches_attributes(event)
}

fn position(event: &Arc<Event>) -> Position {
    Position {
        time: event.time(),
        seq: event.seq(),
    }
}

/// How many matches decide a page: its own, those to pass over, and one more to know whether there is a next page.
fn wanted(query: &EventQuery) -> usize {
    query.limit.saturating_add(query.offset).saturating_add(1)
}

/// Visits candidates in seq order and keeps the first of the wanted order.
async fn search(
    candidates: &Candidates,
    query: &EventQuery,
    filter: &EventFilter,
    after: Option<Key>,
    head: Seq,
    known_total: Option<u64>,
) -> Found {
    let mut best = Best {
        wanted: wanted(query),
        // What follows in seq order can't be better, and the total needs no counting.
        stops_when_full: known_total.is_some() && !query.order.by_time(),
        heap: BinaryHeap::new(),
    };
    let mut count = 0_u64;
    for (index, event) in candidates.iter(query.order.descending()).enumerate() {
        if index % TESTS_PER_TURN == TESTS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        if !is_asked_for(event, query, filter, head) {
            continue;
        }
        count += 1;
        let key = query.order.key(event.time(), event.seq());
        if after.is_none_or(|after| key > after) && best.offer(key, event).is_break() {
            break;
        }
    }
    let total = Total::Exact(known_total.unwrap_or(count));
    let matches = best.heap.into_sorted_vec();
    page(matches.into_iter().map(|ranked| ranked.event), query, total)
}

/// Cuts a page out of the matches that decide it.
fn page(matches: impl Iterator<Item = Arc<Event>>, query: &EventQuery, total: Total) -> Found {
    let mut rest = matches.skip(query.offset);
    let matches: Vec<Arc<Event>> = rest.by_ref().take(query.limit).collect();
    let next = rest.next().and_then(|_| matches.last().map(position));
    Found {
        matches,
        total,
        next,
    }
}

/// The first few of a stream of events, by key.
struct Best {
    wanted: usize,
    stops_when_full: bool,
    heap: BinaryHeap<Ranked>,
}

impl Best {
    fn offer(&mut self, key: Key, event: &Arc<Event>) -> ControlFlow<()> {
        if self.heap.len() >= self.wanted {
            if self.stops_when_full {
                return Break(());
            }
            if self.heap.peek().is_some_and(|worst| worst.key < key) {
                return Continue(());
            }
            self.heap.pop();
        }
        let event = Arc::clone(event);
        self.heap.push(Ranked { key, event });
        Continue(())
    }
}

struct Ranked {
    key: Key,
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

/// Reads texts in the wanted order, those after the cursor first, until the byte limit; so each page goes on where the last one stopped.
async fn text_search(
    candidates: &Candidates,
    query: &EventQuery,
    filter: &EventFilter,
    after: Option<Key>,
    head: Seq,
) -> Found {
    let mut events: Vec<(Key, &Arc<Event>)> = Vec::new();
    for (index, event) in candidates.iter(query.order.descending()).enumerate() {
        if index % TESTS_PER_TURN == TESTS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        if is_asked_for(event, query, filter, head) {
            events.push((query.order.key(event.time(), event.seq()), event));
        }
    }
    if query.order.by_time() {
        events.sort_unstable_by_key(|(key, _)| *key);
    }
    let split = after.map_or(0, |after| events.partition_point(|(key, _)| *key <= after));
    let (before, behind) = events.split_at(split);
    let mut reader = TextReader {
        finder: Finder::new(filter.text.as_deref().unwrap_or_default()),
        bytes_left: query.max_text_bytes,
        bytes_this_turn: 0,
        matched: 0,
    };
    let (mut matches, mut stopped_after) = (Vec::new(), None);
    for (index, (_, event)) in behind.iter().enumerate() {
        match reader.test(event, index == 0).await {
            Some(true) if matches.len() < wanted(query) => matches.push(Arc::clone(event)),
            Some(_) => {}
            None => {
                stopped_after = behind.get(index.saturating_sub(1));
                break;
            }
        }
    }
    let mut is_complete = stopped_after.is_none();
    for (_, event) in before {
        is_complete = is_complete && reader.test(event, false).await.is_some();
    }
    let total = if is_complete {
        Total::Exact(reader.matched)
    } else {
        Total::AtLeast(reader.matched)
    };
    let found = page(matches.into_iter(), query, total);
    let stopped = stopped_after.map(|(_, event)| position(event));
    Found {
        next: found.next.or(stopped),
        ..found
    }
}

struct TextReader<'a> {
    finder: Finder<'a>,
    bytes_left: u64,
    bytes_this_turn: usize,
    matched: u64,
}

impl TextReader<'_> {
    /// Whether the event's text matches; `None` when the limit keeps it from being read. A forced test ignores the limit.
    async fn test(&mut self, event: &Event, forced: bool) -> Option<bool> {
        let size = event.raw().len();
        if self.bytes_left < size as u64 && !forced {
            return None;
        }
        self.bytes_left = self.bytes_left.saturating_sub(size as u64);
        self.bytes_this_turn += size;
        if self.bytes_this_turn >= TEXT_BYTES_PER_TURN {
            self.bytes_this_turn = 0;
            tokio::task::yield_now().await;
        }
        let matches = self.finder.find(event.raw()).is_some();
        self.matched += u64::from(matches);
        Some(matches)
    }
}
