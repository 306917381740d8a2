//! A persistent JSON document that knows which record wrote each of its values.
//!
//! Copies share everything: a clone is one counter, and a change copies the path from the root to it (path copying, Driscoll, Sarnak, Sleator and Tarjan 1989; the maps are B-trees and the
//! arrays relaxed radix-balanced trees, Bagwell and Rompf 2011, both of the crate `imbl`).

use std::sync::Arc;

use imbl::{OrdMap, Vector};

use super::number::same_scalar;
use super::pointer::{MAX_DEPTH, index};
use crate::event::NodeId;
use crate::ids::Seq;

/// The record behind a value, and its sender. One per record, shared by all it wrote.
pub(super) type Stamp = Arc<Origin>;

/// A record and the node that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The record.
    pub seq: Seq,
    /// Its sender.
    pub by: NodeId,
}

/// A value and all below it.
#[derive(Debug, Clone)]
pub(super) struct Tree(Arc<Cell>);

#[derive(Debug, Clone)]
struct Cell {
    kind: Kind,
    /// What put this value here.
    written: Stamp,
    /// What last changed it or anything below.
    changed: Stamp,
    /// What last took a member out of it.
    removed: Option<Stamp>,
    /// Bytes of its JSON text, give or take a comma.
    bytes: u64,
    /// Levels, itself included: at least the true number, exact for containers that are not large.
    height: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// JSON text.
    Scalar(Box<str>),
    Object(OrdMap<Arc<str>, Tree>),
    Array(Vector<Tree>),
}

/// Containers up to this size get their exact height when a member leaves.
const EXACT_HEIGHT: usize = 64;

/// Why an edit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NotFound,
    BadIndex,
    TooDeep,
}

/// What to do at the end of a path.
pub(super) enum Edit {
    Add(Tree),
    Replace(Tree),
    Remove,
}

impl Tree {
    pub(super) fn new(kind: Kind, stamp: &Stamp) -> Self {
        Self::restored(kind, Arc::clone(stamp), Arc::clone(stamp), None)
    }

    pub(super) fn restored(
        kind: Kind,
        written: Stamp,
        changed: Stamp,
        removed: Option<Stamp>,
    ) -> Self {
        let (bytes, height) = match &kind {
            Kind::Scalar(text) => (text.len() as u64, 0),
            Kind::Object(members) => {
                members
                    .iter()
                    .fold((2, 0), |(bytes, height), (name, tree)| {
                        (
                            bytes + member_bytes(name) + tree.bytes(),
                            height.max(tree.height()),
                        )
                    })
            }
            Kind::Array(items) => items.iter().fold((2, 0), |(bytes, height), tree| {
                (bytes + 1 + tree.bytes(), height.max(tree.height()))
            }),
        };
        Self(Arc::new(Cell {
            kind,
            written,
            changed,
            removed,
            bytes,
            height: height + 1,
        }))
    }

    /// With a height that was measured before; it must hold what is in it.
    pub(super) fn with_height(mut self, height: usize) -> Self {
        let cell = Arc::make_mut(&mut self.0);
        cell.height = cell.height.max(height);
        self
    }

    pub(super) fn empty_object(stamp: &Stamp) -> Self {
        Self::new(Kind::Object(OrdMap::new()), stamp)
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(super) fn written(&self) -> &Stamp {
        &self.0.written
    }

    pub(super) fn changed(&self) -> &Stamp {
        &self.0.changed
    }

    pub(super) fn removed(&self) -> Option<&Stamp> {
        self.0.removed.as_ref()
    }

    /// Bytes of its JSON text, give or take a comma. Counts shared parts each time they stand.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes
    }

    pub(super) fn height(&self) -> usize {
        self.0.height
    }

    pub(super) fn is_same_copy(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn child(&self, token: &str) -> Option<&Self> {
        match &self.0.kind {
            Kind::Scalar(_) => None,
            Kind::Object(members) => members.get(token),
            Kind::Array(items) => items.get(index(token)?),
        }
    }

    /// The value at a path.
    pub(super) fn get(&self, path: &[Arc<str>]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, token| tree.child(token))
    }

    /// The same value, written here by another record. What is below keeps its origins.
    pub(super) fn moved(&self, stamp: &Stamp) -> Self {
        let mut cell = Cell::clone(&self.0);
        cell.written = Arc::clone(stamp);
        cell.changed = Arc::clone(stamp);
        Self(Arc::new(cell))
    }

