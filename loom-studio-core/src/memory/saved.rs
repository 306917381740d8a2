//! The encoding of a checkpoint: names once in a table, trees flat and in front of what is in them, postcard around it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use super::document::{Document, Faults, Touch};
use super::entries::{Entry, NodeMemory, What};
use super::fold::{NodeSessions, RecordedMemory};
use super::patch::{FaultReason, Touched};
use super::pointer::MAX_DEPTH;
use super::tier::canonical;
use super::tree::{Kind, Origin, Stamp, Tree};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Checkpoint;

impl Checkpoint for RecordedMemory {
    const FORMAT: &'static str = "memory-2";

    fn save(&self) -> Vec<u8> {
        if self.past.is_some() {
            let mut settled = self.clone();
            settled.settle();
            return settled.save();
        }
        let mut names = Names::default();
        let nodes = self
            .nodes
            .iter()
            .map(|(node, sessions)| SavedNode {
                node: names.number(node.as_str()),
                latest: names.number(&sessions.latest),
                sessions: sessions
                    .by_session
                    .iter()
                    .map(|(session, memory)| (names.number(session), names.memory(memory)))
                    .collect(),
            })
            .collect();
        let states = self
            .states
            .iter()
            .map(|(session, document)| (names.number(session), names.document(document)))
            .collect();
        let latest_state = self
            .latest_state
            .as_deref()
            .map(|session| names.number(session));
        let shared = self.names.iter().map(|name| names.number(name)).collect();
        let saved = Saved {
            through: self.through.0,
            names: names.list,
            shared,
            nodes,
            states,
            latest_state,
            left_out: self.left_out,
        };
        // Serializing into memory fails for no type used here.
        postcard::to_stdvec(&saved).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let (saved, rest) = postcard::take_from_bytes::<Saved<'_>>(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut reader = Reader {
            names: saved.names.iter().map(|name| Arc::from(&**name)).collect(),
            nodes: HashMap::new(),
            stamps: HashMap::new(),
        };
        let mut memory = Self {
            through: Seq(saved.through),
            left_out: saved.left_out,
            ..Self::default()
        };
        for name in saved.shared {
            memory.names.insert(reader.name(name)?);
        }
        for node in saved.nodes {
            let mut sessions = NodeSessions {
                latest: reader.name(node.latest)?,
                by_session: OrdMap::new(),
            };
            for (session, saved) in node.sessions {
                let restored = reader.memory(saved)?;
                memory.owners += 1;
                memory.entries += restored.entries.len();
                memory.document_bytes += restored.project_state.bytes();
                sessions
                    .by_session
                    .insert(reader.name(session)?, Arc::new(restored));
            }
            memory.nodes.insert(reader.node(node.node)?, sessions);
        }
        for (session, saved) in saved.states {
            let document = reader.document(saved)?;
            memory.owners += 1;
            memory.document_bytes += document.bytes();
            memory
                .states
                .insert(reader.name(session)?, Arc::new(document));
        }
        memory.latest_state = match saved.latest_state {
            Some(session) => Some(reader.name(session)?),
            None => None,
        };
        Some(memory)
    }
}

