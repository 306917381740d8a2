//! Placing events for good.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::group::{Groups, hash};
use super::keep::{context_hash, id_hash, session_hash};
use super::summary::Summary;
use super::{End, Fresh, RunList, Settled, Wanting};
use crate::causality::{Candidates, Fact, Known, Linked, MAX_CANDIDATES, Place, link};
use crate::clock::Timestamp;
use crate::ids::Seq;
use crate::runs::Tokens;

/// Most calls of one id or one trace context that are looked at.
const MAX_NAMESAKES: usize = MAX_CANDIDATES;
/// Most events of one id that have been waiting for one event. What is beyond waits on.
const MAX_WANTING: usize = 1_024;
/// Rounds in which calls of unclear parents may join the run of all candidates.
const MAX_ROUNDS: usize = 8;

/// Facts to link, and what linking them gave.
struct Step {
    /// The calls placed before, by seq; they come first in the linked facts.
    past: Vec<u64>,
    /// The seqs of all linked facts.
    seqs: Vec<u64>,
    /// How many of the fresh are placed for good.
    count: usize,
    linked: Linked,
    /// The requests whose link was cut.
    cut: HashSet<usize>,
    groups: Groups,
    run_of: HashMap<usize, u64>,
    with_calls: HashSet<usize>,
}

impl Step {
    /// The seq of a linked fact.
    fn seq(&self, index: usize) -> Option<u64> {
        self.seqs.get(index).copied()
    }

    /// Whether a linked fact will be placed later only.
    fn is_pending(&self, index: usize) -> bool {
        index >= self.past.len() + self.count
    }
}

/// What two replies to one call say together: the first by time ends it, a `node.error` fails it whenever it comes.
fn merged(left: Option<End>, right: Option<End>) -> Option<End> {
    let (Some(left), Some(right)) = (left, right) else {
        return left.or(right);
    };
    let first = if (left.time, left.seq) <= (right.time, right.seq) {
        left
    } else {
        right
    };
    Some(End {
        is_node_error: left.is_node_error || right.is_node_error,
        ..first
    })
}

impl RunList {
    /// Places the oldest `count` fresh events for good, in the light of all others.
    pub(super) fn settle(&mut self, count: usize) {
        // Read where they are: states that were left behind share them, so to take them out would copy each.
        let all = std::mem::take(&mut self.fresh);
        let fresh: Vec<&Fresh> = all.iter().collect();
        let mut step = self.linked(&fresh, count);
        for (index, run) in step.past.clone().into_iter().enumerate() {
            if let Some(run) = self.calls.get(&run).map(|call| call.run) {
                let group = step.groups.of(index);
                self.assign(&mut step, group, run);
            }
        }
        let mut reported: Vec<(Timestamp, Seq, usize)> = Vec::new();
        for (index, fresh) in fresh.iter().copied().enumerate().take(count) {
            self.place(&mut step, index, fresh);
            if fresh.tokens.is_some() {
                let (time, seq) = fresh.fact.key();
                // Replies sum up what came before them, so they are read last.
                let rank = if fresh.fact.is_reply() {
                    time
                } else {
                    Timestamp::from_nanos(i64::MIN)
                };
                reported.push((rank, seq, index));
            }
        }
        reported.sort_unstable();
        for (.., index) in reported {
            if let Some(fresh) = fresh.get(index).copied() {
                self.add_tokens(&mut step, index, fresh);
            }
        }
        let (placed, waiting) = fresh.split_at(count.min(fresh.len()));
        self.note_sessions(placed.iter().copied());
        self.forget(waiting);
        self.fresh = waiting.iter().copied().cloned().collect();
    }

