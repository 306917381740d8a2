//! What is kept of one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::{End, Fresh, Run, RunStatus, state};
use crate::causality::{Candidates, Fact};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::runs::{RunId, Tokens};

/// Roots of one run that are told apart.
const MAX_ROOTS: usize = 64;

/// A call without a known parent.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) session: Arc<str>,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) is_blocked: bool,
    /// It may have been made in calls that are known.
    pub(super) is_ambiguous: bool,
    pub(super) end: Option<End>,
}

#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) workspace: Arc<str>,
    pub(super) members: RoaringTreemap,
    /// By time, then seq; the first is the root of the run.
    pub(super) roots: BTreeMap<(Timestamp, Seq), Root>,
    pub(super) root_count: u64,
    /// The last call that turned out to be no root, while the real one has not come; for ever where calls claim to be their own ancestors.
    pub(super) stand_in: Option<((Timestamp, Seq), Root)>,
    pub(super) first_time: Timestamp,
    pub(super) last_time: Timestamp,
    pub(super) events: u64,
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) tokens: Option<Tokens>,
}

impl Summary {
    pub(super) fn new(fact: &Fact) -> Self {
        Self {
            workspace: Arc::clone(&fact.workspace),
            members: RoaringTreemap::new(),
            roots: BTreeMap::new(),
            root_count: 0,
            stand_in: None,
            first_time: fact.time,
            last_time: fact.time,
            events: 0,
            calls: 0,
            errors: 0,
            tokens: None,
        }
    }

    pub(super) fn add(&mut self, fresh: &Fresh) {
        let fact = &fresh.fact;
        self.members.insert(fact.seq.0);
        if let Some(observation) = fresh.blocked_by {
            self.members.insert(observation.0);
        }
        self.first_time = self.first_time.min(fact.time);
        self.last_time = self.last_time.max(fact.time);
        self.events += 1;
        self.calls += u64::from(fact.is_request());
        self.errors += u64::from(state::is_error(fact));
    }

    pub(super) fn add_root(&mut self, fact: &Fact, end: Option<End>, is_ambiguous: bool) {
        let Some(to) = &fact.to else { return };
        self.root_count += 1;
        let root = Root {
            session: Arc::clone(&fact.session),
            from: fact.from.clone(),
            to: to.clone(),
            is_blocked: fact.is_blocked,
            is_ambiguous,
            end,
        };
        self.roots.insert(fact.key(), root);
        if self.roots.len() > MAX_ROOTS {
            self.roots.pop_last();
        }
    }

    pub(super) fn remove_root(&mut self, key: (Timestamp, Seq)) {
        self.root_count = self.root_count.saturating_sub(1);
        if let Some(root) = self.roots.remove(&key) {
            self.stand_in = Some((key, root));
        }
    }

    /// The call that the run is named after.
    fn root(&self) -> Option<((Timestamp, Seq), &Root)> {
        let stand_in = || self.stand_in.as_ref().map(|(key, root)| (*key, root));
        let first = self.roots.first_key_value();
        first.map(|(key, root)| (*key, root)).or_else(stand_in)
    }

    /// A root has been answered.
    pub(super) fn end_root(&mut self, key: (Timestamp, Seq), end: Option<End>) {
        if let Some(root) = self.roots.get_mut(&key) {
            root.end = end;
        }
        if let Some((of, root)) = &mut self.stand_in
            && *of == key
        {
            root.end = end;
        }
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.members |= &other.members;
        let roots = other.roots.iter().map(|(key, root)| (*key, root.clone()));
        self.roots.extend(roots);
        while self.roots.len() > MAX_ROOTS {
            self.roots.pop_last();
        }
        self.root_count += other.root_count;
        if self.stand_in.is_none() {
            self.stand_in.clone_from(&other.stand_in);
        }
        self.first_time = self.first_time.min(other.first_time);
        self.last_time = self.last_time.max(other.last_time);
        self.events += other.events;
        self.calls += other.calls;
        self.errors += other.errors;
        self.tokens = Tokens::sum(self.tokens, other.tokens);
    }

    pub(super) fn id(&self) -> Option<RunId> {
        let ((_, seq), _) = self.root()?;
        Some(RunId(seq))
    }

    pub(super) fn has(&self, workspace: &str, seq: Seq) -> bool {
        *self.workspace == *workspace && self.members.contains(seq.0)
    }

    /// An ambiguous root's candidates are not known here.
    pub(super) fn run(&self, now: Timestamp, open_calls: u64) -> Option<Run> {
        let ((start, seq), root) = self.root()?;
        let waits = !state::is_late(start, now);
        let given_up = now.clamp(start, state::deadline(start));
        let (status, until) = match root.end {
            None if root.is_blocked => (RunStatus::Failed, start),
            None if waits => (RunStatus::Running, given_up),
            None => (RunStatus::Unanswered, given_up),
            Some(end) => {
                let time = Timestamp::from_nanos(end.time);
                let failed = end.is_error
                    || end.is_node_error
                    || state::is_late(start, time)
                    || (end.has_inner_error && self.errors > 0);
                let status = if failed {
                    RunStatus::Failed
                } else {
                    RunStatus::Ok
                };
                (status, time)
            }
        };
        Some(Run {
            id: RunId(seq),
            workspace: Arc::clone(&self.workspace),
            session: Arc::clone(&root.session),
            from: root.from.clone(),
            to: root.to.clone(),
            start,
            duration_nanos: until.nanos_since(start).max(0),
            status,
            first_seq: Seq(self.members.min().unwrap_or_default()),
            last_seq: Seq(self.members.max().unwrap_or_default()),
            first_time: self.first_time,
            last_time: self.last_time,
            events: self.events,
            calls: self.calls,
            open_calls,
            roots: self.root_count.max(1),
            errors: self.errors,
            tokens: self.tokens,
            ambiguity: root.is_ambiguous.then(Candidates::default),
        })
    }
}