/// The number of a name in the table.
type Name = u32;
/// A record and its sender.
type SavedStamp = (u64, Name);

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    through: u64,
    #[serde(borrow)]
    names: Vec<Cow<'a, str>>,
    shared: Vec<Name>,
    #[serde(borrow)]
    nodes: Vec<SavedNode<'a>>,
    #[serde(borrow)]
    states: Vec<(Name, SavedDocument<'a>)>,
    latest_state: Option<Name>,
    left_out: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedNode<'a> {
    node: Name,
    latest: Name,
    #[serde(borrow)]
    sessions: Vec<(Name, SavedMemory<'a>)>,
}

#[derive(Serialize, Deserialize)]
struct SavedMemory<'a> {
    #[serde(borrow)]
    entries: Vec<SavedEntry<'a>>,
    #[serde(borrow)]
    steps: Vec<(SavedStamp, SavedWhat<'a>)>,
    steps_dropped: u64,
    removed: Option<SavedStamp>,
    #[serde(borrow)]
    project_state: SavedDocument<'a>,
    faults: SavedFaults,
    last: Option<SavedStamp>,
    reports_entries: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedEntry<'a> {
    id: &'a str,
    tier: Name,
    role: Option<Name>,
    importance: Option<f64>,
    time_nanos: i64,
    rank: i64,
    written: SavedStamp,
    changed: Option<SavedStamp>,
    #[serde(borrow)]
    sources: Option<Vec<&'a str>>,
}

#[derive(Serialize, Deserialize)]
enum SavedWhat<'a> {
    Promoted(&'a str, Name, Name),
    Consolidated(
        #[serde(borrow)] Option<&'a str>,
        #[serde(borrow)] Vec<&'a str>,
        // Those that went, where they aren't all.
        #[serde(borrow)] Option<Vec<&'a str>>,
    ),
    Evicted(
        #[serde(borrow)] Vec<&'a str>,
        #[serde(borrow)] Option<&'a str>,
    ),
    Cleared(
        #[serde(borrow)] Option<&'a str>,
        #[serde(borrow)] Vec<&'a str>,
    ),
    Rewritten(&'a str, SavedStamp),
}

#[derive(Serialize, Deserialize)]
struct SavedFaults {
    kept: Vec<(SavedStamp, usize, u8)>,
    dropped: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedDocument<'a> {
    #[serde(borrow)]
    cells: Vec<SavedCell<'a>>,
    #[serde(borrow)]
    touches: Vec<(SavedStamp, &'a str, bool)>,
    touches_dropped: u64,
    removed: Option<SavedStamp>,
    faults: SavedFaults,
}

#[derive(Serialize, Deserialize)]
struct SavedCell<'a> {
    /// The member's name, in an object.
    name: &'a str,
    written: SavedStamp,
    changed: Option<SavedStamp>,
    removed: Option<SavedStamp>,
    height: usize,
    #[serde(borrow)]
    kind: SavedKind<'a>,
}

#[derive(Serialize, Deserialize)]
enum SavedKind<'a> {
    Scalar(&'a str),
    /// How many members follow.
    Object(usize),
    /// How many items follow.
    Array(usize),
}

#[derive(Default)]
struct Names<'a> {
    numbers: BTreeMap<&'a str, Name>,
    list: Vec<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> Name {
        *self.numbers.entry(name).or_insert_with(|| {
            self.list.push(Cow::Borrowed(name));
            self.list.len() as Name - 1
        })
    }

    fn stamp(&mut self, stamp: &'a Stamp) -> SavedStamp {
        (stamp.seq.0, self.number(stamp.by.as_str()))
    }

    fn maybe(&mut self, stamp: Option<&'a Stamp>) -> Option<SavedStamp> {
        stamp.map(|stamp| self.stamp(stamp))
    }

    /// The later of two stamps, where it isn't the first.
    fn later(&mut self, first: &Stamp, later: &'a Stamp) -> Option<SavedStamp> {
        (first.seq != later.seq).then(|| self.stamp(later))
    }

    fn memory(&mut self, memory: &'a NodeMemory) -> SavedMemory<'a> {
        SavedMemory {
            entries: memory
                .entries
                .iter()
                .map(|(id, entry)| SavedEntry {
                    id,
                    tier: self.number(&entry.tier),
                    role: entry.role.as_deref().map(|role| self.number(role)),
                    importance: entry.importance,
                    time_nanos: entry.time.as_nanos(),
                    rank: entry.rank,
                    written: self.stamp(&entry.written),
                    changed: self.later(&entry.written, &entry.changed),
                    sources: entry.sources.as_deref().map(texts),
                })
                .collect(),
            steps: memory
                .steps
                .iter()
                .map(|step| (self.stamp(&step.stamp), self.what(&step.what)))
                .collect(),
            steps_dropped: memory.steps_dropped,
            removed: self.maybe(memory.removed.as_ref()),
            project_state: self.document(&memory.project_state),
            faults: self.faults(&memory.faults),
            last: self.maybe(memory.last.as_ref()),
            reports_entries: memory.reports_entries,
        }
    }

    fn what(&mut self, what: &'a What) -> SavedWhat<'a> {
        match what {
            What::Promoted { id, from, to } => {
                SavedWhat::Promoted(id, self.number(from), self.number(to))
            }
            What::Consolidated {
                into,
                sources,
                gone,
            } => SavedWhat::Consolidated(
                into.as_deref(),
                texts(sources),
                (sources != gone).then(|| texts(gone)),
            ),
            What::Evicted { ids, reason } => SavedWhat::Evicted(texts(ids), reason.as_deref()),
            What::Cleared { tier, ids } => SavedWhat::Cleared(tier.as_deref(), texts(ids)),
            What::Rewritten { id, was } => SavedWhat::Rewritten(id, self.stamp(was)),
        }
    }

    fn faults(&mut self, faults: &'a Faults) -> SavedFaults {
        SavedFaults {
            kept: faults
                .kept
                .iter()
                .map(|(stamp, index, reason)| (self.stamp(stamp), *index, reason.code()))
                .collect(),
            dropped: faults.dropped,
        }
    }

    fn document(&mut self, document: &'a Document) -> SavedDocument<'a> {
        let mut cells = Vec::new();
        if let Some(tree) = &document.tree {
            self.cells("", tree, &mut cells);
        }
        SavedDocument {
            cells,
            touches: document
                .touches
                .iter()
                .map(|touch| {
                    (
                        self.stamp(&touch.stamp),
                        &*touch.what.pointer,
                        touch.what.is_removal,
                    )
                })
                .collect(),
            touches_dropped: document.touches_dropped,
            removed: self.maybe(document.removed.as_ref()),
            faults: self.faults(&document.faults),
        }
    }

    /// At most as deep as a tree can be.
    fn cells(&mut self, name: &'a str, tree: &'a Tree, out: &mut Vec<SavedCell<'a>>) {
        let kind = match tree.kind() {
            Kind::Scalar(text) => SavedKind::Scalar(text),
            Kind::Object(members) => SavedKind::Object(members.len()),
            Kind::Array(items) => SavedKind::Array(items.len()),
        };
        out.push(SavedCell {
            name,
            written: self.stamp(tree.written()),
            changed: self.later(tree.written(), tree.changed()),
            removed: self.maybe(tree.removed()),
            height: tree.height(),
            kind,
        });
        match tree.kind() {
            Kind::Scalar(_) => {}
            Kind::Object(members) => members
                .iter()
                .for_each(|(name, tree)| self.cells(name, tree, out)),
            Kind::Array(items) => items.iter().for_each(|tree| self.cells("", tree, out)),
        }
    }
}

fn texts(ids: &[Arc<str>]) -> Vec<&str> {
    ids.iter().map(|id| &**id).collect()
}

/// The bytes are no checkpoint.
struct Broken;

/// Decodes, and shares again what was shared.
struct Reader {
    names: Vec<Arc<str>>,
    nodes: HashMap<Name, NodeId>,
    stamps: HashMap<u64, Stamp>,
}

impl Reader {
    fn name(&self, number: Name) -> Option<Arc<str>> {
        self.names.get(number as usize).cloned()
    }

    fn node(&mut self, number: Name) -> Option<NodeId> {
        if let Some(node) = self.nodes.get(&number) {
            return Some(node.clone());
        }
        let node = NodeId::from_normalized(self.name(number)?);
        self.nodes.insert(number, node.clone());
        Some(node)
    }

    fn stamp(&mut self, (seq, by): SavedStamp) -> Option<Stamp> {
        if let Some(stamp) = self.stamps.get(&seq) {
            return Some(Arc::clone(stamp));
        }
        let stamp = Arc::new(Origin {
            seq: Seq(seq),
            by: self.node(by)?,
        });
        self.stamps.insert(seq, Arc::clone(&stamp));
        Some(stamp)
    }

    /// The stamp where there is one; `Err` when it is none that can be.
    fn maybe(&mut self, stamp: Option<SavedStamp>) -> Result<Option<Stamp>, Broken> {
        stamp
            .map(|stamp| self.stamp(stamp).ok_or(Broken))
            .transpose()
    }

    fn memory(&mut self, saved: SavedMemory<'_>) -> Option<NodeMemory> {
        let mut memory = NodeMemory {
            steps_dropped: saved.steps_dropped,
            removed: self.maybe(saved.removed).ok()?,
            project_state: self.document(saved.project_state)?,
            faults: self.faults(saved.faults)?,
            last: self.maybe(saved.last).ok()?,
            reports_entries: saved.reports_entries,
            ..NodeMemory::default()
        };
        let mut entries = Vec::with_capacity(saved.entries.len());
        let mut tiers: BTreeMap<Cow<'_, str>, Vec<(i64, Arc<str>)>> = BTreeMap::new();
        for saved in saved.entries {
            let id: Arc<str> = saved.id.into();
            let written = self.stamp(saved.written)?;
            let changed = self
                .maybe(saved.changed)
                .ok()?
                .unwrap_or_else(|| Arc::clone(&written));
            let tier = self.name(saved.tier)?;
            let key = canonical(&tier).into_owned();
            tiers
                .entry(key.into())
                .or_default()
                .push((saved.rank, Arc::clone(&id)));
            let entry = Entry {
                tier,
                role: match saved.role {
                    Some(role) => Some(self.name(role)?),
                    None => None,
                },
                importance: saved.importance,
                time: Timestamp::from_nanos(saved.time_nanos),
                rank: saved.rank,
                written,
                changed,
                sources: saved
                    .sources
                    .map(|sources| sources.into_iter().map(Arc::from).collect()),
            };
            entries.push((id, entry));
        }
        memory.entries = entries.into_iter().collect();
        for (tier, mut ranks) in tiers {
            ranks.sort_unstable();
            memory
                .tiers
                .insert(Arc::from(&*tier), ranks.into_iter().collect());
        }
        for (stamp, what) in saved.steps {
            let stamp = self.stamp(stamp)?;
            let what = self.what(what)?;
            memory.step(&stamp, what);
        }
        // Steps that were kept are within the limit, so that taking them in again drops none.
        memory.steps_dropped = saved.steps_dropped;
        Some(memory)
    }

    fn what(&mut self, saved: SavedWhat<'_>) -> Option<What> {
        let ids = |ids: Vec<&str>| ids.into_iter().map(Arc::from).collect();
        Some(match saved {
            SavedWhat::Promoted(id, from, to) => What::Promoted {
                id: id.into(),
                from: self.name(from)?,
                to: self.name(to)?,
            },
            SavedWhat::Consolidated(into, sources, gone) => {
                let sources: Arc<[Arc<str>]> = ids(sources);
                What::Consolidated {
                    into: into.map(Arc::from),
                    gone: gone.map_or_else(|| Arc::clone(&sources), ids),
                    sources,
                }
            }
            SavedWhat::Evicted(gone, reason) => What::Evicted {
                ids: ids(gone),
                reason: reason.map(Arc::from),
            },
            SavedWhat::Cleared(tier, gone) => What::Cleared {
                tier: tier.map(Arc::from),
                ids: ids(gone),
            },
            SavedWhat::Rewritten(id, was) => What::Rewritten {
                id: id.into(),
                was: self.stamp(was)?,
            },
        })
    }

    fn faults(&mut self, saved: SavedFaults) -> Option<Faults> {
        let kept = saved
            .kept
            .into_iter()
            .map(|(stamp, index, code)| {
                let reason = FaultReason::ALL.get(usize::from(code))?;
                Some((self.stamp(stamp)?, index, *reason))
            })
            .collect::<Option<Vector<_>>>()?;
        Some(Faults {
            kept,
            dropped: saved.dropped,
        })
    }

    fn document(&mut self, saved: SavedDocument<'_>) -> Option<Document> {
        let mut cells = saved.cells.into_iter();
        let tree = match cells.next() {
            Some(root) => Some(self.tree(&root, &mut cells, 1)?),
            None => None,
        };
        if cells.next().is_some() {
            return None;
        }
        let mut touches = Vector::new();
        let mut touch_bytes = 0;
        for (stamp, pointer, is_removal) in saved.touches {
            touch_bytes += pointer.len();
            touches.push_back(Touch {
                stamp: self.stamp(stamp)?,
                what: Touched {
                    pointer: pointer.into(),
                    is_removal,
                },
            });
        }
        Some(Document {
            tree,
            touches,
            touch_bytes,
            touches_dropped: saved.touches_dropped,
            removed: self.maybe(saved.removed).ok()?,
            faults: self.faults(saved.faults)?,
        })
    }

    fn tree<'a>(
        &mut self,
        cell: &SavedCell<'a>,
        rest: &mut std::vec::IntoIter<SavedCell<'a>>,
        depth: usize,
    ) -> Option<Tree> {
        if depth > MAX_DEPTH || cell.height > MAX_DEPTH {
            return None;
        }
        let written = self.stamp(cell.written)?;
        let changed = self
            .maybe(cell.changed)
            .ok()?
            .unwrap_or_else(|| Arc::clone(&written));
        let removed = self.maybe(cell.removed).ok()?;
        let kind = match cell.kind {
            SavedKind::Scalar(text) => Kind::Scalar(text.into()),
            SavedKind::Object(count) => {
                let mut members = Vec::new();
                for _ in 0..count {
                    let next = rest.next()?;
                    let name: Arc<str> = next.name.into();
                    members.push((name, self.tree(&next, rest, depth + 1)?));
                }
                Kind::Object(members.into_iter().collect())
            }
            SavedKind::Array(count) => {
                let mut items = Vec::new();
                for _ in 0..count {
                    let next = rest.next()?;
                    items.push(self.tree(&next, rest, depth + 1)?);
                }
                Kind::Array(items.into())
            }
        };
        Some(Tree::restored(kind, written, changed, removed).with_height(cell.height))
    }
}
