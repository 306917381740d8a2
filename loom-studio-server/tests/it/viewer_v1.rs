//! `/ws/events` in `loom-studio.v1`: subscriptions, columns, gaps, windows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::MemoryStoreOptions;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    TestServer, V1, event, event_with_data, events, memory, memory_of, numbered, numbers, within,
};
use crate::websocket::{Dial, Received, Socket};

/// What one subscription has told so far, checked as it comes.
#[derive(Debug)]
struct View {
    sub: u64,
    through: u64,
    dict: Vec<String>,
    rows: Vec<Row>,
    observations: Vec<(u64, u64, u64, i64)>,
    gaps: Vec<(u64, u64, String)>,
    counters: Vec<Value>,
    graph: Graph,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    seq: u64,
    time_us: i64,
    kind: String,
    source: String,
    target: Option<String>,
    session: String,
    outcome: u64,
    bytes: u64,
    preview: Option<String>,
}

#[derive(Debug, Default)]
struct Graph {
    at: u64,
    frames: usize,
    nodes: BTreeMap<String, Value>,
    edges: BTreeMap<(String, String), Value>,
}

impl View {
    fn new(sub: u64, after: u64) -> Self {
        Self {
            sub,
            through: after,
            dict: Vec::new(),
            rows: Vec::new(),
            observations: Vec::new(),
            gaps: Vec::new(),
            counters: Vec::new(),
            graph: Graph::default(),
        }
    }

    /// Takes a frame in. Nothing may come twice, out of order, or behind what was already said.
    #[track_caller]
    fn take(&mut self, frame: &Value) {
        assert_eq!(frame["sub"], self.sub, "{frame}");
        match frame["type"].as_str().unwrap() {
            "events" => self.take_events(frame),
            "gap" => {
                let (from, to) = (
                    frame["from_seq"].as_u64().unwrap(),
                    frame["to_seq"].as_u64().unwrap(),
                );
                assert_eq!(
                    from,
                    self.through + 1,
                    "a gap begins where the view ends: {frame}"
                );
                assert!(to >= from, "{frame}");
                self.through = to;
                self.gaps
                    .push((from, to, frame["reason"].as_str().unwrap().to_owned()));
            }
            "counters" => self.counters.push(frame.clone()),
            "topology" => self.graph.take(frame),
            other => panic!("unexpected {other}: {frame}"),
        }
    }

    #[track_caller]
    fn take_events(&mut self, frame: &Value) {
        let through = frame["through_seq"].as_u64().unwrap();
        assert!(through > self.through, "from {} to {frame}", self.through);
        for text in frame["dict"].as_array().unwrap() {
            let text = text.as_str().unwrap().to_owned();
            assert!(
                !self.dict.contains(&text),
                "{text} is in the dictionary twice"
            );
            self.dict.push(text);
        }
        let cols = &frame["cols"];
        let n = frame["n"].as_u64().unwrap() as usize;
        let ours =
            |seq: u64, after: u64| assert!(seq > after && seq <= through, "{seq} in {frame}");
        let mut last = self.through;
        for row in 0..n {
            let at = |name: &str| {
                let column = cols[name].as_array().unwrap();
                assert_eq!(column.len(), n, "{name} in {frame}");
                column[row].clone()
            };
            let text = |name: &str| self.dict[at(name).as_u64().unwrap() as usize].clone();
            let seq = at("seq").as_u64().unwrap();
            ours(seq, last);
            last = seq;
            self.rows.push(Row {
                seq,
                time_us: at("time_us").as_i64().unwrap(),
                kind: text("type"),
                source: text("source"),
                target: (at("target") != json!(-1)).then(|| text("target")),
                session: text("session"),
                outcome: at("outcome").as_u64().unwrap(),
                bytes: at("bytes").as_u64().unwrap(),
                preview: cols
                    .get("preview")
                    .map(|_| at("preview").as_str().unwrap().to_owned()),
            });
        }
        let obs = &frame["obs"];
        let mut last = self.through;
        for (row, seq) in numbers(&obs["seq"]).into_iter().enumerate() {
            ours(seq, last);
            last = seq;
            let at = |name: &str| obs[name][row].as_i64().unwrap();
            self.observations
                .push((seq, at("of") as u64, at("phase") as u64, at("at_us")));
        }
        self.through = through;
    }

