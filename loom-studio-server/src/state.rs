//! What every request can reach.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::{Clock, EventStore, IdSource};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dear::Dear;
use crate::figures::Figures;
use crate::http::security::Guard;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::replays::Replays;
use crate::runs::Trees;
use crate::settings::Limits;
use crate::ws::connected::Connected;

/// Shared by all requests and connections.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) live: Arc<Live>,
    pub(crate) dear: Dear,
    pub(crate) trees: Trees,
    pub(crate) figures: Figures,
    pub(crate) replays: Replays,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) metrics: Metrics,
    pub(crate) connected: Connected,
    /// Cancelled when the server is told to stop.
    pub(crate) shutdown: CancellationToken,
    /// Tasks that outlive the request that began them, those of WebSockets above all; shutdown waits for these.
    pub(crate) sockets: TaskTracker,
}

impl AppState {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The shortest time between two frames to one viewer.
pub(crate) const FRAME_INTERVAL: Duration = Duration::from_millis(20);
/// The shortest time between two topology or counters frames to one viewer.
pub(crate) const SLOW_INTERVAL: Duration = Duration::from_millis(100);

/// The server's name and version, as `hello` frames say it.
pub(crate) const SERVER: &str = concat!("loom-studio/", env!("CARGO_PKG_VERSION"));
