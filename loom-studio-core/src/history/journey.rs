//! States left behind all along a range, of several histories in one pass over the log.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::MutexGuard;

use super::prepared::{Range, Tracked};
use super::{History, READ, lock};
use crate::error::{ErrorKind, Result};
use crate::event::Record;
use crate::ids::{Epoch, Seq};
use crate::projection::{Persistent, Track};
use crate::store::{Delivery, EventFilter, EventStore, StartAt};

/// A [`History`] whose states can be kept side by side, of whatever projection.
#[async_trait]
pub trait Travelled: Debug + Send + Sync + 'static {
    /// Sets out on a range; `None` when it was prepared already. One journey of a history at a time: a second one waits for the end of the first.
    ///
    /// # Errors
    /// As [`History::at`] for the range's beginning.
    async fn set_out(&self, from: Seq, to: Seq) -> Result<Option<Box<dyn Journey + '_>>>;
}

/// A history's way along a range. Dropped before it [arrives](Self::arrive), it has prepared nothing.
pub trait Journey: Send {
    /// At most so many records lie between two states.
    fn step(&self) -> u64;

    /// Goes on to a position. `delivery` is the next of a subscription to everything that began where the journey did, and ends no farther than one [`step`](Self::step) boundary on.
    fn follow(&mut self, delivery: &Delivery);

    /// Puts the states where questions find them.
    fn arrive(self: Box<Self>);
}

/// Leaves states of several histories behind all along a range, reading the log once, so that [`History::at`] and [`at_both`](super::at_both) are quick for every position in it.
///
/// A history that has prepared the range already is passed over. `progress` is told the records folded so far and those to fold. Cancel-safe: a dropped call has prepared nothing.
///
/// # Errors
/// As [`History::at`] for the range's beginning; `Gone` when retention deletes records of the range meanwhile; as the store's reads.
pub async fn prepare_all(
    store: &dyn EventStore,
    histories: &[&dyn Travelled],
    from: Seq,
    to: Seq,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<()> {
    let to = to.min(store.stats().await?.last_seq);
    if from > to {
        return Ok(());
    }
    let mut journeys = Vec::new();
    for history in histories {
        journeys.extend(history.set_out(from, to).await?);
    }
    let Some(step) = journeys.iter().map(|journey| journey.step()).min() else {
        return Ok(());
    };
    let (records, mut position) = (to.0 - from.0, from);
    progress(0, records);
    let mut subscription = along(store, from, store.epoch()).await?;
    while position < to {
        let boundary = from.0 + ((position.0 - from.0) / step + 1) * step;
        let most = boundary.min(to.0) - position.0;
        let Some(delivery) = subscription.try_next(most.min(READ) as usize).await? else {
            break;
        };
        if let Some((_, last)) = delivery.gap {
            return Err(super::gone(to, last));
        }
        for journey in &mut journeys {
            journey.follow(&delivery);
        }
        position = delivery.through;
        progress(position.0 - from.0, records);
        tokio::task::yield_now().await;
    }
    for journey in journeys {
        journey.arrive();
    }
    Ok(())
}

/// Everything after a position.
async fn along(
    store: &dyn EventStore,
    from: Seq,
    epoch: Epoch,
) -> Result<crate::store::Subscription> {
    let after = StartAt::After { seq: from, epoch };
    store.subscribe(after, EventFilter::default()).await
}

/// The part of the bytes of a range that a track may take, when states are left behind where it ends: three quarters.
const TRACK_SHARE: (u64, u64) = (3, 4);

/// The journey of one history.
struct Way<'a, P: Persistent> {
    history: &'a History<P>,
    from: Seq,
    to: Seq,
    position: Seq,
    state: P,
    /// While it fits the bound.
    track: Option<P::Track>,
    tracked: Option<Tracked<P>>,
    tracked_bytes: u64,
    /// From where the track ends.
    states: States<P>,
    /// The turn of this history.
    _turn: MutexGuard<'a, ()>,
}

/// States at every step of a range, within bounds: when there are too many, or they take too much, every other one goes and the step doubles.
#[derive(Debug)]
struct States<P> {
    /// Where the range begins: steps are counted from there.
    from: Seq,
    /// The first state, which stays.
    first: Seq,
    step: u64,
    most: usize,
    most_bytes: u64,
    /// Each with the bytes it takes beside the one before.
    kept: Vec<(Seq, P, u64)>,
    bytes: u64,
}

impl<P: Persistent> States<P> {
    fn is_due(&self, at: Seq) -> bool {
        (at.0 - self.from.0).is_multiple_of(self.step)
    }

    /// Begins anew from a position.
    fn begin(&mut self, from: Seq, state: &P) {
        self.first = from;
        self.kept.clear();
        self.bytes = 0;
        self.leave(from, state);
    }

