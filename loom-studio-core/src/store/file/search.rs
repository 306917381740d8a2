//! Queries: bitmaps decide which rows can match, records are read only where a bitmap can't tell, and for the page itself.

use std::collections::BinaryHeap;
use std::sync::Arc;

use memchr::memmem::Finder;
use roaring::RoaringBitmap;

use super::block::Block;
use super::segment::{Segment, damaged};
use super::shared::{Shared, stamps};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{Event, Record};
use crate::ids::Seq;
use crate::store::cursor::Position;
use crate::store::{Cursor, EventFilter, EventQuery, Order, Page, StoredEvent, Total};

/// Where a row stands in the wanted order.
type Rank = (i128, i128);

/// Records read between two chances for other tasks to run.
const READS_PER_TURN: usize = 512;

/// The rows of one segment that can match.
struct Part {
    segment: Arc<Segment>,
    rows: RoaringBitmap,
}

/// A row of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: Rank,
    part: usize,
    row: u32,
}

struct Search<'a> {
    shared: &'a Shared,
    query: &'a EventQuery,
    filter: EventFilter,
    parts: Vec<Part>,
    after: Option<Rank>,
    reads: usize,
    /// The block read last, with its part and first row: a page's rows often share one.
    last: Option<(usize, u32, Arc<Block>)>,
}

/// What a search found.
struct Found {
    places: Vec<Place>,
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
    let mut parts = Vec::new();
    let mut are_exact = true;
    for segment in segments.iter().filter(|segment| segment.first_seq <= head) {
        let mut candidates = segment.candidates(&filter, shared.hasher);
        let beyond = u32::try_from(head - segment.first_seq + 1).unwrap_or(u32::MAX);
        candidates.rows.remove_range(beyond..);
        are_exact &= candidates.are_exact;
        if !candidates.rows.is_empty() {
            parts.push(Part {
                segment: Arc::clone(segment),
                rows: candidates.rows,
            });
        }
    }
    let after = cursor.map(|position| query.order.key(position.time, position.seq));
    let mut search = Search {
        shared,
        query,
        filter,
        parts,
        after,
        reads: 0,
        last: None,
    };
    let found = if search.filter.text.is_some() {
        search.by_text().await?
    } else if are_exact {
        search.by_rows()
    } else {
        search.by_reading().await?
    };
    let Found {
        places,
        total,
        stopped,
    } = found;
    let mut rest = places.iter().skip(query.offset);
    let page: Vec<Place> = rest.by_ref().take(query.limit).copied().collect();
    let has_more = rest.next().is_some();
    let last = page.last().filter(|_| has_more).copied().or(stopped);
    let next = last.map(|place| Cursor::encode(epoch, query, search.position(place)));
    for segment in &segments {
        shared.check_index(segment)?;
    }
    let observing: Vec<Arc<Segment>> = segments
        .into_iter()
        .filter(|segment| segment.has_observations())
        .collect();
    let mut events = Vec::with_capacity(page.len());
    for place in page {
        let event = search.event(place).await?;
        let observations = shared.observations(event.seq().0, &observing, head)?;
        events.push(StoredEvent {
            stamps: stamps(&event, &observations),
            event,
        });
    }
    Ok(Page {
        events,
        total,
        next,
        epoch,
        head: Seq(head),
    })
}

