//! What each memory and each state tree was told along a range of the log: any of them at any position, without a look at the others.
//!
//! A whole state at every step of a range would be mostly copies: reports come to many nodes in turn, so that soon no two states share a node. Kept instead are the reports, without their contents, listed by what they
//! are about (the postings of an inverted index), and each memory and tree as it was at every few of its own reports. The state at a position holds neither: it is put together when it is asked, for what it is asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::sync::Arc;

use imbl::OrdMap;

use super::MemoryOwner;
use super::document::Document;
use super::entries::NodeMemory;
use super::fold::{Input, MemoryKey, NodeSessions, RecordedMemory};
use super::unshared::{document_bytes, memory_bytes};
use crate::clock::Timestamp;
use crate::event::{NodeId, members};
use crate::ids::Seq;

/// What an allocation takes beside its contents, about.
const ALLOCATION_BYTES: usize = 16;

/// A report without what the fold doesn't read.
#[derive(Debug)]
struct Report {
    seq: Seq,
    from: NodeId,
    session: Arc<str>,
    kind: Arc<str>,
    time: Timestamp,
    received: Timestamp,
    data: Box<str>,
    /// What there was of all nodes before it: there are limits to that.
    entries: usize,
    document_bytes: u64,
}

impl Report {
    fn input(&self) -> Input<'_> {
        Input {
            seq: self.seq,
            from: &self.from,
            session: &self.session,
            time: self.time,
            received: self.received,
            kind: &self.kind,
            data: &self.data,
        }
    }
}

/// One memory or tree as it was after some of its reports.
#[derive(Debug, Clone)]
enum Version {
    Memory(Arc<NodeMemory>),
    State(Arc<Document>),
}

impl Version {
    fn of(memory: &RecordedMemory, key: &MemoryKey) -> Option<Self> {
        match key {
            MemoryKey::Memory(node, session) => {
                let sessions = memory.nodes.get(node)?;
                sessions.by_session.get(session).cloned().map(Self::Memory)
            }
            MemoryKey::State(session) => memory.states.get(session).cloned().map(Self::State),
        }
    }

    fn unshared_bytes(&self, earlier: Option<&Self>) -> u64 {
        match (self, earlier) {
            (Self::Memory(memory), Some(Self::Memory(earlier))) => memory_bytes(memory, earlier),
            (Self::Memory(memory), _) => memory_bytes(memory, &NodeMemory::default()),
            (Self::State(document), Some(Self::State(earlier))) => {
                document_bytes(document, earlier)
            }
            (Self::State(document), _) => document_bytes(document, &Document::default()),
        }
    }
}

