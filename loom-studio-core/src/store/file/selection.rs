//! Which rows of a segment a query means, as far as indexes can tell.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::index::{Field, Hasher, Index, Key};
use crate::clock::Timestamp;
use crate::event::TraceId;
use crate::store::{EventFilter, Pattern};

/// A normalized filter as indexes understand it.
#[derive(Debug)]
pub(super) struct Selection {
    keys: Vec<(Key, u64)>,
    fields: Vec<(Field, Pattern)>,
    pub(super) start: i64,
    pub(super) end: i64,
    /// No event has what is asked for.
    is_impossible: bool,
    /// Whether every row selected matches without a look at the record.
    pub(super) is_exact: bool,
}

/// Selected rows of a segment.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    /// All from the first to before this one.
    Before(u32),
    Set(RoaringBitmap),
}

impl Rows {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Before(end) => u64::from(*end),
            Self::Set(rows) => rows.len(),
        }
    }

    /// Those that are among others, too.
    pub(super) fn within(self, mut others: RoaringBitmap) -> Self {
        Self::Set(match self {
            Self::Before(end) => {
                others.remove_range(end..);
                others
            }
            Self::Set(rows) => rows & others,
        })
    }

    /// Visits those in a range.
    pub(super) fn each_in(&self, range: Range<u32>, visit: &mut dyn FnMut(u32)) {
        match self {
            Self::Before(end) => (range.start..range.end.min(*end)).for_each(visit),
            // A bitmap has no empty ranges.
            Self::Set(_) if range.is_empty() => {}
            Self::Set(rows) => rows.range(range).for_each(visit),
        }
    }

    /// Whether there are any in a range.
    pub(super) fn any_in(&self, range: Range<u32>) -> bool {
        match self {
            Self::Before(end) => range.start < range.end.min(*end),
            Self::Set(_) if range.is_empty() => false,
            Self::Set(rows) => rows.range(range).next().is_some(),
        }
    }
}

impl Selection {
    pub(super) fn new(filter: &EventFilter, hasher: Hasher) -> Self {
        let trace = filter.trace.as_ref().and_then(Pattern::exact);
        let trace_hash = trace.and_then(|text| {
            let id = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok())??;
            Some(hasher.trace(TraceId(id)))
        });
        let text = |text: &Option<String>| text.as_deref().map(|text| hasher.text(text));
        let keys: Vec<(Key, u64)> = [
            (Key::Id, text(&filter.id)),
            (Key::Trace, trace_hash),
            (Key::Request, text(&filter.request_id)),
            (Key::Cause, text(&filter.causation_id)),
        ]
        .into_iter()
        .filter_map(|(key, hash)| Some((key, hash?)))
        .collect();
        let workspace = filter.workspace.as_deref();
        let workspace = workspace.map(|name| Pattern::Exact(name.to_owned()));
        let fields = [
            (Field::Workspace, workspace),
            (Field::Session, filter.session.clone()),
            (Field::Node, filter.node.clone()),
            (Field::Kind, filter.kind.clone()),
        ];
        let bound = |time: Option<Timestamp>, open| time.map_or(open, Timestamp::as_nanos);
        Self {
            start: bound(filter.time.start, i64::MIN),
            end: bound(filter.time.end, i64::MAX),
            is_impossible: trace.is_some() && trace_hash.is_none(),
            is_exact: filter.text.is_none() && filter.trace.is_none() && keys.is_empty(),
            keys,
            fields: fields
                .into_iter()
                .filter_map(|(field, pattern)| Some((field, pattern?)))
                .collect(),
        }
    }

    /// How many rows before `until` are selected, and which, if finding out meant finding them.
    pub(super) fn count(&self, index: Index<'_>, until: u32) -> (u64, Option<Rows>) {
        if !self.can_match(index) {
            return (0, None);
        }
        if self.keys.is_empty() && !self.cuts_time(index) && until >= index.rows() {
            let Some(fields) = self.narrowing(index) else {
                return (0, None);
            };
            match fields.as_slice() {
                [] => return (index.events(), None),
                [(field, Pattern::Exact(text))] => return (index.count(*field, text), None),
                [first, second] => {
                    let (first, second) = (union(index, first), union(index, second));
                    return (first.intersection_len(&second), None);
                }
                _ => {}
            }
        }
        let rows = self.rows(index, until);
        (rows.len(), Some(rows))
    }

    /// The selected rows before `until`.
    pub(super) fn rows(&self, index: Index<'_>, until: u32) -> Rows {
        let rows = if self.can_match(index) {
            self.narrow(index)
        } else {
            Some(RoaringBitmap::new())
        };
        let until = until.min(index.rows());
        match rows {
            Some(mut rows) => {
                rows.remove_range(until..);
                Rows::Set(rows)
            }
            None if index.events() == u64::from(index.rows()) => Rows::Before(until),
            None => {
                let mut rows = RoaringBitmap::new();
                rows.insert_range(0..until);
                Rows::Set(rows - index.observations())
            }
        }
    }

    fn can_match(&self, index: Index<'_>) -> bool {
        let (earliest, latest) = index.time_bounds();
        !self.is_impossible && index.rows() > 0 && latest >= self.start && earliest <= self.end
    }

    fn cuts_time(&self, index: Index<'_>) -> bool {
        let (earliest, latest) = index.time_bounds();
        earliest < self.start || latest > self.end
    }

    /// Conditions on fields that not every event here meets; `None` when no event meets one.
    fn narrowing(&self, index: Index<'_>) -> Option<Vec<&(Field, Pattern)>> {
        let mut narrowing = Vec::new();
        for condition in &self.fields {
            if let (field, Pattern::Exact(text)) = condition {
                match index.count(*field, text) {
                    0 => return None,
                    count if count == index.events() => continue,
                    _ => {}
                }
            }
            narrowing.push(condition);
        }
        Some(narrowing)
    }

    /// The rows that meet all conditions; `None` when every event does.
    fn narrow(&self, index: Index<'_>) -> Option<RoaringBitmap> {
        let mut rows: Option<RoaringBitmap> = None;
        for (key, hash) in &self.keys {
            let found: RoaringBitmap = index.lookup(*key, *hash).into_iter().collect();
            if intersect(&mut rows, found) {
                return rows;
            }
        }
        let Some(fields) = self.narrowing(index) else {
            return Some(RoaringBitmap::new());
        };
        for condition in fields {
            if intersect(&mut rows, union(index, condition)) {
                return rows;
            }
        }
        if self.cuts_time(index) {
            let in_time = index.rows_in_time(self.start, self.end);
            // Times are known of observations too.
            intersect(&mut rows, in_time - index.observations());
        }
        rows
    }
}

fn union(index: Index<'_>, (field, pattern): &(Field, Pattern)) -> RoaringBitmap {
    index.union(*field, pattern)
}

/// Leaves what is in both; whether that is nothing.
fn intersect(rows: &mut Option<RoaringBitmap>, more: RoaringBitmap) -> bool {
    let narrowed = match rows.take() {
        Some(rows) => rows & more,
        None => more,
    };
    rows.insert(narrowed).is_empty()
}
