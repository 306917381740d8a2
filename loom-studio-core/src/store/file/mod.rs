//! The file backend: a segmented, append-only log of compressed, checksummed blocks.
//!
//! `docs/file-format.md` describes the bytes, the commit rule and why recovery loses nothing. An append has two stages: [`pending`] checks, finds duplicates and encodes on the caller's
//! thread; [`writer`] compresses, writes and syncs whole commit groups on its own, then indexes and acknowledges. A full segment gets an immutable index file ([`sealed`]); until then
//! its index is in memory ([`tail_index`]).

mod block;
mod blocks;
mod bloom;
mod bytes;
mod columns;
mod disk;
mod fetch;
mod following;
mod frame;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod gather;
mod index;
mod opening;
mod ordered;
mod os_disk;
mod packed;
mod pending;
mod recent;
mod recorded;
mod recovery;
mod retention;
mod sealed;
mod search;
mod segment;
mod selection;
mod shared;
mod symbols;
mod tail_index;
mod turn;
mod verify;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use self::fetch::Helper;
use self::opening::Opening;
use self::recovery::failed;
use self::shared::Shared;
use self::writer::Writer;
use super::{
    AppendBatch, Appended, Capabilities, EventFilter, EventQuery, EventStore, Health, Page,
    RetainPolicy, Retained, StartAt, StoreStats, StoredEvent, StoredRecord, Subscription,
    TailSource,
};
use crate::clock::{Clock, IdSource};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventKey, EventLimits};
use crate::ids::{Epoch, Seq};

pub use disk::{Disk, DiskFile};
#[cfg(feature = "fuzzing")]
pub(crate) use fuzzing::{first_frame, reseal_frame, reseal_index};
#[cfg(feature = "fuzzing")]
pub use fuzzing::{frame, index};
pub(crate) use os_disk::OsDisk;
pub use verify::{VerifyReport, verify};

/// How a [`FileStore`] works. The defaults suit a development machine and a small server alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStoreOptions {
    /// Bounds on one event.
    pub limits: EventLimits,
    /// How long the first batch of a commit group waits for others. Zero syncs as often as the disk allows. Default 8 ms.
    pub group_delay: Duration,
    /// A group this large is written at once. Default 4 MiB.
    pub group_bytes: usize,
    /// Records after which a segment is sealed. Default 100,000.
    pub segment_records: u32,
    /// Bytes after which a segment is sealed. Default 128 MiB.
    pub segment_bytes: u64,
    /// Bytes of a block before compression. Default 28 KiB: larger ones take less space, smaller ones are sooner read where events lie apart.
    pub block_bytes: usize,
    /// Bytes of events that may wait for their commit; further appends wait for space. Default 32 MiB.
    pub max_pending_bytes: u32,
    /// Bytes of decompressed blocks kept for readers. Default 24 MiB.
    pub cache_bytes: u64,
    /// Threads that help a query which needs many blocks. They sleep otherwise. Default 1: two cores answer one query.
    pub read_helpers: u8,
}

impl Default for FileStoreOptions {
    fn default() -> Self {
        Self {
            limits: EventLimits::default(),
            group_delay: Duration::from_millis(8),
            group_bytes: 4 << 20,
            segment_records: 100_000,
            segment_bytes: 128 << 20,
            block_bytes: 28 << 10,
            max_pending_bytes: 32 << 20,
            cache_bytes: 24 << 20,
            read_helpers: 1,
        }
    }
}

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records stored.
    pub records: u64,
    /// Segments with an index file.
    pub sealed_segments: usize,
    /// Records whose index had to be built anew from the log.
    pub recovered_records: u64,
    /// Bytes of a commit group that a crash left unfinished, and that were cut. None of its batches was acknowledged.
    pub torn_bytes: u64,
}

/// An [`EventStore`] in a directory. Dropping it commits what was appended, and waits at most seconds for indexes that are being written.
#[derive(Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
    path: PathBuf,
    report: OpenReport,
    space: Arc<Semaphore>,
    head: watch::Receiver<Seq>,
    threads: Mutex<Threads>,
    _lock: Arc<dyn fmt::Debug + Send + Sync>,
}

