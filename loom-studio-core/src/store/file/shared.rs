//! What the store's front, its writer and its readers have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::Duration;

use tokio::sync::watch;

use super::FileStoreOptions;
use super::blocks::Blocks;
use super::bloom::{Filters, Slot, bits_for};
use super::disk::Disk;
use super::index::Hasher;
use super::pending::{Known, Pending};
use super::recovery;
use super::sealed::{self, Check, SealedIndex};
use super::segment::{self, Segment, SegmentIndex, index_name, log_name};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, NodeId, Observation, Record, Stamps};
use crate::ids::{Epoch, Seq};
use crate::store::StoredRecord;

/// Segments that may wait for their index before the writer makes one itself.
const SEAL_QUEUE: usize = 4;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: FileStoreOptions,
    pub(super) epoch: Epoch,
    pub(super) hasher: Hasher,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) blocks: Blocks,
    pub(super) counters: Counters,
    state: RwLock<State>,
    pending: Mutex<Pending>,
    wake: Condvar,
    durable: AtomicU64,
    /// Retention has deleted files, and the directory is not synced since.
    /// Whether the last deletion may not be durable. Held while segments are deleted: one at a time.
    pub(super) has_unsynced_deletion: Mutex<bool>,
    head: Mutex<Option<watch::Sender<Seq>>>,
    full: SyncSender<Option<Arc<Segment>>>,
    full_queue: Mutex<Receiver<Option<Arc<Segment>>>>,
    is_ending: AtomicBool,
    rebuilding: Mutex<()>,
    poisoned: Mutex<Option<String>>,
    notes: Mutex<Vec<String>>,
}

/// What readers see.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By first seq; the last one is written to.
    pub(super) segments: BTreeMap<u64, Arc<Segment>>,
    /// Those without an index file: the last one, and any whose index could not be written yet. The filters don't know them.
    pub(super) unsealed: BTreeSet<u64>,
    pub(super) by_slot: hashbrown::HashMap<(usize, u32), u64>,
    pub(super) filters: Filters,
}

/// A segment with observations, and of which events they are.
#[derive(Debug)]
pub(super) struct Observing {
    segment: Arc<Segment>,
    of: RangeInclusive<u64>,
}

/// What the store has done since it was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) groups: AtomicU64,
    pub(super) group_bytes: AtomicU64,
    pub(super) group_records: AtomicU64,
    pub(super) deleted: AtomicU64,
    /// Bytes of JSON text in the groups.
    pub(super) json_bytes: AtomicU64,
    /// Bytes written beside the groups: headers and indexes.
    pub(super) other_bytes: AtomicU64,
    pub(super) rebuilt: AtomicU64,
}

