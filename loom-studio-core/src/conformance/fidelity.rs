//! What is stored is what was sent.

use serde_json::{Value, json};

use super::support::{HERE, Open, SESSION, all, event_with, text};
use super::{Factory, start};
use crate::clock::Timestamp;
use crate::event::{Outcome, Stamps};
use crate::store::{EventFilter, Incoming};

/// "The JSON text of an event is returned byte for byte": spaces, escapes, number forms, member order, repeated names.
pub async fn texts_come_back_byte_for_byte(factory: Factory) {
    let texts = [
        r#" { "specversion" : "1.0" ,"id":"1","source":"/a","type":"t" }  "#,
        "\n{\t\"id\":\"2\",\r\n\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/a\"}\n",
        r#"{"specversion":"1.0","id":"3","source":"/a","type":"t","data":{"z":1,"a":1.0e2,"big":123456789012345678901234567890,"tiny":1E-400,"minus":-0}}"#,
        r#"{"specversion":"1.0","id":"4","source":"/a","type":"t","data":"\u00e9\u0000\/\ud83d\ude00\"\\ 😀 é"}"#,
        r#"{"specversion":"1.0","id":"x","id":"5","source":"/a","type":"t","data":{"k":1,"k":2},"data":{"k":3}}"#,
        r#"{"specversion":"1.0","id":"6","source":"/a","type":"t","extensions":{"studio_phase":"post","studio_timestamp":1767323045.5},"traceparent":null,"dataschema":null}"#,
        r#"{"specversion":"1.0","id":"7","source":"/a","type":"t","data":"\ud800 half a pair"}"#,
        r#"{"specversion":"1.0","id":"8","source":"/a","type":"t","data_base64":"AAH/","datacontenttype":"image/png"}"#,
        r#"{"specversion":"1.0","id":"9","source":"/a","type":"t","data":null}"#,
        r#"{"sp\u0065cversion":"1.0","\u0069d":"10","source":"/a","type":"t"}"#,
    ];
    let open = Open::new(factory).await;
    let batch = texts.iter().map(|json| text(json)).collect();
    let appended = open.append(batch).await;
    assert_eq!(appended.rejected, []);
    let page = open.page(&all(EventFilter::default())).await;
    for (stored, (number, json)) in page.events.iter().zip((1..).zip(texts)) {
        assert_eq!(**stored.event.id(), number.to_string());
        assert_eq!(stored.event.raw(), json);
    }
    assert_eq!(page.events.len(), texts.len());
}

