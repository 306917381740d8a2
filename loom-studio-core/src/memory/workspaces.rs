//! One reconstructor per workspace, fed from one log.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::fold::{RecordedMemory, concerns};
use crate::event::Record;
use crate::ids::Seq;
use crate::projection::{Checkpoint, Projection};

/// Workspaces with a memory or a state that are kept; what others report is counted alone.
const MAX_WORKSPACES: usize = 256;

/// The memories and states of all workspaces at one position.
///
/// A record that is about neither costs a comparison of its type, and changes nothing but [`through`](Projection::through). The bounds of [`RecordedMemory`] are those of each workspace; at most 256 workspaces
/// are kept, those that reported first.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    by_workspace: OrdMap<Arc<str>, RecordedMemory>,
    /// Of workspaces that are not kept.
    left_out: u64,
    through: Seq,
}

impl Memories {
    /// What is known of one workspace; `None` when it never reported a memory or a state.
    pub fn of_workspace(&self, workspace: &str) -> Option<&RecordedMemory> {
        self.by_workspace.get(workspace)
    }

    pub(super) fn workspaces(&self) -> impl Iterator<Item = (&Arc<str>, &RecordedMemory)> {
        self.by_workspace.iter()
    }

    /// Of a workspace an event is about; `None` when there is no room for it, which is counted.
    pub(super) fn workspace_mut(&mut self, workspace: &Arc<str>) -> Option<&mut RecordedMemory> {
        let has_room = self.by_workspace.len() < MAX_WORKSPACES;
        if !has_room && !self.by_workspace.contains_key(workspace) {
            self.left_out += 1;
            return None;
        }
        Some(self.by_workspace.entry(Arc::clone(workspace)).or_default())
    }

    /// Holds all there is to know, not where to find it.
    pub(super) fn settle(&mut self) {
        let workspaces: Vec<Arc<str>> = self.by_workspace.keys().cloned().collect();
        for workspace in workspaces {
            if let Some(memory) = self.by_workspace.get_mut(&workspace) {
                memory.settle();
            }
        }
    }

    /// Goes on to a record.
    pub(super) fn pass(&mut self, to: Seq) {
        self.through = to;
    }

    /// Other workspaces at a later position.
    pub(super) fn with(
        &self,
        by_workspace: OrdMap<Arc<str>, RecordedMemory>,
        left_out: u64,
        through: Seq,
    ) -> Self {
        Self {
            by_workspace,
            left_out: self.left_out + left_out,
            through,
        }
    }

    /// Events about memories or states there was no room for, those of further workspaces included; 0 in all but hostile traffic.
    pub fn left_out(&self) -> u64 {
        let within = self.by_workspace.values().map(RecordedMemory::left_out);
        self.left_out + within.sum::<u64>()
    }
}

impl Projection for Memories {
    fn apply(&mut self, record: &Record) {
        self.through = record.seq();
        if !concerns(record) {
            return;
        }
        if let Some(memory) = self.workspace_mut(record.workspace()) {
            memory.apply(record);
        }
    }

    fn through(&self) -> Seq {
        self.through
    }
}

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    through: Seq,
    left_out: u64,
    #[serde(borrow)]
    workspaces: Vec<(&'a str, &'a [u8])>,
}

impl Checkpoint for Memories {
    const FORMAT: &'static str = "memories-1";

    fn save(&self) -> Vec<u8> {
        let encoded: Vec<(&Arc<str>, Vec<u8>)> = self
            .by_workspace
            .iter()
            .map(|(workspace, memory)| (workspace, memory.save()))
            .collect();
        let saved = Saved {
            through: self.through,
            left_out: self.left_out,
            workspaces: encoded
                .iter()
                .map(|(workspace, memory)| (&***workspace, &**memory))
                .collect(),
        };
        // Serializing into memory fails for no type used here.
        postcard::to_stdvec(&saved).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let (saved, rest) = postcard::take_from_bytes::<Saved<'_>>(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let workspaces = saved.workspaces.into_iter();
        let workspaces = workspaces.map(|(workspace, memory)| {
            Some((Arc::from(workspace), RecordedMemory::restore(memory)?))
        });
        Some(Self {
            by_workspace: workspaces.collect::<Option<_>>()?,
            left_out: saved.left_out,
            through: saved.through,
        })
    }
}
