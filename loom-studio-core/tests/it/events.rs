//! Events: the fixtures, and properties of whatever can be written as JSON.

use std::fs;
use std::path::Path;

use futures::FutureExt as _;
use loom_studio_core::conformance::start;
use loom_studio_core::*;
use proptest::collection::{hash_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/cloudevents")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn decode(json: &[u8]) -> Result<Envelope<'_>, RejectCode> {
    Envelope::decode(json, &EventLimits::default()).map_err(|reject| reject.code)
}

fn store() -> MemoryStore {
    let clock = ManualClock::new(start());
    MemoryStore::new(
        MemoryStoreOptions::default(),
        std::sync::Arc::new(clock),
        &RandomIds,
    )
}

/// Stores one event and reads it back.
fn stored(item: Incoming) -> Result<std::sync::Arc<Event>, RejectCode> {
    let store = store();
    let batch = AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items: vec![item],
    };
    let appended = store.append(batch).now_or_never().unwrap().unwrap();
    if let Some(rejected) = appended.rejected.first() {
        return Err(rejected.code);
    }
    let record = store.get(Seq(1)).now_or_never().unwrap().unwrap().unwrap();
    Ok(record.into_event().unwrap().event)
}

#[test]
fn valid_and_lenient_fixtures_are_stored_as_they_are() {
    for (name, json) in ["valid", "lenient", "loom"].into_iter().flat_map(fixtures) {
        let event = stored(Incoming::Event(json.clone().into()))
            .unwrap_or_else(|code| panic!("{name}: {code:?}"));
        if name == "studio_members_of_another_server" {
            assert!(
                !String::from_utf8_lossy(event.raw()).contains("studio"),
                "{name}"
            );
        } else {
            assert_eq!(event.raw(), &json[..], "{name}");
        }
        check_against_oracle(&json);
    }
}

