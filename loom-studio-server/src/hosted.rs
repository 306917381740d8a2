//! A server inside another program: on threads of its own, beside whatever the program does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use loom_studio_core::{ErrorKind, EventStore, RetainPolicy};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::keep::{self, Keep, keep_retention};
use crate::server::{Components, Server, StartError};
use crate::settings::Settings;

/// What to host.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The server's settings.
    pub settings: Settings,
    /// Where it keeps its events.
    pub keep: Keep,
    /// What it deletes; the default keeps everything.
    pub retain: RetainPolicy,
}

/// Why a hosted server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The store can't be opened.
    #[error("{0}")]
    Store(#[source] loom_studio_core::Error),
    /// The server can't start.
    #[error("{0}")]
    Start(#[source] StartError),
    /// The system gives no thread.
    #[error("cannot start the server's threads: {0}")]
    Threads(#[source] io::Error),
}

impl HostError {
    /// A stable machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) if error.kind() == ErrorKind::Closed => "data_dir_in_use",
            Self::Store(error) | Self::Start(StartError::Views(error)) => error.kind().code(),
            Self::Start(StartError::TokenNeeded(_)) => "token_needed",
            Self::Start(StartError::Bind { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse =>
            {
                "port_in_use"
            }
            Self::Start(StartError::Bind { .. }) => "cannot_listen",
            Self::Threads(_) => "no_threads",
        }
    }
}

/// A running server. Dropping it stops the server and waits, as [`stop`](Self::stop) does.
///
/// It has a thread and a runtime of its own, touches no signal handler, and writes nothing to standard output or error.
#[derive(Debug)]
pub struct Hosted {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Hosted {
    /// Starts a server, and returns once it listens. Blocks: must not be called on a runtime's thread.
    ///
    /// # Errors
    /// When the store can't be opened, the address can't be bound, or it needs a token.
    pub fn start(options: HostOptions) -> Result<Self, HostError> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (said, answer) = sync_channel(1);
        let thread = Builder::new()
            .name("loom-studio".to_owned())
            .spawn(move || {
                let made = Runtime::new().map_err(HostError::Threads);
                let made = made.and_then(|runtime| {
                    let server = runtime.block_on(bind(&options));
                    server.map(|(server, store)| (runtime, server, store))
                });
                // Whoever asked waits for the answer, so it is taken.
                match made {
                    Ok((runtime, server, store)) => {
                        let _ = said.send(Ok(server.local_addr()));
                        runtime.block_on(serve(server, store, options.retain, stopped))
                    }
                    Err(error) => {
                        let _ = said.send(Err(error));
                        Ok(())
                    }
                }
            })
            .map_err(HostError::Threads)?;
        // No answer means that the thread panicked before it gave one.
        let address = answer
            .recv()
            .unwrap_or_else(|gone| Err(HostError::Threads(io::Error::other(gone))))?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still serves: false after [`stop`](Self::stop), and when it failed.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Stops the server: it accepts no more, lets requests finish up to `Limits::shutdown_timeout`, stores what it has read and syncs the store. Blocks until its threads have ended and the directory is free. Stopping twice is harmless.
    ///
    /// # Errors
    /// What made the server fail, or the last sync.
    pub fn stop(&mut self) -> Result<(), String> {
        self.stop.cancel();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err("the server's thread panicked".to_owned()),
        }
    }

    /// Lets go of the server without touching it: for the child of a `fork`, which has the memory but not the threads.
    pub fn forget(mut self) {
        std::mem::forget(self.thread.take());
        std::mem::forget(self);
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(error, "the hosted server failed");
        }
    }
}

type Bound = (Server, Arc<dyn EventStore>);

async fn bind(options: &HostOptions) -> Result<Bound, HostError> {
    let settings = options.settings.clone();
    let (store, checkpoints) =
        keep::open(&options.keep, &settings.limits).map_err(HostError::Store)?;
    let components = Components {
        checkpoints,
        ..Components::default()
    };
    let server = Server::bind(settings, store.clone(), components)
        .await
        .map_err(HostError::Start)?;
    Ok((server, store))
}

async fn serve(
    server: Server,
    store: Arc<dyn EventStore>,
    retain: RetainPolicy,
    stop: CancellationToken,
) -> Result<(), String> {
    let retention = keep_retention(store, server.histories(), retain, stop.clone());
    let retention = tokio::spawn(retention);
    let result = server.serve(stop.clone()).await;
    // It may have ended by itself, with an error.
    stop.cancel();
    let retention = retention.await;
    result.map_err(|error| error.to_string())?;
    retention.map_err(|error| format!("deleting old events failed: {error}"))
}
