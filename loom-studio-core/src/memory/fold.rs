//! The default reconstructor.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::document::{Document, MAX_DOCUMENT_BYTES, Revision};
use super::entries::{NewEntry, NodeMemory, What};
use super::patch::FaultReason;
use super::postings::Past;
use super::report::{Described, MAX_SOURCES, Report};
use super::tier::canonical;
use super::tree::{Origin, Stamp};
use crate::clock::Timestamp;
use crate::event::scan::text_of;
use crate::event::{Event, NodeId, Record, members, resolve_time};
use crate::ids::Seq;
use crate::projection::Projection;

/// Entries kept in all; beyond it an event that adds one is a fault.
const MAX_ENTRIES: usize = 1 << 20;
/// Memories and state trees kept, of all nodes and sessions together; what others report is counted alone.
const MAX_OWNERS: usize = 100_000;
/// Bytes of all documents together; beyond it an event that adds to one is a fault.
const MAX_ALL_DOCUMENT_BYTES: u64 = 128 << 20;
/// Tiers and roles whose text is shared between entries.
const MAX_SHARED_NAMES: usize = 4096;
/// The tier of an entry that names none, as in Loom.
const DEFAULT_TIER: &str = "session";

/// Rebuilds memories, project state objects and state trees from the events `memory.*`, `pso.update` and `state.patch`.
///
/// Memory and state live in a process, so they are kept apart by session; two runs of one program don't mix.
///
/// Other events cost a comparison of their type. A state of a prepared range is put together when it is asked: a question costs what its node or tree was told lately; the next record applied to it, or encoding it, costs a
/// fold from the beginning of that range. A memory event costs a few look-ups in trees of what its node holds; one that lists a tier costs the list. A clone costs a few counters.
#[derive(Debug, Clone, Default)]
pub struct RecordedMemory {
    pub(super) nodes: OrdMap<NodeId, NodeSessions>,
    pub(super) states: OrdMap<Arc<str>, Arc<Document>>,
    /// The session that patched its state last.
    pub(super) latest_state: Option<Arc<str>>,
    pub(super) entries: usize,
    pub(super) document_bytes: u64,
    /// Memories and state trees.
    pub(super) owners: usize,
    pub(super) left_out: u64,
    pub(super) names: OrdSet<Arc<str>>,
    pub(super) through: Seq,
    /// Where the rest is to be found, when it isn't here.
    pub(super) past: Option<Past>,
}

/// One node in each session that reported a memory of it.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeSessions {
    /// The session that reported last.
    pub(super) latest: Arc<str>,
    pub(super) by_session: OrdMap<Arc<str>, Arc<NodeMemory>>,
}

