//! What two versions of memories don't share, in bytes.

use std::mem::size_of;
use std::sync::Arc;

use super::document::{Document, Touch};
use super::entries::{Entry, NodeMemory, Step};
use super::fold::RecordedMemory;
use super::track::MemoryTrack;
use super::workspaces::Memories;
use crate::ids::Seq;
use crate::projection::{Persistent, map_bytes};

/// What a changed value copies of the containers it is in: a leaf and a branch or two at each of a few levels.
const TOUCH_BYTES: u64 = 2 << 10;

/// How many things were pushed onto the end of a list that drops from its front.
fn pushed(length: usize, dropped: u64, earlier_length: usize, earlier_dropped: u64) -> u64 {
    (length as u64 + dropped).saturating_sub(earlier_length as u64 + earlier_dropped)
}

pub(super) fn document_bytes(document: &Document, earlier: &Document) -> u64 {
    let touches = pushed(
        document.touches.len(),
        document.touches_dropped,
        earlier.touches.len(),
        earlier.touches_dropped,
    );
    // No more than all of it, whose cells take some times the bytes of its text.
    let copied = (touches * TOUCH_BYTES).min(16 * document.bytes());
    copied + touches * size_of::<Touch>() as u64
}

pub(super) fn memory_bytes(memory: &NodeMemory, earlier: &NodeMemory) -> u64 {
    let changed = earlier.entries.diff(&memory.entries).count();
    let steps = pushed(
        memory.steps.len(),
        memory.steps_dropped,
        earlier.steps.len(),
        earlier.steps_dropped,
    );
    let entry = size_of::<(Arc<str>, Entry)>();
    // The entry with its id and stamp, then its place in two maps.
    (changed * 128) as u64
        + map_bytes(memory.entries.len(), changed, entry)
        + map_bytes(memory.entries.len(), changed, size_of::<(i64, Arc<str>)>())
        + steps * (size_of::<Step>() as u64 + 64)
        + document_bytes(&memory.project_state, &earlier.project_state)
        + size_of::<NodeMemory>() as u64
}

impl RecordedMemory {
    fn unshared_bytes(&self, earlier: &Self) -> u64 {
        if self.through == earlier.through {
            return 0;
        }
        if self.past.is_some() || earlier.past.is_some() {
            let (mut one, mut other) = (self.clone(), earlier.clone());
            one.settle();
            other.settle();
            return one.unshared_bytes(&other);
        }
        let (no_memory, no_document) = (NodeMemory::default(), Document::default());
        let (mut changed, mut bytes) = (0, 0);
        let mut old = earlier.nodes.iter().peekable();
        for (node, sessions) in &self.nodes {
            // Nodes and their sessions are never taken out.
            let known = old.next_if(|(known, _)| *known == node);
            let before = known.map(|(_, sessions)| &sessions.by_session);
            if before.is_some_and(|before| before.ptr_eq(&sessions.by_session)) {
                continue;
            }
            changed += 1;
            for (session, memory) in &sessions.by_session {
                let before = before.and_then(|before| before.get(session));
                if before.is_none_or(|before| !Arc::ptr_eq(before, memory)) {
                    let before = before.map_or(&no_memory, |before| before);
                    bytes += memory_bytes(memory, before);
                }
            }
        }
        for (session, document) in &self.states {
            let before = earlier.states.get(session);
            if before.is_none_or(|before| !Arc::ptr_eq(before, document)) {
                let before = before.map_or(&no_document, |before| before);
                bytes += document_bytes(document, before) + size_of::<Document>() as u64;
            }
        }
        // A node's own map of sessions is copied with it.
        bytes + 1_024 * changed as u64 + map_bytes(self.nodes.len(), changed, 64)
    }
}

impl Persistent for Memories {
    type Track = MemoryTrack;

    fn unshared_bytes(&self, earlier: &Self) -> u64 {
        let empty = RecordedMemory {
            through: Seq::ZERO,
            ..RecordedMemory::default()
        };
        let memories = self.workspaces();
        memories
            .map(|(workspace, memory)| {
                let before = earlier.of_workspace(workspace);
                memory.unshared_bytes(before.unwrap_or(&empty))
            })
            .sum()
    }
}
