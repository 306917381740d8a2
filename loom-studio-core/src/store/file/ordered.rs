//! Selected rows of all segments, one after another in the wanted order, found as they are asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::segment::Segment;
use super::selection::{Rows, Selection};
use crate::store::Order;

/// Where a row stands in the wanted order: ascending ranks are the order of the page.
pub(super) type Rank = (i64, u64);

/// The rank of a row. Complements turn an order round without an overflow.
pub(super) fn rank(order: Order, time: i64, seq: u64) -> Rank {
    let time = if order.by_time() { time } else { 0 };
    if order.descending() {
        (!time, !seq)
    } else {
        (time, seq)
    }
}

/// A segment in which rows are selected.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    /// Rows from here on lie beyond the head of the query.
    pub(super) until: u32,
    pub(super) count: u64,
    /// The rows, when counting them meant finding them.
    pub(super) rows: Option<Rows>,
}

/// A selected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rank: Rank,
    pub(super) part: usize,
    pub(super) row: u32,
}

/// All selected rows, by segment in seq order.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) parts: Vec<Part>,
    pub(super) selection: Selection,
    pub(super) order: Order,
}

impl Selected {
    pub(super) fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.count).sum()
    }

    /// The rows ranked above `after`, in order.
    pub(super) fn after(&self, after: Option<Rank>) -> Box<dyn Iterator<Item = Place> + Send + '_> {
        if self.order.by_time() {
            Box::new(ByTime::new(self, after))
        } else {
            Box::new(self.by_seq(after))
        }
    }

    fn rows(&self, part: &Part) -> Rows {
        part.rows.clone().unwrap_or_else(|| {
            part.segment
                .ask(|index| self.selection.rows(index, part.until))
        })
    }

    fn by_seq(&self, after: Option<Rank>) -> impl Iterator<Item = Place> + Send + '_ {
        let descending = self.order.descending();
        let count = self.parts.len();
        let parts = (0..count).filter_map(move |number| {
            let index = if descending {
                count - 1 - number
            } else {
                number
            };
            let part = self.parts.get(index)?;
            let range = self.range_after(part, after)?;
            Some((index, part, range))
        });
        parts.flat_map(move |(index, part, range)| {
            let first_seq = part.segment.first_seq;
            InSeq::new(self.rows(part), range, descending).map(move |row| Place {
                rank: rank(self.order, 0, first_seq + u64::from(row)),
                part: index,
                row,
            })
        })
    }

    /// The rows of a part that come after a rank by seq, if any do.
    fn range_after(&self, part: &Part, after: Option<Rank>) -> Option<Range<u32>> {
        let first_seq = part.segment.first_seq;
        let range = match after {
            None => 0..part.until,
            Some((_, inverted)) if self.order.descending() => {
                let seq = !inverted;
                0..part.until.min(narrow(seq.checked_sub(first_seq)?))
            }
            Some((_, seq)) => narrow(seq.saturating_add(1).saturating_sub(first_seq))..part.until,
        };
        (!range.is_empty()).then_some(range)
    }
}

fn narrow(rows: u64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// Rows of one segment, in seq order or against it.
enum InSeq {
    Up(Range<u32>),
    Down(std::iter::Rev<Range<u32>>),
    SetUp(roaring::bitmap::IntoIter),
    SetDown(std::iter::Rev<roaring::bitmap::IntoIter>),
}

impl InSeq {
    fn new(rows: Rows, range: Range<u32>, descending: bool) -> Self {
        match rows {
            Rows::Before(end) => {
                let range = range.start..range.end.min(end);
                if descending {
                    Self::Down(range.rev())
                } else {
                    Self::Up(range)
                }
            }
            Rows::Set(rows) => {
                let mut rows = rows.into_iter();
                rows.advance_to(range.start);
                // The range isn't empty, so it has a last row.
                rows.advance_back_to(range.end.saturating_sub(1));
                if descending {
                    Self::SetDown(rows.rev())
                } else {
                    Self::SetUp(rows)
                }
            }
        }
    }
}

impl Iterator for InSeq {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Up(rows) => rows.next(),
            Self::Down(rows) => rows.next(),
            Self::SetUp(rows) => rows.next(),
            Self::SetDown(rows) => rows.next(),
        }
    }
}

