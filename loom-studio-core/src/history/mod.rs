//! Any position of a log, without folding from its beginning.
//!
//! A [`History`] holds the state of one projection at the head, follows the log with it, and leaves states behind on the way: in memory (thinned with age, see [`ladder`]) and in a [`CheckpointStore`]. The state at
//! a position is the nearest of these before it, folded on through the records in between. So what it answers is what a fold from the beginning would; only the time it takes differs.

mod base;
mod checkpoints;
#[cfg(feature = "file")]
mod dir;
mod journey;
mod ladder;
mod prepared;
mod saving;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::base::Base;
use self::ladder::Ladder;
use self::prepared::Prepared;
use self::saving::Saving;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Record;
use crate::ids::Seq;
use crate::projection::Checkpoint;
use crate::store::{Delivery, EventFilter, EventStore, StartAt};

pub use base::{Followed, retain_with};
pub use checkpoints::{CheckpointKey, CheckpointStore, Durability, MemoryCheckpoints};
#[cfg(feature = "file")]
pub use dir::DirCheckpoints;
pub use journey::{Journey, Travelled, at_both, prepare_all};

/// How densely a [`History`] keeps states. The defaults suit a log of millions of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Records between two states in memory near the head, and in a prepared range. Default 1,024.
    pub step: u64,
    /// States in memory per order of magnitude (of two) of their age. Default 8.
    pub per_order: usize,
    /// States in memory for the ranges that were prepared. A range that would need more gets a wider step. Default 1,024.
    pub max_prepared: usize,
    /// Bytes of those states, as [`Persistent`](crate::Persistent) estimates what they don't share; a range whose states would take more gets a wider step, too. A [`Track`](crate::Track) takes at most three quarters of it;
    /// where that doesn't suffice, it ends, and states are left behind in the rest. Default 128 MiB.
    pub max_prepared_bytes: u64,
    /// Records between two states in the checkpoint store; more when the states are large (one record for each 128 bytes). Default 10,000.
    pub save_every: u64,
    /// Bytes in the checkpoint store. Above it those go whose neighbours are closest together, so that the rest are spread evenly; the base and the newest stay. Default 256 MiB.
    pub max_saved_bytes: u64,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            step: 1_024,
            per_order: 8,
            max_prepared: 1_024,
            max_prepared_bytes: 128 << 20,
            save_every: 10_000,
            max_saved_bytes: 256 << 20,
        }
    }
}

/// Records read at a time: few enough that other tasks get their turn.
const READ: u64 = 1_024;
/// A state in the checkpoint store is taken when it saves folding this many records, ...
const WORTH_LOADING: u64 = 2_048;
/// ... and one for each so many bytes it takes there: decoding costs about as much.
const STORED_BYTES_PER_RECORD: u64 = 32;
/// Results of questions kept, for the next one nearby.
const ASKED: usize = 16;

/// The states of one projection along a log.
///
/// # Guarantees
///
/// * **One code path.** [`at`](Self::at) and [`head`](Self::head) are the same fold; a state through checkpoints equals that of a fold from the log's base.
/// * **Checkpoints are a cache.** A missing, damaged or foreign one costs time, never an answer. One that can't be written is [noted](Self::notes), and stops nothing.
/// * **After retention** the state at the log's new beginning is the *base*: what was deleted still counts in it, and every later state goes on from it. A position before the base is
///   [`Gone`](ErrorKind::Gone). Where no base was kept (checkpoints were deleted by hand, or their format changed after a retention), the fold begins from nothing at the first stored record: what was deleted
///   is forgotten then, which is noted.
/// * **Bounded.** States in memory and bytes on disk stay within [`HistoryOptions`].
///
/// All methods take `&self` and may be called at once from any task.
pub struct History<P> {
    store: Arc<dyn EventStore>,
    scope: EventFilter,
    options: HistoryOptions,
    live: Mutex<Live<P>>,
    kept: Mutex<Kept<P>>,
    saving: Saving<P>,
    preparing: tokio::sync::Mutex<()>,
}

