//! `/ws/events` in `loom-studio.v1`: subscriptions, columns, dictionary, the graph by its changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{TestServer, V1, event, event_with_data, events, memory, numbered, within};
use crate::viewer::{Row, View, subscribe};
use crate::websocket::{Dial, Received};

#[tokio::test]
async fn hello_tells_where_the_log_stands() {
    let server = TestServer::start().await;
    let (_, hello) = server.viewer_v1().await;
    assert_eq!(
        (&hello["first_seq"], &hello["head_seq"]),
        (&json!(0), &json!(0))
    );
    server.append(&events(1..=3)).await;
    let (_, hello) = server.viewer_v1().await;
    assert_eq!(
        (&hello["first_seq"], &hello["head_seq"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(hello["protocol"], V1);
    assert_eq!(
        hello["server"],
        concat!("loom-studio/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(hello["epoch"], server.store.epoch().to_string());
    let since_2026 = hello["now_us"].as_i64().unwrap() - 1_767_225_600_000_000;
    assert!(since_2026 > 0, "{hello}");
}

#[tokio::test]
async fn nothing_comes_before_a_subscription() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    server.append(&events(1..=3)).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The answer to this is the first frame: nothing came before it.
    socket.send_text("?").await;
    socket.frame("error").await;
}

#[tokio::test]
async fn a_subscription_begins_where_it_says() {
    let server = TestServer::start().await;
    server.append(&events(1..=100)).await;
    let epoch = server.store.epoch().to_string();
    let cases = [
        (
            json!({"sub": 1, "from": {"after_seq": 0, "epoch": epoch}}),
            0,
        ),
        (
            json!({"sub": 1, "from": {"after_seq": 97, "epoch": epoch}}),
            97,
        ),
        (
            json!({"sub": 1, "from": {"after_seq": 100, "epoch": epoch}}),
            100,
        ),
        (json!({"sub": 1, "from": {"last": 10}}), 90),
        (json!({"sub": 1, "from": {"last": 0}}), 100),
        (json!({"sub": 1, "from": {"last": 5000}}), 0),
    ];
    let (mut last, mut id) = (100, 100);
    for (frame, after) in cases {
        let after = if frame["from"]["last"].is_u64() && after > 0 {
            after + (last - 100)
        } else {
            after
        };
        let (mut socket, _) = server.viewer_v1().await;
        subscribe(&mut socket, frame.clone()).await;
        let mut view = View::new(1, after);
        if after == last {
            // Nothing comes until something is appended, and that must not overtake the subscription.
            socket.send_text("?").await;
            socket.frame("error").await;
        }
        view.reach(&mut socket, last).await;
        // Live after catch-up, without a seam.
        id += 1;
        server.append(&[event(id)]).await;
        last += 1;
        view.reach(&mut socket, last).await;
        assert_eq!(
            view.seqs(),
            (after + 1..=last).collect::<Vec<_>>(),
            "{frame}"
        );
    }
}

#[tokio::test]
async fn without_a_start_only_new_events_come() {
    let server = TestServer::start().await;
    server.append(&events(1..=10)).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(&mut socket, json!({"sub": 4})).await;
    // An unreadable frame is answered after the subscription was made, so what follows is new to it.
    socket.send_text("?").await;
    socket.frame("error").await;
    server.append(&events(11..=12)).await;
    let mut view = View::new(4, 10);
    view.reach(&mut socket, 12).await;
    assert_eq!(view.seqs(), [11, 12]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_while_appends_go_on_has_no_gap_and_no_duplicate() {
    const EVENTS: u64 = 6_000;
    let server = TestServer::start().await;
    let store = Arc::clone(&server.store);
    let epoch = store.epoch().to_string();
    let (mut producer, _) = server.ingest_v1().await;
    let producing = tokio::spawn(async move {
        for batch in 1..=EVENTS / 20 {
            let ids = ((batch - 1) * 20 + 1..=batch * 20)
                .map(event)
                .collect::<Vec<_>>();
            producer.send_json(&numbered(batch, &ids)).await;
            producer.frame("ack").await;
        }
    });
    let (mut seqs, mut through, mut connections) = (Vec::new(), 0, 0);
    while through < EVENTS {
        let (mut socket, _) = server.viewer_v1().await;
        connections += 1;
        let from = json!({"after_seq": through, "epoch": epoch});
        subscribe(
            &mut socket,
            json!({"sub": connections, "from": from, "preview": true}),
        )
        .await;
        let mut view = View::new(connections, through);
        let frames = if through + 1_500 < EVENTS {
            3
        } else {
            usize::MAX
        };
        for _ in 0..frames {
            let frame = socket.json().await;
            view.take(&frame);
            if view.through == EVENTS {
                break;
            }
        }
        assert_eq!(view.gaps, []);
        seqs.extend(view.seqs());
        through = view.through;
        // Alternately with and without a farewell.
        if connections % 2 == 0 {
            socket.close().await;
        }
    }
    within("the producer", producing).await.unwrap();
    assert_eq!(seqs, (1..=EVENTS).collect::<Vec<_>>());
    assert!(connections > 1);
}

#[tokio::test]
async fn another_epoch_is_refused_and_makes_no_subscription() {
    let server = TestServer::start().await;
    server.append(&events(1..=3)).await;
    let (mut socket, _) = server.viewer_v1().await;
    for epoch in ["00000000000000a1", "no epoch"] {
        subscribe(
            &mut socket,
            json!({"sub": 1, "from": {"after_seq": 1, "epoch": epoch}}),
        )
        .await;
        let error = socket.frame("error").await;
        assert_eq!(
            (&error["sub"], &error["code"]),
            (&json!(1), &json!("epoch_mismatch")),
            "{error}"
        );
    }
    server.append(&events(4..=5)).await;
    subscribe(&mut socket, json!({"sub": 2, "from": {"last": 1}})).await;
    let mut view = View::new(2, 4);
    view.reach(&mut socket, 5).await;
    assert_eq!(view.seqs(), [5]);
}

#[tokio::test]
async fn a_position_beyond_the_head_is_an_error() {
    let server = TestServer::start().await;
    server.append(&events(1..=3)).await;
    let epoch = server.store.epoch().to_string();
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"after_seq": 4, "epoch": epoch}}),
    )
    .await;
    let error = socket.frame("error").await;
    assert_eq!(error["sub"], 1, "{error}");
}

/// Ten events that differ in every attribute a filter can ask for.
fn varied() -> Vec<Value> {
    (1..=10)
        .map(|index| {
            let mut event = event_with_data(index, json!({"word": format!("needle{index}")}));
            event["type"] = json!(if index % 2 == 0 {
                "agent.thought"
            } else {
                "node.request"
            });
            event["source"] = json!(format!("/node/source{index}"));
            event["subject"] = json!(format!("/node/target{}", index % 3));
            event["time"] = json!(format!("2026-01-02T03:04:{index:02}Z"));
            event["studiosession"] = json!(format!("s{}", index % 2));
            event["traceparent"] = json!(format!("00-{index:032x}-b7ad6b7169203331-01"));
            event
        })
        .collect()
}

#[tokio::test]
async fn filters_choose_and_the_position_advances_without_matches() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    let cases: [(Value, &[u64]); 17] = [
        (json!({}), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (json!({"event_type": "agent.*"}), &[2, 4, 6, 8, 10]),
        (json!({"event_type": "node.request"}), &[1, 3, 5, 7, 9]),
        (json!({"event_type": "*thou*"}), &[2, 4, 6, 8, 10]),
        (json!({"event_type": "nothing"}), &[]),
        (json!({"node_id": "source3"}), &[3]),
        (json!({"node_id": "/node/target0"}), &[3, 6, 9]),
        (json!({"session_id": "s1"}), &[1, 3, 5, 7, 9]),
        (json!({"trace_id": format!("{:032x}", 7)}), &[7]),
        (json!({"q": "needle1"}), &[1, 10]),
        (
            json!({"start_time": "2026-01-02T03:04:04Z", "end_time": "2026-01-02T03:04:06Z"}),
            &[4, 5, 6],
        ),
        (json!({"start_time": "1767323049"}), &[9, 10]),
        (
            json!({"event_type": "agent.*", "node_id": "target0", "session_id": "s0"}),
            &[6],
        ),
        (
            json!({"where": "data.word = needle3 or to = target1"}),
            &[1, 3, 4, 7, 10],
        ),
        (
            json!({"where": "text contains NEEDLE1", "event_type": "agent.*"}),
            &[10],
        ),
        (json!({"where": "data.word = nothing"}), &[]),
        (json!({"where": " "}), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ];
    for (filter, expected) in cases {
        let (mut socket, _) = server.viewer_v1().await;
        subscribe(
            &mut socket,
            json!({"sub": 1, "from": {"last": 1000}, "filter": filter}),
        )
        .await;
        let mut view = View::new(1, 0);
        view.reach(&mut socket, 10).await;
        assert_eq!(view.seqs(), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_chooses_among_what_comes_later() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "filter": {"event_type": "agent.*"}}),
    )
    .await;
    socket.send_text("?").await;
    socket.frame("error").await;
    server.append(&varied()).await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 10).await;
    assert_eq!(view.seqs(), [2, 4, 6, 8, 10]);
    server.append(&events(11..=12)).await;
    view.reach(&mut socket, 12).await;
    assert_eq!(view.seqs(), [2, 4, 6, 8, 10]);
}

#[tokio::test]
async fn a_wrong_filter_is_named_and_makes_no_subscription() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    for filter in [
        json!({"start_time": "yesterday"}),
        json!({"end_time": "2026-01-02"}),
    ] {
        subscribe(&mut socket, json!({"sub": 7, "filter": filter})).await;
        let error = socket.frame("error").await;
        assert_eq!(
            (&error["sub"], &error["code"]),
            (&json!(7), &json!("invalid_filter")),
            "{error}"
        );
        let member = filter.as_object().unwrap().keys().next().unwrap();
        assert!(
            error["detail"].as_str().unwrap().contains(member.as_str()),
            "{error}"
        );
    }
    server.append(&events(1..=1)).await;
    socket.send_text("?").await;
    socket.frame("error").await;
}