/// What is known of the rows to come: a bound of a whole segment, of a frame, or a row itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Segment,
    Frame { end: u32 },
    Row,
}

/// Rows by time, best first (Hart, Nilsson and Raphael, "A formal basis for the heuristic determination of minimum cost paths", 1968, where the bound is exact): a segment is looked into only
/// when no row elsewhere can come before its own, and so is each of its frames. What is kept is a bound per frame of the segments under way, and the rows of frames that overlap in time.
struct ByTime<'a> {
    selected: &'a Selected,
    after: Option<Rank>,
    /// Rank or bound, then part and row (a frame's first one).
    heap: BinaryHeap<Reverse<(Rank, Step, usize, u32)>>,
    rows: Vec<Option<Rows>>,
}

impl<'a> ByTime<'a> {
    fn new(selected: &'a Selected, after: Option<Rank>) -> Self {
        let bounds = selected.parts.iter().enumerate().map(|(index, part)| {
            let times = part.segment.ask(super::index::time_bounds);
            Reverse((selected.bounds(times).0, Step::Segment, index, 0))
        });
        Self {
            heap: bounds.collect(),
            rows: selected.parts.iter().map(|_| None).collect(),
            selected,
            after,
        }
    }

    fn open_segment(&mut self, index: usize, part: &Part) {
        let rows = self.selected.rows(part);
        let Selection { start, end, .. } = self.selected.selection;
        part.segment.ask(|segment| {
            segment.each_frame(&mut |frame, next_row| {
                let times = (frame.min_time, frame.max_time);
                let (first, last) = self.selected.bounds(times);
                let is_passed = self.after.is_some_and(|after| last <= after);
                let frame_rows = frame.first_row..next_row.min(part.until);
                if !is_passed
                    && times.1 >= start
                    && times.0 <= end
                    && rows.any_in(frame_rows.clone())
                {
                    let step = Step::Frame {
                        end: frame_rows.end,
                    };
                    self.heap
                        .push(Reverse((first, step, index, frame.first_row)));
                }
            });
        });
        if let Some(place) = self.rows.get_mut(index) {
            *place = Some(rows);
        }
    }

    fn open_frame(&mut self, index: usize, part: &Part, rows: Range<u32>) {
        let Some(Some(selected)) = self.rows.get(index) else {
            return;
        };
        let (order, after) = (self.selected.order, self.after);
        let first_seq = part.segment.first_seq;
        part.segment.ask(|segment| {
            selected.each_in(rows, &mut |row| {
                let rank = rank(order, segment.time(row), first_seq + u64::from(row));
                if after.is_none_or(|after| rank > after) {
                    self.heap.push(Reverse((rank, Step::Row, index, row)));
                }
            });
        });
    }
}

impl Selected {
    /// Ranks that no row with times in these bounds lies before, or behind.
    fn bounds(&self, (earliest, latest): (i64, i64)) -> (Rank, Rank) {
        let (first, last) = if self.order.descending() {
            (!latest, !earliest)
        } else {
            (earliest, latest)
        };
        ((first, 0), (last, u64::MAX))
    }
}

impl Iterator for ByTime<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            let Reverse((rank, step, index, row)) = self.heap.pop()?;
            let part = self.selected.parts.get(index)?;
            match step {
                Step::Segment => self.open_segment(index, part),
                Step::Frame { end } => self.open_frame(index, part, row..end),
                Step::Row => {
                    return Some(Place {
                        rank,
                        part: index,
                        row,
                    });
                }
            }
        }
    }
}
