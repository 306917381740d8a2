//! What one peer may cost: connections, bodies, time.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{TestServer, V1, batch_of, event, event_with_data, within};
use crate::http_client::{Request, Response};

const STRUCTURED: &str = "application/cloudevents+json";

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_free_place() {
    let server = TestServer::with(|settings| settings.limits.max_connections = 3).await;
    // A WebSocket takes its place as long as it is open, not only during the handshake.
    let mut first = server.ingest().await;
    let _second = server.viewer().await;
    let mut third = server.ingest().await;
    let mut waiting = TcpStream::connect(server.addr).await.unwrap();
    let request = format!(
        "GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        server.addr
    );
    waiting.write_all(request.as_bytes()).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.peek(&mut byte)).await;
    assert!(early.is_err(), "the fourth connection was served");

    // Those inside go on unharmed.
    first.send_json(&batch_of(&[event("1")])).await;
    third.send_json(&batch_of(&[event("2")])).await;
    server.records(2).await;
    third.close().await;
    assert_eq!(Response::read(&mut waiting).await.status, 200);
}

#[tokio::test]
async fn a_body_above_the_limit_is_413() {
    let server = TestServer::with(|settings| settings.limits.max_body_bytes = 4096).await;
    let base = event_with_data("1", json!("")).to_string().len();
    let fits = event_with_data("1", json!("x".repeat(4096 - base))).to_string();
    assert_eq!(fits.len(), 4096);
    assert_eq!(
        Request::post("/events", STRUCTURED, fits.clone())
            .send(server.addr)
            .await
            .status,
        202
    );
    let above = Request::post("/events", STRUCTURED, format!("{fits} "));
    above.send(server.addr).await.problem(413, "too_large");

    // Without a length the server has to count for itself.
    let chunk = "x".repeat(1000);
    let chunked = format!("3e8\r\n{chunk}\r\n").repeat(5);
    let request = Request::post("/events", STRUCTURED, chunked + "0\r\n\r\n")
        .header("transfer-encoding", "chunked");
    request.send(server.addr).await.problem(413, "too_large");
    assert_eq!(server.get("/api/events").await.ok()["total"], 1);
}

#[tokio::test]
async fn a_request_that_never_ends_its_head_is_cut_off() {
    let server =
        TestServer::with(|settings| settings.limits.header_timeout = Duration::from_millis(200))
            .await;
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: ")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // However it is said (408 or nothing at all), the connection ends.
    let _ = within("the cut", slow.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_head_above_every_measure_is_refused() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n").await;
    let line = format!("x-filler: {}\r\n", "y".repeat(8000));
    let sending = async {
        // 80 MB at most; the server ends it long before.
        for _ in 0..10_000 {
            if stream.write_all(line.as_bytes()).await.is_err() {
                return true;
            }
        }
        false
    };
    assert!(
        within("the refusal", sending).await,
        "a head of 80 MB was read"
    );
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn idle_and_half_open_connections_do_not_hold_up_the_shutdown() {
    let server = TestServer::with(|settings| {
        settings.limits.header_timeout = Duration::from_mins(10);
        settings.limits.shutdown_timeout = Duration::from_secs(5);
    })
    .await;
    let silent = TcpStream::connect(server.addr).await.unwrap();
    let mut half = TcpStream::connect(server.addr).await.unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: ")
        .await
        .unwrap();
    let mut body = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: {}\r\ncontent-type: {STRUCTURED}\r\ncontent-length: 100\r\n\r\n{{",
        server.addr
    );
    body.write_all(head.as_bytes()).await.unwrap();
    let mut kept = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", server.addr);
    kept.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(Response::read(&mut kept).await.status, 200);
    let mut deaf = server.ingest_v1().await.0;
    let mut viewer = server.viewer_v1().await.0;

    server.begin_shutdown();
    assert!(deaf.closed_with(1001).await.is_empty());
    assert!(viewer.closed_with(1001).await.is_empty());
    server.ended().await;
    drop((silent, half, body));
}

#[tokio::test]
async fn a_stopping_server_takes_no_new_connection() {
    let server = TestServer::start().await;
    let addr = server.addr;
    server.begin_shutdown();
    server.ended().await;
    let refused = TcpStream::connect(addr).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_viewer_that_leaves_a_frame_unread_is_dropped_in_the_end() {
    let server = TestServer::with(|settings| {
        settings.limits.send_timeout = Duration::from_millis(300);
        settings.limits.lag_records = 100;
    })
    .await;
    let dial = crate::websocket::Dial {
        receive_buffer: Some(4096),
        ..crate::websocket::Dial::protocol(V1)
    };
    let mut deaf = dial.open(server.addr, "/ws/events").await;
    deaf.frame("hello").await;
    deaf.send_json(
        &json!({"type": "subscribe", "sub": 1, "from": {"last": 1_000_000}, "preview": true}),
    )
    .await;
    deaf.send_text("?").await;
    deaf.frame("error").await;
    assert_eq!(server.metric("loom_studio_viewer_connections").await, 1);
    let filler = "x".repeat(200);
    within("the end of the deaf viewer", async {
        let mut id = 0;
        while server.metric("loom_studio_viewer_connections").await == 1 {
            let ids = id..id + 1000;
            id += 1000;
            server
                .append(
                    &ids.map(|id| event_with_data(id, json!(filler)))
                        .collect::<Vec<_>>(),
                )
                .await;
        }
    })
    .await;
}
