//! Wire forms of memories.

use std::collections::BTreeMap;

use bytes::Bytes;
use loom_studio_core::{
    ContentOf, Epoch, Faulty, MemoryChange, MemoryChangeKind, MemoryEntry, MemoryFault,
    MemoryOwner, MemorySnapshot, MemoryStep, MemoryStepKind, Origin, RecalledEntry, Seq,
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::raw;

/// A record and its sender.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OriginDto {
    seq: u64,
    node: String,
}

impl From<&Origin> for OriginDto {
    fn from(origin: &Origin) -> Self {
        Self {
            seq: origin.seq.0,
            node: origin.by.to_string(),
        }
    }
}

/// The nodes that reported a memory or a project state object.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnersDto {
    /// By node, then session.
    pub(crate) owners: Vec<OwnerDto>,
    /// How many there are in all.
    pub(crate) total: usize,
    /// Events about memory and state, of all workspaces, that there was no room for; 0 in all but hostile traffic.
    pub(crate) left_out: u64,
    /// The position they are as of.
    pub(crate) at: u64,
    /// The store's epoch.
    pub(crate) epoch: String,
}

/// A node in one session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerDto {
    node_id: String,
    session_id: String,
    /// How many entries it holds; null when it reported a project state object alone.
    #[schema(required)]
    entries: Option<usize>,
    /// The last record about its memory.
    last_seq: u64,
}

impl From<&MemoryOwner> for OwnerDto {
    fn from(owner: &MemoryOwner) -> Self {
        Self {
            node_id: owner.node.to_string(),
            session_id: owner.session.to_string(),
            entries: owner.reports_entries.then_some(owner.entries),
            last_seq: owner.last.0,
        }
    }
}

/// What a node remembers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoryDto {
    node_id: String,
    session_id: String,
    /// A page of its entries, by tier, then in the order recorded; null when it reported none.
    #[schema(required)]
    memory: Option<Vec<RecalledDto>>,
    /// How many entries there are to page through.
    #[schema(required)]
    total: Option<usize>,
    /// The tiers that hold something; null when it reported no entries.
    #[schema(required)]
    tiers: Option<BTreeMap<String, TierDto>>,
    /// The project state object; null when it reported none.
    #[schema(value_type = serde_json::Value)]
    pso: Option<Box<RawValue>>,
    /// What wrote the project state object; null when there is none.
    #[schema(required)]
    pso_written: Option<OriginDto>,
    /// What changed anything in it last.
    #[schema(required)]
    pso_changed: Option<OriginDto>,
    /// Consolidations, promotions, evictions and so on, oldest first; null when it reported no entries.
    #[schema(required)]
    history: Option<Vec<StepDto>>,
    /// How many steps before those were dropped.
    history_dropped: u64,
    #[serde(flatten)]
    faults: FaultsDto,
    #[serde(flatten)]
    pub(crate) diff: DiffDto<MemoryChangeDto>,
    /// With `entry`: what is known of it, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) blame: Option<Vec<StepDto>>,
    /// The position it is as of.
    at: u64,
    /// The store's epoch.
    epoch: String,
}

impl MemoryDto {
    /// The page is of `snapshot`'s entries; `tiers` are of all of them.
    pub(crate) fn new(
        snapshot: &MemorySnapshot,
        page: &[RecalledEntry],
        tiers: BTreeMap<String, TierDto>,
        at: Seq,
        epoch: Epoch,
    ) -> Self {
        let has_entries = snapshot.reports_entries;
        let pso = snapshot.project_state.as_ref();
        Self {
            node_id: snapshot.node.to_string(),
            session_id: snapshot.session.to_string(),
            memory: has_entries.then(|| page.iter().map(RecalledDto::from).collect()),
            total: has_entries.then_some(snapshot.entries.len()),
            tiers: has_entries.then_some(tiers),
            pso: pso.map(|value| json(&value.json)),
            pso_written: pso.map(|value| OriginDto::from(&value.written)),
            pso_changed: pso.map(|value| OriginDto::from(&value.changed)),
            history: has_entries.then(|| snapshot.history.iter().map(StepDto::from).collect()),
            history_dropped: snapshot.history_dropped,
            faults: FaultsDto::from(&snapshot.faults),
            diff: DiffDto::NONE,
            blame: None,
            at: at.0,
            epoch: epoch.to_string(),
        }
    }
}

