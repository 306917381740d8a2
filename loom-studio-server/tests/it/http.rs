//! The HTTP routes: events in and out, views, the server's own state, and errors as problem documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{TestServer, event, event_with_data, events, memory, memory_of, numbered};
use crate::http_client::{Request, Response};
use crate::stores::GatedStore;
use loom_studio_core::MemoryStoreOptions;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";

/// A request in binary mode.
fn binary(
    content_type: Option<&str>,
    body: impl Into<Vec<u8>>,
    headers: &[(&str, &str)],
) -> Request {
    let request = match content_type {
        Some(content_type) => Request::post("/events", content_type, body),
        None => Request::post_without_type("/events", body),
    };
    headers.iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

const REQUIRED: [(&str, &str); 4] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "e-1"),
    ("ce-source", "/node/a"),
    ("ce-type", "node.request"),
];

#[track_caller]
fn accepted(response: &Response) -> Value {
    assert_eq!(response.status, 202, "{}", response.text());
    response.json()
}

fn added(first: u64, last: u64) -> Value {
    json!({"first_seq": first, "last_seq": last, "duplicates": 0, "rejected": []})
}

async fn stored(server: &TestServer, seq: u64) -> Value {
    server.get(&format!("/api/events/{seq}")).await.ok()["event"].clone()
}