    fn seqs(&self) -> Vec<u64> {
        self.rows.iter().map(|row| row.seq).collect()
    }

    /// Reads until everything up to `seq` is accounted for.
    async fn reach(&mut self, socket: &mut Socket, seq: u64) {
        while self.through < seq {
            let frame = socket.json().await;
            self.take(&frame);
        }
    }
}

impl Graph {
    #[track_caller]
    fn take(&mut self, frame: &Value) {
        let at = frame["at_seq"].as_u64().unwrap();
        assert!(at >= self.at, "the graph goes back: {frame}");
        self.at = at;
        self.frames += 1;
        assert!(
            frame["reset"] == true || self.frames > 1,
            "the first graph says reset: {frame}"
        );
        if frame["reset"] == true {
            self.nodes.clear();
            self.edges.clear();
        }
        for node in frame["nodes"].as_array().unwrap() {
            self.nodes
                .insert(node["id"].as_str().unwrap().to_owned(), node.clone());
        }
        for edge in frame["edges"].as_array().unwrap() {
            let end = |name: &str| edge[name].as_str().unwrap().to_owned();
            self.edges.insert((end("from"), end("to")), edge.clone());
        }
        for id in frame["removed_nodes"].as_array().unwrap() {
            assert!(self.nodes.remove(id.as_str().unwrap()).is_some());
        }
        for pair in frame["removed_edges"].as_array().unwrap() {
            let end = |index: usize| pair[index].as_str().unwrap().to_owned();
            assert!(self.edges.remove(&(end(0), end(1))).is_some());
        }
    }
}

async fn subscribe(socket: &mut Socket, frame: Value) {
    let mut frame = frame;
    frame["type"] = json!("subscribe");
    socket.send_json(&frame).await;
}

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
    let cases: [(Value, &[u64]); 13] = [
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
    let expected: Vec<_> = (0..5)
        .map(|index| {
            (
                index + 6,
                index + 1,
                index,
                1_767_323_045_000_000 + index as i64,
            )
        })
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
async fn a_window_holds_frames_back_until_they_are_acknowledged() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "window": 2}),
    )
    .await;
    let mut view = View::new(1, 0);
    for id in 1..=2 {
        server.append(&[event(id)]).await;
        let frame = socket.frame("events").await;
        view.take(&frame);
    }
    server.append(&events(3..=4)).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    // The window is used up: the answer to this comes first.
    socket.send_text("?").await;
    socket.frame("error").await;
    socket
        .send_json(&json!({"type": "ack", "sub": 1, "through_seq": view.through}))
        .await;
    view.reach(&mut socket, 4).await;
    assert_eq!(view.seqs(), [1, 2, 3, 4]);
    assert_eq!(view.gaps, []);
}

