//! What each node remembered, and the state of each process, at any position.

mod diff;
mod document;
mod entries;
mod fold;
mod number;
mod patch;
mod pointer;
mod postings;
mod recall;
mod report;
mod saved;
mod snapshot;
mod text;
mod tier;
mod track;
mod tree;
mod unshared;
mod workspaces;

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Projection;

pub use document::MemoryFault;
pub use fold::RecordedMemory;
pub use patch::FaultReason;
pub use recall::{ContentOf, Recall, RecalledEntry, recall};
pub use tier::MemoryTier;
pub use track::MemoryTrack;
pub use tree::Origin;
pub use workspaces::Memories;

/// Whether a text is an RFC 6901 pointer that can name a place in a document.
pub fn is_pointer(text: &str) -> bool {
    pointer::tokens(text).is_some()
}

/// Rebuilds the memory and state of nodes from the records of one scope (a workspace, a session).
///
/// # Contract
///
/// Beside that of [`Projection`]:
///
/// * **Recorded, not guessed.** An entry exists from the record that added it to the record that removed it; membership follows the lists a client recorded. What was never reported is absent, not empty.
/// * **One life.** Memory and state live in a process: sessions are kept apart. A question that names no session is about the one that reported last.
/// * **Origin.** Every entry and every value of a document names the record that wrote it last, and its sender.
/// * **A bad record stops nothing.** What can't be applied is kept as a fault of its event; the state stays as it was. Patches apply all or none per event.
/// * **Diffs are complete.** Applying the changes between two positions to the first snapshot gives the second; every change names its cause.
/// * **Bounded.** Entries, documents and histories have limits; what a history dropped is counted.
pub trait MemoryReconstructor: Projection + Debug + Sync {
    /// The memories that were reported, by node, then session.
    fn owners(&self) -> Vec<MemoryOwner>;

    /// What a node remembers as of [`through`](Projection::through); `None` when it never reported.
    fn memory(&self, node: &NodeId, session: Option<&str>) -> Option<MemorySnapshot>;

    /// What is known of one entry, there or gone, oldest first; empty when nothing is.
    fn blame(&self, node: &NodeId, session: Option<&str>, entry: &str) -> Vec<MemoryStep>;

    /// The session whose document is meant; `None` when no event was about it.
    fn state_session(&self, document: StateOf<'_>) -> Option<Arc<str>>;

    /// The value at an RFC 6901 pointer of a document; `None` where nothing is.
    fn state(&self, document: StateOf<'_>, pointer: &str) -> Option<StateValue>;

    /// Who wrote the value at a pointer; `None` where nothing is.
    fn state_blame(&self, document: StateOf<'_>, pointer: &str) -> Option<StateBlame>;

    /// The events of a document that could not be applied, the newest of them, oldest first.
    fn state_faults(&self, document: StateOf<'_>) -> Faulty;

    /// What changed in a node's memory from `self` to `later`, a state of the same log at a later position. Only what differs is looked at.
    fn diff(&self, later: &Self, node: &NodeId, session: Option<&str>) -> Vec<MemoryChange>
    where
        Self: Sized;

    /// What changed in a document from `self` to `later`, in an order in which the changes can be applied.
    fn state_diff(&self, later: &Self, document: StateOf<'_>) -> Vec<StateChange>
    where
        Self: Sized;

    /// An empty reconstructor of the same kind.
    fn fresh(&self) -> Box<dyn MemoryReconstructor>;
}

/// Which document. Without a session, that of the session that reported last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateOf<'a> {
    /// The state tree that `state.patch` events build.
    Session(Option<&'a str>),
    /// The project state object of a node.
    Node(&'a NodeId, Option<&'a str>),
}

/// A node that reported a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryOwner {
    /// The node.
    pub node: NodeId,
    /// In this session.
    pub session: Arc<str>,
    /// How many entries it holds.
    pub entries: usize,
    /// Whether it reported entries at all; else a project state object alone.
    pub reports_entries: bool,
    /// The last record about its memory.
    pub last: Seq,
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
    /// Orders the entries of a tier, lowest first.
    pub rank: i64,
    /// Who said it.
    pub role: Option<Arc<str>>,
    /// How much it matters, usually 0 to 1.
    pub importance: Option<f64>,
    /// When it was remembered.
    pub time: Timestamp,
    /// The record that wrote it.
    pub written: Origin,
    /// The record that changed anything of it last: its tier, its place.
    pub changed: Origin,
    /// Entries it was made of by consolidation.
    pub sources: Vec<Arc<str>>,
}

/// A node's memory at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySnapshot {
    /// Whose.
    pub node: NodeId,
    /// In this session.
    pub session: Arc<str>,
    /// What it remembers, by tier, then in the order recorded.
    pub entries: Vec<MemoryEntry>,
    /// Whether it reported entries at all; else a project state object alone.
    pub reports_entries: bool,
    /// Consolidations, promotions and evictions, the newest of them, oldest first.
    pub history: Vec<MemoryStep>,
    /// How many there were before those.
    pub history_dropped: u64,
    /// The project state object; `None` when the node never reported one.
    pub project_state: Option<StateValue>,
    /// What could not be applied.
    pub faults: Faulty,
}

/// The newest faults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faulty {
    /// Oldest first.
    pub faults: Vec<MemoryFault>,
    /// How many there were before those.
    pub dropped: u64,
}

/// A JSON value and the records behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// JSON text.
    pub json: Bytes,
    /// The record that wrote it.
    pub written: Origin,
    /// The record that changed it or anything in it last.
    pub changed: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateBlame {
    /// The value and what it is in, from the document down to it. A value that came with what it is in (by a move, say) is older than that.
    pub levels: Vec<BlameLevel>,
    /// Records known to have touched it, what it is in or what is in it; oldest first.
    pub touched: Vec<Origin>,
    /// How many changes of the document were dropped from that list's source.
    pub touches_dropped: u64,
}

/// One level of a [`StateBlame`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlameLevel {
    /// Where.
    pub pointer: String,
    /// The record that wrote this value.
    pub written: Origin,
    /// The record that changed it or anything in it last.
    pub changed: Origin,
}

/// Something that happened to a memory.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryStep {
    /// The record behind it, and its sender.
    pub origin: Origin,
    /// What happened.
    pub kind: MemoryStepKind,
}