impl RecordedMemory {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        if self.names.len() < MAX_SHARED_NAMES {
            self.names.insert(Arc::clone(&name));
        }
        name
    }

    /// Events that began a memory or a state tree beyond the 100,000 that are kept; 0 in all but hostile traffic.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Holds all there is to know, not where to find it.
    pub(super) fn settle(&mut self) {
        if let Some(past) = self.past.take() {
            let through = self.through;
            *self = past.settled();
            self.through = through;
        }
    }

    /// Whether there is room for a memory or state tree that is not there yet. If not, the event is left out.
    fn admit(&mut self) -> bool {
        let has_room = self.owners < MAX_OWNERS;
        if has_room {
            self.owners += 1;
        } else {
            self.left_out += 1;
        }
        has_room
    }

    /// The memory an event is about; `None` when there is no room for it.
    fn memory_mut(
        &mut self,
        node: &NodeId,
        event: Input<'_>,
        stamp: &Stamp,
    ) -> Option<&mut NodeMemory> {
        let sessions = self.nodes.get(node);
        let is_known =
            sessions.is_some_and(|sessions| sessions.by_session.contains_key(event.session));
        if !is_known && !self.admit() {
            return None;
        }
        let sessions = self.nodes.entry(node.clone()).or_default();
        if sessions.latest != *event.session {
            sessions.latest = Arc::clone(event.session);
        }
        let memory = sessions
            .by_session
            .entry(Arc::clone(event.session))
            .or_default();
        let memory = Arc::make_mut(memory);
        memory.last = Some(Arc::clone(stamp));
        Some(memory)
    }

    fn apply_memory(&mut self, event: Input<'_>, what: &str) -> Option<MemoryKey> {
        let stamp = stamp_of(event);
        let data = event.data;
        let Some(report) = Report::read(data) else {
            let memory = self.memory_mut(event.from, event, &stamp)?;
            memory.faults.push(&stamp, 0, FaultReason::Malformed);
            return Some(event.key_of(event.from.clone()));
        };
        let owner = match &report.owner {
            Some(owner) => NodeId::new(owner),
            None => event.from.clone(),
        };
        let tier = self.share(report.entry.tier.as_deref().unwrap_or(DEFAULT_TIER));
        let role = report.entry.role.as_deref().map(|role| self.share(role));
        let mut listed: Vec<(Arc<str>, Vec<Listed>)> = Vec::new();
        let of_event = report.members.iter().map(|list| (&*tier, list));
        let of_others = report.tiers.iter().map(|(name, list)| (&**name, list));
        for (name, list) in of_event.chain(of_others) {
            let list = list.iter().map(|entry| self.listed(entry)).collect();
            // The last list of a tier counts.
            listed.retain(|(known, _)| canonical(known) != canonical(name));
            listed.push((self.share(name), list));
        }
        let room = MAX_ENTRIES.saturating_sub(self.entries);
        let memory = self.memory_mut(&owner, event, &stamp)?;
        memory.reports_entries = true;
        let before = memory.entries.len();
        let mut applying = Applying {
            memory,
            event,
            stamp: &stamp,
            limit: before.saturating_add(room),
        };
        applying.apply(what, &report, &tier, role);
        applying.set_members(&listed, report.reason.as_deref());
        let after = applying.memory.entries.len();
        self.entries = (self.entries + after).saturating_sub(before);
        Some(event.key_of(owner))
    }

    fn listed(&mut self, entry: &Described<'_>) -> Listed {
        Listed {
            id: entry.id.as_deref().map(Arc::from),
            role: entry.role.as_deref().map(|role| self.share(role)),
            importance: entry.importance,
            time: entry.time,
        }
    }

    fn apply_project_state(&mut self, event: Input<'_>) -> Option<MemoryKey> {
        let stamp = stamp_of(event);
        let data = event.data;
        let (mut owner, mut revision) = (None, None);
        let read = members(data, |name, value| match name {
            "node_id" | "owner" => {
                owner = text_of(value).filter(|owner| !owner.is_empty());
            }
            "patches" => revision = Some(Revision::Patches(value)),
            "patch" if value.starts_with('[') => revision = Some(Revision::Patches(value)),
            "patch" | "merge" => revision = Some(Revision::Merge(value)),
            "pso" | "state" | "snapshot" | "project_state" => {
                revision = Some(Revision::Whole(value));
            }
            _ => {}
        });
        let owner = owner.map_or_else(|| event.from.clone(), |owner| NodeId::new(&owner));
        let others = self.document_bytes;
        let memory = self.memory_mut(&owner, event, &stamp)?;
        let document = &mut memory.project_state;
        match read.and(revision) {
            Some(revision) => {
                self.document_bytes = revise(document, &revision, &stamp, others);
            }
            None => document.faults.push(&stamp, 0, FaultReason::Malformed),
        }
        Some(event.key_of(owner))
    }

    fn apply_state(&mut self, event: Input<'_>) -> Option<MemoryKey> {
        let stamp = stamp_of(event);
        let mut patches = None;
        let _ = members(event.data, |name, value| {
            if name == "patches" {
                patches = Some(value);
            }
        });
        let session = event.session;
        if !self.states.contains_key(session) && !self.admit() {
            return None;
        }
        if self.latest_state.as_ref() != Some(session) {
            self.latest_state = Some(Arc::clone(session));
        }
        let document = Arc::make_mut(self.states.entry(Arc::clone(session)).or_default());
        match patches {
            Some(patches) => {
                let revision = Revision::Patches(patches);
                self.document_bytes = revise(document, &revision, &stamp, self.document_bytes);
            }
            None => document.faults.push(&stamp, 0, FaultReason::Malformed),
        }
        Some(MemoryKey::State(Arc::clone(session)))
    }

    /// Takes in an event, and says which memory or state tree it was about; `None` when it was about neither, or left out.
    pub(super) fn take(&mut self, event: Input<'_>) -> Option<MemoryKey> {
        self.settle();
        self.through = event.seq;
        match Subject::of(event.kind)? {
            Subject::State => self.apply_state(event),
            Subject::ProjectState => self.apply_project_state(event),
            Subject::Entries(what) => self.apply_memory(event, what),
        }
    }
}

