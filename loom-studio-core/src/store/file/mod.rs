//! The file backend: a segmented, append-only log of compressed, checksummed blocks.
//!
//! `docs/file-format.md` describes the bytes, the commit rule and why recovery loses nothing. An append has two stages: [`pending`] checks, finds duplicates and encodes on the caller's
//! thread; [`writer`] compresses, writes and syncs whole commit groups on its own, then indexes and acknowledges. A full segment gets an immutable index file ([`sealed`]); until then
//! its index is in memory ([`tail_index`]).

mod block;
mod bloom;
mod bytes;
mod disk;
mod frame;
mod index;
mod os_disk;
mod pending;
mod recovery;
mod retention;
mod sealed;
mod search;
mod segment;
mod shared;
mod tail_index;
mod verify;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ::bytes::Bytes;
use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot, watch};

use self::block::{EventDraft, ObservationParts};
use self::index::Hasher;
use self::os_disk::OsDisk;
use self::pending::{Known, Pending, Waiting};
use self::recovery::failed;
use self::sealed::{Check, SealedIndex};
use self::segment::{Segment, SegmentIndex, index_name, log_name};
use self::shared::{Shared, sealed_segment};
use self::writer::{Resume, Writer, begin_segment};
use super::{
    AppendBatch, Appended, Capabilities, EventFilter, EventQuery, EventStore, Health, Incoming,
    Page, Rejected, RetainPolicy, Retained, StartAt, StoreStats, StoredEvent, StoredRecord,
    Subscription, Tail, TailSource,
};
use crate::clock::{Clock, IdSource, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{
    Envelope, EventKey, EventLimits, ObservationDraft, Phase, Record, Reject, RejectCode,
    changed_members, resolve_time, strip_reserved,
};
use crate::ids::{Epoch, Seq};

pub use disk::{Disk, DiskFile};
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
    /// Bytes of a block before compression. Default 24 KiB.
    pub block_bytes: usize,
    /// Bytes of events that may wait for their commit; further appends wait for space. Default 32 MiB.
    pub max_pending_bytes: u32,
    /// Bytes of decompressed blocks kept for readers. Default 24 MiB.
    pub cache_bytes: u64,
}

