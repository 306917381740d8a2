//! One run, a condition, and the other forms of an export: over HTTP, and as a command.

use std::collections::BTreeMap;

use loom_studio_core::MemoryStoreOptions;
use serde_json::{Value, json};

use crate::harness::{TestServer, event_with_data, memory_of};
use crate::http_client::Request;
use crate::process::{command, outcome};
use crate::runs::{scene, with_recording};

async fn text(server: &TestServer, query: &str) -> String {
    let answer = server.get(&format!("/api/export?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.text()
}

/// The events of a page, as they were sent.
fn sent(page: &Value) -> Vec<Value> {
    let events = page["events"].as_array().unwrap().iter().cloned();
    let without = |mut event: Value| {
        let members = event.as_object_mut().unwrap();
        members.retain(|name, _| !["studioseq", "studioreceived"].contains(&name.as_str()));
        event
    };
    events.map(without).collect()
}

fn seqs(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    let seq = |event: &Value| event["studioseq"].as_u64().unwrap();
    events.iter().map(seq).collect()
}

/// A document in which positions are those of another store.
fn moved(value: &mut Value, to: &BTreeMap<u64, u64>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| moved(item, to)),
        Value::Object(members) => {
            members.retain(|name, _| name != "at" && name != "epoch");
            for (name, member) in members {
                let names_events = [
                    "id",
                    "seq",
                    "first_seq",
                    "last_seq",
                    "request",
                    "event",
                    "evidence",
                    "candidates",
                    "run_id",
                ];
                let seqs = if member.is_array() {
                    member.as_array_mut().unwrap().iter_mut().collect()
                } else {
                    vec![&mut *member]
                };
                if names_events.contains(&name.as_str()) {
                    for seq in seqs {
                        if let Some(there) = seq.as_u64().and_then(|seq| to.get(&seq)) {
                            *seq = json!(there);
                        }
                    }
                }
                moved(member, to);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn each_run_of_a_real_program_moves_to_another_server() {
    let origin = with_recording(true).await;
    let runs = origin.get("/api/runs?limit=1000").await.ok();
    let runs = runs["runs"].as_array().unwrap();
    assert!(runs.len() > 1, "several runs");
    for run in runs {
        let id = run["id"].as_u64().unwrap();
        let lines = text(&origin, &format!("run_id={id}")).await;
        let there = TestServer::start().await;
        let imported = Request::post("/api/import", "application/x-ndjson", lines);
        let imported = imported.send(there.addr).await.ok();
        assert_eq!(imported["events"], run["events"]);
        let before = origin
            .get(&format!("/api/events?run_id={id}&limit=1000"))
            .await
            .ok();
        let after = there.get("/api/events?limit=1000").await.ok();
        assert_eq!(before["total"], run["events"]);
        assert_eq!(sent(&before), sent(&after));

        let to: BTreeMap<u64, u64> = seqs(&before).into_iter().zip(seqs(&after)).collect();
        let root = to[&id];
        for view in ["/api/runs/RUN", "/api/topology?run_id=RUN"] {
            let of = |run: u64| view.replace("RUN", &run.to_string());
            let mut before = origin.get(&of(id)).await.ok();
            moved(&mut before, &to);
            let mut after = there.get(&of(root)).await.ok();
            moved(&mut after, &BTreeMap::new());
            assert_eq!(before, after, "{view} of {id}");
        }
    }
}

#[tokio::test]
async fn the_events_of_a_run_come_in_pages_of_every_order() {
    let server = with_recording(true).await;
    let runs = server.get("/api/runs").await.ok();
    let run = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .max_by_key(|run| run["events"].as_u64())
        .unwrap();
    let id = &run["id"];
    let whole = server
        .get(&format!("/api/events?run_id={id}&limit=1000"))
        .await
        .ok();
    assert_eq!(
        (&whole["total"], &whole["total_is"]),
        (&run["events"], &json!("exact"))
    );
    let expected = seqs(&whole);
    assert!(expected.len() > 10);
    let of_all = server.get("/api/events?limit=1000&order=time").await.ok();
    let by_time: Vec<u64> = seqs(&of_all)
        .into_iter()
        .filter(|seq| expected.contains(seq))
        .collect();
    for (order, mut expected) in [("seq", expected.clone()), ("time", by_time)] {
        for order in [order.to_owned(), format!("-{order}")] {
            let mut found = Vec::new();
            let mut cursor = String::new();
            loop {
                // By a position inside of the run, too.
                let name = if found.is_empty() {
                    id.as_u64().unwrap()
                } else {
                    expected[3]
                };
                let page =
                    format!("/api/events?run_id={name}&limit=7&order={order}&cursor={cursor}");
                let page = server.get(&page).await.ok();
                assert_eq!(page["total"], run["events"]);
                found.extend(seqs(&page));
                match page["next_cursor"].as_str() {
                    Some(next) => next.clone_into(&mut cursor),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{order}");
            expected.reverse();
        }
    }
    let requests = format!("/api/events?run_id={id}&event_type=node.request&limit=1000");
    let requests = server.get(&requests).await.ok();
    assert_eq!(requests["total"], run["calls"]);
    let errors = format!("/api/events?run_id={id}&where=outcome%20%3D%20error");
    assert_eq!(server.get(&errors).await.ok()["total"], run["errors"]);
    let past = format!("/api/events?run_id={id}&up_to={}", expected[4]);
    assert_eq!(server.get(&past).await.ok()["total"], 5);

    let refused = async |run: &str, status: u16, code: &str| {
        for route in ["events", "export"] {
            let answer = server.get(&format!("/api/{route}?run_id={run}")).await;
            answer.problem(status, code);
        }
    };
    refused("9999999", 404, "not_found").await;
    refused("x", 400, "invalid").await;
    refused(&"0".repeat(32), 404, "not_found").await;
    let other = server
        .get(&format!("/api/events?run_id={id}&workspace=other"))
        .await;
    other.problem(404, "not_found");
    let first = server
        .get(&format!("/api/events?run_id={id}&limit=1"))
        .await
        .ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    let elsewhere = server
        .get(&format!("/api/events?limit=1&cursor={cursor}"))
        .await;
    elsewhere.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn a_run_that_retention_deleted_is_gone() {
    let server = TestServer::over(
        memory_of(MemoryStoreOptions {
            max_records: 5,
            ..MemoryStoreOptions::default()
        }),
        |_| {},
    )
    .await;
    server.append(&scene()).await;
    for route in ["events", "export"] {
        let answer = server.get(&format!("/api/{route}?run_id=1")).await;
        answer.problem(410, "gone");
    }
}

#[tokio::test]
async fn a_table_and_a_trace_over_http() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    server.append_to("other", &scene()).await;
    let answer = server.get("/api/export?format=csv").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"loom-studio.csv\"")
    );
    let csv = answer.text();
    let rows: Vec<Vec<&str>> = csv
        .split_terminator("\r\n")
        .map(|row| row.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 8);
    let column = |name: &str| rows[0].iter().position(|head| *head == name).unwrap();
    let (seq, run, status, reason) = (
        column("seq"),
        column("run"),
        column("status"),
        column("reason"),
    );
    let told = |row: &[&str]| [seq, run, status, reason].map(|column| row[column].to_owned());
    assert_eq!(
        told(&rows[1]),
        ["1", "1", "\"error_result\"", "\"timeout\""]
    );
    assert_eq!(told(&rows[2]), ["2", "1", "\"error\"", "\"boom\""]);
    assert_eq!(told(&rows[6]), ["6", "6", "\"ok\"", ""]);

    let answer = server.get("/api/export?format=chrome&run_id=1").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let trace = answer.json();
    let entries = trace["traceEvents"].as_array().unwrap();
    let mut seqs: Vec<u64> = entries
        .iter()
        .filter_map(|entry| entry["args"]["seq"].as_u64())
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    assert_eq!(trace["otherData"]["events"], 5);
    let failed = entries
        .iter()
        .find(|entry| entry["args"]["first_error"] == true)
        .unwrap();
    assert_eq!(failed["name"], "tool/t (error)");
    server
        .get("/api/export?format=xml")
        .await
        .problem(400, "invalid");
    let past = text(&server, "format=csv&up_to=2").await;
    assert_eq!(past.lines().count(), 3);
}

#[tokio::test]
async fn a_condition_chooses_what_is_exported_and_points_at_what_is_wrong() {
    let server = TestServer::start().await;
    let many: Vec<Value> = (1..=20)
        .map(|n| event_with_data(n, json!({"n": n})))
        .collect();
    server.append(&many).await;
    for (form, extra) in [("jsonl", 2), ("csv", 1)] {
        let lines = text(&server, &format!("format={form}&where=data.n%20%3E%2017")).await;
        assert_eq!(lines.lines().count(), 3 + extra, "{lines}");
    }
    let answer = server.get("/api/export?where=outcome%20%3D%20eror").await;
    let detail = answer.problem(400, "invalid_condition");
    assert!(detail.ends_with("\n            ^"), "{detail}");
    assert_eq!(answer.json()["position"], 10);
    let answer = server.get("/api/export?where=duration%20%3E%202s").await;
    answer.problem(400, "invalid_condition");
}

#[tokio::test]
async fn what_is_no_jsonl_is_refused_by_its_name() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    for (form, name) in [("csv", "a table (CSV)"), ("chrome", "a Chrome trace")] {
        let input = text(&server, &format!("format={form}")).await;
        for input in [
            input.clone(),
            input.replace('\n', " "),
            format!("\u{feff}{input}"),
        ] {
            let request = Request::post("/api/import", "application/x-ndjson", input);
            let detail = request
                .send(server.addr)
                .await
                .problem(400, "invalid_export");
            assert!(
                detail.contains(name) && detail.contains("export --format jsonl"),
                "{detail}"
            );
        }
    }
    assert_eq!(server.store.stats().await.unwrap().last_seq.0, 7);
}

#[tokio::test]
async fn the_command_writes_every_form_of_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let server = TestServer::start().await;
    server.append(&scene()).await;
    let (lines, data) = (place("lines"), place("data"));
    std::fs::write(&lines, server.get("/api/export").await.body).unwrap();
    let imported = outcome(command(&["import", &lines, "--data-dir", &data])).await;
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let url = format!("http://{}", server.addr);
    let local = ["--data-dir", &data];
    let remote = ["--server", &url];
    for (form, counted) in [
        ("jsonl", "5 events and 0 observations exported\n"),
        ("csv", "5 events exported\n"),
        ("chrome", "5 events exported\n"),
    ] {
        let export = [
            "export",
            "--format",
            form,
            "--run",
            "3",
            "--workspace",
            "default",
        ];
        let here = outcome(command(&[&export[..], &local].concat())).await;
        assert_eq!(
            (here.code, here.stderr.as_str()),
            (Some(0), counted),
            "{here:?}"
        );
        let there = outcome(command(&[&export[..], &remote].concat())).await;
        assert_eq!(there.code, Some(0), "{there:?}");
        // They differ by what each store says of itself.
        let apart = |text: &str| -> Vec<usize> {
            text.lines()
                .map(|line| line.matches(['"', ':']).count())
                .collect()
        };
        assert_eq!(apart(&here.stdout), apart(&there.stdout), "{form}");
    }
    let file = place("trace.json.zst");
    let export = [
        "export",
        "--format",
        "chrome",
        "-o",
        &file,
        "--where",
        "type = node.request",
    ];
    let written = outcome(command(&[&export[..], &local].concat())).await;
    assert_eq!(written.stderr, "3 events exported\n", "{written:?}");
    let trace = zstd::decode_all(&*std::fs::read(&file).unwrap()).unwrap();
    let trace: Value = serde_json::from_slice(&trace).unwrap();
    assert_eq!(trace["otherData"]["events"], 3);

    let refused = async |arguments: &[&str], message: &str| {
        let refused = outcome(command(&[&["export"], arguments, &local].concat())).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(message), "{refused:?}");
    };
    refused(&["--run", "99"], "99 is part of no run in default").await;
    refused(&["--run", "x"], "x names no run").await;
    refused(&["--where", "type ="], "type =\n").await;
    let again = outcome(command(&["import", &file, "--data-dir", &data])).await;
    assert!(
        again.stderr.contains("the input is a Chrome trace"),
        "{again:?}"
    );
}