/// The state that follows the log.
struct Live<P> {
    state: P,
    /// Everything up to here is in the state.
    position: Seq,
    snapshot: Option<Arc<P>>,
    /// The last multiples of the steps at which a state was left behind.
    last_kept: u64,
    last_saved: u64,
}

/// States in memory.
struct Kept<P> {
    base: Base<P>,
    /// The base to be, once the records before it are deleted.
    secured: Option<Base<P>>,
    ladder: Ladder<P>,
    prepared: Prepared<P>,
    /// The newest last.
    asked: Vec<(Seq, P)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A fold never panics; were one to, its state stands where it stopped.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Checkpoint> History<P> {
    /// Opens the history of a projection over a scope: everything, or one workspace. It stands at its newest checkpoint, and reaches the head by being [followed](Followed::follow) or by
    /// [`catch_up`](Self::catch_up). `empty` is the state before the first record.
    ///
    /// # Errors
    /// `Invalid` for a scope that asks for more than a workspace; as the store's reads. A checkpoint store that fails is noted.
    pub async fn open(
        store: Arc<dyn EventStore>,
        scope: EventFilter,
        checkpoints: Arc<dyn CheckpointStore>,
        options: HistoryOptions,
        empty: P,
    ) -> Result<Self> {
        if !scope.is_workspace_only() {
            let message = "a history is of everything or of one workspace";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let options = HistoryOptions {
            step: options.step.max(1),
            save_every: options.save_every.max(1),
            ..options
        };
        let key = CheckpointKey {
            format: P::FORMAT.into(),
            scope: scope.workspace.clone().unwrap_or_default(),
        };
        let stats = store.stats().await?;
        let floor = floor(stats.first_seq, stats.last_seq);
        let saving = Saving::new(checkpoints, key, options.max_saved_bytes);
        let (saving, base, newest) = blocking(move || {
            let base = saving.begin(floor, stats.last_seq, empty);
            let newest = saving.newest();
            (saving, base, newest)
        })
        .await?;
        let (position, newest) = newest.unwrap_or_else(|| (base.at, base.state.clone()));
        Ok(Self {
            live: Mutex::new(Live {
                state: newest,
                position,
                snapshot: None,
                last_kept: position.0 / options.step,
                last_saved: position.0 / options.save_every,
            }),
            kept: Mutex::new(Kept {
                base,
                secured: None,
                ladder: Ladder::new(options.step, options.per_order),
                prepared: Prepared::new(options.max_prepared, options.max_prepared_bytes),
                asked: Vec::new(),
            }),
            preparing: tokio::sync::Mutex::default(),
            store,
            scope,
            options,
            saving,
        })
    }

    /// The state as far as the log was followed. Shared until the next record comes.
    pub fn head(&self) -> Arc<P> {
        let live = &mut *lock(&self.live);
        let snapshot = live
            .snapshot
            .get_or_insert_with(|| Arc::new(live.state.clone()));
        Arc::clone(snapshot)
    }

    /// Everything up to here was followed.
    pub fn position(&self) -> Seq {
        lock(&self.live).position
    }

    /// The state at a position: with every record up to it and none after. Beyond the head it is that at the head.
    ///
    /// Costs a fold from the nearest state kept before it. Cancel-safe: a dropped call has no effect.
    ///
    /// # Errors
    /// `Gone` for a position before the log's base; as the store's reads.
    pub async fn at(&self, seq: Seq) -> Result<P> {
        let (mut cursor, target) = self.set_off(seq).await?;
        let from = cursor.position;
        self.advance(&mut cursor, target).await?;
        self.remember(&cursor, from);
        Ok(cursor.state)
    }

    /// The nearest state at or before a position, and where to fold it to.
    async fn set_off(&self, seq: Seq) -> Result<(Cursor<P>, Seq)> {
        let stats = self.store.stats().await?;
        let target = seq.min(stats.last_seq);
        let base = lock(&self.kept)
            .base
            .at
            .max(floor(stats.first_seq, stats.last_seq));
        if target < base {
            return Err(gone(target, base));
        }
        let (position, nearest) = self.nearest(target).await?;
        let cursor = Cursor {
            position,
            state: nearest,
        };
        Ok((cursor, target))
    }

    /// Keeps the answer to a question that cost a long fold, for the next one nearby.
    fn remember(&self, answer: &Cursor<P>, from: Seq) {
        if answer.position.0 - from.0 <= self.options.step {
            return;
        }
        let mut kept = lock(&self.kept);
        if kept.prepared.covers(answer.position, answer.position) {
            return;
        }
        let dropped = (kept.asked.len() >= ASKED).then(|| kept.asked.remove(0));
        kept.asked.push((answer.position, answer.state.clone()));
        // Freeing a state may take a while: not under the lock.
        drop(kept);
        drop(dropped);
    }

    /// Follows the log up to its head at the call: for a host without a task that does.
    ///
    /// # Errors
    /// As the store's reads.
    pub async fn catch_up(&self) -> Result<Seq> {
        let head = self.store.stats().await?.last_seq;
        let mut position = self.position();
        let after = StartAt::After {
            seq: position,
            epoch: self.store.epoch(),
        };
        let mut subscription = self.store.subscribe(after, EventFilter::default()).await?;
        while position < head {
            let Some(delivery) = subscription.try_next(READ as usize).await? else {
                break;
            };
            position = delivery.through;
            self.follow_records(&delivery);
            if self.saving.is_due() {
                self.save_due().await;
            }
            tokio::task::yield_now().await;
        }
        Ok(position)
    }

    /// Mishaps that stopped nothing: checkpoints that could not be read or written, a base that was lost.
    pub fn notes(&self) -> Vec<String> {
        self.saving.notes()
    }

    /// Takes in the next records. What was followed already is passed over.
    fn follow_records(&self, delivery: &Delivery) {
        let mut kept = Vec::new();
        let mut due = None;
        let worthwhile = self.saving.worthwhile();
        {
            let live = &mut *lock(&self.live);
            if let Some((_, last)) = delivery.gap
                && last > live.position
            {
                self.saving.note(&format!(
                    "records {} to {last} were deleted before they were followed; {} goes on without them",
                    live.position.next(),
                    P::FORMAT,
                ));
                live.pass(last, &self.options, &mut kept, &mut due, worthwhile);
            }
            for record in &delivery.records {
                let seq = record.seq();
                if seq <= live.position {
                    continue;
                }
                live.pass(
                    seq.previous(),
                    &self.options,
                    &mut kept,
                    &mut due,
                    worthwhile,
                );
                if self.is_in_scope(record) {
                    live.snapshot = None;
                    live.state.apply(record);
                }
                live.position = seq;
            }
            live.pass(
                delivery.through,
                &self.options,
                &mut kept,
                &mut due,
                worthwhile,
            );
        }
        if !kept.is_empty() {
            let ladder = &mut lock(&self.kept).ladder;
            for (at, state) in kept {
                ladder.push(at, state);
            }
        }
        if let Some((at, state)) = due {
            self.saving.ask(at, state);
        }
    }

    fn is_in_scope(&self, record: &Record) -> bool {
        let workspace = self.scope.workspace.as_ref();
        workspace.is_none_or(|workspace| workspace == record.workspace())
    }

    /// The nearest state at or before a position.
    async fn nearest(&self, target: Seq) -> Result<(Seq, P)> {
        let followed = {
            let live = lock(&self.live);
            (live.position <= target).then(|| (live.position, live.state.clone()))
        };
        if let Some(found) = followed {
            return Ok(found);
        }
        let in_memory = {
            let kept = lock(&self.kept);
            let asked = kept.asked.iter().filter(|(at, _)| *at <= target);
            let asked = asked.max_by_key(|(at, _)| *at).cloned();
            let base = (kept.base.at <= target).then(|| (kept.base.at, kept.base.state.clone()));
            [
                asked,
                base,
                kept.ladder.before(target),
                kept.prepared.before(target),
            ]
            .into_iter()
            .flatten()
            .max_by_key(|(at, _)| *at)
        };
        let known = in_memory.as_ref().map_or(0, |(at, _)| at.0);
        while let Some((at, bytes)) = self.saving.before(target) {
            if in_memory.is_some() && at.0.saturating_sub(known) < worth_loading(bytes) {
                break;
            }
            let saving = self.saving.clone();
            if let Some(state) = blocking(move || saving.load(at)).await? {
                return Ok((at, state));
            }
        }
        in_memory.ok_or_else(|| gone(target, lock(&self.kept).base.at))
    }

    /// Folds on to a position.
    async fn advance(&self, cursor: &mut Cursor<P>, target: Seq) -> Result<()> {
        if cursor.position >= target {
            return Ok(());
        }
        let after = StartAt::After {
            seq: cursor.position,
            epoch: self.store.epoch(),
        };
        let mut subscription = self.store.subscribe(after, self.scope.clone()).await?;
        while cursor.position < target {
            let most = (target.0 - cursor.position.0).min(READ) as usize;
            let Some(delivery) = subscription.try_next(most).await? else {
                break;
            };
            cursor.take(&delivery, target)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Writes the states that are due. Failures are noted.
    async fn save_due(&self) {
        let saving = self.saving.clone();
        if let Err(error) = blocking(move || saving.save_due()).await {
            self.saving.note(&error.to_string());
        }
    }
}

/// A state under way.
struct Cursor<P> {
    position: Seq,
    state: P,
}

impl<P: Checkpoint> Cursor<P> {
    /// Goes on by what a subscription delivered on the way to `target`; `Gone` when records in between are.
    fn take(&mut self, delivery: &Delivery, target: Seq) -> Result<()> {
        if let Some((_, last)) = delivery.gap {
            return Err(gone(target, last));
        }
        for record in &delivery.records {
            self.state.apply(record);
        }
        self.position = delivery.through;
        Ok(())
    }
}

impl<P: Checkpoint> Live<P> {
    /// Takes up a state farther on.
    fn jump(&mut self, to: Seq, state: P) {
        self.state = state;
        self.position = to;
        self.snapshot = None;
    }

    /// Goes on to a position with no further record of the scope, leaving states behind where a multiple of a step lies in between.
    fn pass(
        &mut self,
        to: Seq,
        options: &HistoryOptions,
        kept: &mut Vec<(Seq, P)>,
        due: &mut Option<(Seq, P)>,
        worthwhile: u64,
    ) {
        let steps = to.0 / options.step;
        if steps > self.last_kept {
            self.last_kept = steps;
            let at = Seq(steps * options.step);
            if at >= self.position {
                kept.push((at, self.state.clone()));
            }
        }
        let saves = to.0 / options.save_every;
        if (saves - self.last_saved.min(saves)) * options.save_every > worthwhile {
            self.last_saved = saves;
            let at = Seq(saves * options.save_every);
            if at >= self.position {
                *due = Some((at, self.state.clone()));
            }
        }
        self.position = self.position.max(to);
    }
}

impl<P: Checkpoint> fmt::Debug for History<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("format", &P::FORMAT)
            .field("scope", &self.scope.workspace)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

/// The position before the oldest record stored.
fn floor(first: Seq, last: Seq) -> Seq {
    if first == Seq::ZERO {
        last
    } else {
        first.previous()
    }
}

/// Records a stored state of so many bytes must save.
fn worth_loading(bytes: u64) -> u64 {
    WORTH_LOADING.max(bytes / STORED_BYTES_PER_RECORD)
}

fn gone(at: Seq, base: Seq) -> Error {
    let message = format!("the state at {at} was deleted; the oldest is that at {base}");
    Error::new(ErrorKind::Gone, message)
}

/// Runs work that waits for a disk where it holds up no task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Io, "reading or writing checkpoints was cut off").with_source(error)
    })
}
