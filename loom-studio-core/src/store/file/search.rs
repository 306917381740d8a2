//! Queries: indexes decide which rows can match, records are read only where an index can't tell, and for the page itself.

use std::sync::Arc;

use memchr::memmem::Finder;
use roaring::RoaringBitmap;

use super::ordered::{Part, Place, Rank, Selected, rank};
use super::selection::Selection;
use super::shared::{Shared, stamps};
use super::turn::Turn;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ids::Seq;
use crate::store::cursor::Position;
use crate::store::{Cursor, EventFilter, EventQuery, Page, SeqSet, StoredEvent, Total};

/// Rows passed over between two chances for other tasks to run.
const ROWS_PER_TURN: usize = 32_768;

struct Search<'a> {
    shared: &'a Shared,
    query: &'a EventQuery,
    filter: EventFilter,
    selected: Selected,
    after: Option<Rank>,
}

/// Matches in the order of the page.
struct Found {
    /// The page.
    events: Vec<Arc<Event>>,
    last: Option<Place>,
    /// Matches passed over for the offset.
    passed: usize,
    has_more: bool,
    total: Total,
    /// Where a text scan stopped, if it did.
    stopped: Option<Place>,
}

pub(super) async fn run(shared: &Shared, query: &EventQuery) -> Result<Page> {
    if query.limit == 0 {
        return Err(Error::invalid("limit: must be at least 1"));
    }
    let epoch = shared.epoch;
    let cursor = query
        .cursor
        .as_ref()
        .map(|cursor| cursor.decode(epoch, query))
        .transpose()?;
    let filter = query.filter.normalized();
    let (segments, durable) = shared.snapshot();
    let head = query.up_to.map_or(durable, |up_to| up_to.0.min(durable));
    let selection = Selection::new(&filter, shared.hasher);
    let is_exact = selection.is_exact;
    let mut parts = Vec::new();
    for segment in segments.iter().filter(|segment| segment.first_seq <= head) {
        let until = u32::try_from(head - segment.first_seq + 1).unwrap_or(u32::MAX);
        let (count, rows) = match &query.within {
            None => segment.ask(|index| selection.count(index, until)),
            Some(set) => {
                let within = rows_within(set, segment.first_seq, until.min(segment.rows()));
                if within.is_empty() {
                    continue;
                }
                let rows = segment.ask(|index| selection.rows(index, until));
                let rows = rows.within(within);
                (rows.len(), Some(rows))
            }
        };
        if count > 0 {
            parts.push(Part {
                segment: Arc::clone(segment),
                until: until.min(segment.rows()),
                count,
                rows,
            });
        }
    }
    let after = cursor.map(|at| rank(query.order, at.time.as_nanos(), at.seq.0));
    let search = Search {
        shared,
        query,
        filter,
        selected: Selected {
            parts,
            selection,
            order: query.order,
        },
        after,
    };
    let found = if search.filter.text.is_some() {
        search.by_text().await?
    } else if is_exact {
        search.by_rows().await?
    } else {
        search.by_reading().await?
    };
    let last = found.last.filter(|_| found.has_more).or(found.stopped);
    let next = last.map(|place| Cursor::encode(epoch, query, search.position(place)));
    for segment in &segments {
        shared.check_index(segment)?;
    }
    let observing = shared.observing(&segments)?;
    let mut events = Vec::with_capacity(found.events.len());
    for event in found.events {
        let observations = shared.observations(event.seq().0, &observing, head)?;
        events.push(StoredEvent {
            stamps: stamps(&event, &observations),
            event,
        });
    }
    Ok(Page {
        events,
        total: found.total,
        next,
        epoch,
        head: Seq(head),
    })
}

/// The rows of a set in a segment of so many rows.
fn rows_within(set: &SeqSet, first_seq: u64, rows: u32) -> RoaringBitmap {
    set.from(Seq(first_seq))
        .map_while(|seq| u32::try_from(seq.0.saturating_sub(first_seq)).ok())
        .take_while(|row| *row < rows)
        .collect()
}

