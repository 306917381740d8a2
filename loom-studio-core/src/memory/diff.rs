//! What differs between two positions, and why. What the two share is skipped without a look.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::document::Document;
use super::entries::{Entry, NodeMemory, What};
use super::patch::Touched;
use super::pointer::push_token;
use super::snapshot::entry_of;
use super::tier::MemoryTier;
use super::tree::{Kind, Origin, Stamp, Tree, common_ends};
use super::{MemoryChange, MemoryChangeKind, StateChange};
use crate::ids::Seq;

/// Changed places recorded one by one for an event that reports a document whole; one with more counts as a change of the whole.
const MAX_PLACES: usize = 64;

/// One difference on the way through two trees.
struct Difference<'a> {
    pointer: &'a str,
    before: Option<&'a Tree>,
    after: Option<&'a Tree>,
    /// The container it is in, in the newer tree.
    container: Option<&'a Tree>,
    /// The newest record that wrote something the place is in.
    inherited: Option<&'a Stamp>,
}

/// Stops when `visit` says so by `None`.
fn walk<'a>(
    pointer: &mut String,
    old: &'a Tree,
    new: &'a Tree,
    container: Option<&'a Tree>,
    inherited: Option<&'a Stamp>,
    visit: &mut dyn FnMut(Difference<'_>) -> Option<()>,
) -> Option<()> {
    if old.is_same_copy(new) {
        return Some(());
    }
    let within = newer(inherited, Some(new.written()));
    let length = pointer.len();
    match (old.kind(), new.kind()) {
        (Kind::Object(before), Kind::Object(after)) => {
            for (name, tree) in before {
                if !after.contains_key(name) {
                    push_token(pointer, name);
                    visit(Difference {
                        pointer,
                        before: Some(tree),
                        after: None,
                        container: Some(new),
                        inherited: within,
                    })?;
                    pointer.truncate(length);
                }
            }
            for (name, tree) in after {
                push_token(pointer, name);
                match before.get(name) {
                    Some(was) => walk(pointer, was, tree, Some(new), within, visit)?,
                    None => visit(Difference {
                        pointer,
                        before: None,
                        after: Some(tree),
                        container: Some(new),
                        inherited: within,
                    })?,
                }
                pointer.truncate(length);
            }
        }
        (Kind::Array(before), Kind::Array(after)) => {
            let (front, back) = common_ends(before, after);
            let paired = before.len().min(after.len()) - back;
            for (index, (was, tree)) in before
                .iter()
                .zip(after.iter())
                .enumerate()
                .take(paired)
                .skip(front)
            {
                push_token(pointer, &index.to_string());
                walk(pointer, was, tree, Some(new), within, visit)?;
                pointer.truncate(length);
            }
            // From the back, so that every index is that of the moment.
            for (index, was) in before
                .iter()
                .enumerate()
                .take(before.len() - back)
                .skip(paired)
                .rev()
            {
                push_token(pointer, &index.to_string());
                visit(Difference {
                    pointer,
                    before: Some(was),
                    after: None,
                    container: Some(new),
                    inherited: within,
                })?;
                pointer.truncate(length);
            }
            for (index, tree) in after
                .iter()
                .enumerate()
                .take(after.len() - back)
                .skip(paired)
            {
                push_token(pointer, &index.to_string());
                visit(Difference {
                    pointer,
                    before: None,
                    after: Some(tree),
                    container: Some(new),
                    inherited: within,
                })?;
                pointer.truncate(length);
            }
        }
        _ if old.same_value(new) => {}
        _ => visit(Difference {
            pointer,
            before: Some(old),
            after: Some(new),
            container,
            inherited,
        })?,
    }
    Some(())
}

