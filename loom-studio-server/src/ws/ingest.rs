//! What the ingest protocols share: from a batch to the store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use loom_studio_core::{AppendBatch, Appended, Incoming, Result};

use crate::metrics::count;
use crate::state::AppState;

/// One producer's connection.
pub(super) struct Producer<'a> {
    pub(super) state: &'a AppState,
    pub(super) workspace: Arc<str>,
    pub(super) session: Arc<str>,
}

/// An append under way.
pub(super) type Appending<'a> = Pin<Box<dyn Future<Output = Result<Appended>> + Send + 'a>>;

impl<'a> Producer<'a> {
    /// Begins to store a batch. The store sees batches in the order in which their futures are first polled.
    pub(super) fn append(&self, items: Vec<Incoming>) -> Appending<'a> {
        let batch = AppendBatch {
            workspace: Arc::clone(&self.workspace),
            session: Arc::clone(&self.session),
            items,
        };
        let state = self.state;
        let session = Arc::clone(&self.session);
        Box::pin(async move {
            let result = state.store.append(batch).await;
            match &result {
                Ok(appended) => {
                    state.metrics.appended(appended);
                    if let Some(first) = appended.rejected.first() {
                        let (rejected, code, index) =
                            (appended.rejected.len(), first.code.as_str(), first.index);
                        tracing::warn!(%session, rejected, index, code, "events rejected; the first of them shown");
                    }
                }
                Err(error) => {
                    count(&state.metrics.refused_batches, 1);
                    tracing::error!(%session, %error, "a batch was refused");
                }
            }
            result
        })
    }

    pub(super) fn unreadable(&self, detail: &str) {
        count(&self.state.metrics.unreadable_frames, 1);
        tracing::warn!(session = %self.session, "a frame was not a batch");
        // The parser quotes what it found.
        tracing::debug!(session = %self.session, detail, "why it was not");
    }
}

/// Bytes one producer may have read and stored before other tasks get a turn: a millisecond or two of work.
const TURN_BYTES: usize = 256 << 10;

/// Keeps a producer that floods its socket from holding a thread: frames that are already buffered arrive without a wait in between.
#[derive(Debug, Default)]
pub(super) struct Turn {
    bytes: usize,
}

impl Turn {
    pub(super) async fn took(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= TURN_BYTES {
            self.bytes = 0;
            tokio::task::yield_now().await;
        }
    }
}