    /// Links all fresh events with each other and with the calls they may belong to.
    fn linked(&self, fresh: &[&Fresh], count: usize) -> Step {
        let mut past: BTreeSet<u64> = self.open.iter().copied().collect();
        let mut add = |set: &imbl::OrdSet<(u64, u64)>, key: u64| {
            // Most keys have no entry: one look-up says so, a range takes two.
            let mut at = (key, 0);
            for _ in 0..MAX_NAMESAKES {
                let Some((found, seq)) = set.get_next(&at).filter(|(found, _)| *found == key)
                else {
                    break;
                };
                past.insert(*seq);
                at = (*found, seq.saturating_add(1));
            }
        };
        for fact in fresh.iter().map(|fresh| &fresh.fact) {
            for id in [&fact.causation, &fact.request].into_iter().flatten() {
                add(&self.ids, hash(&[&fact.workspace, id]));
            }
            if let Some(key) = context_hash(fact, &fact.from) {
                add(&self.contexts, key);
            }
        }
        let past: Vec<u64> = past.into_iter().collect();
        let calls: Vec<&Settled> = past.iter().filter_map(|seq| self.calls.get(seq)).collect();
        let ends: Vec<Option<Timestamp>> = calls.iter().map(|call| call.last_reply).collect();
        let facts: Vec<&Fact> = calls
            .iter()
            .map(|call| &*call.fact)
            .chain(fresh.iter().map(|fresh| &*fresh.fact))
            .collect();
        let mut stating: HashMap<(&str, &str), bool> = HashMap::new();
        for fact in fresh.iter().map(|fresh| &fresh.fact) {
            stating
                .entry((&fact.workspace, &fact.session))
                .or_insert_with_key(|(workspace, session)| {
                    let state = self.sessions.get(&session_hash(workspace, session));
                    state.is_some_and(|state| state.is_stating)
                });
        }
        let known = Known {
            placed: calls.len(),
            ends: &ends,
            is_stating: &|fact| stating.get(&(&*fact.workspace, &*fact.session)) == Some(&true),
            is_unsure: &|fact| self.is_unsure(fact),
        };
        let linked = link(&facts, &known);
        let mut groups = Groups::new(facts.len());
        let mut with_calls = HashSet::new();
        let mut of_run: HashMap<u64, usize> = HashMap::new();
        for (index, call) in calls.iter().enumerate() {
            let first = *of_run.entry(self.now_called(call.run)).or_insert(index);
            groups.join(first, index);
        }
        let mut of_trace: HashMap<(&str, u128), usize> = HashMap::new();
        for (index, (fact, place)) in facts.iter().zip(&linked.places).enumerate() {
            if let Some(call) = place.call() {
                groups.join(index, call);
            }
            if let Some(context) = fact.trace {
                let key = (&*fact.workspace, context.trace.0);
                groups.join(*of_trace.entry(key).or_insert(index), index);
            }
        }
        join_unclear(&facts, &linked, &mut groups);
        for (index, fact) in facts.iter().enumerate() {
            if fact.is_request() {
                with_calls.insert(groups.of(index));
            }
        }
        Step {
            seqs: facts.iter().map(|fact| fact.seq.0).collect(),
            past,
            count,
            cut: linked.cut.iter().copied().collect(),
            linked,
            groups,
            run_of: HashMap::new(),
            with_calls,
        }
    }

    /// Makes `run` that of a group, uniting it with the one the group has.
    fn assign(&mut self, step: &mut Step, group: usize, run: u64) {
        let run = self.now_called(run);
        let both = match step.run_of.get(&group) {
            Some(known) => self.unite(self.now_called(*known), run),
            None => run,
        };
        step.run_of.insert(group, both);
    }

