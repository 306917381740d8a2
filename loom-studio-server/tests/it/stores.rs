//! Stores that stand still or refuse when a test says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use loom_studio_core::{
    AppendBatch, Appended, Capabilities, Epoch, Error, ErrorKind, EventFilter, EventKey,
    EventQuery, EventStore, Health, Page, Result, RetainPolicy, Retained, Seq, StartAt, StoreStats,
    StoredEvent, StoredRecord, Subscription,
};
use tokio::sync::{Mutex, watch};

use crate::harness::within;

/// A store whose appends and queries wait at gates, or whose appends are refused for want of space.
#[derive(Debug)]
pub(crate) struct GatedStore {
    inner: Arc<dyn EventStore>,
    /// Appends happen in the order in which they began, as with any store.
    queue: Mutex<()>,
    open: watch::Sender<bool>,
    readable: watch::Sender<bool>,
    full: AtomicBool,
    broken: AtomicBool,
    deaf: AtomicBool,
    entered: watch::Sender<usize>,
    waiting_bytes: AtomicUsize,
}

impl GatedStore {
    pub(crate) fn closed(inner: Arc<dyn EventStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            queue: Mutex::new(()),
            open: watch::Sender::new(false),
            readable: watch::Sender::new(true),
            full: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            entered: watch::Sender::new(0),
            waiting_bytes: AtomicUsize::new(0),
        })
    }

    pub(crate) fn full(inner: Arc<dyn EventStore>) -> Arc<Self> {
        let store = Self::closed(inner);
        store.set_full(true);
        store.open();
        store
    }

    /// Every append fails, with a message that names a path.
    pub(crate) fn broken(inner: Arc<dyn EventStore>) -> Arc<Self> {
        let store = Self::closed(inner);
        store.broken.store(true, Ordering::SeqCst);
        store.open();
        store
    }

    /// Nobody can subscribe: views fail.
    pub(crate) fn deaf(inner: Arc<dyn EventStore>) -> Arc<Self> {
        let store = Self::closed(inner);
        store.deaf.store(true, Ordering::SeqCst);
        store.open();
        store
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Whether queries are answered, or wait.
    pub(crate) fn set_readable(&self, readable: bool) {
        self.readable.send_replace(readable);
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Whether who wants to follow it is refused.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Returns once so many appends have begun.
    pub(crate) async fn entered(&self, appends: usize) {
        let mut entered = self.entered.subscribe();
        let reached = within("an append", entered.wait_for(|count| *count >= appends)).await;
        assert!(reached.is_ok());
    }

    /// Bytes of events whose append has begun and not ended.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::SeqCst)
    }
}

impl fmt::Display for GatedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gated {}", self.inner)
    }
}

#[async_trait]
impl EventStore for GatedStore {
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, batch: AppendBatch) -> Result<Appended> {
        let bytes = batch.items.iter().map(|item| item.text().len()).sum();
        self.waiting_bytes.fetch_add(bytes, Ordering::SeqCst);
        self.entered.send_modify(|count| *count += 1);
        let _turn = self.queue.lock().await;
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.waiting_bytes.fetch_sub(bytes, Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Full, "the store has no space left"));
        }
        if self.broken.load(Ordering::SeqCst) {
            let message = "cannot read /private/place/seg-1.log: Input/output error";
            return Err(Error::new(ErrorKind::Io, message));
        }
        self.inner.append(batch).await
    }

    async fn query(&self, query: &EventQuery) -> Result<Page> {
        let _ = self.readable.subscribe().wait_for(|open| *open).await;
        self.inner.query(query).await
    }

    async fn get(&self, seq: Seq) -> Result<Option<StoredRecord>> {
        self.inner.get(seq).await
    }

    async fn get_by_id(&self, key: &EventKey) -> Result<Option<StoredEvent>> {
        self.inner.get_by_id(key).await
    }

    async fn subscribe(&self, start: StartAt, filter: EventFilter) -> Result<Subscription> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Io, "cannot read the log"));
        }
        self.inner.subscribe(start, filter).await
    }

    async fn retainable(&self, policy: &RetainPolicy) -> Result<Seq> {
        self.inner.retainable(policy).await
    }

    async fn delete_before(&self, first: Seq) -> Result<Retained> {
        self.inner.delete_before(first).await
    }

    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained> {
        self.inner.retain(policy).await
    }

    async fn stats(&self) -> Result<StoreStats> {
        self.inner.stats().await
    }

    async fn sync(&self) -> Result<()> {
        self.inner.sync().await
    }

    fn health(&self) -> Health {
        if self.full.load(Ordering::SeqCst) {
            Health::ReadOnly("the store has no space left".to_owned())
        } else {
            self.inner.health()
        }
    }
}