#[tokio::test]
async fn rows_say_what_the_api_says() {
    let server = TestServer::start().await;
    let mut reply = event_with_data(
        "reply",
        json!({"request_id": "request", "result": {"error": "no"}}),
    );
    reply["type"] = json!("node.response");
    let mut no_target = event("no target");
    no_target.as_object_mut().unwrap().remove("subject");
    no_target["source"] = json!("node/crew/master");
    let mut request = event("request");
    request["time"] = json!("2026-01-02T03:04:05.678901Z");
    let stored = [request, reply, no_target];
    server.append(&stored).await;

    let (mut socket, _) = server.viewer_v1().await;
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 10}})).await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 3).await;
    let row = |index: usize| &view.rows[index];
    assert_eq!(
        *row(0),
        Row {
            seq: 1,
            time_us: 1_767_323_045_678_901,
            kind: "node.request".into(),
            source: "/node/a".into(),
            target: Some("/node/b".into()),
            session: "direct".into(),
            outcome: 0,
            bytes: stored[0].to_string().len() as u64,
            preview: None,
        }
    );
    assert_eq!((row(1).outcome, row(1).kind.as_str()), (2, "node.response"));
    assert_eq!(
        (row(2).target.as_deref(), row(2).source.as_str()),
        (None, "/node/crew/master")
    );
}