fn newer<'a>(one: Option<&'a Stamp>, other: Option<&'a Stamp>) -> Option<&'a Stamp> {
    match (one, other) {
        (Some(one), Some(other)) if other.seq > one.seq => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

/// The places an event changed that reported its document whole.
pub(super) fn changed_places(old: Option<&Tree>, new: Option<&Tree>) -> Vec<Touched> {
    let whole = |is_removal| {
        vec![Touched {
            pointer: Arc::from(""),
            is_removal,
        }]
    };
    match (old, new) {
        (None, None) => Vec::new(),
        (_, None) => whole(true),
        (None, _) => whole(false),
        (Some(old), Some(new)) => {
            let mut places = Vec::new();
            let all = walk(
                &mut String::new(),
                old,
                new,
                None,
                None,
                &mut |difference| {
                    places.push(Touched {
                        pointer: Arc::from(difference.pointer),
                        is_removal: difference.after.is_none(),
                    });
                    (places.len() < MAX_PLACES).then_some(())
                },
            );
            if all.is_none() { whole(false) } else { places }
        }
    }
}

/// What changed in a document after a position.
pub(super) fn state_changes(
    old: Option<&Document>,
    new: &Document,
    after: Seq,
) -> Vec<StateChange> {
    let before = old.and_then(|old| old.tree.as_ref());
    let whole = |before: Option<&Tree>, now: Option<&Tree>, cause: Option<&Stamp>| {
        let cause = cause.filter(|cause| cause.seq > after);
        cause.map_or_else(Vec::new, |cause| {
            vec![StateChange {
                pointer: String::new(),
                before: before.map(Tree::json),
                after: now.map(Tree::json),
                cause: Origin::clone(cause),
                is_exact: true,
            }]
        })
    };
    let (before, now) = match (before, new.tree.as_ref()) {
        (None, None) => return Vec::new(),
        (None, Some(now)) => return whole(None, Some(now), Some(now.written())),
        (Some(before), None) => return whole(Some(before), None, new.removed.as_ref()),
        (Some(before), Some(now)) => (before, now),
    };
    let mut changes = Vec::new();
    let _ = walk(
        &mut String::new(),
        before,
        now,
        None,
        None,
        &mut |difference| {
            let (cause, is_exact) = cause_of(&difference, new, after, now);
            changes.push(StateChange {
                pointer: difference.pointer.to_owned(),
                before: difference.before.map(Tree::json),
                after: difference.after.map(Tree::json),
                cause: Origin::clone(cause),
                is_exact,
            });
            Some(())
        },
    );
    changes
}

/// Why a place differs. A value that is there names what put it there; one that is gone is looked for in the list of what was taken away.
fn cause_of<'a>(
    difference: &Difference<'a>,
    document: &'a Document,
    after: Seq,
    root: &'a Tree,
) -> (&'a Stamp, bool) {
    let written = newer(difference.inherited, difference.after.map(Tree::written));
    let removed = if difference.after.is_none() {
        document.removal_of(difference.pointer, after)
    } else {
        None
    };
    if let Some(cause) = newer(written, removed).filter(|cause| cause.seq > after) {
        return (cause, true);
    }
    // A value of another place moved here: something before it in the array came or went.
    let container = difference.container.unwrap_or(root);
    let last = container.removed().filter(|removed| removed.seq > after);
    (last.unwrap_or_else(|| container.changed()), false)
}

/// What changed in a node's memory after a position.
pub(super) fn memory_changes(
    old: Option<&NodeMemory>,
    new: &NodeMemory,
    after: Seq,
) -> Vec<MemoryChange> {
    let nothing = NodeMemory::default();
    let old = old.unwrap_or(&nothing);
    let mut departures: Option<BTreeMap<&str, (&Stamp, &What)>> = None;
    let mut changes: Vec<MemoryChange> = old
        .entries
        .diff(&new.entries)
        .map(|item| match item {
            DiffItem::Add(id, entry) => written(id, entry),
            DiffItem::Update {
                new: (id, entry), ..
            } if entry.written.seq > after => written(id, entry),
            DiffItem::Update {
                old: (_, was),
                new: (id, entry),
            } => MemoryChange {
                cause: Origin::clone(&entry.changed),
                is_exact: true,
                kind: MemoryChangeKind::Moved {
                    entry: entry_of(id, entry),
                    from: MemoryTier::of(&was.tier),
                },
            },
            DiffItem::Remove(id, entry) => {
                let found = departures
                    .get_or_insert_with(|| departed(new, after))
                    .get(&**id);
                gone(id, entry, found, new)
            }
        })
        .collect();
    changes.sort_by_key(|change| change.cause.seq);
    changes
}

fn written(id: &Arc<str>, entry: &Entry) -> MemoryChange {
    MemoryChange {
        cause: Origin::clone(&entry.written),
        is_exact: true,
        kind: MemoryChangeKind::Added(entry_of(id, entry)),
    }
}

/// The last departure of each entry that left after a position.
fn departed(memory: &NodeMemory, after: Seq) -> BTreeMap<&str, (&Stamp, &What)> {
    let mut found = BTreeMap::new();
    for step in memory
        .steps
        .iter()
        .rev()
        .take_while(|step| step.stamp.seq > after)
    {
        if let What::Consolidated { gone: ids, .. }
        | What::Evicted { ids, .. }
        | What::Cleared { ids, .. } = &step.what
        {
            for id in ids.iter() {
                found.entry(&**id).or_insert((&step.stamp, &step.what));
            }
        }
    }
    found
}

fn gone(
    id: &Arc<str>,
    entry: &Entry,
    found: Option<&(&Stamp, &What)>,
    memory: &NodeMemory,
) -> MemoryChange {
    let (into, reason) = match found {
        Some((_, What::Consolidated { into, .. })) => (into.clone(), None),
        Some((_, What::Evicted { reason, .. })) => (None, reason.clone()),
        _ => (None, None),
    };
    let cause = found.map(|(stamp, _)| *stamp).or(memory.removed.as_ref());
    MemoryChange {
        // What took an entry away is stamped, so there is one.
        cause: Origin::clone(cause.unwrap_or(&entry.changed)),
        is_exact: found.is_some(),
        kind: MemoryChangeKind::Evicted {
            entry: entry_of(id, entry),
            into,
            reason,
        },
    }
}
