//! The projections along the log.

mod lanes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use loom_studio_core::{
    CheckpointStore, Clock, EventFilter, EventStore, Followed, History, HistoryOptions, Memories,
    Metrics, RunList, Seq, Session, Sessions, Timestamp, Topologies, Topology,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dear::aside;
use crate::error::ApiError;

pub(crate) use lanes::{Lane, LaneState};

/// The places of the lanes.
const GRAPH: usize = 0;
const MEMORIES: usize = 1;
const RUNS: usize = 2;
/// Records applied in one step.
const STEP: usize = 1024;
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
    /// The same by how they go on together.
    lanes: [Arc<Lane>; 3],
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
        let options = HistoryOptions::default();
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
        let lanes = [
            Lane::new(
                "graph",
                false,
                vec![topologies.clone(), sessions.clone(), metrics.clone()],
            ),
            Lane::new("memories", false, vec![memories.clone()]),
            // Placing events takes a while now and then.
            Lane::new("runs", true, vec![runs.clone()]),
        ];
        Ok(Self {
            histories: vec![
                topologies.clone(),
                sessions.clone(),
                memories.clone(),
                metrics.clone(),
                runs.clone(),
            ],
            topologies,
            sessions,
            memories,
            metrics,
            runs,
            lanes,
            graphs: Mutex::default(),
            clock,
        })
    }

    /// What retention has to know of.
    pub(crate) fn histories(&self) -> Vec<Arc<dyn Followed>> {
        self.histories.clone()
    }

    /// Follows the log until told to stop. A store that fails is tried again; a lane whose fold breaks stands still, and whoever waits for it is told.
    pub(crate) async fn run(
        self: &Arc<Self>,
        store: &Arc<dyn EventStore>,
        stop: CancellationToken,
    ) {
        let steps = watch::Sender::new(None);
        let mut following = JoinSet::new();
        for lane in &self.lanes {
            following.spawn(Arc::clone(lane).follow(Arc::clone(store), steps.subscribe()));
        }
        let saving = TaskTracker::new();
        let mut noted = 0;
        let read = || {
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
        };
        // It drops its end of the steps, which ends the lanes.
        lanes::read(&**store, &self.lanes, steps, &stop, read).await;
        while let Some(ended) = following.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a live view broke and stood still");
            }
        }
        saving.close();
        saving.wait().await;
        self.say_notes(noted);
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

    /// The position the graph, the sessions and the figures have reached.
    pub(crate) fn through(&self) -> Seq {
        self.lanes[GRAPH].through()
    }

    /// Returns once the graph, the sessions, the figures and the memories have reached a position.
    ///
    /// # Errors
    /// When a fold among them has broken and never will, or the store can't be read for them.
    pub(crate) async fn reach(&self, seq: Seq) -> Result<(), ApiError> {
        self.reached(GRAPH, seq).await?;
        self.reached(MEMORIES, seq).await
    }

    /// As [`reach`](Self::reach), for the runs.
    pub(crate) async fn reach_runs(&self, seq: Seq) -> Result<(), ApiError> {
        self.reached(RUNS, seq).await
    }

    async fn reached(&self, lane: usize, seq: Seq) -> Result<(), ApiError> {
        let lane = &self.lanes[lane];
        let has_reached = tokio::select! {
            biased;
            has_reached = lane.reach(seq) => has_reached,
            () = lane.in_trouble() => {
                let detail = "the log can't be read for the live views; it is tried again";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(ApiError::new(status, "views_retrying", detail));
            }
        };
        if has_reached {
            return Ok(());
        }
        let detail = "the live views failed; the server's log says why";
        Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "views_failed",
            detail,
        ))
    }

    /// The folds by how they go on together.
    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    /// The graph of a workspace now. Shared by all who ask for the same moment.
    ///
    /// # Errors
    /// `Closed` when the server is shutting down.
    pub(crate) async fn topology(
        &self,
        workspace: &Arc<str>,
    ) -> loom_studio_core::Result<Arc<Topology>> {
        let now = self.clock.now();
        let through = self.through();
        if let Some((made, graph)) = lock(&self.graphs).get(workspace)
            && graph.at == through
            && (0..MAX_AGE_NANOS).contains(&now.nanos_since(*made))
        {
            return Ok(Arc::clone(graph));
        }
        let topologies = Arc::clone(&self.topologies);
        let of = Arc::clone(workspace);
        let graph = Arc::new(aside(move || topologies.head().topology(&of, now)).await?);
        if !graph.nodes.is_empty() {
            lock(&self.graphs).insert(Arc::clone(workspace), (now, Arc::clone(&graph)));
        }
        Ok(graph)
    }

    /// The sessions of a workspace, and the position they are as of.
    pub(crate) fn sessions(&self, workspace: &str) -> (Vec<Session>, Seq) {
        use loom_studio_core::Projection as _;
        let sessions = self.sessions.head();
        (sessions.of_workspace(workspace), sessions.through())
    }
}
