//! The views at past positions: after restarts, and after retention.

use std::path::Path;
use std::sync::Arc;

use loom_studio_core::{
    DirCheckpoints, EventStore, FileStore, FileStoreOptions, MemoryStoreOptions, RandomIds,
    RetainPolicy, SystemClock, retain_with,
};
use loom_studio_server::Components;
use serde_json::{Value, json};

use crate::harness::{TestServer, memory_of, within};

const EVENTS: usize = 21_000;

/// Event `n`: from one of forty nodes to another.
fn call(n: usize) -> Value {
    json!({
        "specversion": "1.0", "id": format!("e{n}"), "type": "note", "time": "2026-01-02T03:04:05Z",
        "source": format!("agent/a{}", n % 40), "subject": format!("tool/t{}", n % 7),
        "studiosession": format!("s{}", n / 1_000),
    })
}

pub(crate) async fn serve(directory: &Path) -> TestServer {
    let options = FileStoreOptions {
        segment_records: 5_000,
        ..FileStoreOptions::default()
    };
    let store = FileStore::open(directory, options, Arc::new(SystemClock), &RandomIds).unwrap();
    let checkpoints = DirCheckpoints::open(&directory.join("checkpoints"), store.epoch()).unwrap();
    let components = Components {
        checkpoints: Arc::new(checkpoints),
        ..Components::default()
    };
    TestServer::of(Arc::new(store), components, |_| {}).await
}

pub(crate) async fn stop(server: TestServer) {
    let TestServer { store, .. } = &server;
    let store = Arc::downgrade(store);
    server.begin_shutdown();
    server.ended().await;
    // The next server opens the same directory.
    within("the store's end", async {
        while store.strong_count() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn graph(server: &TestServer, target: &str) -> Value {
    server.get(target).await.ok()
}

fn events_of(graph: &Value) -> u64 {
    let nodes = graph["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["events"].as_u64().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_graphs_outlive_restarts_and_retention() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    for first in (0..EVENTS).step_by(1_000) {
        let events: Vec<Value> = (first..first + 1_000).map(call).collect();
        server.append(&events).await;
    }
    let now = graph(&server, "/api/topology").await;
    assert_eq!(events_of(&now), EVENTS as u64);
    let past = graph(&server, "/api/topology?at=20500").await;
    assert_eq!((events_of(&past), &past["at"]), (20_500, &json!(20_500)));
    let session = graph(&server, "/api/topology?at=20500&session_id=s20").await;
    assert_eq!((events_of(&session), &session["at"]), (500, &json!(20_500)));
    stop(server).await;
    let files = || {
        std::fs::read_dir(directory.path().join("checkpoints"))
            .unwrap()
            .count()
    };
    assert!(files() >= 4, "two positions of two histories");

    let server = serve(directory.path()).await;
    assert_eq!(graph(&server, "/api/topology").await["nodes"], now["nodes"]);
    assert_eq!(graph(&server, "/api/topology?at=20500").await, past);
    let policy = RetainPolicy {
        max_age: None,
        max_bytes: Some(server.store.stats().await.unwrap().stored_bytes / 2),
    };
    let retained = retain_with(&*server.store, &policy, &server.histories)
        .await
        .unwrap();
    let base = retained.first_seq.0 - 1;
    assert!(base >= 5_000, "{retained:?}");
    stop(server).await;

    let server = serve(directory.path()).await;
    assert_eq!(
        graph(&server, "/api/topology").await["nodes"],
        now["nodes"],
        "what was deleted still counts"
    );
    assert_eq!(graph(&server, "/api/topology?at=20500").await, past);
    let oldest = graph(&server, &format!("/api/topology?at={base}")).await;
    assert_eq!(events_of(&oldest), base);
    for at in [0, 1, base - 1] {
        server
            .get(&format!("/api/topology?at={at}"))
            .await
            .problem(410, "gone");
        server
            .get(&format!("/api/topology?at={at}&session_id=s1"))
            .await
            .problem(410, "gone");
    }
    let sessions = server.get("/api/sessions").await.ok();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 21);
    stop(server).await;
}

#[tokio::test]
async fn a_log_in_memory_that_dropped_its_oldest_says_gone() {
    let options = MemoryStoreOptions {
        max_records: 4_000,
        ..MemoryStoreOptions::default()
    };
    let server = TestServer::over(memory_of(options), |_| {}).await;
    for first in (0..6_000).step_by(500) {
        let events: Vec<Value> = (first..first + 500).map(call).collect();
        server.append(&events).await;
        assert_eq!(
            events_of(&graph(&server, "/api/topology").await),
            first as u64 + 500
        );
    }
    server.get("/api/topology?at=1").await.problem(410, "gone");
    let past = graph(&server, "/api/topology?at=5900").await;
    assert_eq!(events_of(&past), 5_900);
}
