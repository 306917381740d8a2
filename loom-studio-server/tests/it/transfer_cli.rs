//! `loom-studio export` and `loom-studio import` as processes.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::harness::{TestServer, event, event_with_data, events, within};
use crate::http_client::Request;
use crate::process::{Outcome, Process, command, outcome};

async fn run(arguments: &[&str]) -> Outcome {
    outcome(command(arguments)).await
}

#[track_caller]
fn succeeded(outcome: &Outcome) {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[track_caller]
fn failed(outcome: &Outcome, message: &str) {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(message), "{outcome:?}");
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The lines of an export without what belongs to the store: its epoch, and when it received a record.
fn apart_from_the_store(lines: &str) -> String {
    let without = |line: &str, name: &str| {
        let Some((before, rest)) = line.split_once(&format!("\"{name}\":\"")) else {
            return line.to_owned();
        };
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}{after}")
    };
    let lines = lines.lines();
    lines
        .map(|line| without(&without(line, "epoch"), "received") + "\n")
        .collect()
}

/// An export of a server's log: three events in two workspaces.
async fn exported() -> String {
    let server = TestServer::start().await;
    server
        .append(&[event_with_data("1", json!({"text": "é"})), event("2")])
        .await;
    server.append_to("other", &[event("1")]).await;
    let lines = server.get("/api/export").await.text();
    let other = server.get("/api/export?workspace=other").await.text();
    lines + &other
}

#[tokio::test]
async fn a_directory_is_imported_exported_and_imported_again() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let (lines, first, second) = (place("lines.jsonl"), place("a/b"), place("c"));
    std::fs::write(&lines, exported().await).unwrap();

    let imported = run(&["import", utf8(&lines), "--data-dir", utf8(&first)]).await;
    succeeded(&imported);
    assert_eq!(imported.stdout, "3 records stored, 0 were there already\n");
    let again = run(&["import", utf8(&lines), "--data-dir", utf8(&first)]).await;
    succeeded(&again);
    assert_eq!(again.stdout, "0 records stored, 3 were there already\n");

    let plain = run(&["export", "--data-dir", utf8(&first)]).await;
    succeeded(&plain);
    assert_eq!(plain.stderr, "3 events and 0 observations exported\n");
    assert!(plain.stdout.contains("\"workspace\":\"other\""));

    let packed = place("events.jsonl.zst");
    let export = ["export", "--data-dir", utf8(&first), "-o", utf8(&packed)];
    succeeded(&run(&export).await);
    failed(
        &run(&export).await,
        "exists; choose another name, or replace it with --force",
    );
    succeeded(&run(&[&export[..], &["--force"]].concat()).await);
    let bytes = std::fs::read(&packed).unwrap();
    assert_eq!(zstd::decode_all(&*bytes).unwrap(), plain.stdout.as_bytes());

    succeeded(&run(&["import", utf8(&packed), "--data-dir", utf8(&second)]).await);
    let copy = run(&["export", "--data-dir", utf8(&second)]).await;
    assert_eq!(
        apart_from_the_store(&copy.stdout),
        apart_from_the_store(&plain.stdout)
    );
    let one = run(&[
        "export",
        "--data-dir",
        utf8(&second),
        "--workspace",
        "other",
        "--node",
        "a",
    ])
    .await;
    assert_eq!(one.stdout.lines().count(), 3, "{one:?}");
    let none = run(&["export", "--data-dir", utf8(&second), "--type", "agent.*"]).await;
    assert_eq!(none.stdout.lines().count(), 2, "{none:?}");
}

