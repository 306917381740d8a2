//! The contents of a memory, read from the log.

use bytes::Bytes;

use super::report::{Described, Report};
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

/// An entry with what the log has of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledEntry {
    /// The entry.
    pub entry: MemoryEntry,
    /// Its content, as JSON text; `None` when none was reported, retention has deleted it, or the limit of bytes was reached.
    pub content: Option<Bytes>,
    /// What the program noted about it: a JSON value; `None` as above.
    pub metadata: Option<Bytes>,
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
    let mut last: Option<(Seq, Option<Bytes>)> = None;
    for entry in snapshot.entries.iter().skip(what.skip).take(what.limit) {
        let mut found = RecalledEntry {
            entry: entry.clone(),
            content: None,
            metadata: None,
        };
        if left > 0 {
            let seq = entry.written.seq;
            let data = match &last {
                Some((at, data)) if *at == seq => data.clone(),
                _ => data_at(store, seq).await?,
            };
            last = Some((seq, data.clone()));
            if let Some(data) = data {
                let described = described(&data, &entry.id);
                let take = |text: Option<&str>| text.map(|text| data.slice_ref(text.as_bytes()));
                if let Some(described) = described {
                    found.content = take(described.content);
                    found.metadata = take(described.metadata);
                }
            }
            let bytes = found.content.as_ref().map_or(0, Bytes::len)
                + found.metadata.as_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(bytes);
        }
        recalled.push(found);
    }
    Ok(recalled)
}

fn described<'a>(data: &'a Bytes, id: &str) -> Option<Described<'a>> {
    Report::read(std::str::from_utf8(data).ok()?)?.into_described(id)
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
