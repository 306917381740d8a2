//! Where the time of runs went.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{NodeId, Record};
use crate::runs::{Pursuit, RunFacts, RunList, RunStatus, RunTree, visit_records};
use crate::store::EventStore;

/// Runs whose critical paths are looked at.
const MAX_RUNS: u64 = 20;
/// Events that they may have in all.
const MAX_EVENTS: u64 = 100_000;

/// The part of one node in the critical paths of some runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Bottleneck {
    /// Which.
    pub node: NodeId,
    /// Time on critical paths that was spent in calls to it: its own work, and what its callers waited in vain.
    pub critical_nanos: i64,
    /// The part of it in which a caller waited for a reply although the call had ended in an error it never heard.
    pub in_vain_nanos: i64,
    /// Its share of all critical paths, 0 to 1.
    pub share: f64,
    /// Calls to it on critical paths.
    pub calls: u64,
    /// Runs on whose critical path it is.
    pub runs: u64,
}

/// Where the time of some runs went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bottlenecks {
    /// By time on critical paths, the most first; equal ones by id.
    pub nodes: Vec<Bottleneck>,
    /// The length of all critical paths. A path goes from a run's root request to its reply, or to where the caller stopped waiting for one it never heard.
    pub critical_nanos: i64,
    /// The runs that were looked at.
    pub runs: u64,
    /// Finished runs that were not: older ones, and ones too large.
    pub runs_left_out: u64,
}

#[derive(Default)]
struct Sum {
    critical_nanos: i64,
    in_vain_nanos: i64,
    calls: u64,
    runs: u64,
}

impl Bottlenecks {
    /// Of these runs. The critical path is [`RunTree::critical_path`].
    pub fn of<'a>(trees: impl IntoIterator<Item = &'a RunTree>) -> Self {
        let mut sums: BTreeMap<NodeId, Sum> = BTreeMap::new();
        let (mut critical_nanos, mut runs) = (0_i64, 0);
        for tree in trees {
            runs += 1;
            let (mut calls, mut nodes) = (BTreeSet::new(), BTreeSet::new());
            for step in &tree.critical_path {
                let Some(call) = tree.calls.get(step.call) else {
                    continue;
                };
                let nanos = step.until.nanos_since(step.from);
                critical_nanos = critical_nanos.saturating_add(nanos);
                let sum = sums.entry(call.to.clone()).or_default();
                sum.critical_nanos = sum.critical_nanos.saturating_add(nanos);
                if step.pursuit == Pursuit::WaitInVain {
                    sum.in_vain_nanos = sum.in_vain_nanos.saturating_add(nanos);
                }
                sum.calls += u64::from(calls.insert(step.call));
                sum.runs += u64::from(nodes.insert(&call.to));
            }
        }
        let nodes = sums.into_iter().map(|(node, sum)| Bottleneck {
            node,
            critical_nanos: sum.critical_nanos,
            in_vain_nanos: sum.in_vain_nanos,
            share: sum.critical_nanos as f64 / critical_nanos.max(1) as f64,
            calls: sum.calls,
            runs: sum.runs,
        });
        let mut nodes: Vec<Bottleneck> = nodes.collect();
        // Stable: they come by id.
        nodes.sort_by_key(|node| std::cmp::Reverse(node.critical_nanos));
        Self {
            nodes,
            critical_nanos,
            runs,
            runs_left_out: 0,
        }
    }
}

/// The bottlenecks of the newest finished runs of a workspace: at most 20 of them, with at most 100,000 events in all. A run whose records were deleted in part is taken as what is left of it.
///
/// Cancel-safe: a dropped call has no effect.
///
/// # Errors
/// As the store's reads.
pub async fn bottlenecks(
    store: &dyn EventStore,
    list: &RunList,
    workspace: &str,
    now: Timestamp,
) -> Result<Bottlenecks> {
    let (mut trees, mut room, mut left_out) = (Vec::new(), MAX_EVENTS, 0);
    let runs = list.runs(workspace, now);
    let finished = runs.iter().filter(|run| run.status != RunStatus::Running);
    for run in finished {
        if trees.len() as u64 >= MAX_RUNS || run.events > room {
            left_out += 1;
            continue;
        }
        room -= run.events;
        let members = list.members(workspace, run.id.0);
        let mut facts = RunFacts::default();
        let take = |record: &Record| {
            facts.add(record);
            ControlFlow::Continue(())
        };
        visit_records(store, &members, take).await?;
        trees.push(facts.tree(now));
    }
    Ok(Bottlenecks {
        runs_left_out: left_out,
        ..Bottlenecks::of(&trees)
    })
}
