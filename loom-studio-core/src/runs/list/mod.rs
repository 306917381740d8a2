//! Which runs there are: a fold in bounded memory.

mod callers;
mod doubt;
mod group;
mod keep;
mod saved;
mod settle;
mod summary;
mod usage;

use std::sync::{Arc, OnceLock};

use imbl::{OrdMap, OrdSet, Vector};

use super::{RunId, Tokens, state};
use crate::causality::{Candidates, Fact};
use crate::clock::Timestamp;
use crate::event::{NodeId, Outcome, Phase, Record, TraceId};
use crate::ids::Seq;
use crate::projection::{Checkpoint, Projection};

use doubt::Doubt;
use keep::{LetGo, SessionState};
use summary::Summary;
use usage::UsageKey;

pub use doubt::{Ambiguities, MAX_POSSIBLE, Possible};
pub use usage::Usage;

/// How much a [`RunList`] remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunLimits {
    /// Events that wait for those that come late; when so many have come, all but the newest quarter are placed for good. At least 2.
    pub fresh: usize,
    /// Calls that a late reply, effect or trace can still find. Those that go on are not forgotten for it.
    pub calls: usize,
    /// Placed calls that are taken into account as possible callers: without a reply, or with one that events not placed yet may precede. Sessions share them fairly.
    pub open_calls: usize,
    /// References to events that have not come.
    pub references: usize,
    /// Traces that lead to their run.
    pub traces: usize,
    /// Sessions whose newest time, and whether they report causes, is known.
    pub sessions: usize,
    /// Pairs of a session and a node of which it is known until when calls were let go.
    pub callees: usize,
    /// Ambiguous events whose candidates are remembered.
    pub ambiguous: usize,
    /// Runs.
    pub runs: usize,
    /// Pairs of a node and a model whose tokens are counted.
    pub usages: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            fresh: 16_384,
            calls: 65_536,
            open_calls: 16_384,
            references: 32_768,
            traces: 131_072,
            sessions: 16_384,
            callees: 65_536,
            ambiguous: 32_768,
            runs: 50_000,
            usages: 50_000,
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Its root has not been answered, and its caller still waits.
    Running,
    /// Its root was answered in time and without an error.
    Ok,
    /// Its root failed: by `node.error`, with an error in its answer, or by an answer that came when the caller had given up.
    Failed,
    /// Its root was not answered when its caller gave up.
    Unanswered,
}

impl RunStatus {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A run in short.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name: the root request.
    pub id: RunId,
    /// The tenant it belongs to.
    pub workspace: Arc<str>,
    /// The session of its root.
    pub session: Arc<str>,
    /// Who made the root call.
    pub from: NodeId,
    /// Whom it called.
    pub to: NodeId,
    /// When, by the request's time.
    pub start: Timestamp,
    /// From the root's request to its reply; to the present or the time-out where there is none.
    pub duration_nanos: i64,
    /// How it stands.
    pub status: RunStatus,
    /// Its first event.
    pub first_seq: Seq,
    /// Its last event.
    pub last_seq: Seq,
    /// The earliest event time.
    pub first_time: Timestamp,
    /// The latest event time.
    pub last_time: Timestamp,
    /// Its events.
    pub events: u64,
    /// Its calls.
    pub calls: u64,
    /// Those not answered yet whose callers still wait.
    pub open_calls: u64,
    /// Calls without a known parent, the root included: more than one where a trace joins what nothing else does.
    pub roots: u64,
    /// Events that report an error.
    pub errors: u64,
    /// Tokens; `None` when nothing was reported. The rule is that of [`RunTree::tokens`](super::RunTree::tokens).
    pub tokens: Option<Tokens>,
    /// What its root may have been called in, where that can't be decided: then the run may be part of another. `None` when nothing says that anybody in here made the root call.
    pub ambiguity: Option<Candidates>,
}

/// The records of one run, for who walks along the log.
#[derive(Debug, Clone)]
pub(crate) struct RunMembers {
    pub(crate) id: RunId,
    summary: Arc<Summary>,
}

impl RunMembers {
    /// Its first record at a position or behind it.
    pub(crate) fn next_from(&self, seq: Seq) -> Option<Seq> {
        let mut members = self.summary.members.iter();
        members.advance_to(seq.0);
        members.next().map(Seq)
    }

    pub(crate) fn last(&self) -> Option<Seq> {
        self.summary.members.max().map(Seq)
    }

    pub(crate) fn len(&self) -> u64 {
        self.summary.members.len()
    }

    pub(crate) fn seqs(&self) -> Vec<Seq> {
        self.summary.members.iter().map(Seq).collect()
    }
}

