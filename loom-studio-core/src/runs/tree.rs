//! Building the call tree of one run.

use std::sync::Arc;

use super::blame::failure;
use super::call::{Attached, Call, CallEnd, CallStatus, Parent, RunTree, Unplaced};
use super::critical_path::critical_path;
use super::list::Ambiguities;
use super::state::{deadline, has_inner_error, is_late, timeout_nanos};
use super::tokens::Tokens;
use crate::causality::{Fact, Known, Place, Role, Trust, link};
use crate::clock::Timestamp;
use crate::event::{Event, Outcome, Phase, Record, Reply};

/// The longest error text kept.
const MAX_ERROR_CHARS: usize = 200;

/// Builds the tree of one run from its records, in any order. Calls that have no reply at `now` are running or unanswered.
///
/// What its records alone say: calls of other runs don't come into question. [`call_tree_with`] takes those into account.
///
/// O(n log n), no recursion: a tree may be as deep as it likes.
pub fn call_tree(records: &[Record], now: Timestamp) -> RunTree {
    call_tree_with(records, &Ambiguities::default(), now)
}

/// As [`call_tree`], with what [`RunList::ambiguities`](super::RunList::ambiguities) knows of members that may belong to calls of other runs: they are shown as ambiguous.
pub fn call_tree_with(records: &[Record], ambiguities: &Ambiguities, now: Timestamp) -> RunTree {
    let mut events: Vec<&Arc<Event>> = records.iter().filter_map(Record::as_event).collect();
    events.sort_by_key(|event| event.seq());
    events.dedup_by_key(|event| event.seq());
    let mut facts: Vec<Fact> = events.iter().map(|event| Fact::of(event)).collect();
    for record in records {
        if let Record::Observation(observation) = record
            && observation.phase == Phase::Blocked
            && let Ok(index) = facts.binary_search_by_key(&observation.of, |fact| fact.seq)
            && let Some(fact) = facts.get_mut(index)
        {
            fact.is_blocked = true;
        }
    }
    let known = Known {
        placed: 0,
        ends: &[],
        is_stating: &|_| false,
        is_unsure: &|_| false,
    };
    let mut linked = link(&facts.iter().collect::<Vec<_>>(), &known);
    for (seq, candidates) in &ambiguities.members {
        let at = facts.binary_search_by_key(seq, |fact| fact.seq);
        if let Some(place) = at.ok().and_then(|index| linked.places.get_mut(index)) {
            *place = Place::Unclear(candidates.clone());
        }
    }
    let mut builder = Builder::new(&events, &facts, now);
    builder.attach(&linked.places, &linked.cut);
    builder.finish()
}

struct Builder<'a> {
    events: &'a [&'a Arc<Event>],
    facts: &'a [Fact],
    /// Facts by time.
    in_time: Vec<usize>,
    /// For each fact that is a request its call.
    call_of: Vec<Option<usize>>,
    /// For each call its request's fact, and that of the reply that ended it.
    request_of: Vec<usize>,
    end_of: Vec<Option<usize>>,
    reported: Vec<Option<Tokens>>,
    has_error: Vec<bool>,
    now: Timestamp,
    tree: RunTree,
}

