//! Finding what is kept, and letting go of it.

use std::sync::Arc;

use super::RunList;
use super::group::hash;
use super::summary::Summary;
use crate::causality::Fact;
use crate::clock::Timestamp;
use crate::event::NodeId;

pub(super) fn id_hash(fact: &Fact) -> u64 {
    hash(&[&fact.workspace, &fact.id])
}

pub(super) fn context_hash(fact: &Fact, node: &NodeId) -> Option<u64> {
    let context = fact.trace?;
    let trace = context.trace.0 as u64 ^ (context.trace.0 >> 64) as u64;
    Some(hash(&[&fact.workspace, node.as_str()]) ^ trace ^ context.span.0.rotate_left(32))
}

pub(super) fn session_hash(fact: &Fact) -> u64 {
    hash(&["session", &fact.workspace, &fact.session])
}

pub(super) fn node_hash(workspace: &str, node: &NodeId) -> u64 {
    hash(&["node", workspace, node.as_str()])
}

impl RunList {
    /// The run that `run` has become part of.
    pub(super) fn now_called(&self, mut run: u64) -> u64 {
        while let Some(into) = self.moved.get(&run) {
            run = *into;
        }
        run
    }

    /// Two runs are one: the smaller becomes part of the larger.
    pub(super) fn unite(&mut self, left: u64, right: u64) -> u64 {
        let members = |run: &u64| self.runs.get(run).map(|summary| summary.members.len());
        let (into, from) = match (members(&left), members(&right)) {
            _ if left == right => return left,
            (None, _) => return right,
            (_, None) => return left,
            (Some(a), Some(b)) if (b, std::cmp::Reverse(right)) > (a, std::cmp::Reverse(left)) => {
                (right, left)
            }
            _ => (left, right),
        };
        if let Some(absorbed) = self.runs.remove(&from)
            && let Some(summary) = self.runs.get_mut(&into)
        {
            Arc::make_mut(summary).absorb(&absorbed);
        }
        self.moved.insert(from, into);
        into
    }

    pub(super) fn summary(&mut self, run: u64) -> Option<&mut Summary> {
        let run = self.now_called(run);
        self.runs.get_mut(&run).map(Arc::make_mut)
    }

    /// Keeps every collection within its limit.
    pub(super) fn forget(&mut self, horizon: Option<Timestamp>) {
        let is_over = |seq: &u64| {
            self.calls.get(seq).is_none_or(|call| {
                call.last_reply
                    .is_some_and(|end| horizon.is_none_or(|horizon| end < horizon))
            })
        };
        let over: Vec<u64> = self.open.iter().copied().filter(is_over).collect();
        for seq in over {
            self.open.remove(&seq);
        }
        while self.open.len() > self.limits.open_calls
            && let Some(seq) = self.open.get_min().copied()
        {
            self.open.remove(&seq);
            self.bounds.forgotten_open_calls += 1;
            if let Some(fact) = self.calls.get(&seq).map(|call| &call.fact)
                && let Some(to) = &fact.to
                && self.closed.len() < self.limits.closed
            {
                let node = node_hash(&fact.workspace, to);
                self.closed.insert(node);
            }
        }
        while self.calls.len() > self.limits.calls
            && let Some(seq) = self.calls.get_min().map(|(seq, _)| *seq)
            && let Some(call) = self.calls.remove(&seq)
        {
            self.bounds.forgotten_calls += 1;
            self.ids.remove(&(id_hash(&call.fact), seq));
            self.open.remove(&seq);
            if let Some(to) = &call.fact.to
                && let Some(key) = context_hash(&call.fact, to)
            {
                self.contexts.remove(&(key, seq));
            }
        }
        while self.wanted_order.len() > self.limits.references
            && let Some(key) = self.wanted_order.pop_front()
        {
            self.bounds.forgotten_references += u64::from(self.wanted.remove(&key).is_some());
        }
        while self.trace_order.len() > self.limits.traces
            && let Some(trace) = self.trace_order.pop_front()
        {
            self.traces.remove(&trace);
        }
        while self.runs.len() > self.limits.runs
            && let Some(run) = self.runs.get_min().map(|(run, _)| *run)
        {
            self.runs.remove(&run);
            self.bounds.forgotten_runs += 1;
        }
        while self.moved.len() > self.limits.runs
            && let Some(run) = self.moved.get_min().map(|(run, _)| *run)
        {
            self.moved.remove(&run);
        }
    }
}
