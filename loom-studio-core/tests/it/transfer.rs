//! Export and import: what comes back is what was there; what is cut or damaged is named, and what stands before it is kept.

use std::sync::Arc;

use loom_studio_core::conformance::start;
use loom_studio_core::*;

pub(crate) fn memory(clock: &Arc<ManualClock>) -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::clone(clock) as _,
        &RandomIds,
    ))
}

pub(crate) fn empty() -> Arc<dyn EventStore> {
    memory(&Arc::new(ManualClock::new(start())))
}

pub(crate) async fn append(
    store: &dyn EventStore,
    workspace: &str,
    session: &str,
    items: Vec<Incoming>,
) {
    let batch = AppendBatch {
        workspace: workspace.into(),
        session: session.into(),
        items,
    };
    store.append(batch).await.unwrap();
}

async fn export_of(store: &Arc<dyn EventStore>, filter: EventFilter) -> (String, Exported) {
    let mut export = Export::new(Arc::clone(store), filter, None).await.unwrap();
    let mut text = String::new();
    while let Some(lines) = export.next().await.unwrap() {
        assert!(lines.ends_with(b"\n"), "whole lines");
        text.push_str(std::str::from_utf8(&lines).unwrap());
    }
    (text, export.exported())
}

pub(crate) async fn export(store: &Arc<dyn EventStore>) -> String {
    export_of(store, EventFilter::default()).await.0
}

pub(crate) async fn import_with(
    store: &Arc<dyn EventStore>,
    options: ImportOptions,
    text: &[u8],
) -> (Result<()>, ImportReport) {
    let mut import = Import::new(Arc::clone(store), options);
    let result = async {
        // Pieces that end anywhere.
        for piece in text.chunks(777) {
            import.push(piece).await?;
        }
        import.finish().await
    }
    .await;
    (result, import.report().clone())
}

pub(crate) async fn import(store: &Arc<dyn EventStore>, text: &str) -> (Result<()>, ImportReport) {
    import_with(store, ImportOptions::default(), text.as_bytes()).await
}

async fn records(store: &Arc<dyn EventStore>) -> Vec<Record> {
    let head = store.stats().await.unwrap().last_seq;
    let mut subscription = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .await
        .unwrap();
    let mut records = Vec::new();
    while subscription.position() < head {
        records.extend(subscription.try_next(100).await.unwrap().unwrap().records);
    }
    records
}

/// All of a record but its time of receipt.
fn facts(record: &Record) -> String {
    match record {
        Record::Event(event) => format!(
            "{} {} {} {:?} {:?} {:?}",
            event.seq(),
            event.workspace(),
            event.session(),
            event.time().as_nanos(),
            event.stamps(),
            event.raw()
        ),
        Record::Observation(observation) => format!(
            "{} {} {} of {} {:?} {:?} {:?}",
            observation.seq,
            observation.workspace,
            observation.session,
            observation.of,
            observation.phase,
            observation.at.as_nanos(),
            observation.changed
        ),
    }
}

pub(crate) async fn all_facts(store: &Arc<dyn EventStore>) -> Vec<String> {
    records(store).await.iter().map(facts).collect()
}

fn event(id: &str) -> Incoming {
    Incoming::Event(
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"/a","type":"t"}}"#).into(),
    )
}

async fn of_ids(ids: &[&str]) -> Arc<dyn EventStore> {
    let store = empty();
    append(&*store, "w", "s", ids.iter().map(|id| event(id)).collect()).await;
    store
}

async fn stored_ids(store: &Arc<dyn EventStore>) -> Vec<String> {
    let records = records(store).await;
    let ids = records.iter().filter_map(Record::as_event);
    ids.map(|event| event.id().to_string()).collect()
}