#[test]
fn invalid_fixtures_are_rejected_with_the_code_they_name() {
    let mut codes = std::collections::BTreeSet::new();
    for (name, json) in fixtures("invalid") {
        let code = name.split("--").next().unwrap();
        assert_eq!(
            decode(&json).map_err(RejectCode::as_str).map(|_| ()),
            Err(code),
            "{name}"
        );
        assert_eq!(
            stored(Incoming::Event(json.into()))
                .map_err(RejectCode::as_str)
                .map(|_| ()),
            Err(code),
            "{name}"
        );
        codes.insert(code.to_owned());
    }
    // Size is tested where the bytes are made; observations are no CloudEvents.
    let all = [
        "invalid_json",
        "missing_id",
        "missing_source",
        "missing_type",
        "not_an_object",
        "too_deep",
        "unsupported_specversion",
    ];
    assert_eq!(codes.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

/// A batch is an array of events: no event itself, and each of its members is judged alone.
#[test]
fn batches_are_judged_event_by_event() {
    for (name, json) in fixtures("batch") {
        assert_eq!(
            decode(&json).map(|_| ()),
            Err(RejectCode::NotAnObject),
            "{name}"
        );
        let events: Vec<&RawValue> = serde_json::from_slice(&json).unwrap();
        let codes: Vec<_> = events
            .iter()
            .map(|event| decode(event.get().as_bytes()).err())
            .collect();
        let expected = match name.as_str() {
            "empty" => vec![],
            "one" => vec![None],
            "two" => vec![None, None],
            "one_bad_among_good" => vec![None, Some(RejectCode::MissingId), None],
            other => panic!("no expectation for {other}"),
        };
        assert_eq!(codes, expected, "{name}");
    }
}

#[test]
fn loom_events_are_understood() {
    let event = |name: &str| {
        let (_, json) = fixtures("loom")
            .into_iter()
            .find(|(found, _)| found == name)
            .unwrap();
        stored(Incoming::Event(json.into())).unwrap()
    };
    let request = event("node_request");
    assert_eq!(request.from().as_str(), "/user/sdk");
    assert_eq!(request.to().map(NodeId::as_str), Some("/node/crew/master"));
    assert_eq!(request.phase(), Some(Phase::Post));
    assert_eq!(
        request.stamps().published,
        Some(Timestamp::from_micros(1_767_323_045_701_300))
    );
    assert_eq!(
        request.trace().unwrap().trace.to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(
        request.time(),
        Timestamp::from_micros(1_767_323_045_678_902)
    );
    assert!(event("pre_phase").stamps().dispatched.is_some());
    for (name, outcome) in [
        ("node_response_of_a_tool", Outcome::Ok),
        ("node_response_of_an_agent", Outcome::Ok),
        ("node_response_with_error", Outcome::Error),
        ("node_error", Outcome::Error),
        ("agent_thought", Outcome::None),
    ] {
        let event = event(name);
        assert_eq!(event.outcome(), outcome, "{name}");
        assert_eq!(
            event.request_id().is_some(),
            outcome != Outcome::None,
            "{name}"
        );
    }
}

/// What an envelope must hold, found by way of a document tree.
#[derive(Debug, PartialEq)]
struct Expected {
    id: String,
    source: String,
    kind: String,
    subject: Option<String>,
    time: Option<Timestamp>,
    trace: Option<TraceContext>,
    causation_id: Option<String>,
    session: Option<String>,
    phase: Option<Phase>,
    stamp: Option<Timestamp>,
    request_id: Option<String>,
    outcome: Outcome,
    data: Option<Value>,
    has_reserved: bool,
}

const RESERVED: [&str; 4] = [
    "studioseq",
    "studioreceived",
    "studiodispatched",
    "studiopublished",
];

fn oracle(value: &Value) -> Result<Expected, RejectCode> {
    let Value::Object(members) = value else {
        return Err(RejectCode::NotAnObject);
    };
    if members.get("specversion") != Some(&json!("1.0")) {
        return Err(RejectCode::UnsupportedSpecversion);
    }
    let filled = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let required = |name: &str, code| filled(members.get(name)).ok_or(code);
    let id = required("id", RejectCode::MissingId)?;
    let source = required("source", RejectCode::MissingSource)?;
    let kind = required("type", RejectCode::MissingType)?;
    let nested = |name: &str| {
        members
            .get("extensions")
            .and_then(|extensions| extensions.get(name))
    };
    let either = |name: &str| filled(members.get(name)).or_else(|| filled(nested(name)));
    let number = |value: Option<&Value>| match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let data = members.get("data");
    let request_id = filled(data.and_then(|data| data.get("request_id")));
    let failed = match data
        .and_then(|data| data.get("result"))
        .and_then(|result| result.get("error"))
    {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    let outcome = match (kind.as_str(), &request_id) {
        ("node.error", _) => Outcome::Error,
        (_, Some(_)) if failed => Outcome::Error,
        (_, Some(_)) => Outcome::Ok,
        (_, None) => Outcome::None,
    };
    let phase = either("studio_phase");
    Ok(Expected {
        subject: filled(members.get("subject")),
        time: members
            .get("time")
            .and_then(Value::as_str)
            .and_then(Timestamp::parse_rfc3339),
        trace: either("traceparent").and_then(|text| text.parse().ok()),
        causation_id: either("causationid"),
        session: either("studiosession"),
        phase: phase.and_then(|phase| phase.parse().ok()),
        stamp: number(members.get("studio_timestamp"))
            .or_else(|| number(nested("studio_timestamp")))
            .and_then(Timestamp::from_epoch_seconds),
        request_id,
        outcome,
        data: data.cloned(),
        has_reserved: members.keys().any(|name| RESERVED.contains(&name.as_str())),
        id,
        source,
        kind,
    })
}

/// Compares decoder and oracle on a text, whatever it is.
fn check_against_oracle(json: &[u8]) {
    let found = decode(json);
    let value = match serde_json::from_slice::<Value>(json) {
        Ok(value) => value,
        Err(error) => {
            // A document tree can't hold a number out of range or half a surrogate pair; the text may be JSON all the same.
            let is_json = serde_json::from_slice::<&RawValue>(json).is_ok();
            assert!(
                is_json || matches!(found, Err(RejectCode::InvalidJson | RejectCode::TooDeep)),
                "{error}: {found:?}"
            );
            return;
        }
    };
    let found = found.map(|envelope| Expected {
        id: envelope.id.into(),
        source: envelope.source.into(),
        kind: envelope.kind.into(),
        subject: envelope.subject.map(Into::into),
        time: envelope.time,
        trace: envelope.trace,
        causation_id: envelope.causation_id.map(Into::into),
        session: envelope.session.map(Into::into),
        phase: envelope.phase,
        stamp: envelope.stamp,
        request_id: envelope.request_id.map(Into::into),
        outcome: envelope.outcome,
        data: envelope
            .data
            .map(|range| serde_json::from_slice(&json[range]).unwrap()),
        has_reserved: envelope.has_reserved,
    });
    if found != Err(RejectCode::TooDeep) {
        assert_eq!(found, oracle(&value), "{}", String::from_utf8_lossy(json));
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z./:-]{0,12}", 1 => any::<String>(), 1 => Just(String::new())]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e12..1e12_f64).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    let names = prop_oneof![
        select(
            &[
                "request_id",
                "result",
                "error",
                "arguments",
                "id",
                "data",
                "studioseq"
            ][..]
        )
        .prop_map(str::to_owned),
        texts()
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(names.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Values that mean something for a member, and any other.
fn member(name: &'static str) -> impl Strategy<Value = Value> {
    let sensible = match name {
        "specversion" => vec![json!("1.0")],
        "type" => vec![
            json!("node.response"),
            json!("node.error"),
            json!("node.request"),
            json!("agent.thought"),
        ],
        "time" => vec![
            json!("2026-01-02T03:04:05.678901Z"),
            json!("2026-01-02T05:04:05+02:00"),
            json!("then"),
        ],
        "traceparent" => vec![
            json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            json!("00-0-0-0"),
        ],
        "studio_phase" => vec![json!("pre"), json!("post"), json!("other")],
        "studio_timestamp" => vec![json!(1_767_323_045.25), json!("1767323045"), json!(1e300)],
        "data" => vec![
            json!({"request_id": "r", "result": {"error": "e"}}),
            json!({"request_id": "r", "result": {"error": ""}}),
            json!({"request_id": "r"}),
            json!({"request_id": "r", "result": ["a list", "is no error"]}),
            json!(["r", "b", "c"]),
        ],
        "extensions" => vec![
            json!({"studio_phase": "post", "studio_timestamp": 1_767_323_045.5, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "studiosession": "s", "causationid": "c"}),
        ],
        _ => vec![json!("x"), json!("crew/a"), json!("\u{e9}\"\\")],
    };
    prop_oneof![8 => select(sensible), 1 => values(), 1 => Just(Value::Null)]
}

const MEMBERS: [&str; 15] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "traceparent",
    "causationid",
    "studiosession",
    "studio_phase",
    "studio_timestamp",
    "extensions",
    "data",
    "studioseq",
    "anything",
];

/// The text of an object that is an event, or nearly: members in any order, some of them twice, spaced or not.
fn event_texts() -> impl Strategy<Value = String> {
    let required = MEMBERS[..4]
        .iter()
        .map(|name| (Just(*name), prop::option::weighted(0.97, member(name))))
        .collect::<Vec<_>>();
    let optional = MEMBERS[4..]
        .iter()
        .map(|name| (Just(*name), of(member(name))))
        .collect::<Vec<_>>();
    let again = of(select(&MEMBERS[..]).prop_flat_map(|name| (Just(name), member(name))));
    (required, optional, again, any::<bool>(), any::<u64>()).prop_map(
        |(required, optional, again, spaced, order)| {
            let mut members: Vec<(&str, Value)> = required
                .into_iter()
                .chain(optional)
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            let turn = order as usize % members.len().max(1);
            members.rotate_left(turn);
            members.extend(again.filter(|_| order % 4 == 0));
            let (open, colon) = if spaced { (" {\n", "\t: ") } else { ("{", ":") };
            let body: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    let value = if spaced {
                        serde_json::to_string_pretty(value)
                    } else {
                        serde_json::to_string(value)
                    };
                    format!("\"{name}\"{colon}{}", value.unwrap())
                })
                .collect();
            format!("{open}{}}}", body.join(","))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn decoding_agrees_with_a_document_tree(json in event_texts()) {
        check_against_oracle(json.as_bytes());
    }

    #[test]
    fn mangled_events_are_refused_or_understood(
        json in event_texts(),
        edits in vec((any::<Index>(), select(&b"\"{}[],:\\0eE.-+tfn u\x00\xff\xc3d8"[..])), 0..4),
        cut in of(any::<Index>()),
        doubled in of((any::<Index>(), any::<Index>())),
    ) {
        let mut bytes = json.into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((from, to)) = doubled {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, part);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check_against_oracle(&bytes);
        let _ = stored(Incoming::Event(bytes.clone().into()));
        let _ = stored(Incoming::Observation(bytes.into()));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        check_against_oracle(&bytes);
        let _ = ObservationDraft::decode(&bytes, &EventLimits::default());
        prop_assert!(stored(Incoming::Observation(bytes.into())).is_err());
    }

    #[test]
    fn what_is_read_back_is_what_was_sent(json in event_texts()) {
        let value: Value = serde_json::from_str(&json).unwrap();
        let Ok(event) = stored(Incoming::Event(json.clone().into())) else {
            prop_assert!(oracle(&value).is_err());
            return Ok(());
        };
        if !oracle(&value).unwrap().has_reserved {
            prop_assert_eq!(event.raw(), json.as_bytes());
        }
        let mut expected = value.as_object().unwrap().clone();
        expected.retain(|name, _| !RESERVED.contains(&name.as_str()));
        prop_assert_eq!(serde_json::from_slice::<Map<String, Value>>(event.raw()).unwrap(), expected.clone());
        let data = event.data().map(|data| serde_json::from_str::<Value>(data).unwrap());
        prop_assert_eq!(data.as_ref(), expected.get("data"));
        let mut out = Vec::new();
        event.write_json(Stamps::default(), &mut out);
        expected.insert("studioseq".into(), json!(1));
        expected.insert("studioreceived".into(), json!("2026-01-02T03:04:05.000000Z"));
        prop_assert_eq!(serde_json::from_slice::<Map<String, Value>>(&out).unwrap(), expected);
    }

    #[test]
    fn nodes_have_one_spelling(address in texts()) {
        let once = NodeId::normalize(&address).into_owned();
        prop_assert_eq!(NodeId::normalize(&once), once.as_str());
    }
}

#[cfg(feature = "cloudevents")]
mod sdk {
    use super::*;

    /// An event that keeps every rule of CloudEvents 1.0 and its JSON format.
    fn spec_valid() -> impl Strategy<Value = Value> {
        let names = "[a-z][a-z0-9]{0,19}".prop_filter("an attribute", |name| {
            !MEMBERS.contains(&name.as_str()) && !name.starts_with("data") && name != "specversion"
        });
        let extension = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from)
        ];
        let data = prop_oneof![
            Just(json!({})),
            values().prop_map(|data| json!({"data": data, "datacontenttype": "application/json"})),
            any::<String>().prop_map(|data| json!({"data": data, "datacontenttype": "text/plain"})),
            // Bytes that aren't UTF-8: the SDK can't tell others from text.
            Just(json!({"data_base64": "/wAB", "datacontenttype": "application/octet-stream"})),
        ];
        let uris = select(&["https://example.com/a", "/node/a", "urn:x:y", "a/b"][..]);
        let times = of(select(
            &[
                "2026-01-02T03:04:05.678901Z",
                "2026-01-02T05:04:05+02:00",
                "2000-02-29T23:59:59Z",
            ][..],
        ));
        (
            "\\PC{1,12}",
            uris,
            "[a-z.]{1,12}",
            of("\\PC{1,12}"),
            times,
            hash_map(names, extension, 0..4),
            data,
        )
            .prop_map(|(id, source, kind, subject, time, extensions, data)| {
                let mut event =
                    json!({"specversion": "1.0", "id": id, "source": source, "type": kind});
                let members = event.as_object_mut().unwrap();
                members.extend(subject.map(|subject| ("subject".to_owned(), json!(subject))));
                members.extend(time.map(|time| ("time".to_owned(), json!(time))));
                members.extend(extensions);
                members.extend(data.as_object().unwrap().clone());
                event
            })
    }

    /// The same event, however its time is written.
    fn meaning(json: &[u8]) -> Value {
        let mut value: Value = serde_json::from_slice(json).unwrap();
        if let Some(time) = value.get_mut("time") {
            *time = json!(
                Timestamp::parse_rfc3339(time.as_str().unwrap())
                    .unwrap()
                    .to_string()
            );
        }
        value
    }

    proptest! {
        #[test]
        fn a_record_and_the_sdk_s_event_mean_the_same(event in spec_valid()) {
            let first = stored(Incoming::Event(event.to_string().into())).unwrap();
            let through = cloudevents::Event::try_from(&*first).unwrap();
            let second = stored(Incoming::try_from(&through).unwrap()).unwrap();
            prop_assert_eq!(meaning(second.raw()), meaning(first.raw()));
            prop_assert_eq!(cloudevents::Event::try_from(&*second).unwrap(), through);
        }
    }

    #[test]
    fn every_accepted_fixture_has_a_form_in_the_sdk() {
        for (name, json) in fixtures("valid").into_iter().chain(fixtures("loom")) {
            if name == "half_an_emoji_from_a_stream" {
                // No Rust string can hold it.
                continue;
            }
            let event = stored(Incoming::Event(json.clone().into())).unwrap();
            let converted = cloudevents::Event::try_from(&*event)
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
            // Where the SDK reads the text itself, it reads the same.
            if let Ok(direct) = serde_json::from_slice::<cloudevents::Event>(&json) {
                assert_eq!(converted, direct, "{name}");
            }
        }
    }

    #[test]
    fn what_the_sdk_lets_pass_is_refused() {
        use cloudevents::{EventBuilder as _, EventBuilderV10};
        let event = || EventBuilderV10::new().id("1").source("/a").ty("t");
        let check = |event: cloudevents::Event| {
            Incoming::try_from(&event)
                .map_err(|reject| reject.code)
                .map(|_| ())
        };
        assert_eq!(check(event().build().unwrap()), Ok(()));
        for name in ["BadName", "bad name", "bad_name", "", "id", "data"] {
            let bad = event().extension(name, "x").build().unwrap();
            assert_eq!(check(bad), Err(RejectCode::InvalidJson), "{name}");
        }
        assert_eq!(
            check(event().id("").build().unwrap()),
            Err(RejectCode::MissingId)
        );
        assert_eq!(
            check(event().ty("").build().unwrap()),
            Err(RejectCode::MissingType)
        );
        let old = cloudevents::EventBuilderV03::new()
            .id("1")
            .source("/a")
            .ty("t")
            .build()
            .unwrap();
        assert_eq!(check(old), Err(RejectCode::UnsupportedSpecversion));
    }
}
