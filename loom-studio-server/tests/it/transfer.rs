//! Export and import over HTTP.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::{AppendBatch, Incoming, Record};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{TestServer, event, event_with_data, events, memory, within};
use crate::http_client::{Request, Response};
use crate::stores::GatedStore;

const LINES: &str = "application/x-ndjson";

async fn export(server: &TestServer, query: &str) -> String {
    let answer = server.get(&format!("/api/export{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

async fn import(server: &TestServer, query: &str, lines: impl Into<Vec<u8>>) -> Response {
    let request = Request::post(&format!("/api/import{query}"), LINES, lines);
    request.send(server.addr).await
}

/// Text, session and time of each event, and the phase of each observation.
async fn facts(server: &TestServer, count: usize) -> Vec<String> {
    let facts = |record: &Record| match record {
        Record::Event(event) => format!(
            "{} {} {} {:?}",
            event.workspace(),
            event.session(),
            event.time(),
            event.raw()
        ),
        Record::Observation(observation) => format!(
            "{} {:?} {} {:?}",
            observation.of, observation.phase, observation.at, observation.changed
        ),
    };
    server.records(count).await.iter().map(facts).collect()
}

#[tokio::test]
async fn what_one_server_exports_another_imports() {
    let origin = TestServer::start().await;
    let pretty = format!(
        "{:#}",
        event_with_data("é", json!({"text": "line\nfeed \"quoted\""}))
    );
    let observation = r#"{"source":"/node/a","of":"é","phase":"post","changed":{"x":1.0e2}}"#;
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "of \"the\" origin".into(),
        items: vec![
            Incoming::Event(pretty.into()),
            Incoming::Observation(observation.into()),
            Incoming::Event(event("2").to_string().into()),
        ],
    };
    origin.store.append(batch).await.unwrap();
    origin.append_to("other", &[event("3")]).await;

    let answer = origin.get("/api/export").await;
    assert_eq!(answer.header("content-type"), Some(LINES));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"loom-studio.jsonl\"")
    );
    let lines = answer.text();
    assert!(!lines.contains("other"), "another tenant's: {lines}");

    let there = TestServer::start().await;
    let first = import(&there, "", lines.clone()).await.ok();
    assert_eq!(
        first,
        json!({"events": 2, "observations": 1, "added": 3, "duplicates": 0, "rejected": {}, "first_rejected": []})
    );
    assert_eq!(facts(&there, 3).await, facts(&origin, 4).await[..3]);
    let again = import(&there, "", lines.clone()).await.ok();
    assert_eq!(
        (&again["added"], &again["duplicates"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(there.metric("loom_studio_records_appended_total").await, 3);
    assert_eq!(there.metric("loom_studio_duplicates_total").await, 3);
    let of = |graph: Value| (graph["nodes"].clone(), graph["edges"].clone());
    assert_eq!(
        of(there.get("/api/topology").await.ok()),
        of(origin.get("/api/topology").await.ok())
    );
    let elsewhere = import(&there, "?workspace=w2&session_id=mine", lines)
        .await
        .ok();
    assert_eq!(elsewhere["added"], 3);
    let facts = facts(&there, 6).await;
    assert!(facts[3].starts_with("w2 mine "), "{facts:?}");
}

#[tokio::test]
async fn an_export_takes_the_filters_of_a_query() {
    let server = TestServer::start().await;
    let mut other = event_with_data("2", json!({"text": "needle"}));
    other["type"] = json!("agent.thought");
    other["time"] = json!("2026-01-02T03:04:05Z");
    other["studiosession"] = json!("mine");
    other["source"] = json!("/node/agent/z");
    other["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    server.append(&[event("1"), other, event("3")]).await;
    for query in [
        "?q=needle",
        "?event_type=agent.*",
        "?end_time=2026-01-02T03:04:05Z",
        "?session_id=mine",
        "?node_id=agent/z",
        "?trace_id=0af7651916cd43dd8448eb211c80319c",
        "?up_to=2&start_time=1767323045&end_time=1767323045",
    ] {
        let lines = export(&server, query).await;
        assert_eq!(lines.lines().count(), 3, "{query}: {lines}");
        assert!(lines.contains("needle"), "{query}: {lines}");
    }
    assert_eq!(export(&server, "?up_to=1").await.lines().count(), 3);
    assert_eq!(export(&server, "?workspace=empty").await.lines().count(), 2);
    for query in ["?start_time=yesterday", "?limit=3", "?up_to=x"] {
        let answer = server.get(&format!("/api/export{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_damaged_or_cut_input_is_refused_and_what_came_before_is_kept() {
    let origin = TestServer::start().await;
    origin.append(&events(1..=5)).await;
    let lines = export(&origin, "").await;
    let server = TestServer::start().await;

    let damaged = lines.replace("\"id\":\"3\"", "\"id\":3x");
    let answer = import(&server, "", damaged).await;
    let detail = answer.problem(400, "invalid_export");
    assert!(
        detail.contains("line 4: ") && detail.contains("2 records were stored"),
        "{detail}"
    );
    assert_eq!(server.event_ids(2).await, ["1", "2"]);

    let (cut, _) = lines.rsplit_once("{\"end\"").unwrap();
    let detail = import(&server, "", cut)
        .await
        .problem(400, "invalid_export");
    assert!(
        detail.contains("line 6: the input is cut off after it")
            && detail.contains("3 records were stored and 2 were there already"),
        "{detail}"
    );
    assert_eq!(server.event_ids(5).await, ["1", "2", "3", "4", "5"]);

    let rejecting = lines.replace("\"source\":\"/node/a\",\"specversion\":\"1.0\",\"subject\":\"/node/b\",\"type\":\"node.request\"", "\"specversion\":\"1.0\"");
    assert_ne!(rejecting, lines);
    let answer = import(&server, "?workspace=w", rejecting).await.ok();
    assert_eq!(answer["rejected"], json!({"missing_source": 5}));
    assert_eq!(answer["first_rejected"][4]["line"], 6);
    let metrics = server.get("/metrics").await.text();
    assert!(
        metrics.contains("loom_studio_rejected_total{code=\"missing_source\"} 5"),
        "{metrics}"
    );
    import(&server, "?into=w", lines)
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn a_large_input_is_streamed_past_the_limit_on_bodies() {
    let origin = TestServer::start().await;
    let filler = "x".repeat(10_000);
    let many: Vec<Value> = (0..400)
        .map(|id| event_with_data(id, json!(filler)))
        .collect();
    origin.append(&many).await;
    let lines = export(&origin, "").await;
    let server = TestServer::with(|settings| {
        settings.limits.max_body_bytes = 100_000;
        settings.limits.max_frame_bytes = 100_000;
    })
    .await;
    assert!(lines.len() > 4_000_000);
    assert_eq!(import(&server, "", lines.clone()).await.ok()["added"], 400);

    // Without a length, in chunks that end anywhere.
    let chunks = lines.as_bytes().chunks(33_333);
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let request = Request::post("/api/import", LINES, body).header("transfer-encoding", "chunked");
    assert_eq!(request.send(server.addr).await.ok()["duplicates"], 400);
}

#[tokio::test]
async fn who_may_not_read_may_not_export_or_import() {
    let server = TestServer::with(|settings| {
        settings.tokens = vec![loom_studio_server::Token {
            secret: "secret".to_owned(),
            workspace: Some("theirs".to_owned()),
        }];
    })
    .await;
    let requests = [
        Request::get("/api/export"),
        Request::post("/api/import", LINES, "{}"),
    ];
    for request in requests {
        let send = |request: Request| request.send(server.addr);
        send(request.clone()).await.problem(401, "unauthorized");
        let authorized = request.header("authorization", "Bearer secret");
        send(authorized.clone().header("origin", "http://evil.example"))
            .await
            .problem(403, "forbidden_origin");
        send(authorized.clone().header("host", "evil.example"))
            .await
            .problem(403, "forbidden_host");
    }
    server.append_to("default", &[event("1")]).await;
    server.append_to("theirs", &[event("2")]).await;
    let authorized = |request: Request| request.header("authorization", "Bearer secret");
    let answer = authorized(Request::get("/api/export"))
        .send(server.addr)
        .await;
    let lines = answer.text();
    assert!(
        lines.contains("\"id\":\"2\"") && !lines.contains("\"id\":\"1\""),
        "{lines}"
    );
    let other = authorized(Request::get("/api/export?workspace=default"));
    other
        .send(server.addr)
        .await
        .problem(403, "forbidden_workspace");

    // Whatever the lines say, they go where the token belongs.
    let lines = lines.replace("\"workspace\":\"theirs\"", "\"workspace\":\"default\"");
    let lines = lines.replace("\"id\":\"2\"", "\"id\":\"3\"");
    let request = authorized(Request::post("/api/import", LINES, lines));
    assert_eq!(request.send(server.addr).await.ok()["added"], 1);
    let records = server.records(3).await;
    assert_eq!(&**records[2].workspace(), "theirs");
}

#[tokio::test]
async fn a_full_store_refuses_an_import() {
    let origin = TestServer::start().await;
    origin.append(&events(1..=3)).await;
    let lines = export(&origin, "").await;
    let full = GatedStore::full(memory());
    let server = TestServer::over(Arc::clone(&full) as _, |_| {}).await;
    import(&server, "", lines.clone())
        .await
        .problem(503, "store_full");
    full.set_full(false);
    assert_eq!(import(&server, "", lines).await.ok()["added"], 3);
}

#[tokio::test]
async fn a_client_that_does_not_go_on_is_not_waited_for() {
    let origin = TestServer::start().await;
    origin.append(&events(1..=2)).await;
    let lines = export(&origin, "").await;
    let server = TestServer::with(|settings| {
        settings.limits.send_timeout = Duration::from_millis(200);
    })
    .await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST /api/import HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        server.addr,
        lines.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    let answer = within("the answer", Response::read(&mut stream)).await;
    answer.problem(408, "timeout");
    assert_eq!(server.event_ids(2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_shutdown_ends_an_import_and_keeps_what_came() {
    let origin = TestServer::start().await;
    origin.append(&events(1..=2)).await;
    let lines = export(&origin, "").await;
    let server = TestServer::start().await;
    let store = Arc::clone(&server.store);
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST /api/import HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        server.addr,
        lines.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    // The input has no end yet, so nothing tells that it has arrived.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.begin_shutdown();
    let answer = within("the answer", Response::read(&mut stream)).await;
    answer.problem(503, "store_closed");
    server.ended().await;
    assert_eq!(store.stats().await.unwrap().events, 2);
}