/// "Members only Studio may set are left out", however their names are written; members of `data` with such names are the sender's.
pub async fn reserved_members_are_left_out(factory: Factory) {
    let cases = [
        (
            r#"{"specversion":"1.0","studioseq":7,"id":"1","source":"/a","type":"t"}"#,
            r#"{"specversion":"1.0","id":"1","source":"/a","type":"t"}"#,
        ),
        (
            r#"{"studioreceived":"x","studiodispatched":null,"specversion":"1.0","id":"2","source":"/a","type":"t","n":1.50,"studiopublished":{"a":[1]}}"#,
            r#"{"specversion":"1.0","id":"2","source":"/a","type":"t","n":1.50}"#,
        ),
        (
            r#"{"\u0073tudioseq":7,"specversion":"1.0","id":"3","source":"/a","type":"t"}"#,
            r#"{"specversion":"1.0","id":"3","source":"/a","type":"t"}"#,
        ),
        (
            r#"{"specversion":"1.0","id":"4","source":"/a","type":"t","studiosession":"s","studioseqs":1,"data":{"studioseq":1}}"#,
            r#"{"specversion":"1.0","id":"4","source":"/a","type":"t","studiosession":"s","studioseqs":1,"data":{"studioseq":1}}"#,
        ),
    ];
    let open = Open::new(factory).await;
    for (sent, kept) in cases {
        let event = open.stored(sent).await;
        assert_eq!(event.raw(), kept);
        let data = (**event.id() == *"4").then_some(r#"{"studioseq":1}"#);
        assert_eq!(event.data(), data);
    }
}

/// The decoded attributes agree with the text.
pub async fn the_envelope_is_what_the_text_says(factory: Factory) {
    let open = Open::new(factory).await;
    let event = open
        .stored(
            r#"{"specversion":"1.0","id":"r\u00e9ply","source":"crew/b","type":"node.response","subject":"node/a","time":"2026-01-02T04:04:04.5+01:00",
            "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","causationid":"cause","studiosession":"mine","data":{"request_id":"req","result":{"error":"no"}}}"#,
        )
        .await;
    assert_eq!((&**event.id(), &**event.source()), ("réply", "crew/b"));
    assert_eq!(&**event.kind(), "node.response");
    assert_eq!(event.from().as_str(), "/node/crew/b");
    assert_eq!(event.to().map(crate::NodeId::as_str), Some("/node/a"));
    assert_eq!(
        event.time(),
        Timestamp::from_micros(start().as_micros() - 500_000)
    );
    let trace = event.trace().unwrap();
    assert_eq!(trace.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(trace.span.to_string(), "b7ad6b7169203331");
    assert_eq!(event.causation_id().map(AsRef::as_ref), Some("cause"));
    assert_eq!(event.request_id().map(AsRef::as_ref), Some("req"));
    assert_eq!(event.outcome(), Outcome::Error);
    assert_eq!((&**event.workspace(), &**event.session()), (HERE, "mine"));
    assert_eq!(
        event.data(),
        Some(r#"{"request_id":"req","result":{"error":"no"}}"#)
    );
    let plain = open
        .stored(r#"{"specversion":"1.0","id":"p","source":"a","type":"t"}"#)
        .await;
    assert_eq!(**plain.session(), *SESSION);
    assert_eq!(
        (plain.to(), plain.trace(), plain.data()),
        (None, None, None)
    );
    assert_eq!(plain.outcome(), Outcome::None);
    assert_eq!((plain.received(), plain.time()), (start(), start()));
}

/// A client reads the members it sent, and Studio's own.
pub async fn what_a_client_reads_is_what_was_sent_and_studio_members(factory: Factory) {
    let open = Open::new(factory).await;
    let sent = json!({"specversion": "1.0", "id": "e", "source": "/a", "type": "t", "data": {"x": [1, null]}});
    let event = open.stored(&format!(" {sent}\n ")).await;
    let read = |stamps| {
        let mut out = Vec::new();
        event.write_json(stamps, &mut out);
        serde_json::from_slice::<Value>(&out).unwrap()
    };
    let mut expected = sent;
    expected["studioseq"] = json!(1);
    expected["studioreceived"] = json!("2026-01-02T03:04:05.000000Z");
    assert_eq!(read(Stamps::default()), expected);
    expected["studiodispatched"] = json!("2026-01-02T03:04:05.000000Z");
    expected["studiopublished"] = json!("2026-01-02T03:04:05.000001Z");
    let stamps = Stamps {
        dispatched: Some(start()),
        published: Some(Timestamp::from_micros(start().as_micros() + 1)),
    };
    assert_eq!(read(stamps), expected);
}

/// An event is filed under its own time where that is plausible, else the interceptor's stamp, else the time of receipt.
pub async fn time_falls_back_to_stamp_and_receipt(factory: Factory) {
    let open = Open::new(factory).await;
    let micros = |text: &str| Timestamp::parse_rfc3339(text).unwrap().as_micros();
    let now = start().as_micros();
    let stamped = json!({"studio_timestamp": (now - 7_000_000) as f64 / 1e6});
    let cases = [
        (
            json!({"time": "2026-01-01T00:00:00Z"}),
            micros("2026-01-01T00:00:00Z"),
        ),
        (json!({"time": "2026-01-02T03:09:05Z"}), now + 300_000_000),
        (json!({"time": "2026-01-02T03:09:05.000001Z"}), now),
        (json!({"time": "1999-12-31T23:59:59Z"}), now),
        (json!({"time": "yesterday"}), now),
        (json!({"time": null}), now),
        (json!({"time": 5, "extensions": stamped}), now - 7_000_000),
        (
            json!({"time": "2027-01-01T00:00:00Z", "extensions": stamped}),
            now - 7_000_000,
        ),
        (json!({"extensions": {"studio_timestamp": 12}}), now),
        (json!({}), now),
    ];
    let batch: Vec<Incoming> = cases
        .iter()
        .enumerate()
        .map(|(n, (members, _))| event_with(&n.to_string(), members.clone()))
        .collect();
    open.append(batch).await;
    let page = open.page(&all(EventFilter::default())).await;
    for (stored, (members, expected)) in page.events.iter().zip(&cases) {
        assert_eq!(stored.event.time().as_micros(), *expected, "{members}");
        assert_eq!(stored.event.received(), start());
    }
    assert_eq!(page.events.len(), cases.len());
}
