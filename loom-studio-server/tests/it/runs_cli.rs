//! `loom-studio runs`, `show` and `query` as processes: of a data directory, and through a server.

use std::path::Path;

use serde_json::Value;

use crate::harness::TestServer;
use crate::process::{Outcome, Process, command, outcome};
use crate::runs::scene;

/// The first tells which of the verbs, the last where.
async fn run(arguments: &[&str], place: &[&str]) -> Outcome {
    outcome(command(&[arguments, place].concat())).await
}

#[track_caller]
fn succeeded(outcome: &Outcome) -> &str {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    &outcome.stdout
}

/// A data directory with the scene in it.
async fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start().await;
    let mut events = scene();
    // A name that would colour the terminal red.
    events[6]["data"]["result"] = "\u{1b}[31m".into();
    events[6]["id"] = "re\u{1b}[31m4".into();
    server.append(&events).await;
    let lines = directory.path().join("lines");
    std::fs::write(&lines, server.get("/api/export").await.body).unwrap();
    let data = directory.path().join("data");
    let import = ["import", utf8(&lines), "--data-dir", utf8(&data)];
    succeeded(&outcome(command(&import)).await);
    directory
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

const RUNS: &str = "\
run  status  start                        duration  events  calls  errors  tokens  root
  6  ok      2026-01-02T03:01:00.000000Z     1.0 s       2      1       0       7  /user/u → agent/b
  1  failed  2026-01-02T03:00:00.000000Z    32.0 s       5      2       2       -  /user/u → agent/a
";

const SHOWN: &str = "\
Run 1: failed, 32.0 s
/user/u → agent/a, session s, 2026-01-02T03:00:00.000000Z
5 events, 2 calls (0 open), 2 errors, - tokens

call           seq  duration   self  tokens  status
* agent/a        1    32.0 s  2.0 s       -  error_result  timeout
└─ * ~ tool/t    2     1.0 s  1.0 s       -  error         boom; never heard by its caller

* on the critical path   ~ inferred from times

What went wrong first
  tool/t reported an error: boom (event 3)
  agent/a never heard the error: Loom does not deliver node.error; it waited 30 s (event 3)
  agent/a answered with an error: timeout (event 5)
";

#[tokio::test]
async fn a_data_directory_and_its_server_say_the_same() {
    let directory = directory().await;
    let data = directory.path().join("data");
    let local = ["--data-dir", utf8(&data)];
    let verbs: [&[&str]; 8] = [
        &["runs"],
        &["runs", "--json"],
        &[
            "runs", "--status", "failed", "--order", "duration", "--node", "agent/a",
        ],
        &["show", "1"],
        &["show", "4", "--json"],
        &["query", "type = node.error or data.usage.output_tokens > 3"],
        &[
            "query",
            "--json",
            "type = node.request",
            "--order",
            "-seq",
            "--limit",
            "2",
        ],
        &["runs", "--workspace", "other"],
    ];
    let mut texts = Vec::new();
    for verb in verbs {
        texts.push(succeeded(&run(verb, &local).await).to_owned());
    }
    assert_eq!(texts[0], RUNS);
    let page: Value = serde_json::from_str(&texts[1]).unwrap();
    assert_eq!(
        (&page["total"], &page["runs"][1]["root"]["id"]),
        (&2.into(), &"1".into())
    );
    assert_eq!(texts[2].lines().count(), 2, "{}", texts[2]);
    assert_eq!(texts[3], SHOWN);
    let shown: Value = serde_json::from_str(&texts[4]).unwrap();
    assert_eq!(shown["run"]["id"], 1);
    let found: Vec<&str> = texts[5].lines().collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("seq  time"), "{found:?}");
    assert!(
        found[1].starts_with("  3  2026-01-02T03:00:02Z  node.error"),
        "{found:?}"
    );
    assert!(found[2].ends_with("re\u{fffd}[31m4"), "{found:?}");
    let ids: Vec<Value> = texts[6]
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].take())
        .collect();
    assert_eq!(ids, ["4", "2"]);
    assert_eq!(texts[7].lines().count(), 1, "the head alone");

    let server = Process::of(command(&[&["--port", "0"], &local[..]].concat())).await;
    let remote = ["--server", server.url.trim_end()];
    for (verb, text) in verbs.into_iter().zip(texts) {
        assert_eq!(succeeded(&run(verb, &remote).await), text, "{verb:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let directory = directory().await;
    let data = directory.path().join("data");
    let nowhere = directory.path().join("nowhere");
    let local = ["--data-dir", utf8(&data)];
    let failed = async |verb: &[&str], place: &[&str], message: &str| {
        let outcome = run(verb, place).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains(message), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    };
    failed(&["show", "x"], &local, "x names no run").await;
    failed(&["show", "77"], &local, "77 is part of no run in default").await;
    failed(
        &["runs"],
        &["--data-dir", utf8(&nowhere)],
        "there is no data directory",
    )
    .await;
    failed(
        &["query", "type = é ="],
        &local,
        "\n  type = é =\n           ^",
    )
    .await;
    failed(&["query", " "], &local, "the condition is empty").await;
    failed(
        &["query", "duration > 1s"],
        &local,
        "the duration of calls is not known here",
    )
    .await;
    let server = TestServer::start().await;
    let url = format!("http://{}", server.addr);
    failed(
        &["show", "77"],
        &["--server", &url],
        "event 77 is part of no run here",
    )
    .await;
}

#[tokio::test]
async fn more_than_the_limit_is_announced() {
    let directory = directory().await;
    let data = directory.path().join("data");
    let local = ["--data-dir", utf8(&data)];
    let runs = run(&["runs", "--limit", "1"], &local).await;
    assert!(succeeded(&runs).ends_with("1 of 2; --limit shows more\n"));
    let query = run(&["query", "type = node.request", "--limit", "1"], &local).await;
    assert_eq!(succeeded(&query).lines().count(), 2);
    assert_eq!(query.stderr, "there may be more; --limit shows them\n");
}