/// What can happen to a memory.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryStepKind {
    /// An entry was written. Only in the answer to a blame.
    Written {
        /// Which.
        id: Arc<str>,
    },
    /// An id was used for another entry while its own was there.
    Rewritten {
        /// Which.
        id: Arc<str>,
        /// The record that had written the old one.
        was: Seq,
    },
    /// An entry moved to another tier.
    Promoted {
        /// Which.
        id: Arc<str>,
        /// From here, as reported.
        from: Arc<str>,
        /// To there, as reported.
        to: Arc<str>,
    },
    /// Entries were merged into one.
    Consolidated {
        /// The old ones.
        sources: Vec<Arc<str>>,
        /// The new one, if one was made.
        into: Option<Arc<str>>,
    },
    /// Entries were dropped.
    Evicted {
        /// Which.
        ids: Vec<Arc<str>>,
        /// Why, as reported.
        reason: Option<Arc<str>>,
    },
    /// A tier was emptied, or all of them.
    Cleared {
        /// Which; `None` for all.
        tier: Option<Arc<str>>,
        /// What it held.
        ids: Vec<Arc<str>>,
    },
}

/// One difference between two positions of a memory.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryChange {
    /// The record that caused it, and its sender.
    pub cause: Origin,
    /// False when the cause was dropped from the bounded history: then it is the last record that can have been it.
    pub is_exact: bool,
    /// What is different.
    pub kind: MemoryChangeKind,
}

/// What can differ between two positions.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryChangeKind {
    /// An entry is there that was not, or was another one with the same id.
    Added(MemoryEntry),
    /// An entry is in another tier or place.
    Moved {
        /// The entry now.
        entry: MemoryEntry,
        /// Its tier before.
        from: MemoryTier,
    },
    /// An entry is gone.
    Evicted {
        /// The entry it was.
        entry: MemoryEntry,
        /// What it was merged into.
        into: Option<Arc<str>>,
        /// Why it was dropped, as reported.
        reason: Option<Arc<str>>,
    },
}

/// One difference between two positions of a document. Applied one after the other, each at the place its pointer names then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Where (RFC 6901).
    pub pointer: String,
    /// JSON text; `None` where nothing was. In an array, what stood there moves up.
    pub before: Option<Bytes>,
    /// JSON text; `None` where nothing is. In an array, what stood behind moves down.
    pub after: Option<Bytes>,
    /// The record that caused it, and its sender.
    pub cause: Origin,
    /// False when the cause was dropped from the bounded history: then it is the last record that can have been it.
    pub is_exact: bool,
}
