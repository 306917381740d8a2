//! Figures over HTTP.

#![expect(clippy::needless_pass_by_value, reason = "JSON is written in place")]

use serde_json::{Value, json};

use crate::harness::TestServer;

/// An event so many milliseconds after the others.
fn event(id: &str, session: &str, from: &str, kind: &str, millis: u32, members: Value) -> Value {
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": from, "type": kind, "studiosession": session,
        "time": format!("2026-01-02T03:{:02}:{:02}.{:03}Z", millis / 60_000, millis / 1_000 % 60, millis % 1_000),
    });
    let more = members.as_object().cloned().unwrap_or_default();
    event.as_object_mut().unwrap().extend(more);
    event
}

/// A run of two calls: a crew asks an agent, which asks a model; and one more call that nobody answers.
fn run(name: &str, session: &str, start: u32) -> Vec<Value> {
    let id = |part: &str| format!("{name}-{part}");
    let at = |part: &str, from: &str, kind: &str, millis: u32, members: Value| {
        event(&id(part), session, from, kind, start + millis, members)
    };
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}});
    vec![
        at(
            "r",
            "/user/sdk",
            "node.request",
            0,
            json!({"subject": "crew/c"}),
        ),
        at(
            "q",
            "crew/c",
            "node.request",
            10,
            json!({"subject": "agent/a", "causationid": id("r")}),
        ),
        at(
            "m",
            "agent/a",
            "llm.response",
            400,
            json!({"causationid": id("q"), "data": {"model": "gpt", "usage": usage, "latency_ms": 250}}),
        ),
        at(
            "qe",
            "agent/a",
            "node.response",
            510,
            json!({"causationid": id("q"), "data": {"request_id": id("q"), "result": {"error": "no"}}}),
        ),
        // The crew's sum is that of its parts.
        at(
            "re",
            "crew/c",
            "node.response",
            600,
            json!({"causationid": id("r"), "data": {"request_id": id("r"), "result": {"usage": {"total_tokens": 120}}}}),
        ),
        at(
            "n",
            "crew/c",
            "node.request",
            700,
            json!({"subject": "tool/t", "causationid": id("lost")}),
        ),
    ]
}

async fn metrics(server: &TestServer, query: &str) -> Value {
    server.get(&format!("/api/metrics{query}")).await.ok()
}

async fn two_runs() -> TestServer {
    let server = TestServer::start().await;
    server.append(&run("one", "s1", 0)).await;
    server.append(&run("two", "s2", 60_000)).await;
    server
}

#[tokio::test]
async fn figures_of_everything() {
    let server = two_runs().await;
    let all = metrics(&server, "").await;
    assert_eq!(all["at"], 12);
    let tokens =
        json!({"input": 200, "output": 40, "total": 240, "cached": 120, "reasoning": null});
    assert_eq!(all["tokens"]["total"], tokens);
    assert_eq!(all["tokens"]["by_node"].as_array().unwrap().len(), 1);
    assert_eq!(all["tokens"]["by_node"][0]["node"], "/node/agent/a");
    assert_eq!(all["tokens"]["by_model"][0]["model"], "gpt");
    let overall = json!({"answered": 4, "failed": 2, "late": 0, "unanswered": 2, "open": 0, "blocked": 0, "rate": 4.0 / 6.0});
    assert_eq!(all["error_rate"]["overall"], overall);
    let p50 = |times: &Value| times["latency_ms"]["p50"].as_f64().unwrap();
    let by_node = &all["response_times"]["by_node"];
    assert_eq!(
        (&by_node[0]["node"], &by_node[0]["count"]),
        (&json!("/node/agent/a"), &json!(2))
    );
    assert!((p50(&by_node[0]) - 500.0).abs() <= 5.0);
    assert!((p50(&by_node[1]) - 600.0).abs() <= 6.0);
    let types: Vec<&Value> = all["response_times"]["by_type"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["type"])
        .collect();
    assert_eq!(types, ["AgentNode", "CrewNode"]);
    assert!((p50(&all["response_times"]["by_model"][0]) - 250.0).abs() <= 2.5);
    let throughput = &all["throughput"];
    let sum = |name: &str| {
        throughput[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("counts"), sum("errors")), (12, 2));
    assert_eq!(
        (&throughput["bucket_nanos"], &throughput["offsets"][11]),
        (&json!(1_000_000), &json!(60_700))
    );
    assert_eq!(throughput["start"], "2026-01-02T03:00:00.000000Z");
    let bottlenecks = &all["bottlenecks"];
    // The call whose cause is unknown is a run of its own, and waited for 30 s.
    assert_eq!(
        (&bottlenecks["runs"], &bottlenecks["nodes"][0]["node"]),
        (&json!(4), &json!("/node/tool/t"))
    );
    assert_eq!(
        bottlenecks["nodes"][1],
        json!({"node": "/node/agent/a", "type": "AgentNode", "critical_nanos": 1_000_000_000_u64, "in_vain_nanos": 0, "share": 1.0 / 61.2, "calls": 2, "runs": 2})
    );
    assert_eq!(
        (&all["left_out"], &all["is_complete"]),
        (&json!(0), &json!(true))
    );
}

