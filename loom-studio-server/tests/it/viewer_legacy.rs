//! `/ws/events` without a subprotocol: an object per event, the graph while it changes, and a gap where the reader fell behind.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{TestServer, event, event_with_data, events, now, within};
use crate::websocket::{Dial, Received, Socket};

fn is_event(frame: &Value) -> bool {
    frame["type"] == "event"
}

/// Appends events until the viewer sees one: it is subscribed a moment after the handshake. Returns the last seq.
async fn subscribed(server: &TestServer, viewer: &mut Socket) -> u64 {
    within("the first event", async {
        let mut last = 0;
        for attempt in 0.. {
            if let Ok(frame) = timeout(Duration::from_millis(50), viewer.receive_unbounded()).await
            {
                let Received::Text(frame) = frame else {
                    panic!("{frame:?}")
                };
                if is_event(&frame) && frame["data"]["studioseq"] == last {
                    break;
                }
                continue;
            }
            let appended = server.append(&[event(format!("attempt {attempt}"))]).await;
            last = appended.seqs.unwrap().1.0;
        }
        last
    })
    .await
}

#[tokio::test]
async fn new_events_come_with_what_studio_knows_and_old_ones_stay_away() {
    let server = TestServer::start().await;
    server.append(&events(1..=5)).await;
    let mut viewer = server.viewer().await;
    let first = subscribed(&server, &mut viewer).await;
    assert!(first > 5);

    let mut sent = event_with_data("7", json!({"exact": 1.0, "text": "<b>"}));
    sent["own"] = json!("extension");
    server.append(&[sent.clone()]).await;
    let frame = viewer.until("event 7", is_event).await;
    let data = frame["data"].as_object().unwrap();
    assert_eq!(data["studioseq"], first + 1);
    assert!(data["studioreceived"].as_str().unwrap().ends_with('Z'));
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(data[name], *value, "{name}");
    }
}

#[tokio::test]
async fn the_graph_comes_while_it_changes_as_the_api_shows_it() {
    let server = TestServer::start().await;
    let mut viewer = server.viewer().await;
    subscribed(&server, &mut viewer).await;
    let mut tool = event("to the tool");
    tool["subject"] = json!("/node/tool/search");
    server.append(&[tool]).await;
    let frame = viewer
        .until("a graph with three nodes", |frame| {
            frame["type"] == "topology" && frame["data"]["nodes"].as_array().unwrap().len() == 3
        })
        .await;
    assert_eq!(frame["data"], server.get("/api/topology").await.ok());
}

#[tokio::test]
async fn the_graph_comes_at_most_ten_times_a_second() {
    let server = TestServer::start().await;
    let started = now();
    let mut viewer = server.viewer().await;
    subscribed(&server, &mut viewer).await;
    let (mut graphs, mut seen) = (0, 0);
    for id in 0..60 {
        server.append(&[event(id)]).await;
        while seen <= id {
            let frame = viewer.json().await;
            graphs += u128::from(frame["type"] == "topology");
            seen += usize::from(is_event(&frame));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let elapsed = started.elapsed().as_millis();
    assert!(
        graphs <= elapsed / 100 + 1,
        "{graphs} graphs in {elapsed} ms"
    );
    assert!(graphs > 0);
}

#[tokio::test]
async fn whatever_a_viewer_sends_is_ignored() {
    let server = TestServer::start().await;
    let mut viewer = server.viewer().await;
    for _ in 0..40 {
        viewer.send_text("?").await;
        viewer.send(Message::binary(vec![0_u8; 16])).await;
        viewer
            .send_json(&json!({"type": "unsubscribe", "sub": 1}))
            .await;
    }
    subscribed(&server, &mut viewer).await;
    let frames = viewer.close().await;
    assert!(
        frames.iter().all(|frame| frame["type"] == "topology"),
        "{frames:?}"
    );
}

#[tokio::test]
async fn observations_are_no_events_of_this_protocol() {
    let server = TestServer::start().await;
    let mut viewer = server.viewer().await;
    subscribed(&server, &mut viewer).await;
    let phase = |phase: &str| {
        let mut event = event("twice");
        event["extensions"] = json!({"studio_phase": phase, "studio_timestamp": 1_767_323_045.0});
        event
    };
    server
        .append(&[phase("pre"), phase("post"), event("after")])
        .await;
    assert_eq!(
        viewer.until("the event", is_event).await["data"]["id"],
        "twice"
    );
    assert_eq!(
        viewer.until("the one after it", is_event).await["data"]["id"],
        "after"
    );
}

#[tokio::test]
async fn a_viewer_sees_its_workspace_alone() {
    let server = TestServer::start().await;
    let mut viewer = Dial::default()
        .open(server.addr, "/ws/events?workspace=team")
        .await;
    server.append(&[event("other")]).await;
    server.append_to("team", &[event("own")]).await;
    let frame = viewer.until("an event", is_event).await;
    assert_eq!(frame["data"]["id"], "own");
    server.append_to("team", &[event("own 2")]).await;
    let graph = viewer
        .until("a graph", |frame| frame["type"] == "topology")
        .await;
    assert_eq!(
        graph["data"]["nodes"][0]["events"].as_u64().unwrap().min(1),
        1
    );
    server.append(&[event("other 2")]).await;
    server.append_to("team", &[event("own 3")]).await;
    let frame = viewer
        .until("another event", |frame| {
            is_event(frame) && frame["data"]["id"] != "own 2"
        })
        .await;
    assert_eq!(frame["data"]["id"], "own 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_fell_behind_gets_a_gap_for_what_it_missed() {
    const EVENTS: usize = 12_000;
    let server = TestServer::with(|settings| settings.limits.lag_records = 500).await;
    let dial = Dial {
        receive_buffer: Some(4096),
        ..Dial::default()
    };
    let mut viewer = dial.open(server.addr, "/ws/events").await;
    let first = subscribed(&server, &mut viewer).await;
    // Nobody reads: more than any socket buffer holds is left lying.
    let filler = "x".repeat(2000);
    for batch in 0..EVENTS / 500 {
        let ids = batch * 500..(batch + 1) * 500;
        server
            .append(
                &ids.map(|id| event_with_data(id, json!(filler)))
                    .collect::<Vec<_>>(),
            )
            .await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    let last = first + EVENTS as u64;
    let (mut through, mut gaps) = (first, 0);
    while through < last {
        let frame = viewer.json().await;
        match frame["type"].as_str().unwrap() {
            "event" => {
                assert_eq!(
                    frame["data"]["studioseq"],
                    through + 1,
                    "left out without a gap"
                );
                through += 1;
            }
            "gap" => {
                let mut golden: Value =
                    serde_json::from_str(include_str!("../golden/original.viewer.gap.json"))
                        .unwrap();
                golden["data"]["from_seq"] = json!(through + 1);
                golden["data"]["to_seq"] = frame["data"]["to_seq"].clone();
                assert_eq!(frame, golden);
                through = frame["data"]["to_seq"].as_u64().unwrap();
                gaps += 1;
            }
            other => assert_eq!(other, "topology"),
        }
    }
    assert_eq!(through, last);
    assert!(gaps > 0, "24 MB can't have waited in the socket");
    // It keeps up again, so the next event comes as usual.
    server.append(&[event("next")]).await;
    assert_eq!(
        viewer.until("the next event", is_event).await["data"]["id"],
        "next"
    );
}

#[tokio::test]
async fn shutdown_closes_viewers_with_1001() {
    let server = TestServer::start().await;
    let mut viewer = server.viewer().await;
    server.begin_shutdown();
    viewer.closed_with(1001).await;
    server.ended().await;
}
