//! Replay sessions over HTTP.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::{Clock as _, ManualClock, SystemClock};
use loom_studio_server::Components;
use serde_json::{Value, json};

use crate::harness::{TestServer, event, memory};
use crate::http_client::{Request, Response};
use crate::stores::GatedStore;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// An event of the trace, `millis` after its beginning.
pub(crate) fn timed(id: &str, kind: &str, millis: u64) -> Value {
    json!({
        "specversion": "1.0", "id": id, "type": kind, "source": "/node/agent/a", "subject": "/node/tool/t",
        "time": format!("2026-01-02T03:{:02}:{:02}.{:03}Z", millis / 60_000, millis / 1_000 % 60, millis % 1_000),
        "traceparent": format!("00-{TRACE}-b7ad6b7169203331-01"),
        "data": {"tokens": millis},
    })
}

/// Arrival order is not time order: `late` happened second and arrived last.
async fn recorded() -> TestServer {
    let server = TestServer::start().await;
    server
        .append(&[
            event("other"),
            timed("first", "node.request", 0),
            timed("third", "agent.thought", 2_000),
            timed("late", "agent.thought", 1_000),
        ])
        .await;
    server
}

pub(crate) async fn post(server: &TestServer, target: &str) -> Response {
    Request::new("POST", target).send(server.addr).await
}

async fn send(server: &TestServer, method: &str, target: &str, body: &str) -> Response {
    let request = Request::post(target, "application/json", body).with_method(method);
    request.send(server.addr).await
}

/// Opens a session and returns the beginning of its routes.
pub(crate) async fn create(server: &TestServer, query: &str) -> String {
    let created = post(server, &format!("/api/replay/create?{query}")).await;
    format!(
        "/api/replay/{}",
        created.ok()["session_id"].as_str().unwrap()
    )
}