#[tokio::test]
async fn figures_of_a_session_a_run_a_node_and_the_past() {
    let server = two_runs().await;
    let tokens =
        json!({"input": 200, "output": 40, "total": 240, "cached": 120, "reasoning": null});
    let session = metrics(&server, "?session_id=s2").await;
    assert_eq!(session["tokens"]["total"]["total"], 120);
    assert_eq!(
        (
            &session["error_rate"]["overall"]["answered"],
            &session["at"]
        ),
        (&json!(2), &json!(12))
    );
    assert_eq!(session["bottlenecks"]["runs"], 2);
    let nobody = metrics(&server, "?session_id=nobody").await;
    assert_eq!(
        (&nobody["tokens"]["total"], &nobody["throughput"]["start"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(nobody["error_rate"]["overall"]["rate"], Value::Null);

    let one = metrics(&server, "?run_id=7").await;
    assert_eq!(
        (
            &one["tokens"]["total"]["total"],
            &one["bottlenecks"]["runs"]
        ),
        (&json!(120), &json!(1))
    );
    assert_eq!(one["bottlenecks"]["critical_nanos"], 600_000_000);
    assert_eq!(one["error_rate"]["overall"]["answered"], 2);

    let node = metrics(&server, "?node_id=agent/a").await;
    assert_eq!(
        (&node["tokens"]["total"], &node["throughput"]),
        (&tokens, &Value::Null)
    );
    assert_eq!(node["error_rate"]["overall"]["rate"], 1.0);
    assert_eq!(node["bottlenecks"]["nodes"].as_array().unwrap().len(), 1);

    // As it was before the agent had answered: nothing is late yet, whatever the present is.
    let past = metrics(&server, "?at=3").await;
    assert_eq!(
        (&past["at"], &past["tokens"]["total"]["total"]),
        (&json!(3), &json!(120))
    );
    let overall = json!({"answered": 0, "failed": 0, "late": 0, "unanswered": 0, "open": 2, "blocked": 0, "rate": null});
    assert_eq!(past["error_rate"]["overall"], overall);
    assert_eq!(past["bottlenecks"]["runs"], 0);
    assert_eq!(
        metrics(&server, "?workspace=elsewhere").await["tokens"]["total"],
        Value::Null
    );
}

#[tokio::test]
async fn wrong_questions_are_problems() {
    let server = TestServer::start().await;
    server.append(&run("one", "s1", 0)).await;
    server
        .get("/api/metrics?run_id=99")
        .await
        .problem(404, "not_found");
    server
        .get("/api/metrics?run_id=2")
        .await
        .problem(404, "not_found");
    server
        .get("/api/metrics?run_id=1&workspace=elsewhere")
        .await
        .problem(404, "not_found");
    server
        .get("/api/metrics?run_id=1&session_id=s1")
        .await
        .problem(400, "invalid");
    server
        .get("/api/metrics?run_id=x")
        .await
        .problem(400, "invalid");
    server
        .get("/api/metrics?unknown=1")
        .await
        .problem(400, "invalid");
}