/// One tier of a memory.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TierDto {
    /// How many entries it holds.
    entries: usize,
    /// How many of them by the name the program has for the tier.
    reported: BTreeMap<String, usize>,
}

/// The tiers that some entries are in.
pub(crate) fn tiers(entries: &[MemoryEntry]) -> BTreeMap<String, TierDto> {
    let mut tiers = BTreeMap::<String, TierDto>::new();
    for entry in entries {
        let tier = match tiers.get_mut(entry.tier.as_str()) {
            Some(tier) => tier,
            None => tiers.entry(entry.tier.as_str().to_owned()).or_default(),
        };
        tier.entries += 1;
        match tier.reported.get_mut(&*entry.reported_tier) {
            Some(count) => *count += 1,
            None => drop(tier.reported.insert(entry.reported_tier.to_string(), 1)),
        }
    }
    tiers
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryDto {
    entry_id: String,
    /// `ephemeral`, `session`, `working`, `long_term`, or another name as reported.
    tier: String,
    /// The tier as reported.
    reported_tier: String,
    #[schema(required)]
    role: Option<String>,
    #[schema(required)]
    importance: Option<f64>,
    /// When it was remembered (RFC 3339).
    timestamp: String,
    /// The record that wrote it.
    seq: u64,
    /// The sender of that record.
    node: String,
    /// What changed anything of it last.
    changed: OriginDto,
    /// Entries it was made of by consolidation; null when it was not.
    #[schema(required)]
    sources: Option<Vec<String>>,
}

impl From<&MemoryEntry> for EntryDto {
    fn from(entry: &MemoryEntry) -> Self {
        let sources = texts(&entry.sources);
        Self {
            entry_id: entry.id.to_string(),
            tier: entry.tier.as_str().to_owned(),
            reported_tier: entry.reported_tier.to_string(),
            role: entry.role.as_deref().map(str::to_owned),
            importance: entry.importance,
            timestamp: entry.time.to_string(),
            seq: entry.written.seq.0,
            node: entry.written.by.to_string(),
            changed: OriginDto::from(&entry.changed),
            sources: (!sources.is_empty()).then_some(sources),
        }
    }
}

/// An entry with its content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecalledDto {
    #[serde(flatten)]
    entry: EntryDto,
    /// As reported; null unless `content_is` says `here`.
    #[schema(value_type = serde_json::Value)]
    content: Option<Box<RawValue>>,
    /// `here`, `not_reported`, `deleted` (by retention) or `over_limit`: then the page holds too much, and a smaller one that begins here has it.
    content_is: &'static str,
    /// What the program noted about it.
    #[schema(value_type = serde_json::Value)]
    metadata: Option<Box<RawValue>>,
}

impl From<&RecalledEntry> for RecalledDto {
    fn from(found: &RecalledEntry) -> Self {
        let is: ContentOf = found.is;
        Self {
            entry: EntryDto::from(&found.entry),
            content: found.content.as_ref().map(json),
            content_is: is.as_str(),
            metadata: found.metadata.as_ref().map(json),
        }
    }
}

/// Something that happened to a memory.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MemoryStepDto)]
pub(crate) struct StepDto {
    /// The record behind it.
    seq: u64,
    /// The sender of that record.
    node: String,
    #[serde(flatten)]
    what: StepKindDto,
}

/// What can happen to a memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum StepKindDto {
    /// An entry was written. Only in `blame`.
    Written { entry_id: String },
    /// An id was used for another entry while its own was there; `was` had written the old one.
    Rewritten { entry_id: String, was: u64 },
    /// An entry moved between tiers, as reported.
    Promoted {
        entry_id: String,
        from: String,
        to: String,
    },
    /// Entries were merged.
    Consolidated {
        sources: Vec<String>,
        #[schema(required)]
        into: Option<String>,
    },
    /// Entries were dropped.
    Evicted {
        entry_ids: Vec<String>,
        #[schema(required)]
        reason: Option<String>,
    },
    /// A tier was emptied; all of them when it is null.
    Cleared {
        #[schema(required)]
        tier: Option<String>,
        entry_ids: Vec<String>,
    },
}

