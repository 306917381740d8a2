//! A server in this process on a port of its own, and what the tests send to it.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::{
    AppendBatch, Appended, EventFilter, EventStore, Followed, Incoming, MemoryStore,
    MemoryStoreOptions, RandomIds, Record, StartAt, SystemClock,
};
use loom_studio_server::{Components, Server, Settings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::http_client::{Request, Response};
use crate::websocket::{Dial, Socket};

pub(crate) const V1: &str = "loom-studio.v1";

/// How long anything may take before it counts as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome, or a failed test: nothing waits for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) histories: Vec<Arc<dyn Followed>>,
    shutdown: CancellationToken,
    serving: JoinHandle<loom_studio_core::Result<()>>,
}

pub(crate) fn memory() -> Arc<dyn EventStore> {
    memory_of(MemoryStoreOptions::default())
}

pub(crate) fn memory_of(options: MemoryStoreOptions) -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new(options, Arc::new(SystemClock), &RandomIds))
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with other settings than the default.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(memory(), change).await
    }

    pub(crate) async fn over(
        store: Arc<dyn EventStore>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::of(store, Components::default(), change).await
    }

    pub(crate) async fn of(
        store: Arc<dyn EventStore>,
        components: Components,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            port: 0,
            ..Settings::default()
        };
        change(&mut settings);
        let server = Server::bind(settings, Arc::clone(&store), components)
            .await
            .unwrap();
        let addr = server.local_addr();
        let histories = server.histories();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(server.serve(shutdown.clone()));
        Self {
            addr,
            store,
            histories,
            shutdown,
            serving,
        }
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Returns when the server has ended.
    pub(crate) async fn ended(mut self) {
        within("the end of the server", &mut self.serving)
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) async fn get(&self, target: &str) -> Response {
        Request::get(target).send(self.addr).await
    }

    pub(crate) async fn ingest(&self) -> Socket {
        Dial::default().open(self.addr, "/ws/ingest").await
    }

    /// An ingest connection in the versioned protocol, and its hello.
    pub(crate) async fn ingest_v1(&self) -> (Socket, Value) {
        let mut socket = Dial::protocol(V1).open(self.addr, "/ws/ingest").await;
        let hello = socket.frame("hello").await;
        (socket, hello)
    }

    pub(crate) async fn viewer(&self) -> Socket {
        Dial::default().open(self.addr, "/ws/events").await
    }

    /// A viewer in the versioned protocol, and its hello.
    pub(crate) async fn viewer_v1(&self) -> (Socket, Value) {
        let mut socket = Dial::protocol(V1).open(self.addr, "/ws/events").await;
        let hello = socket.frame("hello").await;
        (socket, hello)
    }

    /// Stores events without passing through the server.
    pub(crate) async fn append(&self, events: &[Value]) -> Appended {
        self.append_to("default", events).await
    }

    pub(crate) async fn append_to(&self, workspace: &str, events: &[Value]) -> Appended {
        let batch = AppendBatch {
            workspace: workspace.into(),
            session: "direct".into(),
            items: events
                .iter()
                .map(|event| Incoming::Event(event.to_string().into_bytes().into()))
                .collect(),
        };
        let appended = self.store.append(batch).await.unwrap();
        assert_eq!(appended.rejected, []);
        appended
    }

    /// Waits until so many records are stored, and returns them.
    pub(crate) async fn records(&self, count: usize) -> Vec<Record> {
        let subscribed = self
            .store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await;
        let mut subscription = subscribed.unwrap();
        let mut records = Vec::new();
        while records.len() < count {
            let what = format!("{count} records, of which {} came", records.len());
            let delivery = within(&what, subscription.next(10_000)).await.unwrap();
            records.extend(delivery.records);
        }
        records
    }

    /// Waits until so many events are stored and returns their ids, in log order.
    pub(crate) async fn event_ids(&self, count: usize) -> Vec<String> {
        self.records(count)
            .await
            .iter()
            .filter_map(|record| record.as_event().map(|event| event.id().to_string()))
            .collect()
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await.text();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
            .unwrap_or_else(|| panic!("no metric {name} in\n{text}"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A small request from one node to another.
pub(crate) fn event(id: impl Display) -> Value {
    json!({
        "specversion": "1.0",
        "id": id.to_string(),
        "source": "/node/a",
        "type": "node.request",
        "subject": "/node/b",
    })
}

pub(crate) fn event_with_data(id: impl Display, data: Value) -> Value {
    let mut event = event(id);
    event["data"] = data;
    event
}

pub(crate) fn events(ids: std::ops::RangeInclusive<usize>) -> Vec<Value> {
    ids.map(event).collect()
}

/// A frame of the original protocol.
pub(crate) fn batch_of(events: &[Value]) -> Value {
    json!({"type": "event_batch", "events": events})
}

/// A frame of the versioned protocol.
pub(crate) fn numbered(batch: u64, events: &[Value]) -> Value {
    json!({"type": "event_batch", "batch": batch, "events": events})
}

/// The numbers in a JSON array.
#[track_caller]
pub(crate) fn numbers(array: &Value) -> Vec<u64> {
    let array = array
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {array}"));
    array
        .iter()
        .map(|number| number.as_u64().unwrap())
        .collect()
}

/// The present, for the few tests about pace: they assert rates, which only get easier to keep on a slow machine.
#[expect(
    clippy::disallowed_methods,
    reason = "measures a server that runs on the real clock"
)]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
