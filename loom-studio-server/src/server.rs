//! One server: from binding the port to the last connection's end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use loom_studio_core::{
    CheckpointStore, Clock, EventStore, Followed, IdSource, MemoryCheckpoints, RandomIds,
    SystemClock,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dear::Dear;
use crate::figures::Figures;
use crate::http::security::Guard;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::replays::Replays;
use crate::routes;
use crate::runs::Trees;
use crate::settings::{Limits, Settings};
use crate::state::{AppState, Inner};

/// What the server is made of beside its settings.
#[derive(Debug, Clone)]
pub struct Components {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Names sessions.
    pub ids: Arc<dyn IdSource>,
    /// Keeps the states of the views, so that neither a start nor a look back folds the whole log.
    pub checkpoints: Arc<dyn CheckpointStore>,
}

impl Default for Components {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            checkpoints: Arc::new(MemoryCheckpoints::default()),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another address than loopback without a token.
    #[error(
        "listening on {0} would let everyone on the network in: set a token (--token, LOOM_STUDIO_TOKEN or the config file)"
    )]
    TokenNeeded(SocketAddr),
    /// The address can't be bound.
    #[error("cannot listen on {address}: {source}{}", hint(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The log can't be read.
    #[error("cannot open the views: {0}")]
    Views(#[from] loom_studio_core::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another server runs there: stop it, or choose a port with --port"
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023 with --port",
        _ => "",
    }
}

/// A bound server, not yet serving.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address needs a token or can't be bound, or the log can't be read.
    pub async fn bind(
        settings: Settings,
        store: Arc<dyn EventStore>,
        components: Components,
    ) -> Result<Self, StartError> {
        let address = SocketAddr::new(settings.host, settings.port);
        if !settings.host.is_loopback() && settings.tokens.is_empty() {
            return Err(StartError::TokenNeeded(address));
        }
        let failed = |source| StartError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let clock = Arc::clone(&components.clock);
        let live = Live::open(&store, &components.checkpoints, clock).await?;
        let replays = Replays::new(
            Arc::clone(&store),
            Arc::clone(&components.clock),
            Arc::clone(&components.ids),
            settings.limits.replay_lookup_timeout,
        );
        let dear = Dear::default();
        let state = AppState::new(Inner {
            store,
            replays,
            live: Arc::new(live),
            trees: Trees::new(dear.clone(), settings.limits.max_tree_records),
            figures: Figures::default(),
            dear,
            clock: components.clock,
            ids: components.ids,
            guard: Guard::new(&settings, address),
            limits: settings.limits,
            metrics: Metrics::default(),
            connected: crate::ws::connected::Connected::default(),
            shutdown: CancellationToken::new(),
            sockets: TaskTracker::new(),
        });
        Ok(Self {
            listener,
            address,
            state,
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The histories of the server's views, for [`retain_with`](loom_studio_core::retain_with): whoever deletes from the store while it is served does so with these.
    pub fn histories(&self) -> Vec<Arc<dyn Followed>> {
        self.state.live.histories()
    }

    /// Serves until `stop` is cancelled: then accepts no more, lets requests finish, stores what was read from producers and acknowledges it to those that listen, closes the sockets and syncs the store. A producer in the original form isn't told what was stored, and loses what it had on the way.
    ///
    /// # Errors
    /// When the last sync fails.
    pub async fn serve(self, stop: CancellationToken) -> loom_studio_core::Result<()> {
        let Self {
            listener,
            address: _,
            state,
        } = self;
        let live = {
            let (state, stop) = (state.clone(), CancellationToken::new());
            let guard = stop.clone().drop_guard();
            let task = tokio::spawn(async move { state.live.run(&state.store, stop).await });
            (task, guard)
        };
        let connections = TaskTracker::new();
        accept(&listener, &state, &stop, &connections).await;
        drop(listener);
        state.shutdown.cancel();
        state.sockets.close();
        connections.close();
        let Limits {
            shutdown_timeout, ..
        } = state.limits;
        let finished = async {
            connections.wait().await;
            state.sockets.wait().await;
        };
        if timeout(shutdown_timeout, finished).await.is_err() {
            tracing::warn!("some connections did not finish in time and were cut");
        }
        let (task, guard) = live;
        drop(guard);
        let live = task.await;
        state.store.sync().await?;
        if let Err(error) = live {
            tracing::error!(%error, "the live projections failed");
        }
        Ok(())
    }
}

/// Accepts connections until told to stop, never more at once than the limit.
async fn accept(
    listener: &TcpListener,
    state: &AppState,
    stop: &CancellationToken,
    connections: &TaskTracker,
) {
    let slots = Arc::new(Semaphore::new(state.limits.max_connections));
    let app = routes::router(state.clone());
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(state.limits.header_timeout)
        .max_buf_size(64 * 1024);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((slot, listener.accept().await))
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        let stream: TcpStream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, say: others may close some in a moment.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small frames must not wait for more; a socket that refuses the option works all the same.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        let connection = http
            .serve_connection(TokioIo::new(slots::Held::new(stream, slot)), service)
            .with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = stop.cancelled() => {
                    // The request under way is answered, no further one is read.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended with an error");
            }
        });
    }
}

/// A connection's slot goes with its socket, so that an upgraded WebSocket counts as long as it is open.
mod slots {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;
    use tokio::sync::OwnedSemaphorePermit;

    pub(super) struct Held {
        stream: TcpStream,
        _slot: OwnedSemaphorePermit,
    }

    impl Held {
        pub(super) fn new(stream: TcpStream, slot: OwnedSemaphorePermit) -> Self {
            Self {
                stream,
                _slot: slot,
            }
        }
    }

    impl AsyncRead for Held {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Held {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            self.stream.is_write_vectored()
        }
    }
}