#[tokio::test]
async fn an_acknowledged_viewer_never_stops() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "window": 1}),
    )
    .await;
    let mut view = View::new(1, 0);
    for id in 1..=30 {
        server.append(&[event(id)]).await;
        view.reach(&mut socket, id).await;
        socket
            .send_json(&json!({"type": "ack", "sub": 1, "through_seq": view.through}))
            .await;
    }
    assert_eq!(view.seqs(), (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_window_far_behind_the_head_gives_counters_and_then_one_gap() {
    let server = TestServer::with(|settings| settings.limits.lag_records = 100).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "window": 1}),
    )
    .await;
    let mut view = View::new(1, 0);
    server.append(&[event(1)]).await;
    view.reach(&mut socket, 1).await;
    // Up to the limit it only waits.
    server.append(&events(2..=101)).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    socket.send_text("?").await;
    socket.frame("error").await;

    server.append(&events(102..=300)).await;
    let counters = socket
        .until("counters at the head", |frame| {
            assert_ne!(frame["type"], "events", "{frame}");
            frame["type"] == "counters" && frame["head_seq"] == 300
        })
        .await;
    assert_eq!(
        (&counters["sub"], &counters["skipped"]),
        (&json!(1), &json!(299))
    );
    server.append(&events(301..=400)).await;
    let counters = socket
        .until("later counters", |frame| frame["head_seq"] == 400)
        .await;
    assert_eq!(counters["type"], "counters");

    socket
        .send_json(&json!({"type": "ack", "sub": 1, "through_seq": 1}))
        .await;
    while view.gaps.is_empty() {
        let frame = socket.json().await;
        view.take(&frame);
    }
    server.append(&events(401..=402)).await;
    while view.through < 402 {
        let frame = socket.json().await;
        view.take(&frame);
        socket
            .send_json(&json!({"type": "ack", "sub": 1, "through_seq": view.through}))
            .await;
    }
    assert_eq!(view.gaps, [(2, 400, "lagging".to_owned())]);
    assert_eq!(view.seqs(), [1, 401, 402]);
    assert_eq!(server.metric("loom_studio_viewer_gaps_total").await, 1);
    // What the gap names is still stored.
    assert_eq!(server.get("/api/events/300").await.status, 200);
}

#[tokio::test]
async fn counters_come_at_most_ten_times_a_second() {
    let server = TestServer::with(|settings| settings.limits.lag_records = 1).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "window": 1}),
    )
    .await;
    server.append(&[event(0)]).await;
    socket.frame("events").await;
    let started = tokio::time::Instant::now();
    for id in 1..=100 {
        server.append(&[event(id)]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    socket.send_text("?").await;
    let mut counters = 0;
    loop {
        let frame = socket.json().await;
        if frame["type"] == "error" {
            break;
        }
        assert_eq!(frame["type"], "counters", "{frame}");
        counters += 1;
    }
    let elapsed = started.elapsed().as_millis();
    assert!(
        counters <= elapsed / 100 + 1,
        "{counters} counters in {elapsed} ms"
    );
    assert!(counters > 0);
}

#[tokio::test]
async fn records_deleted_before_they_were_sent_are_a_gap_by_retention() {
    let store = memory_of(MemoryStoreOptions {
        max_records: 64,
        ..MemoryStoreOptions::default()
    });
    let server = TestServer::over(store, |_| {}).await;
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"last": 1_000_000}, "window": 1}),
    )
    .await;
    let mut view = View::new(1, 0);
    server.append(&[event(0)]).await;
    view.reach(&mut socket, 1).await;
    server.append(&events(1..=500)).await;
    socket
        .send_json(&json!({"type": "ack", "sub": 1, "through_seq": 1}))
        .await;
    while view.through < 501 {
        let frame = socket.json().await;
        view.take(&frame);
        socket
            .send_json(&json!({"type": "ack", "sub": 1, "through_seq": view.through}))
            .await;
    }
    let [(2, to, reason)] = view.gaps.as_slice() else {
        panic!("{:?}", view.gaps)
    };
    assert_eq!(reason, "retention");
    let seqs: Vec<u64> = [1].into_iter().chain(to + 1..=501).collect();
    assert_eq!(view.seqs(), seqs);
    assert!(seqs.len() <= 66);
}

