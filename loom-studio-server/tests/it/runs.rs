//! Runs over HTTP: recorded traffic of a real program, and small scenes.

use loom_studio_core::MemoryStoreOptions;
use serde_json::{Value, json};

use crate::harness::{TestServer, memory, memory_of, numbered};
use crate::http_client::Response;
use crate::stores::GatedStore;

/// What the interceptor of a `loom-agent` 0.3.3 program sent, in the order of arrival; with the causes that were noted inside the program, or without.
pub(crate) fn recorded(with_causes: bool) -> Vec<Value> {
    let text = include_str!("../../../loom-studio-core/tests/it/fixtures/loom-agent-0.3.3.json");
    let mut document: Value = serde_json::from_str(text).unwrap();
    let causes = document["causes"].take();
    let mut events = document["events"].as_array().unwrap().clone();
    for event in events.iter_mut().filter(|_| with_causes) {
        let cause = &causes[event["id"].as_str().unwrap()];
        if cause.is_string() {
            event["causationid"] = cause.clone();
        }
    }
    events
}

/// A server that was sent the recording over its ingest socket.
pub(crate) async fn with_recording(with_causes: bool) -> TestServer {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    let events = recorded(with_causes);
    for (batch, events) in events.chunks(50).enumerate() {
        socket.send_json(&numbered(batch as u64 + 1, events)).await;
        socket.frame("ack").await;
    }
    server
}

pub(crate) fn event(id: &str, from: &str, kind: &str, second: u32, more: &Value) -> Value {
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": from, "type": kind, "studiosession": "s",
        "time": format!("2026-01-02T03:{:02}:{:02}Z", second / 60, second % 60),
    });
    let more = more.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(more);
    event
}

pub(crate) fn request(id: &str, from: &str, to: &str, second: u32) -> Value {
    event(id, from, "node.request", second, &json!({"subject": to}))
}

pub(crate) fn reply(of: &str, from: &str, second: u32, data: &Value) -> Value {
    let mut members = data.clone();
    members["request_id"] = json!(of);
    let kind = if data["error"].is_null() {
        "node.response"
    } else {
        "node.error"
    };
    let id = format!("re-{of}");
    event(&id, from, kind, second, &json!({"data": members}))
}

/// A user asks an agent, which asks a tool, whose error it never hears; then a run that ends well.
pub(crate) fn scene() -> Vec<Value> {
    vec![
        request("1", "user/u", "agent/a", 0),
        request("2", "agent/a", "tool/t", 1),
        reply("2", "tool/t", 2, &json!({"error": "boom"})),
        event("3", "agent/a", "agent.thought", 3, &json!({})),
        reply("1", "agent/a", 32, &json!({"result": {"error": "timeout"}})),
        request("4", "user/u", "agent/b", 60),
        reply(
            "4",
            "agent/b",
            61,
            &json!({"result": 1, "usage": {"input_tokens": 3, "output_tokens": 4}}),
        ),
    ]
}

fn ids(page: &Value) -> Vec<u64> {
    let runs = page["runs"].as_array().unwrap();
    runs.iter().map(|run| run["id"].as_u64().unwrap()).collect()
}

async fn get(server: &TestServer, target: &str) -> Value {
    server.get(target).await.ok()
}

#[tokio::test]
async fn runs_of_recorded_traffic_are_listed_and_shown() {
    let server = with_recording(true).await;
    let page = get(&server, "/api/runs").await;
    // The recording names its ten runs; two of them ended in an error that was never heard.
    assert_eq!((ids(&page).len(), &page["total"]), (10, &json!(10)));
    let failed = get(&server, "/api/runs?status=failed").await;
    assert_eq!(failed["total"], 2);
    assert!(consistent(&server, &page).await > 30);
}