impl From<&MemoryStep> for StepDto {
    fn from(step: &MemoryStep) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        let what = match &step.kind {
            MemoryStepKind::Written { id } => StepKindDto::Written {
                entry_id: id.to_string(),
            },
            MemoryStepKind::Rewritten { id, was } => StepKindDto::Rewritten {
                entry_id: id.to_string(),
                was: was.0,
            },
            MemoryStepKind::Promoted { id, from, to } => StepKindDto::Promoted {
                entry_id: id.to_string(),
                from: from.to_string(),
                to: to.to_string(),
            },
            MemoryStepKind::Consolidated { sources, into } => StepKindDto::Consolidated {
                sources: texts(sources),
                into: text(into),
            },
            MemoryStepKind::Evicted { ids, reason } => StepKindDto::Evicted {
                entry_ids: texts(ids),
                reason: text(reason),
            },
            MemoryStepKind::Cleared { tier, ids } => StepKindDto::Cleared {
                tier: text(tier),
                entry_ids: texts(ids),
            },
        };
        Self {
            seq: step.origin.seq.0,
            node: step.origin.by.to_string(),
            what,
        }
    }
}

/// The newest events, or parts of them, that could not be applied, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultsDto {
    faults: Vec<FaultDto>,
    /// How many before those were dropped.
    faults_dropped: u64,
}

/// Something that could not be applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultDto {
    /// The event.
    seq: u64,
    /// Its sender.
    node: String,
    /// Which of the event's operations or entries.
    index: usize,
    /// As docs/event-model.md has them.
    reason: &'static str,
}

impl From<&MemoryFault> for FaultDto {
    fn from(fault: &MemoryFault) -> Self {
        Self {
            seq: fault.origin.seq.0,
            node: fault.origin.by.to_string(),
            index: fault.index,
            reason: fault.reason.as_str(),
        }
    }
}

impl From<&Faulty> for FaultsDto {
    fn from(faulty: &Faulty) -> Self {
        Self {
            faults: faulty.faults.iter().map(FaultDto::from).collect(),
            faults_dropped: faulty.dropped,
        }
    }
}

/// What changed between two positions. Its members are absent unless they were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiffDto<T> {
    /// At most 10,000 changes; of documents in an order in which they can be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    diff: Option<Vec<T>>,
    /// How many changes there are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    diff_total: Option<usize>,
    /// The earlier position.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    diff_from: Option<u64>,
}

/// Changes in one answer.
const MAX_CHANGES: usize = 10_000;

impl<T> DiffDto<T> {
    /// Nothing was asked for.
    pub(crate) const NONE: Self = Self {
        diff: None,
        diff_total: None,
        diff_from: None,
    };

    pub(crate) fn new<C>(changes: &[C], from: Seq) -> Self
    where
        T: for<'a> From<&'a C>,
    {
        let listed = changes.iter().take(MAX_CHANGES);
        Self {
            diff: Some(listed.map(T::from).collect()),
            diff_total: Some(changes.len()),
            diff_from: Some(from.0),
        }
    }
}

/// One difference between two positions of a memory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoryChangeDto {
    /// The record that caused it.
    cause: OriginDto,
    /// False when the cause is no longer known: then it is the last record that can have been it.
    is_exact: bool,
    #[serde(flatten)]
    what: MemoryChangeKindDto,
}

/// What can differ.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum MemoryChangeKindDto {
    /// An entry is there that was not.
    Added { entry: EntryDto },
    /// An entry is in another tier or place; `from` is the tier it was in.
    Moved { entry: EntryDto, from: String },
    /// An entry is gone: merged into another, or dropped.
    Evicted {
        entry: EntryDto,
        #[schema(required)]
        into: Option<String>,
        #[schema(required)]
        reason: Option<String>,
    },
}

impl From<&MemoryChange> for MemoryChangeDto {
    fn from(change: &MemoryChange) -> Self {
        let what = match &change.kind {
            MemoryChangeKind::Added(entry) => MemoryChangeKindDto::Added {
                entry: entry.into(),
            },
            MemoryChangeKind::Moved { entry, from } => MemoryChangeKindDto::Moved {
                entry: entry.into(),
                from: from.as_str().to_owned(),
            },
            MemoryChangeKind::Evicted {
                entry,
                into,
                reason,
            } => MemoryChangeKindDto::Evicted {
                entry: entry.into(),
                into: into.as_deref().map(str::to_owned),
                reason: reason.as_deref().map(str::to_owned),
            },
        };
        Self {
            cause: OriginDto::from(&change.cause),
            is_exact: change.is_exact,
            what,
        }
    }
}

pub(super) fn json(bytes: &Bytes) -> Box<RawValue> {
    raw(bytes.to_vec())
}

fn texts(ids: &[std::sync::Arc<str>]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
