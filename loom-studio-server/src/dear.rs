//! Answers that take long: on threads that may block, and those that read many records one at a time.

use std::future::Future;
use std::sync::Arc;

use loom_studio_core::{Error, ErrorKind, Result};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Runs a computation where it may take a while.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => closing(),
    })
}

/// Makes and writes JSON where it may take a while.
pub(crate) async fn json<T: Serialize>(
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<Vec<u8>> {
    aside(move || written(&make())).await?
}

/// A value as JSON.
pub(crate) fn written(value: &impl Serialize) -> Result<Vec<u8>> {
    let written = serde_json::to_vec(value);
    written.map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
}

/// The one turn of a server for answers that read and fold many records: trees, figures, the graph of a run or of sessions. However many ask, they use one processor and the memory of one.
#[derive(Debug, Clone)]
pub(crate) struct Dear(Arc<Semaphore>);

impl Default for Dear {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Dear {
    /// Waits for the turn and does the work on a thread that may block. Who stops waiting for the turn gives it up; work that was begun goes on to its end, and keeps the turn as long.
    ///
    /// Work must not ask for the turn again.
    ///
    /// # Errors
    /// `Closed` when the server is shutting down.
    pub(crate) async fn run<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|_| closing())?;
        let runtime = Handle::current();
        aside(move || {
            let _turn = turn;
            runtime.block_on(work())
        })
        .await
    }
}

fn closing() -> Error {
    Error::new(ErrorKind::Closed, "the server is shutting down")
}