#[tokio::test]
async fn a_resumption_before_the_oldest_record_is_a_gap_by_retention() {
    let store = memory_of(MemoryStoreOptions {
        max_records: 64,
        ..MemoryStoreOptions::default()
    });
    let server = TestServer::over(store, |_| {}).await;
    server.append(&events(1..=500)).await;
    let (mut socket, hello) = server.viewer_v1().await;
    let first = hello["first_seq"].as_u64().unwrap();
    assert!(first > 400, "{hello}");
    subscribe(
        &mut socket,
        json!({"sub": 1, "from": {"after_seq": 10, "epoch": hello["epoch"]}}),
    )
    .await;
    let mut view = View::new(1, 10);
    view.reach(&mut socket, 500).await;
    assert_eq!(view.gaps, [(11, first - 1, "retention".to_owned())]);
    assert_eq!(view.seqs(), (first..=500).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_never_reads_neither_stops_ingest_nor_loses_track() {
    const EVENTS: u64 = 40_000;
    let server = TestServer::with(|settings| settings.limits.lag_records = 1_000).await;
    let dial = Dial {
        receive_buffer: Some(4096),
        ..Dial::protocol(V1)
    };
    let mut idle = dial.open(server.addr, "/ws/events").await;
    idle.frame("hello").await;
    subscribe(
        &mut idle,
        json!({"sub": 1, "from": {"last": 1_000_000}, "preview": true}),
    )
    .await;
    let (mut watching, _) = server.viewer_v1().await;
    subscribe(
        &mut watching,
        json!({"sub": 1, "from": {"last": 1_000_000}}),
    )
    .await;

    // Every batch is acknowledged and reaches the viewer that reads, although the other one doesn't.
    let (mut producer, _) = server.ingest_v1().await;
    let filler = "x".repeat(300);
    let mut view = View::new(1, 0);
    for batch in 0..EVENTS / 500 {
        let ids = batch * 500 + 1..=(batch + 1) * 500;
        let events: Vec<Value> = ids.map(|id| event_with_data(id, json!(filler))).collect();
        producer.send_json(&numbered(batch + 1, &events)).await;
        assert_eq!(producer.frame("ack").await["last_seq"], (batch + 1) * 500);
        view.reach(&mut watching, (batch + 1) * 500).await;
    }
    assert_eq!((view.rows.len() as u64, view.gaps.len()), (EVENTS, 0));
    tokio::time::sleep(Duration::from_secs(1)).await;

    let mut late = View::new(1, 0);
    late.reach(&mut idle, EVENTS).await;
    assert!(
        !late.gaps.is_empty(),
        "12 MB can't have waited in the socket"
    );
    assert!(
        late.gaps.iter().all(|(_, _, reason)| reason == "lagging"),
        "{:?}",
        late.gaps
    );
    assert!(!late.counters.is_empty());
    let missing: u64 = late.gaps.iter().map(|(from, to, _)| to + 1 - from).sum();
    assert_eq!(late.rows.len() as u64 + missing, EVENTS);
    // It keeps up again.
    server.append(&[event("next")]).await;
    late.reach(&mut idle, EVENTS + 1).await;
    assert_eq!(late.rows.last().unwrap().seq, EVENTS + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_long_log_from_the_beginning_is_no_lag() {
    const EVENTS: usize = 5_000;
    let server = TestServer::with(|settings| settings.limits.lag_records = 100).await;
    for batch in 0..10 {
        server
            .append(&events(batch * 500 + 1..=(batch + 1) * 500))
            .await;
    }
    let (mut socket, _) = server.viewer_v1().await;
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": EVENTS}})).await;
    let mut view = View::new(1, 0);
    view.reach(&mut socket, EVENTS as u64).await;
    assert_eq!(view.gaps, []);
    assert_eq!(view.rows.len(), EVENTS);
}

#[tokio::test]
async fn events_come_at_most_once_in_20_ms() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.viewer_v1().await;
    let started = tokio::time::Instant::now();
    subscribe(&mut socket, json!({"sub": 1, "from": {"last": 1_000_000}})).await;
    let mut view = View::new(1, 0);
    for id in 0..200 {
        server.append(&[event(id)]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut frames = 0;
    while view.through < 200 {
        let frame = socket.frame("events").await;
        view.take(&frame);
        frames += 1;
    }
    let elapsed = started.elapsed().as_millis();
    assert!(
        frames <= elapsed / 20 + 1,
        "{frames} frames in {elapsed} ms"
    );
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
