//! The event log: its contract, and the backends that keep it.

mod cursor;
#[cfg(feature = "file")]
mod file;
mod filter;
mod index_key;
mod intern;
mod memory;
mod query;
mod seq_set;
mod subscribe;
mod types;

use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::{Event, EventKey, Observation, Record, Stamps};
use crate::ids::{Epoch, Seq};

pub use cursor::Cursor;
pub(crate) use cursor::Position;
#[cfg(feature = "file")]
pub(crate) use file::OsDisk;
#[cfg(feature = "file")]
pub use file::{Disk, DiskFile, FileStore, FileStoreOptions, OpenReport, VerifyReport, verify};
#[cfg(feature = "fuzzing")]
pub(crate) use file::{first_frame, reseal_frame, reseal_index};
#[cfg(feature = "fuzzing")]
pub use file::{frame, index};
pub use filter::{EventFilter, Pattern, TimeRange};
pub use memory::{MemoryStore, MemoryStoreOptions};
pub use query::{EventQuery, Order, Page, StoredEvent, Total};
pub use seq_set::SeqSet;
pub use subscribe::{Delivery, StartAt, Subscription, Tail, TailSource};
pub use types::{
    AppendBatch, Appended, Capabilities, Health, Incoming, Recorded, Rejected, RetainPolicy,
    Retained, StoreStats,
};

/// An append-only log of events and observations, and the only truth of Studio.
///
/// # Contract
///
/// * **Order.** Every record gets a seq. Seqs are dense, start at 1 and never change; a record's seq is greater than that of every record acknowledged before its batch was appended.
/// * **Atomicity.** The records of one batch are contiguous, become visible together, and after a crash are there all or none.
/// * **Durability.** [`append`](Self::append) returns when the batch is as durable as [`Capabilities::durable`] says, and no reader or subscriber sees a record before that.
/// * **Idempotence.** `(workspace, source, id)` names one occurrence. While the first is stored, a second event with the same key is a duplicate: counted, not stored. If it carries a phase the first
///   did not have, it is stored as an observation of the first instead, once per phase; an [`Incoming::Observation`] likewise.
/// * **Fidelity.** The JSON text of an event is returned byte for byte, except that members only Studio may set are left out.
/// * **Import.** An [`Incoming::Recorded`] keeps the session and the time that another log had settled; in everything else it is an entry like the others.
/// * **Rejection.** An event that breaks a rule is rejected alone, with its index in the batch; the others are stored.
/// * **Totals count events.** Observations have a seq and wake subscribers, but are no matches of a query.
/// * **Cancellation.** Dropping the future of `append` leaves the batch stored or not, never in part. All other calls have no effect when dropped.
/// * **Retention.** Old records vanish from the front only. A deleted position answers [`ErrorKind::Gone`](crate::ErrorKind::Gone), or a gap in a subscription; its seq is never used again.
/// * **Sharing.** All methods take `&self` and may be called at once from any task; a reader never waits for a slow reader, and never holds up a writer for longer than a bounded step.
///
/// The trait is the minimum and has no default bodies, so that a wrapper can't forget one. The suite in the module `conformance` (feature `conformance`) checks every sentence above.
#[async_trait]
pub trait EventStore: Debug + Display + Send + Sync + 'static {
    /// This life of the store. Positions and cursors of another one are refused.
    fn epoch(&self) -> Epoch;

    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Stores a batch, in its order. An empty batch is stored at once.
    ///
    /// # Errors
    /// `Full`: nothing was stored, try again later. `Closed`: nothing will be stored until the store is reopened.
    async fn append(&self, batch: AppendBatch) -> Result<Appended>;

    /// The events that match, a page at a time.
    ///
    /// # Errors
    /// `Invalid` for a limit of 0 or a cursor of another query; `EpochMismatch` for a cursor of another epoch.
    async fn query(&self, query: &EventQuery) -> Result<Page>;

    /// The record at a position; `None` beyond the head.
    ///
    /// # Errors
    /// `Gone` when retention has deleted it.
    async fn get(&self, seq: Seq) -> Result<Option<StoredRecord>>;

    /// The event with this key.
    async fn get_by_id(&self, key: &EventKey) -> Result<Option<StoredEvent>>;

    /// All records from `start` on, in seq order: first what is stored, then what comes. Without gap or duplicate, except gaps that are named in a [`Delivery`].
    ///
    /// # Errors
    /// `EpochMismatch` when `start` carries another epoch; `Invalid` for a position beyond the head.
    async fn subscribe(&self, start: StartAt, filter: EventFilter) -> Result<Subscription>;

    /// The position at which the log would begin after [`retain`](Self::retain) with this policy: one beyond the head when nothing would stay. Deletes nothing; the unit that is written to may be closed for
    /// it, so that [`delete_before`](Self::delete_before) can act on the answer however much is appended in between.
    async fn retainable(&self, policy: &RetainPolicy) -> Result<Seq>;

    /// Deletes all units from the front that end before a position. Readers in flight finish on what they see.
    async fn delete_before(&self, first: Seq) -> Result<Retained>;

    /// Deletes from the front what the policy no longer wants. Readers in flight finish on what they see.
    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained>;

    /// Counts and sizes at this moment.
    async fn stats(&self) -> Result<StoreStats>;

    /// Returns when everything acknowledged so far would survive a power cut, as far as the backend can promise.
    async fn sync(&self) -> Result<()>;

    /// Whether appends are taken.
    fn health(&self) -> Health;
}

/// A record with what observations have said of it so far.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The record.
    pub record: Record,
    /// An event's stamps, its observations included.
    pub stamps: Stamps,
    /// An event's observations, in seq order.
    pub observations: Vec<Arc<Observation>>,
}

impl StoredRecord {
    /// The event with its stamps, if the record is one.
    pub fn into_event(self) -> Option<StoredEvent> {
        let event: Arc<Event> = self.record.as_event().cloned()?;
        Some(StoredEvent {
            event,
            stamps: self.stamps,
        })
    }
}