impl Search<'_> {
    /// How many matches decide a page: its own, those to pass over, and one more to know whether there is a next page.
    fn wanted(&self) -> usize {
        self.query
            .limit
            .saturating_add(self.query.offset)
            .saturating_add(1)
    }

    fn place(&self, part: usize, row: u32) -> Option<Place> {
        let segment = &self.parts.get(part)?.segment;
        let seq = Seq(segment.first_seq + u64::from(row));
        let time = if self.query.order.by_time() {
            segment.ask(|index| index.time(row))
        } else {
            0
        };
        Some(Place {
            rank: self.query.order.key(Timestamp::from_nanos(time), seq),
            part,
            row,
        })
    }

    fn position(&self, place: Place) -> Position {
        let segment = self.parts.get(place.part).map(|part| &part.segment);
        let time = segment.map_or(0, |segment| segment.ask(|index| index.time(place.row)));
        let seq = segment.map_or(0, |segment| segment.first_seq) + u64::from(place.row);
        Position {
            time: Timestamp::from_nanos(time),
            seq: Seq(seq),
        }
    }

    async fn event(&mut self, place: Place) -> Result<Arc<Event>> {
        self.reads += 1;
        if self.reads.is_multiple_of(READS_PER_TURN) {
            tokio::task::yield_now().await;
        }
        let missing = || Error::invalid("a row left its segment");
        let segment = &self.parts.get(place.part).ok_or_else(missing)?.segment;
        let known = self.last.as_ref().and_then(|(part, first_row, block)| {
            let index = place.row.checked_sub(*first_row)? as usize;
            (*part == place.part && index < block.len()).then_some((index, block))
        });
        let record = if let Some((index, block)) = known {
            self.shared.blocks.record_in(block, index)
        } else {
            let (frame, rows) = segment
                .frame_of(place.row)
                .ok_or_else(|| damaged(segment.first_seq, 0))?;
            let block = self.shared.blocks.block(segment, &frame, rows)?;
            let index = (place.row - frame.first_row) as usize;
            let record = self.shared.blocks.record_in(&block, index);
            self.last = Some((place.part, frame.first_row, block));
            record
        };
        match record {
            Some(Record::Event(event)) => Ok(event),
            _ => Err(damaged(segment.first_seq, 0)),
        }
    }

    /// All places in seq order, or against it.
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let descending = self.query.order.descending();
        let count = self.parts.len();
        (0..count)
            .map(move |index| if descending { count - 1 - index } else { index })
            .flat_map(move |part| {
                let rows = self
                    .parts
                    .get(part)
                    .map(|part| part.rows.iter())
                    .into_iter();
                let rows: Box<dyn Iterator<Item = u32> + Send> = if descending {
                    Box::new(rows.flat_map(Iterator::rev))
                } else {
                    Box::new(rows.flatten())
                };
                rows.filter_map(move |row| self.place(part, row))
            })
    }

    fn is_after(&self, place: &Place) -> bool {
        self.after.is_none_or(|after| place.rank > after)
    }

    /// The bitmaps say it all: the total is counted, and only the page is looked for.
    fn by_rows(&self) -> Found {
        let total = Total::Exact(self.parts.iter().map(|part| part.rows.len()).sum());
        let wanted = self.wanted();
        let places = if self.query.order.by_time() {
            self.first_by_time(wanted)
        } else {
            self.rows_from_cursor()
                .filter(|place| self.is_after(place))
                .take(wanted)
                .collect()
        };
        Found {
            places,
            total,
            stopped: None,
        }
    }

    /// Places in seq order, or against it, without those in segments that lie before the cursor.
    fn rows_from_cursor(&self) -> Box<dyn Iterator<Item = Place> + '_> {
        let descending = self.query.order.descending();
        let is_begun = move |part: &Part| {
            let (first, last) = (
                part.segment.first_seq,
                part.segment.first_seq + u64::from(part.rows.max().unwrap_or(0)),
            );
            let edge = if descending { first } else { last };
            self.after.is_none_or(|after| {
                Order::key(self.query.order, Timestamp::default(), Seq(edge)) > after
            })
        };
        let parts = self
            .parts
            .iter()
            .enumerate()
            .filter(move |(_, part)| is_begun(part));
        if descending {
            Box::new(parts.rev().flat_map(move |(index, part)| {
                let rows = part.rows.iter().rev();
                rows.filter_map(move |row| self.place(index, row))
            }))
        } else {
            Box::new(parts.flat_map(move |(index, part)| {
                part.rows
                    .iter()
                    .filter_map(move |row| self.place(index, row))
            }))
        }
    }

    /// The first places by time. Segments whose times can't better the worst of them are not looked into.
    fn first_by_time(&self, wanted: usize) -> Vec<Place> {
        let order = self.query.order;
        let bound = |part: &Part| {
            let (earliest, latest) = part.segment.ask(super::index::time_bounds);
            let (time, seq) = if order.descending() {
                (latest, u64::MAX)
            } else {
                (earliest, 0)
            };
            order.key(Timestamp::from_nanos(time), Seq(seq))
        };
        let mut parts: Vec<(Rank, usize)> = self
            .parts
            .iter()
            .enumerate()
            .map(|(index, part)| (bound(part), index))
            .collect();
        parts.sort_unstable();
        let mut best: BinaryHeap<Place> = BinaryHeap::new();
        for (bound, index) in parts {
            if best.len() >= wanted && best.peek().is_some_and(|worst| worst.rank < bound) {
                break;
            }
            let Some(part) = self.parts.get(index) else {
                continue;
            };
            for place in part.rows.iter().filter_map(|row| self.place(index, row)) {
                if self.is_after(&place) {
                    offer(&mut best, place, wanted);
                }
            }
        }
        best.into_sorted_vec()
    }

    /// A hash only proposes rows: each is read and compared.
    async fn by_reading(&mut self) -> Result<Found> {
        let wanted = self.wanted();
        let all: Vec<Place> = self.places().collect();
        let mut best = BinaryHeap::new();
        let mut matched = 0;
        for place in all {
            let event = self.event(place).await?;
            if self.filter.matches_attributes(&event) {
                matched += 1;
                if self.is_after(&place) {
                    offer(&mut best, place, wanted);
                }
            }
        }
        Ok(Found {
            places: best.into_sorted_vec(),
            total: Total::Exact(matched),
            stopped: None,
        })
    }

    /// Reads texts in the wanted order, those after the cursor first, until the byte limit; so each page goes on where the last one stopped.
    async fn by_text(&mut self) -> Result<Found> {
        let wanted = self.wanted();
        let text = self.filter.text.clone().unwrap_or_default();
        let finder = Finder::new(&text);
        let mut places: Vec<Place> = self.places().collect();
        if self.query.order.by_time() {
            places.sort_unstable();
        }
        let split = self.after.map_or(0, |after| {
            places.partition_point(|place| place.rank <= after)
        });
        let (before, behind) = places.split_at(split);
        let mut bytes_left = self.query.max_text_bytes;
        let (mut found, mut total) = (Vec::new(), 0);
        let (mut stopped, mut is_complete) = (None, true);
        for (index, place) in behind.iter().enumerate() {
            let event = self.event(*place).await?;
            if !self.filter.matches_attributes(&event) {
                continue;
            }
            let size = event.raw().len() as u64;
            if bytes_left < size && index > 0 {
                stopped = behind.get(index - 1).copied();
                is_complete = false;
                break;
            }
            bytes_left = bytes_left.saturating_sub(size);
            if finder.find(event.raw()).is_some() {
                total += 1;
                if found.len() < wanted {
                    found.push(*place);
                }
            }
        }
        for place in before {
            if !is_complete {
                break;
            }
            let event = self.event(*place).await?;
            if !self.filter.matches_attributes(&event) {
                continue;
            }
            let size = event.raw().len() as u64;
            is_complete = bytes_left >= size;
            bytes_left = bytes_left.saturating_sub(size);
            total += u64::from(is_complete && finder.find(event.raw()).is_some());
        }
        let total = if is_complete {
            Total::Exact(total)
        } else {
            Total::AtLeast(total)
        };
        Ok(Found {
            places: found,
            total,
            stopped,
        })
    }
}

fn offer(best: &mut BinaryHeap<Place>, place: Place, wanted: usize) {
    if best.len() < wanted {
        best.push(place);
    } else if best.peek().is_some_and(|worst| place < *worst) {
        best.pop();
        best.push(place);
    }
}
