//! One inferer per workspace, fed from one log.

use std::sync::Arc;

use imbl::OrdMap;

use super::{CausalTopology, PendingCall, Topology, TopologyInferer as _};
use crate::clock::Timestamp;
use crate::event::Record;
use crate::ids::Seq;
use crate::projection::Projection;

/// The topologies of all workspaces at one position.
#[derive(Debug, Clone, Default)]
pub struct Topologies {
    pub(super) by_workspace: OrdMap<Arc<str>, CausalTopology>,
    pub(super) through: Seq,
}

impl Topologies {
    /// The graph of one workspace; empty when it has no records.
    pub fn topology(&self, workspace: &str, now: Timestamp) -> Topology {
        let found = self
            .by_workspace
            .get(workspace)
            .map(|inferer| inferer.topology(now))
            .unwrap_or_default();
        Topology {
            at: self.through,
            ..found
        }
    }
}

impl Topologies {
    /// The calls of one workspace that are open as of `now`, by position.
    pub fn pending_calls(&self, workspace: &str, now: Timestamp) -> Vec<PendingCall> {
        let inferer = self.by_workspace.get(workspace);
        inferer.map_or_else(Vec::new, |inferer| inferer.pending_calls(now))
    }
}

impl Projection for Topologies {
    fn apply(&mut self, record: &Record) {
        let workspace = record.workspace();
        if let Some(inferer) = self.by_workspace.get_mut(&**workspace) {
            inferer.apply(record);
        } else {
            let mut inferer = CausalTopology::default();
            inferer.apply(record);
            self.by_workspace.insert(Arc::clone(workspace), inferer);
        }
        self.through = record.seq();
    }

    fn through(&self) -> Seq {
        self.through
    }
}
