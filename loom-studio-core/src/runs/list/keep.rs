//! Finding what is kept, and letting go of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use imbl::OrdMap;

use super::group::hash;
use super::summary::Summary;
use super::{Fresh, RunList, Settled};
use crate::causality::Fact;
use crate::clock::Timestamp;
use crate::event::NodeId;

/// How long the answered calls of one session stay possible callers of events of another that are not placed yet. Clocks that differ by more don't compare.
const SKEW: Duration = Duration::from_mins(1);

/// A workspace and a session.
type SessionKey = (Arc<str>, Arc<str>);

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct SessionState {
    /// The latest time of its placed events.
    pub(super) newest: i64,
    /// Whether it reports causes.
    pub(super) is_stating: bool,
    /// When it was last heard of.
    pub(super) touched: u64,
}

/// What has been let go of the calls to one node in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct LetGo {
    /// The last end of an answered one: what the node sent until then may have been sent in it.
    pub(super) until: i64,
    /// Those that were not answered yet: anything the node sends may be sent in them.
    pub(super) unanswered: u64,
    /// When one was last let go.
    pub(super) touched: u64,
}

impl LetGo {
    const NOTHING: Self = Self {
        until: i64::MIN,
        unanswered: 0,
        touched: 0,
    };
}

pub(super) fn id_hash(fact: &Fact) -> u64 {
    hash(&[&fact.workspace, &fact.id])
}

pub(super) fn context_hash(fact: &Fact, node: &NodeId) -> Option<u64> {
    let context = fact.trace?;
    let trace = context.trace.0 as u64 ^ (context.trace.0 >> 64) as u64;
    Some(hash(&[&fact.workspace, node.as_str()]) ^ trace ^ context.span.0.rotate_left(32))
}

pub(super) fn session_hash(workspace: &str, session: &str) -> u64 {
    hash(&["session", workspace, session])
}

pub(super) fn callee_hash(workspace: &str, session: &str, node: &NodeId) -> u64 {
    hash(&["callee", workspace, session, node.as_str()])
}

fn session_of(fact: &Fact) -> SessionKey {
    (Arc::clone(&fact.workspace), Arc::clone(&fact.session))
}

/// When the answers of a session's calls are too old for any event that is not placed yet.
///
/// Each session goes by its own clock, so that one whose clock is far behind, or goes back, holds up no other: others count within [`SKEW`] only.
struct Horizons {
    sessions: HashMap<SessionKey, Timestamp>,
    workspaces: HashMap<Arc<str>, Timestamp>,
}

impl Horizons {
    fn of<'a>(waiting: impl Iterator<Item = &'a Fresh>) -> Self {
        let mut horizons = Self {
            sessions: HashMap::new(),
            workspaces: HashMap::new(),
        };
        for Fresh { fact, .. } in waiting {
            let earliest = |known: &mut Timestamp| *known = fact.time.min(*known);
            horizons
                .sessions
                .entry(session_of(fact))
                .and_modify(earliest)
                .or_insert(fact.time);
            horizons
                .workspaces
                .entry_ref(&fact.workspace)
                .and_modify(earliest)
                .or_insert(fact.time);
        }
        horizons
    }

    /// Calls that ended before are over for all that will come.
    fn of_session(&self, session: &SessionKey, newest: Option<Timestamp>) -> Option<Timestamp> {
        let own = self.sessions.get(session).copied().or(newest)?;
        let back = i64::try_from(SKEW.as_nanos()).unwrap_or(i64::MAX);
        let near = Timestamp::from_nanos(own.as_nanos().saturating_sub(back));
        let others = self.workspaces.get(&session.0).copied().unwrap_or(own);
        Some(own.min(others.max(near)))
    }
}

/// So many of each, at most, that all together are within a limit: who has few keeps them all.
fn fair_share(mut counts: Vec<usize>, limit: usize) -> usize {
    counts.sort_unstable();
    let (mut left, mut sharers) = (limit, counts.len());
    for count in counts {
        let share = left / sharers.max(1);
        if count > share {
            return share;
        }
        left -= count;
        sharers -= 1;
    }
    usize::MAX
}

