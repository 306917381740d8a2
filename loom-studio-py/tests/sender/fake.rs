//! Servers that do as a test says, down to the single frame.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// What a server does with the upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Speaks `loom-studio.v1`.
    V1,
    /// Refuses whoever offers a subprotocol, as a bad request.
    RefusesSubprotocols,
    /// Accepts, and says nothing of the subprotocol.
    IgnoresSubprotocols,
    /// Refuses everybody.
    Refuses(StatusCode),
}

/// Path with query, and `Authorization`.
pub(crate) type Asked = (String, Option<String>);

/// A running server. Dropping it ends it.
pub(crate) struct FakeServer {
    pub(crate) addr: SocketAddr,
    attempts: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Asked>>>,
    runtime: Option<Runtime>,
}

impl FakeServer {
    /// Runs the script for each accepted connection; they are numbered from 1.
    pub(crate) fn start<F>(
        upgrade: Upgrade,
        script: impl Fn(usize, Peer) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let addr = listener.local_addr().unwrap();
        let attempts = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counted, heard) = (Arc::clone(&attempts), Arc::clone(&requests));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (script, heard) = (script.clone(), Arc::clone(&heard));
                let accepted = Arc::clone(&accepted);
                tokio::spawn(async move {
                    if let Some(socket) = accept(stream, upgrade, &heard).await {
                        let number = accepted.fetch_add(1, Ordering::SeqCst) + 1;
                        script(number, Peer { socket }).await;
                    }
                });
            }
        });
        Self {
            addr,
            attempts,
            requests,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// Connections that were tried.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// What was asked for so far.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(
    stream: TcpStream,
    upgrade: Upgrade,
    heard: &Mutex<Vec<Asked>>,
) -> Option<WebSocketStream<TcpStream>> {
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let answer = |request: &Request, mut response: Response| {
        let authorization = request.headers().get("Authorization");
        heard.lock().unwrap().push((
            request.uri().to_string(),
            authorization.map(|value| value.to_str().unwrap().to_owned()),
        ));
        let refusal = |status: StatusCode| {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = status;
            Err(refusal)
        };
        match upgrade {
            Upgrade::V1 => {
                assert_eq!(request.headers()[PROTOCOL], "loom-studio.v1");
                let v1 = HeaderValue::from_static("loom-studio.v1");
                response.headers_mut().insert(PROTOCOL, v1);
            }
            Upgrade::RefusesSubprotocols if request.headers().contains_key(PROTOCOL) => {
                return refusal(StatusCode::BAD_REQUEST);
            }
            Upgrade::RefusesSubprotocols | Upgrade::IgnoresSubprotocols => {}
            Upgrade::Refuses(status) => return refusal(status),
        }
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async(stream, answer)
        .await
        .ok()
}

/// One accepted connection.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    pub(crate) async fn send(&mut self, frame: &Value) {
        // A test may have dropped the sender by now.
        let _ = self.socket.send(Message::text(frame.to_string())).await;
    }

    /// Greets with generous bounds, of which some are changed.
    pub(crate) async fn hello(&mut self, changes: &Value) {
        let mut hello = json!({
            "type": "hello", "protocol": "loom-studio.v1", "server": "fake/1", "epoch": "1", "session": "s",
            "window_bytes": 1 << 23, "max_event_bytes": 1 << 20, "max_frame_bytes": 1 << 24,
            "max_inflated_bytes": 1 << 25, "encodings": ["json", "zstd", "some later one"], "later": {},
        });
        for (name, value) in changes.as_object().unwrap() {
            hello[name] = value.clone();
        }
        self.send(&hello).await;
    }

    /// The next batch, inflated where it must be; `None` when the peer is gone.
    pub(crate) async fn batch(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Binary(bytes)) => {
                    let json = zstd::decode_all(&*bytes).unwrap();
                    return Some(serde_json::from_slice(&json).unwrap());
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn ack(&mut self, batch: &Value) {
        self.ack_with(batch, &json!([])).await;
    }

    pub(crate) async fn ack_with(&mut self, batch: &Value, rejected: &Value) {
        let ack = json!({"type": "ack", "batch": batch["batch"], "first_seq": null, "last_seq": null, "duplicates": 0, "rejected": rejected});
        self.send(&ack).await;
    }

    pub(crate) async fn nack(&mut self, batch: &Value) {
        let nack = json!({"type": "nack", "batch": batch["batch"], "code": "store_full", "detail": "no space", "retry_after_ms": 60});
        self.send(&nack).await;
    }

    /// Acknowledges whatever comes until the peer is gone; hands each batch to the test.
    pub(crate) async fn ack_all(&mut self, seen: &Seen) {
        while let Some(batch) = self.batch().await {
            seen.add(&batch);
            self.ack(&batch).await;
        }
    }
}

/// The batches a server read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Value>>>);

impl Seen {
    pub(crate) fn add(&self, batch: &Value) {
        self.0.lock().unwrap().push(batch.clone());
    }

    pub(crate) fn batches(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    /// The ids of the events of each batch.
    pub(crate) fn ids(&self) -> Vec<Vec<String>> {
        let ids = |batch: &Value| {
            let events = batch["events"].as_array().unwrap();
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned())
                .collect()
        };
        self.batches().iter().map(ids).collect()
    }
}