impl<'a> Builder<'a> {
    fn new(events: &'a [&'a Arc<Event>], facts: &'a [Fact], now: Timestamp) -> Self {
        let mut in_time: Vec<usize> = (0..facts.len()).collect();
        in_time.sort_by_key(|index| facts.get(*index).map(Fact::key));
        let mut call_of = vec![None; facts.len()];
        let (mut calls, mut request_of) = (Vec::new(), Vec::new());
        for &index in &in_time {
            let Some(fact) = facts.get(index).filter(|fact| fact.is_request()) else {
                continue;
            };
            if let (Some(to), Some(slot)) = (&fact.to, call_of.get_mut(index)) {
                *slot = Some(calls.len());
                request_of.push(index);
                calls.push(Call {
                    request: fact.seq,
                    from: fact.from.clone(),
                    to: to.clone(),
                    start: fact.time,
                    end: None,
                    more_replies: Vec::new(),
                    status: CallStatus::Running,
                    parent: Parent::Root,
                    children: Vec::new(),
                    events: Vec::new(),
                    duration_nanos: 0,
                    self_nanos: 0,
                    critical_nanos: 0,
                    waited_until: fact.time,
                    is_unheard: false,
                    tokens: None,
                });
            }
        }
        Self {
            events,
            facts,
            in_time,
            call_of,
            request_of,
            end_of: vec![None; calls.len()],
            reported: vec![None; calls.len()],
            has_error: vec![false; calls.len()],
            now,
            tree: RunTree {
                calls,
                ..RunTree::default()
            },
        }
    }

    fn call_at(&self, fact: usize) -> Option<usize> {
        self.call_of.get(fact).copied().flatten()
    }

    /// Puts every event where it belongs, in the order of time.
    fn attach(&mut self, places: &[Place], cut: &[usize]) {
        for index in std::mem::take(&mut self.in_time) {
            let Some((fact, place)) = self.facts.get(index).zip(places.get(index)) else {
                continue;
            };
            match (self.call_at(index), place) {
                (Some(call), place) => {
                    let parent = match place {
                        Place::In { call, event, trust } => {
                            self.call_at(*call)
                                .map_or(Parent::Root, |call| Parent::Call {
                                    call,
                                    trust: *trust,
                                    evidence: *event,
                                })
                        }
                        Place::Unclear(candidates) => Parent::Ambiguous(candidates.clone()),
                        Place::Nowhere if cut.contains(&index) => Parent::Cycle,
                        Place::Nowhere => Parent::Root,
                    };
                    match parent.call() {
                        Some(parent) => {
                            if let Some(parent) = self.tree.calls.get_mut(parent) {
                                parent.children.push(call);
                            }
                        }
                        None => self.tree.roots.push(call),
                    }
                    if let Some(call) = self.tree.calls.get_mut(call) {
                        call.parent = parent;
                    }
                }
                (None, Place::In { call, trust, .. }) => {
                    if let Some(call) = self.call_at(*call) {
                        self.attach_event(index, fact, call, *trust);
                    }
                }
                (None, place) => {
                    if let Some(event) = self.events.get(index).filter(|_| !fact.is_reply()) {
                        self.tree.tokens = Tokens::sum(self.tree.tokens, Tokens::of(event));
                    }
                    let candidates = match place {
                        Place::Unclear(candidates) => Some(candidates.clone()),
                        _ => None,
                    };
                    self.tree.unplaced.push(Unplaced {
                        event: fact.seq,
                        candidates,
                    });
                }
            }
        }
        self.tree.unplaced.sort_by_key(|unplaced| unplaced.event);
    }

    fn attach_event(&mut self, index: usize, fact: &Fact, to: usize, trust: Trust) {
        let Some((call, event)) = self.tree.calls.get_mut(to).zip(self.events.get(index)) else {
            return;
        };
        let attached = Attached {
            event: fact.seq,
            trust,
        };
        let tokens = Tokens::of(event);
        // A reply answers this call only if it is from the node that was called.
        if !(fact.is_reply() && fact.from == call.to) {
            call.events.push(attached);
            if !fact.is_reply()
                && let Some(reported) = self.reported.get_mut(to)
            {
                *reported = Tokens::sum(*reported, tokens);
            }
            return;
        }
        if fact.role == Role::Reply(Outcome::Error)
            && &**event.kind() == "node.error"
            && let Some(has_error) = self.has_error.get_mut(to)
        {
            *has_error = true;
        }
        if call.end.is_some() {
            call.more_replies.push(attached);
            call.tokens = call.tokens.or(tokens);
            return;
        }
        let error = event
            .data()
            .and_then(|data| Reply::read(event.kind(), data).error)
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.chars()
                    .take(MAX_ERROR_CHARS)
                    .collect::<String>()
                    .into()
            });
        call.end = Some(CallEnd {
            event: fact.seq,
            time: fact.time,
            trust,
            error,
        });
        call.tokens = tokens;
        if let Some(end) = self.end_of.get_mut(to) {
            *end = Some(index);
        }
    }

    fn finish(mut self) -> RunTree {
        // Callers before callees.
        let mut order = Vec::with_capacity(self.tree.calls.len());
        let mut pending: Vec<usize> = self.tree.roots.iter().rev().copied().collect();
        while let Some(index) = pending.pop() {
            order.push(index);
            if let Some(call) = self.tree.calls.get(index) {
                pending.extend(call.children.iter().rev());
            }
        }
        for &index in &order {
            self.set_times(index);
        }
        let mut failed_beneath = vec![false; self.tree.calls.len()];
        for &index in order.iter().rev() {
            self.sum_up(index, &mut failed_beneath);
        }
        let mut tree = self.tree;
        // Those of unplaced events are there already.
        let of_root = |root: &usize| tree.calls.get(*root)?.tokens;
        tree.tokens = tree
            .roots
            .iter()
            .map(of_root)
            .fold(tree.tokens, Tokens::sum);
        if let Some(&root) = tree.roots.first() {
            tree.critical_path = critical_path(&tree.calls, root);
            tree.failure = failure(&tree.calls, &order, root);
        }
        for step in &tree.critical_path {
            if let Some(call) = tree.calls.get_mut(step.call)
                && step.pursuit == super::Pursuit::Work
            {
                call.critical_nanos += step.until.nanos_since(step.from);
            }
        }
        tree
    }

    /// Status, duration and the caller's wait; the caller's are known already.
    fn set_times(&mut self, index: usize) {
        let request = self.request_of.get(index).copied();
        let is_blocked = request
            .and_then(|request| self.facts.get(request))
            .is_some_and(|fact| fact.is_blocked);
        let has_error = self.has_error.get(index).copied().unwrap_or_default();
        let end_fact = self
            .end_of
            .get(index)
            .copied()
            .flatten()
            .and_then(|end| self.facts.get(end));
        let Some(call) = self.tree.calls.get(index) else {
            return;
        };
        let caller = call
            .parent
            .call()
            .and_then(|caller| self.tree.calls.get(caller));
        // Until when the caller was there to wait: for ever, as far as is known of one outside.
        let caller_end = caller.and_then(|caller| Some(caller.end.as_ref()?.time));
        let given_up = deadline(call.start);
        let waits = self.now.nanos_since(call.start) < timeout_nanos();
        let status = match (&call.end, end_fact) {
            (None, _) if is_blocked => CallStatus::Blocked,
            (None, _) if waits => CallStatus::Running,
            (None, _) => CallStatus::Unanswered,
            _ if has_error => CallStatus::Error,
            (Some(_), Some(fact)) if super::state::is_error(fact) => CallStatus::ErrorResult,
            (Some(end), _) if is_late(call.start, end.time) => CallStatus::Late,
            _ => CallStatus::Ok,
        };
        let is_unheard =
            status == CallStatus::Error && caller_end.is_none_or(|end| end >= given_up);
        let heard_at = call
            .end
            .as_ref()
            .filter(|_| !is_unheard)
            .map(|end| end.time);
        let alone = match heard_at {
            Some(time) => time.min(given_up),
            None if is_blocked => call.start,
            None => self.now.clamp(call.start, given_up),
        };
        let waited_until = match (caller, heard_at) {
            // A root's caller is outside: the run lasts as long as its root works.
            (None, Some(time)) => time,
            _ => alone,
        }
        .max(call.start);
        let until = call.end.as_ref().map_or(alone, |end| end.time);
        let duration_nanos = until.nanos_since(call.start).max(0);
        if let Some(call) = self.tree.calls.get_mut(index) {
            call.status = status;
            call.is_unheard = is_unheard;
            call.waited_until = waited_until;
            call.duration_nanos = duration_nanos;
        }
    }

    /// What depends on the calls beneath; theirs is known already.
    fn sum_up(&mut self, index: usize, failed_beneath: &mut [bool]) {
        let Some(call) = self.tree.calls.get(index) else {
            return;
        };
        let end = call.start.as_nanos().saturating_add(call.duration_nanos);
        let (mut tokens, mut waiting, mut reached) = (
            self.reported.get(index).copied().flatten(),
            0_i64,
            call.start.as_nanos(),
        );
        let mut is_failed_beneath = false;
        for child in &call.children {
            let Some(of) = self.tree.calls.get(*child) else {
                continue;
            };
            tokens = Tokens::sum(tokens, of.tokens);
            is_failed_beneath |=
                of.status.is_failure() || failed_beneath.get(*child).copied().unwrap_or_default();
            // Children come by start, so the union of their intervals grows at its end only.
            let (from, until) = (
                of.start.as_nanos().max(reached),
                of.waited_until.as_nanos().min(end),
            );
            if from < until {
                waiting = waiting.saturating_add(until - from);
                reached = until;
            }
        }
        let has_inner_error = call.status == CallStatus::Ok
            && is_failed_beneath
            && self
                .end_of
                .get(index)
                .copied()
                .flatten()
                .and_then(|end| self.events.get(end))
                .is_some_and(|event| has_inner_error(event));
        if let Some(failed) = failed_beneath.get_mut(index) {
            *failed = is_failed_beneath;
        }
        if let Some(call) = self.tree.calls.get_mut(index) {
            call.self_nanos = (call.duration_nanos - waiting).max(0);
            // Until here `tokens` was what the reply reports.
            call.tokens = tokens.or(call.tokens);
            if has_inner_error {
                call.status = CallStatus::InnerError;
            }
        }
    }
}