impl Search<'_> {
    fn position(&self, place: Place) -> Position {
        let segment = self
            .selected
            .parts
            .get(place.part)
            .map(|part| &part.segment);
        let time = segment.map_or(0, |segment| segment.ask(|index| index.time(place.row)));
        let seq = segment.map_or(0, |segment| segment.first_seq) + u64::from(place.row);
        Position {
            time: Timestamp::from_nanos(time),
            seq: Seq(seq),
        }
    }

    /// The indexes say it all: the total is counted, and only the page is looked for and read.
    async fn by_rows(&self) -> Result<Found> {
        let mut places = self.selected.after(self.after);
        for passed in 0..self.query.offset {
            if places.next().is_none() {
                break;
            }
            if passed % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        let page: Vec<Place> = places.by_ref().take(self.query.limit).collect();
        let has_more = places.next().is_some();
        let mut found = Found::new(Total::Exact(self.selected.total()));
        let mut rest = page.into_iter();
        loop {
            let turn = self.turn(&mut rest)?;
            if turn.is_empty() {
                break;
            }
            for (place, event) in turn {
                found.keep(place, event);
            }
            tokio::task::yield_now().await;
        }
        found.has_more = has_more;
        Ok(found)
    }

    /// The events of the next places, as many as other tasks may wait for; none when there are no more.
    fn turn(
        &self,
        places: &mut (dyn Iterator<Item = Place> + Send),
    ) -> Result<Vec<(Place, Arc<Event>)>> {
        let turn = Turn::take(&self.selected, places)?;
        turn.read(&self.shared.blocks)
    }

    /// Adds a match that comes after the cursor: passes over the offset, fills the page, and notes whether there are more.
    fn add(&self, found: &mut Found, place: Place, event: Arc<Event>) {
        if found.passed < self.query.offset {
            found.passed += 1;
        } else if found.events.len() < self.query.limit {
            found.keep(place, event);
        } else {
            found.has_more = true;
        }
    }

    fn is_after(&self, place: &Place) -> bool {
        self.after.is_none_or(|after| place.rank > after)
    }

    /// A hash only proposes rows: each is read and compared.
    async fn by_reading(&self) -> Result<Found> {
        let mut found = Found::new(Total::Exact(0));
        let mut matched = 0;
        let mut places = self.selected.after(None);
        loop {
            let turn = self.turn(&mut places)?;
            if turn.is_empty() {
                break;
            }
            for (place, event) in turn {
                if self.filter.matches_attributes(&event) {
                    matched += 1;
                    if self.is_after(&place) {
                        self.add(&mut found, place, event);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        found.total = Total::Exact(matched);
        Ok(found)
    }

    /// Reads texts in the wanted order, those after the cursor first, until the byte limit; so each page goes on where the last one stopped.
    async fn by_text(&self) -> Result<Found> {
        let text = self.filter.text.clone().unwrap_or_default();
        let finder = Finder::new(&text);
        let mut found = Found::new(Total::Exact(0));
        let mut bytes_left = self.query.max_text_bytes;
        let mut total = 0;
        let mut last = None;
        let mut behind = self.selected.after(self.after);
        'behind: loop {
            let turn = self.turn(&mut behind)?;
            if turn.is_empty() {
                break;
            }
            for (place, event) in turn {
                if self.filter.matches_attributes(&event) {
                    let size = event.raw().len() as u64;
                    if bytes_left < size && last.is_some() {
                        found.stopped = last;
                        break 'behind;
                    }
                    bytes_left = bytes_left.saturating_sub(size);
                    if finder.find(event.raw()).is_some() {
                        total += 1;
                        self.add(&mut found, place, event);
                    }
                }
                last = Some(place);
            }
            tokio::task::yield_now().await;
        }
        let mut is_complete = found.stopped.is_none();
        // Those up to the cursor count too.
        let mut before = self
            .selected
            .after(None)
            .take_while(|place| !self.is_after(place));
        while is_complete && self.after.is_some() {
            let turn = self.turn(&mut before)?;
            if turn.is_empty() {
                break;
            }
            for (_, event) in turn {
                if is_complete && self.filter.matches_attributes(&event) {
                    let size = event.raw().len() as u64;
                    is_complete = bytes_left >= size;
                    bytes_left = bytes_left.saturating_sub(size);
                    total += u64::from(is_complete && finder.find(event.raw()).is_some());
                }
            }
            tokio::task::yield_now().await;
        }
        found.total = if is_complete {
            Total::Exact(total)
        } else {
            Total::AtLeast(total)
        };
        Ok(found)
    }
}

impl Found {
    fn new(total: Total) -> Self {
        Self {
            events: Vec::new(),
            last: None,
            passed: 0,
            has_more: false,
            total,
            stopped: None,
        }
    }

    fn keep(&mut self, place: Place, event: Arc<Event>) {
        self.events.push(event);
        self.last = Some(place);
    }
}