/// What closing waits for.
#[derive(Debug)]
struct Threads {
    writing: Option<JoinHandle<()>>,
    /// Disconnected once the sealing thread has ended.
    sealed: Receiver<()>,
    /// Threads that help readers.
    helping: Vec<JoinHandle<()>>,
}

/// How long closing waits for indexes that are being written: a stuck disk must not hold up whoever drops a store.
const SEALING_AT_CLOSE: Duration = Duration::from_secs(5);

impl FileStore {
    /// Opens the log in a directory, and begins one where there is none.
    ///
    /// # Errors
    /// `Closed` when another process has it open; the message names that process. `Corrupt` when acknowledged data is damaged. `Invalid` for an unknown format version. `Io`, `Full`.
    pub fn open(
        path: &Path,
        options: FileStoreOptions,
        clock: Arc<dyn Clock>,
        ids: &dyn IdSource,
    ) -> Result<Self> {
        let disk =
            OsDisk::open(path).map_err(|error| failed("cannot open the data directory", error))?;
        Self::open_on(Arc::new(disk), path, options, clock, ids)
    }

    /// Opens the log on any disk: the seam for fault tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        path: &Path,
        options: FileStoreOptions,
        clock: Arc<dyn Clock>,
        ids: &dyn IdSource,
    ) -> Result<Self> {
        let lock: Arc<dyn fmt::Debug + Send + Sync> = Arc::from(lock(&*disk, path)?);
        let mut opening = Opening::new(disk, options, clock, ids)?;
        opening.load()?;
        let (shared, resume, report) = opening.finish()?;
        let head = shared.1;
        let shared = shared.0;
        let writer = Writer::new(Arc::clone(&shared), resume);
        let (sealing, sealed) = sync_channel::<()>(0);
        {
            let (shared, lock) = (Arc::clone(&shared), Arc::clone(&lock));
            spawn("loom-studio-seal", move || {
                // The lock goes first: who waits for the other may open the directory at once.
                let _until_ended = (lock, sealing);
                shared.seal_as_they_come();
            })?;
        }
        let (mut helpers, mut helping) = (Vec::new(), Vec::new());
        for _ in 0..options.read_helpers {
            let (helper, work) = Helper::new();
            helping.push(spawn("loom-studio-read", work)?);
            helpers.push(helper);
        }
        shared.blocks.set_helpers(helpers);
        let writing = spawn("loom-studio-write", move || writer.run())?;
        Ok(Self {
            space: Arc::new(Semaphore::new(options.max_pending_bytes.max(1) as usize)),
            shared,
            path: path.to_owned(),
            report,
            head,
            threads: Mutex::new(Threads {
                writing: Some(writing),
                sealed,
                helping,
            }),
            _lock: lock,
        })
    }

    /// What opening found.
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Mishaps since it was opened that stopped nothing (an index that could not be written, say).
    pub fn notes(&self) -> Vec<String> {
        self.shared.notes()
    }

    /// Mean records and bytes of a commit group since it was opened; `None` before the first.
    pub fn group_size(&self) -> Option<(f64, f64)> {
        let counters = &self.shared.counters;
        let groups = counters.groups.load(Ordering::Relaxed);
        let mean = |counter: &std::sync::atomic::AtomicU64| {
            counter.load(Ordering::Relaxed) as f64 / groups as f64
        };
        (groups > 0).then(|| (mean(&counters.group_records), mean(&counters.group_bytes)))
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    thread.map_err(|error| failed("cannot start a thread", error))
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.shared.pending().closing = true;
        self.shared.wake();
        let threads = self.threads.get_mut();
        let Threads {
            writing,
            sealed,
            helping,
        } = threads.unwrap_or_else(PoisonError::into_inner);
        // The writer first: it commits what is pending and hands over what is full.
        if let Some(writing) = writing.take() {
            // A panic there has ended the thread; there is nothing left to do for it.
            let _ = writing.join();
        }
        self.shared.end_sealing();
        // Nothing is ever sent: the other end goes with the thread. An index that isn't written by then is built by the next open, which has to wait for the thread: it holds the lock too.
        let _ = sealed.recv_timeout(SEALING_AT_CLOSE);
        self.shared.blocks.end_helpers();
        for helper in helping.drain(..) {
            // Likewise.
            let _ = helper.join();
        }
        self.shared.close_head();
    }
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "file store {} in {}",
            self.shared.epoch,
            self.path.display()
        )
    }
}

