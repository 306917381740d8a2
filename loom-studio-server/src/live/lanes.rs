//! Folds that follow the log at their own pace: one read serves all, and none waits long for another.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loom_studio_core::{Delivery, Error, EventFilter, EventStore, Followed, Result, Seq, StartAt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::STEP;
use crate::dear::aside;

/// How long the reader waits for the lanes at each step. One that takes longer is left behind, and reads for itself what it missed.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two tries to read from a store that fails.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long who waits for a lane waits while the store can't be read.
const FORBEARANCE: Duration = Duration::from_millis(500);

/// What the reader read after a position.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) after: Seq,
    pub(super) delivery: Delivery,
}

/// How a lane is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneState {
    /// It follows the log.
    Following,
    /// The store could not be read; it is tried again. What the store said.
    Retrying(String),
    /// A fold broke: it stands still until the server is started anew.
    Failed,
}

/// Some folds that go on together.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    histories: Vec<Arc<dyn Followed>>,
    /// Whether a step may take so long that it needs a thread that may block.
    is_slow: bool,
    through: watch::Sender<Seq>,
    trouble: Mutex<Option<String>>,
    /// Cancelled when a fold broke.
    failed: CancellationToken,
}

impl Lane {
    pub(super) fn new(
        name: &'static str,
        is_slow: bool,
        histories: Vec<Arc<dyn Followed>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            is_slow,
            through: watch::Sender::new(oldest(&histories)),
            histories,
            trouble: Mutex::default(),
            failed: CancellationToken::new(),
        })
    }

    /// The position it has reached.
    pub(crate) fn through(&self) -> Seq {
        *self.through.borrow()
    }

    pub(crate) fn state(&self) -> LaneState {
        if self.failed.is_cancelled() {
            return LaneState::Failed;
        }
        match self.trouble().clone() {
            Some(trouble) => LaneState::Retrying(trouble),
            None => LaneState::Following,
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it reaches the position; false when it broke and never will.
    pub(super) async fn reach(&self, seq: Seq) -> bool {
        let mut through = self.through.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as `self`, so waiting can't fail.
            _ = through.wait_for(|through| *through >= seq) => true,
            () = self.failed.cancelled() => false,
        }
    }

    /// Returns when the store has not been readable for a while.
    pub(super) async fn in_trouble(&self) {
        loop {
            sleep(FORBEARANCE).await;
            if self.trouble().is_some() {
                return;
            }
        }
    }

    /// Takes in what the reader reads, until there is no reader any more. A panic in a fold ends it, and whoever waits for it is told.
    pub(super) async fn follow(
        self: Arc<Self>,
        store: Arc<dyn EventStore>,
        mut steps: watch::Receiver<Option<Arc<Step>>>,
    ) {
        let failed = self.failed.clone().drop_guard();
        while steps.changed().await.is_ok() {
            let Some(step) = steps.borrow_and_update().clone() else {
                continue;
            };
            let read_on = || self.read_up_to(&*store, step.after);
            if self.through() < step.after
                && !retrying(
                    || steps.has_changed().is_err(),
                    |told| self.tell(told),
                    read_on,
                )
                .await
            {
                break;
            }
            if self.take(&step).await.is_err() {
                break;
            }
        }
        drop(failed.disarm());
    }

    pub(super) fn tell(&self, trouble: Option<&Error>) {
        *self.trouble() = trouble.map(|error| error.kind().code().to_owned());
    }

    /// Reads for itself what it missed.
    async fn read_up_to(&self, store: &dyn EventStore, seq: Seq) -> Result<()> {
        let start = StartAt::After {
            seq: self.through(),
            epoch: store.epoch(),
        };
        let mut subscription = store.subscribe(start, EventFilter::default()).await?;
        while subscription.position() < seq {
            let after = subscription.position();
            let Some(delivery) = subscription.try_next(STEP).await? else {
                break;
            };
            self.take(&Arc::new(Step { after, delivery })).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// # Errors
    /// `Closed` when the server is shutting down.
    async fn take(&self, step: &Arc<Step>) -> Result<()> {
        let reached = step.delivery.through;
        if self.is_slow {
            let (histories, step) = (self.histories.clone(), Arc::clone(step));
            aside(move || follow_all(&histories, &step)).await?;
        } else {
            follow_all(&self.histories, step);
        }
        self.through.send_if_modified(|through| {
            let is_on = *through < reached;
            *through = reached.max(*through);
            is_on
        });
        Ok(())
    }
}

fn follow_all(histories: &[Arc<dyn Followed>], step: &Step) {
    for history in histories {
        history.follow(&step.delivery);
    }
}

/// Tries again and again, with longer and longer pauses, until it works; false when `is_over` before that. `tell` hears of every failure, and of the end of them.
async fn retrying<F: Future<Output = Result<()>>>(
    is_over: impl Fn() -> bool,
    tell: impl Fn(Option<&Error>),
    work: impl Fn() -> F,
) -> bool {
    let mut pause = SHORTEST_PAUSE;
    while !is_over() {
        match work().await {
            Ok(()) => {
                tell(None);
                return true;
            }
            Err(error) => {
                tracing::warn!(%error, "the log could not be read for a view; it is tried again");
                tell(Some(&error));
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    false
}

/// Reads the log from a position on for all lanes, until told to stop; `read` hears of every step. A store that can't be read is tried again.
pub(super) async fn read(
    store: &dyn EventStore,
    lanes: &[Arc<Lane>],
    steps: watch::Sender<Option<Arc<Step>>>,
    stop: &CancellationToken,
    mut read: impl FnMut(),
) {
    let histories = lanes.iter().flat_map(|lane| &lane.histories);
    let mut after = histories.map(|history| history.position()).min();
    let mut pause = SHORTEST_PAUSE;
    while !stop.is_cancelled() {
        let reading = async {
            let start = StartAt::After {
                seq: after.unwrap_or_default(),
                epoch: store.epoch(),
            };
            let mut subscription = store.subscribe(start, EventFilter::default()).await?;
            loop {
                let delivery = subscription.next(STEP).await?;
                if pause > SHORTEST_PAUSE {
                    pause = SHORTEST_PAUSE;
                    for lane in lanes {
                        lane.tell(None);
                    }
                }
                let next = Step {
                    after: after.unwrap_or_default(),
                    delivery,
                };
                let through = next.delivery.through;
                after = Some(through);
                let in_step: Vec<&Arc<Lane>> = lanes
                    .iter()
                    .filter(|lane| lane.through() >= next.after && !lane.failed.is_cancelled())
                    .collect();
                steps.send_replace(Some(Arc::new(next)));
                let all = async {
                    for lane in in_step {
                        lane.reach(through).await;
                    }
                };
                // A lane that is behind isn't waited for: it has time to read on.
                let _ = timeout(PATIENCE, all).await;
                read();
                tokio::task::yield_now().await;
            }
        };
        let ended: Result<()> = tokio::select! {
            () = stop.cancelled() => return,
            ended = reading => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "the log could not be read for the views; it is tried again");
            for lane in lanes {
                lane.tell(Some(&error));
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The position of the history farthest behind.
pub(super) fn oldest(histories: &[Arc<dyn Followed>]) -> Seq {
    let positions = histories.iter().map(|history| history.position());
    positions.min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use loom_studio_core::{
        AppendBatch, Incoming, MemoryStore, MemoryStoreOptions, RandomIds, SystemClock,
    };

    use super::*;

    /// Notes what it is shown; the first step waits for a word.
    #[derive(Debug)]
    struct Noting {
        seen: Mutex<Vec<Seq>>,
        word: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
    }

    impl Noting {
        fn new(word: Option<std::sync::mpsc::Receiver<()>>) -> Arc<Self> {
            Arc::new(Self {
                seen: Mutex::default(),
                word: Mutex::new(word),
            })
        }

        fn seen(&self) -> Vec<Seq> {
            self.seen.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Followed for Noting {
        fn position(&self) -> Seq {
            self.seen().last().copied().unwrap_or_default()
        }

        fn follow(&self, delivery: &Delivery) {
            if let Some(word) = self.word.lock().unwrap().take() {
                word.recv().unwrap();
            }
            let records = delivery.records.iter();
            self.seen
                .lock()
                .unwrap()
                .extend(records.map(loom_studio_core::Record::seq));
        }

        fn is_due(&self) -> bool {
            false
        }

        async fn save(&self) {}

        async fn secure(&self, _: Seq) -> Result<()> {
            Ok(())
        }

        fn rebase(&self, _: Seq) {}

        fn notes(&self) -> Vec<String> {
            Vec::new()
        }
    }

    async fn append(store: &dyn EventStore, id: usize) {
        let text = format!(r#"{{"specversion":"1.0","id":"{id}","source":"a","type":"t"}}"#);
        let batch = AppendBatch {
            workspace: "w".into(),
            session: "s".into(),
            items: vec![Incoming::Event(text.into())],
        };
        store.append(batch).await.unwrap();
    }

    #[tokio::test]
    async fn a_lane_that_stands_still_holds_up_no_other_and_misses_nothing() {
        const EVENTS: usize = 6;
        let memory = MemoryStore::new(
            MemoryStoreOptions::default(),
            Arc::new(SystemClock),
            &RandomIds,
        );
        let store: Arc<dyn EventStore> = Arc::new(memory);
        let (word, told) = std::sync::mpsc::sync_channel(1);
        let (quick, slow) = (Noting::new(None), Noting::new(Some(told)));
        let lanes = [
            Lane::new("quick", false, vec![quick.clone()]),
            Lane::new("slow", true, vec![slow.clone()]),
        ];
        let steps = watch::Sender::new(None);
        for lane in &lanes {
            tokio::spawn(Arc::clone(lane).follow(Arc::clone(&store), steps.subscribe()));
        }
        let stop = CancellationToken::new();
        let reading = {
            let (store, lanes, stop) = (Arc::clone(&store), lanes.clone(), stop.clone());
            tokio::spawn(async move { read(&*store, &lanes, steps, &stop, || {}).await })
        };
        for id in 1..=EVENTS {
            append(&*store, id).await;
            // Each is a step of its own.
            assert!(lanes[0].reach(Seq(id as u64)).await);
        }
        assert_eq!(lanes[1].through(), Seq(0));
        word.send(()).unwrap();
        assert!(lanes[1].reach(Seq(EVENTS as u64)).await);
        let all: Vec<Seq> = (1..=EVENTS as u64).map(Seq).collect();
        assert_eq!((quick.seen(), slow.seen()), (all.clone(), all));
        stop.cancel();
        reading.await.unwrap();
    }
}
