//! The one idea: everything that isn't the log is a pure fold over it.

use std::fmt::Debug;

use crate::error::Result;
use crate::event::Record;
use crate::ids::Seq;
use crate::store::{EventFilter, EventStore, StartAt, Subscription};

/// A fold over the records of a log.
///
/// # Contract
///
/// * **Order.** Records come in seq order, each once. Which of them come (a workspace, a session, everything) is the caller's choice.
/// * **Purity.** The state depends on nothing but the records applied: no clock, no randomness, no hash order. Applying one by one or in any batches gives the same state.
/// * **Total.** `apply` never fails: a record that makes no sense to a fold leaves it unchanged, or is kept as a fact about that record.
/// * **Small.** A projection holds seqs and what it answers with, not payloads.
pub trait Projection: Send {
    /// Takes in the next record.
    fn apply(&mut self, record: &Record);

    /// The last position applied; [`Seq::ZERO`] before the first.
    fn through(&self) -> Seq;
}

/// A projection whose state can be put aside and taken up again.
///
/// # Contract
///
/// Beside that of [`Projection`]:
///
/// * **Cheap to clone.** A clone shares what it can with its original: it costs no more than a few microseconds, however large the state.
/// * **Faithful.** `restore(save(state))` answers every question, now and after any further records, as `state` does.
/// * **Versioned.** A checkpoint of another [`FORMAT`](Self::FORMAT) is never passed to `restore`; it is rebuilt from the log.
pub trait Checkpoint: Projection + Clone + Sync + Sized + 'static {
    /// Names the projection and the version of its encoding: file-name characters only.
    const FORMAT: &'static str;

    /// The state, encoded.
    fn save(&self) -> Vec<u8>;

    /// The state of an encoding; `None` when it is none.
    fn restore(bytes: &[u8]) -> Option<Self>;
}

/// A checkpoint that is a persistent data structure in the sense of Driscoll, Sarnak, Sleator and Tarjan ("Making Data Structures Persistent", 1989): a new version shares with the old one what did not change, so
/// that many states of one fold can be kept side by side.
///
/// # Contract
///
/// Beside that of [`Checkpoint`]: an estimate never depends on anything but the two states, is 0 for a clone, and costs a look at each node and document, not at what is in those that are shared.
pub trait Persistent: Checkpoint {
    /// What any state along a range can be put together from; [`Untracked`] when states at some of its positions serve better.
    type Track: Track<Self>;

    /// About how many bytes this state takes beside an earlier one of the same fold: what the two don't share.
    fn unshared_bytes(&self, earlier: &Self) -> u64;
}

/// A fold along a range of a log, from which its state at any position of the range is to be had without the log.
///
/// # Contract
///
/// * **Faithful.** [`at`](Self::at) a position answers every question, now and after any further records, as the state there did.
/// * **Quick.** `at` costs microseconds; a question about one node or document of that state costs a bounded part of what that one was told, whatever the rest.
pub trait Track<P>: Sized + Debug + Send + Sync + 'static {
    /// Sets out from a state, which answers as before. `None` when there is nothing to note for this projection.
    fn begin(state: &mut P) -> Option<Self>;

    /// Takes the state one record on, and notes what that changes. Every record of the log after the beginning comes, each once.
    fn apply(&mut self, state: &mut P, record: &Record);

    /// About how many bytes it takes.
    fn bytes(&self) -> u64;

    /// How many states, or parts of states, it holds.
    fn states(&self) -> usize;

    /// Takes less memory if it can, and makes the questions cost more. False when they would cost too much.
    fn thin(&mut self) -> bool;

    /// Nothing more comes.
    fn close(&mut self);

    /// The state at a position, from the beginning to the last record applied.
    fn at(&self, at: Seq) -> P;
}

/// No [`Track`].
#[derive(Debug, Clone, Copy)]
pub enum Untracked {}

impl<P> Track<P> for Untracked {
    fn begin(_: &mut P) -> Option<Self> {
        None
    }

    fn apply(&mut self, _: &mut P, _: &Record) {
        match *self {}
    }

    fn bytes(&self) -> u64 {
        match *self {}
    }

    fn states(&self) -> usize {
        match *self {}
    }

    fn thin(&mut self) -> bool {
        match *self {}
    }

    fn close(&mut self) {
        match *self {}
    }

    fn at(&self, _: Seq) -> P {
        match *self {}
    }
}

/// About how many entries a changed one of a persistent B-tree copies along: those of its leaf and of the branches above.
const COPIED_ENTRIES: usize = 24;

/// About what `changed` entries of a persistent map copied of it, without what they hold: at most the whole map, half full.
pub(crate) fn map_bytes(entries: usize, changed: usize, entry_bytes: usize) -> u64 {
    let copied = changed.saturating_mul(COPIED_ENTRIES).min(2 * entries);
    copied.saturating_mul(entry_bytes) as u64
}

/// Records read in one step of a fold.
const FOLD_STEP: usize = 4096;

/// Folds the matching records up to `up_to` (the head at the call when `None`) and returns the position reached.
///
/// Cancel-safe in that the projection is left at some position before the end.
///
/// # Errors
/// As the store's reads.
pub async fn fold(
    store: &dyn EventStore,
    filter: &EventFilter,
    up_to: Option<Seq>,
    projection: &mut dyn Projection,
) -> Result<Seq> {
    let head = store.stats().await?.last_seq;
    let target = up_to.map_or(head, |up_to| up_to.min(head));
    let subscription = store.subscribe(StartAt::Beginning, filter.clone()).await?;
    fold_subscription(subscription, target, projection).await
}

/// Folds the matching records after one position and up to another (the head at the call, when that is before it) and returns the position reached. Records that were deleted are passed over.
///
/// Cancel-safe as [`fold`].
///
/// # Errors
/// As the store's reads.
pub async fn fold_between(
    store: &dyn EventStore,
    filter: &EventFilter,
    after: Seq,
    up_to: Seq,
    projection: &mut dyn Projection,
) -> Result<Seq> {
    let head = store.stats().await?.last_seq;
    let start = StartAt::After {
        seq: after.min(head),
        epoch: store.epoch(),
    };
    let subscription = store.subscribe(start, filter.clone()).await?;
    fold_subscription(subscription, up_to.min(head), projection).await
}

async fn fold_subscription(
    mut subscription: Subscription,
    target: Seq,
    projection: &mut dyn Projection,
) -> Result<Seq> {
    while subscription.position() < target {
        let step = usize::try_from(target.0 - subscription.position().0)
            .unwrap_or(FOLD_STEP)
            .min(FOLD_STEP);
        let Some(delivery) = subscription.try_next(step).await? else {
            break;
        };
        for record in delivery
            .records
            .iter()
            .take_while(|record| record.seq() <= target)
        {
            projection.apply(record);
        }
        tokio::task::yield_now().await;
    }
    Ok(subscription.position().min(target))
}
