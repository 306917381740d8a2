//! Laws of export and import: whatever the history and the clocks, what comes back is what was there; whatever is cut off is noticed.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::conformance::start;
use loom_studio_core::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::transfer::{all_facts, append, empty, export, import, import_with, memory};

/// An entry of a history: when, where, what.
type Entry = (u64, &'static str, &'static str, Incoming);

fn entry() -> impl Strategy<Value = Entry> {
    let id = select(vec![
        "1",
        "é😀",
        "a\\\"b",
        "l\\u0069ne\\nfeed",
        "5",
        "6",
        "7",
    ]);
    let source = select(vec!["/node/a", "node/b", "crew/思考"]);
    let time = select(vec![
        "",
        r#""time":"2026-01-02T03:04:05.123456789Z","#,
        r#""time":"1969-01-01T00:00:00Z","#,
        r#""time":"2026-01-02T03:12:05Z","#,
        r#""time":null,"#,
    ]);
    let extensions = select(vec![
        "",
        r#""extensions":{"studio_phase":"pre","studio_timestamp":1767323045.25},"#,
        r#""extensions":{"studio_phase":"post","studio_timestamp":12},"#,
        r#""extensions":{"studio_phase":"blocked"},"#,
        r#""studiosession":"mine","#,
    ]);
    let data = select(vec![
        r#""data":{"n":1.0e2,"big":123456789012345678901234567890}"#,
        r#""data":{"request_id":"5","result":{"error":"no"}}"#,
        r#""data":"\ud83d\ude00 \"x\" \\ é""#,
        "\n  \"data\" : {\r\n\t\"pretty\": [ ]\n  }",
        r#""data_base64":"AAH/""#,
    ]);
    let around = select(vec![("", ""), ("", "\n"), (" ", ""), ("\t", "\r\n")]);
    let kind = select(vec!["node.request", "node.response", "agent.thought"]);
    let event = (id.clone(), source.clone(), time, extensions, data, around, kind).prop_map(
        |(id, source, time, extensions, data, (before, after), kind)| {
            let json = format!(
                r#"{before}{{"specversion":"1.0","id":"{id}","source":"{source}",{time}{extensions}"type":"{kind}","subject":"/node/c",{data}}}{after}"#
            );
            Incoming::Event(json.into())
        },
    );
    let at = select(vec![
        "",
        r#","at":1767323045.5"#,
        r#","at":"1999-01-01T00:00:00Z""#,
    ]);
    let changed = select(vec![
        "",
        r#","changed":{"x":1.0e2}"#,
        ",\"changed\":{\n \"x\" : [] }",
    ]);
    let phase = select(vec!["pre", "post", "raised", "timeout"]);
    let observation =
        (id, source, phase, at, changed).prop_map(|(id, source, phase, at, changed)| {
            let json =
                format!(r#"{{"source":"{source}","of":"{id}","phase":"{phase}"{at}{changed}}}"#);
            Incoming::Observation(json.into())
        });
    let content = prop_oneof![3 => event, 2 => observation];
    (
        0..400_u64,
        select(vec!["default", "other \"tenant\""]),
        select(vec!["s1", "s2", "会话"]),
        content,
    )
}

/// A log of a history, each entry received when it says.
async fn log_of(history: &[Entry]) -> Arc<dyn EventStore> {
    let clock = Arc::new(ManualClock::new(start()));
    let store = memory(&clock);
    for (seconds, workspace, session, item) in history {
        clock.advance(Duration::from_secs(*seconds));
        append(&*store, workspace, session, vec![item.clone()]).await;
    }
    store
}

/// A file store whose clock stands somewhere else.
fn elsewhere(directory: &tempfile::TempDir, offset: i64) -> Arc<dyn EventStore> {
    let moment = Timestamp::from_micros(start().as_micros() + offset * 1_000_000);
    let options = FileStoreOptions {
        group_delay: Duration::ZERO,
        segment_records: 11,
        segment_bytes: 1 << 20,
        block_bytes: 512,
        ..FileStoreOptions::default()
    };
    let clock = Arc::new(ManualClock::new(moment));
    Arc::new(FileStore::open(directory.path(), options, clock, &RandomIds).unwrap())
}

async fn graph<P: Projection + Default>(store: &Arc<dyn EventStore>) -> P {
    let mut projection = P::default();
    fold(
        &**store,
        &EventFilter::workspace("default"),
        None,
        &mut projection,
    )
    .await
    .unwrap();
    projection
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Memory, file, memory: the same records each time, whatever the clocks say, and the same projections.
    #[test]
    fn what_is_imported_is_what_was_exported(history in vec(entry(), 1..60), offset in -90_000_000..90_000_000_i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        runtime.block_on(async {
            let origin = log_of(&history).await;
            let expected = all_facts(&origin).await;
            let mut from = Arc::clone(&origin);
            for to in [elsewhere(&directory, offset), empty()] {
                let text = export(&from).await;
                let (result, report) = import(&to, &text).await;
                prop_assert!(result.is_ok(), "{result:?}\n{text}");
                prop_assert_eq!(report.added, expected.len() as u64);
                prop_assert!(report.duplicates == 0 && report.rejected.is_empty(), "{:?}", report);
                prop_assert_eq!(all_facts(&to).await, expected.clone());
                let now = start();
                let (here, there) = (graph::<CausalTopology>(&origin).await, graph::<CausalTopology>(&to).await);
                prop_assert_eq!(here.topology(now), there.topology(now));
                let (here, there) = (graph::<Sessions>(&origin).await, graph::<Sessions>(&to).await);
                prop_assert_eq!(here.of_workspace("default"), there.of_workspace("default"));

                let (again, report) = import(&to, &text).await;
                prop_assert!(again.is_ok());
                prop_assert_eq!((report.added, report.duplicates), (0, expected.len() as u64));
                from = to;
            }
            Ok(())
        })?;
    }

    /// An input that ends early, at any byte: an error, and exactly the whole lines before it.
    #[test]
    fn a_cut_is_noticed_at_any_byte(history in vec(entry(), 1..20), cut in 0.0..1.0_f64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let text = export(&log_of(&history).await).await;
            let at = (text.len() as f64 * cut) as usize;
            let part = text.as_bytes().get(..at).unwrap();
            let store = empty();
            let (result, report) = import_with(&store, ImportOptions::default(), part).await;
            // The last line without its line feed is whole.
            if at < text.len() - 1 {
                let error = result.unwrap_err();
                prop_assert_eq!(error.kind(), ErrorKind::Invalid);
                let whole_lines = part.split(|byte| *byte == b'\n').count() as u64 - 1;
                let message = error.to_string();
                // A line that only lacks its line feed is taken, too.
                let line_is_whole = text.as_bytes().get(at) == Some(&b'\n');
                prop_assert_eq!(report.added, (whole_lines + u64::from(line_is_whole)).saturating_sub(1), "{}", message);
                prop_assert!(message.contains("cut off") || at == 0 && message.contains("empty"), "{}", message);
            } else {
                prop_assert!(result.is_ok());
            }
            Ok(())
        })?;
    }
}
