//! Frames of the ingest protocol (`docs/ws-protocol.md`), from the producer's side. What the server may add later is passed over.

use serde::Deserialize;

use super::batch::Batch;

/// The text of a batch; `None` when it isn't UTF-8. Without a number it is in the original form, which has no observations.
pub(super) fn encode(batch: &Batch, number: Option<u64>) -> Option<String> {
    let mut text = Vec::with_capacity(batch.bytes() + 128);
    text.extend_from_slice(br#"{"type":"event_batch","#);
    if let Some(number) = number {
        text.extend_from_slice(format!("\"batch\":{number},").as_bytes());
    }
    text.extend_from_slice(br#""events":["#);
    text.extend_from_slice(batch.events.joined());
    if number.is_some() && !batch.observations.is_empty() {
        text.extend_from_slice(br#"],"observations":["#);
        text.extend_from_slice(batch.observations.joined());
    }
    text.extend_from_slice(b"]}");
    String::from_utf8(text).ok()
}

/// Bytes a frame has beside its entries, at most.
pub(super) const OVERHEAD: usize = 128;

/// What a server sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Hello(Hello),
    Ack(Ack),
    Nack(Nack),
    Error(Unreadable),
    /// A frame of a later version.
    Other,
}

/// What the server says of itself before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Hello {
    pub(super) window_bytes: usize,
    pub(super) max_event_bytes: usize,
    pub(super) max_frame_bytes: usize,
    pub(super) max_inflated_bytes: usize,
    #[serde(default)]
    encodings: Vec<String>,
}

impl Hello {
    pub(super) fn reads_zstd(&self) -> bool {
        self.encodings.iter().any(|encoding| encoding == "zstd")
    }

    /// Most bytes of a frame, compressed or not.
    pub(super) fn frame_bytes(&self) -> usize {
        self.max_frame_bytes.min(self.max_inflated_bytes)
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Ack {
    pub(super) batch: u64,
    #[serde(default)]
    pub(super) duplicates: u64,
    #[serde(default)]
    pub(super) rejected: Vec<Rejected>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Rejected {
    pub(super) index: usize,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Nack {
    pub(super) batch: u64,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
    #[serde(default)]
    pub(super) retry_after_ms: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Unreadable {
    #[serde(default)]
    pub(super) batch: Option<u64>,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
}

/// Reads a frame of the server.
pub(super) fn decode(text: &str) -> Result<Answer, serde_json::Error> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let Kind { kind } = serde_json::from_str(text)?;
    Ok(match &*kind {
        "hello" => Answer::Hello(serde_json::from_str(text)?),
        "ack" => Answer::Ack(serde_json::from_str(text)?),
        "nack" => Answer::Nack(serde_json::from_str(text)?),
        "error" => Answer::Error(serde_json::from_str(text)?),
        _ => Answer::Other,
    })
}
