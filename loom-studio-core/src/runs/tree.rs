//! Building the call tree of one run.

use hashbrown::HashSet;

use super::blame::failure;
use super::call::{Attached, Call, CallEnd, CallStatus, Parent, RunTree, Unplaced};
use super::critical_path::critical_path;
use super::facts::Said;
use super::list::Ambiguities;
use super::state::{deadline, is_late, timeout_nanos};
use super::tokens::Tokens;
use crate::causality::{Fact, Known, Place, Role, Trust, link};
use crate::clock::Timestamp;
use crate::event::Outcome;

/// Builds the tree of what was said, by seq and each event once.
pub(super) fn build(said: &[Said], ambiguities: &Ambiguities, now: Timestamp) -> RunTree {
    let known = Known {
        placed: 0,
        ends: &[],
        is_stating: &|_| false,
        is_unsure: &|_| false,
    };
    let facts: Vec<&Fact> = said.iter().map(|said| &said.fact).collect();
    let mut linked = link(&facts, &known);
    for (seq, candidates) in &ambiguities.members {
        let at = facts.binary_search_by_key(seq, |fact| fact.seq);
        if let Some(place) = at.ok().and_then(|index| linked.places.get_mut(index)) {
            *place = Place::Unclear(candidates.clone());
        }
    }
    let cut = linked.cut.into_iter().collect();
    let mut builder = Builder::new(said, now);
    builder.attach(linked.places, &cut);
    builder.finish()
}

struct Builder<'a> {
    said: &'a [Said],
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
    fn new(said: &'a [Said], now: Timestamp) -> Self {
        let fact = |index: usize| said.get(index).map(|said| &said.fact);
        let mut in_time: Vec<usize> = (0..said.len()).collect();
        in_time.sort_by_key(|index| fact(*index).map(Fact::key));
        let mut call_of = vec![None; said.len()];
        let (mut calls, mut request_of) = (Vec::new(), Vec::new());
        for &index in &in_time {
            let Some(fact) = fact(index).filter(|fact| fact.is_request()) else {
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
            said,
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
    fn attach(&mut self, mut places: Vec<Place>, cut: &HashSet<usize>) {
        let said = self.said;
        for index in std::mem::take(&mut self.in_time) {
            let Some((said, place)) = said.get(index).zip(places.get_mut(index)) else {
                continue;
            };
            let (fact, place) = (&said.fact, std::mem::take(place));
            match (self.call_at(index), place) {
                (Some(call), place) => {
                    let parent = match place {
                        Place::In { call, event, trust } => {
                            self.call_at(call)
                                .map_or(Parent::Root, |call| Parent::Call {
                                    call,
                                    trust,
                                    evidence: event,
                                })
                        }
                        Place::Unclear(candidates) => Parent::Ambiguous(candidates),
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
                    if let Some(call) = self.call_at(call) {
                        self.attach_event(index, said, call, trust);
                    }
                }
                (None, place) => {
                    if !fact.is_reply() {
                        self.tree.tokens =
                            Tokens::sum(self.tree.tokens, said.tokens.as_deref().copied());
                    }
                    let candidates = match place {
                        Place::Unclear(candidates) => Some(candidates),
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

    fn attach_event(&mut self, index: usize, said: &Said, to: usize, trust: Trust) {
        let Some(call) = self.tree.calls.get_mut(to) else {
            return;
        };
        let fact = &said.fact;
        let attached = Attached {
            event: fact.seq,
            trust,
        };
        let tokens = said.tokens.as_deref().copied();
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
            && said.is_node_error
            && let Some(has_error) = self.has_error.get_mut(to)
        {
            *has_error = true;
        }
        if call.end.is_some() {
            call.more_replies.push(attached);
            call.tokens = call.tokens.or(tokens);
            return;
        }
        call.end = Some(CallEnd {
            event: fact.seq,
            time: fact.time,
            trust,
            error: said.error.clone(),
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
            .and_then(|request| self.said.get(request))
            .is_some_and(|said| said.fact.is_blocked);
        let has_error = self.has_error.get(index).copied().unwrap_or_default();
        let end_fact = self
            .end_of
            .get(index)
            .copied()
            .flatten()
            .and_then(|end| self.said.get(end))
            .map(|said| &said.fact);
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
                .and_then(|end| self.said.get(end))
                .is_some_and(|said| said.has_inner_error);
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
