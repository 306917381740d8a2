//! A directory as version 1 wrote it, and one of a version to come.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loom_studio_core::conformance::start;
use loom_studio_core::*;

use crate::crash::{runtime, text};
use crate::sim_disk::SimDisk;

const WRITE: &str = "LOOM_STUDIO_WRITE_FIXTURE";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn open(disk: &SimDisk, clock: Arc<ManualClock>) -> Result<FileStore> {
    let options = FileStoreOptions {
        group_delay: Duration::ZERO,
        segment_records: 12,
        block_bytes: 700,
        ..FileStoreOptions::default()
    };
    let disk = Arc::new(disk.clone());
    FileStore::open_on(
        disk,
        Path::new("fixture"),
        options,
        clock,
        &SequentialIds::new(4711),
    )
}

/// What the fixture holds: every member the format knows, in two workspaces, and an observation for each third event.
fn history() -> Vec<(&'static str, Vec<Incoming>)> {
    let mut batches = Vec::new();
    for number in 0..9_i64 {
        let workspace = if number % 3 == 0 { "other" } else { "here" };
        let second = 59 - number * 5;
        let full = format!(
            r#"{{"specversion": "1.0", "id": "f{number}", "source": "/node/a", "subject": "/node/b", "type": "agent.thought", "time": "2026-01-02T03:03:{second:02}.5Z", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{}-01", "causationid": "f{}", "data": {{"request_id": "q{number}", "text": "思考 \u00e4"}}}}"#,
            number % 10,
            number - 1,
        );
        let mut items = vec![
            Incoming::Event(full.into()),
            Incoming::Event(text(&format!("plain{number}"))),
        ];
        if number % 3 == 0 {
            let observation = format!(
                r#"{{"source":"/node/a","of":"f{number}","phase":"post","at":"2026-01-02T03:04:0{}Z","changed":{{"x":{number}}}}}"#,
                number % 10
            );
            items.push(Incoming::Observation(observation.into()));
        }
        batches.push((workspace, items));
    }
    batches
}

async fn check_history(store: &FileStore) {
    let mut seq = Seq::ZERO;
    for (step, (workspace, items)) in (1..).zip(history()) {
        let received = start().saturating_add(Duration::from_millis(step));
        let mut of = Seq::ZERO;
        for item in items {
            seq = seq.next();
            let stored = store.get(seq).await.unwrap().unwrap();
            match (item, &stored.record) {
                (Incoming::Event(raw), Record::Event(event)) => {
                    assert_eq!(event.raw(), &raw);
                    assert_eq!(&**event.workspace(), workspace);
                    assert_eq!(&**event.session(), "session");
                    assert_eq!(event.received(), received);
                    let decoded = serde_json::from_slice::<serde_json::Value>(&raw).unwrap();
                    assert_eq!(&**event.id(), decoded["id"].as_str().unwrap());
                    let request = decoded["data"]["request_id"].as_str();
                    assert_eq!(event.request_id().map(|id| &**id), request);
                    let time = decoded["time"]
                        .as_str()
                        .map_or(received, |time| Timestamp::parse_rfc3339(time).unwrap());
                    assert_eq!(event.time(), time);
                    if request.is_some() {
                        of = seq;
                    }
                    let filter = EventFilter {
                        id: Some((**event.id()).to_owned()),
                        request_id: request.map(str::to_owned),
                        ..EventFilter::workspace(workspace)
                    };
                    let query = EventQuery {
                        filter,
                        ..EventQuery::default()
                    };
                    let page = store.query(&query).await.unwrap();
                    assert_eq!(page.events.len(), 1);
                    assert_eq!(page.events[0].event.seq(), seq);
                }
                (Incoming::Observation(_), Record::Observation(observation)) => {
                    assert_eq!((observation.of, observation.received), (of, received));
                    assert_eq!(observation.phase, Phase::Post);
                    assert!(observation.changed.starts_with(b"{\"x\":"));
                }
                (item, record) => panic!("{item:?} came back as {record:?}"),
            }
        }
    }
    assert_eq!(store.stats().await.unwrap().last_seq, seq);
}

/// Writes the fixture when asked to; the files in the repository are those of the first release and are not written again.
#[test]
fn version_1_is_read() {
    let clock = Arc::new(ManualClock::new(start()));
    let path = fixtures().join("store-v1");
    if std::env::var_os(WRITE).is_some() {
        let disk = SimDisk::default();
        let store = open(&disk, Arc::clone(&clock)).unwrap();
        runtime().block_on(async {
            for (workspace, items) in history() {
                clock.advance(Duration::from_millis(1));
                let appended = store.append(AppendBatch {
                    workspace: workspace.into(),
                    session: "session".into(),
                    items,
                });
                assert!(appended.await.unwrap().rejected.is_empty());
            }
        });
        drop(store);
        fs::create_dir_all(&path).unwrap();
        for (name, content) in disk.contents() {
            fs::write(path.join(name), content).unwrap();
        }
    }
    let files = files(&path);
    let disk = SimDisk::with(&files);
    let store = open(&disk, clock).unwrap();
    assert_eq!(store.epoch(), Epoch(4711));
    assert_eq!(store.report().torn_bytes, 0);
    assert!(store.report().sealed_segments >= 1);
    runtime().block_on(check_history(&store));
    drop(store);
    assert!(disk.contents() == files, "opening changed a file");
}

/// The same with a bit of the first segment's first block flipped, and no index.
#[test]
fn damaged_version_1_is_refused() {
    let clock = Arc::new(ManualClock::new(start()));
    let path = fixtures().join("store-v1-damaged");
    if std::env::var_os(WRITE).is_some() {
        let mut files = files(&fixtures().join("store-v1"));
        let log = files.get_mut("seg-00000000000000000001.log").unwrap();
        log[64 + 60 + 9] ^= 1;
        files.remove("seg-00000000000000000001.idx");
        fs::create_dir_all(&path).unwrap();
        for (name, content) in files {
            fs::write(path.join(name), content).unwrap();
        }
    }
    let files = files(&path);
    let disk = SimDisk::with(&files);
    let error = open(&disk, clock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let message = error.to_string();
    assert!(
        message.contains("seg-00000000000000000001.log is damaged at byte 64"),
        "{message}"
    );
    assert!(disk.contents() == files, "refusing changed a file");
}

#[test]
fn another_version_is_refused_and_both_are_named() {
    let mut files = files(&fixtures().join("store-v1"));
    let meta = files.get_mut("store.meta").unwrap();
    meta[8] = 2;
    let crc = crc32(&meta[..28]);
    meta[28..].copy_from_slice(&crc.to_le_bytes());
    let error = open(&SimDisk::with(&files), Arc::new(ManualClock::new(start()))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let message = error.to_string();
    assert!(
        message.contains("format version 2") && message.contains("knows version 1"),
        "{message}"
    );
}

/// CRC-32 as the format document names it, written again here so that it can't change unnoticed.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[test]
fn bytes_are_kept_as_the_document_says() {
    let meta = &files(&fixtures().join("store-v1"))["store.meta"];
    assert_eq!(meta.len(), 32);
    assert_eq!(meta[28..], crc32(&meta[..28]).to_le_bytes());
    assert_eq!(Bytes::copy_from_slice(&meta[..8]), "LOOMMETA");
}
