//! A WebSocket client that shows every frame as it came.

use std::net::SocketAddr;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::HeaderName;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::within;

/// How a connection is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dial {
    pub(crate) protocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// The size of the socket's receive buffer: a small one makes the server feel at once that nobody reads.
    pub(crate) receive_buffer: Option<u32>,
}

impl Dial {
    pub(crate) fn protocol(name: &str) -> Self {
        Self {
            protocol: Some(name.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) async fn open(self, addr: SocketAddr, target: &str) -> Socket {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = within("connect", socket.connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{addr}{target}")
            .into_client_request()
            .unwrap();
        let protocol = self
            .protocol
            .map(|name| ("sec-websocket-protocol".to_owned(), name));
        for (name, value) in self.headers.into_iter().chain(protocol) {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .append(name, HeaderValue::try_from(value).unwrap());
        }
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _) = within("the handshake", handshake)
            .await
            .unwrap_or_else(|error| panic!("{target}: {error}"));
        Socket { stream }
    }
}

/// What the server sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Received {
    Text(Value),
    Binary(usize),
    /// The close code, and the reason in words. 1005 stands for a close frame without a code.
    Close(u16, String),
    /// The connection ended without a close frame.
    Lost(String),
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    pub(crate) async fn send(&mut self, message: Message) {
        within("send a frame", self.stream.send(message))
            .await
            .unwrap();
    }

    /// Sends while the server may close the connection at any moment.
    pub(crate) async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        within("send a frame", self.stream.send(message)).await
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    pub(crate) async fn send_json(&mut self, value: &Value) {
        self.send_text(value.to_string()).await;
    }

    pub(crate) async fn receive(&mut self) -> Received {
        within("receive a frame", self.receive_unbounded()).await
    }

    /// Cancel-safe: a frame is taken whole or not at all.
    pub(crate) async fn receive_unbounded(&mut self) -> Received {
        next(&mut self.stream).await
    }

    /// The next frame, which must be a text frame.
    pub(crate) async fn json(&mut self) -> Value {
        match self.receive().await {
            Received::Text(value) => value,
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// The next frame, which must be a text frame of this type.
    pub(crate) async fn frame(&mut self, kind: &str) -> Value {
        let frame = self.json().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Passes over text frames until one satisfies the condition.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut is_it: impl FnMut(&Value) -> bool,
    ) -> Value {
        within(what, async {
            loop {
                match self.receive_unbounded().await {
                    Received::Text(frame) if is_it(&frame) => return frame,
                    Received::Text(_) => {}
                    other => panic!("waiting for {what}, got {other:?}"),
                }
            }
        })
        .await
    }

    /// Reads to the close frame, which must have this code. Returns the text frames before it.
    pub(crate) async fn closed_with(&mut self, code: u16) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            match self.receive().await {
                Received::Text(frame) => frames.push(frame),
                Received::Close(found, reason) => {
                    assert_eq!(found, code, "{reason}");
                    return frames;
                }
                other => panic!("expected close code {code}, got {other:?}"),
            }
        }
    }

    /// Closes from this side and returns the text frames that came before the answer.
    pub(crate) async fn close(mut self) -> Vec<Value> {
        within("close", self.stream.close(None)).await.unwrap();
        let mut frames = Vec::new();
        loop {
            match self.receive().await {
                Received::Text(frame) => frames.push(frame),
                Received::Close(..) | Received::Lost(_) => return frames,
                Received::Binary(_) => panic!("the server sends no binary frames"),
            }
        }
    }

    /// Both directions on their own, for tests that send and receive at once.
    pub(crate) fn split(self) -> (SplitSink<WebSocketStream<TcpStream>, Message>, Incoming) {
        let (sink, stream) = self.stream.split();
        (sink, Incoming { stream })
    }

    /// Drops the connection without a word, as a process that was killed does.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    stream: SplitStream<WebSocketStream<TcpStream>>,
}

impl Incoming {
    pub(crate) async fn receive(&mut self) -> Received {
        within("receive a frame", next(&mut self.stream)).await
    }
}

async fn next(stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin)) -> Received {
    loop {
        return match stream.next().await {
            Some(Ok(Message::Text(text))) => Received::Text(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes.len()),
            Some(Ok(Message::Close(frame))) => frame
                .map_or(Received::Close(1005, String::new()), |frame| {
                    Received::Close(frame.code.into(), frame.reason.to_string())
                }),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(error)) => Received::Lost(error.to_string()),
            None => Received::Lost("the end of the stream".to_owned()),
        };
    }
}