/// What one memory or tree was told.
#[derive(Debug, Default)]
struct Postings {
    posted: Vec<Posted>,
    /// After how many of its reports, ascending; with the bytes each takes beside the one before.
    versions: Vec<(usize, Version, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Posted {
    /// Which report.
    report: u32,
    /// What the memory held after it.
    entries: u32,
    reports_entries: bool,
}

/// What the memories and state trees of one workspace were told along a range.
#[derive(Debug)]
pub(super) struct Reports {
    /// At the range's beginning.
    base: RecordedMemory,
    told: Vec<Report>,
    by_key: BTreeMap<MemoryKey, Postings>,
    /// Sessions in the order in which they became the last to report.
    latest: BTreeMap<NodeId, Vec<(u32, Arc<str>)>>,
    latest_state: Vec<(u32, Arc<str>)>,
    /// Reports there was no room for.
    left_out: Vec<u32>,
    names: BTreeSet<Arc<str>>,
    report_bytes: u64,
    version_bytes: u64,
}

impl Reports {
    pub(super) fn new(base: &RecordedMemory) -> Self {
        let mut base = base.clone();
        base.settle();
        Self {
            base,
            told: Vec::new(),
            by_key: BTreeMap::new(),
            latest: BTreeMap::new(),
            latest_state: Vec::new(),
            left_out: Vec::new(),
            names: BTreeSet::new(),
            report_bytes: 0,
            version_bytes: 0,
        }
    }

    /// About how many bytes it takes, the base aside.
    pub(super) fn bytes(&self) -> u64 {
        self.report_bytes + self.version_bytes
    }

    pub(super) fn versions(&self) -> usize {
        let versions = self.by_key.values().map(|postings| postings.versions.len());
        versions.sum()
    }

    fn shared(&mut self, name: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        self.report_bytes += (name.len() + 2 * size_of::<usize>() + ALLOCATION_BYTES) as u64;
        self.names.insert(Arc::clone(name));
        Arc::clone(name)
    }

    /// Takes a state one report on, and notes it. `every` so many reports of a memory or tree, it is kept as it is then.
    pub(super) fn take(&mut self, state: &mut RecordedMemory, event: Input<'_>, every: usize) {
        let Ok(number) = u32::try_from(self.told.len()) else {
            state.take(event);
            return;
        };
        let report = Report {
            seq: event.seq,
            from: NodeId::from_normalized(self.shared(&event.from.shared())),
            session: self.shared(event.session),
            kind: self.shared(&Arc::from(event.kind)),
            time: event.time,
            received: event.received,
            data: without_content(event.kind, event.data).into(),
            entries: state.entries,
            document_bytes: state.document_bytes,
        };
        let key = state.take(report.input());
        self.report_bytes +=
            (size_of::<Report>() + report.data.len() + ALLOCATION_BYTES + size_of::<Posted>())
                as u64;
        let session = Arc::clone(&report.session);
        self.told.push(report);
        let Some(key) = key else {
            self.left_out.push(number);
            return;
        };
        let latest = match &key {
            MemoryKey::Memory(node, _) => self.latest.entry(node.clone()).or_default(),
            MemoryKey::State(_) => &mut self.latest_state,
        };
        if latest.last().is_none_or(|(_, last)| *last != session) {
            latest.push((number, session));
        }
        let version = Version::of(state, &key);
        let before = || Version::of(&self.base, &key);
        let (entries, reports_entries) = match &version {
            Some(Version::Memory(memory)) => (memory.entries.len(), memory.reports_entries),
            _ => (0, false),
        };
        let postings = self.by_key.entry(key.clone()).or_default();
        postings.posted.push(Posted {
            report: number,
            entries: u32::try_from(entries).unwrap_or(u32::MAX),
            reports_entries,
        });
        if let Some(version) = version
            && postings.posted.len().is_multiple_of(every)
        {
            let last = postings.versions.last().map(|(_, last, _)| last.clone());
            let bytes = version.unshared_bytes(last.or_else(before).as_ref());
            postings
                .versions
                .push((postings.posted.len(), version, bytes));
            self.version_bytes += bytes;
        }
    }

    /// Keeps only versions after multiples of so many reports.
    pub(super) fn thin(&mut self, every: usize) {
        self.version_bytes = 0;
        for (key, postings) in &mut self.by_key {
            postings
                .versions
                .retain(|(after, _, _)| after.is_multiple_of(every));
            let mut before = Version::of(&self.base, key);
            for (_, version, bytes) in &mut postings.versions {
                *bytes = version.unshared_bytes(before.as_ref());
                self.version_bytes += *bytes;
                before = Some(version.clone());
            }
        }
    }

    /// Gives back what was reserved for more.
    pub(super) fn close(&mut self) {
        self.told.shrink_to_fit();
        for postings in self.by_key.values_mut() {
            postings.posted.shrink_to_fit();
            postings.versions.shrink_to_fit();
        }
    }

    /// How many reports had come by a position.
    fn count(&self, at: Seq) -> u32 {
        // No more than can be numbered are taken.
        self.told.partition_point(|report| report.seq <= at) as u32
    }

    fn state_at(&self, key: &MemoryKey, count: u32) -> Option<Version> {
        let Some(postings) = self.by_key.get(key) else {
            return Version::of(&self.base, key);
        };
        let posted = postings.posted.partition_point(|one| one.report < count);
        let kept = postings
            .versions
            .partition_point(|(after, _, _)| *after <= posted);
        let version = kept
            .checked_sub(1)
            .and_then(|index| postings.versions.get(index));
        let (after, version) = match version {
            Some((after, version, _)) => (*after, Some(version.clone())),
            None => (0, Version::of(&self.base, key)),
        };
        let rest = postings.posted.get(after..posted).unwrap_or_default();
        if rest.is_empty() {
            return version;
        }
        // A workspace in which nobody else is: the same fold does what is left.
        let mut alone = RecordedMemory {
            names: self.base.names.clone(),
            ..RecordedMemory::default()
        };
        match (key, version) {
            (MemoryKey::Memory(node, session), Some(Version::Memory(memory))) => {
                let sessions = NodeSessions {
                    latest: Arc::clone(session),
                    by_session: OrdMap::unit(Arc::clone(session), memory),
                };
                alone.nodes.insert(node.clone(), sessions);
            }
            (MemoryKey::State(session), Some(Version::State(document))) => {
                alone.states.insert(Arc::clone(session), document);
            }
            _ => {}
        }
        for one in rest {
            if let Some(report) = self.told.get(one.report as usize) {
                alone.entries = report.entries;
                alone.document_bytes = report.document_bytes;
                alone.take(report.input());
            }
        }
        Version::of(&alone, key)
    }
}

/// A workspace's memories and state trees at a position, as [`Reports`] has them.
#[derive(Debug, Clone)]
pub(super) struct Past {
    reports: Arc<Reports>,
    /// How many of the reports had come.
    count: u32,
}

impl Past {
    /// The workspace at a position of the range; `None` when nothing was known of it.
    pub(super) fn at(reports: &Arc<Reports>, at: Seq) -> Option<RecordedMemory> {
        let count = reports.count(at);
        let last = count.checked_sub(1);
        let last = last.and_then(|last| reports.told.get(last as usize));
        let base = &reports.base;
        if last.is_none() {
            let is_known = base.through > Seq::ZERO;
            return is_known.then(|| base.clone());
        }
        let left_out = reports.left_out.partition_point(|number| *number < count);
        Some(RecordedMemory {
            left_out: base.left_out + left_out as u64,
            through: last.map_or(base.through, |report| report.seq),
            past: Some(Self {
                reports: Arc::clone(reports),
                count,
            }),
            ..RecordedMemory::default()
        })
    }

    fn latest<'a>(&self, all: &'a [(u32, Arc<str>)]) -> Option<&'a Arc<str>> {
        let known = all.partition_point(|(number, _)| *number < self.count);
        all.get(known.checked_sub(1)?).map(|(_, session)| session)
    }

