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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::batch::Kind;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch.push(Kind::Event, &[b"{\"a\":", b"1}"]);
        batch.push(Kind::Observation, &[b"{\"of\":\"a\"}"]);
        batch.push(Kind::Event, &[b"{}"]);
        batch
    }

    #[test]
    fn batches_are_written() {
        assert_eq!(
            encode(&batch(), Some(7)).unwrap(),
            r#"{"type":"event_batch","batch":7,"events":[{"a":1},{}],"observations":[{"of":"a"}]}"#
        );
        assert_eq!(
            encode(&batch(), None).unwrap(),
            r#"{"type":"event_batch","events":[{"a":1},{}]}"#
        );
        assert_eq!(
            encode(&Batch::default(), Some(u64::MAX)).unwrap().len(),
            r#"{"type":"event_batch","batch":18446744073709551615,"events":[]}"#.len()
        );
        let empty = encode(&Batch::default(), Some(u64::MAX)).unwrap();
        assert!(empty.len() + r#"],"observations":["#.len() <= OVERHEAD);
    }

    /// The frames that the server's tests compare with what it sends.
    macro_rules! golden {
        ($name:literal) => {
            decode(include_str!(concat!(
                "../../../loom-studio-server/tests/golden/ingest.server.",
                $name,
                ".json"
            )))
            .unwrap()
        };
    }

    #[test]
    fn the_servers_own_frames_are_read() {
        let Answer::Hello(hello) = golden!("hello") else {
            panic!("no hello");
        };
        assert!(hello.reads_zstd() && hello.window_bytes == 8 << 20);
        assert_eq!(hello.frame_bytes(), 16 << 20);
        assert!(matches!(golden!("ack"), Answer::Ack(ack) if ack.rejected.is_empty()));
        assert!(matches!(golden!("ack.2"), Answer::Ack(ack) if ack.rejected.len() == 1));
        assert!(matches!(golden!("nack"), Answer::Nack(nack) if nack.retry_after_ms > 0));
        assert!(matches!(golden!("error"), Answer::Error(_)));
    }

    #[test]
    fn answers_are_read_leniently() {
        let answer = |text| decode(text).unwrap();
        assert_eq!(answer(r#"{"type":"news","of":{}}"#), Answer::Other);
        assert_eq!(
            answer(r#"{"type":"ack","batch":3,"later":1}"#),
            Answer::Ack(Ack {
                batch: 3,
                duplicates: 0,
                rejected: Vec::new()
            })
        );
        assert_eq!(
            answer(r#"{"type":"error","batch":null,"code":"c"}"#),
            Answer::Error(Unreadable {
                batch: None,
                code: "c".to_owned(),
                detail: String::new()
            })
        );
        assert!(decode("[]").is_err() && decode(r#"{"type":"ack"}"#).is_err());
    }
}