/// Lets the least recently touched go until at most three quarters of the limit are left, if there are more than the limit.
fn trim<V: Clone>(map: &mut OrdMap<u64, V>, limit: usize, touched: impl Fn(&V) -> u64) {
    if map.len() <= limit {
        return;
    }
    let mut ages: Vec<(u64, u64)> = map
        .iter()
        .map(|(key, value)| (touched(value), *key))
        .collect();
    ages.sort_unstable();
    for (_, key) in ages.iter().take(map.len() - limit / 4 * 3) {
        map.remove(key);
    }
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
            (Some(a), Some(b)) if (b, Reverse(right)) > (a, Reverse(left)) => (right, left),
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

    /// Takes note of the sessions of events that are placed for good.
    pub(super) fn note_sessions<'a>(&mut self, placed: impl Iterator<Item = &'a Fresh>) {
        let mut seen: HashMap<SessionKey, (u64, i64, i64, bool)> = HashMap::new();
        for Fresh { fact, .. } in placed {
            let (_, before, newest, is_stating) =
                seen.entry(session_of(fact)).or_insert_with(|| {
                    let key = session_hash(&fact.workspace, &fact.session);
                    let known = self.sessions.get(&key);
                    let newest = known.map_or(i64::MIN, |known| known.newest);
                    (
                        key,
                        newest,
                        newest,
                        known.is_some_and(|known| known.is_stating),
                    )
                });
            let time = fact.time.as_nanos();
            // What came before the last placing was taken into account then.
            let is_late = time < *before && fact.seq > self.settled_through;
            self.bounds.late_events += u64::from(is_late);
            *newest = time.max(*newest);
            *is_stating |= fact.causation.is_some();
        }
        for (key, _, newest, is_stating) in seen.into_values() {
            let state = SessionState {
                newest,
                is_stating,
                touched: self.through.0,
            };
            self.sessions.insert(key, state);
        }
        self.settled_through = self.through;
        trim(&mut self.sessions, self.limits.sessions, |state| {
            state.touched
        });
    }

    /// Whether a session is known to report causes.
    pub fn states_causes(&self, workspace: &str, session: &str) -> bool {
        let view = self.view();
        let state = view.sessions.get(&session_hash(workspace, session));
        state.is_some_and(|state| state.is_stating)
    }

    /// Whether calls that a fact may belong to have been let go.
    pub(super) fn is_unsure(&self, fact: &Fact) -> bool {
        let key = || callee_hash(&fact.workspace, &fact.session, &fact.from);
        let let_go = if self.let_go.is_empty() {
            None
        } else {
            self.let_go.get(&key())
        };
        let_go.is_some_and(|gone| gone.unanswered > 0 || fact.time.as_nanos() <= gone.until)
    }

    /// A call that was let go without an answer is answered after all.
    pub(super) fn end_let_go(&mut self, fact: &Fact, end: Timestamp) {
        let Some(to) = &fact.to else { return };
        let key = callee_hash(&fact.workspace, &fact.session, to);
        if let Some(gone) = self.let_go.get_mut(&key) {
            gone.unanswered = gone.unanswered.saturating_sub(1);
            gone.until = end.as_nanos().max(gone.until);
        }
    }

    /// Keeps every collection within its limit.
    pub(super) fn forget(&mut self, waiting: &[&Fresh]) {
        self.let_calls_go(waiting);
        // Calls that go on are needed whatever their age, and there is a limit to them.
        let many = self.calls.len().saturating_sub(self.limits.calls);
        let is_over = |seq: &u64| !self.open.contains(seq);
        let over: Vec<u64> = self
            .calls
            .keys()
            .copied()
            .filter(is_over)
            .take(many)
            .collect();
        for seq in over {
            let Some(call) = self.calls.remove(&seq) else {
                continue;
            };
            self.bounds.forgotten_calls += 1;
            self.ids.remove(&(id_hash(&call.fact), seq));
            if let Some(to) = &call.fact.to
                && let Some(key) = context_hash(&call.fact, to)
            {
                self.contexts.remove(&(key, seq));
            }
        }
        trim(&mut self.let_go, self.limits.callees, |gone| gone.touched);
        while self.doubts.len() > self.limits.ambiguous && self.doubts.pop_front().is_some() {
            self.bounds.forgotten_ambiguous += 1;
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

    /// Lets go of calls that are over for all that will come, and of the oldest of sessions that have too many.
    fn let_calls_go(&mut self, waiting: &[&Fresh]) {
        let horizons = Horizons::of(waiting.iter().copied());
        let mut kept: HashMap<SessionKey, (Option<Timestamp>, Vec<u64>)> = HashMap::new();
        let mut gone: Vec<u64> = Vec::new();
        for seq in &self.open {
            let Some(call) = self.calls.get(seq) else {
                gone.push(*seq);
                continue;
            };
            let session = session_of(&call.fact);
            let newest = || {
                let key = session_hash(&session.0, &session.1);
                let state = self.sessions.get(&key);
                state.map(|state| Timestamp::from_nanos(state.newest))
            };
            let (horizon, seqs) = kept
                .entry_ref(&session)
                .or_insert_with(|| (horizons.of_session(&session, newest()), Vec::new()));
            let is_over = |end| horizon.is_some_and(|horizon| end < horizon);
            if call.last_reply.is_some_and(is_over) {
                gone.push(*seq);
            } else {
                seqs.push(*seq);
            }
        }
        if self.open.len() - gone.len() > self.limits.open_calls {
            let counts = kept.values().map(|(_, seqs)| seqs.len()).collect();
            let share = fair_share(counts, self.limits.open_calls);
            for (_, seqs) in kept.values_mut() {
                // Those that were answered first, by their ends: only late events may belong to them.
                seqs.sort_by_key(|seq| {
                    let end = self.calls.get(seq).and_then(|call| call.last_reply);
                    (end.is_none(), end, *seq)
                });
                gone.extend(seqs.iter().take(seqs.len().saturating_sub(share)));
            }
        }
        let calls: Vec<Settled> = gone
            .into_iter()
            .filter_map(|seq| {
                self.open.remove(&seq);
                self.calls.get(&seq).cloned()
            })
            .collect();
        self.note_let_go(&calls);
    }

    fn note_let_go<'a>(&mut self, calls: impl IntoIterator<Item = &'a Settled>) {
        let mut all: BTreeMap<(&str, &str, &NodeId), LetGo> = BTreeMap::new();
        for call in calls {
            let Some(to) = &call.fact.to else { continue };
            let key = (&*call.fact.workspace, &*call.fact.session, to);
            let gone = all.entry(key).or_insert(LetGo::NOTHING);
            match call.last_reply {
                Some(end) => gone.until = end.as_nanos().max(gone.until),
                None => gone.unanswered += 1,
            }
        }
        for ((workspace, session, node), gone) in all {
            self.bounds.forgotten_open_calls += gone.unanswered;
            let key = callee_hash(workspace, session, node);
            let known = self.let_go.get(&key).copied().unwrap_or(LetGo::NOTHING);
            let both = LetGo {
                until: known.until.max(gone.until),
                unanswered: known.unanswered + gone.unanswered,
                touched: self.through.0,
            };
            self.let_go.insert(key, both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_few_keeps_them_all() {
        for (counts, limit, share) in [
            (vec![1, 2, 3], 6, usize::MAX),
            (vec![1, 2, 9], 6, 3),
            (vec![10, 10], 6, 3),
            (vec![0, 100], 6, 6),
            (vec![7, 7, 7], 2, 0),
            (vec![], 0, usize::MAX),
        ] {
            assert_eq!(fair_share(counts.clone(), limit), share, "{counts:?}");
            let kept: usize = counts.iter().map(|count| *count.min(&share)).sum();
            assert!(kept <= limit);
        }
    }
}
