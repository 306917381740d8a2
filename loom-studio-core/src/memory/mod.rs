//! What each node remembered, at any position.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Projection;

/// Rebuilds the memory and state of nodes from the records of one scope.
///
/// # Contract
///
/// Beside that of [`Projection`]:
///
/// * **Recorded, not guessed.** An entry exists from the record that added it to the record that removed it; membership follows the lists a client recorded. What was never reported is absent, not empty.
/// * **Origin.** Every entry and every value of the state tree names the record that wrote it last.
/// * **A bad record stops nothing.** A patch that can't be applied is kept as a fact about its event; the state stays as it was.
/// * **Diffs are complete.** Applying the changes between two positions to the first snapshot gives the second; every change names its cause.
pub trait MemoryReconstructor: Projection + Debug + Sync {
    /// What a node remembers as of [`through`](Projection::through).
    fn memory(&self, node: &NodeId) -> MemorySnapshot;

    /// The nodes that have reported memory, by id.
    fn nodes(&self) -> Vec<NodeId>;

    /// The value at an RFC 6901 pointer of the state tree that `state.patch` events build; `None` where nothing is.
    fn state(&self, pointer: &str) -> Option<StateValue>;

    /// What changed from `self` to `later`, a state of the same log at a later position.
    fn diff(&self, later: &dyn MemoryReconstructor, node: &NodeId) -> Vec<MemoryChange>;

    /// An empty reconstructor of the same kind.
    fn fresh(&self) -> Box<dyn MemoryReconstructor>;
}

/// Where an entry is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryTier {
    /// Of the step at hand; gone unless promoted.
    Ephemeral,
    /// Of the conversation (Loom's L1 and L2).
    Session,
    /// Of the task (L3).
    Working,
    /// Kept for ever (L4).
    LongTerm,
    /// Any other tier, as reported.
    Other(Arc<str>),
}

/// One thing a node remembers. The content stays in the log, at `written`.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryEntry {
    /// Its id, as reported.
    pub id: Arc<str>,
    /// Where it is kept.
    pub tier: MemoryTier,
    /// The tier's name as reported (`L1` to `L4`, say).
    pub reported_tier: Arc<str>,
    /// Who said it.
    pub role: Option<Arc<str>>,
    /// How much it matters, 0 to 1.
    pub importance: Option<f64>,
    /// When it was remembered.
    pub time: Timestamp,
    /// The record that wrote it.
    pub written: Seq,
    /// Entries it was made of by consolidation.
    pub sources: Vec<Arc<str>>,
}

/// A node's memory at one position.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemorySnapshot {
    /// What it remembers, by tier, then in the order recorded.
    pub entries: Vec<MemoryEntry>,
    /// Consolidations, promotions and evictions so far, in order.
    pub history: Vec<MemoryChange>,
    /// The project state object; `None` when the node never reported one.
    pub project_state: Option<StateValue>,
}

/// A JSON value and the record that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// JSON text.
    pub json: Bytes,
    /// The record that wrote it last.
    pub written: Seq,
}

/// One change of a memory, and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryChange {
    /// The record that caused it.
    pub cause: Seq,
    /// The node that sent that record.
    pub by: NodeId,
    /// What happened.
    pub kind: MemoryChangeKind,
}

/// What can happen to a memory.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryChangeKind {
    /// An entry was added.
    Added(MemoryEntry),
    /// An entry moved to another tier.
    Promoted {
        /// Which.
        id: Arc<str>,
        /// From here.
        from: MemoryTier,
        /// To there.
        to: MemoryTier,
    },
    /// Entries were merged into one.
    Consolidated {
        /// The old ones.
        sources: Vec<Arc<str>>,
        /// The new one.
        into: Arc<str>,
    },
    /// An entry was dropped.
    Evicted(Arc<str>),
    /// Everything was dropped.
    Cleared,
    /// The project state object became this.
    ProjectState(StateValue),
}