/// The directory's lock, for as long as what is returned lives.
fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn fmt::Debug + Send + Sync>> {
    let holder = format!("process {}", std::process::id());
    disk.lock("store.lock", &holder)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => {
                let message = format!("the data directory {} is in use by {error}", path.display());
                Error::new(ErrorKind::Closed, message)
            }
            _ => failed("cannot lock the data directory", error),
        })
}

#[async_trait]
impl EventStore for FileStore {
    fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: true,
            bounded: false,
        }
    }

    async fn append(&self, batch: AppendBatch) -> Result<Appended> {
        let bytes: usize = batch.items.iter().map(|item| item.text().len() + 256).sum();
        // The semaphore is fair, so batches keep the order in which they asked.
        let permits = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, self.shared.options.max_pending_bytes.max(1));
        let closed = || Error::new(ErrorKind::Closed, "the store was closed");
        let permit = Arc::clone(&self.space)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| closed())?;
        let committed = self.gather(batch, permit)?;
        committed.await.map_err(|_| closed())?
    }

    async fn query(&self, query: &EventQuery) -> Result<Page> {
        loop {
            let before = self.shared.rebuilt();
            match search::run(&self.shared, query).await {
                // It met a damaged index, which is built anew, or was misled by one.
                Err(error)
                    if error.kind() == ErrorKind::Corrupt && self.shared.mended_since(before) => {}
                answer => return answer,
            }
        }
    }

    async fn get(&self, seq: Seq) -> Result<Option<StoredRecord>> {
        self.shared.stored(seq.0)
    }

    async fn get_by_id(&self, key: &EventKey) -> Result<Option<StoredEvent>> {
        let hash = self.shared.hasher.text(&key.id);
        let found = self
            .shared
            .find(hash, &key.workspace, &key.source, &key.id)?;
        Ok(found.and_then(StoredRecord::into_event))
    }

    async fn subscribe(&self, start: StartAt, filter: EventFilter) -> Result<Subscription> {
        let source: Arc<dyn TailSource> = Arc::clone(&self.shared) as _;
        Subscription::new(
            source,
            self.head.clone(),
            self.shared.epoch,
            Seq(self.shared.first_seq()),
            start,
            &filter,
        )
    }

    async fn retainable(&self, policy: &RetainPolicy) -> Result<Seq> {
        Ok(Seq(retention::first_kept(&self.shared, policy).await))
    }

    async fn delete_before(&self, first: Seq) -> Result<Retained> {
        retention::delete_before(&self.shared, first.0)
    }

    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained> {
        let first = retention::first_kept(&self.shared, policy).await;
        retention::delete_before(&self.shared, first)
    }

    async fn stats(&self) -> Result<StoreStats> {
        Ok(self.shared.stats())
    }

    async fn sync(&self) -> Result<()> {
        // An acknowledged batch is durable already; this waits for those on their way.
        let permit = Arc::clone(&self.space).acquire_many_owned(1).await;
        let permit = permit.map_err(|_| Error::new(ErrorKind::Closed, "the store was closed"))?;
        let nothing = AppendBatch {
            workspace: "".into(),
            session: "".into(),
            items: Vec::new(),
        };
        let committed = self.gather(nothing, permit)?;
        committed
            .await
            .map_err(|_| Error::new(ErrorKind::Closed, "the store was closed"))??;
        Ok(())
    }

    fn health(&self) -> Health {
        self.shared
            .poisoned()
            .map_or(Health::Ready, Health::ReadOnly)
    }
}
