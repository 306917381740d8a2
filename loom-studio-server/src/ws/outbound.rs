//! Sending to a peer that may not read.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use serde::Serialize;

/// The sending half of a connection. One frame at a time, each within a time-out: a peer that never reads costs one frame and its socket's buffers.
#[derive(Debug)]
pub(super) struct Outbound {
    sink: SplitSink<WebSocket, Message>,
    timeout: Duration,
}

/// The peer is gone, or did not read in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeerGone;

impl Outbound {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>, timeout: Duration) -> Self {
        Self { sink, timeout }
    }

    pub(super) async fn json(&mut self, frame: &impl Serialize) -> Result<(), PeerGone> {
        let text = serde_json::to_string(frame).map_err(|error| {
            tracing::error!(%error, "a frame has no JSON form");
            PeerGone
        })?;
        self.message(Message::Text(text.into())).await
    }

    pub(super) async fn text(&mut self, json: Vec<u8>) -> Result<(), PeerGone> {
        let text = String::from_utf8(json).map_err(|_| PeerGone)?;
        self.message(Message::Text(text.into())).await
    }

    async fn message(&mut self, message: Message) -> Result<(), PeerGone> {
        match tokio::time::timeout(self.timeout, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PeerGone),
        }
    }

    /// Says good-bye, without waiting long for a peer that doesn't listen.
    pub(super) async fn close(&mut self, frame: CloseFrame) {
        self.timeout = self.timeout.min(Duration::from_secs(1));
        // The connection ends either way.
        let _ = self.message(Message::Close(Some(frame))).await;
    }
}