#[tokio::test]
async fn what_recorded_traffic_does_not_say_joins_nothing() {
    let server = with_recording(false).await;
    let page = get(&server, "/api/runs").await;
    // Four runs at once share their nodes: the ten have fallen apart, and the parts say so.
    assert_eq!(
        (&page["total"], &page["ambiguous"]),
        (&json!(37), &json!(27))
    );
    consistent(&server, &page).await;
    let certain = get(&server, "/api/runs?ambiguous=false").await;
    assert_eq!(
        (&certain["total"], &certain["ambiguous"]),
        (&json!(10), &json!(0))
    );
    let runs = page["runs"].as_array().unwrap();
    let is_ambiguous = |run: &&Value| run["root"]["is_ambiguous"] == true;
    for run in runs.iter().filter(is_ambiguous) {
        let root = &run["root"];
        let candidates = root["candidates"].as_array().unwrap();
        assert!(candidates.len() > 1 && root["has_all_candidates"] == true);
        for candidate in candidates {
            // Whoever may have called shows the call as possible, and doesn't count it.
            let shown = get(&server, &format!("/api/runs/{candidate}")).await;
            let possible = shown["possible"].as_array().unwrap();
            let part = possible.iter().find(|part| part["event"] == run["id"]);
            let part = part.unwrap();
            assert_eq!((&part["run_id"], &part["to"]), (&run["id"], &root["node"]));
            let calls = shown["calls"].as_array().unwrap();
            assert!(!calls.iter().any(|call| call["request"] == run["id"]));
            let named = part["calls"].as_array().unwrap().iter();
            let mut named =
                named.map(|call| &calls[usize::try_from(call.as_u64().unwrap()).unwrap()]);
            assert!(named.any(|call| call["request"] == *candidate));
        }
        let event = get(&server, &format!("/api/events/{}", run["id"])).await;
        assert_eq!(event["links"]["candidates"], root["candidates"]);
        assert_eq!(
            (&event["links"]["call"], &event["run_id"]),
            (&Value::Null, &run["id"])
        );
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_made_in_either_of_two_is_shown_so() {
    let server = TestServer::start().await;
    server
        .append(&[
            request("1", "user/u", "agent/a", 0),
            request("2", "agent/a", "agent/c", 1),
            request("3", "agent/a", "agent/c", 2),
            request("4", "agent/c", "tool/t", 3),
        ])
        .await;
    let shown = get(&server, "/api/runs/4").await;
    assert_eq!(shown["run"]["id"], 1);
    let unclear = &shown["calls"][3];
    assert_eq!(unclear["candidates"], json!([2, 3]));
    assert_eq!(
        (&unclear["is_ambiguous"], &unclear["has_all_candidates"]),
        (&json!(true), &json!(true))
    );
    assert!(unclear["parent"].is_null() && unclear["link"].is_null());
    assert_eq!(shown["roots"], json!([0, 3]));
    let event = get(&server, "/api/events/4").await;
    assert_eq!(event["links"]["candidates"], json!([2, 3]));
    assert_eq!(
        (&event["run_id"], &event["links"]["call"]),
        (&json!(1), &Value::Null)
    );
}

/// Compares the list with each run's tree; returns how many calls there are.
async fn consistent(server: &TestServer, page: &Value) -> usize {
    let runs = page["runs"].as_array().unwrap();
    let events = recorded(false).len() as u64;
    let in_runs: u64 = runs.iter().map(|run| run["events"].as_u64().unwrap()).sum();
    assert!(in_runs <= events, "{in_runs} of {events}");
    let mut newest_first = ids(page);
    newest_first.sort_unstable_by(|left, right| right.cmp(left));
    assert_eq!(ids(page), newest_first);

    let mut calls = 0;
    for run in runs {
        let id = &run["id"];
        let shown = get(server, &format!("/api/runs/{id}")).await;
        assert_eq!(&shown["run"]["root"], &run["root"]);
        assert_eq!(run["root"]["type"], "node.request");
        let tree = shown["calls"].as_array().unwrap();
        assert_eq!(run["calls"], tree.len());
        assert_eq!(tree[0]["request"], *id);
        let mut of_tree = shown["unplaced"].as_array().unwrap().len();
        for call in tree {
            of_tree += 1 + usize::from(!call["end"].is_null());
            of_tree += call["events"].as_array().unwrap().len();
            of_tree += call["more_replies"].as_array().unwrap().len();
            // A parent is a call that was made before.
            if let Some(parent) = call["parent"].as_u64() {
                assert!(call["link"]["trust"].is_string());
                let parent = &tree[usize::try_from(parent).unwrap()];
                assert_eq!(parent["to"], call["from"]);
            }
        }
        assert_eq!(run["events"], of_tree);
        if run["status"] == "ok" {
            let parts = tree
                .iter()
                .map(|call| call["critical_ms"].as_f64().unwrap());
            let (on_path, duration) = (parts.sum::<f64>(), run["duration_ms"].as_f64().unwrap());
            assert!(
                (on_path - duration).abs() < 0.001,
                "{on_path} of {duration}"
            );
        }
        calls += tree.len();
        // Any part of it leads there.
        let last = &run["last_seq"];
        let by_part = get(server, &format!("/api/runs/{last}")).await;
        assert_eq!(by_part["run"]["id"], *id);
    }
    calls
}

#[tokio::test]
async fn an_error_nobody_heard_is_explained() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    let page = get(&server, "/api/runs").await;
    assert_eq!(ids(&page), [6, 1]);
    let run = &page["runs"][1];
    assert_eq!(run["status"], "failed");
    assert_eq!(
        run["root"],
        json!({
            "seq": 1, "id": "1", "type": "node.request", "from": "/user/u", "node": "/node/agent/a",
            "is_ambiguous": false, "candidates": [], "has_all_candidates": true,
        })
    );
    assert_eq!(run["duration_ms"], 32_000.0);
    assert_eq!(
        (&run["events"], &run["calls"], &run["open_calls"]),
        (&json!(5), &json!(2), &json!(0))
    );
    assert_eq!(run["tokens"], Value::Null);
    assert_eq!(page["runs"][0]["tokens"]["input"], 3);

    let shown = get(&server, "/api/runs/1").await;
    let codes: Vec<&str> = shown["failure"]["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["reported_error", "never_heard", "answered_with_error"]
    );
    let unheard = &shown["failure"]["chain"][1];
    assert_eq!(unheard["waited_ms"], 30_000.0);
    assert_eq!(
        (&unheard["node"], &unheard["callee"]),
        (&json!("/node/agent/a"), &json!("/node/tool/t"))
    );
    assert!(unheard["text"].as_str().unwrap().contains("never heard"));
    let tool = &shown["calls"][1];
    assert_eq!(
        (&tool["parent"], &tool["link"]["trust"]),
        (&json!(0), &json!("structure"))
    );
    assert_eq!(
        (&tool["status"], &tool["is_unheard"]),
        (&json!("error"), &json!(true))
    );
    assert_eq!(tool["end"]["error"], "boom");
    assert_eq!(tool["critical_ms"], 1_000.0);
    assert_eq!(
        shown["calls"][0]["events"],
        json!([{"event": 4, "trust": "structure"}])
    );
    assert_eq!(shown["critical_path"][2]["pursuit"], "wait_in_vain");
}

#[tokio::test]
async fn an_event_names_its_run_and_its_call() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    let thought = get(&server, "/api/events/4").await;
    assert_eq!(thought["run_id"], 1);
    assert_eq!(thought["links"]["cause"], Value::Null, "nobody stated one");
    let call = &thought["links"]["call"];
    assert_eq!(
        (&call["seq"], &call["trust"]),
        (&json!(1), &json!("structure"))
    );
    assert_eq!(
        (&thought["placed"], &thought["placed_at"]),
        (&json!("yes"), &json!(7))
    );
    let ask = get(&server, "/api/events/2").await;
    assert_eq!(ask["links"]["call"]["seq"], 1);
    assert_eq!(ask["links"]["end"]["seq"], 3);
    assert_eq!(ask["links"]["end"]["trust"], "request_id");

    // Two calls at once: what the agent sends may belong to either.
    server
        .append(&[
            request("5", "user/u", "agent/c", 100),
            request("6", "user/u", "agent/c", 101),
            event("7", "agent/c", "agent.thought", 102, &json!({})),
            event("8", "agent/nobody", "note", 103, &json!({})),
        ])
        .await;
    let unclear = get(&server, "/api/events/10").await;
    assert_eq!(
        (&unclear["run_id"], &unclear["links"]["call"]),
        (&Value::Null, &Value::Null)
    );
    // It is part of no run, and either shows it as possible.
    assert_eq!(unclear["links"]["candidates"], json!([8, 9]));
    let shown = get(&server, "/api/runs/9").await;
    assert_eq!(shown["run"]["events"], 1);
    assert_eq!(shown["possible"][0]["event"], 10);
    assert_eq!(
        (&shown["possible"][0]["to"], &shown["possible"][0]["calls"]),
        (&Value::Null, &json!([0]))
    );
    let outside = get(&server, "/api/events/11").await;
    assert_eq!(outside["run_id"], Value::Null);
}

