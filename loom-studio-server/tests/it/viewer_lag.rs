//! `/ws/events` in `loom-studio.v1` where the viewer is slower than the log: windows, counters, gaps, pace.

use std::time::Duration;

use loom_studio_core::MemoryStoreOptions;
use serde_json::{Value, json};

use crate::harness::{TestServer, V1, event, event_with_data, events, memory_of, now, numbered};
use crate::viewer::{View, subscribe};
use crate::websocket::Dial;

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
    let started = now();
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
    let started = now();
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