/// What a [`RunList`] has had to let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunBounds {
    /// Runs, the oldest first.
    pub forgotten_runs: u64,
    /// Calls that a late event can no longer join.
    pub forgotten_calls: u64,
    /// Calls without a reply that are no longer taken for possible callers. What their callee sends from then on in that session is ambiguous, until all of them are answered.
    pub forgotten_open_calls: u64,
    /// References to events that never came.
    pub forgotten_references: u64,
    /// Events that came when later ones of their session were placed already: structure around them was read without them.
    pub late_events: u64,
    /// Ambiguous events, the oldest first, whose candidates are no longer known. A run whose root is one is still marked.
    pub forgotten_ambiguous: u64,
    /// Events that belong to no run.
    pub outside: u64,
    /// Reports of tokens by a node and model there was no room for.
    pub usages_left_out: u64,
}

/// An event that is not placed yet.
#[derive(Debug, Clone)]
struct Fresh {
    fact: Arc<Fact>,
    tokens: Option<Tokens>,
    /// The model that used them.
    model: Option<Arc<str>>,
    is_node_error: bool,
    has_inner_error: bool,
    /// The record that said it was blocked.
    blocked_by: Option<Seq>,
}

impl Fresh {
    /// What it says as a reply.
    fn end(&self) -> Option<End> {
        self.fact.is_reply().then(|| End {
            time: self.fact.time.as_nanos(),
            seq: self.fact.seq.0,
            is_error: state::is_error(&self.fact),
            is_node_error: self.is_node_error,
            has_inner_error: self.has_inner_error,
        })
    }
}

/// A reply as far as the list of runs is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct End {
    time: i64,
    seq: u64,
    is_error: bool,
    is_node_error: bool,
    has_inner_error: bool,
}

/// A placed call.
#[derive(Debug, Clone)]
struct Settled {
    fact: Arc<Fact>,
    run: u64,
    parent: Option<u64>,
    /// The first reply and the time of the last.
    end: Option<End>,
    last_reply: Option<Timestamp>,
    /// Whether tokens were reported in it or beneath.
    has_tokens: bool,
}

/// A reference to an event that has not come.
#[derive(Debug, Clone)]
struct Wanting {
    run: u64,
    by: NodeId,
    time: Timestamp,
    /// For a reply what it says; else it is an effect.
    end: Option<End>,
}

/// The runs of a log.
///
/// # Contract
///
/// Beside that of [`Projection`] and [`Checkpoint`]:
///
/// * **Membership.** A run is what stated links, the structure of open calls, and trace ids join; `docs/causality.md` has the rules. What can't be decided joins nothing, unless every candidate is in the same run.
/// * **Order of arrival is not trusted.** Events wait until a quarter as many later ones as [`RunLimits::fresh`] says have come before they are placed for good, and every answer is given as if no more would come. What comes later than
///   that still joins its run by what it states; structure is not read anew.
/// * **Each session goes by its own clock.** One whose clock is far behind, or goes back, holds up the placing of no other.
/// * **Nothing is guessed.** What a node sends while calls it may have been handling are no longer remembered is ambiguous.
/// * **Bounded.** Every collection has a limit, and [`bounds`](Self::bounds) counts what was let go.
/// * **Status is a question of time.** `now` is the caller's: the present for a live view, the time of the last event for a past one.
#[derive(Debug, Clone, Default)]
pub struct RunList {
    limits: RunLimits,
    fresh: Vector<Fresh>,
    calls: OrdMap<u64, Settled>,
    /// (hash of the id, call).
    ids: OrdSet<(u64, u64)>,
    /// (hash of the trace context and addressee, call).
    contexts: OrdSet<(u64, u64)>,
    traces: OrdMap<(u64, u128), u64>,
    trace_order: Vector<(u64, u128)>,
    /// Calls that may be open at the time of an event that is not placed yet.
    open: OrdSet<u64>,
    /// Calls not placed yet that placed events belong to, with their run and what a reply said.
    awaited: OrdMap<u64, (u64, Option<End>)>,
    /// (hash of the id, who wants it).
    wanted: OrdMap<(u64, u64), Wanting>,
    wanted_order: Vector<(u64, u64)>,
    /// By the hash of a session.
    sessions: OrdMap<u64, SessionState>,
    /// By the hash of a session and a node.
    let_go: OrdMap<u64, LetGo>,
    /// By seq.
    doubts: Vector<Doubt>,
    runs: OrdMap<u64, Arc<Summary>>,
    usage: OrdMap<UsageKey, (Tokens, u64)>,
    /// Runs that became part of others.
    moved: OrdMap<u64, u64>,
    /// What had come when events were last placed.
    settled_through: Seq,
    bounds: RunBounds,
    through: Seq,
    /// Everything placed, as of `through`.
    view: OnceLock<Arc<RunList>>,
}

