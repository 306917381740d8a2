//! `/ws/ingest` in `loom-studio.v1`: acknowledgements, credit, compression; and the `cloudevents.json` subprotocol beside it.

use futures_util::SinkExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    PATIENCE, TestServer, V1, batch_of, event, event_with_data, events, memory, numbered, within,
};
use crate::http_client::Request;
use crate::stores::GatedStore;
use crate::websocket::{Dial, Received, Socket};

fn zstd_of(value: &Value) -> Message {
    Message::binary(zstd::encode_all(value.to_string().as_bytes(), 1).unwrap())
}

fn observation(of: &str, phase: &str) -> Value {
    json!({"source": "/node/a", "of": of, "phase": phase, "at": "2026-01-02T03:04:05.678901Z"})
}

async fn ack(socket: &mut Socket, batch: u64) -> Value {
    let ack = socket.frame("ack").await;
    assert_eq!(ack["batch"], batch, "{ack}");
    ack
}

fn codes(ack: &Value) -> Vec<(u64, String)> {
    let rejected = ack["rejected"].as_array().unwrap();
    rejected
        .iter()
        .map(|item| {
            assert!(!item["detail"].as_str().unwrap().is_empty());
            (
                item["index"].as_u64().unwrap(),
                item["code"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn rejected(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected
        .iter()
        .map(|(index, code)| (*index, (*code).to_owned()))
        .collect()
}

#[tokio::test]
async fn hello_tells_the_bounds_and_the_session() {
    let server = TestServer::with(|settings| {
        settings.limits.ingest_window_bytes = 123_456;
        settings.limits.max_frame_bytes = 234_567;
        settings.limits.max_inflated_bytes = 345_678;
        settings.limits.max_event_bytes = 45_678;
    })
    .await;
    let (mut socket, hello) = server.ingest_v1().await;
    assert_eq!(hello["protocol"], V1);
    assert_eq!(
        hello["server"],
        concat!("loom-studio/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(hello["epoch"], server.store.epoch().to_string());
    assert_eq!(hello["window_bytes"], 123_456);
    assert_eq!(hello["max_frame_bytes"], 234_567);
    assert_eq!(hello["max_inflated_bytes"], 345_678);
    assert_eq!(hello["max_event_bytes"], 45_678);
    assert_eq!(hello["encodings"], json!(["json", "zstd"]));

    let session = hello["session"].as_str().unwrap().to_owned();
    let digits = session.strip_prefix("c-").unwrap();
    assert!(
        digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{session}"
    );
    let (_, other) = server.ingest_v1().await;
    assert_ne!(
        other["session"], session,
        "each connection is a session of its own"
    );

    socket.send_json(&numbered(1, &[event("mine")])).await;
    ack(&mut socket, 1).await;
    let page = server
        .get(&format!("/api/events?session_id={session}"))
        .await
        .ok();
    assert_eq!(page["total"], 1);
}

#[tokio::test]
async fn acks_span_what_a_batch_added() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    let mut first = numbered(1, &[event("1"), event("2")]);
    first["observations"] = json!([observation("1", "post")]);
    socket.send_json(&first).await;
    assert_eq!(
        socket.json().await,
        json!({"type": "ack", "batch": 1, "first_seq": 1, "last_seq": 3, "duplicates": 0, "rejected": []})
    );
    // Numbers must increase, not follow one another.
    socket.send_json(&numbered(70, &[])).await;
    assert_eq!(
        socket.json().await,
        json!({"type": "ack", "batch": 70, "first_seq": null, "last_seq": null, "duplicates": 0, "rejected": []})
    );
    socket.send_json(&numbered(71, &[event("3")])).await;
    let third = ack(&mut socket, 71).await;
    assert_eq!(
        (&third["first_seq"], &third["last_seq"]),
        (&json!(4), &json!(4))
    );
}

#[tokio::test]
async fn an_acknowledged_batch_can_be_read_at_once() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    for batch in 1..=20 {
        socket.send_json(&numbered(batch, &[event(batch)])).await;
        ack(&mut socket, batch).await;
        let page = server.get("/api/events?limit=1").await.ok();
        assert_eq!(page["total"], batch);
    }
}

#[tokio::test]
async fn a_resend_after_a_reconnect_is_counted_as_duplicates() {
    let server = TestServer::start().await;
    let mut batch = numbered(1, &[event("1"), event("2")]);
    batch["observations"] = json!([observation("1", "post"), observation("2", "raised")]);
    let (mut socket, _) = server.ingest_v1().await;
    socket.send_json(&batch).await;
    assert_eq!(ack(&mut socket, 1).await["last_seq"], 4);
    socket.kill();

    let (mut socket, _) = server.ingest_v1().await;
    socket.send_json(&batch).await;
    assert_eq!(
        socket.json().await,
        json!({"type": "ack", "batch": 1, "first_seq": null, "last_seq": null, "duplicates": 4, "rejected": []})
    );
    // A resend that brings something new stores just that.
    batch["batch"] = json!(2);
    batch["events"].as_array_mut().unwrap().push(event("3"));
    socket.send_json(&batch).await;
    assert_eq!(
        socket.json().await,
        json!({"type": "ack", "batch": 2, "first_seq": 5, "last_seq": 5, "duplicates": 4, "rejected": []})
    );
}

#[tokio::test]
async fn rejected_entries_have_their_index_and_code() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    let without = |member: &str| {
        let mut event = event("x");
        event.as_object_mut().unwrap().remove(member);
        event
    };
    let mut old = event("old");
    old["specversion"] = json!("0.3");
    let huge = event_with_data("huge", json!("x".repeat(2 << 20)));
    let deep = (0..80).fold(json!(1), |inner, _| json!([inner]));
    let mut batch = numbered(
        1,
        &[
            event("good"),
            without("id"),
            without("source"),
            without("type"),
            old,
            json!("text"),
            huge,
            event_with_data("deep", deep),
            event("good too"),
        ],
    );
    batch["observations"] = json!([
        observation("good", "post"),
        observation("never seen", "post"),
        observation("good", "afterwards"),
        observation("good too", "pre"),
    ]);
    socket.send_json(&batch).await;
    let ack = ack(&mut socket, 1).await;
    assert_eq!(
        codes(&ack),
        rejected(&[
            (1, "missing_id"),
            (2, "missing_source"),
            (3, "missing_type"),
            (4, "unsupported_specversion"),
            (5, "not_an_object"),
            (6, "too_large"),
            (7, "too_deep"),
            (10, "unknown_event"),
            (11, "invalid_observation"),
        ])
    );
    assert_eq!(
        (&ack["first_seq"], &ack["last_seq"]),
        (&json!(1), &json!(4))
    );
}

#[tokio::test]
async fn words_that_are_no_json_spoil_only_their_entry() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    let bad = |id: &str, data: &str| {
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"/a","type":"t","data":{data}}}"#)
    };
    let entries = [
        event("1").to_string(),
        bad("2", r#"{"x":NaN}"#),
        bad("3", "[-Infinity]"),
        event("4").to_string(),
        bad("5", "[".repeat(200_000).as_str()) + &"]".repeat(200_000),
        event("6").to_string(),
    ];
    socket
        .send_text(format!(
            r#"{{"type":"event_batch","batch":9,"events":[{}]}}"#,
            entries.join(",")
        ))
        .await;
    let answer = socket.json().await;
    assert_eq!(answer["type"], "ack", "{answer}");
    let found = codes(&answer);
    assert_eq!(
        found.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [1, 2, 4]
    );
    assert_eq!(found[0].1, "invalid_json");
    assert_eq!(found[1].1, "invalid_json");
    assert_eq!(server.event_ids(3).await, ["1", "4", "6"]);
}

#[tokio::test]
async fn a_binary_frame_is_zstd_of_the_same_json() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    socket.send(zstd_of(&numbered(1, &events(1..=500)))).await;
    let ack = ack(&mut socket, 1).await;
    assert_eq!(
        (&ack["first_seq"], &ack["last_seq"]),
        (&json!(1), &json!(500))
    );

    // A streaming encoder doesn't know the size beforehand and leaves it out.
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_contentsize(false).unwrap();
    std::io::Write::write_all(
        &mut encoder,
        numbered(2, &[event("streamed")]).to_string().as_bytes(),
    )
    .unwrap();
    socket
        .send(Message::binary(encoder.finish().unwrap()))
        .await;
    assert_eq!(socket.frame("ack").await["last_seq"], 501);
    socket.send_json(&numbered(3, &[event("text")])).await;
    assert_eq!(socket.frame("ack").await["last_seq"], 502);
}

/// So many zero bytes, compressed; with the size in the header or without.
fn bomb(bytes: usize, tells_size: bool) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_contentsize(tells_size).unwrap();
    if tells_size {
        encoder.set_pledged_src_size(Some(bytes as u64)).unwrap();
    }
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_inflates_above_the_limit_is_closed_with_1009() {
    let server = TestServer::with(|settings| settings.limits.max_inflated_bytes = 2 << 20).await;
    for tells_size in [true, false] {
        let (mut socket, _) = server.ingest_v1().await;
        socket
            .send(Message::binary(bomb(256 << 20, tells_size)))
            .await;
        socket.closed_with(1009).await;
    }
    // Up to the limit a frame is read, whatever it shrank to on the wire.
    let (mut socket, _) = server.ingest_v1().await;
    let mut frame = numbered(1, &[event("fits")]).to_string();
    frame.push_str(&" ".repeat((2 << 20) - frame.len()));
    socket
        .send(Message::binary(
            zstd::encode_all(frame.as_bytes(), 1).unwrap(),
        ))
        .await;
    ack(&mut socket, 1).await;
    frame.push(' ');
    socket
        .send(Message::binary(
            zstd::encode_all(frame.as_bytes(), 1).unwrap(),
        ))
        .await;
    socket.closed_with(1009).await;
    assert_eq!(server.event_ids(1).await, ["fits"]);
}

#[tokio::test]
async fn an_oversize_frame_is_closed_with_1009() {
    let server = TestServer::with(|settings| settings.limits.max_frame_bytes = 4096).await;
    let (mut socket, _) = server.ingest_v1().await;
    let _ = socket.try_send(Message::text(" ".repeat(4097))).await;
    socket.closed_with(1009).await;
}

#[tokio::test]
async fn an_unreadable_frame_is_answered_and_the_connection_stays() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    let cases = [
        (Message::text("hello"), json!(null)),
        (Message::text(""), json!(null)),
        (Message::text("[1]"), json!(null)),
        (Message::text(r#"{"batch":3}"#), json!(3)),
        (
            Message::text(r#"{"type":"event_batch","batch":4,"events":{}}"#),
            json!(4),
        ),
        (
            Message::text(r#"{"type":"event_batch","events":[]}"#),
            json!(null),
        ),
        (
            Message::text(r#"{"type":"event_batch","batch":-1,"events":[]}"#),
            json!(null),
        ),
        (Message::text("[".repeat(200_000)), json!(null)),
        (Message::binary("not zstd".as_bytes()), json!(null)),
        (Message::binary(Vec::new()), json!(null)),
        (
            Message::binary(zstd::encode_all("no json".as_bytes(), 1).unwrap()),
            json!(null),
        ),
    ];
    for (frame, batch) in cases {
        let shown = frame.to_text().map_or_else(
            |_| "binary".to_owned(),
            |text| text.chars().take(60).collect(),
        );
        socket.send(frame).await;
        let error = socket.frame("error").await;
        assert_eq!(error["batch"], batch, "{shown}: {error}");
        assert!(!error["code"].as_str().unwrap().is_empty(), "{error}");
        let detail = error["detail"].as_str().unwrap();
        assert!(!detail.is_empty() && detail.len() < 500, "{shown}: {error}");
    }
    socket.send_json(&numbered(9, &[event("after")])).await;
    ack(&mut socket, 9).await;
    assert_eq!(server.event_ids(1).await, ["after"]);
}

#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    // More than the number of errors that would close the connection.
    for _ in 0..20 {
        socket
            .send_json(&json!({"type": "from_the_future", "batch": 1}))
            .await;
    }
    let mut batch = numbered(1, &[event("1")]);
    batch["hint"] = json!({"unknown": [1, 2]});
    socket.send_json(&batch).await;
    ack(&mut socket, 1).await;
}

#[tokio::test]
async fn the_seventeenth_unreadable_frame_closes_with_1008() {
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    for _ in 0..16 {
        socket.send_text("?").await;
        socket.frame("error").await;
    }
    socket.send_json(&numbered(1, &[event("still open")])).await;
    ack(&mut socket, 1).await;
    socket.send_text("?").await;
    socket.closed_with(1008).await;
}

#[tokio::test]
async fn pipelined_batches_are_acknowledged_in_their_order() {
    const BATCHES: usize = 300;
    let server = TestServer::start().await;
    let (mut socket, _) = server.ingest_v1().await;
    for batch in 1..=BATCHES {
        // Large and small, text and binary in turn, so that a later one could overtake.
        let size = if batch % 7 == 0 { 200 } else { 1 };
        let events: Vec<Value> = (0..size)
            .map(|index| event(format!("{batch}/{index}")))
            .collect();
        let frame = numbered(batch as u64, &events);
        if batch % 2 == 0 {
            socket.send(zstd_of(&frame)).await;
        } else {
            socket.send_json(&frame).await;
        }
    }
    let mut last = 0;
    for batch in 1..=BATCHES {
        let ack = ack(&mut socket, batch as u64).await;
        assert_eq!(ack["first_seq"], last + 1);
        last = ack["last_seq"].as_u64().unwrap();
    }
    let ids = server.event_ids(last as usize).await;
    let batches: Vec<usize> = ids
        .iter()
        .map(|id| id.split('/').next().unwrap().parse().unwrap())
        .collect();
    assert!(batches.is_sorted());
}

#[tokio::test]
async fn a_refused_batch_may_be_sent_again_as_it_is() {
    let store = GatedStore::full(memory());
    let server = TestServer::over(store.clone(), |_| {}).await;
    let (mut socket, _) = server.ingest_v1().await;
    let batch = numbered(3, &[event("kept by the client")]);
    for _ in 0..2 {
        socket.send_json(&batch).await;
        let nack = socket.frame("nack").await;
        assert_eq!(
            (&nack["batch"], &nack["code"]),
            (&json!(3), &json!("store_full")),
            "{nack}"
        );
        assert!(nack["retry_after_ms"].as_u64().unwrap() > 0);
        assert!(!nack["detail"].as_str().unwrap().is_empty());
    }
    store.set_full(false);
    socket.send_json(&batch).await;
    assert_eq!(ack(&mut socket, 3).await["first_seq"], 1);
}

/// Why the store failed is for the log: its text may say where the files are.
#[tokio::test]
async fn a_nack_names_no_path() {
    let store = GatedStore::broken(memory());
    let server = TestServer::over(store, |_| {}).await;
    let (mut socket, _) = server.ingest_v1().await;
    socket.send_json(&numbered(3, &[event("e")])).await;
    let nack = socket.frame("nack").await;
    assert_eq!(nack["code"], "store_io", "{nack}");
    let detail = nack["detail"].as_str().unwrap();
    assert!(!detail.is_empty() && !detail.contains('/'), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_ignores_the_window_meets_back_pressure_and_loses_nothing() {
    const WINDOW: usize = 128 << 10;
    const FRAMES: usize = 2048;
    let store = GatedStore::closed(memory());
    let server = TestServer::over(store.clone(), |settings| {
        settings.limits.ingest_window_bytes = WINDOW;
    })
    .await;
    let (socket, hello) = server.ingest_v1().await;
    assert_eq!(hello["window_bytes"], WINDOW);
    let frame = |batch: usize| {
        numbered(
            batch as u64,
            &[event_with_data(batch, json!("x".repeat(32 << 10)))],
        )
        .to_string()
    };
    let frame_bytes = frame(FRAMES).len();

    let sent = Arc::new(AtomicUsize::new(0));
    let (mut sink, mut stream) = socket.split();
    let sending = tokio::spawn({
        let sent = Arc::clone(&sent);
        async move {
            for batch in 1..=FRAMES {
                sink.send(Message::text(frame(batch))).await.unwrap();
                sent.store(batch, Ordering::SeqCst);
            }
            sink
        }
    });
    // Blocked means: a whole second without a frame getting out. A server that only is slow goes on within it.
    let blocked = async {
        loop {
            let before = sent.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if sent.load(Ordering::SeqCst) == before {
                return before;
            }
        }
    };
    let before = within("the socket to fill", blocked).await;
    assert!(
        before < FRAMES,
        "64 MiB were taken from a client whose window is 128 KiB"
    );
    assert!(
        store.waiting_bytes() <= WINDOW + frame_bytes,
        "{} bytes wait at the store",
        store.waiting_bytes()
    );

    store.open();
    for batch in 1..=FRAMES {
        match stream.receive().await {
            Received::Text(ack) => assert_eq!(
                (&ack["type"], &ack["batch"]),
                (&json!("ack"), &json!(batch)),
                "{ack}"
            ),
            other => panic!("expected the ack of {batch}, got {other:?}"),
        }
    }
    drop(within("the sender", sending).await.unwrap());
    assert_eq!(server.store.stats().await.unwrap().events, FRAMES as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_wait_for_the_store_are_bounded_by_what_they_inflate_to() {
    const LIMIT: usize = 1 << 20;
    const FRAMES: u64 = 200;
    let store = GatedStore::closed(memory());
    let server = TestServer::over(store.clone(), |settings| {
        settings.limits.max_inflated_bytes = LIMIT;
    })
    .await;
    let (mut socket, hello) = server.ingest_v1().await;
    let frame = |batch: u64| {
        let data = json!("x".repeat(256 << 10));
        zstd_of(&numbered(batch, &[event_with_data(batch, data)]))
    };
    // All of them together stay far within the window, which counts bytes on the wire.
    assert!(frame(FRAMES).len() as u64 * FRAMES < hello["window_bytes"].as_u64().unwrap());
    for batch in 1..=FRAMES {
        socket.send(frame(batch)).await;
    }
    store.entered(4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = store.waiting_bytes();
    assert!(waiting <= 2 * LIMIT, "{waiting} bytes wait at the store");
    store.open();
    for batch in 1..=FRAMES {
        ack(&mut socket, batch).await;
    }
}

#[tokio::test]
async fn one_frame_larger_than_the_window_may_be_sent_alone() {
    let server = TestServer::with(|settings| settings.limits.ingest_window_bytes = 4096).await;
    let (mut socket, _) = server.ingest_v1().await;
    for batch in 1..=3 {
        socket
            .send_json(&numbered(
                batch,
                &[event_with_data(batch, json!("x".repeat(64 << 10)))],
            ))
            .await;
        ack(&mut socket, batch).await;
    }
}

#[tokio::test]
async fn shutdown_acknowledges_what_was_read_and_closes_with_1001() {
    let store = GatedStore::closed(memory());
    let server = TestServer::over(store.clone(), |_| {}).await;
    let (mut socket, _) = server.ingest_v1().await;
    socket.send_json(&numbered(1, &[event("in flight")])).await;
    store.entered(1).await;
    server.begin_shutdown();
    // The append is still on its way: neither the ack nor the close may come before it.
    let early = tokio::time::timeout(Duration::from_millis(200), socket.receive_unbounded()).await;
    assert!(early.is_err(), "{early:?}");
    store.open();
    ack(&mut socket, 1).await;
    assert!(socket.closed_with(1001).await.is_empty());
    let store = Arc::clone(&server.store);
    server.ended().await;
    assert_eq!(store.stats().await.unwrap().events, 1);
}

#[tokio::test]
async fn workspaces_of_a_connection_hold_for_all_its_events() {
    let server = TestServer::start().await;
    let mut socket = Dial::protocol(V1)
        .open(server.addr, "/ws/ingest?workspace=team")
        .await;
    socket.frame("hello").await;
    socket.send_json(&numbered(1, &[event("1")])).await;
    assert_eq!(ack(&mut socket, 1).await["first_seq"], 1);
    assert_eq!(
        server.get("/api/events?workspace=team").await.ok()["total"],
        1
    );
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn cloudevents_json_takes_one_event_per_frame_in_silence() {
    let server = TestServer::start().await;
    let handshake = Request::upgrade("/ws/ingest", "cloudevents.json")
        .send(server.addr)
        .await;
    assert_eq!(
        handshake.header("sec-websocket-protocol"),
        Some("cloudevents.json")
    );

    let mut socket = Dial::protocol("cloudevents.json")
        .open(server.addr, "/ws/ingest")
        .await;
    socket.send_json(&event("1")).await;
    // Each of these is no event; the connection bears any number of them.
    for text in ["?", "[]", "{}", r#"{"type":"event_batch","events":[]}"#]
        .iter()
        .cycle()
        .take(40)
    {
        socket.send_text(*text).await;
    }
    socket.send_json(&batch_of(&[event("in a batch")])).await;
    socket.send_json(&event("2")).await;
    assert_eq!(server.event_ids(2).await, ["1", "2"]);
    socket
        .send(Message::binary(event("3").to_string().into_bytes()))
        .await;
    assert!(socket.closed_with(1003).await.is_empty());
}

#[tokio::test]
async fn an_unknown_subprotocol_is_told_the_known_ones() {
    let server = TestServer::start().await;
    let refused = Request::upgrade("/ws/ingest", "mqtt, loom-studio.v9")
        .send(server.addr)
        .await;
    let detail = refused.problem(400, "unknown_subprotocol");
    assert!(
        detail.contains(V1) && detail.contains("cloudevents.json"),
        "{detail}"
    );

    let refused = Request::upgrade("/ws/events", "cloudevents.json")
        .send(server.addr)
        .await;
    let detail = refused.problem(400, "unknown_subprotocol");
    assert!(
        detail.contains(V1) && !detail.contains("cloudevents.json"),
        "{detail}"
    );
}

#[tokio::test]
async fn of_several_subprotocols_the_first_known_one_is_taken() {
    let server = TestServer::start().await;
    for (offered, taken) in [
        ("mqtt, cloudevents.json, loom-studio.v1", "cloudevents.json"),
        ("loom-studio.v1,cloudevents.json", V1),
        ("mqtt ,\tloom-studio.v1", V1),
    ] {
        let answer = Request::upgrade("/ws/ingest", offered)
            .send(server.addr)
            .await;
        assert_eq!(answer.status, 101, "{offered}: {}", answer.text());
        assert_eq!(
            answer.header("sec-websocket-protocol"),
            Some(taken),
            "{offered}"
        );
    }
    // A list may also be spread over several header lines.
    let answer = Request::upgrade("/ws/ingest", "mqtt")
        .header("sec-websocket-protocol", V1)
        .send(server.addr)
        .await;
    assert_eq!(answer.header("sec-websocket-protocol"), Some(V1));
}

#[tokio::test]
async fn many_producers_lose_and_double_nothing() {
    const PRODUCERS: usize = 12;
    const BATCHES: usize = 25;
    const EVENTS: usize = 20;
    let server = TestServer::start().await;
    let addr = server.addr;
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            tokio::spawn(async move {
                let mut socket = Dial::protocol(V1).open(addr, "/ws/ingest").await;
                socket.frame("hello").await;
                for batch in 1..=BATCHES {
                    let ids = (0..EVENTS).map(|index| event(format!("{producer}/{batch}/{index}")));
                    socket
                        .send_json(&numbered(batch as u64, &ids.collect::<Vec<_>>()))
                        .await;
                }
                let mut stored = 0;
                for batch in 1..=BATCHES {
                    let ack = ack(&mut socket, batch as u64).await;
                    stored +=
                        ack["last_seq"].as_u64().unwrap() + 1 - ack["first_seq"].as_u64().unwrap();
                }
                stored
            })
        })
        .collect();
    let mut stored = 0;
    for producer in producers {
        stored += tokio::time::timeout(PATIENCE, producer)
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(stored as usize, PRODUCERS * BATCHES * EVENTS);
    let mut ids = server.event_ids(stored as usize).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len() as u64, stored);
}