    /// Places one event for good.
    fn place(&mut self, step: &mut Step, at: usize, fresh: &Fresh) {
        let index = step.past.len() + at;
        let fact = &fresh.fact;
        let place = step.linked.places.get(index).cloned().unwrap_or_default();
        let group = step.groups.of(index);
        let is_cut = step.cut.contains(&index);
        let is_dangling = place == Place::Nowhere
            && !is_cut
            && (fact.causation.is_some() || (fact.is_reply() && fact.request.is_some()));
        let trace = fact
            .trace
            .map(|context| (hash(&[&fact.workspace]), context.trace.0));

        let early = self.awaited.remove(&fact.seq.0);
        let answered = self.take_wanting(fact);
        let known = trace.and_then(|trace| self.traces.get(&trace).copied());
        let joined = known
            .into_iter()
            .chain(early.map(|(run, _)| run))
            .chain(answered.iter().map(|(_, wanting)| wanting.run));
        for run in joined.collect::<Vec<_>>() {
            self.assign(step, group, run);
        }
        let run = step
            .run_of
            .get(&group)
            .copied()
            .map(|run| self.now_called(run))
            .filter(|run| self.runs.contains_key(run));
        let run = match run {
            Some(run) => run,
            None if is_dangling || step.with_calls.contains(&group) => {
                let summary = Arc::new(Summary::new(fact));
                self.runs.insert(fact.seq.0, summary);
                fact.seq.0
            }
            None => {
                self.bounds.outside += 1;
                if let Place::Unclear(candidates) = &place {
                    self.add_doubt(fact, None, candidates);
                }
                return;
            }
        };
        step.run_of.insert(group, run);
        if let Place::Unclear(candidates) = &place {
            self.add_doubt(fact, Some(run), candidates);
        }
        if let Some(summary) = self.summary(run) {
            summary.add(fresh);
        }
        if let Some(trace) = trace.filter(|_| known.is_none()) {
            self.traces.insert(trace, run);
            self.trace_order.push_back(trace);
        }
        if is_dangling {
            self.want(fact, fresh, run);
        }
        let end = fresh.end();
        if fact.is_request() {
            let replies = answered.iter().filter_map(|(_, wanting)| wanting.end);
            let end = replies.fold(early.and_then(|(_, end)| end), |all, one| {
                merged(all, Some(one))
            });
            self.open_call(step, fact, &place, run, end);
        } else if let Some((call, seq)) =
            place.call().and_then(|call| Some((call, step.seq(call)?)))
        {
            match end {
                Some(end) if self.calls.contains_key(&seq) => self.end_call(seq, end),
                Some(_) => self.await_call(seq, run, end),
                None if step.is_pending(call) => self.await_call(seq, run, None),
                None => {}
            }
        }
        for (seq, wanting) in answered.iter().filter(|(_, wanting)| wanting.end.is_none()) {
            if let Some(summary) = self.summary(run)
                && summary.roots.contains_key(&(wanting.time, *seq))
            {
                summary.remove_root((wanting.time, *seq));
            }
        }
    }

    fn open_call(
        &mut self,
        step: &Step,
        fact: &Arc<Fact>,
        place: &Place,
        run: u64,
        end: Option<End>,
    ) {
        let parent = place.call().and_then(|call| Some((call, step.seq(call)?)));
        match parent {
            Some((call, seq)) if step.is_pending(call) => self.await_call(seq, run, None),
            Some(_) => {}
            None => {
                if let Some(summary) = self.summary(run) {
                    summary.add_root(fact, end, matches!(place, Place::Unclear(_)));
                }
            }
        }
        let seq = fact.seq.0;
        self.ids.insert((id_hash(fact), seq));
        if let Some(to) = &fact.to
            && let Some(key) = context_hash(fact, to)
        {
            self.contexts.insert((key, seq));
        }
        if !fact.is_blocked {
            self.open.insert(seq);
        }
        let call = Settled {
            fact: Arc::clone(fact),
            run,
            parent: parent.map(|(_, seq)| seq),
            end,
            last_reply: end.map(|end| Timestamp::from_nanos(end.time)),
            has_tokens: false,
        };
        self.calls.insert(seq, call);
    }

    /// Remembers what belongs to a call that is not placed yet.
    fn await_call(&mut self, seq: u64, run: u64, end: Option<End>) {
        let (before, earlier) = match self.awaited.get(&seq).copied() {
            Some((before, earlier)) => (before, earlier),
            None => (run, None),
        };
        let run = self.unite(self.now_called(before), self.now_called(run));
        self.awaited.insert(seq, (run, merged(earlier, end)));
    }

    fn end_call(&mut self, seq: u64, end: End) {
        let Some(call) = self.calls.get_mut(&seq) else {
            return;
        };
        let time = Timestamp::from_nanos(end.time);
        let was_let_go =
            call.last_reply.is_none() && !call.fact.is_blocked && !self.open.contains(&seq);
        let fact = was_let_go.then(|| call.fact.clone());
        call.last_reply = call.last_reply.max(Some(time));
        call.end = merged(call.end, Some(end));
        let (run, key, end) = (call.run, call.fact.key(), call.end);
        if let Some(fact) = fact {
            self.end_let_go(&fact, time);
        }
        if let Some(summary) = self.summary(run) {
            summary.end_root(key, end);
        }
    }

