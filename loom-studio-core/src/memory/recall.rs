//! The contents of a memory, read from the log.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use bytes::Bytes;

use super::report::Report;
use super::{MemoryEntry, MemorySnapshot};
use crate::error::{ErrorKind, Result};
use crate::ids::Seq;
use crate::store::EventStore;

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// Entries to pass over.
    pub skip: usize,
    /// Entries to read, at most.
    pub limit: usize,
    /// Bytes of content and metadata to hand out; the entry that reaches it is the last one with a content.
    pub max_bytes: usize,
}

/// Whether an entry comes with its content, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentOf {
    /// It does.
    Here,
    /// None was reported.
    NotReported,
    /// Retention deleted the record that held it.
    Deleted,
    /// The limit of bytes was reached.
    OverLimit,
}

impl ContentOf {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::NotReported => "not_reported",
            Self::Deleted => "deleted",
            Self::OverLimit => "over_limit",
        }
    }
}

/// An entry with what the log has of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledEntry {
    /// The entry.
    pub entry: MemoryEntry,
    /// Its content, as JSON text.
    pub content: Option<Bytes>,
    /// What the program noted about it: a JSON value; `None` when it noted nothing, or for the reason `is` gives.
    pub metadata: Option<Bytes>,
    /// Whether the content is here, and if not, why.
    pub is: ContentOf,
}

/// Reads the contents of some entries of a snapshot, in the snapshot's order: at most one read of the log per record that wrote one of them.
///
/// Cancel-safe: it only reads.
///
/// # Errors
/// As the store's reads, except that a record which retention has deleted leaves its entries without content.
pub async fn recall(
    store: &dyn EventStore,
    snapshot: &MemorySnapshot,
    what: Recall,
) -> Result<Vec<RecalledEntry>> {
    let mut left = what.max_bytes;
    let mut recalled: Vec<RecalledEntry> = Vec::new();
    let page: Vec<&MemoryEntry> = snapshot
        .entries
        .iter()
        .skip(what.skip)
        .take(what.limit)
        .collect();
    // One record may have written many of them: it is read and parsed once.
    let mut by_record: BTreeMap<Seq, BTreeSet<&str>> = BTreeMap::new();
    for entry in &page {
        let wanted = by_record.entry(entry.written.seq).or_default();
        wanted.insert(&entry.id);
    }
    let mut read: BTreeMap<Seq, Option<BTreeMap<String, Texts>>> = BTreeMap::new();
    for entry in page {
        let mut found = RecalledEntry {
            entry: entry.clone(),
            content: None,
            metadata: None,
            is: ContentOf::OverLimit,
        };
        if left > 0 {
            let seq = entry.written.seq;
            if let btree_map::Entry::Vacant(place) = read.entry(seq) {
                let data = data_at(store, seq).await?;
                let wanted = by_record.remove(&seq).unwrap_or_default();
                place.insert(data.map(|data| texts_of(&data, &wanted)));
            }
            match read.get_mut(&seq).and_then(Option::as_mut) {
                Some(texts) => {
                    (found.content, found.metadata) = texts.remove(&*entry.id).unwrap_or_default();
                    found.is = if found.content.is_some() {
                        ContentOf::Here
                    } else {
                        ContentOf::NotReported
                    };
                }
                None => found.is = ContentOf::Deleted,
            }
            let bytes = found.content.as_ref().map_or(0, Bytes::len)
                + found.metadata.as_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(bytes);
        }
        recalled.push(found);
    }
    Ok(recalled)
}

/// Content and metadata.
type Texts = (Option<Bytes>, Option<Bytes>);

/// What a record says of the entries it wrote. Copied: the record as a whole would stay in memory for a few bytes of it.
fn texts_of(data: &Bytes, wanted: &BTreeSet<&str>) -> BTreeMap<String, Texts> {
    let report = std::str::from_utf8(data).ok().and_then(Report::read);
    let copied = |text: Option<&str>| text.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let described = report
        .into_iter()
        .flat_map(|report| report.into_described(wanted));
    described
        .map(|(id, entry)| (id, (copied(entry.content), copied(entry.metadata))))
        .collect()
}

/// The data of the event at a position.
async fn data_at(store: &dyn EventStore, seq: Seq) -> Result<Option<Bytes>> {
    match store.get(seq).await {
        Ok(record) => Ok(record
            .and_then(crate::store::StoredRecord::into_event)
            .and_then(|stored| {
                stored
                    .event
                    .data()
                    .map(|data| stored.event.raw().slice_ref(data.as_bytes()))
            })),
        Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}
