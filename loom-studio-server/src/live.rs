//! The projections at the head of the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use loom_studio_core::{
    Clock, EventFilter, EventStore, Projection, Seq, Session, Sessions, StartAt, Timestamp,
    Topologies, Topology,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;

/// Records applied under one hold of the lock.
const STEP: usize = 1024;
/// Statuses change with time alone (a call times out): a graph is computed anew when it is this old.
const MAX_AGE_NANOS: i64 = 1_000_000_000;

/// A graph, and when it was made.
type Made = (Timestamp, Arc<Topology>);

/// Topology and sessions, folded as records become durable.
#[derive(Debug)]
pub(crate) struct Live {
    folds: Mutex<Folds>,
    graphs: Mutex<HashMap<Arc<str>, Made>>,
    through: watch::Sender<Seq>,
    /// Cancelled when the folds have failed.
    failed: CancellationToken,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Folds {
    topologies: Topologies,
    sessions: Sessions,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            folds: Mutex::new(Folds {
                topologies: Topologies::default(),
                sessions: Sessions::default(),
            }),
            graphs: Mutex::default(),
            through: watch::Sender::new(Seq::ZERO),
            failed: CancellationToken::new(),
            clock,
        }
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
        let mut subscription = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await?;
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                delivery = subscription.next(STEP) => delivery?,
            };
            {
                let mut folds = lock(&self.folds);
                for record in &delivery.records {
                    folds.topologies.apply(record);
                    folds.sessions.apply(record);
                }
            }
            self.through.send_replace(delivery.through);
            tokio::task::yield_now().await;
        }
    }

    /// The position the folds have reached.
    pub(crate) fn through(&self) -> Seq {
        *self.through.borrow()
    }

    /// Returns once the folds have reached a position.
    ///
    /// # Errors
    /// When they have failed and never will.
    pub(crate) async fn reach(&self, seq: Seq) -> Result<(), ApiError> {
        let mut through = self.through.subscribe();
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
        let graph = Arc::new(lock(&self.folds).topologies.topology(workspace, now));
        if !graph.nodes.is_empty() {
            lock(&self.graphs).insert(Arc::clone(workspace), (now, Arc::clone(&graph)));
        }
        graph
    }

    /// The sessions of a workspace, and the position they are as of.
    pub(crate) fn sessions(&self, workspace: &str) -> (Vec<Session>, Seq) {
        let folds = lock(&self.folds);
        (
            folds.sessions.of_workspace(workspace),
            folds.sessions.through(),
        )
    }
}
