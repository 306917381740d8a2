//! Runs that are large or deep, asked for again and again; and views whose store fails for a while.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{TestServer, memory, within};
use crate::process::{command, outcome};
use crate::runs::{event, reply, request};
use crate::stores::GatedStore;

/// A user asks a crew, which asks agents, each of which asks a tool.
fn crew(agents: u32) -> Vec<Value> {
    let mut events = vec![request("r", "user/u", "crew/c", 0)];
    for n in 0..agents {
        let (agent, tool) = (format!("agent/{n}"), format!("tool/{n}"));
        let (asked, used) = (format!("a{n}"), format!("t{n}"));
        events.extend([
            request(&asked, "crew/c", &agent, n),
            request(&used, &agent, &tool, n),
            reply(&used, &tool, n, &json!({"result": 1})),
            reply(&asked, &agent, n, &json!({"result": 1})),
        ]);
    }
    events.push(reply("r", "crew/c", agents, &json!({"result": 1})));
    events
}

fn requests(shown: &Value) -> Vec<u64> {
    let calls = shown["calls"].as_array().unwrap().iter();
    calls
        .map(|call| call["request"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_part_of_a_run_can_be_asked_for() {
    let server = TestServer::start().await;
    server.append(&crew(3)).await;
    let whole: Value = server.get("/api/runs/1").await.ok();
    assert_eq!(requests(&whole), [1, 2, 3, 6, 7, 10, 11]);
    assert_eq!(whole["calls_in_all"], 7);
    let two: Value = server.get("/api/runs/1?depth=2").await.ok();
    assert_eq!(
        (requests(&two), &two["roots"]),
        (vec![1, 2, 6, 10], &json!([0]))
    );
    assert_eq!(two["calls_in_all"], 7);
    assert_eq!(two["calls"][2]["children_left_out"], 1);
    assert_eq!(two["calls"][2]["parent"], 0);
    let three: Value = server.get("/api/runs/1?limit=3").await.ok();
    assert_eq!(requests(&three), [1, 2, 6]);
    assert_eq!(three["calls"][0]["children_left_out"], 1);
    let under: Value = server.get("/api/runs/1?under=6").await.ok();
    assert_eq!(
        (requests(&under), &under["roots"]),
        (vec![6, 7], &json!([0]))
    );
    assert!(under["calls"][0]["parent"].is_null() && under["calls"][0]["link"].is_object());
    let steps = under["critical_path"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["call"].as_u64().unwrap() < 2));
    server
        .get("/api/runs/1?under=4")
        .await
        .problem(404, "not_found");
    server
        .get("/api/runs/1?depth=0")
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn of_a_run_too_large_the_first_records_are_read() {
    let change = |settings: &mut loom_studio_server::Settings| settings.limits.max_tree_records = 4;
    let server = TestServer::with(change).await;
    server.append(&crew(3)).await;
    let shown: Value = server.get("/api/runs/1").await.ok();
    assert_eq!(
        (requests(&shown), &shown["unread_records"]),
        (vec![1, 2, 3], &json!(10))
    );
    // Its later replies weren't read: it is not known to be unanswered.
    assert_eq!(shown["calls"][0]["status"], "running");
    assert_eq!(shown["run"]["status"], "ok");
    let graph: Value = server.get("/api/topology?run_id=1").await.ok();
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 8);
    let part: Value = server.get("/api/events/10").await.ok();
    assert_eq!(part["run_id"], 1);
}

#[tokio::test]
async fn what_is_kept_of_answers_is_never_behind_the_log() {
    let server = TestServer::start().await;
    server.append(&[request("r", "user/u", "agent/a", 0)]).await;
    for n in 1..20_u32 {
        let id = format!("m{n}");
        let usage =
            json!({"data": {"model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}});
        server
            .append(&[event(&id, "agent/a", "llm.response", 1, &usage)])
            .await;
        for _ in 0..2 {
            let shown: Value = server.get("/api/runs/1").await.ok();
            let sent = shown["calls"][0]["events"].as_array().unwrap().len();
            assert_eq!((sent as u32, &shown["at"]), (n, &json!(n + 1)));
            for target in [
                "/api/metrics",
                "/api/metrics?run_id=1",
                "/api/metrics?session_id=s",
            ] {
                let figures: Value = server.get(target).await.ok();
                assert_eq!(
                    figures["tokens"]["total"]["total"],
                    2 * n,
                    "{target}: {figures}"
                );
            }
        }
    }
    let done = reply("r", "agent/a", 2, &json!({"result": 1}));
    server.append(&[done]).await;
    let shown: Value = server.get("/api/runs/1").await.ok();
    assert_eq!(shown["calls"][0]["status"], "ok");
}

#[tokio::test]
async fn a_deep_run_is_shown_and_printed() {
    const DEEP: u32 = 3_000;
    let server = TestServer::start().await;
    let calls = (0..DEEP).map(|n| {
        let mut call = request(
            &format!("q{n}"),
            &format!("n{n}"),
            &format!("n{}", n + 1),
            0,
        );
        if n > 0 {
            call["causationid"] = json!(format!("q{}", n - 1));
        }
        call
    });
    let failed = json!({"error": "boom"});
    let replies = (0..DEEP).rev();
    let replies = replies.map(|n| reply(&format!("q{n}"), &format!("n{}", n + 1), 1, &failed));
    server
        .append(&calls.chain(replies).collect::<Vec<_>>())
        .await;
    let shown: Value = server.get("/api/runs/1").await.ok();
    assert_eq!(requests(&shown).len() as u32, DEEP);
    let failure = &shown["failure"];
    let told = failure["chain"].as_array().unwrap().len() as u64;
    let left_out = failure["chain_left_out"].as_u64().unwrap();
    assert!(
        told <= 1_000 && told + left_out >= u64::from(DEEP),
        "{told}, {left_out}"
    );
    let url = format!("http://{}", server.addr);
    let printed = outcome(command(&["show", "1", "--server", &url])).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.stdout.lines().count() as u32 > DEEP);
}

#[tokio::test]
async fn a_view_whose_store_fails_for_a_while_goes_on() {
    let store = GatedStore::closed(memory());
    store.open();
    store.set_deaf(true);
    let server = TestServer::over(store.clone(), |_| {}).await;
    server.append(&crew(1)).await;
    let retrying = async {
        loop {
            let ready: Value = server.get("/readyz").await.ok();
            let views = ready["views"].as_array().unwrap();
            let is_retrying =
                |view: &Value| view["state"] == "retrying" && view["error"] == "store_io";
            if views.len() == 3 && views.iter().all(is_retrying) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let back = async {
        while server.get("/api/topology").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("views that are told to be retrying", retrying).await;
    server.get("/api/runs").await.problem(503, "views_retrying");
    store.set_deaf(false);
    within("views that follow again", back).await;
    let graph: Value = server.get("/api/topology").await.ok();
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 4);
    let runs: Value = server.get("/api/runs").await.ok();
    assert_eq!(runs["total"], 1);
    let ready: Value = server.get("/readyz").await.ok();
    let views = ready["views"].as_array().unwrap();
    assert!(
        views
            .iter()
            .all(|view| view["state"] == "following" && view["through"] == 6),
        "{ready}"
    );
}
