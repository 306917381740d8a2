//! Producers that never read: shipped Loom clients, and the CloudEvents WebSocket binding.

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesOrdered, SplitStream};
use loom_studio_core::Incoming;

use super::ingest::{Producer, Turn};
use super::outbound::Outbound;
use super::{batch, close};
use crate::metrics::count;

/// What a text frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// An `event_batch`.
    EventBatch,
    /// One structured-mode CloudEvent.
    OneEvent,
}

/// Stores what comes. While the store lags, frames are read ahead up to a bound; beyond it the producer is told to try again later.
pub(super) async fn run(socket: WebSocket, producer: &Producer<'_>, framing: Framing) {
    let limits = &producer.state.limits;
    let (sink, mut frames) = socket.split();
    let mut outbound = Outbound::new(sink, limits.send_timeout);
    let mut appending = FuturesOrdered::new();
    let mut backlog_bytes = 0_usize;
    let mut turn = Turn::default();
    let farewell = loop {
        let frame = tokio::select! {
            biased;
            Some(size) = appending.next(), if !appending.is_empty() => {
                backlog_bytes -= size;
                continue;
            }
            () = producer.state.shutdown.cancelled() => break Some(close(1001, "shutting down")),
            frame = frames.next() => frame,
        };
        let text = match frame {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(_))) => {
                break Some(close(1003, "only text frames are read here"));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Err(error)) if is_too_large(&error) => break Some(close(1009, "frame too large")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
        };
        let size = text.len();
        if backlog_bytes + size > limits.legacy_backlog_bytes.max(size) {
            count(&producer.state.metrics.legacy_overflows, 1);
            break Some(close(1013, "the store lags; try again later"));
        }
        let items = match framing {
            Framing::OneEvent => vec![Incoming::Event(text)],
            Framing::EventBatch => match batch::read(&text) {
                Ok(batch) => batch.items,
                Err(unreadable) => {
                    producer.unreadable(&unreadable.detail);
                    continue;
                }
            },
        };
        turn.took(size).await;
        let mut append = producer.append(items);
        // Polled once here, so that batches reach the store in the order they came in.
        if futures_util::poll!(&mut append).is_pending() {
            backlog_bytes += size;
            appending.push_back(async move {
                // Refusals are counted and logged where they happen; this producer doesn't listen.
                let _ = append.await;
                size
            });
        }
    };
    // The producer learns at once why it is closed, however long the store takes for what was read.
    if let Some(frame) = farewell {
        outbound.close(frame).await;
        drain(&mut frames).await;
    }
    while appending.next().await.is_some() {}
}

/// Reads on for a moment after a close: closing a socket with unread bytes resets it, and the peer would never see why.
pub(super) async fn drain(frames: &mut SplitStream<WebSocket>) {
    let read = async { while let Some(Ok(_)) = frames.next().await {} };
    // Whether the peer finished or not, the connection ends here.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), read).await;
}

/// Whether reading failed at the size limit.
pub(super) fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // The WebSocket library is no public dependency of axum: its error is known by its text.
        if error.to_string().contains("Message too long")
            || error.to_string().contains("Space limit exceeded")
        {
            return true;
        }
        cause = error.source();
    }
    false
}
