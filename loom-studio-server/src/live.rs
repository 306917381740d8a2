//! The projections along the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use loom_studio_core::{
    CheckpointStore, Clock, Delivery, EventFilter, EventStore, Followed, History, HistoryOptions,
    Memories, Metrics, RunList, Seq, Session, Sessions, StartAt, Timestamp, Topologies, Topology,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::ApiError;

/// Records applied in one step.
const STEP: usize = 1024;
/// States kept for the ranges that replay sessions travel in: about 50 MB where they are large (a thousand nodes that all change).
const MAX_PREPARED: usize = 256;
/// Statuses change with time alone (a call times out): a graph is computed anew when it is this old.
const MAX_AGE_NANOS: i64 = 1_000_000_000;

/// A graph, and when it was made.
type Made = (Timestamp, Arc<Topology>);

/// Topology, sessions, memories, metrics and runs, folded as records become durable, and as they were.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) topologies: Arc<History<Topologies>>,
    pub(crate) sessions: Arc<History<Sessions>>,
    pub(crate) memories: Arc<History<Memories>>,
    pub(crate) metrics: Arc<History<Metrics>>,
    pub(crate) runs: Arc<History<RunList>>,
    /// All of the above, fed by one subscription.
    histories: Vec<Arc<dyn Followed>>,
    graphs: Mutex<HashMap<Arc<str>, Made>>,
    /// As far as topology, sessions, memories and metrics are.
    through: watch::Sender<Seq>,
    /// As far as the runs are. They come last: placing events takes a while now and then, and nobody else waits for it.
    runs_through: watch::Sender<Seq>,
    /// Cancelled when the folds have failed.
    failed: CancellationToken,
    clock: Arc<dyn Clock>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// The projections at their newest checkpoints.
    pub(crate) async fn open(
        store: &Arc<dyn EventStore>,
        checkpoints: &Arc<dyn CheckpointStore>,
        clock: Arc<dyn Clock>,
    ) -> loom_studio_core::Result<Self> {
        let everything = EventFilter::default;
        let options = HistoryOptions {
            max_prepared: MAX_PREPARED,
            ..HistoryOptions::default()
        };
        let topologies = History::open(
            Arc::clone(store),
            everything(),
            Arc::clone(checkpoints),
            options,
            Topologies::default(),
        );
        let topologies = Arc::new(topologies.await?);
        let sessions = History::open(
            Arc::clone(store),
            everything(),
            Arc::clone(checkpoints),
            options,
            Sessions::default(),
        );
        let sessions = Arc::new(sessions.await?);
        let memories = History::open(
            Arc::clone(store),
            everything(),
            Arc::clone(checkpoints),
            options,
            Memories::default(),
        );
        let memories = Arc::new(memories.await?);
        let metrics = History::open(
            Arc::clone(store),
            everything(),
            Arc::clone(checkpoints),
            options,
            Metrics::default(),
        );
        let metrics = Arc::new(metrics.await?);
        let runs = History::open(
            Arc::clone(store),
            everything(),
            Arc::clone(checkpoints),
            options,
            RunList::default(),
        );
        let runs = Arc::new(runs.await?);
        let quick: Vec<Arc<dyn Followed>> = vec![
            topologies.clone(),
            sessions.clone(),
            memories.clone(),
            metrics.clone(),
        ];
        let start = oldest(&quick);
        let mut histories = quick;
        histories.push(runs.clone());
        Ok(Self {
            topologies,
            sessions,
            memories,
            metrics,
            runs_through: watch::Sender::new(runs.position()),
            runs,
            histories,
            graphs: Mutex::default(),
            through: watch::Sender::new(start),
            failed: CancellationToken::new(),
            clock,
        })
    }

    /// What retention has to know of.
    pub(crate) fn histories(&self) -> Vec<Arc<dyn Followed>> {
        self.histories.clone()
    }

    /// Follows the log until told to stop. If that fails, whoever waits for the folds is told.
    pub(crate) async fn run(
        &self,
        store: &dyn EventStore,
        stop: CancellationToken,
    ) -> loom_studio_core::Result<()> {
        // A panic in a fold counts as a failure too.
        let failed = self.failed.clone().drop_guard();
        let result = self.follow(store, stop).await;
        match &result {
            Ok(()) => drop(failed.disarm()),
            Err(error) => tracing::error!(%error, "the live views failed and stand still"),
        }
        result
    }

    async fn follow(
        &self,
        store: &dyn EventStore,
        stop: CancellationToken,
    ) -> loom_studio_core::Result<()> {
        let after = StartAt::After {
            seq: oldest(&self.histories),
            epoch: store.epoch(),
        };
        let mut subscription = store.subscribe(after, EventFilter::default()).await?;
        let saving = TaskTracker::new();
        let mut noted = 0;
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = subscription.next(STEP) => delivery?,
            };
            self.take(delivery).await;
            // One write at a time; what comes due meanwhile waits, and the newest few of it are kept.
            if saving.is_empty() && self.histories.iter().any(|history| history.is_due()) {
                noted = self.say_notes(noted);
                let histories = self.histories.clone();
                saving.spawn(async move {
                    for history in histories {
                        history.save().await;
                    }
                });
            }
            tokio::task::yield_now().await;
        }
        saving.close();
        saving.wait().await;
        self.say_notes(noted);
        Ok(())
    }

    async fn take(&self, delivery: Delivery) {
        self.topologies.follow(&delivery);
        self.sessions.follow(&delivery);
        self.memories.follow(&delivery);
        self.metrics.follow(&delivery);
        let reached = delivery.through;
        let go_on = |through: &mut Seq| {
            let is_on = *through < reached;
            *through = reached.max(*through);
            is_on
        };
        self.through.send_if_modified(go_on);
        let runs = Arc::clone(&self.runs);
        let taken = tokio::task::spawn_blocking(move || runs.follow(&delivery)).await;
        if let Err(error) = taken
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        self.runs_through.send_if_modified(go_on);
    }

    /// Logs what the histories noted since, and returns how much it was in all.
    fn say_notes(&self, known: usize) -> usize {
        let notes = self.histories.iter().flat_map(|history| history.notes());
        let mut count = 0;
        for note in notes {
            if count >= known {
                tracing::warn!(note, "a checkpoint caused trouble");
            }
            count += 1;
        }
        count
    }

    /// The position the graph and the sessions have reached.
    pub(crate) fn through(&self) -> Seq {
        *self.through.borrow()
    }

    /// Returns once the graph and the sessions have reached a position.
    ///
    /// # Errors
    /// When the folds have failed and never will.
    pub(crate) async fn reach(&self, seq: Seq) -> Result<(), ApiError> {
        self.reached(&self.through, seq).await
    }

    /// As [`reach`](Self::reach), for the runs.
    pub(crate) async fn reach_runs(&self, seq: Seq) -> Result<(), ApiError> {
        self.reached(&self.runs_through, seq).await
    }

    async fn reached(&self, through: &watch::Sender<Seq>, seq: Seq) -> Result<(), ApiError> {
        let mut through = through.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as `self`, so waiting can't fail.
            _ = through.wait_for(|through| *through >= seq) => Ok(()),
            () = self.failed.cancelled() => {
                let detail = "the live views failed; the server's log says why";
                Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "views_failed", detail))
            }
        }
    }

    /// The graph of a workspace now. Shared by all who ask for the same moment.
    pub(crate) fn topology(&self, workspace: &Arc<str>) -> Arc<Topology> {
        let now = self.clock.now();
        let through = self.through();
        if let Some((made, graph)) = lock(&self.graphs).get(workspace)
            && graph.at == through
            && (0..MAX_AGE_NANOS).contains(&now.nanos_since(*made))
        {
            return Arc::clone(graph);
        }
        let graph = Arc::new(self.topologies.head().topology(workspace, now));
        if !graph.nodes.is_empty() {
            lock(&self.graphs).insert(Arc::clone(workspace), (now, Arc::clone(&graph)));
        }
        graph
    }

    /// The sessions of a workspace, and the position they are as of.
    pub(crate) fn sessions(&self, workspace: &str) -> (Vec<Session>, Seq) {
        use loom_studio_core::Projection as _;
        let sessions = self.sessions.head();
        (sessions.of_workspace(workspace), sessions.through())
    }
}

/// The position of the history farthest behind.
fn oldest(histories: &[Arc<dyn Followed>]) -> Seq {
    let positions = histories.iter().map(|history| history.position());
    positions.min().unwrap_or_default()
}