/// Revises a document and returns the bytes of all documents after.
fn revise(document: &mut Document, revision: &Revision<'_>, stamp: &Stamp, all_bytes: u64) -> u64 {
    let others = all_bytes.saturating_sub(document.bytes());
    let max_bytes = MAX_DOCUMENT_BYTES.min(MAX_ALL_DOCUMENT_BYTES.saturating_sub(others));
    document.revise(revision, stamp, max_bytes);
    others + document.bytes()
}

fn stamp_of(event: Input<'_>) -> Stamp {
    Arc::new(Origin {
        seq: event.seq,
        by: event.from.clone(),
    })
}

/// What a fold reads of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) seq: Seq,
    pub(super) from: &'a NodeId,
    pub(super) session: &'a Arc<str>,
    pub(super) time: Timestamp,
    pub(super) received: Timestamp,
    pub(super) kind: &'a str,
    pub(super) data: &'a str,
}

impl<'a> Input<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        Self {
            seq: event.seq(),
            from: event.from(),
            session: event.session(),
            time: event.time(),
            received: event.received(),
            kind: event.kind(),
            data: event.data().unwrap_or_default(),
        }
    }

    fn key_of(self, owner: NodeId) -> MemoryKey {
        MemoryKey::Memory(owner, Arc::clone(self.session))
    }
}

/// What changes on its own: the memory of a node in a session, or the state tree of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MemoryKey {
    Memory(NodeId, Arc<str>),
    State(Arc<str>),
}

/// What an event is about.
enum Subject<'a> {
    State,
    ProjectState,
    /// What happens to entries.
    Entries(&'a str),
}

impl<'a> Subject<'a> {
    fn of(kind: &'a str) -> Option<Self> {
        match kind {
            "state.patch" => Some(Self::State),
            "pso.update" => Some(Self::ProjectState),
            kind => kind
                .strip_prefix("memory.")
                .filter(|what| {
                    matches!(*what, "add" | "consolidate" | "promote" | "evict" | "clear")
                })
                .map(Self::Entries),
        }
    }
}

/// Whether a record can change anything here.
pub(super) fn concerns(record: &Record) -> bool {
    matches!(record, Record::Event(event) if Subject::of(event.kind()).is_some())
}

impl Projection for RecordedMemory {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::Event(event) => {
                self.take(Input::of(event));
            }
            Record::Observation(_) => {
                self.settle();
                self.through = record.seq();
            }
        }
    }

    fn through(&self) -> Seq {
        self.through
    }
}

/// An element of a reported list.
struct Listed {
    id: Option<Arc<str>>,
    role: Option<Arc<str>>,
    importance: Option<f64>,
    time: Option<Timestamp>,
}

/// One event on its way into one memory.
struct Applying<'a> {
    memory: &'a mut NodeMemory,
    event: Input<'a>,
    stamp: &'a Stamp,
    /// Entries it may come to hold.
    limit: usize,
}

