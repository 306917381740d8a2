//! Events on disk: across restarts and kills, one server per directory, and the verbs that look at it.

use std::path::Path;

use serde_json::Value;

use crate::harness::{V1, event, numbered};
use crate::http_client::Request;
use crate::process::{Outcome, Process, command, outcome};
use crate::websocket::Dial;

async fn start(directory: &Path) -> Process {
    let directory = directory.to_str().unwrap();
    Process::of(command(&["--port", "0", "--data-dir", directory])).await
}

async fn verb(name: &str, directory: &Path) -> Outcome {
    outcome(command(&[name, "--data-dir", directory.to_str().unwrap()])).await
}

/// Sends a batch and returns when it is acknowledged.
async fn store(process: &Process, batch: u64, ids: &[String]) {
    let mut producer = Dial::protocol(V1).open(process.addr, "/ws/ingest").await;
    producer.frame("hello").await;
    let events: Vec<Value> = ids.iter().map(event).collect();
    producer.send_json(&numbered(batch, &events)).await;
    let ack = producer.frame("ack").await;
    assert_eq!(ack["duplicates"], 0, "{ack}");
}

async fn page(process: &Process) -> Value {
    let page = Request::get("/api/events?limit=1000")
        .send(process.addr)
        .await;
    page.json()
}

fn ids(page: &Value) -> Vec<&str> {
    page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn acknowledged_events_survive_a_restart_and_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("made/when/missing");
    let first = start(&data).await;
    store(&first, 1, &["a".to_owned(), "b".to_owned()]).await;
    let before = page(&first).await;
    first.signal("TERM").await;
    assert_eq!(first.ended().await.0.code(), Some(0));

    let second = start(&data).await;
    assert_eq!(
        page(&second).await,
        before,
        "the same events, positions and epoch"
    );
    store(&second, 1, &["c".to_owned()]).await;
    second.signal("KILL").await;
    second.ended().await;

    let third = start(&data).await;
    let after = page(&third).await;
    assert_eq!(ids(&after), ["a", "b", "c"]);
    assert_eq!(after["epoch"], before["epoch"]);
    let graph = Request::get("/api/topology").send(third.addr).await.json();
    assert_eq!(graph["at"], 3, "{graph}");
}

#[tokio::test]
async fn a_directory_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let holder = start(directory.path()).await;
    for name in ["serve", "stats", "verify"] {
        let mut arguments = vec![name, "--data-dir", directory.path().to_str().unwrap()];
        if name == "serve" {
            arguments.extend(["--port", "0"]);
        }
        let refused = outcome(command(&arguments)).await;
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(1), ""),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("in use by process "), "{refused:?}");
    }
    assert_eq!(Request::get("/readyz").send(holder.addr).await.status, 200);
}

#[tokio::test]
async fn stats_and_verify_say_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path()).await;
    let many: Vec<String> = (0..200).map(|index| format!("e{index}")).collect();
    store(&process, 1, &many).await;
    let metrics = Request::get("/metrics").send(process.addr).await.text();
    let metric = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let value = line.unwrap_or_else(|| panic!("{metrics}")).rsplit_once(' ');
        value.unwrap().1.parse().unwrap()
    };
    assert!(metric("loom_studio_store_groups_total ") >= 1.0);
    for line in ["group_records_total 200", "segments 1"] {
        let line = format!("loom_studio_store_{line}");
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
    }
    let written = metric("loom_studio_store_written_bytes_total ");
    let amplification = metric("loom_studio_store_write_amplification ");
    let accepted = metric("loom_studio_store_accepted_bytes_total ");
    assert!(written > 0.0 && (amplification - written / accepted).abs() < 1e-9);
    assert!(metric("loom_studio_store_oldest_received_seconds ") > 1.7e9);
    process.signal("TERM").await;
    process.ended().await;

    let stats = verb("stats", directory.path()).await;
    assert_eq!(stats.code, Some(0), "{stats:?}");
    assert!(stats.stdout.contains("events           200"), "{stats:?}");
    assert!(
        stats.stdout.contains("segments         1 (0 sealed)"),
        "{stats:?}"
    );
    let sound = verb("verify", directory.path()).await;
    assert_eq!(sound.code, Some(0), "{sound:?}");
    assert!(
        sound.stdout.contains("200 records") && sound.stdout.contains("no problem found"),
        "{sound:?}"
    );

    let log = directory.path().join("seg-00000000000000000001.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let damaged = verb("verify", directory.path()).await;
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert!(
        damaged.stdout.contains("seg-00000000000000000001.log"),
        "{damaged:?}"
    );
    assert!(damaged.stderr.contains("1 problem found"), "{damaged:?}");
}

#[tokio::test]
async fn verbs_need_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let missing = verb("stats", &directory.path().join("nowhere")).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("there is no data directory"),
        "{missing:?}"
    );
    let empty = verb("verify", directory.path()).await;
    assert_eq!(empty.code, Some(1), "{empty:?}");
    assert!(empty.stderr.contains("holds no store"), "{empty:?}");
}