#[tokio::test]
async fn an_import_reads_standard_input_and_renames() {
    let directory = tempfile::tempdir().unwrap();
    let place = utf8(directory.path());
    let import = [
        "import",
        "--data-dir",
        place,
        "--workspace",
        "w",
        "--session",
        "s",
    ];
    let mut command = command(&import);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let packed = zstd::encode_all(exported().await.as_bytes(), 1).unwrap();
    stdin.write_all(&packed).await.unwrap();
    drop(stdin);
    let output = within("the end of the command", child.wait_with_output())
        .await
        .unwrap();
    // Two workspaces have become one, and so have two of their events.
    assert_eq!(output.stdout, b"2 records stored, 1 were there already\n");
    let lines = run(&["export", "--data-dir", place]).await.stdout;
    assert_eq!(
        lines
            .matches("\"workspace\":\"w\",\"session\":\"s\"")
            .count(),
        2
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_and_the_exit_code_tells() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let (input, data) = (place("lines"), place("data"));
    let import = ["import", utf8(&input), "--data-dir", utf8(&data)];
    failed(&run(&import).await, "cannot read");
    let lines = exported().await;
    for (bad, message) in [
        (String::new(), "the input is empty"),
        (
            lines[..200].to_owned(),
            "line 2: the input is cut off in it",
        ),
        (
            lines.replace("\"id\":\"2\"", "\"id\":"),
            "line 3: it is no JSON object",
        ),
        (
            lines.replace("\"events\":2", "\"events\":3"),
            "line 4: the export had 3 events",
        ),
        (
            lines.replace("\"specversion\":\"1.0\"", "\"specversion\":\"0.3\""),
            "3 records were rejected",
        ),
    ] {
        std::fs::write(&input, bad).unwrap();
        let outcome = run(&import).await;
        failed(&outcome, message);
        assert!(outcome.stdout.contains("records stored"), "{outcome:?}");
    }
    let outcome = run(&import).await;
    assert!(
        outcome.stderr.contains("line 2: unsupported_specversion: "),
        "{outcome:?}"
    );
    let nowhere = run(&["export", "--data-dir", utf8(&place("nowhere"))]).await;
    failed(&nowhere, "there is no data directory");
    let time = run(&["export", "--data-dir", utf8(&data), "--start-time", "noon"]).await;
    failed(
        &time,
        "start_time: expected epoch seconds or an RFC 3339 time",
    );
}

#[tokio::test]
async fn a_server_that_holds_the_directory_is_named_and_can_be_asked() {
    let directory = tempfile::tempdir().unwrap();
    let data = utf8(directory.path());
    let holder = Process::of(command(&["--port", "0", "--data-dir", data])).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), exported().await).unwrap();
    let file = utf8(file.path());
    for verb in [&["export"][..], &["import", file]] {
        let refused = run(&[verb, &["--data-dir", data]].concat()).await;
        failed(&refused, "in use by process ");
        assert!(refused.stderr.contains("--server http://"), "{refused:?}");
    }
    let url = holder.url.trim_end();
    let imported = run(&["import", file, "--server", url]).await;
    succeeded(&imported);
    // A server puts them all into one workspace.
    assert_eq!(imported.stdout, "2 records stored, 1 were there already\n");
    let exported = run(&["export", "--server", url, "--node", "crew/none"]).await;
    assert_eq!(exported.stdout.lines().count(), 2, "{exported:?}");
    let exported = run(&["export", "--server", url, "-q", "é"]).await;
    succeeded(&exported);
    assert_eq!(exported.stdout.lines().count(), 3, "{exported:?}");
    let page = Request::get("/api/events").send(holder.addr).await.ok();
    assert_eq!(page["total"], 2);
}

#[tokio::test]
async fn a_servers_refusal_is_passed_on() {
    let server = TestServer::with(|settings| {
        settings.tokens = vec![loom_studio_server::Token {
            secret: "secret".to_owned(),
            workspace: None,
        }];
    })
    .await;
    server.append(&events(1..=2)).await;
    let url = format!("http://{}", server.addr);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lines");
    let refused = run(&["export", "--server", &url, "-o", utf8(&file)]).await;
    failed(&refused, "a token is needed");
    assert!(!file.exists(), "a refusal leaves no file");
    let export = [
        "export",
        "--server",
        &url,
        "--token",
        "secret",
        "-o",
        utf8(&file),
    ];
    succeeded(&run(&export).await);

    // Much more follows the line that is refused than any buffer on the way holds.
    let lines = std::fs::read_to_string(&file).unwrap();
    let rest = "x".repeat(200) + "\n";
    std::fs::write(
        &file,
        lines.replace("{\"end\"", "{\"ned\"") + &rest.repeat(100_000),
    )
    .unwrap();
    let import = ["import", utf8(&file), "--server", &url, "--token", "secret"];
    let refused = run(&import).await;
    failed(
        &refused,
        "line 4: it holds neither an event nor an observation",
    );

    let tls = run(&["export", "--server", "https://studio.example"]).await;
    failed(&tls, "https://studio.example/api/export");
    let strange = run(&["export", "--server", "studio"]).await;
    failed(&strange, "is no address of a server");
    let nobody = run(&["export", "--server", "http://127.0.0.1:1"]).await;
    failed(&nobody, "the server 127.0.0.1:1: ");
}