    /// The session in which a node reported last.
    pub(super) fn latest_of(&self, node: &NodeId) -> Option<Arc<str>> {
        let within = self.reports.latest.get(node);
        let within = within.and_then(|all| self.latest(all)).cloned();
        within.or_else(|| {
            let sessions = self.reports.base.nodes.get(node)?;
            Some(Arc::clone(&sessions.latest))
        })
    }

    /// The session whose state tree was patched last.
    pub(super) fn latest_state(&self) -> Option<Arc<str>> {
        let within = self.latest(&self.reports.latest_state).cloned();
        within.or_else(|| self.reports.base.latest_state.clone())
    }

    pub(super) fn memory(&self, node: &NodeId, session: &Arc<str>) -> Option<Arc<NodeMemory>> {
        let key = MemoryKey::Memory(node.clone(), Arc::clone(session));
        match self.reports.state_at(&key, self.count)? {
            Version::Memory(memory) => Some(memory),
            Version::State(_) => None,
        }
    }

    pub(super) fn state(&self, session: &Arc<str>) -> Option<Arc<Document>> {
        let key = MemoryKey::State(Arc::clone(session));
        match self.reports.state_at(&key, self.count)? {
            Version::State(document) => Some(document),
            Version::Memory(_) => None,
        }
    }

    /// By node, then session; costs a look-up for each.
    pub(super) fn owners(&self) -> Vec<MemoryOwner> {
        let known = self.reports.base.recorded_owners().into_iter();
        let mut owners: BTreeMap<(NodeId, Arc<str>), MemoryOwner> = known
            .map(|owner| ((owner.node.clone(), Arc::clone(&owner.session)), owner))
            .collect();
        for (key, postings) in &self.reports.by_key {
            let MemoryKey::Memory(node, session) = key else {
                continue;
            };
            let posted = &postings.posted;
            let count = posted.partition_point(|one| one.report < self.count);
            let last = count.checked_sub(1).and_then(|last| posted.get(last));
            let Some(last) = last else { continue };
            let report = self.reports.told.get(last.report as usize);
            let owner = MemoryOwner {
                node: node.clone(),
                session: Arc::clone(session),
                entries: last.entries as usize,
                reports_entries: last.reports_entries,
                last: report.map_or(Seq::ZERO, |report| report.seq),
            };
            owners.insert((node.clone(), Arc::clone(session)), owner);
        }
        owners.into_values().collect()
    }

    /// The whole state: a fold from the range's beginning.
    pub(super) fn settled(&self) -> RecordedMemory {
        let mut memory = self.reports.base.clone();
        for report in self.reports.told.iter().take(self.count as usize) {
            memory.take(report.input());
        }
        memory
    }
}

/// The data of a report without the member that is long and that no fold reads.
fn without_content(kind: &str, data: &str) -> String {
    if !kind.starts_with("memory.") {
        return data.to_owned();
    }
    let mut text = Vec::with_capacity(data.len().min(256));
    text.push(b'{');
    let read = members(data, |name, value| {
        if name == "content" {
            return;
        }
        if text.len() > 1 {
            text.push(b',');
        }
        // Writing into a Vec cannot fail.
        let _ = serde_json::to_writer(&mut text, name);
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
    });
    text.push(b'}');
    let text = read.and_then(|()| String::from_utf8(text).ok());
    text.unwrap_or_else(|| data.to_owned())
}
