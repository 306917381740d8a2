//! Memory and state over HTTP: now, at past positions, between two of them, and after retention.

#![expect(clippy::needless_pass_by_value, reason = "JSON is written in place")]

use loom_studio_core::{RetainPolicy, retain_with};
use serde_json::{Value, json};

use crate::harness::{TestServer, event};
use crate::http_client::Request;
use crate::past::{serve, stop};

fn report(id: impl std::fmt::Display, kind: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id.to_string(), "type": kind, "source": "/node/crew/a",
        "time": "2026-01-02T03:04:05Z", "studiosession": "s1", "data": data,
    })
}

fn of_session(mut event: Value, session: &str) -> Value {
    event["studiosession"] = json!(session);
    event
}

async fn with_memory() -> TestServer {
    let server = TestServer::start().await;
    let events = [
        report(
            1,
            "memory.add",
            json!({"entry_id": "e1", "tier": "L1", "role": "user", "content": {"text": "first"}, "importance": 0.5, "metadata": {"k": 1}}),
        ),
        report(
            2,
            "memory.add",
            json!({"entry_id": "e2", "tier": "working", "content": "second"}),
        ),
        report(3, "memory.promote", json!({"entry_id": "e1", "tier": "L3"})),
        report(
            4,
            "memory.evict",
            json!({"entry_id": "e2", "reason": "old"}),
        ),
        report(5, "pso.update", json!({"pso": {"goal": "x"}})),
        report(6, "memory.evict", json!({"entry_id": "never"})),
    ];
    server.append(&events).await;
    server
}

const MEMORY: &str = "/api/memory/node/crew/a";

