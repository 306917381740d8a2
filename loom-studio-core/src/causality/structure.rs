//! Which calls a node was handling at a moment.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::{Candidates, Fact, MAX_CANDIDATES};
use crate::clock::Timestamp;
use crate::ids::Seq;

/// What the open calls of a sender say of something it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// It was handling nothing.
    None,
    /// It was handling this call and no other.
    One(usize),
    /// It was handling several, or it can't be told which came first.
    Unclear(Candidates),
}

/// Most open calls of one node that are looked at one by one.
const MAX_NARROWED: usize = 64;

type Key = (Timestamp, Seq);

/// For each asked fact, the calls its sender was handling then.
///
/// A call is being handled from its request to its last reply, both included, by event time. Only calls of the asking fact's own session count: a session is one process, and its clock is one
/// clock. Where there are none, open calls of other sessions make the answer unclear, never certain. A call of the asker's own trace excludes those of other traces.
///
/// A sweep over each node's calls: O(n log n).
pub(super) fn open_calls(
    facts: &[&Fact],
    ends: &[Option<Timestamp>],
    asking: &[usize],
) -> Vec<(usize, Open)> {
    let mut groups: HashMap<(&str, &str), usize> = HashMap::new();
    let mut sessions: HashMap<(&str, &str), usize> = HashMap::new();
    // (node, time and seq, whether it asks, which, its session).
    let mut questions: Vec<(usize, Key, usize, usize)> = Vec::with_capacity(asking.len());
    for &index in asking {
        if let Some(fact) = facts.get(index) {
            let next = groups.len();
            let group = *groups
                .entry((&fact.workspace, fact.from.as_str()))
                .or_insert(next);
            let next = sessions.len();
            let session = *sessions
                .entry((&fact.workspace, &fact.session))
                .or_insert(next);
            questions.push((group, fact.key(), index, session));
        }
    }
    let mut calls: Vec<(usize, Key, usize, usize)> = Vec::new();
    for (index, fact) in facts.iter().enumerate() {
        let Some(to) = fact
            .to
            .as_ref()
            .filter(|_| fact.is_request() && !fact.is_blocked)
        else {
            continue;
        };
        if let Some(&group) = groups.get(&(&*fact.workspace, to.as_str())) {
            let next = sessions.len();
            let session = *sessions
                .entry((&fact.workspace, &fact.session))
                .or_insert(next);
            calls.push((group, fact.key(), index, session));
        }
    }
    questions.sort_unstable();
    calls.sort_unstable();

    let mut answers = Vec::with_capacity(questions.len());
    let mut calls = calls.into_iter().peekable();
    let mut active = Active::default();
    let mut current = None;
    for (group, key, index, session) in questions {
        if current != Some(group) {
            (active, current) = (Active::default(), Some(group));
        }
        while let Some((of, start, call, session)) =
            calls.next_if(|(of, start, ..)| (*of, start.0) <= (group, key.0))
        {
            if of == group {
                let end = ends.get(call).copied().flatten();
                active.open(session, start, call, end);
            }
        }
        active.close_before(key.0);
        answers.push((index, active.handling(facts, index, key, session)));
    }
    answers
}

#[derive(Debug, Default)]
struct Active {
    by_session: BTreeMap<usize, BTreeSet<(Key, usize)>>,
    by_end: BTreeSet<(Timestamp, Key, usize, usize)>,
}

impl Active {
    fn open(&mut self, session: usize, start: Key, call: usize, end: Option<Timestamp>) {
        self.by_session
            .entry(session)
            .or_default()
            .insert((start, call));
        if let Some(end) = end {
            self.by_end.insert((end, start, call, session));
        }
    }

    fn close_before(&mut self, time: Timestamp) {
        while let Some((_, start, call, session)) =
            self.by_end.first().copied().filter(|(end, ..)| *end < time)
        {
            self.by_end.pop_first();
            if let Some(open) = self.by_session.get_mut(&session) {
                open.remove(&(start, call));
                if open.is_empty() {
                    self.by_session.remove(&session);
                }
            }
        }
    }

    fn handling(&self, facts: &[&Fact], asker: usize, key: Key, session: usize) -> Open {
        let unclear = |calls: &mut dyn Iterator<Item = &(Key, usize)>| {
            let mut others = calls
                .filter(|(_, call)| *call != asker)
                .map(|((_, seq), _)| *seq);
            let mut events: Vec<Seq> = others.by_ref().take(MAX_CANDIDATES).collect();
            events.sort_unstable();
            if events.is_empty() {
                return Open::None;
            }
            Open::Unclear(Candidates {
                events,
                is_complete: others.next().is_none(),
            })
        };
        let own = self.by_session.get(&session);
        let Some(own) = own.filter(|own| own.iter().any(|(_, call)| *call != asker)) else {
            return unclear(&mut self.by_session.values().flatten());
        };
        if own.len() > MAX_NARROWED {
            return unclear(&mut own.iter());
        }
        let mut open: Vec<&(Key, usize)> = own.iter().filter(|(_, call)| *call != asker).collect();
        let trace = facts.get(asker).and_then(|fact| fact.trace);
        let trace_of = |call: usize| facts.get(call).and_then(|fact| fact.trace);
        let is_same_span = |call: usize| trace.is_some() && trace_of(call) == trace;
        let is_same_trace = |call: usize| {
            trace.is_some_and(|trace| {
                trace_of(call).is_some_and(|context| context.trace == trace.trace)
            })
        };
        if open.iter().any(|(_, call)| is_same_span(*call)) {
            open.retain(|(_, call)| is_same_span(*call));
        } else if open.iter().any(|(_, call)| is_same_trace(*call)) {
            open.retain(|(_, call)| is_same_trace(*call));
        }
        match open.as_slice() {
            [(start, call)] if *start < key => Open::One(*call),
            _ => unclear(&mut open.into_iter()),
        }
    }
}
