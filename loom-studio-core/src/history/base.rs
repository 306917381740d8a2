//! Where a log begins after retention.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::{History, blocking, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Seq;
use crate::projection::Checkpoint;
use crate::store::{Delivery, EventStore, RetainPolicy, Retained};

/// The state from which all later ones are folded.
#[derive(Debug)]
pub(super) struct Base<P> {
    pub(super) at: Seq,
    pub(super) state: P,
}

/// A [`History`] of whatever projection, as those see it who feed it and those who delete from its log.
#[async_trait]
pub trait Followed: Debug + Send + Sync + 'static {
    /// Everything up to here was followed.
    fn position(&self) -> Seq;

    /// Takes in what a subscription to everything delivered, in order. What was followed already is passed over, so one subscription may feed several histories from the position of the one farthest behind.
    fn follow(&self, delivery: &Delivery);

    /// Whether [`save`](Self::save) has anything to do.
    fn is_due(&self) -> bool;

    /// Writes the checkpoints that are due, on a thread that may block. A failure is noted and stops nothing.
    async fn save(&self);

    /// Makes the state at a position durable, so that the log may begin after it.
    ///
    /// # Errors
    /// As [`History::at`]; `Full` or `Io` when it can't be written.
    async fn secure(&self, base: Seq) -> Result<()>;

    /// The log now begins after this position, whose state was [secured](Self::secure): everything before it is forgotten.
    fn rebase(&self, base: Seq);

    /// Mishaps that stopped nothing.
    fn notes(&self) -> Vec<String>;
}

#[async_trait]
impl<P: Checkpoint> Followed for History<P> {
    fn position(&self) -> Seq {
        History::position(self)
    }

    fn follow(&self, delivery: &Delivery) {
        self.follow_records(delivery);
    }

    fn is_due(&self) -> bool {
        self.saving.is_due()
    }

    async fn save(&self) {
        self.save_due().await;
    }

    async fn secure(&self, base: Seq) -> Result<()> {
        let state = self.at(base).await?;
        lock(&self.kept).secured = Some(Base {
            at: base,
            state: state.clone(),
        });
        let saving = self.saving.clone();
        let saved = blocking(move || saving.save_base(base, &state)).await?;
        saved.inspect_err(|error| {
            self.saving
                .note(&format!("the state at {base} is in memory alone: {error}"));
        })
    }

    fn rebase(&self, base: Seq) {
        {
            let mut live = lock(&self.live);
            let mut kept = lock(&self.kept);
            if let Some(secured) = kept.secured.as_ref().filter(|secured| secured.at == base)
                && live.position < base
            {
                // The records in between can't be followed any more; the state has them.
                live.jump(base, secured.state.clone());
            }
            if let Some(secured) = kept.secured.take_if(|secured| secured.at == base) {
                kept.base = secured;
            }
            kept.ladder.forget_before(base);
            kept.prepared.forget_before(base);
            kept.asked.retain(|(at, _)| *at >= base);
        }
        self.saving.rebase(base);
    }

    fn notes(&self) -> Vec<String> {
        History::notes(self)
    }
}

/// Deletes from the front of a log what the policy no longer wants, after every history has the state there: first asks what would go, then secures the states, then deletes no more than that.
///
/// A crash at any moment loses nothing: until the records are deleted the old base holds, afterwards the new one is durable.
///
/// # Errors
/// As the store's retention, and when a state can't be secured: nothing is deleted then. The exception is a disk so full that even the histories' own caches left no room for it: retention is what frees
/// space, so it goes on, the state stays good for the life of the process, and the error is noted by [`Followed::notes`].
pub async fn retain_with(
    store: &dyn EventStore,
    policy: &RetainPolicy,
    histories: &[Arc<dyn Followed>],
) -> Result<Retained> {
    let first = store.retainable(policy).await?;
    let stats = store.stats().await?;
    let is_needed = stats.first_seq != Seq::ZERO && first > stats.first_seq;
    if is_needed {
        for history in histories {
            match history.secure(first.previous()).await {
                Err(error) if !is_bearable(&error) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }
    let retained = store.delete_before(first).await?;
    if is_needed && retained.deleted_records > 0 {
        // Less may be gone than was planned; states begin where they were secured all the same.
        for history in histories {
            history.rebase(first.previous());
        }
    }
    Ok(retained)
}

/// A full disk, or records that left by themselves meanwhile (a log in memory drops its oldest).
fn is_bearable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::Gone)
}