fn passed(answer: &Value) -> (&str, u64) {
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["event", "index", "total"], "{answer}");
    assert_eq!(answer["total"], 3);
    (
        answer["event"]["id"].as_str().unwrap(),
        answer["index"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn the_original_calls_answer_as_they_did() {
    let server = recorded().await;
    let session = create(&server, &format!("trace_id={TRACE}")).await;
    let step = async |query: &str| post(&server, &format!("{session}/step{query}")).await.ok();
    let jump = async |index: &str| {
        post(&server, &format!("{session}/jump?index={index}"))
            .await
            .ok()
    };
    let over = json!({"error": "No more events"});
    let invalid = json!({"error": "Invalid index"});
    assert_eq!(step("?direction=backward").await, over);
    assert_eq!(passed(&step("").await), ("first", 1));
    assert_eq!(passed(&step("?direction=forward").await), ("late", 2));
    assert_eq!(passed(&step("").await), ("third", 3));
    assert_eq!(step("").await, over);
    assert_eq!(passed(&step("?direction=backward").await), ("third", 2));
    assert_eq!(passed(&step("?direction=backward").await), ("late", 1));
    assert_eq!(passed(&jump("2").await), ("third", 2));
    assert_eq!(passed(&step("").await), ("third", 3));
    assert_eq!(passed(&jump("0").await), ("first", 0));
    for index in ["3", "-1", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(jump(index).await, invalid);
    }
    let seen = server.get(&session).await.ok();
    assert_eq!(
        (&seen["index"], &seen["state"]),
        (&json!(0), &json!("paused"))
    );
    // What is new: by position and by time.
    let to = async |query: &str| post(&server, &format!("{session}/jump?{query}")).await.ok();
    assert_eq!(passed(&to("seq=4").await), ("late", 1));
    assert_eq!(
        passed(&to("time=2026-01-02T03:00:01.5Z").await),
        ("third", 2)
    );
    assert_eq!(to("time=2027-01-01T00:00:00Z").await, invalid);
    for query in [
        "",
        "index=1&seq=2",
        "index=x",
        "time=soon",
        "index=1&sped=2",
    ] {
        let answer = post(&server, &format!("{session}/jump?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    post(&server, &format!("{session}/step?direction=up"))
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn a_scope_comes_by_query_or_body() {
    let server = recorded().await;
    let total = async |target: &str, body: &str| {
        let created = send(&server, "POST", target, body).await.ok();
        created["total"].as_u64().unwrap()
    };
    let create = "/api/replay/create";
    assert_eq!(total(create, "").await, 4, "all of the workspace");
    assert_eq!(total(create, "{}").await, 4);
    assert_eq!(total(create, r#"{"event_type":"agent.*"}"#).await, 2);
    assert_eq!(total(create, r#"{"where":"data.tokens >= 1000"}"#).await, 2);
    let begin = loom_studio_core::Timestamp::parse_rfc3339("2026-01-02T03:00:01Z").unwrap();
    let begin = begin.as_micros() / 1_000_000;
    let body = format!(
        r#"{{"trace_id":"{TRACE}","start_time":{begin},"end_time":"2026-01-02T03:00:01Z"}}"#
    );
    assert_eq!(total(create, &body).await, 1);
    let queried = format!("{create}?trace_id={TRACE}&start_time={begin}");
    assert_eq!(total(&queried, r#"{"event_type":"node.request"}"#).await, 0);
    let empty = post(&server, "/api/replay/create?trace_id=none").await.ok();
    assert_eq!(empty["range"], Value::Null);
    for body in [
        "[",
        "[]",
        "7",
        r#"{"trace":"x"}"#,
        r#"{"trace_id":7}"#,
        r#"{"start_time":[]}"#,
        "\u{0}",
        &"[".repeat(10_000),
    ] {
        send(&server, "POST", create, body)
            .await
            .problem(400, "invalid_body");
    }
    send(&server, "POST", create, r#"{"workspace":"team"}"#)
        .await
        .problem(400, "invalid");
    send(&server, "POST", create, r#"{"start_time":"soon"}"#)
        .await
        .problem(400, "invalid_filter");
    send(&server, "POST", create, &" ".repeat(70_000))
        .await
        .problem(413, "too_large");
    let refused = send(&server, "POST", create, r#"{"where":"type ="}"#).await;
    refused.problem(400, "invalid_condition");
    assert_eq!(refused.json()["position"], 6);
}

#[tokio::test]
async fn a_run_stops_at_breakpoints() {
    let server = recorded().await;
    let session = create(&server, &format!("trace_id={TRACE}")).await;
    let breakpoints = format!("{session}/breakpoints");
    let run = async |direction: &str| {
        let answer = post(&server, &format!("{session}/run?direction={direction}"))
            .await
            .ok();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (
            text(&answer["event"]["id"]),
            text(&answer["breakpoint"]),
            text(&answer["error"]),
        )
    };
    let hit = |id: &str, breakpoint: &str| (Some(id.to_owned()), Some(breakpoint.to_owned()), None);
    let none = (None, None, Some("No breakpoint".to_owned()));
    assert_eq!(
        server.get(&breakpoints).await.ok(),
        json!({"breakpoints": []})
    );
    assert_eq!(run("forward").await, none);
    // Ten thousand, of which the last two hold.
    let mut many: Vec<Value> = (0..9_998)
        .map(|number| json!({"id": format!("b{number}"), "condition": format!("type = never.{number}")}))
        .collect();
    many.push(json!({"id": "thought", "condition": "type = agent.thought"}));
    many.push(json!({"id": "big", "condition": "data.tokens>1500"}));
    let set = send(
        &server,
        "PUT",
        &breakpoints,
        &json!({"breakpoints": many}).to_string(),
    )
    .await
    .ok();
    assert_eq!(
        set["breakpoints"][9_999],
        json!({"id": "big", "condition": "data.tokens > 1500"})
    );
    assert_eq!(server.get(&breakpoints).await.ok(), set);
    assert_eq!(run("forward").await, hit("late", "thought"));
    assert_eq!(server.get(&session).await.ok()["breakpoint"], "thought");
    assert_eq!(run("forward").await, hit("third", "thought"));
    assert_eq!(run("forward").await, none);
    assert_eq!(run("backward").await, hit("third", "thought"));
    assert_eq!(run("backward").await, hit("late", "thought"));
    assert_eq!(run("backward").await, none);
}

#[tokio::test]
async fn breakpoints_that_are_refused_change_nothing() {
    let server = recorded().await;
    let breakpoints = format!("{}/breakpoints", create(&server, "").await);
    let kept = json!({"breakpoints": [{"id": "kept", "condition": "data.tokens > 1"}]});
    send(&server, "PUT", &breakpoints, &kept.to_string())
        .await
        .ok();
    let too_many: Vec<Value> = (0..10_001)
        .map(|id| json!({"id": id.to_string(), "condition": "type = x"}))
        .collect();
    let too_many = json!({"breakpoints": too_many}).to_string();
    send(&server, "PUT", &breakpoints, &too_many)
        .await
        .problem(400, "too_many_breakpoints");
    let one = |id: &str, condition: &str| {
        json!({"breakpoints": [{"id": id, "condition": condition}]}).to_string()
    };
    let refused = send(
        &server,
        "PUT",
        &breakpoints,
        &one("bad", "type = a and data.tokens >"),
    )
    .await;
    let detail = refused.problem(400, "invalid_condition");
    assert!(detail.starts_with("breakpoint \"bad\": "), "{detail}");
    assert_eq!(refused.json()["position"], 26);
    let listed = send(&server, "PUT", &breakpoints, &one("bad", "typ = a"))
        .await
        .json();
    assert!(
        !listed["expected"].as_array().unwrap().is_empty(),
        "{listed}"
    );
    for condition in ["", "   ", "duration > 2s"] {
        send(&server, "PUT", &breakpoints, &one("b", condition))
            .await
            .problem(400, "invalid_condition");
    }
    let twice =
        r#"{"breakpoints":[{"id":"a","condition":"type = a"},{"id":"a","condition":"type = b"}]}"#;
    send(&server, "PUT", &breakpoints, twice)
        .await
        .problem(400, "invalid");
    send(&server, "PUT", &breakpoints, &one("", "type = a"))
        .await
        .problem(400, "invalid");
    let patterns: Vec<Value> = (0..65)
        .map(|id| json!({"id": id.to_string(), "condition": "type matches /a/"}))
        .collect();
    send(
        &server,
        "PUT",
        &breakpoints,
        &json!({"breakpoints": patterns}).to_string(),
    )
    .await
    .problem(400, "invalid");
    for body in [
        "",
        "[]",
        "{}",
        r#"{"breakpoints":{}}"#,
        r#"{"breakpoints":[{"id":1,"condition":"type = a"}]}"#,
    ] {
        send(&server, "PUT", &breakpoints, body)
            .await
            .problem(400, "invalid_body");
    }
    send(&server, "PUT", &breakpoints, &" ".repeat(3 << 20))
        .await
        .problem(413, "too_large");
    assert_eq!(server.get(&breakpoints).await.ok(), kept);
}

/// One call that was answered and one that wasn't, after an event of nobody's run.
async fn called() -> TestServer {
    let server = TestServer::start().await;
    let request = |id: &str, to: &str, millis| {
        let mut event = timed(id, "node.request", millis);
        event["subject"] = json!(to);
        event
    };
    let mut before = timed("before", "note", 0);
    before["traceparent"] = Value::Null;
    let mut reply = timed("reply", "node.response", 400);
    reply["subject"] = json!("/node/agent/a");
    reply["source"] = json!("/node/tool/x");
    reply["data"] = json!({"request_id": "one", "result": "fine"});
    server
        .append(&[
            before,
            request("one", "/node/tool/x", 0),
            request("two", "/node/tool/y", 200),
            reply,
        ])
        .await;
    server
}

#[tokio::test]
async fn the_state_is_that_of_the_live_view_then() {
    let server = called().await;
    let session = create(&server, &format!("trace_id={TRACE}")).await;
    let state = async |index: usize| {
        server
            .get(&format!("{session}/state?index={index}"))
            .await
            .ok()
    };
    let open = |state: &Value| -> Vec<String> {
        let calls = state["open_calls"].as_array().unwrap();
        assert_eq!(state["counters"]["open_calls"], calls.len());
        calls
            .iter()
            .map(|call| call["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let begin = state(0).await;
    assert_eq!(
        (&begin["at"], &begin["counters"]["events"]),
        (&json!(1), &json!(1)),
        "what was there before"
    );
    let second = state(2).await;
    assert_eq!(open(&second), ["one", "two"]);
    assert_eq!(second["open_calls"][0]["to"], "/node/tool/x");
    let end = state(3).await;
    assert_eq!(open(&end), ["two"]);
    assert_eq!(
        end["counters"],
        json!({"events": 4, "errors": 0, "nodes": 4, "edges": 4, "open_calls": 1})
    );
    let at = server.get("/api/topology?at=3").await.ok();
    assert_eq!(second["topology"], at, "one code path");
    post(&server, &format!("{session}/jump?index=2")).await.ok();
    assert_eq!(server.get(&format!("{session}/state")).await.ok(), second);
    server
        .get(&format!("{session}/state?index=4"))
        .await
        .problem(400, "invalid_index");
}

#[tokio::test]
async fn what_changed_between_two_indexes() {
    let server = called().await;
    let session = create(&server, &format!("trace_id={TRACE}")).await;
    let diff = async |from: usize, to: usize| {
        server
            .get(&format!("{session}/diff?from={from}&to={to}"))
            .await
            .ok()
    };
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|node| node["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let added = diff(1, 2).await;
    assert_eq!(
        (&added["from"], &added["to"]),
        (&json!({"index": 1, "at": 2}), &json!({"index": 2, "at": 3}))
    );
    assert_eq!(ids(&added["nodes"]["added"]), ["/node/tool/y"]);
    assert_eq!(added["edges"]["added"][0]["to"], "/node/tool/y");
    assert_eq!(added["nodes"]["removed"], json!([]));
    let changed = &added["nodes"]["changed"];
    assert_eq!(
        changed.as_array().unwrap().len(),
        1,
        "who asked, and nobody else"
    );
    assert_eq!(changed[0]["before"]["id"], "/node/agent/a");
    assert_eq!(
        (
            &changed[0]["before"]["events"],
            &changed[0]["after"]["events"]
        ),
        (&json!(2), &json!(3))
    );
    assert_eq!(ids(&diff(2, 1).await["nodes"]["removed"]), ["/node/tool/y"]);
    let same = diff(3, 3).await;
    for kind in ["nodes", "edges"] {
        assert_eq!(
            same[kind],
            json!({"added": [], "changed": [], "removed": []})
        );
    }
    server
        .get(&format!("{session}/diff?from=0&to=9"))
        .await
        .problem(400, "invalid_index");
    server
        .get(&format!("{session}/diff?from=0"))
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn a_session_belongs_to_its_workspace_and_ends() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let components = Components {
        clock: clock.clone(),
        ..Components::default()
    };
    let server = TestServer::of(memory(), components, |_| {}).await;
    server.append(&[event("1")]).await;
    server.append_to("team", &[event("2"), event("3")]).await;
    let session = create(&server, "workspace=team").await;
    let routes = [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/step"),
        ("POST", "/jump?index=0"),
        ("POST", "/run"),
        ("POST", "/play"),
        ("POST", "/pause"),
        ("GET", "/state"),
        ("GET", "/diff?from=0&to=0"),
        ("GET", "/breakpoints"),
        ("PUT", "/breakpoints"),
    ];
    let unknown = async |session: &str| {
        for (method, route) in routes {
            let target = format!("{session}{route}");
            Request::new(method, &target)
                .send(server.addr)
                .await
                .problem(404, "unknown_replay");
        }
    };
    unknown(&session).await;
    unknown("/api/replay/nothing").await;
    unknown("/api/replay/%00%F0%9F%98%80").await;
    for (method, route) in routes {
        let target = format!("/api/replay/%FF{route}");
        let answer = Request::new(method, &target).send(server.addr).await;
        answer.problem(400, "invalid");
    }
    let own = format!("{session}?workspace=team");
    assert_eq!(server.get(&own).await.ok()["total"], 2);
    clock.advance(Duration::from_mins(29));
    server.get(&own).await.ok();
    clock.advance(Duration::from_mins(30));
    server.get(&own).await.problem(404, "unknown_replay");

    let session = create(&server, "").await;
    Request::new("DELETE", &session)
        .send(server.addr)
        .await
        .ok();
    unknown(&session).await;

    for _ in 0..32 {
        create(&server, "").await;
    }
    let refused = post(&server, "/api/replay/create").await;
    refused.problem(503, "too_many_replays");
    assert_eq!(refused.header("retry-after"), Some("60"));
    // Others have their own.
    create(&server, "workspace=team").await;
    clock.advance(Duration::from_secs(61));
    create(&server, "").await;
}

#[tokio::test]
async fn when_something_first_became_true() {
    let server = recorded().await;
    server
        .append_to("team", &[timed("theirs", "agent.thought", 0)])
        .await;
    let first = async |query: &str| server.get(&format!("/api/events/first?{query}")).await;
    let found = |answer: &Value| {
        assert_eq!(answer["complete"], true, "{answer}");
        (
            answer["event"]["id"].as_str().map(str::to_owned),
            answer["scanned_through"].as_u64().unwrap(),
        )
    };
    let condition = "where=data.tokens%20%3E%3D%201000";
    let is = |id: &str, seq| (Some(id.to_owned()), seq);
    assert_eq!(found(&first(condition).await.ok()), is("third", 3));
    assert_eq!(
        found(&first(&format!("{condition}&direction=backward")).await.ok()),
        is("late", 4)
    );
    assert_eq!(
        found(
            &first(&format!("{condition}&direction=backward&to_seq=3"))
                .await
                .ok()
        ),
        is("third", 3)
    );
    assert_eq!(
        found(&first(&format!("{condition}&from_seq=4")).await.ok()),
        is("late", 4)
    );
    assert_eq!(found(&first("where=type=never").await.ok()), (None, 5));
    first("").await.problem(400, "invalid");
    first("where=").await.problem(400, "invalid_condition");
    first("where=type=a&direction=up")
        .await
        .problem(400, "invalid");
}

/// Four runs of two calls each, all under way at once: events of run `n` are `q{n}`, `c{n}`, `rc{n}`, `r{n}`, in the order of their times, which isn't that of their arrival.
async fn concurrent() -> TestServer {
    let server = TestServer::start().await;
    let sent = |id: String, from: String, kind: &str, millis: u32, more: Value| {
        let mut event = json!({
            "specversion": "1.0", "id": id, "source": from, "type": kind, "studiosession": "s",
            "time": format!("2026-01-02T03:00:00.{millis:03}Z"),
        });
        let more = more.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(more);
        event
    };
    let mut events = Vec::new();
    for n in 0..4_u32 {
        let (agent, tool) = (format!("agent/a{n}"), format!("tool/t{n}"));
        let (request, call) = (format!("q{n}"), format!("c{n}"));
        let asked = json!({"subject": agent});
        let caused = json!({"subject": tool, "causationid": request});
        events.push(sent(
            request.clone(),
            "user/u".into(),
            "node.request",
            n,
            asked,
        ));
        events.push(sent(
            call.clone(),
            agent.clone(),
            "node.request",
            10 + n,
            caused,
        ));
        let reply = |of: &str| json!({"data": {"request_id": of, "result": n}});
        events.push(sent(
            format!("rc{n}"),
            tool,
            "node.response",
            30 + n,
            reply(&call),
        ));
        events.push(sent(
            format!("r{n}"),
            agent,
            "node.response",
            40 - n,
            reply(&request),
        ));
    }
    // Each run's requests, then its replies, run by run and backwards.
    events.sort_by_key(|event| {
        let id = event["id"].as_str().unwrap();
        (id.starts_with('r'), std::cmp::Reverse(id.to_owned()))
    });
    server.append(&events).await;
    server
}

#[tokio::test]
async fn a_run_is_replayed_alone() {
    let server = concurrent().await;
    let runs = server.get("/api/runs?order=seq").await.ok();
    let runs = runs["runs"].as_array().unwrap().clone();
    assert_eq!(runs.len(), 4);
    for run in &runs {
        let root = run["id"].as_u64().unwrap();
        let n = server.get(&format!("/api/events/{root}")).await.ok()["event"]["id"]
            .as_str()
            .unwrap()
            .trim_start_matches('q')
            .to_owned();
        // By its name in the query, in the body, as text and as a number; `run` is the same.
        for (query, body) in [
            (format!("?run_id={root}"), String::new()),
            (format!("?run={root}"), String::new()),
            (String::new(), format!(r#"{{"run":{root}}}"#)),
            (String::new(), format!(r#"{{"run_id":"{root}"}}"#)),
        ] {
            let target = format!("/api/replay/create{query}");
            let created = send(&server, "POST", &target, &body).await.ok();
            assert_eq!(created["total"], 4, "{query} {body}");
        }
        let session = create(&server, &format!("run_id={root}")).await;
        let step = async |way: &str| {
            let target = format!("{session}/step?direction={way}");
            let answer = post(&server, &target).await.ok();
            (
                answer["event"]["id"].as_str().map(str::to_owned),
                answer["event"]["studioseq"].as_u64(),
            )
        };
        let mut passed = Vec::new();
        let mut through = 0;
        while let (Some(id), Some(seq)) = step("forward").await {
            passed.push(id);
            through = through.max(seq);
            // The whole of the workspace as it was at the greatest position passed.
            let state = server.get(&format!("{session}/state")).await.ok();
            assert_eq!(state["at"], through);
            let graph = server
                .get(&format!("/api/topology?at={through}"))
                .await
                .ok();
            assert_eq!(state["topology"]["edges"], graph["edges"]);
        }
        let replies = [format!("rc{n}"), format!("r{n}")];
        let mut wanted = vec![format!("q{n}"), format!("c{n}")];
        wanted.extend(replies);
        assert_eq!(passed, wanted);
        for id in passed.iter().rev() {
            assert_eq!(step("backward").await.0.as_ref(), Some(id));
        }
        let body = r#"{"breakpoints":[{"id":"reply","condition":"type = node.response"}]}"#;
        let breakpoints = format!("{session}/breakpoints");
        send(&server, "PUT", &breakpoints, body).await.ok();
        let stopped = post(&server, &format!("{session}/run")).await.ok();
        assert_eq!(stopped["event"]["id"], format!("rc{n}"));
        assert_eq!(
            (&stopped["breakpoint"], &stopped["index"]),
            (&json!("reply"), &json!(3))
        );
        server
            .get(&format!("{session}/diff?from=0&to=4"))
            .await
            .ok();
        let narrowed = format!(r#"{{"run":{root},"event_type":"node.request"}}"#);
        let narrowed = send(&server, "POST", "/api/replay/create", &narrowed).await;
        assert_eq!(narrowed.ok()["total"], 2);
    }
    for (name, status, code) in [
        ("999", 404, "not_found"),
        ("0", 404, "not_found"),
        ("nothing", 400, "invalid"),
        (TRACE, 404, "not_found"),
    ] {
        let refused = post(&server, &format!("/api/replay/create?run_id={name}")).await;
        refused.problem(status, code);
    }
    let elsewhere = format!("/api/replay/create?run_id={}&workspace=team", runs[0]["id"]);
    post(&server, &elsewhere).await.problem(404, "not_found");
    let both = r#"{"run":1,"run_id":2}"#;
    send(&server, "POST", "/api/replay/create", both)
        .await
        .problem(400, "invalid_body");
}

#[tokio::test]
async fn ten_thousand_breakpoints_are_tested_together() {
    let server = recorded().await;
    let session = create(&server, "").await;
    let breakpoints: Vec<Value> = (0..10_000)
        .map(
            |n| json!({"id": n.to_string(), "condition": format!("data.tokens = {}", 100_000 + n)}),
        )
        .collect();
    let mut body = json!({"breakpoints": breakpoints});
    let target = format!("{session}/breakpoints");
    send(&server, "PUT", &target, &body.to_string()).await.ok();
    let none = post(&server, &format!("{session}/run")).await.ok();
    assert_eq!(none, json!({"error": "No breakpoint"}));
    body["breakpoints"][9_999]["condition"] = json!("data.tokens = 2000");
    send(&server, "PUT", &target, &body.to_string()).await.ok();
    let stopped = post(&server, &format!("{session}/run")).await.ok();
    assert_eq!(
        (&stopped["event"]["id"], &stopped["breakpoint"]),
        (&json!("third"), &json!("9999"))
    );
}

#[tokio::test]
async fn the_states_of_a_session_are_prepared() {
    let server = recorded().await;
    let session = create(&server, "").await;
    let place = async || server.get(&session).await.ok();
    crate::harness::within("the states are prepared", async {
        while place().await["prepared"]["state"] != "ready" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let empty = create(&server, "trace_id=none").await;
    assert_eq!(server.get(&empty).await.ok()["prepared"]["state"], "ready");
}

#[tokio::test]
async fn looking_up_the_events_takes_a_bounded_time() {
    let store = GatedStore::closed(memory());
    store.open();
    let server = TestServer::over(store.clone(), |settings| {
        settings.limits.replay_lookup_timeout = Duration::from_millis(300);
    })
    .await;
    server.append(&[timed("1", "a", 0)]).await;
    store.set_readable(false);
    // More than look up at once: the wait for a turn counts.
    let waiting = (0..5).map(|_| post(&server, "/api/replay/create?event_type=a"));
    for answer in futures_util::future::join_all(waiting).await {
        answer.problem(503, "replay_too_long");
    }
    store.set_readable(true);
    let session = create(&server, "event_type=a").await;
    assert_eq!(server.get(&session).await.ok()["total"], 1);
}