#[tokio::test]
async fn the_lines_are_those_of_the_documentation() {
    let store = empty();
    let text = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{"n": 1.0e2}}"#;
    let observation =
        r#"{"source":"/a","of":"1","phase":"post","at":1767323045.5,"changed":{"x":1}}"#;
    let pretty = "{\n\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"t\"}";
    let items = vec![
        Incoming::Event(text.into()),
        Incoming::Observation(observation.into()),
        Incoming::Event(pretty.into()),
    ];
    append(&*store, "w", "s", items).await;
    let expected = format!(
        r#"{{"format":"loom-studio.log","version":1,"epoch":"{}","after_seq":0,"through_seq":3,"filter":{{}}}}
{{"seq":1,"workspace":"w","session":"s","received":"2026-01-02T03:04:05Z","time":"2026-01-02T03:04:05Z","event":{text}}}
{{"seq":2,"workspace":"w","session":"s","received":"2026-01-02T03:04:05Z","observation":{{"source":"/a","of":"1","phase":"post","at":"2026-01-02T03:04:05.5Z","changed":{{"x":1}}}}}}
{{"seq":3,"workspace":"w","session":"s","received":"2026-01-02T03:04:05Z","time":"2026-01-02T03:04:05Z","raw":"{{\n\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"t\"}}"}}
{{"end":{{"events":2,"observations":1,"orphans":0,"deleted":0}}}}
"#,
        store.epoch()
    );
    let expected = expected.replace("{\n\"spec", "{\\n\\\"spec");
    let expected = expected.replace(
        r#"version":"1.0","id":"2","source":"/a","type":"t"}"}"#,
        r#"version\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"t\"}"}"#,
    );
    assert_eq!(export(&store).await, expected);
    for line in expected.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
    }
}

#[tokio::test]
async fn the_example_of_the_documentation_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/export-format.md");
    let page = std::fs::read_to_string(path).unwrap();
    let lines = page.find("```\n{\"format\"").unwrap();
    let example = page[lines..].split("```").nth(1).unwrap();
    let store = empty();
    import(&store, example).await.0.unwrap();
    let records = records(&store).await;
    let events: Vec<_> = records.iter().filter_map(Record::as_event).collect();
    let times = events.iter().map(|event| event.time().to_rfc3339());
    assert_eq!(
        times.collect::<Vec<_>>(),
        ["2026-01-02T03:04:05.5Z", "2026-01-02T03:04:06.2Z"]
    );
    assert!(
        events[1]
            .raw()
            .starts_with(b"{\n  \"specversion\": \"1.0\"")
    );
    let again = export(&store).await;
    let last = |text: &str| text.trim_end().lines().last().unwrap().to_owned();
    assert_eq!(last(&again), last(example));
    let line = |text: &str, number| text.trim_start().lines().nth(number).unwrap().to_owned();
    let end_of = |line: String| line.split_once("\"time\"").unwrap().1.to_owned();
    assert_eq!(end_of(line(&again, 1)), end_of(line(example, 1)));
    assert_eq!(end_of(line(&again, 3)), end_of(line(example, 3)));
}

#[tokio::test]
async fn a_damaged_line_is_named_and_what_stands_before_it_is_kept() {
    let text = export(&of_ids(&["1", "2", "3", "4"]).await).await;
    let damages: [(&str, &str, &str); 8] = [
        (r#""id":"3""#, r#""id":"3"#, "line 4: it is no JSON object"),
        (
            "\"session\":\"s\"",
            "\"session\":5",
            "line 4: \"session\" is missing or wrong",
        ),
        (
            "\"time\":\"2026",
            "\"time\":\"26",
            "line 4: \"time\" is missing or wrong",
        ),
        (
            "\"event\":",
            "\"thing\":",
            "line 4: it holds neither an event nor an observation",
        ),
        ("{\"seq\":3", "[{\"seq\":3", "line 4: it is no JSON object"),
        (
            "{\"seq\":3",
            "{\"format\":\"loom-studio.log\",\"version\":1,\"seq\":3",
            "line 4: an export begins here",
        ),
        (
            "{\"seq\":3",
            "{\"end\":{},\"seq\":3",
            "line 4: \"end\" is missing or wrong",
        ),
        (
            "\"workspace\":\"w\"",
            "\"workspace\":null",
            "line 4: \"workspace\"",
        ),
    ];
    for (good, bad, message) in damages {
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let line = if index == 3 {
                    line.replace(good, bad)
                } else {
                    line.to_owned()
                };
                line + "\n"
            })
            .collect();
        let store = empty();
        let (result, report) = import(&store, &lines.concat()).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!((report.added, report.lines), (2, 4), "{error}");
        assert_eq!(stored_ids(&store).await, ["1", "2"], "{error}");
    }
}

