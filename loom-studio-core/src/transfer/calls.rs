//! Which run and call each event belongs to, for who writes them in the order of the log.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::Record;
use crate::ids::Seq;
use crate::runs::{Call, RunFacts, RunId, RunList, RunMembers, RunTree, visit_records};
use crate::store::EventStore;

/// Records of the largest run whose calls are told.
const MAX_RUN_RECORDS: u64 = 250_000;
/// Runs of that size whose calls are held at a time.
const MAX_HELD_RUNS: u64 = 2;

/// The runs of a log as of a moment, for exports that show calls. Cheap to clone.
#[derive(Clone)]
pub struct RunsAt {
    runs: Arc<Vec<RunMembers>>,
    now: Timestamp,
    max_records: u64,
}

impl RunsAt {
    /// The runs of a list. Calls that have no reply at `now` are running or unanswered. O(n log n) in the number of runs.
    pub fn new(list: &RunList, now: Timestamp) -> Self {
        Self {
            runs: Arc::new(list.all_members()),
            now,
            max_records: MAX_RUN_RECORDS,
        }
    }

    /// Tells no calls of runs with more records than this, which bounds the memory of an export: it holds the calls of twice as many. Default 250,000.
    #[must_use]
    pub fn with_max_records(mut self, max_records: u64) -> Self {
        self.max_records = max_records;
        self
    }
}

impl fmt::Debug for RunsAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunsAt({} runs, {})", self.runs.len(), self.now)
    }
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spot<'a> {
    pub(super) run: Option<&'a Known>,
    /// The call it opened, or else the one it is in: an index into the run's calls.
    pub(super) call: Option<usize>,
    /// Whether it opened it.
    pub(super) is_request: bool,
}

impl<'a> Spot<'a> {
    pub(super) fn call(&self) -> Option<&'a Call> {
        self.run?.calls().get(self.call?)
    }
}

/// A run on the way.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: RunId,
    /// Its tree; `None` when it has too many records.
    tree: Option<RunTree>,
    /// The call of each event, and whether the event opened it.
    places: HashMap<Seq, (usize, bool)>,
    held: u64,
}

impl Known {
    pub(super) fn calls(&self) -> &[Call] {
        self.tree.as_ref().map_or(&[], |tree| &tree.calls)
    }

    /// The call that went wrong first.
    pub(super) fn first_error(&self) -> Option<usize> {
        Some(self.tree.as_ref()?.failure.as_ref()?.call)
    }
}

/// Finds the place of one event after another, in the order of the log.
#[derive(Debug)]
pub(super) struct Calls {
    store: Arc<dyn EventStore>,
    runs: RunsAt,
    /// The next record of each run, and the run.
    next: BinaryHeap<Reverse<(Seq, usize)>>,
    known: HashMap<usize, Known>,
    /// The last record of each run known, and the run.
    ends: BTreeSet<(Seq, usize)>,
    held: u64,
    passed: Vec<RunId>,
}

impl Calls {
    pub(super) fn new(store: Arc<dyn EventStore>, runs: RunsAt) -> Self {
        let heads = runs.runs.iter().enumerate();
        let next =
            heads.filter_map(|(index, run)| Some(Reverse((run.next_from(Seq::ZERO)?, index))));
        Self {
            next: next.collect(),
            store,
            runs,
            known: HashMap::new(),
            ends: BTreeSet::new(),
            held: 0,
            passed: Vec::new(),
        }
    }

    /// Where the event at a position stands; positions must ascend.
    pub(super) async fn locate(&mut self, seq: Seq) -> Result<Spot<'_>> {
        while let Some((last, index)) = self.ends.first().copied()
            && last < seq
        {
            self.ends.pop_first();
            if let Some(passed) = self.known.remove(&index) {
                self.held -= passed.held;
                self.passed.push(passed.id);
            }
        }
        let Some(index) = self.run_at(seq) else {
            return Ok(Spot::default());
        };
        if !self.known.contains_key(&index) {
            self.take_up(index).await?;
        }
        let run = self.known.get(&index);
        let place = run.and_then(|run| run.places.get(&seq)).copied();
        Ok(Spot {
            run,
            call: place.map(|(call, _)| call),
            is_request: place.is_some_and(|(_, is_request)| is_request),
        })
    }

    /// The runs that were left behind since this was asked last.
    pub(super) fn take_passed(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.passed)
    }

    /// The run that a position is part of.
    fn run_at(&mut self, seq: Seq) -> Option<usize> {
        loop {
            let Reverse((next, index)) = self.next.peek().copied()?;
            if next >= seq {
                return (next == seq).then_some(index);
            }
            self.next.pop();
            let run = self.runs.runs.get(index)?;
            if let Some(next) = run.next_from(seq) {
                self.next.push(Reverse((next, index)));
            }
        }
    }

    async fn take_up(&mut self, index: usize) -> Result<()> {
        let Some(run) = self.runs.runs.get(index) else {
            return Ok(());
        };
        let records = run.len();
        let most = self.runs.max_records;
        let most_held = most.saturating_mul(MAX_HELD_RUNS);
        let fits = records <= most && self.held + records <= most_held;
        let tree = if fits {
            // Payloads of a whole run may be more than memory holds.
            let mut facts = RunFacts::default();
            let take = |record: &Record| {
                facts.add(record);
                ControlFlow::Continue(())
            };
            visit_records(&*self.store, &run.seqs(), take).await?;
            Some(facts.tree(self.runs.now))
        } else {
            None
        };
        let mut places = HashMap::new();
        for (index, call) in tree.iter().flat_map(|tree| &tree.calls).enumerate() {
            let end = call.end.as_ref().map(|end| end.event);
            let others = call.more_replies.iter().chain(&call.events);
            let inside = end.into_iter().chain(others.map(|attached| attached.event));
            places.extend(inside.map(|seq| (seq, (index, false))));
            places.insert(call.request, (index, true));
        }
        let held = if fits { records } else { 0 };
        let known = Known {
            id: run.id,
            tree,
            places,
            held,
        };
        self.held += held;
        self.ends.insert((run.last().unwrap_or_default(), index));
        self.known.insert(index, known);
        Ok(())
    }
}
