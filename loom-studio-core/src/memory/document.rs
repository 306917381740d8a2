//! A JSON document with its history: the state tree of a session, or the project state object of a node.

use std::sync::Arc;

use imbl::Vector;

use super::diff::changed_places;
use super::patch::{FaultReason, Patched, Touched, apply_patches, merged};
use super::pointer::{MAX_DEPTH, tokens};
use super::text::parse;
use super::tree::{Origin, Stamp, Tree};
use crate::ids::Seq;

/// Changed places kept per document; older ones are dropped and counted.
const MAX_TOUCHES: usize = 4096;
/// Bytes of pointers kept per document.
const MAX_TOUCH_BYTES: usize = 256 << 10;
/// Faults kept per document or memory; older ones are dropped and counted.
const MAX_FAULTS: usize = 256;
/// The largest document.
pub(super) const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// An event, or an operation in it, that was not applied. The state is as if it had not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryFault {
    /// The event.
    pub origin: Origin,
    /// Which of the event's operations or entries.
    pub index: usize,
    /// Why.
    pub reason: FaultReason,
}

/// The newest faults, and how many there were before them.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) kept: Vector<(Stamp, usize, FaultReason)>,
    pub(super) dropped: u64,
}

impl Faults {
    pub(super) fn push(&mut self, stamp: &Stamp, index: usize, reason: FaultReason) {
        self.kept.push_back((Arc::clone(stamp), index, reason));
        while self.kept.len() > MAX_FAULTS {
            self.kept.pop_front();
            self.dropped += 1;
        }
    }

    pub(super) fn all(&self) -> Vec<MemoryFault> {
        self.kept
            .iter()
            .map(|(stamp, index, reason)| MemoryFault {
                origin: Origin::clone(stamp),
                index: *index,
                reason: *reason,
            })
            .collect()
    }
}

/// A place an event changed.
#[derive(Debug, Clone)]
pub(super) struct Touch {
    pub(super) stamp: Stamp,
    pub(super) what: Touched,
}

/// How an event changes a document.
pub(super) enum Revision<'a> {
    /// The whole document; `null` takes it away.
    Whole(&'a str),
    /// RFC 6902 operations.
    Patches(&'a str),
    /// RFC 7396.
    Merge(&'a str),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) tree: Option<Tree>,
    pub(super) touches: Vector<Touch>,
    pub(super) touch_bytes: usize,
    pub(super) touches_dropped: u64,
    /// What took the whole document away last.
    pub(super) removed: Option<Stamp>,
    pub(super) faults: Faults,
}

impl Document {
    /// Whether any event was about it.
    pub(super) fn is_reported(&self) -> bool {
        self.tree.is_some() || self.removed.is_some() || !self.faults.kept.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.tree.as_ref().map_or(0, Tree::bytes)
    }

    /// Applies all of a revision or nothing; what can't be applied becomes a fault.
    pub(super) fn revise(&mut self, revision: &Revision<'_>, stamp: &Stamp, max_bytes: u64) {
        let result = match revision {
            Revision::Patches(patches) => {
                apply_patches(self.tree.as_ref(), patches, stamp, max_bytes)
            }
            Revision::Whole(json) => parse_document(json, stamp, max_bytes).map(|new| {
                let is_gone = json.trim() == "null";
                self.replaced((!is_gone).then_some(new), stamp)
            }),
            Revision::Merge(json) => parse_document(json, stamp, max_bytes)
                .map(|patch| merged(self.tree.as_ref(), &patch, stamp))
                .and_then(|new| {
                    if new.bytes() > max_bytes {
                        Err((0, FaultReason::TooLarge))
                    } else if new.height() > MAX_DEPTH {
                        Err((0, FaultReason::TooDeep))
                    } else {
                        Ok(self.replaced(Some(new), stamp))
                    }
                }),
        };
        match result {
            Ok(patched) => self.accept(patched, stamp),
            Err((index, reason)) => self.faults.push(stamp, index, reason),
        }
    }

    /// The document as `new`; the parts that are equal keep their origins.
    fn replaced(&self, new: Option<Tree>, stamp: &Stamp) -> Patched {
        let tree = match (&self.tree, new) {
            (Some(old), Some(new)) => Some(old.reconciled(&new, stamp)),
            (_, new) => new,
        };
        let touched = changed_places(self.tree.as_ref(), tree.as_ref());
        Patched { tree, touched }
    }

    fn accept(&mut self, patched: Patched, stamp: &Stamp) {
        if self.tree.is_some() && patched.tree.is_none() {
            self.removed = Some(Arc::clone(stamp));
        }
        self.tree = patched.tree;
        for what in patched.touched {
            self.touch_bytes += what.pointer.len();
            self.touches.push_back(Touch {
                stamp: Arc::clone(stamp),
                what,
            });
        }
        while self.touches.len() > MAX_TOUCHES || self.touch_bytes > MAX_TOUCH_BYTES {
            let Some(touch) = self.touches.pop_front() else {
                break;
            };
            self.touch_bytes = self.touch_bytes.saturating_sub(touch.what.pointer.len());
            self.touches_dropped += 1;
        }
    }

    pub(super) fn value(&self, pointer: &str) -> Option<&Tree> {
        self.tree.as_ref()?.get(&tokens(pointer)?)
    }

    /// The records known to have touched a place, what is above it or what is below it; oldest first.
    pub(super) fn touches_of(&self, pointer: &str) -> Vec<Origin> {
        let mut origins: Vec<Origin> = Vec::new();
        for touch in self.touches.iter().filter(|touch| {
            is_within(pointer, &touch.what.pointer) || is_within(&touch.what.pointer, pointer)
        }) {
            if origins
                .last()
                .is_none_or(|last| last.seq != touch.stamp.seq)
            {
                origins.push(Origin::clone(&touch.stamp));
            }
        }
        origins
    }

    /// The last record after a position that took away the place or what it was in.
    pub(super) fn removal_of(&self, pointer: &str, after: Seq) -> Option<&Stamp> {
        self.touches
            .iter()
            .rev()
            .take_while(|touch| touch.stamp.seq > after)
            .find(|touch| touch.what.is_removal && is_within(pointer, &touch.what.pointer))
            .map(|touch| &touch.stamp)
    }
}

/// Whether a place is another or below it.
fn is_within(pointer: &str, ancestor: &str) -> bool {
    pointer
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn parse_document(json: &str, stamp: &Stamp, max_bytes: u64) -> Result<Tree, (usize, FaultReason)> {
    let tree = parse(json, stamp).ok_or((0, FaultReason::Malformed))?;
    if tree.bytes() > max_bytes {
        return Err((0, FaultReason::TooLarge));
    }
    Ok(tree)
}
