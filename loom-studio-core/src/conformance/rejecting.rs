//! What breaks a rule, and only that, is turned away.

use bytes::Bytes;
use serde_json::Value;

use super::Factory;
use super::support::{Open, event, event_json, observation, text};
use crate::event::RejectCode::{
    self, InvalidJson, InvalidObservation, MissingId, MissingSource, MissingType, NotAnObject,
    TooDeep, TooLarge, UnsupportedSpecversion,
};
use crate::ids::Seq;
use crate::store::{EventFilter, Incoming};

const MAX_BYTES: usize = 1 << 20;

fn padded(id: &str, bytes: usize) -> Incoming {
    let bare = event_json(id, Value::Null).to_string();
    let pad = " ".repeat(bytes - bare.len());
    text(&format!("{bare}{pad}"))
}

/// An event nested so deep in all, its own object counted.
fn nested(id: &str, depth: usize) -> Incoming {
    let data = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    text(&format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/a","type":"t","data":{data}}}"#
    ))
}

/// "An event that breaks a rule is rejected alone, with its index in the batch; the others are stored."
pub async fn a_bad_event_is_rejected_alone(factory: Factory) {
    let open = Open::new(factory).await;
    let batch = vec![
        text("nonsense"),
        event("a"),
        text("{}"),
        event("a"),
        event("b"),
        text("[]"),
    ];
    let appended = open.append(batch).await;
    assert_eq!(
        (appended.seqs, appended.duplicates),
        (Some((Seq(1), Seq(2))), 1)
    );
    let rejected: Vec<_> = appended
        .rejected
        .iter()
        .map(|r| (r.index, r.code))
        .collect();
    assert_eq!(
        rejected,
        [
            (0, InvalidJson),
            (2, UnsupportedSpecversion),
            (5, NotAnObject)
        ]
    );
    assert_eq!(open.find(EventFilter::default()).await, ["a", "b"]);
    assert_eq!(open.append(vec![text("1")]).await.seqs, None);
}

/// Each rule has its code, and no detail repeats what the sender wrote.
#[expect(clippy::too_many_lines, reason = "a table")]
pub async fn each_rule_has_its_code(factory: Factory) {
    let cases: [(&str, RejectCode); 30] = [
        ("", InvalidJson),
        (" ", InvalidJson),
        ("secret", InvalidJson),
        ("{", InvalidJson),
        ("{\"specversion\":\"1.0\"", InvalidJson),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t"} x"#,
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t",}"#,
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t","data":NaN}"#,
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t","data":-Infinity}"#,
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t","data":01}"#,
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":"t","data":"\x"}"#,
            InvalidJson,
        ),
        (
            "{\"specversion\":\"1.0\",\"id\":\"e\",\"source\":\"/a\",\"type\":\"t\",\"data\":\"\u{1}\"}",
            InvalidJson,
        ),
        (
            r#"{"specversion":"1.0","id":"\ud800","source":"/a","type":"t"}"#,
            MissingId,
        ),
        (r"{'specversion':'1.0'}", InvalidJson),
        ("null", NotAnObject),
        ("1", NotAnObject),
        ("\"secret\"", NotAnObject),
        (
            r#"[{"specversion":"1.0","id":"e","source":"/a","type":"t"}]"#,
            NotAnObject,
        ),
        ("{}", UnsupportedSpecversion),
        (
            r#"{"specversion":"0.3","id":"e","source":"/a","type":"t"}"#,
            UnsupportedSpecversion,
        ),
        (
            r#"{"specversion":1.0,"id":"e","source":"/a","type":"t"}"#,
            UnsupportedSpecversion,
        ),
        (
            r#"{"specversion":"1.0","source":"/a","type":"t"}"#,
            MissingId,
        ),
        (
            r#"{"specversion":"1.0","id":"","source":"/a","type":"t"}"#,
            MissingId,
        ),
        (
            r#"{"specversion":"1.0","id":7,"source":"/a","type":"t"}"#,
            MissingId,
        ),
        (
            r#"{"specversion":"1.0","id":"e","id":null,"source":"/a","type":"t"}"#,
            MissingId,
        ),
        (
            r#"{"specversion":"1.0","id":"e","type":"t"}"#,
            MissingSource,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":["/a"],"type":"t"}"#,
            MissingSource,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a"}"#,
            MissingType,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":""}"#,
            MissingType,
        ),
        (
            r#"{"specversion":"1.0","id":"e","source":"/a","type":{"secret":1}}"#,
            MissingType,
        ),
    ];
    let open = Open::new(factory).await;
    for (json, code) in cases {
        let appended = open.append(vec![text(json)]).await;
        assert_eq!(appended.seqs, None, "{json}");
        let found: Vec<_> = appended
            .rejected
            .iter()
            .map(|r| (r.index, r.code))
            .collect();
        assert_eq!(found, [(0, code)], "{json}");
        assert!(!appended.rejected[0].detail.is_empty(), "{json}");
        assert!(!appended.rejected[0].detail.contains("secret"), "{json}");
    }
    let not_utf8 = Bytes::from_static(b"{\"specversion\":\"1.0\",\"id\":\"\xff\"}");
    let appended = open.append(vec![Incoming::Event(not_utf8)]).await;
    assert_eq!(appended.rejected[0].code, InvalidJson);
}

