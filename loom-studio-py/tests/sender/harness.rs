//! Servers that come and go, and what the tests send to them.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use loom_studio::sender::{Sender, SenderConfig, Stats};
use loom_studio_core::{
    EventFilter, EventStore, MemoryStore, MemoryStoreOptions, RandomIds, Record, StartAt,
    SystemClock,
};
use loom_studio_server::{Components, Server, Settings};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// How long anything may take before it counts as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn memory() -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(SystemClock),
        &RandomIds,
    ))
}

/// The outcome, or a failed test: nothing waits for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A small request from one node to another.
pub(crate) fn event(id: impl Display) -> Vec<u8> {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/node/a","type":"node.request","subject":"/node/b"}}"#)
        .into_bytes()
}

/// An event with so many bytes of data.
pub(crate) fn large_event(id: impl Display, bytes: usize) -> Vec<u8> {
    let data = "x".repeat(bytes);
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/node/a","type":"node.request","data":"{data}"}}"#)
        .into_bytes()
}

/// What was seen of an event of [`event`].
pub(crate) fn observation(of: impl Display) -> Vec<u8> {
    format!(
        r#"{{"source":"/node/a","of":"{of}","phase":"post","at":"2026-01-02T03:04:05.678901Z"}}"#
    )
    .into_bytes()
}

/// Settings for tests: quick to try again, and the same every time.
pub(crate) fn config(url: &str) -> SenderConfig {
    SenderConfig {
        backoff_initial: Duration::from_millis(10),
        backoff_max: Duration::from_millis(100),
        batch_delay: Duration::from_millis(5),
        seed: Some(7),
        ..SenderConfig::new(url)
    }
}

pub(crate) fn start(config: SenderConfig) -> Sender {
    Sender::start(config).unwrap()
}

/// Waits until the counters are as wanted.
#[track_caller]
pub(crate) fn wait_for(sender: &Sender, what: &str, is_so: impl Fn(&Stats) -> bool) -> Stats {
    let step = Duration::from_millis(5);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        let stats = sender.stats();
        if is_so(&stats) {
            return stats;
        }
        pause(step);
    }
    panic!("waited in vain: {what}: {:?}", sender.stats());
}

pub(crate) fn pause(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread of a test, not of a runtime"
    )]
    std::thread::sleep(time);
}

/// An address on which nobody listens.
pub(crate) fn free_addr() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

/// A server with a runtime of its own. Dropping it kills it: tasks end where they stand, sockets close without a farewell.
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<dyn EventStore>,
    stop: CancellationToken,
    runtime: Option<Runtime>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::over(memory(), |_| {})
    }

    pub(crate) fn over(store: Arc<dyn EventStore>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            port: 0,
            ..Settings::default()
        };
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        let server = runtime
            .block_on(Server::bind(
                settings,
                Arc::clone(&store),
                Components::default(),
            ))
            .unwrap();
        let addr = server.local_addr();
        runtime.spawn(server.serve(stop.clone()));
        Self {
            addr,
            store,
            stop,
            runtime: Some(runtime),
        }
    }

    /// Another server on the same store and port.
    pub(crate) fn again(store: &Arc<dyn EventStore>, addr: SocketAddr) -> Self {
        Self::over(Arc::clone(store), |settings| settings.port = addr.port())
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    pub(crate) fn begin_shutdown(&self) {
        self.stop.cancel();
    }

    fn block_on<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(within(what, future))
    }

    /// Everything stored, in log order, once there are so many records.
    pub(crate) fn records(&self, count: usize) -> Vec<Record> {
        self.block_on("records", async {
            let mut subscription = self
                .store
                .subscribe(StartAt::Beginning, EventFilter::default())
                .await
                .unwrap();
            let mut records = Vec::new();
            while records.len() < count {
                records.extend(subscription.next(10_000).await.unwrap().records);
            }
            records
        })
    }

    /// The ids of stored events in log order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let count = self.count();
        self.records(count)
            .iter()
            .filter_map(|record| record.as_event().map(|event| event.id().to_string()))
            .collect()
    }

    /// Records in the store now.
    pub(crate) fn count(&self) -> usize {
        let stats = self.block_on("stats", self.store.stats()).unwrap();
        (stats.events + stats.observations) as usize
    }
}

impl TestServer {
    /// Ends its tasks where they stand.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
    }
}