impl Default for FileStoreOptions {
    fn default() -> Self {
        Self {
            limits: EventLimits::default(),
            group_delay: Duration::from_millis(8),
            group_bytes: 4 << 20,
            segment_records: 100_000,
            segment_bytes: 128 << 20,
            block_bytes: 24 << 10,
            max_pending_bytes: 32 << 20,
            cache_bytes: 24 << 20,
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

/// An [`EventStore`] in a directory. Dropping it commits what was appended and joins its threads.
#[derive(Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
    path: PathBuf,
    report: OpenReport,
    space: Arc<Semaphore>,
    head: watch::Receiver<Seq>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: Box<dyn fmt::Debug + Send + Sync>,
}

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
        let lock = lock(&*disk, path)?;
        let mut opening = Opening::new(disk, options, clock, ids)?;
        opening.load()?;
        let (shared, resume, report) = opening.finish()?;
        let head = shared.1;
        let shared = shared.0;
        let writer = Writer::new(Arc::clone(&shared), resume)
            .map_err(|error| failed("cannot start the writer", error))?;
        let sealing = {
            let shared = Arc::clone(&shared);
            spawn("loom-studio-seal", move || shared.seal_as_they_come())?
        };
        let writing = spawn("loom-studio-write", move || writer.run())?;
        Ok(Self {
            space: Arc::new(Semaphore::new(options.max_pending_bytes as usize)),
            shared,
            path: path.to_owned(),
            report,
            head,
            threads: Mutex::new(vec![writing, sealing]),
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
        let mut threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
                .into_iter();
        // The writer first: it commits what is pending and hands over what is full.
        let join = |thread: Option<JoinHandle<()>>| {
            if let Some(thread) = thread {
                // A panic there has ended the thread; there is nothing left to do for it.
                let _ = thread.join();
            }
        };
        join(threads.next());
        self.shared.end_sealing();
        join(threads.next());
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

/// Written under another name first: of no use once the process that wrote it is gone.
fn is_temporary(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| ending == "tmp")
}

/// The steps of opening.
struct Opening {
    disk: Arc<dyn Disk>,
    options: FileStoreOptions,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    names: Vec<String>,
    sealed: Vec<(u64, Arc<dyn DiskFile>, SealedIndex)>,
    tails: Vec<(u64, Arc<dyn DiskFile>, recovery::Scanned)>,
    report: OpenReport,
}

type Opened = ((Arc<Shared>, watch::Receiver<Seq>), Resume, OpenReport);

impl Opening {
    fn new(
        disk: Arc<dyn Disk>,
        options: FileStoreOptions,
        clock: Arc<dyn Clock>,
        ids: &dyn IdSource,
    ) -> Result<Self> {
        let mut names = disk
            .list_unsorted()
            .map_err(|error| failed("cannot list the data directory", error))?;
        names.sort();
        let epoch = recovery::epoch(&*disk, &names, ids)?;
        Ok(Self {
            disk,
            options,
            clock,
            epoch,
            names,
            sealed: Vec::new(),
            tails: Vec::new(),
            report: OpenReport::default(),
        })
    }

    fn load(&mut self) -> Result<()> {
        for name in self.names.iter().filter(|name| is_temporary(name)) {
            // Left by a crash; a name that can't be deleted now is tried again next time.
            let _ = self.disk.remove(name);
        }
        for name in self
            .names
            .iter()
            .filter_map(|name| name.strip_suffix(".idx"))
        {
            if !self.names.contains(&format!("{name}.log")) {
                // Retention deletes the index first; sealing may have come after it.
                let _ = self.disk.remove(&format!("{name}.idx"));
            }
        }
        let (firsts, abandoned) = recovery::segments(&*self.disk, &self.names)?;
        let mut expected: Option<u64> = None;
        for (index, first_seq) in firsts.iter().copied().enumerate() {
            if expected.is_some_and(|expected| expected != first_seq) {
                let message = format!("records are missing before {}", log_name(first_seq));
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            let is_last = index + 1 == firsts.len();
            let rows = self.load_segment(first_seq, is_last)?;
            self.report.records += u64::from(rows);
            expected = Some(first_seq + u64::from(rows));
        }
        for first_seq in abandoned {
            // Of no harm should it stay: the next open passes over it as well.
            let _ = self.disk.remove(&log_name(first_seq));
        }
        Ok(())
    }

    fn load_segment(&mut self, first_seq: u64, is_last: bool) -> Result<u32> {
        let name = log_name(first_seq);
        let cannot = |error| failed(&format!("cannot open {name}"), error);
        let file = self.disk.open(&name).map_err(cannot)?;
        if self.names.contains(&index_name(first_seq)) {
            let map = self
                .disk
                .open(&index_name(first_seq))
                .and_then(|file| file.map())
                .map_err(cannot)?;
            if let Some(index) = SealedIndex::open(map, Check::Small)
                && index.meta().first_seq == first_seq
            {
                let (len, whole) = (file.len().map_err(cannot)?, index.meta().log_bytes);
                if len < whole {
                    // An index is written after everything it describes was synced.
                    let message =
                        format!("{name} ends at byte {len} of {whole}; nothing was changed");
                    return Err(Error::new(ErrorKind::Corrupt, message));
                }
                let rows = index.rows();
                self.sealed.push((first_seq, file, index));
                return Ok(rows);
            }
        }
        let hasher = Hasher(self.epoch.0);
        let Some(scanned) = recovery::scan(&*file, first_seq, self.epoch, hasher)? else {
            // Its header was never written, so nothing in it was ever acknowledged.
            self.disk.remove(&name).map_err(cannot)?;
            return Ok(0);
        };
        let rows = scanned.tail.index.rows();
        if !is_last && scanned.end != file.len().map_err(cannot)? {
            // A segment is cut to its last commit and synced before the next one is begun.
            let message = format!(
                "{name} is damaged at byte {}: later segments follow. Nothing was changed",
                scanned.end
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        if is_last {
            self.report.torn_bytes += scanned.torn_bytes;
            file.set_len(scanned.end)
                .and_then(|()| file.sync_data())
                .map_err(cannot)?;
        }
        self.report.recovered_records += u64::from(rows);
        self.tails.push((first_seq, file, scanned));
        Ok(rows)
    }

    fn finish(mut self) -> Result<Opened> {
        let last_sealed = self
            .sealed
            .last()
            .map(|(first_seq, _, index)| first_seq + u64::from(index.rows()));
        let last_tail = self
            .tails
            .last()
            .map(|(first_seq, _, scanned)| first_seq + u64::from(scanned.tail.index.rows()));
        let next_seq = last_sealed.max(last_tail).unwrap_or(1);
        let (head, receiver) = watch::channel(Seq(next_seq - 1));
        let shared = Shared::new(
            self.disk,
            self.options,
            self.epoch,
            self.clock,
            next_seq,
            head,
        );
        self.report.sealed_segments = self.sealed.len();
        for (first_seq, file, index) in self.sealed {
            let bare = Segment {
                first_seq,
                file,
                index: SegmentIndex::Tail(RwLock::default()),
            };
            let mut state = shared.state_mut();
            let segment = sealed_segment(&bare, index, &mut state);
            state.segments.insert(first_seq, segment);
        }
        let mut resume = None;
        let is_current = |first_seq: u64| {
            last_tail == Some(next_seq) && last_sealed.is_none_or(|sealed| sealed <= first_seq)
        };
        for (first_seq, file, scanned) in self.tails {
            let recovery::Scanned {
                tail,
                end,
                group,
                torn_bytes: _,
            } = scanned;
            let next = first_seq + u64::from(tail.index.rows());
            let segment = Arc::new(Segment {
                first_seq,
                file,
                index: SegmentIndex::Tail(RwLock::new(tail)),
            });
            shared.add_segment(Arc::clone(&segment));
            if next == next_seq && is_current(first_seq) {
                resume = Some(Resume {
                    segment,
                    end,
                    group,
                });
            } else {
                shared.seal(&segment);
            }
        }
        let resume = if let Some(resume) = resume {
            resume
        } else {
            let segment = begin_segment(&shared, next_seq)
                .map_err(|error| failed("cannot begin a segment", error))?;
            shared.add_segment(Arc::clone(&segment));
            Resume {
                segment,
                end: frame::SEGMENT_HEADER_BYTES as u64,
                group: 0,
            }
        };
        Ok(((Arc::new(shared), receiver), resume, self.report))
    }
}

/// One entry of a batch, checked; it borrows from the received bytes.
enum Checked<'a> {
    Event(Box<EventDraft<'a>>, Bytes),
    Observation(ObservationDraft<'a>),
    Rejected(Reject),
}

impl Checked<'_> {
    /// Whether it carries attributes that only Studio may set.
    fn has_reserved(&self) -> bool {
        matches!(self, Self::Event(draft, _) if draft.envelope.has_reserved)
    }
}

impl FileStore {
    /// Stage one: everything up to waiting for the commit.
    fn gather(
        &self,
        batch: AppendBatch,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Appended>>> {
        let received = self.shared.clock.now();
        let limits = self.shared.options.limits;
        let AppendBatch {
            workspace,
            session,
            items,
        } = batch;
        let check_all = |items| -> Vec<Checked<'_>> {
            let items: std::slice::Iter<'_, Incoming> = items;
            items
                .map(|item| check(item, &session, received, &limits))
                .collect()
        };
        let stripped: Vec<Incoming>;
        let mut checked = check_all(items.iter());
        // Almost no batch has one, so it may be decoded twice.
        if checked.iter().any(Checked::has_reserved) {
            stripped = items
                .iter()
                .zip(&checked)
                .map(|(item, checked)| match item {
                    Incoming::Event(raw) if checked.has_reserved() => {
                        Incoming::Event(strip_reserved(raw))
                    }
                    item => item.clone(),
                })
                .collect();
            checked = check_all(stripped.iter());
        }
        let (done, committed) = oneshot::channel();
        let mut pending = self.shared.pending();
        if let Some(reason) = self.shared.poisoned() {
            return Err(Error::new(ErrorKind::Closed, reason));
        }
        let mut appended = Appended::default();
        let start = pending.next_seq();
        for (index, entry) in checked.into_iter().enumerate() {
            let stored = match entry {
                Checked::Event(draft, raw) => self
                    .add_event(&mut pending, &draft, &raw, &workspace, received)
                    .map(Ok)?,
                Checked::Observation(draft) => {
                    self.add_observation(&mut pending, &draft, &workspace, received)?
                }
                Checked::Rejected(reject) => Err(reject),
            };
            match stored {
                Ok(true) => {}
                Ok(false) => appended.duplicates += 1,
                Err(reject) => appended.rejected.push(Rejected::new(index, reject)),
            }
        }
        let next = pending.next_seq();
        appended.seqs = (next > start).then(|| (Seq(start), Seq(next - 1)));
        let is_due = pending.wait(
            Waiting {
                appended,
                done,
                _space: permit,
            },
            writer::now(),
        );
        let is_due = is_due || pending.bytes() >= self.shared.options.group_bytes;
        drop(pending);
        // A writer that waits for the group's time need not look at each batch of it.
        if is_due {
            self.shared.wake();
        }
        Ok(committed)
    }

    /// The event with this key, committed or not.
    fn known(
        &self,
        pending: &Pending,
        hash: u64,
        workspace: &str,
        source: &str,
        id: &str,
    ) -> Result<Option<Known>> {
        if let Some(known) = pending.find(hash, workspace, source, id) {
            return Ok(Some(known.clone()));
        }
        self.shared.find_known(hash, workspace, source, id)
    }

    fn add_event(
        &self,
        pending: &mut Pending,
        draft: &EventDraft<'_>,
        raw: &Bytes,
        workspace: &Arc<str>,
        received: Timestamp,
    ) -> Result<bool> {
        let envelope = &draft.envelope;
        let hasher = self.shared.hasher;
        let hash = hasher.text(&envelope.id);
        let Some(known) = self.known(pending, hash, workspace, &envelope.source, &envelope.id)?
        else {
            let under = [
                Some(hash),
                envelope.trace.map(|context| hasher.trace(context.trace)),
                envelope.request_id.as_deref().map(|id| hasher.text(id)),
                envelope.causation_id.as_deref().map(|id| hasher.text(id)),
            ];
            pending.add_event(draft, raw, workspace, received, under);
            return Ok(true);
        };
        let Some(phase) = envelope
            .phase
            .filter(|phase| is_new(pending, &known, *phase))
        else {
            return Ok(false);
        };
        let at = draft
            .stamps
            .dispatched
            .or(draft.stamps.published)
            .or(envelope.stamp)
            .unwrap_or(received);
        let changed = changed_members(&known.raw, raw);
        observe(pending, &known, phase, at, &changed, received);
        Ok(true)
    }

    fn add_observation(
        &self,
        pending: &mut Pending,
        draft: &ObservationDraft<'_>,
        workspace: &Arc<str>,
        received: Timestamp,
    ) -> Result<std::result::Result<bool, Reject>> {
        let hash = self.shared.hasher.text(&draft.of);
        let Some(known) = self.known(pending, hash, workspace, &draft.source, &draft.of)? else {
            return Ok(Err(Reject::new(
                RejectCode::UnknownEvent,
                "the observed event is not stored",
            )));
        };
        if !is_new(pending, &known, draft.phase) {
            return Ok(Ok(false));
        }
        let at = resolve_time(draft.at, None, received);
        observe(
            pending,
            &known,
            draft.phase,
            at,
            draft.changed.unwrap_or("{}").as_bytes(),
            received,
        );
        Ok(Ok(true))
    }
}

fn is_new(pending: &Pending, known: &Known, phase: Phase) -> bool {
    !known.phases.contains(&phase) && !pending.has_phase(known.seq, phase)
}

fn observe(
    pending: &mut Pending,
    known: &Known,
    phase: Phase,
    at: Timestamp,
    changed: &[u8],
    received: Timestamp,
) {
    let parts = ObservationParts {
        of: known.position(),
        workspace: &known.workspace,
        session: &known.session,
        phase,
        at,
        time: received,
        changed,
    };
    pending.add_observation(&parts, received);
}

fn check<'a>(
    item: &'a Incoming,
    session: &'a str,
    received: Timestamp,
    limits: &EventLimits,
) -> Checked<'a> {
    match item {
        Incoming::Event(raw) => match Envelope::decode(raw, limits) {
            Ok(envelope) => Checked::Event(
                Box::new(EventDraft::new(envelope, raw, session, received)),
                raw.clone(),
            ),
            Err(reject) => Checked::Rejected(reject),
        },
        Incoming::Observation(raw) => match ObservationDraft::decode(raw, limits) {
            Ok(draft) => Checked::Observation(draft),
            Err(reject) => Checked::Rejected(reject),
        },
    }
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
        let bytes: usize = batch
            .items
            .iter()
            .map(|item| match item {
                Incoming::Event(raw) | Incoming::Observation(raw) => raw.len() + 256,
            })
            .sum();
        // The semaphore is fair, so batches keep the order in which they asked.
        let permits = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, self.shared.options.max_pending_bytes);
        let closed = || Error::new(ErrorKind::Closed, "the store was closed");
        let permit = Arc::clone(&self.space)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| closed())?;
        let committed = self.gather(batch, permit)?;
        committed.await.map_err(|_| closed())?
    }

    async fn query(&self, query: &EventQuery) -> Result<Page> {
        search::run(&self.shared, query).await
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

    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained> {
        retention::run(&self.shared, policy).await
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

#[async_trait]
impl TailSource for Shared {
    async fn read_tail(
        &self,
        after: Seq,
        max_records: usize,
        filter: &EventFilter,
    ) -> Result<Tail> {
        let durable = self.durable();
        let first = self.first_seq();
        let mut records = Vec::new();
        let mut next = (after.0 + 1).max(first);
        while next <= durable && records.len() < max_records {
            let Some(segment) = self.segment_of(next) else {
                break;
            };
            let row = (next - segment.first_seq) as u32;
            let Some((frame, rows)) = segment.frame_of(row) else {
                break;
            };
            let block = self.blocks.block(&segment, &frame, rows)?;
            for index in (row - frame.first_row) as usize..block.len() {
                if next > durable || records.len() >= max_records {
                    break;
                }
                records.push(
                    block
                        .record(index)
                        .ok_or_else(|| segment::damaged(segment.first_seq, frame.body_offset))?,
                );
                next += 1;
            }
        }
        let mut observed_matches = Vec::new();
        for record in &records {
            if let Record::Observation(observation) = record {
                let event = match self.record(observation.of.0) {
                    Ok(record) => record.and_then(|record| record.as_event().cloned()),
                    Err(error) if error.kind() == ErrorKind::Gone => None,
                    Err(error) => return Err(error),
                };
                observed_matches.push(filter.matches_observation(observation, event.as_deref()));
            }
        }
        Ok(Tail {
            first: Seq(first),
            head: Seq(durable),
            records,
            observed_matches,
        })
    }
}

impl Shared {
    fn stats(&self) -> StoreStats {
        let (segments, durable) = self.snapshot();
        let mut stats = StoreStats {
            last_seq: Seq(durable),
            ..StoreStats::default()
        };
        for segment in &segments {
            let meta = segment.meta();
            stats.events += u64::from(meta.events);
            stats.observations += u64::from(meta.rows - meta.events);
            stats.payload_bytes += meta.json_bytes;
            stats.stored_bytes += meta.log_bytes;
            if let SegmentIndex::Sealed { index, .. } = &segment.index {
                stats.stored_bytes += index.bytes();
            }
            if meta.rows > 0 && stats.oldest_received.is_none() {
                stats.oldest_received = Some(Timestamp::from_nanos(meta.oldest_received));
            }
        }
        let first = self.first_seq();
        stats.first_seq = if first > durable {
            Seq::ZERO
        } else {
            Seq(first)
        };
        stats.dropped_records = self.counters.deleted.load(Ordering::Relaxed);
        stats
    }
}
