//! RFC 6902 (JSON Patch) and RFC 7396 (JSON Merge Patch) on a persistent tree.

use std::sync::Arc;

use imbl::OrdMap;

use super::pointer::tokens;
use super::text::{elements, parse};
use super::tree::{Edit, Kind, Refused, Stamp, Tree};
use crate::event::members;
use crate::event::scan::text_of;

/// Operations of one event; a record with more is refused whole.
const MAX_OPERATIONS: usize = 10_000;

/// Why an event, or an operation in it, was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultReason {
    /// It doesn't have the shape of its type, or a member it needs.
    Malformed,
    /// `op` is none of the six.
    UnknownOperation,
    /// A pointer that is none (RFC 6901), or deeper than 128.
    BadPointer,
    /// Nothing is there.
    NotFound,
    /// An array has no such index.
    BadIndex,
    /// A value can't move into itself.
    IntoItself,
    /// `test` found another value.
    TestFailed,
    /// The document would be nested deeper than 128.
    TooDeep,
    /// The document, or all documents together, would be larger than the limit.
    TooLarge,
    /// More operations than one event may have, or more entries than are kept.
    TooMany,
    /// No such entry.
    UnknownEntry,
}

impl FaultReason {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownOperation => "unknown_operation",
            Self::BadPointer => "bad_pointer",
            Self::NotFound => "not_found",
            Self::BadIndex => "bad_index",
            Self::IntoItself => "into_itself",
            Self::TestFailed => "test_failed",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::UnknownEntry => "unknown_entry",
        }
    }

    /// Every reason, in the order of [`code`](Self::code).
    pub(super) const ALL: [Self; 11] = [
        Self::Malformed,
        Self::UnknownOperation,
        Self::BadPointer,
        Self::NotFound,
        Self::BadIndex,
        Self::IntoItself,
        Self::TestFailed,
        Self::TooDeep,
        Self::TooLarge,
        Self::TooMany,
        Self::UnknownEntry,
    ];

    pub(super) fn code(self) -> u8 {
        Self::ALL
            .iter()
            .position(|reason| *reason == self)
            .unwrap_or(0) as u8
    }
}

impl From<Refused> for FaultReason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotFound => Self::NotFound,
            Refused::BadIndex => Self::BadIndex,
            Refused::TooDeep => Self::TooDeep,
        }
    }
}

/// A place that an operation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) pointer: Arc<str>,
    /// Whether the value there was taken away.
    pub(super) is_removal: bool,
}

/// A document after an event.
#[derive(Debug)]
pub(super) struct Patched {
    pub(super) tree: Option<Tree>,
    pub(super) touched: Vec<Touched>,
}

/// Applies the operations of a JSON array, all or none. `Err` names the first that can't be applied.
///
/// A document that isn't there yet counts as an empty object, as Loom's own store begins.
pub(super) fn apply_patches(
    tree: Option<&Tree>,
    patches: &str,
    stamp: &Stamp,
    max_bytes: u64,
) -> Result<Patched, (usize, FaultReason)> {
    let operations = elements(patches).ok_or((0, FaultReason::Malformed))?;
    if operations.len() > MAX_OPERATIONS {
        return Err((MAX_OPERATIONS, FaultReason::TooMany));
    }
    let mut document = Patched {
        tree: tree.cloned(),
        touched: Vec::new(),
    };
    if operations.is_empty() {
        return Ok(document);
    }
    document
        .tree
        .get_or_insert_with(|| Tree::empty_object(stamp));
    for (index, operation) in operations.into_iter().enumerate() {
        Operation::read(operation)
            .and_then(|operation| document.apply(&operation, stamp))
            .map_err(|reason| (index, reason))?;
        if document
            .tree
            .as_ref()
            .is_some_and(|tree| tree.bytes() > max_bytes)
        {
            return Err((index, FaultReason::TooLarge));
        }
    }
    Ok(document)
}

struct Operation<'a> {
    kind: OperationKind,
    pointer: Arc<str>,
    path: Vec<Arc<str>>,
    /// Of `move` and `copy`.
    from: Option<(Arc<str>, Vec<Arc<str>>)>,
    value: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq)]
