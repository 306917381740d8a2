//! States along ranges that somebody travels in.

use std::collections::VecDeque;

use crate::ids::Seq;

#[derive(Debug)]
struct Range<P> {
    from: Seq,
    to: Seq,
    /// Ascending.
    states: Vec<(Seq, P)>,
}

/// The ranges prepared last, as many as fit the bound on states; at least the newest.
#[derive(Debug)]
pub(super) struct Prepared<P> {
    max_states: usize,
    ranges: VecDeque<Range<P>>,
}

impl<P: Clone> Prepared<P> {
    pub(super) fn new(max_states: usize) -> Self {
        Self {
            max_states,
            ranges: VecDeque::new(),
        }
    }

    pub(super) fn covers(&self, from: Seq, to: Seq) -> bool {
        self.ranges
            .iter()
            .any(|range| range.from <= from && to <= range.to)
    }

    pub(super) fn add(&mut self, from: Seq, to: Seq, states: Vec<(Seq, P)>) {
        self.ranges.push_back(Range { from, to, states });
        let count = |ranges: &VecDeque<Range<P>>| -> usize {
            ranges.iter().map(|range| range.states.len()).sum()
        };
        while self.ranges.len() > 1 && count(&self.ranges) > self.max_states {
            self.ranges.pop_front();
        }
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
