//! Reads an `event_batch` into entries for the store, without copying them.

use std::borrow::Cow;

use bytes::Bytes;
use loom_studio_core::Incoming;
use serde::Deserialize;

use super::split;
use crate::http::items::Items;

/// A batch, apart from its events.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) number: Option<u64>,
    pub(super) items: Vec<Incoming>,
}

/// A frame that is no batch.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) number: Option<u64>,
    pub(super) detail: String,
    /// Well-formed, but of a type this version doesn't know.
    pub(super) is_unknown_type: bool,
}

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    batch: Option<u64>,
    #[serde(borrow, default)]
    events: Option<Items<'a>>,
    #[serde(borrow, default)]
    observations: Option<Items<'a>>,
}

const KIND: &str = "event_batch";

/// Reads the frame's text. Linear time, no recursion; the entries share `frame`'s memory.
pub(super) fn read(frame: &Bytes) -> Result<Batch, Unreadable> {
    let unreadable = |number, detail| Unreadable {
        number,
        detail,
        is_unknown_type: false,
    };
    let text = std::str::from_utf8(frame)
        .map_err(|error| unreadable(None, format!("not UTF-8: {error}")))?;
    let view: View<'_> = match serde_json::from_str(text) {
        Ok(view) => view,
        Err(error) => {
            let detail = format!("expected an event_batch object: {error}");
            return read_leniently(frame, text).ok_or_else(|| unreadable(number_in(text), detail));
        }
    };
    if view.kind != KIND {
        return Err(Unreadable {
            number: view.batch,
            detail: "expected an object of type event_batch".to_owned(),
            is_unknown_type: !view.kind.is_empty(),
        });
    }
    let events = view
        .events
        .ok_or_else(|| unreadable(view.batch, "\"events\" is missing".to_owned()))?;
    let events = events
        .0
        .into_iter()
        .map(|item| Incoming::Event(part(frame, item.get())));
    let observations = view.observations.unwrap_or_default().0.into_iter();
    let observations = observations.map(|item| Incoming::Observation(part(frame, item.get())));
    Ok(Batch {
        number: view.batch,
        items: events.chain(observations).collect(),
    })
}

/// A batch with an event that isn't JSON. The store rejects that event alone, with its index and a reason.
fn read_leniently(frame: &Bytes, text: &str) -> Option<Batch> {
    let members = split::members(text)?;
    let find = |name| {
        members
            .iter()
            .rfind(|(member, _)| *member == name)
            .map(|(_, value)| *value)
    };
    if serde_json::from_str::<&str>(find("type")?).ok()? != KIND {
        return None;
    }
    let number = find("batch").and_then(|value| value.parse().ok());
    let events = split::items(find("events")?)?;
    let observations = find("observations")
        .and_then(split::items)
        .unwrap_or_default();
    let events = events
        .into_iter()
        .map(|item| Incoming::Event(part(frame, item)));
    let observations = observations
        .into_iter()
        .map(|item| Incoming::Observation(part(frame, item)));
    Some(Batch {
        number,
        items: events.chain(observations).collect(),
    })
}

fn number_in(text: &str) -> Option<u64> {
    let members = split::members(text)?;
    members
        .iter()
        .find(|(name, _)| *name == "batch")
        .and_then(|(_, value)| value.parse().ok())
}

/// A part of the frame's text, sharing its memory.
fn part(frame: &Bytes, text: &str) -> Bytes {
    frame.slice_ref(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(batch: Result<Batch, Unreadable>) -> Vec<String> {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let name = |item| match item {
            Incoming::Event(json) => text(json),
            Incoming::Observation(json) => format!("o:{}", text(json)),
            Incoming::Recorded(_) => panic!("no frame brings records of another log"),
        };
        batch.unwrap().items.into_iter().map(name).collect()
    }

    #[test]
    fn reads_batches() {
        let frame = Bytes::from_static(
            br#"{"type":"event_batch","batch":7,"events":[{"a": 1},2],"observations":[{"b":1}]}"#,
        );
        assert_eq!(read(&frame).unwrap().number, Some(7));
        assert_eq!(items(read(&frame)), [r#"{"a": 1}"#, "2", r#"o:{"b":1}"#]);
        let frame =
            Bytes::from_static(br#"{"type":"event_batch","batch":8,"events":[{"a":NaN},{"b":2}]}"#);
        assert_eq!(read(&frame).unwrap().number, Some(8));
        assert_eq!(items(read(&frame)), [r#"{"a":NaN}"#, r#"{"b":2}"#]);
    }

    #[test]
    fn says_what_is_no_batch() {
        for (frame, number) in [
            (&b"hello"[..], None),
            (b"[]", None),
            (br#"{"type":"other","batch":3,"events":[]}"#, Some(3)),
            (br#"{"type":"event_batch","batch":4}"#, Some(4)),
            (br#"{"type":"event_batch","batch":5,"events":{}}"#, Some(5)),
            (b"{\"type\":\"\xff\"}", None),
        ] {
            assert_eq!(read(&Bytes::from_static(frame)).unwrap_err().number, number);
        }
    }
}
