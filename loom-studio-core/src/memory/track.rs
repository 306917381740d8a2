//! The memories of all workspaces along a range of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use super::fold::{Input, concerns};
use super::postings::{Past, Reports};
use super::workspaces::Memories;
use crate::event::Record;
use crate::ids::Seq;
use crate::projection::{Projection as _, Track};

/// A memory or state tree is kept as it is at each so many of its reports, to begin with. A question then costs so many reports at most.
const EVERY: usize = 64;
/// ... and to end with.
const SELDOM: usize = 1_024;

/// What nodes reported along a range, by workspace: the states at all of its positions, put together when they are asked.
#[derive(Debug)]
pub struct MemoryTrack {
    /// Without its workspaces.
    base: Memories,
    workspaces: BTreeMap<Arc<str>, Arc<Reports>>,
    /// Reports of workspaces that are not kept.
    left_out: Vec<Seq>,
    every: usize,
}

impl MemoryTrack {
    fn each(&mut self, change: impl Fn(&mut Reports)) {
        for reports in self.workspaces.values_mut() {
            // Not shared before the range is.
            if let Some(reports) = Arc::get_mut(reports) {
                change(reports);
            }
        }
    }
}

impl Track<Memories> for MemoryTrack {
    fn begin(state: &mut Memories) -> Option<Self> {
        state.settle();
        let workspaces = state.workspaces().map(|(workspace, memory)| {
            let reports = Reports::new(memory);
            (Arc::clone(workspace), Arc::new(reports))
        });
        Some(Self {
            workspaces: workspaces.collect(),
            base: state.with(OrdMap::new(), 0, state.through()),
            left_out: Vec::new(),
            every: EVERY,
        })
    }

    fn apply(&mut self, state: &mut Memories, record: &Record) {
        let Some(event) = record.as_event().filter(|_| concerns(record)) else {
            state.apply(record);
            return;
        };
        state.pass(record.seq());
        let workspace = record.workspace();
        let Some(memory) = state.workspace_mut(workspace) else {
            self.left_out.push(record.seq());
            return;
        };
        let reports = self
            .workspaces
            .entry(Arc::clone(workspace))
            .or_insert_with(|| Arc::new(Reports::new(memory)));
        if let Some(reports) = Arc::get_mut(reports) {
            reports.take(memory, Input::of(event), self.every);
        }
    }

    fn bytes(&self) -> u64 {
        let reports = self.workspaces.values().map(|reports| reports.bytes());
        reports.sum::<u64>() + (self.left_out.len() * size_of::<Seq>()) as u64
    }

    fn states(&self) -> usize {
        let reports = self.workspaces.values().map(|reports| reports.versions());
        reports.sum()
    }

    fn thin(&mut self) -> bool {
        if self.every >= SELDOM {
            return false;
        }
        self.every = self.every.saturating_mul(2);
        let every = self.every;
        self.each(|reports| reports.thin(every));
        true
    }

    fn close(&mut self) {
        self.each(Reports::close);
    }

    fn at(&self, at: Seq) -> Memories {
        let workspaces = self.workspaces.iter().filter_map(|(workspace, reports)| {
            Some((Arc::clone(workspace), Past::at(reports, at)?))
        });
        let left_out = self.left_out.partition_point(|seq| *seq <= at);
        self.base.with(workspaces.collect(), left_out as u64, at)
    }
}
