//! Which states stay in memory: many near the head, few far back.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::Seq;

/// States at multiples of a step, thinned as in the pyramidal time frame of Aggarwal, Han, Wang and Yu ("A Framework for Clustering Evolving Data Streams", VLDB 2003), with α = 2.
///
/// A position is of order i when 2^i is the highest power of two that divides its number of steps; of each order the newest few stay. So a log of n steps keeps at most `per_order · (log2 n + 1)` states,
/// and before any position that lies d records behind the head there is one within `max(step, 2d / (per_order - 1))` records.
#[derive(Debug)]
pub(super) struct Ladder<P> {
    step: u64,
    per_order: usize,
    states: BTreeMap<Seq, P>,
    orders: Vec<VecDeque<Seq>>,
}

impl<P: Clone> Ladder<P> {
    pub(super) fn new(step: u64, per_order: usize) -> Self {
        Self {
            step: step.max(1),
            per_order: per_order.max(2),
            states: BTreeMap::new(),
            orders: Vec::new(),
        }
    }

    /// Takes the state at a multiple of the step, above all taken before.
    pub(super) fn push(&mut self, at: Seq, state: P) {
        let order = (at.0 / self.step).trailing_zeros().min(63) as usize;
        if self.orders.len() <= order {
            self.orders.resize_with(order + 1, VecDeque::new);
        }
        self.states.insert(at, state);
        if let Some(of_order) = self.orders.get_mut(order) {
            of_order.push_back(at);
            if of_order.len() > self.per_order
                && let Some(oldest) = of_order.pop_front()
            {
                self.states.remove(&oldest);
            }
        }
    }

    /// The newest state at or before a position.
    pub(super) fn before(&self, at: Seq) -> Option<(Seq, P)> {
        let (seq, state) = self.states.range(..=at).next_back()?;
        Some((*seq, state.clone()))
    }

    /// Forgets what lies before a position.
    pub(super) fn forget_before(&mut self, first: Seq) {
        self.states = self.states.split_off(&first);
        for order in &mut self.orders {
            order.retain(|at| *at >= first);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.states.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_grow_with_age_and_the_number_with_its_logarithm() {
        let mut ladder = Ladder::new(8, 9);
        for steps in 1..=5_000_u64 {
            ladder.push(Seq(steps * 8), steps);
            assert!(ladder.len() <= 9 * (steps.ilog2() as usize + 1));
            if steps % 97 != 0 {
                continue;
            }
            let head = steps * 8;
            for behind in 0..head {
                let at = Seq(head - behind);
                let gap = at.0 - ladder.before(at).map_or(0, |(seq, _)| seq.0);
                assert!(gap <= 8.max(2 * behind / 8) + 8, "{steps} {behind} {gap}");
            }
        }
        let kept = ladder.len();
        ladder.forget_before(Seq(30_000));
        assert!(ladder.len() < kept && ladder.before(Seq(29_999)).is_none());
    }
}