#[tokio::test]
async fn binary_mode_becomes_the_structured_form() {
    let server = TestServer::start().await;
    let headers = [
        &REQUIRED[..],
        &[
            ("ce-subject", "caf%C3%A9/%22b%22"),
            ("ce-time", "2026-01-02T03:04:05Z"),
            ("ce-myext", "7"),
        ],
    ]
    .concat();
    let request = binary(
        Some("application/json; charset=utf-8"),
        r#"{"n":1.0e2,"deep":[{}]}"#,
        &headers,
    );
    assert_eq!(accepted(&request.send(server.addr).await), added(1, 1));
    let mut event = stored(&server, 1).await;
    assert!(event["studioreceived"].is_string());
    event.as_object_mut().unwrap().remove("studioreceived");
    assert_eq!(
        event,
        json!({
            "specversion": "1.0", "id": "e-1", "source": "/node/a", "type": "node.request", "subject": "café/\"b\"",
            "time": "2026-01-02T03:04:05Z", "myext": "7", "datacontenttype": "application/json; charset=utf-8",
            "data": {"n": 1.0e2, "deep": [{}]}, "studioseq": 1,
        })
    );
    // The number is kept as it was written.
    let page = server.get("/api/events").await.text();
    assert!(page.contains(r#""n":1.0e2"#), "{page}");
}

#[tokio::test]
async fn binary_mode_with_another_body_is_base64() {
    let server = TestServer::start().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let cases: [(&str, &[u8]); 3] = [
        ("application/octet-stream", &bytes),
        ("text/plain", b"{}"),
        ("application/json", b"{not json"),
    ];
    for (index, (content_type, body)) in cases.into_iter().enumerate() {
        let id = format!("e-{index}");
        let mut headers = REQUIRED;
        headers[1].1 = &id;
        accepted(
            &binary(Some(content_type), body, &headers)
                .send(server.addr)
                .await,
        );
        let event = stored(&server, index as u64 + 1).await;
        assert_eq!(
            event["data_base64"],
            STANDARD.encode(body),
            "{content_type}"
        );
        assert_eq!(event["datacontenttype"], content_type);
        assert_eq!(event.get("data"), None);
    }
}

#[tokio::test]
async fn binary_mode_without_a_body_has_no_data() {
    let server = TestServer::start().await;
    accepted(&binary(None, "", &REQUIRED).send(server.addr).await);
    let event = stored(&server, 1).await;
    assert_eq!((event.get("data"), event.get("data_base64")), (None, None));
}

#[tokio::test]
async fn binary_mode_breaks_the_same_rules() {
    let server = TestServer::start().await;
    for (left_out, code) in [
        (1, "missing_id"),
        (2, "missing_source"),
        (3, "missing_type"),
    ] {
        let mut headers = REQUIRED.to_vec();
        headers.remove(left_out);
        let response = binary(Some("application/json"), "{}", &headers)
            .send(server.addr)
            .await;
        response.problem(400, code);
    }
    let mut headers = REQUIRED;
    headers[0].1 = "0.3";
    binary(None, "", &headers)
        .send(server.addr)
        .await
        .problem(400, "unsupported_specversion");
    let mut headers = REQUIRED.to_vec();
    headers.push(("ce-subject", "%FF%FE"));
    let response = binary(None, "", &headers).send(server.addr).await;
    assert_eq!(response.status, 400, "{}", response.text());
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn structured_mode_takes_one_event() {
    let server = TestServer::start().await;
    for (index, content_type) in [
        STRUCTURED,
        "application/cloudevents+json; charset=utf-8",
        "Application/CloudEvents+JSON",
    ]
    .iter()
    .enumerate()
    {
        let request = Request::post("/events", content_type, event(index).to_string());
        let seq = index as u64 + 1;
        assert_eq!(
            accepted(&request.send(server.addr).await),
            added(seq, seq),
            "{content_type}"
        );
    }
    let again = Request::post("/events", STRUCTURED, event(0).to_string())
        .send(server.addr)
        .await;
    assert_eq!(
        accepted(&again),
        json!({"first_seq": null, "last_seq": null, "duplicates": 1, "rejected": []})
    );
}

#[tokio::test]
async fn a_single_event_that_breaks_a_rule_is_a_problem_with_its_code() {
    let server = TestServer::with(|settings| settings.limits.max_body_bytes = 4 << 20).await;
    let deep = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{}1{}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let cases = [
        ("{".to_owned(), 400, "invalid_json"),
        (
            r#"{"specversion":"1.0","id":"1","source":"/a","type":"t","data":NaN}"#.to_owned(),
            400,
            "invalid_json",
        ),
        ("[]".to_owned(), 400, "not_an_object"),
        ("{}".to_owned(), 400, "unsupported_specversion"),
        (
            r#"{"specversion":"1.0","source":"/a","type":"t"}"#.to_owned(),
            400,
            "missing_id",
        ),
        (deep, 400, "too_deep"),
        (
            event_with_data("huge", json!("x".repeat(2 << 20))).to_string(),
            413,
            "too_large",
        ),
    ];
    for (body, status, code) in cases {
        let response = Request::post("/events", STRUCTURED, body.clone())
            .send(server.addr)
            .await;
        let found = response.json()["code"].clone();
        // Of several broken rules any may be named first.
        if body == "{}" {
            assert!(
                found.as_str().unwrap().starts_with("missing_") || found == code,
                "{found}"
            );
        } else {
            response.problem(status, code);
        }
    }
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn batched_mode_rejects_one_by_one() {
    let server = TestServer::start().await;
    let batch = json!([event("1"), {"specversion": "1.0", "source": "/a", "type": "t"}, event("2"), event("1")]);
    let answer = accepted(
        &Request::post("/events", BATCHED, batch.to_string())
            .send(server.addr)
            .await,
    );
    assert_eq!(
        (&answer["first_seq"], &answer["last_seq"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(answer["duplicates"], 1);
    let [item] = answer["rejected"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(
        (&item["index"], &item["code"]),
        (&json!(1), &json!("missing_id"))
    );
    assert!(item["detail"].is_string());

    let empty = Request::post("/events", BATCHED, "[]")
        .send(server.addr)
        .await;
    assert_eq!(accepted(&empty)["first_seq"], json!(null));
    Request::post("/events", BATCHED, "{}")
        .send(server.addr)
        .await
        .problem(400, "invalid_json");
}

#[tokio::test]
async fn what_is_no_cloud_event_is_415() {
    let server = TestServer::start().await;
    for content_type in [
        "application/json",
        "text/plain",
        "application/cloudevents+xml",
    ] {
        let response = Request::post("/events", content_type, event("1").to_string())
            .send(server.addr)
            .await;
        let detail = response.problem(415, "unsupported_media_type");
        assert!(detail.contains(STRUCTURED), "{detail}");
    }
}

#[tokio::test]
async fn a_full_store_is_503_and_says_when_to_come_back() {
    let store = GatedStore::full(memory());
    let server = TestServer::over(store.clone(), |_| {}).await;
    let response = Request::post("/events", STRUCTURED, event("1").to_string())
        .send(server.addr)
        .await;
    response.problem(503, "store_full");
    assert!(
        response
            .header("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    server.get("/readyz").await.problem(503, "not_ready");
    assert_eq!(server.get("/healthz").await.status, 200);
    store.set_full(false);
    assert_eq!(server.get("/readyz").await.ok()["status"], "ready");
}

#[tokio::test]
async fn posted_events_belong_to_the_http_session_and_the_asked_workspace() {
    let server = TestServer::start().await;
    let request = Request::post("/events?workspace=team", STRUCTURED, event("1").to_string());
    accepted(&request.send(server.addr).await);
    assert_eq!(
        server
            .get("/api/events?workspace=team&session_id=http")
            .await
            .ok()["total"],
        1
    );
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

/// Eight events that differ in every attribute a query can ask for.
fn varied() -> Vec<Value> {
    (1..=8)
        .map(|index| {
            let mut event = event_with_data(index, json!({"word": format!("needle{index}")}));
            event["type"] = json!(if index % 2 == 0 {
                "agent.thought"
            } else {
                "node.request"
            });
            event["source"] = json!(format!("/node/source{index}"));
            event["subject"] = json!(format!("crew/target{}", index % 3));
            // Times fall while seqs grow.
            event["time"] = json!(format!("2026-01-02T03:04:{:02}Z", 20 - index));
            event["studiosession"] = json!(format!("s{}", index % 2));
            event["traceparent"] = json!(format!("00-{index:032x}-b7ad6b7169203331-01"));
            event
        })
        .collect()
}

fn ids(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn every_parameter_chooses() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    let cases: [(&str, &[u64], u64); 26] = [
        ("", &[1, 2, 3, 4, 5, 6, 7, 8], 8),
        ("limit=3", &[1, 2, 3], 8),
        ("limit=1000", &[1, 2, 3, 4, 5, 6, 7, 8], 8),
        ("limit=2&offset=5", &[6, 7], 8),
        ("offset=8", &[], 8),
        ("order=seq", &[1, 2, 3, 4, 5, 6, 7, 8], 8),
        ("order=-seq&limit=2", &[8, 7], 8),
        ("order=time&limit=2", &[8, 7], 8),
        ("order=-time&limit=2", &[1, 2], 8),
        ("event_type=agent.thought", &[2, 4, 6, 8], 4),
        ("event_type=agent.*", &[2, 4, 6, 8], 4),
        ("event_type=*thou*", &[2, 4, 6, 8], 4),
        ("event_type=agent", &[], 0),
        ("node_id=source3", &[3], 1),
        ("node_id=/node/source3", &[3], 1),
        ("node_id=%2Fnode%2Fcrew%2Ftarget0", &[3, 6], 2),
        ("node_id=crew/target0", &[3, 6], 2),
        ("node_id=*target*", &[1, 2, 3, 4, 5, 6, 7, 8], 8),
        ("session_id=s1", &[1, 3, 5, 7], 4),
        ("trace_id=00000000000000000000000000000007", &[7], 1),
        ("q=needle4", &[4], 1),
        ("q=Needle4", &[], 0),
        (
            "start_time=2026-01-02T03:04:15Z&end_time=2026-01-02T03:04:16Z",
            &[4, 5],
            2,
        ),
        (
            "start_time=2026-01-02T05:04:15%2B02:00&end_time=1767323056",
            &[4, 5],
            2,
        ),
        ("up_to=3", &[1, 2, 3], 3),
        (
            "event_type=agent.*&session_id=s0&node_id=crew/target2&q=needle",
            &[2, 8],
            2,
        ),
    ];
    for (query, expected, total) in cases {
        let page = server.get(&format!("/api/events?{query}")).await.ok();
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(
            (&page["total"], &page["total_is"]),
            (&json!(total), &json!("exact")),
            "{query}"
        );
        assert_eq!(page["epoch"], server.store.epoch().to_string());
        assert!(page["head_seq"].as_u64().unwrap() <= 8);
    }
}

#[tokio::test]
async fn wrong_parameters_are_problems_that_name_them() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("order=newest", "order"),
        ("start_time=yesterday", "start_time"),
        ("end_time=2026-01-02", "end_time"),
        ("up_to=x", "up_to"),
        ("no_such_parameter=1", "no_such_parameter"),
    ] {
        let response = server.get(&format!("/api/events?{query}")).await;
        let code = response.json()["code"].as_str().unwrap().to_owned();
        assert!(code.starts_with("invalid"), "{query}: {code}");
        let detail = response.problem(400, &code);
        assert!(detail.contains(named), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_condition_chooses() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    let get = async |query: &str| server.get(&format!("/api/events?{query}")).await;
    for (query, expected, total, scanned) in [
        ("where=type%20%3D%20agent.thought", vec![2, 4, 6, 8], 4, 0),
        ("where=data.word%20%3D%20needle3", vec![3], 1, 8),
        (
            "where=not%20to%20%3D%20crew/target1&order=-seq&limit=2",
            vec![8, 6],
            5,
            8,
        ),
        (
            "where=type%20%3D%20agent.*%20and%20text%20contains%20NEEDLE4&session_id=s0",
            vec![4],
            1,
            4,
        ),
        (
            "where=data.word%20%3D%20needle3&event_type=agent.thought",
            vec![],
            0,
            4,
        ),
    ] {
        let page = get(query).await.json();
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["total"], json!(total), "{query}");
        assert_eq!(page["total_is"], "exact", "{query}");
        assert_eq!(page["scanned"], json!(scanned), "{query}");
    }
    assert_eq!(get("where=").await.json().get("scanned"), None);
    let first = get("where=seq%20%3E%202&limit=4").await.json();
    assert_eq!(ids(&first), [3, 4, 5, 6]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(&format!("where=seq%20%3E%202&limit=4&cursor={cursor}"))
        .await
        .json();
    assert_eq!(ids(&second), [7, 8]);
    get(&format!("where=seq%20%3E%201&limit=4&cursor={cursor}"))
        .await
        .problem(400, "invalid_cursor");
}

#[tokio::test]
async fn what_is_no_condition_is_a_problem_with_a_position() {
    let server = TestServer::start().await;
    // outcome = "😀" or outcome = eror: the position is that of JavaScript's strings.
    let text = "id%20%3D%20%F0%9F%98%80%20or%20outcome%20%3D%20eror";
    let response = server.get(&format!("/api/events?where={text}")).await;
    assert_eq!(response.json()["position"], json!(21));
    assert_eq!(response.json()["expected"], json!(["ok", "error"]));
    let detail = response.problem(400, "invalid_condition");
    assert!(detail.contains("outcome is one of ok, error"), "{detail}");
    let response = server.get("/api/events?where=duration%20%3E%202s").await;
    assert_eq!(response.json()["position"], json!(0));
    response.problem(400, "invalid_condition");
}

#[tokio::test]
async fn cursors_page_through_every_order_while_events_arrive() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    for (order, forwards) in [
        ("seq", true),
        ("-seq", false),
        ("time", false),
        ("-time", true),
    ] {
        let (mut cursor, mut found, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = server
                .get(&format!(
                    "/api/events?order={order}&limit=3&event_type=*&up_to=8&cursor={cursor}"
                ))
                .await
                .ok();
            found.extend(ids(&page));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
            // What arrives in between neither shifts nor doubles anything.
            server
                .append(&[event(
                    100 * pages + order.len() * 1000 + usize::from(forwards),
                )])
                .await;
        }
        let mut expected: Vec<u64> = (1..=8).collect();
        if !forwards {
            expected.reverse();
        }
        assert_eq!(found, expected, "{order}");
        assert_eq!(pages, 3);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query_and_epoch() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    let page = server.get("/api/events?limit=2").await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in ["order=-seq", "event_type=agent.*"] {
        server
            .get(&format!("/api/events?limit=2&{query}&cursor={cursor}"))
            .await
            .problem(400, "invalid_cursor");
    }
    for wrong in ["x", "AAAA", "%F0%9F%92%A5"] {
        server
            .get(&format!("/api/events?cursor={wrong}"))
            .await
            .problem(400, "invalid_cursor");
    }
    let other = TestServer::start().await;
    other.append(&varied()).await;
    other
        .get(&format!("/api/events?limit=2&cursor={cursor}"))
        .await
        .problem(409, "epoch_mismatch");
}

#[tokio::test]
async fn an_event_is_shown_with_its_links_and_observations() {
    let server = TestServer::start().await;
    let mut cause = event("cause");
    cause["subject"] = json!("/node/master");
    let mut request = event("request");
    request["source"] = json!("/node/master");
    request["causationid"] = json!("cause");
    request["time"] = json!("2026-01-02T03:04:05Z");
    let mut response = event_with_data("response", json!({"request_id": "request", "result": 1}));
    response["source"] = json!("/node/b");
    response["type"] = json!("node.response");
    response.as_object_mut().unwrap().remove("subject");
    let (mut producer, hello) = server.ingest_v1().await;
    let mut batch = numbered(1, &[cause, request, response]);
    batch["observations"] = json!([{
        "source": "/node/master", "of": "request", "phase": "post", "at": "2026-01-02T03:04:05.5Z", "changed": {"traceparent": null},
    }]);
    producer.send_json(&batch).await;
    assert_eq!(producer.frame("ack").await["last_seq"], 4);

    let shown = server.get("/api/events/2").await.ok();
    assert_eq!(
        (&shown["event"]["id"], &shown["event"]["studioseq"]),
        (&json!("request"), &json!(2))
    );
    assert_eq!(
        shown["event"]["studiopublished"],
        "2026-01-02T03:04:05.500000Z"
    );
    assert_eq!(
        (&shown["source"], &shown["target"]),
        (&json!("/node/master"), &json!("/node/b"))
    );
    assert_eq!(
        (&shown["session_id"], &shown["time"]),
        (&hello["session"], &json!("2026-01-02T03:04:05.000000Z"))
    );
    let links = &shown["links"];
    assert_eq!(
        (&links["cause"]["seq"], &links["cause"]["trust"]),
        (&json!(1), &json!("causation")),
        "{links}"
    );
    assert_eq!(
        links["response"],
        json!({"seq": 3, "id": "response", "type": "node.response", "source": "/node/b", "target": null, "trust": "request_id"})
    );
    assert_eq!(links["request"], json!(null));
    assert_eq!(
        shown["observations"],
        json!([{"seq": 4, "phase": "post", "at": "2026-01-02T03:04:05.500000Z", "changed": {"traceparent": null}}])
    );
    let answer = server.get("/api/events/3").await.ok();
    assert_eq!(
        (&answer["links"]["request"]["seq"], &answer["target"]),
        (&json!(2), &json!(null))
    );
    let root = server.get("/api/events/1").await.ok();
    assert_eq!(root["links"]["effects"][0]["seq"], 2, "{root}");
    assert_eq!(root["links"]["cause"], json!(null));
}

#[tokio::test]
async fn a_seq_that_shows_no_event_says_why() {
    let options = MemoryStoreOptions {
        max_records: 64,
        ..MemoryStoreOptions::default()
    };
    let server = TestServer::over(memory_of(options), |_| {}).await;
    server.append(&events(1..=500)).await;
    server.get("/api/events/1").await.problem(410, "gone");
    server
        .get("/api/events/501")
        .await
        .problem(404, "not_found");
    server
        .get("/api/events/18446744073709551615")
        .await
        .problem(404, "not_found");
    server
        .get("/api/events/500?workspace=team")
        .await
        .problem(404, "not_found");
    for wrong in ["x", "-1", "1.5", "18446744073709551616"] {
        assert_eq!(
            server.get(&format!("/api/events/{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
    server
        .get("/api/events/1/more")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn the_topology_is_that_of_the_asked_position_and_session() {
    let server = TestServer::start().await;
    let mut first = event("1");
    first["studiosession"] = json!("s1");
    let mut second = event("2");
    second["subject"] = json!("/node/tool/search");
    second["studiosession"] = json!("s2");
    server.append(&[first, second]).await;

    let now = server.get("/api/topology").await.ok();
    let node_ids = |graph: &Value| -> Vec<String> {
        let nodes = graph["nodes"].as_array().unwrap();
        let mut ids: Vec<String> = nodes
            .iter()
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(node_ids(&now), ["/node/a", "/node/b", "/node/tool/search"]);
    assert_eq!(
        (&now["at"], &now["epoch"]),
        (&json!(2), &json!(server.store.epoch().to_string()))
    );
    assert_eq!(now["edges"].as_array().unwrap().len(), 2);
    let tool = now["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["id"] == "/node/tool/search")
        .unwrap();
    assert_eq!(
        (&tool["type"], &tool["name"], &tool["status"]),
        (&json!("ToolNode"), &json!("tool/search"), &json!("running"))
    );
    assert_eq!(tool["evidence"]["type"]["seq"], 2, "{tool}");
    for member in [
        "role",
        "metadata",
        "events",
        "open_calls",
        "errors",
        "first_seq",
        "last_seq",
        "last_time",
        "status_reason",
    ] {
        assert!(tool.get(member).is_some(), "{member}");
    }
    let edge = &now["edges"][0];
    for member in [
        "from",
        "to",
        "count",
        "open",
        "errors",
        "latency_ms",
        "last_seq",
        "last_time",
    ] {
        assert!(edge.get(member).is_some(), "{member}");
    }
    assert_eq!(edge["latency_ms"], json!(null));

    let before = server.get("/api/topology?at=1").await.ok();
    assert_eq!(
        (node_ids(&before), &before["at"]),
        (vec!["/node/a".to_owned(), "/node/b".to_owned()], &json!(1))
    );
    let session = server.get("/api/topology?session_id=s2").await.ok();
    assert_eq!(node_ids(&session), ["/node/a", "/node/tool/search"]);
    assert_eq!(
        node_ids(&server.get("/api/topology?workspace=team").await.ok()),
        [] as [&str; 0]
    );
    assert_eq!(server.get("/api/topology?at=x").await.status, 400);
}

#[tokio::test]
async fn sessions_are_those_of_the_workspace() {
    let server = TestServer::start().await;
    let mut failed = event_with_data("2", json!({"request_id": "1", "error": "no"}));
    failed["type"] = json!("node.error");
    failed["time"] = json!("2026-01-02T03:04:06Z");
    let mut started = event("1");
    started["time"] = json!("2026-01-02T03:04:05Z");
    server.append(&[started, failed]).await;
    server.append_to("team", &[event("3")]).await;
    let answer = server.get("/api/sessions").await.ok();
    assert_eq!(answer["epoch"], server.store.epoch().to_string());
    assert_eq!(
        answer["sessions"],
        json!([{
            "id": "direct", "workspace": "default", "first_seq": 1, "last_seq": 2,
            "first_time": "2026-01-02T03:04:05.000000Z", "last_time": "2026-01-02T03:04:06.000000Z",
            "events": 2, "errors": 1, "status": "disconnected", "has_state": false,
        }])
    );
}

#[tokio::test]
async fn the_server_tells_how_it_is() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/healthz").await.ok(), json!({"status": "ok"}));
    let ready = server.get("/readyz").await.ok();
    let views: Vec<&str> = ready["views"]
        .as_array()
        .unwrap()
        .iter()
        .map(|view| view["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        (&ready["status"], views),
        (&json!("ready"), vec!["graph", "memories", "runs"])
    );
    let request = Request::post("/events", STRUCTURED, event("1").to_string());
    accepted(&request.send(server.addr).await);
    let response = server.get("/metrics").await;
    assert!(
        response
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = response.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("loom_studio_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let bare = name.split('{').next().unwrap();
        assert!(
            text.contains(&format!("# TYPE {bare} ")) && text.contains(&format!("# HELP {bare} ")),
            "{line}"
        );
    }
    assert_eq!(server.metric("loom_studio_store_events").await, 1);
    // A store in memory writes nothing, so there is nothing to say of how much.
    assert_eq!(
        server.metric("loom_studio_store_written_bytes_total").await,
        0
    );
    assert!(!text.contains("store_write_amplification"));
    assert_eq!(server.metric("loom_studio_records_appended_total").await, 1);
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems() {
    let server = TestServer::start().await;
    for path in [
        "/api/nothing",
        "/api",
        "/api/",
        "/ws/nothing",
        "/metrics/x",
        "/events/x",
    ] {
        server.get(path).await.problem(404, "not_found");
    }
    for (method, path) in [
        ("GET", "/events"),
        ("DELETE", "/api/events"),
        ("POST", "/api/topology"),
        ("PUT", "/healthz"),
        ("POST", "/"),
    ] {
        let response = Request::new(method, path).send(server.addr).await;
        response.problem(405, "method_not_allowed");
        assert!(response.header("allow").is_some(), "{method} {path}");
    }
    // Without a handshake a WebSocket route has nothing to say.
    let plain = server.get("/ws/ingest").await;
    assert!((400..500).contains(&plain.status));
    assert_eq!(
        plain.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = TestServer::start().await;
    let response = Request::new("HEAD", "/healthz")
        .send_expecting_no_body(server.addr)
        .await;
    assert_eq!((response.status, response.body.len()), (200, 0));
}

#[tokio::test]
async fn answers_are_neither_stored_by_caches_nor_guessed_at_by_browsers() {
    let server = TestServer::start().await;
    for path in ["/api/events", "/api/nothing", "/healthz"] {
        let response = server.get(path).await;
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_long_answer_is_compressed_on_request() {
    let server = TestServer::start().await;
    server.append(&events(1..=200)).await;
    let plain = server.get("/api/events?limit=200").await;
    assert_eq!(plain.header("content-encoding"), None);
    let request = Request::get("/api/events?limit=200").header("accept-encoding", "br;q=0.1, gzip");
    let packed = request.send(server.addr).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() * 4 < plain.body.len());
    assert!(
        packed
            .header("vary")
            .unwrap()
            .to_ascii_lowercase()
            .contains("accept-encoding")
    );
}