/// The limits on size and nesting are inclusive.
pub async fn limits_are_inclusive(factory: Factory) {
    let open = Open::new(factory).await;
    let batch = vec![
        padded("largest", MAX_BYTES),
        padded("larger", MAX_BYTES + 1),
        nested("deepest", 64),
        nested("deeper", 65),
        // Brackets in strings and side by side are no nesting.
        text(&format!(
            r#"{{"specversion":"1.0","id":"flat","source":"/a","type":"t","data":["{}",{}0]}}"#,
            "[".repeat(500),
            "[],{},".repeat(500)
        )),
    ];
    let appended = open.append(batch).await;
    let rejected: Vec<_> = appended
        .rejected
        .iter()
        .map(|r| (r.index, r.code))
        .collect();
    assert_eq!(rejected, [(1, TooLarge), (3, TooDeep)]);
    assert_eq!(
        open.find(EventFilter::default()).await,
        ["largest", "deepest", "flat"]
    );
}

/// An event of 2 MiB and one of 200,000 nested brackets are answered like any other bad event.
pub async fn floods_are_answered(factory: Factory) {
    let open = Open::new(factory).await;
    let mut open_objects = String::new();
    for _ in 0..200_000 {
        open_objects.push_str(r#"{"a":"#);
    }
    let batch = vec![
        padded("flood", 2 * MAX_BYTES),
        nested("pit", 200_000),
        text(&"[".repeat(200_000)),
        text(&open_objects),
        event("good"),
    ];
    let appended = open.append(batch).await;
    let rejected: Vec<_> = appended
        .rejected
        .iter()
        .map(|r| (r.index, r.code))
        .collect();
    assert_eq!(
        rejected,
        [(0, TooLarge), (1, TooDeep), (2, TooDeep), (3, TooDeep)]
    );
    assert_eq!(open.find(EventFilter::default()).await, ["good"]);
    let stats = open.store().stats().await.unwrap();
    assert!(stats.payload_bytes < 1000, "{stats:?}");
}

/// An observation that can't be read is rejected alone.
pub async fn a_bad_observation_is_rejected_alone(factory: Factory) {
    let open = Open::new(factory).await;
    let raw = |json: &str| Incoming::Observation(Bytes::copy_from_slice(json.as_bytes()));
    let deep = format!(
        r#"{{"source":"/node/a","of":"e","phase":"post","changed":{}{}}}"#,
        r#"{"a":"#.repeat(65),
        "1".to_owned() + &"}".repeat(65)
    );
    let batch = vec![
        event("e"),
        raw(""),
        raw("[]"),
        raw(r#"{"of":"e","phase":"post"}"#),
        raw(r#"{"source":"/node/a","phase":"post"}"#),
        raw(r#"{"source":"/node/a","of":"e"}"#),
        raw(r#"{"source":"/node/a","of":"e","phase":"later"}"#),
        raw(&deep),
        raw(&" ".repeat(MAX_BYTES + 1)),
        observation("e", "post", serde_json::json!({"changed": 5, "at": "then"})),
    ];
    let appended = open.append(batch).await;
    let codes: Vec<_> = appended
        .rejected
        .iter()
        .map(|r| (r.index, r.code))
        .collect();
    let expected: Vec<_> = (1..=6)
        .map(|index| (index, InvalidObservation))
        .chain([(7, TooDeep), (8, TooLarge)])
        .collect();
    assert_eq!(codes, expected);
    assert_eq!(appended.seqs, Some((Seq(1), Seq(2))));
}

/// A rejected event leaves no trace: the same key may come again in a good form.
pub async fn a_rejected_event_may_come_again(factory: Factory) {
    let open = Open::new(factory).await;
    let bad = r#"{"specversion":"9","id":"e","source":"/node/a","type":"t"}"#;
    assert_eq!(open.append(vec![text(bad), event("e")]).await.added(), 1);
    assert_eq!(**open.event("e").await.event.kind(), *"note");
}