impl RunList {
    /// No run yet, and these limits.
    pub fn new(limits: RunLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The runs of a workspace, the newest root first.
    pub fn runs(&self, workspace: &str, now: Timestamp) -> Vec<Run> {
        let view = self.view();
        let open = view.open_by_run(now);
        let mut runs: Vec<Run> = view
            .runs
            .iter()
            .filter(|(_, summary)| *summary.workspace == *workspace)
            .filter_map(|(key, summary)| view.in_short(*key, summary, now, &open))
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        runs
    }

    /// The run that a position is part of; its root, or any other event.
    pub fn find(&self, workspace: &str, seq: Seq) -> Option<RunId> {
        let view = self.view();
        view.summary_with(workspace, seq)?.id()
    }

    /// The run that a trace is part of.
    pub fn find_trace(&self, workspace: &str, trace: TraceId) -> Option<RunId> {
        let view = self.view();
        let run = view.traces.get(&(group::hash(&[workspace]), trace.0))?;
        let summary = view.runs.get(&view.now_called(*run))?;
        (*summary.workspace == *workspace)
            .then(|| summary.id())
            .flatten()
    }

    /// The run that a position is part of, in short.
    pub fn run(&self, workspace: &str, seq: Seq, now: Timestamp) -> Option<Run> {
        let view = self.view();
        let open = view.open_by_run(now);
        let (key, summary) = view
            .runs
            .iter()
            .find(|(_, summary)| summary.has(workspace, seq))?;
        view.in_short(*key, summary, now, &open)
    }

    fn in_short(
        &self,
        key: u64,
        summary: &Summary,
        now: Timestamp,
        open: &hashbrown::HashMap<u64, u64>,
    ) -> Option<Run> {
        let mut run = summary.run(now, open.get(&key).copied().unwrap_or_default())?;
        if run.ambiguity.is_some() {
            run.ambiguity = self.doubt(run.id.0).map(|doubt| doubt.candidates.clone());
            run.ambiguity.get_or_insert_default();
        }
        Some(run)
    }

    /// The positions of all records of the run that `seq` is part of, ascending: what [`read_records`](super::read_records) wants.
    pub fn members(&self, workspace: &str, seq: Seq) -> Vec<Seq> {
        let view = self.view();
        let summary = view.summary_with(workspace, seq);
        summary.map_or_else(Vec::new, |summary| {
            summary.members.iter().map(Seq).collect()
        })
    }

    /// The records of every run of every workspace, by the run's first event.
    pub(crate) fn all_members(&self) -> Vec<RunMembers> {
        let view = self.view();
        let members = view.runs.values().filter_map(|summary| {
            Some(RunMembers {
                id: summary.id()?,
                summary: Arc::clone(summary),
            })
        });
        let mut members: Vec<RunMembers> = members.collect();
        members.sort_by_key(|run| run.next_from(Seq::ZERO));
        members
    }

    /// What had to be let go.
    pub fn bounds(&self) -> RunBounds {
        self.view().bounds
    }

    fn summary_with(&self, workspace: &str, seq: Seq) -> Option<&Arc<Summary>> {
        self.runs
            .values()
            .find(|summary| summary.has(workspace, seq))
    }

    /// Everything placed.
    fn view(&self) -> Arc<Self> {
        let view = self.view.get_or_init(|| {
            let mut view = Self {
                view: OnceLock::new(),
                ..self.clone()
            };
            view.settle(view.fresh.len());
            Arc::new(view)
        });
        Arc::clone(view)
    }

    fn open_by_run(&self, now: Timestamp) -> hashbrown::HashMap<u64, u64> {
        let mut open = hashbrown::HashMap::new();
        for call in self.open.iter().filter_map(|seq| self.calls.get(seq)) {
            if call.end.is_none() && !call.fact.is_blocked && !state::is_late(call.fact.time, now) {
                *open.entry(self.now_called(call.run)).or_default() += 1;
            }
        }
        open
    }
}

impl Projection for RunList {
    fn apply(&mut self, record: &Record) {
        self.view = OnceLock::new();
        self.through = record.seq();
        match record {
            Record::Event(event) => {
                let fact = Arc::new(Fact::of(event));
                let tokens = Tokens::of(event);
                self.fresh.push_back(Fresh {
                    model: tokens.and_then(|_| Tokens::model_of(event)),
                    tokens,
                    has_inner_error: event.outcome() == Outcome::Ok
                        && state::has_inner_error(event),
                    is_node_error: &**event.kind() == "node.error",
                    fact,
                    blocked_by: None,
                });
                let limit = self.limits.fresh.max(2);
                if self.fresh.len() >= limit {
                    self.settle(limit - limit / 4);
                }
            }
            Record::Observation(observation) if observation.phase == Phase::Blocked => {
                let at = self
                    .fresh
                    .binary_search_by_key(&observation.of, |fresh| fresh.fact.seq);
                if let Some(fresh) = at.ok().and_then(|index| self.fresh.get_mut(index)) {
                    Arc::make_mut(&mut fresh.fact).is_blocked = true;
                    fresh.blocked_by = Some(observation.seq);
                }
            }
            Record::Observation(_) => {}
        }
    }

    fn through(&self) -> Seq {
        self.through
    }
}

impl Checkpoint for RunList {
    const FORMAT: &'static str = "runs-3";

    fn save(&self) -> Vec<u8> {
        saved::save(self)
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        saved::restore(bytes)
    }
}