#[tokio::test]
async fn a_preview_is_the_beginning_of_the_data() {
    let server = TestServer::start().await;
    let long = "ü".repeat(400);
    let data = [
        json!({"task": "x"}),
        json!(long),
        json!("<script>alert(1)</script>"),
        json!([1, 2]),
        json!(7.5),
    ];
    let mut stored: Vec<Value> = data
        .iter()
        .enumerate()
        .map(|(id, data)| event_with_data(id, data.clone()))
        .collect();
    stored.push(event("without"));
    server.append(&stored).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 10}, "preview": true}),
    )
    .await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 6).await;
    for (row, data) in view.rows.iter().zip(&data) {
        let expected: String = data.to_string().chars().take(160).collect();
        assert_eq!(row.preview.as_deref(), Some(expected.as_str()));
    }
    assert_eq!(view.rows[5].preview.as_deref(), Some(""));
}

#[tokio::test]
async fn observations_have_columns_of_their_own() {
    let server = TestServer::start().await;
    let (mut producer, _) = server.ingest_v1().await;
    let mut batch = numbered(1, &events(1..=5));
    let phases = ["pre", "post", "blocked", "timeout", "raised"];
    batch["observations"] = phases
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            let at = format!("2026-01-02T03:04:05.{index:06}Z");
            json!({"source": "/node/a", "of": (index + 1).to_string(), "phase": phase, "at": at})
        })
        .collect();
    producer.send_json(&batch).await;
    assert_eq!(producer.frame("ack").await["last_seq"], 10);

    let (mut socket, _) = server.viewer_v1().await;
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 10}})).await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 10).await;
    assert_eq!(view.seqs(), [1, 2, 3, 4, 5]);
    let first_us = 1_767_323_045_000_000;
    let expected: Vec<_> = (0..5)
        .zip(first_us..)
        .map(|(index, at_us)| (index + 6, index + 1, index, at_us))
        .collect();
    assert_eq!(view.observations, expected);

    // With a filter, those of matching events alone.
    subscribe(
        &mut socket,
        json!({"sub": 2, "from": {"last": 10}, "filter": {"q": "\"id\":\"3\""}}),
    )
    .await;
    let mut view = View::new(2, 0);
    view.reach(&mut socket, 10).await;
    assert_eq!(
        (view.seqs(), view.observations.len(), view.observations[0].0),
        (vec![3], 1, 8)
    );
    subscribe(
        &mut socket,
        json!({"sub": 3, "from": {"last": 3}, "filter": {"where": "id in (1, 4)"}}),
    )
    .await;
    // The events themselves lie before its beginning.
    let mut view = View::new(3, 7);
    view.reach(&mut socket, 10).await;
    let observed: Vec<_> = view.observations.iter().map(|row| (row.0, row.1)).collect();
    assert_eq!((view.seqs(), observed), (vec![], vec![(9, 4)]));
}

