//! Producers in `loom-studio.v1`: acknowledgements, credit, compression.

use std::io::Read as _;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use loom_studio_core::{Appended, Result};

use super::ingest::{Producer, Turn};
use super::ingest_legacy::{drain, is_too_large};
use super::outbound::{Outbound, PeerGone};
use super::{batch, close};
use crate::dto::ack;
use crate::error::public_detail;
use crate::protocol::{Encoding, ErrorFrame, IngestFrame, IngestHello, LOOM_STUDIO_V1, Nack};
use crate::settings::Limits;
use crate::state::SERVER;

/// Unreadable frames after which a connection is closed.
const MAX_UNREADABLE: u32 = 16;
/// When a client may send a refused batch again.
const RETRY_AFTER_MS: u64 = 1_000;

/// Stores batches as they come, several at once where the store takes time, and answers each in order.
pub(super) async fn run(socket: WebSocket, producer: &Producer<'_>) {
    let limits = &producer.state.limits;
    let (sink, mut frames) = socket.split();
    let mut outbound = Outbound::new(sink, limits.send_timeout);
    if outbound
        .json(&IngestFrame::Hello(hello(producer)))
        .await
        .is_err()
    {
        return;
    }
    let mut appending = FuturesOrdered::new();
    let mut unacknowledged_bytes = 0_usize;
    // The window counts bytes on the wire; what they inflated to is what they cost here.
    let mut held_bytes = 0_usize;
    let mut unreadable_frames = 0_u32;
    let mut turn = Turn::default();
    let farewell = loop {
        let has_credit = unacknowledged_bytes < limits.ingest_window_bytes
            && held_bytes < limits.max_inflated_bytes;
        let frame = tokio::select! {
            biased;
            Some((size, held, answer)) = appending.next(), if !appending.is_empty() => {
                unacknowledged_bytes -= size;
                held_bytes -= held;
                if outbound.json(&answer).await.is_err() {
                    break None;
                }
                continue;
            }
            () = producer.state.shutdown.cancelled() => break Some(close(1001, "shutting down")),
            frame = frames.next(), if has_credit => frame,
        };
        let (size, json) = match frame {
            Some(Ok(Message::Text(text))) => (text.len(), Ok(Bytes::from(text))),
            Some(Ok(Message::Binary(compressed))) => {
                (compressed.len(), inflate(&compressed, limits))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Err(error)) if is_too_large(&error) => break Some(close(1009, "frame too large")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
        };
        let held = json.as_ref().map_or(0, Bytes::len);
        let read = match json {
            Ok(json) => batch::read(&json),
            Err(Inflate::TooLarge) => break Some(close(1009, "inflated frame too large")),
            Err(Inflate::NotZstd) => Err(unreadable("a binary frame must be zstd")),
        };
        let batch = match read {
            Ok(batch) if batch.number.is_some() => Ok(batch),
            // Without a number there is nothing to acknowledge it by.
            Ok(_) => Err(unreadable("\"batch\" is missing or no number")),
            Err(unreadable) => Err(unreadable),
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(unreadable) if unreadable.is_unknown_type => continue,
            Err(unreadable) => {
                producer.unreadable(&unreadable.detail);
                unreadable_frames += 1;
                if unreadable_frames > MAX_UNREADABLE {
                    break Some(close(1008, "too many unreadable frames"));
                }
                // Answers keep the order of the frames.
                let answer = IngestFrame::Error(ErrorFrame {
                    batch: unreadable.number,
                    code: "invalid_frame".to_owned(),
                    detail: unreadable.detail,
                });
                appending.push_back(futures_util::future::Either::Left(std::future::ready((
                    0, 0, answer,
                ))));
                continue;
            }
        };
        let number = batch.number;
        let mut append = producer.append(batch.items);
        unacknowledged_bytes += size;
        held_bytes += held;
        turn.took(held).await;
        // Polled once here, so that batches reach the store in the order they came in.
        let early = match futures_util::poll!(&mut append) {
            std::task::Poll::Ready(result) => Some(result),
            std::task::Poll::Pending => None,
        };
        appending.push_back(futures_util::future::Either::Right(async move {
            let result = match early {
                Some(result) => result,
                None => append.await,
            };
            (size, held, answer(number, result))
        }));
    };
    // What was read is stored and answered, also on the way out.
    let mut peer: std::result::Result<(), PeerGone> = Ok(());
    while let Some((_, _, answer)) = appending.next().await {
        if peer.is_ok() && farewell.is_some() {
            peer = outbound.json(&answer).await;
        }
    }
    if let Some(frame) = farewell {
        outbound.close(frame).await;
        drain(&mut frames).await;
    }
}

fn unreadable(detail: &str) -> batch::Unreadable {
    batch::Unreadable {
        number: None,
        detail: detail.to_owned(),
        is_unknown_type: false,
    }
}

fn hello(producer: &Producer<'_>) -> IngestHello {
    let limits = &producer.state.limits;
    IngestHello {
        protocol: LOOM_STUDIO_V1.to_owned(),
        server: SERVER.to_owned(),
        epoch: producer.state.store.epoch().to_string(),
        session: producer.session.to_string(),
        window_bytes: limits.ingest_window_bytes as u64,
        max_event_bytes: limits.max_event_bytes as u64,
        max_frame_bytes: limits.max_frame_bytes as u64,
        max_inflated_bytes: limits.max_inflated_bytes as u64,
        encodings: vec![Encoding::Json, Encoding::Zstd],
    }
}

fn answer(batch: Option<u64>, result: Result<Appended>) -> IngestFrame {
    match result {
        Ok(appended) => IngestFrame::Ack(ack(batch, appended)),
        Err(error) => IngestFrame::Nack(Nack {
            batch,
            code: error.kind().code().to_owned(),
            detail: public_detail(&error),
            retry_after_ms: RETRY_AFTER_MS,
        }),
    }
}

enum Inflate {
    TooLarge,
    NotZstd,
}

/// Decompresses up to the limit and no further, whatever the frame claims.
fn inflate(compressed: &[u8], limits: &Limits) -> std::result::Result<Bytes, Inflate> {
    let limit = limits.max_inflated_bytes;
    let mut json = Vec::with_capacity((compressed.len() * 4).min(limit));
    let reader =
        zstd::stream::read::Decoder::with_buffer(compressed).map_err(|_| Inflate::NotZstd)?;
    reader
        .take(limit as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|_| Inflate::NotZstd)?;
    if json.len() > limit {
        Err(Inflate::TooLarge)
    } else {
        Ok(json.into())
    }
}