enum OperationKind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl<'a> Operation<'a> {
    fn read(json: &'a str) -> Result<Self, FaultReason> {
        let (mut kind, mut path, mut from, mut dumped_from, mut value) =
            (None, None, None, None, None);
        members(json, |name, text| match name {
            "op" => kind = text_of(text),
            "path" => path = text_of(text),
            "from" => from = text_of(text),
            // The field's name in Loom's own model, which a dump without aliases writes.
            "from_path" => dumped_from = text_of(text),
            "value" => value = Some(text),
            _ => {}
        })
        .ok_or(FaultReason::Malformed)?;
        let kind = match kind.as_deref() {
            Some("add") => OperationKind::Add,
            Some("remove") => OperationKind::Remove,
            Some("replace") => OperationKind::Replace,
            Some("move") => OperationKind::Move,
            Some("copy") => OperationKind::Copy,
            Some("test") => OperationKind::Test,
            Some(_) => return Err(FaultReason::UnknownOperation),
            None => return Err(FaultReason::Malformed),
        };
        let pointer = path.ok_or(FaultReason::Malformed)?;
        let path = tokens(&pointer).ok_or(FaultReason::BadPointer)?;
        let from = if matches!(kind, OperationKind::Move | OperationKind::Copy) {
            let from = from.or(dumped_from).ok_or(FaultReason::Malformed)?;
            let path = tokens(&from).ok_or(FaultReason::BadPointer)?;
            Some((Arc::from(&*from), path))
        } else {
            None
        };
        Ok(Self {
            kind,
            pointer: Arc::from(&*pointer),
            path,
            from,
            value,
        })
    }

    fn value(&self, stamp: &Stamp) -> Result<Tree, FaultReason> {
        let text = self.value.ok_or(FaultReason::Malformed)?;
        parse(text, stamp).ok_or(FaultReason::Malformed)
    }
}

impl Patched {
    fn get(&self, path: &[Arc<str>]) -> Result<&Tree, FaultReason> {
        let root = self.tree.as_ref().ok_or(FaultReason::NotFound)?;
        root.get(path).ok_or(FaultReason::NotFound)
    }

    fn apply(&mut self, operation: &Operation<'_>, stamp: &Stamp) -> Result<(), FaultReason> {
        match operation.kind {
            OperationKind::Add => self.put(operation, Edit::Add(operation.value(stamp)?), stamp),
            OperationKind::Replace => {
                self.put(operation, Edit::Replace(operation.value(stamp)?), stamp)
            }
            OperationKind::Remove => self.remove(&operation.pointer, &operation.path, stamp),
            OperationKind::Test => {
                let expected = operation.value(stamp)?;
                if self.get(&operation.path)?.same_value(&expected) {
                    Ok(())
                } else {
                    Err(FaultReason::TestFailed)
                }
            }
            OperationKind::Copy | OperationKind::Move => {
                let (from_pointer, from) = operation.from.as_ref().ok_or(FaultReason::Malformed)?;
                let moved = self.get(from)?.moved(stamp);
                if operation.kind == OperationKind::Move {
                    if *from == operation.path {
                        return Ok(());
                    }
                    if operation.path.starts_with(from) {
                        return Err(FaultReason::IntoItself);
                    }
                    self.remove(from_pointer, from, stamp)?;
                }
                self.put(operation, Edit::Add(moved), stamp)
            }
        }
    }

    fn put(
        &mut self,
        operation: &Operation<'_>,
        edit: Edit,
        stamp: &Stamp,
    ) -> Result<(), FaultReason> {
        if operation.path.is_empty() {
            if matches!(edit, Edit::Replace(_)) && self.tree.is_none() {
                return Err(FaultReason::NotFound);
            }
            if let Edit::Add(tree) | Edit::Replace(tree) = edit {
                self.tree = Some(tree);
            }
        } else {
            let root = self.tree.as_mut().ok_or(FaultReason::NotFound)?;
            root.edit(&operation.path, edit, stamp)?;
        }
        self.touched.push(Touched {
            pointer: Arc::clone(&operation.pointer),
            is_removal: false,
        });
        Ok(())
    }

    fn remove(
        &mut self,
        pointer: &Arc<str>,
        path: &[Arc<str>],
        stamp: &Stamp,
    ) -> Result<(), FaultReason> {
        let root = self.tree.as_mut().ok_or(FaultReason::NotFound)?;
        if path.is_empty() {
            self.tree = None;
        } else {
            root.edit(path, Edit::Remove, stamp)?;
        }
        self.touched.push(Touched {
            pointer: Arc::clone(pointer),
            is_removal: true,
        });
        Ok(())
    }
}

/// The document a merge patch makes of `target`. Members that are `null` in the patch go.
pub(super) fn merged(target: Option<&Tree>, patch: &Tree, stamp: &Stamp) -> Tree {
    let Kind::Object(changes) = patch.kind() else {
        return patch.clone();
    };
    let mut members = match target.map(Tree::kind) {
        Some(Kind::Object(members)) => members.clone(),
        _ => OrdMap::new(),
    };
    for (name, change) in changes {
        if matches!(change.kind(), Kind::Scalar(text) if **text == *"null") {
            members.remove(&**name);
        } else {
            let value = merged(members.get(name), change, stamp);
            members.insert(Arc::clone(name), value);
        }
    }
    Tree::new(Kind::Object(members), stamp)
}