    /// Changes the value at a path of at least one token; on refusal the tree is as it was.
    pub(super) fn edit(
        &mut self,
        path: &[Arc<str>],
        edit: Edit,
        stamp: &Stamp,
    ) -> Result<(), Refused> {
        if let Edit::Add(tree) | Edit::Replace(tree) = &edit
            && path.len() + tree.height() > MAX_DEPTH
        {
            return Err(Refused::TooDeep);
        }
        let Some((last, above)) = path.split_last() else {
            return Err(Refused::NotFound);
        };
        // Checked before anything is copied, so that a refused edit costs a look-up.
        let container = self.get(above).ok_or(Refused::NotFound)?;
        container.check(last, &edit)?;
        self.edit_checked(above, last, edit, stamp);
        Ok(())
    }

    fn check(&self, token: &str, edit: &Edit) -> Result<(), Refused> {
        let exists = match &self.0.kind {
            Kind::Scalar(_) => return Err(Refused::NotFound),
            Kind::Object(members) => matches!(edit, Edit::Add(_)) || members.contains_key(token),
            Kind::Array(_) if token == "-" => matches!(edit, Edit::Add(_)),
            Kind::Array(items) => {
                let index = index(token).ok_or(Refused::BadIndex)?;
                index < items.len() + usize::from(matches!(edit, Edit::Add(_)))
            }
        };
        if exists {
            Ok(())
        } else if matches!(self.0.kind, Kind::Array(_)) {
            Err(Refused::BadIndex)
        } else {
            Err(Refused::NotFound)
        }
    }

    fn edit_checked(&mut self, above: &[Arc<str>], last: &Arc<str>, edit: Edit, stamp: &Stamp) {
        let cell = Arc::make_mut(&mut self.0);
        cell.changed = Arc::clone(stamp);
        let Some((token, rest)) = above.split_first() else {
            cell.edit_member(last, edit, stamp);
            return;
        };
        let child = match &mut cell.kind {
            Kind::Scalar(_) => None,
            Kind::Object(members) => members.get_mut(&**token),
            Kind::Array(items) => index(token).and_then(|index| items.get_mut(index)),
        };
        // The path was found before, so the child is there.
        if let Some(child) = child {
            let (bytes, height) = (child.bytes(), child.height());
            child.edit_checked(rest, last, edit, stamp);
            cell.bytes = cell.bytes.saturating_sub(bytes) + child.bytes();
            let has_shrunk = child.height() < height;
            cell.height = cell.height.max(child.height() + 1);
            if has_shrunk && height + 1 >= cell.height {
                cell.measure_height();
            }
        }
    }

    /// Whether two values are equal, wherever they came from.
    pub(super) fn same_value(&self, other: &Self) -> bool {
        if self.is_same_copy(other) {
            return true;
        }
        match (&self.0.kind, &other.0.kind) {
            (Kind::Scalar(one), Kind::Scalar(other)) => same_scalar(one, other),
            (Kind::Object(one), Kind::Object(other)) => {
                one.len() == other.len()
                    && (one.ptr_eq(other)
                        || one
                            .iter()
                            .zip(other.iter())
                            .all(|((name, one), (of, other))| name == of && one.same_value(other)))
            }
            (Kind::Array(one), Kind::Array(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(other.iter())
                        .all(|(one, other)| one.same_value(other))
            }
            _ => false,
        }
    }

    /// `new`, but every value that is equal to the one `self` has at the same place stays the one of `self`, with its origin.
    ///
    /// This is how a document that is reported whole keeps a history of its parts.
    pub(super) fn reconciled(&self, new: &Self, stamp: &Stamp) -> Self {
        if self.is_same_copy(new) {
            return self.clone();
        }
        let kind = match (&self.0.kind, &new.0.kind) {
            (Kind::Scalar(old), Kind::Scalar(new)) if same_scalar(old, new) => return self.clone(),
            (Kind::Object(old), Kind::Object(fresh)) => {
                let mut is_same = old.len() == fresh.len();
                let mut members = Vec::with_capacity(fresh.len());
                for (name, tree) in fresh {
                    let merged = old
                        .get(name)
                        .map_or_else(|| tree.clone(), |was| was.reconciled(tree, stamp));
                    is_same = is_same && old.get(name).is_some_and(|was| was.is_same_copy(&merged));
                    members.push((Arc::clone(name), merged));
                }
                if is_same {
                    return self.clone();
                }
                Kind::Object(members.into_iter().collect())
            }
            (Kind::Array(old), Kind::Array(fresh)) => {
                let (front, back) = common_ends(old, fresh);
                if front == old.len() && front == fresh.len() {
                    return self.clone();
                }
                let kept_back = old.len() - back;
                let changed = fresh
                    .iter()
                    .take(fresh.len() - back)
                    .enumerate()
                    .skip(front);
                let mut items: Vec<Self> = old.iter().take(front).cloned().collect();
                items.extend(changed.map(|(position, tree)| {
                    let was = old.get(position).filter(|_| position < kept_back);
                    was.map_or_else(|| tree.clone(), |was| was.reconciled(tree, stamp))
                }));
                items.extend(old.iter().skip(kept_back).cloned());
                Kind::Array(items.into())
            }
            _ => return new.clone(),
        };
        let has_lost = match (&self.0.kind, &kind) {
            (Kind::Object(old), Kind::Object(new)) => {
                old.keys().any(|name| !new.contains_key(name))
            }
            (Kind::Array(old), Kind::Array(new)) => new.len() < old.len(),
            _ => false,
        };
        let removed = if has_lost {
            Some(Arc::clone(stamp))
        } else {
            self.0.removed.clone()
        };
        Self::restored(
            kind,
            Arc::clone(&self.0.written),
            Arc::clone(stamp),
            removed,
        )
    }

    /// Appends the JSON text.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match &self.0.kind {
            Kind::Scalar(text) => out.extend_from_slice(text.as_bytes()),
            Kind::Object(members) => {
                out.push(b'{');
                for (number, (name, tree)) in members.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    // Writing into a Vec cannot fail.
                    let _ = serde_json::to_writer(&mut *out, name);
                    out.push(b':');
                    tree.write_json(out);
                }
                out.push(b'}');
            }
            Kind::Array(items) => {
                out.push(b'[');
                for (number, tree) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    tree.write_json(out);
                }
                out.push(b']');
            }
        }
    }

    pub(super) fn json(&self) -> bytes::Bytes {
        let mut out = Vec::with_capacity(usize::try_from(self.bytes()).unwrap_or(0));
        self.write_json(&mut out);
        out.into()
    }
}