#[tokio::test]
async fn a_wrong_condition_is_pointed_at_and_makes_no_subscription() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    for (condition, position, word) in [
        ("outcome = eror", 10, "ok"),
        ("\u{1f600} =", 0, ""),
        ("text contains \"\u{1f600}\" and", 22, "not"),
        ("duration > 2s", 0, ""),
    ] {
        let frame = json!({"sub": 7, "filter": {"where": condition}});
        subscribe(&mut socket, frame).await;
        let error = socket.frame("error").await;
        assert_eq!(
            (&error["sub"], &error["code"], &error["position"]),
            (&json!(7), &json!("invalid_condition"), &json!(position)),
            "{error}"
        );
        let expected = error["expected"].as_array().unwrap();
        assert!(
            word.is_empty() || expected.contains(&json!(word)),
            "{error}"
        );
        assert!(error["detail"].as_str().unwrap().ends_with('^'), "{error}");
    }
    server.append(&events(1..=1)).await;
    socket.send_text("?").await;
    socket.frame("error").await;
}

#[tokio::test]
async fn a_condition_chooses_among_what_comes_later() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "filter": {"where": "data.n matches /^1+$/"}}),
    )
    .await;
    let mut view = View::new(1, 0);
    for batch in 0..30_u64 {
        let events: Vec<Value> = (1..=100)
            .map(|n| event_with_data(batch * 100 + n, json!({"n": batch * 100 + n})))
            .collect();
        server.append(&events).await;
    }
    view.reach(&mut socket, 3000).await;
    assert_eq!(view.seqs(), [1, 11, 111, 1111]);
}

#[tokio::test]
async fn a_subscription_replaces_the_one_before_and_starts_a_new_dictionary() {
    let server = TestServer::start().await;
    server.append(&events(1..=4)).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 4}})).await;
    let mut first = View::new(1, 0);
    first.reach(&mut socket, 4).await;
    subscribe(&mut socket, json!({"sub": 2, "from": {"last": 2}})).await;
    let mut second = View::new(2, 2);
    second.reach(&mut socket, 4).await;
    assert_eq!(second.seqs(), [3, 4]);
    assert_eq!(
        second.dict, first.dict,
        "the second dictionary starts empty"
    );
    server.append(&events(5..=6)).await;
    // `take` refuses frames of the first one.
    second.reach(&mut socket, 6).await;
    assert_eq!(second.seqs(), [3, 4, 5, 6]);
}

#[tokio::test]
async fn after_unsubscribe_nothing_more_comes() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "topology": true}),
    )
    .await;
    server.append(&events(1..=2)).await;
    View::new(1, 0).reach(&mut socket, 2).await;
    socket
        .send_json(&json!({"type": "unsubscribe", "sub": 1}))
        .await;
    socket.send_text("?").await;
    socket
        .until("the answer", |frame| frame["type"] == "error")
        .await;
    server.append(&events(3..=4)).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    socket.send_text("?").await;
    // The very next frame is the answer: neither events nor a graph came between.
    socket.frame("error").await;
    subscribe(&mut socket, json!({"sub": 2, "from": {"last": 1}})).await;
    let mut view = View::new(2, 3);
    view.reach(&mut socket, 4).await;
    assert_eq!(view.seqs(), [4]);
}

