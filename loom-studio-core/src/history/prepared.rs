//! States along ranges that somebody travels in.

use std::collections::VecDeque;

use crate::ids::Seq;

#[derive(Debug)]
struct Range<P> {
    from: Seq,
    to: Seq,
    /// Ascending.
    states: Vec<(Seq, P)>,
    /// What they take beside each other, about.
    bytes: u64,
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
    pub(super) fn add(
        &mut self,
        from: Seq,
        to: Seq,
        states: Vec<(Seq, P)>,
        bytes: u64,
    ) -> Vec<Vec<(Seq, P)>> {
        self.ranges.push_back(Range {
            from,
            to,
            states,
            bytes,
        });
        let mut dropped = Vec::new();
        loop {
            let (states, bytes) = self.size();
            let is_too_much = states > self.max_states || bytes > self.max_bytes;
            if !is_too_much || self.ranges.len() < 2 {
                return dropped;
            }
            dropped.extend(self.ranges.pop_front().map(|range| range.states));
        }
    }

    /// States, and about how many bytes they take.
    pub(super) fn size(&self) -> (usize, u64) {
        self.ranges.iter().fold((0, 0), |(states, bytes), range| {
            (states + range.states.len(), bytes + range.bytes)
        })
    }

    /// The newest state at or before a position.
    pub(super) fn before(&self, at: Seq) -> Option<(Seq, P)> {
        let newest = self.ranges.iter().filter_map(|range| {
            let after = range.states.partition_point(|(seq, _)| *seq <= at);
            range.states.get(after.checked_sub(1)?)
        });
        newest.max_by_key(|(seq, _)| *seq).cloned()
    }

    /// Forgets what lies before a position.
    pub(super) fn forget_before(&mut self, first: Seq) {
        self.ranges.retain(|range| range.from >= first);
    }
}