/// How many items two arrays have in common at the front, and at the back behind those.
pub(super) fn common_ends(one: &Vector<Tree>, other: &Vector<Tree>) -> (usize, usize) {
    let shorter = one.len().min(other.len());
    let front = one
        .iter()
        .zip(other.iter())
        .take_while(|(one, other)| one.same_value(other))
        .count();
    let back = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take(shorter - front)
        .take_while(|(one, other)| one.same_value(other))
        .count();
    (front, back)
}

fn member_bytes(name: &str) -> u64 {
    name.len() as u64 + 4
}

impl Cell {
    /// The edit was checked.
    fn edit_member(&mut self, token: &Arc<str>, edit: Edit, stamp: &Stamp) {
        let (added, own) = match &edit {
            Edit::Add(tree) | Edit::Replace(tree) => (tree.bytes(), tree.height() + 1),
            Edit::Remove => (0, 0),
        };
        let is_removal = matches!(edit, Edit::Remove);
        let (lost, overhead) = match (&mut self.kind, edit) {
            (Kind::Scalar(_), _) => (None, 0),
            (Kind::Object(members), Edit::Add(tree) | Edit::Replace(tree)) => {
                let old = members.insert(Arc::clone(token), tree);
                let is_new = old.is_none();
                (old, if is_new { member_bytes(token) } else { 0 })
            }
            (Kind::Object(members), Edit::Remove) => {
                (members.remove(&**token), member_bytes(token))
            }
            (Kind::Array(items), edit) => {
                let at = index(token).unwrap_or(items.len());
                match edit {
                    Edit::Add(tree) if at <= items.len() => {
                        items.insert(at, tree);
                        (None, 1)
                    }
                    Edit::Replace(tree) if at < items.len() => (Some(items.set(at, tree)), 0),
                    Edit::Remove if at < items.len() => (Some(items.remove(at)), 1),
                    _ => (None, 0),
                }
            }
        };
        let lost_bytes = lost.as_ref().map_or(0, Tree::bytes);
        if is_removal {
            self.removed = Some(Arc::clone(stamp));
            self.bytes = self.bytes.saturating_sub(lost_bytes + overhead);
        } else {
            self.bytes = self.bytes.saturating_sub(lost_bytes) + added + overhead;
        }
        self.height = self.height.max(own);
        let lost_tallest = lost.is_some_and(|lost| lost.height() + 1 >= self.height);
        if lost_tallest {
            self.measure_height();
        }
    }

    fn measure_height(&mut self) {
        let highest = match &self.kind {
            Kind::Object(members) if members.len() <= EXACT_HEIGHT => {
                members.values().map(Tree::height).max()
            }
            Kind::Array(items) if items.len() <= EXACT_HEIGHT => {
                items.iter().map(Tree::height).max()
            }
            _ => return,
        };
        self.height = highest.unwrap_or(0) + 1;
    }
}