fn ids(memory: &Value) -> Vec<&str> {
    let entries = memory["memory"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["entry_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_memory_has_entries_contents_and_a_history() {
    let server = with_memory().await;
    let memory = server.get(MEMORY).await.ok();
    let by = |seq: u64| json!({"seq": seq, "node": "/node/crew/a"});
    assert_eq!(
        memory["memory"],
        json!([{
            "entry_id": "e1", "tier": "working", "reported_tier": "L3", "role": "user", "importance": 0.5,
            "timestamp": "2026-01-02T03:04:05.000000Z", "seq": 1, "node": "/node/crew/a", "changed": by(3), "sources": null,
            "content": {"text": "first"}, "content_is": "here", "metadata": {"k": 1},
        }])
    );
    assert_eq!(
        memory["tiers"],
        json!({"working": {"entries": 1, "reported": {"L3": 1}}})
    );
    assert_eq!(memory["pso"], json!({"goal": "x"}));
    assert_eq!(
        (&memory["pso_written"], &memory["pso_changed"]),
        (&by(5), &by(5))
    );
    assert_eq!(
        memory["history"],
        json!([
            {"seq": 3, "node": "/node/crew/a", "kind": "promoted", "entry_id": "e1", "from": "L1", "to": "L3"},
            {"seq": 4, "node": "/node/crew/a", "kind": "evicted", "entry_ids": ["e2"], "reason": "old"},
        ])
    );
    assert_eq!(
        memory["faults"],
        json!([{"seq": 6, "node": "/node/crew/a", "index": 0, "reason": "unknown_entry"}])
    );
    assert_eq!(
        [
            &memory["node_id"],
            &memory["session_id"],
            &memory["at"],
            &memory["total"]
        ],
        [&json!("/node/crew/a"), &json!("s1"), &json!(6), &json!(1)]
    );
    for absent in ["diff", "blame"] {
        assert!(memory.get(absent).is_none(), "{absent} was not asked for");
    }
}

#[tokio::test]
async fn a_past_memory_a_diff_and_a_blame() {
    let server = with_memory().await;
    let past = server.get(&format!("{MEMORY}?at=2")).await.ok();
    assert_eq!((ids(&past), &past["at"]), (vec!["e1", "e2"], &json!(2)));
    assert_eq!(
        (&past["pso"], &past["pso_written"]),
        (&Value::Null, &Value::Null)
    );
    let beyond = server
        .get(&format!("{MEMORY}?at=999&diff_from=1000"))
        .await
        .ok();
    assert_eq!((&beyond["at"], &beyond["diff"]), (&json!(6), &json!([])));

    let diff = server.get(&format!("{MEMORY}?diff_from=2")).await.ok();
    let changes: Vec<Value> = diff["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            assert_eq!(change["cause"]["node"], "/node/crew/a");
            json!([
                change["kind"],
                change["entry"]["entry_id"],
                change["cause"]["seq"],
                change["is_exact"]
            ])
        })
        .collect();
    assert_eq!(
        changes,
        [
            json!(["moved", "e1", 3, true]),
            json!(["evicted", "e2", 4, true])
        ]
    );
    assert_eq!(
        (&diff["diff_total"], &diff["diff_from"]),
        (&json!(2), &json!(2))
    );
    let whole = server.get(&format!("{MEMORY}?diff_from=0&at=1")).await.ok();
    assert_eq!(whole["diff"][0]["kind"], "added");

    let gone = server.get(&format!("{MEMORY}?entry=e2")).await.ok();
    assert_eq!(
        (ids(&gone), &gone["blame"][0]["kind"]),
        (vec![], &json!("evicted"))
    );
    let there = server.get(&format!("{MEMORY}?entry=e1")).await.ok();
    let kinds: Vec<&str> = there["blame"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        (ids(&there), kinds),
        (vec!["e1"], vec!["written", "promoted"])
    );
    server
        .get(&format!("{MEMORY}?entry=none"))
        .await
        .problem(404, "not_found");
    for wrong in [
        "diff_from=5&at=4",
        "limit=0",
        "limit=1001",
        "at=x",
        "at=-1",
        "offset=x",
        "unknown=1",
    ] {
        server
            .get(&format!("{MEMORY}?{wrong}"))
            .await
            .problem(400, "invalid");
    }
}

#[tokio::test]
async fn what_was_never_reported_is_not_empty_but_absent() {
    let server = TestServer::start().await;
    server.get("/api/state").await.problem(404, "not_found");
    server.get(MEMORY).await.problem(404, "not_found");
    assert_eq!(server.get("/api/memory").await.ok()["owners"], json!([]));
    let events = [
        report(1, "pso.update", json!({"pso": {"goal": null}})),
        report(
            2,
            "memory.add",
            json!({"node_id": "crew/b", "entry_id": "x"}),
        ),
        report(3, "memory.clear", json!({"node_id": "crew/b"})),
        of_session(
            report(
                4,
                "memory.add",
                json!({"node_id": "crew/b", "entry_id": "y"}),
            ),
            "s2",
        ),
    ];
    server.append(&events).await;
    let alone = server.get(MEMORY).await.ok();
    for member in ["memory", "tiers", "history", "total"] {
        assert_eq!(alone[member], Value::Null, "{member}");
    }
    let cleared = server.get("/api/memory/crew/b?at=3").await.ok();
    assert_eq!(
        (&cleared["memory"], &cleared["tiers"]),
        (&json!([]), &json!({}))
    );
    let nothing_said = server.get("/api/memory/crew/b").await.ok();
    assert_eq!(nothing_said["session_id"], "s2");
    let entry = &nothing_said["memory"][0];
    assert_eq!(
        (&entry["content"], &entry["content_is"]),
        (&Value::Null, &json!("not_reported"))
    );
    let first = server.get("/api/memory/crew/b?session_id=s1").await.ok();
    assert_eq!(first["memory"], json!([]));
    server
        .get("/api/memory/crew/b?session_id=s3")
        .await
        .problem(404, "not_found");
    server
        .get("/api/memory/crew/b?at=1")
        .await
        .problem(404, "not_found");
    server
        .get("/api/memory/crew/b?workspace=other")
        .await
        .problem(404, "not_found");

    let owners = server.get("/api/memory").await.ok();
    assert_eq!(
        owners["owners"],
        json!([
            {"node_id": "/node/crew/a", "session_id": "s1", "entries": null, "last_seq": 1},
            {"node_id": "/node/crew/b", "session_id": "s1", "entries": 0, "last_seq": 3},
            {"node_id": "/node/crew/b", "session_id": "s2", "entries": 1, "last_seq": 4},
        ])
    );
    let page = server
        .get("/api/memory?session_id=s1&offset=1&limit=1&at=2")
        .await
        .ok();
    assert_eq!(
        (&page["owners"][0]["entries"], &page["total"], &page["at"]),
        (&json!(1), &json!(2), &json!(2))
    );
}

#[tokio::test]
async fn every_spelling_of_a_node_is_found_and_no_path_is_more_than_a_name() {
    let server = TestServer::start().await;
    let odd = "/svc/研究 50%?/../é";
    let events = [
        report(
            1,
            "memory.add",
            json!({"entry_id": "a", "node_id": "crew/a"}),
        ),
        report(2, "memory.add", json!({"entry_id": "odd", "node_id": odd})),
        report(
            3,
            "memory.add",
            json!({"entry_id": "uri", "node_id": "https://example.com/a"}),
        ),
    ];
    server.append(&events).await;
    for spelling in [
        "node/crew/a",
        "/node/crew/a",
        "crew/a",
        "node/crew/a/",
        "%2Fnode%2Fcrew%2Fa",
        "node%2Fcrew/a",
        "node/crew/%61",
    ] {
        let memory = server.get(&format!("/api/memory/{spelling}")).await.ok();
        assert_eq!(memory["node_id"], "/node/crew/a", "{spelling}");
    }
    let encoded = "%2Fsvc/%E7%A0%94%E7%A9%B6%2050%25%3F/../%C3%A9";
    let memory = server.get(&format!("/api/memory/{encoded}")).await.ok();
    assert_eq!(
        (&memory["node_id"], ids(&memory)),
        (&json!(odd), vec!["odd"])
    );
    let memory = server.get("/api/memory/https://example.com/a").await.ok();
    assert_eq!(ids(&memory), ["uri"]);
    for nobody in [
        "",
        "..%2F..%2Fetc%2Fpasswd",
        "../../etc/passwd",
        "%00",
        "%2F",
        "//",
        "{node_id}",
        "*",
    ] {
        server
            .get(&format!("/api/memory/{nobody}"))
            .await
            .problem(404, "not_found");
    }
    let long = "x/".repeat(10_000);
    server
        .get(&format!("/api/memory/{long}"))
        .await
        .problem(404, "not_found");
    server
        .get("/api/memory/%FF%FE")
        .await
        .problem(400, "invalid");
    let refused = Request::new("DELETE", MEMORY).send(server.addr).await;
    refused.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn pages_of_a_memory_say_what_they_leave_out() {
    let server = TestServer::start().await;
    let large = "x".repeat(900_000);
    let events: Vec<Value> = (0..7)
        .map(|n| {
            report(
                n,
                "memory.add",
                json!({"entry_id": format!("e{n}"), "content": large}),
            )
        })
        .collect();
    for event in events {
        server.append(&[event]).await;
    }
    let all = server.get(MEMORY).await.ok();
    let is: Vec<&str> = all["memory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert_eq!(entry["content"].is_null(), entry["content_is"] != "here");
            entry["content_is"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        is,
        [
            "here",
            "here",
            "here",
            "here",
            "here",
            "over_limit",
            "over_limit"
        ]
    );
    let rest = server.get(&format!("{MEMORY}?offset=5&limit=1")).await.ok();
    assert_eq!((ids(&rest), &rest["total"]), (vec!["e5"], &json!(7)));
    assert_eq!(rest["memory"][0]["content_is"], "here");
    let beyond = server.get(&format!("{MEMORY}?offset=7")).await.ok();
    assert_eq!(beyond["memory"], json!([]));
}

async fn with_state() -> TestServer {
    let server = TestServer::start().await;
    let patch = |id: u64, patches: Value| report(id, "state.patch", json!({ "patches": patches }));
    let events = [
        patch(
            1,
            json!([{"op": "add", "path": "/plan", "value": {"steps": ["one"], "a/b": null}}]),
        ),
        patch(
            2,
            json!([{"op": "add", "path": "/plan/steps/-", "value": "two"}]),
        ),
        patch(
            3,
            json!([{"op": "replace", "path": "/nowhere", "value": 1}]),
        ),
        patch(
            4,
            json!([{"op": "add", "path": "/other", "value": 12_345_678_901_234_567_890_u64}]),
        ),
        of_session(
            patch(5, json!([{"op": "add", "path": "/late", "value": true}])),
            "s2",
        ),
        report(6, "pso.update", json!({"pso": {"goal": "é"}})),
    ];
    server.append(&events).await;
    server
}

#[tokio::test]
async fn a_state_has_values_writers_and_faults() {
    let server = with_state().await;
    let by = |seq: u64| json!({"seq": seq, "node": "/node/crew/a"});
    let latest = server.get("/api/state").await.ok();
    assert_eq!(
        (&latest["session_id"], &latest["value"]),
        (&json!("s2"), &json!({"late": true}))
    );
    let whole = server.get("/api/state?session_id=s1").await.ok();
    assert_eq!(
        whole["value"],
        json!({"plan": {"steps": ["one", "two"], "a/b": null}, "other": 12_345_678_901_234_567_890_u64})
    );
    assert_eq!(
        whole["faults"],
        json!([{"seq": 3, "node": "/node/crew/a", "index": 0, "reason": "not_found"}])
    );
    let past = server
        .get("/api/state?at=2&path=/plan/steps/1&blame=true&diff_from=1")
        .await
        .ok();
    assert_eq!(
        (&past["value"], &past["written"], &past["at"], &past["path"]),
        (&json!("two"), &by(2), &json!(2), &json!("/plan/steps/1"))
    );
    assert_eq!(
        past["diff"],
        json!([{"path": "/plan/steps/1", "after": "two", "cause": by(2), "is_exact": true}])
    );
    let levels: Vec<Value> = past["blame"]["levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|level| json!([level["path"], level["written"]["seq"]]))
        .collect();
    assert_eq!(levels.last(), Some(&json!(["/plan/steps/1", 2])));
    assert_eq!(levels.len(), 4);
}

#[tokio::test]
async fn a_path_is_answered_also_where_nothing_is() {
    let server = with_state().await;
    let by = |seq: u64| json!({"seq": seq, "node": "/node/crew/a"});
    let null = server
        .get("/api/state?session_id=s1&path=/plan/a~1b")
        .await
        .ok();
    assert_eq!((&null["value"], &null["written"]), (&Value::Null, &by(1)));
    let nothing = server
        .get("/api/state?session_id=s1&path=/plan/x&blame=true")
        .await
        .ok();
    assert_eq!(
        (&nothing["value"], &nothing["written"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(nothing.get("blame"), None);
    let elsewhere = server
        .get("/api/state?session_id=s1&path=/other&diff_from=1")
        .await
        .ok();
    assert_eq!(
        (&elsewhere["diff_total"], &elsewhere["diff"][0]["cause"]),
        (&json!(1), &by(4))
    );
    let goal = server
        .get("/api/state?node_id=crew/a&path=/goal")
        .await
        .ok();
    assert_eq!(
        (&goal["value"], &goal["node_id"]),
        (&json!("é"), &json!("/node/crew/a"))
    );
    for bad in ["plan", "/~2", "/a~", &"/a".repeat(200)] {
        server
            .get(&format!("/api/state?path={bad}"))
            .await
            .problem(400, "invalid_pointer");
    }
    for wrong in ["at=x", "blame=maybe", "diff_from=3&at=2", "unknown=1"] {
        server
            .get(&format!("/api/state?{wrong}"))
            .await
            .problem(400, "invalid");
    }
    for none in [
        "session_id=s3",
        "at=0",
        "session_id=s2&at=4",
        "node_id=crew/none",
        "workspace=other",
    ] {
        server
            .get(&format!("/api/state?{none}"))
            .await
            .problem(404, "not_found");
    }
}

/// Of a hundred events one adds an entry that pushes out an older one, one patches the state; the others are about neither.
fn busy(n: usize) -> Value {
    match n % 100 {
        0 => report(
            n,
            "memory.add",
            json!({
                "entry_id": format!("e{n}"), "content": n,
                "entries": (0..5).filter_map(|back| n.checked_sub(back * 100)).rev().map(|n| format!("e{n}")).collect::<Vec<_>>(),
            }),
        ),
        1 => report(
            n,
            "state.patch",
            json!({"patches": [{"op": "add", "path": format!("/k{}", n / 100 % 10), "value": n}]}),
        ),
        _ => event(n),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_memories_outlive_restarts_and_retention() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    for first in (0..21_000).step_by(1_000) {
        let events: Vec<Value> = (first..first + 1_000).map(busy).collect();
        server.append(&events).await;
    }
    let asked = [
        MEMORY.to_owned(),
        format!("{MEMORY}?at=20500&diff_from=20150"),
        "/api/state?session_id=s1".to_owned(),
        "/api/state?at=20500&diff_from=19800&path=/k3&blame=true".to_owned(),
        "/api/memory?at=20300".to_owned(),
    ];
    let answers = |server: TestServer| {
        let asked = asked.clone();
        async move {
            let mut answers = Vec::new();
            for target in &asked {
                answers.push(server.get(target).await.ok());
            }
            (server, answers)
        }
    };
    let (server, before) = answers(server).await;
    assert_eq!(
        ids(&before[0]),
        ["e20500", "e20600", "e20700", "e20800", "e20900"]
    );
    assert_eq!(before[0]["memory"][4]["content"], 20_900);
    assert_eq!(
        ids(&before[1]),
        ["e20000", "e20100", "e20200", "e20300", "e20400"]
    );
    assert_eq!(before[1]["diff_total"], 6, "{}", before[1]["diff"]);
    assert_eq!(before[2]["value"]["k9"], 20_901);
    assert_eq!(before[3]["value"], 20_301);
    stop(server).await;

    let server = serve(directory.path()).await;
    let (server, again) = answers(server).await;
    assert_eq!(again, before);
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
    let (server, after) = answers(server).await;
    assert_eq!(after, before);
    let oldest = server.get(&format!("{MEMORY}?at={base}")).await.ok();
    for entry in oldest["memory"].as_array().unwrap() {
        assert_eq!(
            (&entry["content"], &entry["content_is"]),
            (&Value::Null, &json!("deleted"))
        );
    }
    for gone in [
        format!("{MEMORY}?at=1"),
        format!("{MEMORY}?diff_from={}", base - 1),
        "/api/memory?at=0".to_owned(),
        "/api/state?at=1".to_owned(),
        "/api/state?diff_from=1".to_owned(),
    ] {
        server.get(&gone).await.problem(410, "gone");
    }
    stop(server).await;
}
