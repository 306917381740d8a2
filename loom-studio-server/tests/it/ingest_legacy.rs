//! `/ws/ingest` as shipped Loom clients speak it: nothing comes back, and the connection survives what it safely can.

use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::harness::{TestServer, batch_of, event, event_with_data, events, memory, within};
use crate::http_client::{Request, Response};
use crate::stores::GatedStore;
use crate::websocket::{Dial, Received};

/// A batch whose events are given as text, JSON or not.
fn raw_batch(events: &[&str]) -> String {
    format!(
        r#"{{"type":"event_batch","events":[{}]}}"#,
        events.join(",")
    )
}

#[tokio::test]
async fn a_batch_is_stored_and_nothing_is_answered() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    socket.send_json(&batch_of(&events(1..=3))).await;
    assert_eq!(server.event_ids(3).await, ["1", "2", "3"]);
    assert_eq!(socket.close().await, [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn a_bad_event_is_rejected_alone() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let bad = [
        json!({"specversion": "1.0", "id": "", "source": "/a", "type": "t"}),
        json!(7),
        json!(null),
        json!([]),
    ];
    let mut all = vec![event("first")];
    all.extend(bad);
    all.push(event("last"));
    socket.send_json(&batch_of(&all)).await;
    assert_eq!(server.event_ids(2).await, ["first", "last"]);

    let metrics = server.get("/metrics").await.text();
    assert!(
        metrics.contains(r#"loom_studio_rejected_total{code="missing_id"} 1"#),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"loom_studio_rejected_total{code="not_an_object"} 3"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_is_no_batch_is_counted_and_the_connection_stays() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    // More of them than the versioned protocol would bear.
    let frames = [
        "hello",
        "",
        "[]",
        "7",
        "{}",
        r#"{"type":"event_batch"}"#,
        r#"{"type":"event_batch","events":5}"#,
    ];
    for text in frames.iter().cycle().take(35) {
        socket.send_text(*text).await;
    }
    socket.send_json(&batch_of(&[event("after")])).await;
    assert_eq!(server.event_ids(1).await, ["after"]);
    assert_eq!(
        server.metric("loom_studio_unreadable_frames_total").await,
        35
    );
}

#[tokio::test]
async fn a_binary_frame_is_closed_with_1003() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    socket.send_json(&batch_of(&[event("before")])).await;
    socket
        .send(Message::binary(
            batch_of(&[event("binary")]).to_string().into_bytes(),
        ))
        .await;
    assert!(socket.closed_with(1003).await.is_empty());
    assert_eq!(server.event_ids(1).await, ["before"]);
}

#[tokio::test]
async fn an_oversize_frame_is_closed_with_1009() {
    let server = TestServer::with(|settings| settings.limits.max_frame_bytes = 4096).await;
    let fits = batch_of(&[event_with_data("fits", json!("x".repeat(3800)))]).to_string();
    assert!(fits.len() <= 4096);
    let mut socket = server.ingest().await;
    socket.send_text(fits).await;
    assert_eq!(server.event_ids(1).await, ["fits"]);
    let _ = socket.try_send(Message::text(" ".repeat(4097))).await;
    assert!(socket.closed_with(1009).await.is_empty());
}

#[tokio::test]
async fn fragments_together_above_the_limit_are_closed_with_1009() {
    let server = TestServer::with(|settings| settings.limits.max_frame_bytes = 4096).await;
    let mut socket = server.ingest().await;
    let fragment = |opcode| {
        Message::Frame(Frame::message(
            vec![b' '; 1500],
            OpCode::Data(opcode),
            false,
        ))
    };
    let _ = socket.try_send(fragment(Data::Text)).await;
    let _ = socket.try_send(fragment(Data::Continue)).await;
    let _ = socket.try_send(fragment(Data::Continue)).await;
    assert!(socket.closed_with(1009).await.is_empty());
}

#[tokio::test]
async fn a_fragmented_batch_is_one_batch() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let text = batch_of(&[event_with_data("é", json!("ü"))])
        .to_string()
        .into_bytes();
    // Cut within a character: only the whole message has to be UTF-8.
    let cut = text.iter().position(|byte| *byte >= 0x80).unwrap() + 1;
    let fragment = |bytes: &[u8], opcode, last| {
        Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(opcode), last))
    };
    socket.send(fragment(&text[..cut], Data::Text, false)).await;
    socket.send(Message::Ping("between".into())).await;
    socket
        .send(fragment(&text[cut..], Data::Continue, true))
        .await;
    assert_eq!(server.event_ids(1).await, ["é"]);
}

