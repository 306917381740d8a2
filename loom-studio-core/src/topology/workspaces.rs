//! One inferer per workspace, fed from one log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Topology, TopologyInferer};
use crate::clock::Timestamp;
use crate::event::Record;
use crate::ids::Seq;
use crate::projection::Projection;

/// The topologies of all workspaces at one position.
#[derive(Debug)]
pub struct Topologies {
    kind: Box<dyn TopologyInferer>,
    by_workspace: BTreeMap<Arc<str>, Box<dyn TopologyInferer>>,
    through: Seq,
}

impl Topologies {
    /// No topology yet; each will be inferred as by `kind`.
    pub fn new(kind: Box<dyn TopologyInferer>) -> Self {
        Self {
            kind,
            by_workspace: BTreeMap::new(),
            through: Seq::ZERO,
        }
    }

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

impl Projection for Topologies {
    fn apply(&mut self, record: &Record) {
        let workspace = record.workspace();
        if !self.by_workspace.contains_key(workspace) {
            self.by_workspace
                .insert(Arc::clone(workspace), self.kind.fresh());
        }
        if let Some(inferer) = self.by_workspace.get_mut(workspace) {
            inferer.apply(record);
        }
        self.through = record.seq();
    }

    fn through(&self) -> Seq {
        self.through
    }
}
