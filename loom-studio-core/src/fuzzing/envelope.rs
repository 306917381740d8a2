//! The envelope's own scanner, against serde_json.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{Envelope, EventLimits, RejectCode};

/// Decoding takes what serde_json takes, and reads the same attributes.
pub fn envelope(json: &[u8]) {
    let limits = EventLimits::default();
    let decoded = Envelope::decode(json, &limits);
    match &decoded {
        Err(reject) => {
            // From bytes, serde_json doesn't look into strings that it ignores.
            let text = std::str::from_utf8(json);
            let is_json = text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
            match reject.code {
                RejectCode::InvalidJson => assert!(!is_json, "{reject}"),
                RejectCode::TooLarge => assert!(json.len() > limits.max_bytes),
                RejectCode::TooDeep => {}
                _ => assert!(is_json, "{reject}"),
            }
        }
        Ok(envelope) => agree(json, envelope),
    }
}

/// What serde_json can't hold in its strings and numbers (half a surrogate pair, 1e999) is JSON all the same.
fn agree(json: &[u8], envelope: &Envelope<'_>) {
    assert!(
        serde_json::from_slice::<IgnoredAny>(json).is_ok(),
        "taken, and no JSON"
    );
    let Ok(Value::Object(members)) = serde_json::from_slice(json) else {
        return;
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    assert_eq!(text("specversion"), Some("1.0"));
    assert_eq!(text("id"), Some(&*envelope.id));
    assert_eq!(text("source"), Some(&*envelope.source));
    assert_eq!(text("type"), Some(&*envelope.kind));
    assert!(![&envelope.id, &envelope.source, &envelope.kind].contains(&&"".into()));
    let subject = text("subject").filter(|subject| !subject.is_empty());
    assert_eq!(subject, envelope.subject.as_deref());
    let nested = members.get("extensions");
    let either = |name: &str| {
        let filled = |text: &&str| !text.is_empty();
        let nested = || nested?.get(name)?.as_str().filter(filled);
        text(name).filter(filled).or_else(nested)
    };
    assert_eq!(either("causationid"), envelope.causation_id.as_deref());
    assert_eq!(either("studiosession"), envelope.session.as_deref());
    let data = envelope.data.clone().map(|range| &json[range]);
    let data = data.map(|data| serde_json::from_slice(data).expect("data is JSON"));
    assert_eq!(members.get("data").cloned(), data);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"specversion":"1.0","id":"1","source":"/node/a","type":"node.request","subject":"b","time":"2026-01-02T03:04:05Z","data":{"arguments":[1,2.5e3,null]}}"#,
        r#"{ "specversion" : "1.0", "id":"\u00e9\"","source":"a","type":"t","extensions":{"studio_phase":"post","studio_timestamp":1767323045.5,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"data":{"request_id":"q","result":{"error":"x"}} }"#,
        r#"{"specversion":"1.0","id":"a","id":"b","source":"s","type":"node.response","subject":null,"causationid":"c","studiosession":"思考","studioseq":5,"data":[[[{"a":"]"}]],"\ud83d\ude00",true,-0.0]}"#,
        "[1]",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
