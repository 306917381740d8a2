//! Events whose call can't be decided.

use super::RunList;
use crate::causality::{Candidates, Fact};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::runs::{RunId, RunTree};

/// Most events of other runs that are listed as possible parts of one.
pub const MAX_POSSIBLE: usize = 1_000;

/// An event whose call can't be decided.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    pub(super) seq: Seq,
    pub(super) time: Timestamp,
    pub(super) from: NodeId,
    /// The node it calls, if it is a request.
    pub(super) to: Option<NodeId>,
    /// The run it is part of.
    pub(super) run: Option<u64>,
    pub(super) candidates: Candidates,
}

/// An event that may belong to a run it isn't counted in: no figure of that run contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// The event.
    pub event: Seq,
    /// Its time.
    pub time: Timestamp,
    /// Who sent it.
    pub from: NodeId,
    /// The node it calls, if it is a request.
    pub to: Option<NodeId>,
    /// The run it is part of, if any: with a request usually one of its own.
    pub run: Option<RunId>,
    /// What it may belong to, in whichever runs.
    pub candidates: Candidates,
}

impl Possible {
    /// The calls of a tree that it may belong to: indices.
    pub fn calls_of(&self, tree: &RunTree) -> Vec<usize> {
        let calls = tree.calls.iter().enumerate();
        calls
            .filter(|(_, call)| self.candidates.events.binary_search(&call.request).is_ok())
            .map(|(index, _)| index)
            .collect()
    }
}

/// What can't be decided about a run, as the list of all runs knows it: the records of one run alone don't show that others come into question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ambiguities {
    /// Members whose call can't be decided, by seq.
    pub members: Vec<(Seq, Candidates)>,
    /// Events of other runs and of none that may belong to calls of this one, by seq; at most [`MAX_POSSIBLE`].
    pub possible: Vec<Possible>,
    /// How many more of those there are.
    pub more_possible: u64,
}

impl RunList {
    /// What an event may belong to, if that can't be decided and is still remembered; all of its own workspace. See [`RunBounds::forgotten_ambiguous`](super::RunBounds::forgotten_ambiguous).
    pub fn candidates(&self, seq: Seq) -> Option<Candidates> {
        self.view().doubt(seq).map(|doubt| doubt.candidates.clone())
    }

    /// Whether [`candidates`](Self::candidates) would know of an event that it is ambiguous: it has come, and not so long ago that it would be forgotten.
    pub fn remembers_ambiguity_of(&self, seq: Seq) -> bool {
        let view = self.view();
        let oldest = view.doubts.front().map_or(Seq::ZERO, |doubt| doubt.seq);
        seq <= view.through && (view.bounds.forgotten_ambiguous == 0 || oldest <= seq)
    }

    /// What can't be decided about the run that `seq` is part of. O(ambiguous events remembered).
    pub fn ambiguities(&self, workspace: &str, seq: Seq) -> Ambiguities {
        let view = self.view();
        let mut found = Ambiguities::default();
        let Some(summary) = view.summary_with(workspace, seq) else {
            return found;
        };
        let members = &summary.members;
        let (first, last) = (
            members.min().unwrap_or(u64::MAX),
            members.max().unwrap_or(0),
        );
        let has = |seq: &Seq| (first..=last).contains(&seq.0) && members.contains(seq.0);
        for doubt in &view.doubts {
            if has(&doubt.seq) {
                found.members.push((doubt.seq, doubt.candidates.clone()));
            } else if doubt.candidates.events.iter().any(has) {
                if found.possible.len() < MAX_POSSIBLE {
                    found.possible.push(view.possible(doubt));
                } else {
                    found.more_possible += 1;
                }
            }
        }
        found
    }

    fn possible(&self, doubt: &Doubt) -> Possible {
        let run = doubt
            .run
            .and_then(|run| self.runs.get(&self.now_called(run)));
        Possible {
            event: doubt.seq,
            time: doubt.time,
            from: doubt.from.clone(),
            to: doubt.to.clone(),
            run: run.and_then(|run| run.id()),
            candidates: doubt.candidates.clone(),
        }
    }

    pub(super) fn doubt(&self, seq: Seq) -> Option<&Doubt> {
        let at = self.doubts.binary_search_by_key(&seq, |doubt| doubt.seq);
        at.ok().and_then(|index| self.doubts.get(index))
    }

    /// Remembers an event that is placed and whose call can't be decided. They come by seq.
    pub(super) fn add_doubt(&mut self, fact: &Fact, run: Option<u64>, candidates: &Candidates) {
        self.doubts.push_back(Doubt {
            seq: fact.seq,
            time: fact.time,
            from: fact.from.clone(),
            to: fact.to.clone().filter(|_| fact.is_request()),
            run,
            candidates: candidates.clone(),
        });
    }
}