impl Counters {
    pub(super) fn group(&self, bytes: u64, records: u64, json_bytes: u64) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.group_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.group_records.fetch_add(records, Ordering::Relaxed);
        self.json_bytes.fetch_add(json_bytes, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        options: FileStoreOptions,
        epoch: Epoch,
        clock: Arc<dyn Clock>,
        next_seq: u64,
        head: watch::Sender<Seq>,
    ) -> Self {
        let (full, full_queue) = sync_channel(SEAL_QUEUE);
        Self {
            disk,
            options,
            epoch,
            hasher: Hasher(epoch.0),
            clock,
            blocks: Blocks::new(options.cache_bytes),
            counters: Counters::default(),
            state: RwLock::default(),
            pending: Mutex::new(Pending::new(next_seq, options.block_bytes, Hasher(epoch.0))),
            wake: Condvar::new(),
            durable: AtomicU64::new(next_seq - 1),
            has_unsynced_deletion: Mutex::new(false),
            head: Mutex::new(Some(head)),
            full,
            full_queue: Mutex::new(full_queue),
            is_ending: AtomicBool::new(false),
            rebuilding: Mutex::default(),
            poisoned: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn wait<'a>(
        &self,
        pending: MutexGuard<'a, Pending>,
        time: Duration,
    ) -> MutexGuard<'a, Pending> {
        if time == Duration::MAX {
            return self
                .wake
                .wait(pending)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.wake
            .wait_timeout(pending, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest durable position.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Shows everything up to a position, which is durable and indexed.
    pub(super) fn publish(&self, seq: u64) {
        self.durable.store(seq, Ordering::Release);
        if let Some(head) = &*lock(&self.head) {
            head.send_replace(Seq(seq));
        }
    }

    /// Tells subscriptions that nothing more will come.
    pub(super) fn close_head(&self) {
        lock(&self.head).take();
    }

    pub(super) fn poison(&self, reason: &str) {
        lock(&self.poisoned).get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn poisoned(&self) -> Option<String> {
        lock(&self.poisoned).clone()
    }

    /// Something an operator should know, that stops nothing.
    pub(super) fn note(&self, what: &str) {
        let mut notes = lock(&self.notes);
        if notes.len() < 100 && notes.last().is_none_or(|last| last != what) {
            notes.push(what.to_owned());
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        lock(&self.notes).clone()
    }

    pub(super) fn add_segment(&self, segment: Arc<Segment>) {
        let mut state = self.state_mut();
        match &segment.index {
            SegmentIndex::Sealed { slot, .. } => {
                state.by_slot.insert(slot.key(), segment.first_seq);
            }
            SegmentIndex::Tail(_) => {
                state.unsealed.insert(segment.first_seq);
            }
        }
        state.segments.insert(segment.first_seq, segment);
    }

    /// Has a full segment's index written: by the sealing thread, or here when that is behind.
    pub(super) fn seal_soon(&self, segment: Arc<Segment>) {
        let not_sent = match self.full.try_send(Some(segment)) {
            Ok(()) => None,
            Err(TrySendError::Full(segment) | TrySendError::Disconnected(segment)) => segment,
        };
        if let Some(segment) = not_sent {
            self.seal(&segment);
        }
    }

    /// The sealing thread: until [`end_sealing`](Self::end_sealing), and everything handed over before that.
    pub(super) fn seal_as_they_come(&self) {
        let queue = lock(&self.full_queue);
        loop {
            let next = if self.is_ending.load(Ordering::Acquire) {
                queue.try_recv().ok().flatten()
            } else {
                queue.recv().ok().flatten()
            };
            let Some(segment) = next else { return };
            self.seal(&segment);
        }
    }

    /// Ends the sealing thread once it has done what it was given. Never waits.
    pub(super) fn end_sealing(&self) {
        self.is_ending.store(true, Ordering::Release);
        // Wakes it should it wait. When the queue is full it has enough to do, and looks at the flag after each.
        let _ = self.full.try_send(None);
    }

    /// Writes a segment's index, and lets readers use it in place of the one in memory. When that fails, the one in memory stays, and the next open tries again.
    pub(super) fn seal(&self, segment: &Arc<Segment>) {
        match self.write_index(segment) {
            Ok(Some(index)) => {
                let mut state = self.state_mut();
                // Retention may have been faster.
                if state.segments.contains_key(&segment.first_seq) {
                    let sealed = sealed_segment(segment, index, &mut state);
                    state.segments.insert(segment.first_seq, sealed);
                } else if let Err(error) = self.disk.remove(&index_name(segment.first_seq)) {
                    self.note(&format!("an index without a log was left behind: {error}"));
                }
            }
            Ok(None) => self.note(&format!(
                "the new index of {} is unreadable",
                log_name(segment.first_seq)
            )),
            Err(error) => self.note(&format!(
                "the index of {} was not written: {error}",
                log_name(segment.first_seq)
            )),
        }
    }

    fn write_index(&self, segment: &Segment) -> std::io::Result<Option<SealedIndex>> {
        let SegmentIndex::Tail(tail) = &segment.index else {
            return Ok(None);
        };
        let bytes = {
            let tail = tail.read().unwrap_or_else(PoisonError::into_inner);
            sealed::encode(
                &tail.index,
                &tail.meta,
                bits_for(self.options.segment_records as usize),
            )
        };
        let name = index_name(segment.first_seq);
        let temporary = format!("{name}.tmp");
        let file = self.disk.create(&temporary)?;
        file.write_all_at(&bytes, 0)?;
        self.counters
            .other_bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        file.sync_data()?;
        self.disk.rename(&temporary, &name)?;
        self.disk.sync_dir()?;
        Ok(SealedIndex::open(
            self.disk.open(&name)?.map()?,
            Check::Small,
        ))
    }

    /// All segments and the position up to which they are shown.
    pub(super) fn snapshot(&self) -> (Vec<Arc<Segment>>, u64) {
        // The position is read first: rows indexed later lie beyond it.
        let durable = self.durable();
        (self.state().segments.values().cloned().collect(), durable)
    }

    /// The oldest position stored; one more than the head when nothing is.
    pub(super) fn first_seq(&self) -> u64 {
        let state = self.state();
        let first = state.segments.values().next();
        first
            .map_or(1, |segment| segment.first_seq)
            .min(self.durable() + 1)
    }

    pub(super) fn segment_of(&self, seq: u64) -> Option<Arc<Segment>> {
        let state = self.state();
        state
            .segments
            .range(..=seq)
            .next_back()
            .map(|(_, segment)| Arc::clone(segment))
    }

    pub(super) fn record(&self, seq: u64) -> Result<Option<Record>> {
        if seq == 0 || seq > self.durable() {
            return Ok(None);
        }
        let Some(segment) = self.segment_of(seq) else {
            let detail = format!(
                "record {seq} was deleted; the oldest is {}",
                self.first_seq()
            );
            return Err(Error::new(ErrorKind::Gone, detail));
        };
        self.blocks
            .record(&segment, (seq - segment.first_seq) as u32)
            .map(Some)
    }

    /// Answers that an index file gave are worth nothing once a part of it fails its checksum. An index in memory, built from the log, takes its place then, and a new file is written.
    ///
    /// # Errors
    /// Where the index was damaged: the answer has to be asked for again. [`asking`](Self::asking) does.
    pub(super) fn check_index(&self, segment: &Segment) -> Result<()> {
        if !has_damaged_index(segment) {
            return Ok(());
        }
        self.rebuild(segment.first_seq)?;
        let message = format!(
            "{} was damaged and is built anew",
            index_name(segment.first_seq)
        );
        Err(Error::new(ErrorKind::Corrupt, message))
    }

    fn rebuild(&self, first_seq: u64) -> Result<()> {
        // One at a time: whoever finds the same damage meanwhile finds it mended.
        let _turn = lock(&self.rebuilding);
        let damaged = self.state().segments.get(&first_seq).cloned();
        let Some(damaged) = damaged.filter(|segment| has_damaged_index(segment)) else {
            return Ok(());
        };
        let scanned = recovery::scan(&*damaged.file, first_seq, self.epoch, self.hasher)?;
        let is_all = |scanned: &recovery::Scanned| {
            scanned.end == damaged.meta().log_bytes && scanned.tail.index.rows() == damaged.rows()
        };
        let scanned = scanned.filter(is_all);
        let scanned = scanned.ok_or_else(|| segment::damaged(first_seq, 0))?;
        let rebuilt = Arc::new(Segment {
            first_seq,
            file: Arc::clone(&damaged.file),
            index: SegmentIndex::Tail(RwLock::new(scanned.tail)),
        });
        {
            let mut state = self.state_mut();
            // Retention may have been faster.
            if !state.segments.contains_key(&first_seq) {
                return Ok(());
            }
            if let SegmentIndex::Sealed { slot, .. } = &damaged.index {
                state.filters.remove(*slot);
                state.by_slot.remove(&slot.key());
            }
            state.unsealed.insert(first_seq);
            state.segments.insert(first_seq, Arc::clone(&rebuilt));
        }
        self.counters.rebuilt.fetch_add(1, Ordering::Release);
        let name = index_name(first_seq);
        self.note(&format!("{name} was damaged and is built anew"));
        // Should the new one not be written, the next open must not take the old one for sound. It may be gone already.
        let _ = self.disk.remove(&name);
        self.seal_soon(rebuilt);
        Ok(())
    }

    /// How many indexes were built anew since the store was opened.
    pub(super) fn rebuilt(&self) -> u64 {
        self.counters.rebuilt.load(Ordering::Acquire)
    }

    /// Whether any index was built anew since, after a look at all of them.
    pub(super) fn mended_since(&self, before: u64) -> bool {
        for segment in self.snapshot().0 {
            // What can't be mended is told by the question that needs it.
            let _ = self.check_index(&segment);
        }
        self.rebuilt() > before
    }

    /// Asks again when the answer met a damaged index that has been built anew: once per segment at most.
    pub(super) fn asking<T>(&self, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            let before = self.rebuilt();
            match ask() {
                Err(error) if error.kind() == ErrorKind::Corrupt && self.mended_since(before) => {}
                answer => return answer,
            }
        }
    }

    /// All observations of an event, in seq order.
    pub(super) fn observations(
        &self,
        of: u64,
        observing: &[Observing],
        durable: u64,
    ) -> Result<Vec<Arc<Observation>>> {
        let mut found = Vec::new();
        for Observing { segment, .. } in observing
            .iter()
            .filter(|observing| observing.of.contains(&of))
        {
            for row in segment.observed(of) {
                if segment.first_seq + u64::from(row) > durable {
                    continue;
                }
                if let Record::Observation(observation) = self.blocks.record(segment, row)? {
                    found.push(observation);
                }
            }
        }
        Ok(found)
    }

    /// The segments in which observations are stored, in order.
    pub(super) fn observing(&self, segments: &[Arc<Segment>]) -> Result<Vec<Observing>> {
        let mut observing = Vec::new();
        for segment in segments.iter().filter(|segment| segment.has_observations()) {
            let bounds = segment.observed_bounds();
            self.check_index(segment)?;
            if let Some((first, last)) = bounds {
                observing.push(Observing {
                    segment: Arc::clone(segment),
                    of: first..=last,
                });
            }
        }
        Ok(observing)
    }

    pub(super) fn stored(&self, seq: u64) -> Result<Option<StoredRecord>> {
        let Some(record) = self.record(seq)? else {
            return Ok(None);
        };
        let observations = match &record {
            Record::Event(_) => self.asking(|| {
                let (segments, durable) = self.snapshot();
                self.observations(seq, &self.observing(&segments)?, durable)
            })?,
            Record::Observation(_) => Vec::new(),
        };
        let stamps = record
            .as_event()
            .map_or_else(Stamps::default, |event| stamps(event, &observations));
        Ok(Some(StoredRecord {
            record,
            stamps,
            observations,
        }))
    }

    /// The committed event with this key.
    pub(super) fn find(
        &self,
        hash: u64,
        workspace: &str,
        source: &str,
        id: &str,
    ) -> Result<Option<StoredRecord>> {
        self.asking(|| self.find_once(hash, workspace, source, id))
    }

    fn find_once(
        &self,
        hash: u64,
        workspace: &str,
        source: &str,
        id: &str,
    ) -> Result<Option<StoredRecord>> {
        let candidates: Vec<Arc<Segment>> = {
            let state = self.state();
            let slots = state
                .filters
                .candidates(hash)
                .filter_map(|slot| state.by_slot.get(&slot.key()));
            let sealed = slots.filter_map(|first_seq| state.segments.get(first_seq));
            let tails = state.unsealed.iter().rev();
            let tails = tails.filter_map(|first_seq| state.segments.get(first_seq));
            tails.chain(sealed).cloned().collect()
        };
        let from = NodeId::normalize(source);
        for segment in candidates {
            let rows = segment.ask(|index| index.named(hash, workspace, &from));
            self.check_index(&segment)?;
            for row in rows {
                let seq = segment.first_seq + u64::from(row);
                if seq > self.durable() {
                    continue;
                }
                if let Record::Event(event) = self.blocks.record(&segment, row)?
                    && **event.id() == *id
                    && **event.source() == *source
                    && **event.workspace() == *workspace
                {
                    match self.stored(seq) {
                        // Retention was faster: it isn't stored any more.
                        Err(error) if error.kind() == ErrorKind::Gone => {}
                        found => return found,
                    }
                }
            }
        }
        Ok(None)
    }

    pub(super) fn find_known(
        &self,
        hash: u64,
        workspace: &str,
        source: &str,
        id: &str,
    ) -> Result<Option<Known>> {
        Ok(self
            .find(hash, workspace, source, id)?
            .as_ref()
            .and_then(Known::from_stored))
    }
}

fn has_damaged_index(segment: &Segment) -> bool {
    matches!(&segment.index, SegmentIndex::Sealed { index, .. } if index.is_damaged())
}

/// A segment with its index file, known to the filters.
pub(super) fn sealed_segment(
    segment: &Segment,
    index: SealedIndex,
    state: &mut State,
) -> Arc<Segment> {
    let slot = state.filters.add(index.filter());
    state.by_slot.insert(slot.key(), segment.first_seq);
    state.unsealed.remove(&segment.first_seq);
    Arc::new(Segment {
        first_seq: segment.first_seq,
        file: Arc::clone(&segment.file),
        index: SegmentIndex::Sealed {
            index: Box::new(index),
            slot,
        },
    })
}

/// An event's stamps, completed by its observations.
pub(super) fn stamps(event: &Event, observations: &[Arc<Observation>]) -> Stamps {
    observations.iter().fold(event.stamps(), |stamps, o| {
        stamps.or(Stamps::of_phase(o.phase, o.at))
    })
}

impl Slot {
    pub(super) fn key(self) -> (usize, u32) {
        (self.slice, self.lane)
    }
}
