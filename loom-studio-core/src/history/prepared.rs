//! States along ranges that somebody travels in.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::ids::Seq;
use crate::projection::Track;

/// The states of a range, or of its beginning.
pub(super) struct Range<P> {
    pub(super) from: Seq,
    pub(super) to: Seq,
    /// All states from the range's beginning on.
    pub(super) tracked: Option<Tracked<P>>,
    /// Those behind that, ascending.
    pub(super) states: Vec<(Seq, P)>,
    /// What they take beside each other, about.
    pub(super) bytes: u64,
}

/// The states up to a position.
pub(super) struct Tracked<P> {
    through: Seq,
    /// States, or parts of states, that it holds.
    parts: usize,
    at: Box<dyn Fn(Seq) -> P + Send + Sync>,
}

impl<P> Tracked<P> {
    pub(super) fn new(track: Arc<impl Track<P>>, through: Seq) -> Self {
        Self {
            through,
            parts: track.states(),
            at: Box::new(move |at| track.at(at)),
        }
    }
}

impl<P> Range<P> {
    /// The newest state at or before a position.
    fn before(&self, at: Seq) -> Option<(Seq, P)>
    where
        P: Clone,
    {
        if let Some(tracked) = &self.tracked
            && self.from <= at
            && at <= tracked.through
        {
            return Some((at, (tracked.at)(at)));
        }
        let after = self.states.partition_point(|(seq, _)| *seq <= at);
        self.states.get(after.checked_sub(1)?).cloned()
    }
}

impl<P> fmt::Debug for Range<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Range")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("states", &self.states.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The ranges prepared last, as many as fit the bounds on states and bytes; at least the newest.
#[derive(Debug)]
pub(super) struct Prepared<P> {
    max_states: usize,
    max_bytes: u64,
    ranges: VecDeque<Range<P>>,
}

impl<P: Clone> Prepared<P> {
    pub(super) fn new(max_states: usize, max_bytes: u64) -> Self {
        Self {
            max_states,
            max_bytes,
            ranges: VecDeque::new(),
        }
    }

    pub(super) fn covers(&self, from: Seq, to: Seq) -> bool {
        self.ranges
            .iter()
            .any(|range| range.from <= from && to <= range.to)
    }

    /// Adds a range and returns those that gave way.
    #[must_use]
    pub(super) fn add(&mut self, range: Range<P>) -> Vec<Range<P>> {
        self.ranges.push_back(range);
        let mut dropped = Vec::new();
        loop {
            let states = self.ranges.iter().map(|range| range.states.len()).sum();
            let is_too_much = self.max_states < states || self.max_bytes < self.size().1;
            if !is_too_much || self.ranges.len() < 2 {
                return dropped;
            }
            dropped.extend(self.ranges.pop_front());
        }
    }

    /// States and parts of states, and about how many bytes they take.
    pub(super) fn size(&self) -> (usize, u64) {
        self.ranges.iter().fold((0, 0), |(states, bytes), range| {
            let parts = range.tracked.as_ref().map_or(0, |tracked| tracked.parts);
            (states + range.states.len() + parts, bytes + range.bytes)
        })
    }

    /// The newest state at or before a position.
    pub(super) fn before(&self, at: Seq) -> Option<(Seq, P)> {
        // Where a range has all states, no other one has a newer.
        let newest = self.ranges.iter().filter_map(|range| range.before(at));
        newest.max_by_key(|(seq, _)| *seq)
    }

    /// Forgets what lies before a position.
    pub(super) fn forget_before(&mut self, first: Seq) {
        self.ranges.retain(|range| range.from >= first);
    }
}