#[tokio::test]
async fn the_graph_is_told_by_its_changes() {
    let server = TestServer::start().await;
    server.append(&varied()).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 0}, "topology": true}),
    )
    .await;
    let mut view = View::new(1, 10);
    while view.graph.at < 10 {
        let frame = socket.json().await;
        view.take(&frame);
    }
    assert_eq!(view.graph.frames, 1);
    assert_eq!(view.graph.nodes.len(), 13);

    let mut new = event("new");
    new["source"] = json!("/node/source1");
    new["subject"] = json!("/node/tool/new");
    server.append(&[new]).await;
    while view.graph.at < 11 {
        let frame = socket.json().await;
        if frame["type"] == "topology" && frame["at_seq"] == 11 {
            assert_eq!(frame["reset"], false);
            let ids: Vec<&str> = frame["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n["id"].as_str().unwrap())
                .collect();
            assert!(
                ids.contains(&"/node/tool/new") && ids.len() <= 2,
                "only what changed: {ids:?}"
            );
        }
        view.take(&frame);
    }
    let api = server.get("/api/topology").await.ok();
    let nodes: BTreeMap<String, Value> = api["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (n["id"].as_str().unwrap().to_owned(), n.clone()))
        .collect();
    assert_eq!(view.graph.nodes, nodes);
    let edges: Vec<&Value> = api["edges"].as_array().unwrap().iter().collect();
    let told: Vec<&Value> = view.graph.edges.values().collect();
    assert_eq!(told.len(), edges.len());
    assert!(
        told.iter().all(|edge| edges.contains(edge)),
        "{told:?}\n{edges:?}"
    );
}

#[tokio::test]
async fn an_unreadable_frame_is_answered_and_the_seventeenth_closes_with_1008() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    let unreadable = [
        Message::text("?"),
        Message::text(""),
        Message::text("[]"),
        Message::text(r#"{"sub":1}"#),
        Message::text(r#"{"type":"subscribe"}"#),
        Message::text(r#"{"type":"subscribe","sub":"one"}"#),
        Message::text(r#"{"type":"subscribe","sub":1,"from":{"last":-1}}"#),
        Message::text("[".repeat(200_000)),
    ];
    for frame in unreadable.iter().cycle().take(16) {
        socket.send(frame.clone()).await;
        let error = socket.frame("error").await;
        assert!(
            !error["code"].as_str().unwrap().is_empty()
                && !error["detail"].as_str().unwrap().is_empty()
        );
    }
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 1_000_000}})).await;
    server.append(&events(1..=1)).await;
    socket.frame("events").await;
    socket.send_text("?").await;
    loop {
        match socket.receive().await {
            Received::Text(_) => {}
            Received::Close(code, _) => {
                assert_eq!(code, 1008);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_binary_frame_is_unreadable_too() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    socket.send(Message::binary(vec![1_u8, 2, 3])).await;
    socket.frame("error").await;
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 1_000_000}})).await;
    server.append(&events(1..=1)).await;
    socket.frame("events").await;
}

#[tokio::test]
async fn frames_and_members_from_the_future_are_ignored() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    for _ in 0..20 {
        socket
            .send_json(&json!({"type": "from_the_future", "sub": 1}))
            .await;
    }
    // There is no such replay session; asking for it harms nothing.
    socket
        .send_json(&json!({"type": "unfollow_replay", "session_id": "r-1"}))
        .await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "hint": {"unknown": true}}),
    )
    .await;
    server.append(&events(1..=1)).await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 1).await;
}

#[tokio::test]
async fn a_viewer_sees_its_workspace_alone() {
    let server = TestServer::over(memory(), |_| {}).await;
    server.append(&events(1..=3)).await;
    server.append_to("team", &[event("own")]).await;
    let mut socket = Dial::protocol(V1)
        .open(server.addr, "/ws/events?workspace=team")
        .await;
    socket.frame("hello").await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 100}, "topology": true}),
    )
    .await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, 4).await;
    assert_eq!(view.seqs(), [4]);
    server.append(&events(4..=4)).await;
    server.append_to("team", &[event("own 2")]).await;
    view.reach(&mut socket, 6).await;
    assert_eq!(view.seqs(), [4, 6]);
    while view.graph.at < 6 {
        let frame = socket.json().await;
        view.take(&frame);
    }
    assert_eq!(view.graph.nodes["/node/a"]["events"], 2);
}