#[tokio::test]
async fn an_event_of_2_mib_is_rejected_among_good_ones() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let huge = event_with_data("huge", json!("x".repeat(2 << 20)));
    socket
        .send_json(&batch_of(&[event("before"), huge, event("after")]))
        .await;
    socket.send_json(&batch_of(&[event("next batch")])).await;
    assert_eq!(server.event_ids(3).await, ["before", "after", "next batch"]);
    let metrics = server.get("/metrics").await.text();
    assert!(
        metrics.contains(r#"loom_studio_rejected_total{code="too_large"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn nested_brackets_by_the_hundred_thousand_do_no_harm() {
    const DEPTH: usize = 200_000;
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let deep = format!(
        r#"{{"specversion":"1.0","id":"deep","source":"/a","type":"t","data":{}1{}}}"#,
        "[".repeat(DEPTH),
        "]".repeat(DEPTH)
    );
    let [before, after] = ["before", "after"].map(|id| event(id).to_string());
    socket.send_text(raw_batch(&[&before, &deep, &after])).await;
    assert_eq!(server.event_ids(2).await, ["before", "after"]);

    let no_batches = [
        "[".repeat(DEPTH),
        r#"{"a":"#.repeat(DEPTH),
        format!(r#"{{"type":"event_batch","events":[{}"#, "[".repeat(DEPTH)),
        format!(
            r#"{{"type":"event_batch","other":{}1{},"events":7}}"#,
            "[".repeat(DEPTH),
            "]".repeat(DEPTH)
        ),
    ];
    for frame in no_batches {
        socket.send_text(frame).await;
    }
    socket.send_json(&batch_of(&[event("next batch")])).await;
    assert_eq!(server.event_ids(3).await, ["before", "after", "next batch"]);
}

#[tokio::test]
async fn not_a_number_spoils_only_its_event() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    // Python's `json.dumps` writes these, although JSON has no such words.
    let bad = ["NaN", "Infinity", "-Infinity"].map(|word| {
        format!(r#"{{"specversion":"1.0","id":"{word}","source":"/a","type":"t","data":{{"x":{word}}}}}"#)
    });
    let good = ["1", "2"].map(|id| event(id).to_string());
    socket
        .send_text(raw_batch(&[&good[0], &bad[0], &bad[1], &bad[2], &good[1]]))
        .await;
    socket.send_json(&batch_of(&[event("3")])).await;
    assert_eq!(server.event_ids(3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn offered_compression_is_declined_and_the_connection_works() {
    let server = TestServer::start().await;
    let request = Request::upgrade("/ws/ingest", "").header(
        "sec-websocket-extensions",
        "permessage-deflate; client_max_window_bits",
    );
    let response: Response = request.send(server.addr).await;
    assert_eq!(response.status, 101, "{}", response.text());
    assert_eq!(response.header("sec-websocket-extensions"), None);
    assert_eq!(response.header("sec-websocket-protocol"), None);

    let dial = Dial {
        headers: vec![(
            "sec-websocket-extensions".to_owned(),
            "permessage-deflate".to_owned(),
        )],
        ..Default::default()
    };
    let mut socket = dial.open(server.addr, "/ws/ingest").await;
    socket.send_json(&batch_of(&[event("plain")])).await;
    assert_eq!(server.event_ids(1).await, ["plain"]);
}

#[tokio::test]
async fn a_store_that_lags_beyond_the_bound_is_told_with_1013() {
    let store = GatedStore::closed(memory());
    let bound = 256 << 10;
    let server = TestServer::over(store.clone(), |settings| {
        settings.limits.legacy_backlog_bytes = bound;
    })
    .await;
    let mut socket = server.ingest().await;
    let frame =
        |id: usize| batch_of(&[event_with_data(id, json!("x".repeat(16 << 10)))]).to_string();
    // Within the bound nothing happens, however long the store takes.
    for id in 0..8 {
        socket.send_text(frame(id)).await;
    }
    store.entered(1).await;
    let (mut sink, mut incoming) = socket.split();
    let flood = async {
        for id in 8.. {
            // Once the server has closed there is nothing more to send to.
            if sink.send(Message::text(frame(id))).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = flood => unreachable!(),
        received = incoming.receive() => {
            assert!(matches!(received, Received::Close(1013, _)), "{received:?}");
        }
    }
    assert!(store.waiting_bytes() <= bound, "{}", store.waiting_bytes());
    assert_eq!(server.metric("loom_studio_legacy_overflows_total").await, 1);

    // What was read before the close is not thrown away.
    store.open();
    let ids = server.event_ids(8).await;
    assert_eq!(ids[..8], ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn a_refused_batch_is_counted_and_the_connection_stays() {
    let store = GatedStore::full(memory());
    let server = TestServer::over(store.clone(), |_| {}).await;
    let mut socket = server.ingest().await;
    socket.send_json(&batch_of(&[event("refused")])).await;
    store.entered(1).await;
    within("the refusal", async {
        while server.metric("loom_studio_refused_batches_total").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    store.set_full(false);
    socket.send_json(&batch_of(&[event("taken")])).await;
    assert_eq!(server.event_ids(1).await, ["taken"]);
}

#[tokio::test]
async fn the_second_phase_of_an_event_is_an_observation() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let phase = |phase: &str, at: f64| {
        let mut event = event("twice");
        event["extensions"] = json!({"studio_phase": phase, "studio_timestamp": at});
        event
    };
    socket
        .send_json(&batch_of(&[
            phase("pre", 1_767_323_045.0),
            phase("post", 1_767_323_045.5),
        ]))
        .await;
    assert_eq!(server.records(2).await.len(), 2);
    let page = server.get("/api/events").await.ok();
    assert_eq!(page["total"], 1);
    assert_eq!(page["head_seq"], 2);
    assert_eq!(
        page["events"][0]["studiodispatched"],
        "2026-01-02T03:04:05.000000Z"
    );
    assert_eq!(
        page["events"][0]["studiopublished"],
        "2026-01-02T03:04:05.500000Z"
    );
}

#[tokio::test]
async fn one_connection_is_one_session_until_it_closes() {
    let server = TestServer::start().await;
    let mut socket = server.ingest().await;
    let mut named = event("named");
    named["studiosession"] = json!("run-7");
    socket.send_json(&batch_of(&[event("1"), named])).await;
    socket.send_json(&batch_of(&[event("2")])).await;
    server.records(3).await;

    let sessions = server.get("/api/sessions").await.ok();
    let of = |id: &str| {
        sessions["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|session| session["id"] == id)
            .cloned()
    };
    assert_eq!(of("run-7").expect("the named session")["events"], 1);
    let own = server.get("/api/events").await.ok();
    assert_eq!(own["total"], 3);
    let session = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["id"] != "run-7")
        .unwrap();
    assert_eq!(
        (&session["events"], &session["status"]),
        (&json!(2), &json!("connected"))
    );
    let id = session["id"].as_str().unwrap().to_owned();
    let found = server
        .get(&format!("/api/events?session_id={id}"))
        .await
        .ok();
    assert_eq!(found["total"], 2);

    socket.kill();
    within("the end of the session", async {
        loop {
            let now = server.get("/api/sessions").await.ok();
            let mut all = now["sessions"].as_array().unwrap().iter();
            if all
                .any(|session| session["id"] == id.as_str() && session["status"] == "disconnected")
            {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}
