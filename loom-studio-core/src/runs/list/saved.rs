//! The encoding of a [`RunList`]: postcard of plain data.

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::doubt::Doubt;
use super::keep::{LetGo, SessionState};
use super::keep::{context_hash, id_hash};
use super::summary::{Root, Summary};
use super::usage::UsageKey;
use super::{End, Fresh, RunBounds, RunLimits, RunList, Settled, Wanting};
use crate::causality::{Candidates, Fact, Role};
use crate::clock::Timestamp;
use crate::event::{NodeId, Outcome, SpanId, TraceContext, TraceId};
use crate::ids::Seq;
use crate::runs::Tokens;

/// An index into the table of texts.
type Text = u32;

#[derive(Serialize, Deserialize)]
struct SavedFact {
    seq: u64,
    time: i64,
    workspace: Text,
    session: Text,
    id: Text,
    from: Text,
    to: Option<Text>,
    role: u8,
    trace: Option<(u128, u64)>,
    causation: Option<Text>,
    request: Option<Text>,
    is_blocked: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedFresh {
    fact: SavedFact,
    tokens: Option<[Option<u64>; 5]>,
    model: Option<Text>,
    is_node_error: bool,
    has_inner_error: bool,
    blocked_by: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct SavedCall {
    fact: SavedFact,
    run: u64,
    parent: Option<u64>,
    end: Option<End>,
    last_reply: Option<i64>,
    has_tokens: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedRoot {
    time: i64,
    seq: u64,
    session: Text,
    from: Text,
    to: Text,
    is_blocked: bool,
    is_ambiguous: bool,
    end: Option<End>,
}

#[derive(Serialize, Deserialize)]
struct SavedDoubt {
    seq: u64,
    time: i64,
    from: Text,
    to: Option<Text>,
    run: Option<u64>,
    candidates: Vec<u64>,
    is_complete: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedRun {
    key: u64,
    workspace: Text,
    members: Vec<u8>,
    roots: Vec<SavedRoot>,
    root_count: u64,
    stand_in: Option<SavedRoot>,
    times: (i64, i64),
    counts: (u64, u64, u64),
    tokens: Option<[Option<u64>; 5]>,
}

#[derive(Serialize, Deserialize)]
struct SavedWanting {
    key: (u64, u64),
    run: u64,
    by: Text,
    time: i64,
    end: Option<End>,
}

#[derive(Serialize, Deserialize)]
struct SavedUsage {
    workspace: Text,
    node: Text,
    model: Option<Text>,
    tokens: [Option<u64>; 5],
    reports: u64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    limits: RunLimits,
    texts: Vec<Arc<str>>,
    fresh: Vec<SavedFresh>,
    calls: Vec<SavedCall>,
    traces: Vec<((u64, u128), u64)>,
    trace_order: Vec<(u64, u128)>,
    open: Vec<u64>,
    awaited: Vec<(u64, (u64, Option<End>))>,
    wanted: Vec<SavedWanting>,
    wanted_order: Vec<(u64, u64)>,
    sessions: Vec<(u64, SessionState)>,
    let_go: Vec<(u64, LetGo)>,
    doubts: Vec<SavedDoubt>,
    runs: Vec<SavedRun>,
    usage: Vec<SavedUsage>,
    moved: Vec<(u64, u64)>,
    settled_through: u64,
    bounds: [u64; 8],
    through: u64,
}

/// Numbers texts by first use.
#[derive(Default)]
struct Texts {
    known: HashMap<Arc<str>, Text>,
    all: Vec<Arc<str>>,
}

impl Texts {
    fn of(&mut self, text: &Arc<str>) -> Text {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let number = self.all.len() as Text;
        self.known.insert(Arc::clone(text), number);
        self.all.push(Arc::clone(text));
        number
    }

    fn node(&mut self, node: &NodeId) -> Text {
        self.of(&node.shared())
    }

    fn fact(&mut self, fact: &Fact) -> SavedFact {
        SavedFact {
            seq: fact.seq.0,
            time: fact.time.as_nanos(),
            workspace: self.of(&fact.workspace),
            session: self.of(&fact.session),
            id: self.of(&fact.id),
            from: self.node(&fact.from),
            to: fact.to.as_ref().map(|to| self.node(to)),
            role: match fact.role {
                Role::Other => 0,
                Role::Request => 1,
                Role::Reply(Outcome::None) => 2,
                Role::Reply(Outcome::Ok) => 3,
                Role::Reply(Outcome::Error) => 4,
            },
            trace: fact.trace.map(|context| (context.trace.0, context.span.0)),
            causation: fact.causation.as_ref().map(|id| self.of(id)),
            request: fact.request.as_ref().map(|id| self.of(id)),
            is_blocked: fact.is_blocked,
        }
    }

    fn root(&mut self, (time, seq): (Timestamp, Seq), root: &Root) -> SavedRoot {
        SavedRoot {
            time: time.as_nanos(),
            seq: seq.0,
            session: self.of(&root.session),
            from: self.node(&root.from),
            to: self.node(&root.to),
            is_blocked: root.is_blocked,
            is_ambiguous: root.is_ambiguous,
            end: root.end,
        }
    }

    fn run(&mut self, key: u64, summary: &Summary) -> SavedRun {
        let mut members = Vec::with_capacity(summary.members.serialized_size());
        // Writing into memory cannot fail.
        let _ = summary.members.serialize_into(&mut members);
        let roots = summary.roots.iter();
        let roots = roots.map(|(key, root)| self.root(*key, root)).collect();
        let stand_in = summary.stand_in.as_ref();
        let stand_in = stand_in.map(|(key, root)| self.root(*key, root));
        SavedRun {
            key,
            workspace: self.of(&summary.workspace),
            members,
            roots,
            root_count: summary.root_count,
            stand_in,
            times: (summary.first_time.as_nanos(), summary.last_time.as_nanos()),
            counts: (summary.events, summary.calls, summary.errors),
            tokens: summary.tokens.map(Tokens::figures),
        }
    }
}

pub(super) fn save(list: &RunList) -> Vec<u8> {
    let mut texts = Texts::default();
    let fresh = list.fresh.iter().map(|fresh| SavedFresh {
        fact: texts.fact(&fresh.fact),
        tokens: fresh.tokens.map(Tokens::figures),
        model: fresh.model.as_ref().map(|model| texts.of(model)),
        is_node_error: fresh.is_node_error,
        has_inner_error: fresh.has_inner_error,
        blocked_by: fresh.blocked_by.map(|seq| seq.0),
    });
    let fresh = fresh.collect();
    let calls = list.calls.values().map(|call| SavedCall {
        fact: texts.fact(&call.fact),
        run: call.run,
        parent: call.parent,
        end: call.end,
        last_reply: call.last_reply.map(Timestamp::as_nanos),
        has_tokens: call.has_tokens,
    });
    let calls = calls.collect();
    let wanted = list.wanted.iter().map(|(key, wanting)| SavedWanting {
        key: *key,
        run: wanting.run,
        by: texts.node(&wanting.by),
        time: wanting.time.as_nanos(),
        end: wanting.end,
    });
    let wanted = wanted.collect();
    let runs = list.runs.iter().map(|(key, run)| texts.run(*key, run));
    let runs = runs.collect();
    let doubts = list.doubts.iter().map(|doubt| SavedDoubt {
        seq: doubt.seq.0,
        time: doubt.time.as_nanos(),
        from: texts.node(&doubt.from),
        to: doubt.to.as_ref().map(|to| texts.node(to)),
        run: doubt.run,
        candidates: doubt.candidates.events.iter().map(|seq| seq.0).collect(),
        is_complete: doubt.candidates.is_complete,
    });
    let doubts = doubts.collect();
    let usage = list.usage.iter();
    let usage = usage.map(|((workspace, node, model), (tokens, reports))| SavedUsage {
        workspace: texts.of(workspace),
        node: texts.node(node),
        model: model.as_ref().map(|model| texts.of(model)),
        tokens: tokens.figures(),
        reports: *reports,
    });
    let usage = usage.collect();
    let saved = Saved {
        limits: list.limits,
        fresh,
        calls,
        traces: list.traces.iter().map(|(key, run)| (*key, *run)).collect(),
        trace_order: list.trace_order.iter().copied().collect(),
        open: list.open.iter().copied().collect(),
        awaited: list
            .awaited
            .iter()
            .map(|(seq, what)| (*seq, *what))
            .collect(),
        wanted,
        wanted_order: list.wanted_order.iter().copied().collect(),
        sessions: list.sessions.iter().map(|(key, of)| (*key, *of)).collect(),
        let_go: list.let_go.iter().map(|(key, of)| (*key, *of)).collect(),
        doubts,
        runs,
        usage,
        moved: list
            .moved
            .iter()
            .map(|(from, into)| (*from, *into))
            .collect(),
        settled_through: list.settled_through.0,
        bounds: {
            let b = &list.bounds;
            [
                b.forgotten_runs,
                b.forgotten_calls,
                b.forgotten_open_calls,
                b.forgotten_references,
                b.late_events,
                b.outside,
                b.usages_left_out,
                b.forgotten_ambiguous,
            ]
        },
        through: list.through.0,
        texts: texts.all,
    };
    // Plain data has an encoding; an empty one is refused by `restore`.
    postcard::to_stdvec(&saved).unwrap_or_default()
}

/// The texts of a saved list.
struct Known(Vec<Arc<str>>);

impl Known {
    fn text(&self, text: Text) -> Option<Arc<str>> {
        self.0.get(text as usize).cloned()
    }

    fn node(&self, text: Text) -> Option<NodeId> {
        self.text(text).map(NodeId::from_normalized)
    }

    fn fact(&self, saved: &SavedFact) -> Option<Fact> {
        // A text that is named must be there.
        let named = [saved.to, saved.causation, saved.request];
        if named
            .into_iter()
            .flatten()
            .any(|text| self.text(text).is_none())
        {
            return None;
        }
        Some(Fact {
            seq: Seq(saved.seq),
            time: Timestamp::from_nanos(saved.time),
            workspace: self.text(saved.workspace)?,
            session: self.text(saved.session)?,
            id: self.text(saved.id)?,
            from: self.node(saved.from)?,
            to: saved.to.and_then(|to| self.node(to)),
            role: match saved.role {
                0 => Role::Other,
                1 => Role::Request,
                2 => Role::Reply(Outcome::None),
                3 => Role::Reply(Outcome::Ok),
                4 => Role::Reply(Outcome::Error),
                _ => return None,
            },
            trace: saved.trace.map(|(trace, span)| TraceContext {
                trace: TraceId(trace),
                span: SpanId(span),
            }),
            causation: saved.causation.and_then(|id| self.text(id)),
            request: saved.request.and_then(|id| self.text(id)),
            is_blocked: saved.is_blocked,
        })
    }

    fn fresh(&self, saved: &SavedFresh) -> Option<Fresh> {
        Some(Fresh {
            fact: Arc::new(self.fact(&saved.fact)?),
            tokens: saved.tokens.map(Tokens::of_figures),
            model: match saved.model {
                Some(model) => Some(self.text(model)?),
                None => None,
            },
            is_node_error: saved.is_node_error,
            has_inner_error: saved.has_inner_error,
            blocked_by: saved.blocked_by.map(Seq),
        })
    }

    fn call(&self, saved: &SavedCall) -> Option<Settled> {
        Some(Settled {
            fact: Arc::new(self.fact(&saved.fact)?),
            run: saved.run,
            parent: saved.parent,
            end: saved.end,
            last_reply: saved.last_reply.map(Timestamp::from_nanos),
            has_tokens: saved.has_tokens,
        })
    }

    fn run(&self, saved: SavedRun) -> Option<(u64, Arc<Summary>)> {
        let root = |saved: SavedRoot| {
            let root = Root {
                session: self.text(saved.session)?,
                from: self.node(saved.from)?,
                to: self.node(saved.to)?,
                is_blocked: saved.is_blocked,
                is_ambiguous: saved.is_ambiguous,
                end: saved.end,
            };
            Some(((Timestamp::from_nanos(saved.time), Seq(saved.seq)), root))
        };
        let summary = Summary {
            workspace: self.text(saved.workspace)?,
            members: RoaringTreemap::deserialize_from(saved.members.as_slice()).ok()?,
            roots: saved.roots.into_iter().map(root).collect::<Option<_>>()?,
            root_count: saved.root_count,
            stand_in: match saved.stand_in {
                Some(saved) => Some(root(saved)?),
                None => None,
            },
            first_time: Timestamp::from_nanos(saved.times.0),
            last_time: Timestamp::from_nanos(saved.times.1),
            events: saved.counts.0,
            calls: saved.counts.1,
            errors: saved.counts.2,
            tokens: saved.tokens.map(Tokens::of_figures),
        };
        Some((saved.key, Arc::new(summary)))
    }

    fn doubt(&self, saved: &SavedDoubt) -> Option<Doubt> {
        Some(Doubt {
            seq: Seq(saved.seq),
            time: Timestamp::from_nanos(saved.time),
            from: self.node(saved.from)?,
            to: match saved.to {
                Some(to) => Some(self.node(to)?),
                None => None,
            },
            run: saved.run,
            candidates: Candidates {
                events: saved.candidates.iter().copied().map(Seq).collect(),
                is_complete: saved.is_complete,
            },
        })
    }

    fn usage(&self, saved: &SavedUsage) -> Option<(UsageKey, (Tokens, u64))> {
        let model = match saved.model {
            Some(model) => Some(self.text(model)?),
            None => None,
        };
        let key = (self.text(saved.workspace)?, self.node(saved.node)?, model);
        Some((key, (Tokens::of_figures(saved.tokens), saved.reports)))
    }

    fn wanting(&self, saved: &SavedWanting) -> Option<((u64, u64), Wanting)> {
        let wanting = Wanting {
            run: saved.run,
            by: self.node(saved.by)?,
            time: Timestamp::from_nanos(saved.time),
            end: saved.end,
        };
        Some((saved.key, wanting))
    }
}

pub(super) fn restore(bytes: &[u8]) -> Option<RunList> {
    let saved: Saved = postcard::from_bytes(bytes).ok()?;
    let known = Known(saved.texts);
    let fresh = saved.fresh.iter().map(|fresh| known.fresh(fresh));
    let calls: Vec<Settled> = saved
        .calls
        .iter()
        .map(|call| known.call(call))
        .collect::<Option<_>>()?;
    let ids = calls
        .iter()
        .map(|call| (id_hash(&call.fact), call.fact.seq.0));
    let contexts = calls.iter().filter_map(|call| {
        let key = context_hash(&call.fact, call.fact.to.as_ref()?)?;
        Some((key, call.fact.seq.0))
    });
    let wanted = saved.wanted.iter().map(|wanting| known.wanting(wanting));
    let doubts = saved.doubts.iter().map(|doubt| known.doubt(doubt));
    let usage = saved.usage.iter().map(|usage| known.usage(usage));
    let runs = saved.runs.into_iter().map(|run| known.run(run));
    Some(RunList {
        limits: saved.limits,
        fresh: fresh.collect::<Option<_>>()?,
        ids: ids.collect(),
        contexts: contexts.collect(),
        calls: calls
            .into_iter()
            .map(|call| (call.fact.seq.0, call))
            .collect(),
        traces: saved.traces.into_iter().collect(),
        trace_order: saved.trace_order.into_iter().collect(),
        open: saved.open.into_iter().collect(),
        awaited: saved.awaited.into_iter().collect(),
        wanted: wanted.collect::<Option<_>>()?,
        wanted_order: saved.wanted_order.into_iter().collect(),
        sessions: saved.sessions.into_iter().collect(),
        let_go: saved.let_go.into_iter().collect(),
        doubts: doubts.collect::<Option<_>>()?,
        runs: runs.collect::<Option<_>>()?,
        usage: usage.collect::<Option<_>>()?,
        moved: saved.moved.into_iter().collect(),
        settled_through: Seq(saved.settled_through),
        bounds: {
            let [
                runs,
                calls,
                open_calls,
                references,
                late_events,
                outside,
                usages_left_out,
                ambiguous,
            ] = saved.bounds;
            RunBounds {
                forgotten_runs: runs,
                forgotten_calls: calls,
                forgotten_open_calls: open_calls,
                forgotten_references: references,
                late_events,
                outside,
                usages_left_out,
                forgotten_ambiguous: ambiguous,
            }
        },
        through: Seq(saved.through),
        view: OnceLock::new(),
    })
}