impl Applying<'_> {
    fn fault(&mut self, index: usize, reason: FaultReason) {
        self.memory.faults.push(self.stamp, index, reason);
    }

    fn add(&mut self, new: NewEntry) {
        if self.memory.entries.len() >= self.limit && !self.memory.entries.contains_key(&*new.id) {
            self.fault(0, FaultReason::TooMany);
        } else {
            self.memory.add(new, self.stamp);
        }
    }

    fn time(&self, reported: Option<Timestamp>) -> Timestamp {
        resolve_time(reported, Some(self.event.time), self.event.received)
    }

    fn described(
        &self,
        entry: &Described<'_>,
        id: &str,
        tier: &Arc<str>,
        role: Option<Arc<str>>,
    ) -> NewEntry {
        NewEntry {
            id: id.into(),
            tier: Arc::clone(tier),
            role,
            importance: entry.importance,
            time: self.time(entry.time),
            sources: None,
        }
    }

    fn apply(&mut self, what: &str, report: &Report<'_>, tier: &Arc<str>, role: Option<Arc<str>>) {
        let has_lists = report.members.is_some() || !report.tiers.is_empty();
        let id = report.entry.id.as_deref();
        match (what, id) {
            ("add", Some(id)) => {
                let new = self.described(&report.entry, id, tier, role);
                self.add(new);
            }
            ("consolidate", _) => self.consolidate(report, tier, role),
            ("promote", Some(id)) => {
                if !self.memory.promote(id, tier, self.stamp) {
                    self.fault(0, FaultReason::UnknownEntry);
                    let new = self.described(&report.entry, id, tier, role);
                    self.add(new);
                }
            }
            ("evict", _) if id.is_some() || !report.ids.is_empty() => {
                let mut gone = Vec::new();
                for (index, id) in report.ids.iter().map(|id| &**id).chain(id).enumerate() {
                    match self.memory.take_out(id, self.stamp) {
                        Some(id) => gone.push(id),
                        None => self.fault(index, FaultReason::UnknownEntry),
                    }
                }
                self.evicted(gone, report.reason.as_deref());
            }
            ("clear", _) => self.clear(report.entry.tier.as_deref()),
            _ if has_lists => {}
            _ => self.fault(0, FaultReason::Malformed),
        }
    }

    fn evicted(&mut self, ids: Vec<Arc<str>>, reason: Option<&str>) {
        if !ids.is_empty() {
            let what = What::Evicted {
                ids: ids.into(),
                reason: reason.map(Arc::from),
            };
            self.memory.step(self.stamp, what);
        }
    }

    fn consolidate(&mut self, report: &Report<'_>, tier: &Arc<str>, role: Option<Arc<str>>) {
        if report.sources.len() > MAX_SOURCES {
            self.fault(MAX_SOURCES, FaultReason::TooMany);
        }
        let (mut sources, mut gone) = (Vec::new(), Vec::new());
        for source in &report.sources {
            let known = self.memory.take_out(source, self.stamp);
            gone.extend(known.clone());
            if sources.len() < MAX_SOURCES {
                sources.push(known.unwrap_or_else(|| Arc::from(&**source)));
            }
        }
        let sources: Arc<[Arc<str>]> = sources.into();
        let gone = if *sources == *gone {
            Arc::clone(&sources)
        } else {
            gone.into()
        };
        let into: Option<Arc<str>> = report.entry.id.as_deref().map(Arc::from);
        if let Some(into) = &into {
            let mut new = self.described(&report.entry, into, tier, role);
            new.id = Arc::clone(into);
            new.sources = (!sources.is_empty()).then(|| Arc::clone(&sources));
            self.add(new);
        }
        if into.is_some() || !sources.is_empty() {
            self.memory.step(
                self.stamp,
                What::Consolidated {
                    into,
                    sources,
                    gone,
                },
            );
        } else if report.members.is_none() && report.tiers.is_empty() {
            self.fault(0, FaultReason::Malformed);
        }
    }

    fn clear(&mut self, tier: Option<&str>) {
        let tier = tier.filter(|tier| !matches!(*tier, "all" | "*"));
        let mut gone = Vec::new();
        for id in self.memory.ids(tier) {
            gone.extend(self.memory.take_out(&id, self.stamp));
        }
        let what = What::Cleared {
            tier: tier.map(Arc::from),
            ids: gone.into(),
        };
        self.memory.step(self.stamp, what);
    }

    /// Makes tiers hold what a client says they hold, in that order. All that are listed come in before any goes, so that what moved between two of the tiers stays the same entry.
    fn set_members(&mut self, lists: &[(Arc<str>, Vec<Listed>)], reason: Option<&str>) {
        for (tier, list) in lists {
            for (index, entry) in list.iter().enumerate() {
                match &entry.id {
                    Some(id) => self.bring_in(id, entry, tier),
                    None => self.fault(index, FaultReason::Malformed),
                }
            }
        }
        let mut gone = Vec::new();
        for (tier, list) in lists {
            let wanted: BTreeSet<&str> = list
                .iter()
                .filter_map(|entry| entry.id.as_deref())
                .collect();
            for id in self.memory.ids(Some(tier)) {
                if !wanted.contains(&*id) {
                    gone.extend(self.memory.take_out(&id, self.stamp));
                }
            }
        }
        self.evicted(gone, reason);
        for (tier, list) in lists {
            let mut seen = BTreeSet::new();
            let listed = list.iter().filter_map(|entry| entry.id.as_ref());
            let order: Vec<Arc<str>> = listed
                .filter(|id| seen.insert(Arc::clone(id)) && self.is_in(id, tier))
                .cloned()
                .collect();
            self.memory.order(tier, &order, self.stamp);
        }
    }

    fn is_in(&self, id: &str, tier: &str) -> bool {
        let entry = self.memory.entries.get(id);
        entry.is_some_and(|entry| canonical(&entry.tier) == canonical(tier))
    }

    fn bring_in(&mut self, id: &Arc<str>, entry: &Listed, tier: &Arc<str>) {
        if self.is_in(id, tier) || self.memory.promote(id, tier, self.stamp) {
            return;
        }
        self.add(NewEntry {
            id: Arc::clone(id),
            tier: Arc::clone(tier),
            role: entry.role.clone(),
            importance: entry.importance,
            time: self.time(entry.time),
            sources: None,
        });
    }
}