#[tokio::test]
async fn an_event_has_its_links_when_the_views_have_failed() {
    let server = TestServer::over(GatedStore::deaf(memory()), |_| {}).await;
    server.append(&scene()).await;
    server.get("/api/runs").await.problem(503, "views_retrying");
    let reply = get(&server, "/api/events/3").await;
    assert_eq!(reply["links"]["request"]["seq"], 2);
    assert_eq!(
        (&reply["placed"], &reply["placed_at"]),
        (&json!("failed"), &Value::Null)
    );
    assert_eq!(
        (&reply["run_id"], &reply["links"]["call"]),
        (&Value::Null, &Value::Null)
    );
    let request = get(&server, "/api/events/2").await;
    assert_eq!(
        (
            &request["links"]["response"]["seq"],
            &request["links"]["end"]
        ),
        (&json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn runs_are_filtered_ordered_and_paged() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    for (query, expected) in [
        ("status=failed", vec![1]),
        ("status=running", vec![]),
        ("session_id=s", vec![6, 1]),
        ("session_id=other", vec![]),
        ("node_id=agent/b", vec![6]),
        ("node_id=user/u", vec![6, 1]),
        ("node_id=tool/t", vec![]),
        ("node_id=*agent*", vec![6, 1]),
        ("order=seq", vec![1, 6]),
        ("order=duration", vec![6, 1]),
        ("order=-duration", vec![1, 6]),
        ("at=5", vec![1]),
        ("at=0", vec![]),
        ("workspace=other", vec![]),
    ] {
        let page = get(&server, &format!("/api/runs?{query}")).await;
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["next_cursor"], Value::Null);
    }
    for order in ["seq", "-seq", "duration", "-duration"] {
        let whole = get(&server, &format!("/api/runs?order={order}")).await;
        let first = get(&server, &format!("/api/runs?order={order}&limit=1")).await;
        assert_eq!((ids(&first).len(), &first["total"]), (1, &json!(2)));
        let cursor = first["next_cursor"].as_str().unwrap();
        let target = format!("/api/runs?order={order}&limit=1&cursor={cursor}");
        let second = get(&server, &target).await;
        assert_eq!([ids(&first), ids(&second)].concat(), ids(&whole));
        assert_eq!(second["next_cursor"], Value::Null);
    }
    let cursor = "0000000000000001.-seq.-6.6";
    let of_another = server.get(&format!("/api/runs?cursor={cursor}")).await;
    of_another.problem(409, "epoch_mismatch");
    for cursor in ["x", "1.seq.1.1", "1.-seq.1.1.1", "1.-seq.x.1"] {
        let refused = server.get(&format!("/api/runs?cursor={cursor}")).await;
        refused.problem(400, "invalid_cursor");
    }
    for query in [
        "limit=0",
        "limit=1001",
        "ambiguous=x",
        "status=x",
        "order=x",
        "nonsense=1",
        "at=x",
    ] {
        server
            .get(&format!("/api/runs?{query}"))
            .await
            .problem(400, "invalid");
    }
}

#[tokio::test]
async fn a_run_as_it_was() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    let shown = get(&server, "/api/runs/1?at=2").await;
    assert_eq!(
        (&shown["run"]["status"], &shown["at"]),
        (&json!("running"), &json!(2))
    );
    assert_eq!(shown["run"]["open_calls"], 2);
    // The present of the past is its last event.
    assert_eq!(shown["run"]["duration_ms"], 1_000.0);
    assert_eq!(shown["calls"][1]["status"], "running");
    let later = get(&server, "/api/runs/1?at=3").await;
    assert_eq!(later["calls"][1]["status"], "error");
    // What is asked for in another order is answered the same.
    assert_eq!(get(&server, "/api/runs/1?at=2").await, shown);
    server
        .get("/api/runs/6?at=5")
        .await
        .problem(404, "not_found");
    let graph = get(&server, "/api/topology?run_id=1&at=2").await;
    assert_eq!(graph["edges"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_graph_of_one_run_alone() {
    let server = TestServer::start().await;
    server.append(&scene()).await;
    let graph = get(&server, "/api/topology?run_id=6").await;
    let nodes: Vec<&str> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    assert_eq!(nodes, ["/node/agent/b", "/user/u"]);
    let both = server.get("/api/topology?run_id=6&session_id=s").await;
    both.problem(400, "invalid");
    server
        .get("/api/topology?run_id=99")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_run_is_found_by_its_trace() {
    let server = TestServer::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut ask = request("1", "user/u", "agent/a", 0);
    ask["traceparent"] = json!(format!("00-{trace}-b7ad6b7169203331-01"));
    server.append(&[ask]).await;
    let shown = get(&server, &format!("/api/runs/{trace}")).await;
    assert_eq!(shown["run"]["id"], 1);
    let problem = |response: Response, status, code: &str| response.problem(status, code);
    let other = format!("/api/runs/{}", trace.replace('0', "1"));
    problem(server.get(&other).await, 404, "not_found");
    problem(server.get("/api/runs/7").await, 404, "not_found");
    problem(
        server.get("/api/runs/1?workspace=other").await,
        404,
        "not_found",
    );
    for name in ["x", "-1", "+1", "1.0", "99999999999999999999999"] {
        problem(
            server.get(&format!("/api/runs/{name}")).await,
            400,
            "invalid",
        );
    }
}

#[tokio::test]
async fn a_run_whose_events_are_deleted_is_gone() {
    let options = MemoryStoreOptions {
        max_records: 20,
        ..MemoryStoreOptions::default()
    };
    let server = TestServer::over(memory_of(options), |_| {}).await;
    server.append(&scene()).await;
    // The list follows the log: it knows what was there.
    assert_eq!(ids(&get(&server, "/api/runs").await), [6, 1]);
    let notes: Vec<Value> = (0..17)
        .map(|n| event(&format!("n{n}"), "agent/n", "note", 200 + n, &json!({})))
        .collect();
    server.append(&notes).await;
    let page = get(&server, "/api/runs").await;
    assert_eq!(ids(&page), [6, 1]);
    assert_eq!(page["runs"][1]["root"]["id"], Value::Null);
    let rest = get(&server, "/api/runs/1").await;
    assert_eq!(rest["deleted_records"], 4);
    server
        .append(&[event("last", "agent/n", "note", 300, &json!({}))])
        .await;
    server.get("/api/runs/1").await.problem(410, "gone");
}

#[tokio::test]
async fn a_run_that_was_forgotten_is_gone() {
    // More than the list keeps, with those it has yet to place.
    const RUNS: usize = 50_000 + 16_384 + 200;
    let server = TestServer::start().await;
    let requests: Vec<Value> = (0..RUNS)
        .map(|run| request(&format!("q{run}"), "user/u", "agent/a", 0))
        .collect();
    for requests in requests.chunks(5_000) {
        server.append(requests).await;
    }
    server
        .append(&[event("note", "agent/z", "note", 1, &json!({}))])
        .await;
    let detail = server
        .get("/api/runs/1")
        .await
        .problem(410, "run_forgotten");
    assert!(detail.contains("event 1 "), "{detail}");
    assert_eq!(
        get(&server, &format!("/api/runs/{RUNS}")).await["run"]["id"],
        RUNS
    );
    // What was part of no run was not forgotten.
    let note = format!("/api/runs/{}", RUNS + 1);
    server.get(&note).await.problem(404, "not_found");
}