    fn leave(&mut self, at: Seq, state: &P) {
        let bytes = self
            .kept
            .last()
            .map_or(0, |(_, before, _)| state.unshared_bytes(before));
        self.kept.push((at, state.clone(), bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while (self.kept.len() > self.most || self.bytes > self.most_bytes) && self.kept.len() > 1 {
            self.thin();
        }
    }

    fn thin(&mut self) {
        self.step = self.step.saturating_mul(2);
        let (from, first, step) = (self.from.0, self.first, self.step);
        self.kept
            .retain(|(at, _, _)| *at == first || (at.0 - from).is_multiple_of(step));
        let mut before: Option<P> = None;
        self.bytes = 0;
        for (_, state, bytes) in &mut self.kept {
            *bytes = before
                .as_ref()
                .map_or(0, |before| state.unshared_bytes(before));
            self.bytes = self.bytes.saturating_add(*bytes);
            before = Some(state.clone());
        }
    }
}

impl<P: Persistent> Way<'_, P> {
    /// Takes in a record. The track stays within its bytes; one that can't ends here.
    fn take(&mut self, record: &Record) {
        let Some(track) = &mut self.track else {
            self.state.apply(record);
            return;
        };
        track.apply(&mut self.state, record);
        let (part, of) = TRACK_SHARE;
        let most = self.states.most_bytes / of * part;
        while track.bytes() > most {
            if !track.thin() {
                self.position = record.seq();
                self.close_track();
                self.states.begin(self.position, &self.state);
                return;
            }
        }
    }

    fn close_track(&mut self) {
        if let Some(mut track) = self.track.take() {
            track.close();
            self.tracked_bytes = track.bytes();
            self.states.most_bytes = self.states.most_bytes.saturating_sub(self.tracked_bytes);
            self.tracked = Some(Tracked::new(Arc::new(track), self.position));
        }
    }
}

impl<P: Persistent> Journey for Way<'_, P> {
    fn step(&self) -> u64 {
        self.states.step
    }

    fn follow(&mut self, delivery: &Delivery) {
        for record in &delivery.records {
            if record.seq() > self.position && self.history.is_in_scope(record) {
                self.take(record);
            }
        }
        self.position = self.position.max(delivery.through).min(self.to);
        let is_due = self.states.is_due(self.position) || self.position == self.to;
        if self.track.is_none() && is_due {
            self.states.leave(self.position, &self.state);
        }
    }

    fn arrive(mut self: Box<Self>) {
        self.close_track();
        let bytes = self.tracked_bytes.saturating_add(self.states.bytes);
        let states = self.states.kept.into_iter();
        let range = Range {
            from: self.from,
            to: self.to,
            tracked: self.tracked,
            states: states.map(|(at, state, _)| (at, state)).collect(),
            bytes,
        };
        let dropped = lock(&self.history.kept).prepared.add(range);
        // Freeing states may take a while: not under the lock.
        drop(dropped);
    }
}

#[async_trait]
impl<P: Persistent> Travelled for History<P> {
    async fn set_out(&self, from: Seq, to: Seq) -> Result<Option<Box<dyn Journey + '_>>> {
        let turn = self.preparing.lock().await;
        if lock(&self.kept).prepared.covers(from, to) {
            return Ok(None);
        }
        let mut state = self.at(from).await?;
        // A track is of all records: those of a workspace don't say at which positions it stood.
        let is_of_all = self.scope.workspace.is_none();
        let track = if is_of_all {
            P::Track::begin(&mut state)
        } else {
            None
        };
        let mut states = States {
            from,
            first: from,
            step: self.options.step,
            most: self.options.max_prepared.max(2),
            most_bytes: self.options.max_prepared_bytes,
            kept: Vec::new(),
            bytes: 0,
        };
        if track.is_none() {
            states.leave(from, &state);
        }
        Ok(Some(Box::new(Way {
            history: self,
            from,
            to,
            position: from,
            state,
            track,
            tracked: None,
            tracked_bytes: 0,
            states,
            _turn: turn,
        })))
    }
}

impl<P: Persistent> History<P> {
    /// Leaves states behind all along a range, so that [`at`](Self::at) is quick for every position in it. A range that was prepared already costs nothing; the oldest ranges give way when the states would be
    /// too many or too large, and a range that alone would be gets a wider step. `progress` is told the records folded so far and those to fold.
    ///
    /// Cancel-safe: a dropped call has prepared nothing.
    ///
    /// # Errors
    /// As [`at`](Self::at) for the range's beginning.
    pub async fn prepare(
        &self,
        from: Seq,
        to: Seq,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<()> {
        prepare_all(&*self.store, &[self], from, to, progress).await
    }

    /// States in prepared ranges, and about how many bytes they take beside each other.
    pub fn prepared(&self) -> (usize, u64) {
        lock(&self.kept).prepared.size()
    }
}

/// The states of two histories of one log at one position, each as [`History::at`] has it, reading the records in between once for both.
///
/// Cancel-safe: a dropped call has no effect.
///
/// # Errors
/// As [`History::at`]; `Invalid` when the histories are of different scopes.
pub async fn at_both<A: crate::Checkpoint, B: crate::Checkpoint>(
    first: &History<A>,
    second: &History<B>,
    seq: Seq,
) -> Result<(A, B)> {
    if first.scope != second.scope || first.store.epoch() != second.store.epoch() {
        let message = "the histories are of different logs or scopes";
        return Err(crate::Error::new(ErrorKind::Invalid, message));
    }
    let (mut one, target) = first.set_off(seq).await?;
    let (mut other, _) = second.set_off(target).await?;
    let (one_from, other_from) = (one.position, other.position);
    // Each goes alone to where the other one is.
    first.advance(&mut one, other_from.min(target)).await?;
    second.advance(&mut other, one_from.min(target)).await?;
    if one.position < target {
        let after = StartAt::After {
            seq: one.position,
            epoch: first.store.epoch(),
        };
        let mut subscription = first.store.subscribe(after, first.scope.clone()).await?;
        while one.position < target {
            let most = (target.0 - one.position.0).min(READ) as usize;
            let Some(delivery) = subscription.try_next(most).await? else {
                break;
            };
            one.take(&delivery, target)?;
            other.take(&delivery, target)?;
            tokio::task::yield_now().await;
        }
    }
    first.remember(&one, one_from);
    second.remember(&other, other_from);
    Ok((one.state, other.state))
}