#[tokio::test]
async fn lines_that_are_missing_or_doubled_are_noticed_at_the_end() {
    let text = export(&of_ids(&["1", "2", "3"]).await).await;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let [header, one, two, three, end] = *lines.as_slice() else {
        panic!("{text}")
    };
    for (parts, read) in [
        (vec![header, one, three, end], 2),
        (vec![header, one, two, two, three, end], 4),
    ] {
        let (result, report) = import(&empty(), &parts.concat()).await;
        let message = result.unwrap_err().to_string();
        assert!(
            message.contains(&format!(
                "had 3 events and 0 observations, but {read} and 0 came"
            )),
            "{message}"
        );
        assert_eq!(report.events, read);
    }
    let (result, _) = import(&empty(), &[header, one, two, three].concat()).await;
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("line 4: the input is cut off after it") && message.contains("3 events"),
        "{message}"
    );
    for (other, message) in [
        ("", "the input is empty"),
        (
            one,
            "line 1: an export begins with a line that names its format",
        ),
        (
            "{\"format\":\"x\"}\n",
            "line 1: \"format\" is missing or wrong",
        ),
        (
            "{\"format\":\"loom-studio.log\",\"version\":2}\n",
            "line 1: version 2 of the format is newer",
        ),
        ("hello\n", "line 1: it is no JSON object"),
    ] {
        let error = import(&empty(), other).await.0.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[tokio::test]
async fn exports_may_follow_one_another_with_blank_lines_and_carriage_returns() {
    let (first, second) = (
        export(&of_ids(&["1", "2"]).await).await,
        export(&of_ids(&["2", "3"]).await).await,
    );
    let text = format!("{first}\n{second}").replace('\n', "\r\n");
    let store = empty();
    let (result, report) = import(&store, text.trim_end()).await;
    result.unwrap();
    assert_eq!(stored_ids(&store).await, ["1", "2", "3"]);
    assert_eq!((report.added, report.duplicates, report.events), (3, 1, 4));
}

#[tokio::test]
async fn rejected_records_are_told_with_their_line() {
    let text = export(&of_ids(&["1", "2", "3"]).await).await;
    let text = text.replace(r#""id":"2","source":"/a""#, r#""id":"2","source":"""#);
    let store = empty();
    let (result, report) = import(&store, &text).await;
    result.unwrap();
    assert_eq!(stored_ids(&store).await, ["1", "3"]);
    assert_eq!(report.added, 2);
    assert_eq!(report.rejected.get("missing_source"), Some(&1));
    let [rejected] = report.first_rejected.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(
        (rejected.line, rejected.code),
        (3, RejectCode::MissingSource)
    );
}

#[tokio::test]
async fn workspace_and_session_can_be_others() {
    let text = export(&of_ids(&["1"]).await).await;
    let store = empty();
    let options = ImportOptions {
        workspace: Some("there".into()),
        session: Some("theirs".into()),
        ..ImportOptions::default()
    };
    let (result, _) = import_with(&store, options, text.as_bytes()).await;
    result.unwrap();
    let records = records(&store).await;
    let event = records[0].as_event().unwrap();
    assert_eq!(
        (&**event.workspace(), &**event.session()),
        ("there", "theirs")
    );
}

#[tokio::test]
async fn a_line_has_a_bound() {
    let text = export(&of_ids(&["1", "2"]).await).await;
    let options = ImportOptions {
        max_line_bytes: 300,
        ..ImportOptions::default()
    };
    let long = text.replace(r#""id":"2""#, &format!(r#""id":"{}""#, "x".repeat(300)));
    let store = empty();
    let (result, _) = import_with(&store, options, long.as_bytes()).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("line 3: it is longer than 300 bytes"),
        "{error}"
    );
    assert_eq!(stored_ids(&store).await, ["1"]);
}

#[tokio::test]
async fn a_filter_takes_the_observations_of_its_events_along() {
    let store = of_ids(&["1", "2"]).await;
    let observation =
        |of: &str| format!(r#"{{"source":"/a","of":"{of}","phase":"post","at":1767323045.5}}"#);
    let items = ["1", "2"].map(|of| Incoming::Observation(observation(of).into()));
    append(&*store, "w", "s", items.to_vec()).await;
    append(&*store, "other", "s", vec![event("1")]).await;
    let filter = EventFilter {
        id: Some("2".to_owned()),
        kind: Some(Pattern::Prefix("t".to_owned())),
        ..EventFilter::workspace("w")
    };
    let (text, exported) = export_of(&store, filter).await;
    assert!(
        text.starts_with(r#"{"format":"#)
            && text.contains(r#""filter":{"workspace":"w","type":"t*","id":"2"}"#),
        "{text}"
    );
    assert_eq!((exported.events, exported.observations), (1, 1), "{text}");
    let there = empty();
    import(&there, &text).await.0.unwrap();
    let facts = all_facts(&there).await;
    assert_eq!(facts.len(), 2);
    assert!(facts[1].contains("of 1 Post"), "{facts:?}");
}

#[tokio::test]
async fn what_is_gone_is_counted() {
    let options = MemoryStoreOptions {
        max_records: 32,
        ..MemoryStoreOptions::default()
    };
    let clock = Arc::new(ManualClock::new(start()));
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new(options, clock, &RandomIds));
    let one_by_one = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            append(&*store, "w", "s", vec![event(&number.to_string())]).await;
        }
    };
    one_by_one(0..31).await;
    let observation = r#"{"source":"/a","of":"0","phase":"post"}"#;
    append(
        &*store,
        "w",
        "s",
        vec![Incoming::Observation(observation.into())],
    )
    .await;
    one_by_one(31..41).await;
    let first = store.stats().await.unwrap().first_seq.0;
    assert!(first > 1 && first <= 32);
    let mut export = Export::new(Arc::clone(&store), EventFilter::default(), None)
        .await
        .unwrap();
    let target = export.exported().target.0;
    assert_eq!(target, 42);
    // While it is on its way, its first records leave.
    one_by_one(50..54).await;
    let next_first = store.stats().await.unwrap().first_seq.0;
    let mut text = Vec::new();
    while let Some(lines) = export.next().await.unwrap() {
        text.extend_from_slice(&lines);
    }
    let exported = export.exported();
    assert_eq!(exported.deleted, next_first - first);
    assert_eq!(exported.orphans, 1, "the observed event is gone");
    assert_eq!(exported.events + exported.orphans, target - next_first + 1);
    let there = empty();
    let (result, report) = import(&there, std::str::from_utf8(&text).unwrap()).await;
    result.unwrap();
    assert_eq!(report.added, exported.events);
}

#[tokio::test]
async fn an_export_ends_where_the_head_was_or_earlier() {
    let store = of_ids(&["1", "2", "3"]).await;
    let mut export = Export::new(Arc::clone(&store), EventFilter::default(), Some(Seq(2)))
        .await
        .unwrap();
    append(&*store, "w", "s", vec![event("4")]).await;
    let text = export.next().await.unwrap().unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(
        text.contains(r#""through_seq":2"#) && !text.contains(r#""id":"3""#),
        "{text}"
    );
    assert_eq!(export.next().await.unwrap(), None);
    let nothing = export_of(&empty(), EventFilter::default()).await;
    assert_eq!(nothing.1, Exported::default());
    let (result, report) = import(&empty(), &nothing.0).await;
    result.unwrap();
    assert_eq!(report.added, 0);
}

/// What changed may be as large as two events, and as deep as one.
#[tokio::test]
async fn the_largest_observation_comes_back() {
    let store = empty();
    let deep = format!("{}1{}", "[".repeat(63), "]".repeat(63));
    let event = |filler: &str, phase: &str, deep: &str| {
        let names = (0..8).map(|n| format!(r#""{filler}{n}":"{}","#, filler.repeat(120_000)));
        let names = names.collect::<Vec<_>>().concat();
        let json = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t",{names}"extensions":{{"studio_phase":"{phase}"}},"data":{deep}}}"#
        );
        Incoming::Event(json.into())
    };
    append(&*store, "w", "s", vec![event("x", "pre", "1")]).await;
    append(&*store, "w", "s", vec![event("y", "post", &deep)]).await;
    let expected = all_facts(&store).await;
    assert_eq!(expected.len(), 2);
    let there = empty();
    let (result, report) = import(&there, &export(&store).await).await;
    result.unwrap();
    assert!(report.rejected.is_empty(), "{report:?}");
    assert_eq!(all_facts(&there).await, expected);
}