    /// Remembers that an event names one that has not come.
    fn want(&mut self, fact: &Fact, fresh: &Fresh, run: u64) {
        let named = if fact.is_reply() {
            fact.request.as_ref().or(fact.causation.as_ref())
        } else {
            fact.causation.as_ref()
        };
        let Some(id) = named else { return };
        let key = (hash(&[&fact.workspace, id]), fact.seq.0);
        let wanting = Wanting {
            run,
            by: fact.from.clone(),
            time: fact.time,
            end: fresh.end(),
        };
        self.wanted.insert(key, wanting);
        self.wanted_order.push_back(key);
    }

    /// What has been waiting for an event.
    fn take_wanting(&mut self, fact: &Fact) -> Vec<(Seq, Wanting)> {
        if self.wanted.is_empty() {
            return Vec::new();
        }
        let id = id_hash(fact);
        let is_meant = |wanting: &Wanting| match wanting.end {
            Some(_) => fact.is_request() && fact.to.as_ref() == Some(&wanting.by),
            None => !fact.is_request() || fact.to.as_ref() == Some(&wanting.by),
        };
        let keys: Vec<(u64, u64)> = self
            .wanted
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(key, wanting)| key.1 != fact.seq.0 && is_meant(wanting))
            .map(|(key, _)| *key)
            .take(MAX_WANTING)
            .collect();
        keys.into_iter()
            .filter_map(|key| Some((Seq(key.1), self.wanted.remove(&key)?)))
            .collect()
    }

    fn add_tokens(&mut self, step: &mut Step, at: usize, fresh: &Fresh) {
        let index = step.past.len() + at;
        let (tokens, is_reply) = (fresh.tokens, fresh.fact.is_reply());
        let place = step.linked.places.get(index);
        let call = place.and_then(Place::call).and_then(|call| step.seq(call));
        let is_known = call.is_some_and(|seq| {
            let call = self.calls.get(&seq);
            call.is_some_and(|call| call.has_tokens)
        });
        if is_reply && (is_known || call.is_none()) {
            return;
        }
        self.use_tokens(fresh);
        let group = step.groups.of(index);
        if let Some(run) = step.run_of.get(&group).copied()
            && let Some(summary) = self.summary(run)
        {
            summary.tokens = Tokens::sum(summary.tokens, tokens);
        }
        let mut at = call;
        while let Some(call) = at.and_then(|seq| self.calls.get_mut(&seq))
            && !call.has_tokens
        {
            call.has_tokens = true;
            at = call.parent;
        }
    }
}

/// Puts events of unclear place into the group that all their candidates are in.
fn join_unclear(facts: &[&Fact], linked: &Linked, groups: &mut Groups) {
    let unclear: Vec<(usize, &Candidates)> = linked
        .places
        .iter()
        .enumerate()
        .filter_map(|(index, place)| match place {
            // One that isn't on the list could be elsewhere.
            Place::Unclear(candidates) if candidates.is_complete => Some((index, candidates)),
            _ => None,
        })
        .collect();
    if unclear.is_empty() {
        return;
    }
    let index_of: HashMap<Seq, usize> = facts
        .iter()
        .enumerate()
        .map(|(index, fact)| (fact.seq, index))
        .collect();
    for _ in 0..MAX_ROUNDS {
        let mut has_changed = false;
        for (index, unclear) in &unclear {
            let seqs = &unclear.events;
            let mut candidates = seqs.iter().filter_map(|seq| index_of.get(seq).copied());
            let Some(first) = candidates.next() else {
                continue;
            };
            let group = groups.of(first);
            if candidates.all(|other| groups.of(other) == group) && groups.of(*index) != group {
                groups.join(*index, group);
                has_changed = true;
            }
        }
        if !has_changed {
            return;
        }
    }
}
