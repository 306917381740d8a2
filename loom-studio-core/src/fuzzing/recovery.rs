//! Opening a directory of which one file is damaged, or made up.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;

use super::disk::{Files, MemoryDisk};
use crate::store::{reseal_frame, reseal_index};
use crate::{
    AppendBatch, Error, ErrorKind, EventFilter, EventKey, EventQuery, EventStore as _, FileStore,
    FileStoreOptions, Incoming, ManualClock, Order, Pattern, Result, Seq, SequentialIds, Timestamp,
};

/// The log that is written to, one with an index, and that index.
const LAST: &str = "seg-00000000000000000013.log";
const SEALED: &str = "seg-00000000000000000001.log";
const INDEX: &str = "seg-00000000000000000001.idx";
const META: &str = "store.meta";
const RECORDS: u64 = 18;
const HEADER_BYTES: usize = 64;

/// A sound directory, and the texts in it. One sealed segment of twelve records and one of six, the ninth and the fifteenth record an observation.
static BASE: LazyLock<(Files, Vec<Option<Bytes>>)> = LazyLock::new(|| {
    let disk = MemoryDisk::default();
    let runtime = runtime();
    let texts = runtime.block_on(async {
        let store = open(&disk).expect("an empty directory");
        for number in 0..6 {
            store.append(batch(number)).await.expect("a sound disk");
        }
        let mut texts = Vec::new();
        for seq in 1..=RECORDS {
            let stored = store.get(Seq(seq)).await.expect("a sound store");
            let record = stored.expect("it was appended").record;
            texts.push(record.as_event().map(|event| event.raw().clone()));
        }
        texts
    });
    assert!(
        [LAST, SEALED, INDEX, META]
            .iter()
            .all(|name| disk.contents().contains_key(*name))
    );
    (disk.contents(), texts)
});

fn text(name: &str) -> Bytes {
    let noise = name.repeat(name.len() * 5 % 11);
    format!(
        r#"{{"specversion":"1.0","id":"{name}","source":"/node/a","subject":"/node/b","type":"note","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","causationid":"c","data":{{"request_id":"q","text":"{noise}"}}}}"#
    )
    .into()
}

fn batch(number: u64) -> AppendBatch {
    let event = |index| Incoming::Event(text(&format!("e{number}-{index}")));
    let mut items = vec![event(0), event(1), event(2)];
    if number > 0 && number.is_multiple_of(2) {
        let observation = format!(
            r#"{{"source":"/node/a","of":"e{number}-1","phase":"post","at":"2026-01-02T03:04:05Z","changed":{{}}}}"#
        );
        items[2] = Incoming::Observation(observation.into());
    }
    AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

fn open(disk: &MemoryDisk) -> Result<FileStore> {
    let options = FileStoreOptions {
        group_delay: Duration::ZERO,
        segment_records: 12,
        segment_bytes: 32 << 10,
        block_bytes: 400,
        cache_bytes: 1 << 16,
        ..FileStoreOptions::default()
    };
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(
        1_767_323_045_000_000,
    )));
    FileStore::open_on(
        Arc::new(disk.clone()),
        Path::new("fuzzed"),
        options,
        clock,
        &SequentialIds::new(7),
    )
}

/// Cuts to the length in the first two bytes, where that is shorter, then flips bits: two bytes of offset, one of bits.
fn edit(content: &mut Vec<u8>, edits: &[u8]) {
    let Some((len, edits)) = edits.split_first_chunk::<2>() else {
        return;
    };
    content.truncate(u16::from_le_bytes(*len).into());
    if content.is_empty() {
        return;
    }
    for edit in edits.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % content.len();
        content[at] ^= edit[2];
    }
}

/// Opens a directory with one file damaged or made up. Without a valid checksum on damage: an error, or every record that is read is the one that was stored, and what is appended
/// stays. With one: anything but a panic.
pub fn recovery(input: &[u8]) {
    let Some((mode, input)) = input.split_first() else {
        return;
    };
    let (mut files, texts) = BASE.clone();
    let mode = mode % 9;
    let name = [LAST, LAST, LAST, INDEX, INDEX, META, SEALED, INDEX, LAST][usize::from(mode)];
    let is_honest = mode < 7;
    let content = files.get_mut(name).expect("a file of the directory");
    match mode {
        0 | 3 | 5 => *content = input.to_vec(),
        1 | 8 => {
            content.truncate(HEADER_BYTES);
            content.extend_from_slice(input);
        }
        _ => edit(content, input),
    }
    match mode {
        7 => reseal_index(content),
        8 => reseal_frame(&mut content[HEADER_BYTES..]),
        _ => {}
    }
    let disk = MemoryDisk::with(&files);
    runtime().block_on(async {
        let added = match open(&disk) {
            Ok(store) => use_it(&store, is_honest.then_some(&texts)).await,
            Err(error) => return is_clear(&error),
        };
        // A damaged file may be found out only by the second opening.
        match open(&disk) {
            Err(error) => is_clear(&error),
            Ok(store) => {
                let found = store.get_by_id(&key("new")).await;
                if is_honest
                    && added
                    && let Ok(found) = &found
                {
                    assert!(found.is_some(), "an acknowledged event is gone");
                }
            }
        }
    });
}

fn is_clear(error: &Error) {
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Corrupt | ErrorKind::Invalid | ErrorKind::Io
        ),
        "{error}"
    );
    assert!(!error.to_string().is_empty());
}

fn key(id: &str) -> EventKey {
    EventKey {
        workspace: "w".into(),
        source: "/node/a".into(),
        id: id.into(),
    }
}

/// Asks in every way, and appends; whether the new event was acknowledged.
async fn use_it(store: &FileStore, expected: Option<&Vec<Option<Bytes>>>) -> bool {
    let last = store.stats().await.expect("statistics read no disk");
    let last = last.last_seq.0;
    for seq in (1..=last.min(40)).chain(last.saturating_sub(3)..=last) {
        let Ok(Some(stored)) = store.get(Seq(seq)).await else {
            continue;
        };
        if let Some(texts) = expected {
            let raw = stored.record.as_event().map(|event| event.raw());
            assert_eq!(Some(raw), texts.get(seq as usize - 1).map(Option::as_ref));
        }
    }
    let exact = |text: &str| Some(Pattern::Exact(text.into()));
    let filters = [
        EventFilter::default(),
        EventFilter {
            node: exact("/node/b"),
            kind: Some(Pattern::Prefix("no".into())),
            session: Some(Pattern::Contains("s".into())),
            ..EventFilter::workspace("w")
        },
        EventFilter {
            trace: exact("0af7651916cd43dd8448eb211c80319c"),
            request_id: Some("q".into()),
            causation_id: Some("c".into()),
            ..EventFilter::default()
        },
        EventFilter {
            text: Some("e".into()),
            ..EventFilter::default()
        },
    ];
    for filter in filters {
        for order in [
            Order::Seq,
            Order::SeqDescending,
            Order::Time,
            Order::TimeDescending,
        ] {
            let query = EventQuery {
                filter: filter.clone(),
                order,
                limit: 50,
                ..EventQuery::default()
            };
            let Ok(page) = store.query(&query).await else {
                continue;
            };
            if let Some(texts) = expected {
                for found in &page.events {
                    let text = texts.get(found.event.seq().0 as usize - 1);
                    assert_eq!(Some(Some(found.event.raw())), text.map(Option::as_ref));
                }
            }
        }
    }
    if let (Some(_), Ok(Some(found))) = (expected, store.get_by_id(&key("e1-1")).await) {
        assert_eq!(found.event.seq(), Seq(5));
    }
    let again = AppendBatch {
        items: vec![Incoming::Event(text("e1-1")), Incoming::Event(text("e3-0"))],
        ..batch(0)
    };
    if let (Some(_), Ok(again)) = (expected, store.append(again).await) {
        assert!(again.duplicates >= 1 || last < 5, "{again:?}");
    }
    let new = AppendBatch {
        items: vec![Incoming::Event(text("new"))],
        ..batch(0)
    };
    store.append(new).await.is_ok_and(|new| new.added() == 1)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let (files, _) = &*BASE;
    let with = |mode: u8, content: &[u8]| [&[mode], content].concat();
    let frames = &files[LAST][HEADER_BYTES..];
    let frames = &frames[..frames.len().min(1200)];
    vec![
        with(0, &files[LAST][..files[LAST].len().min(1200)]),
        with(1, frames),
        with(2, &[0xff, 0xff, 70, 0, 1, 200, 0, 0x80]),
        with(2, &[0x2c, 1]),
        with(3, &files[INDEX]),
        with(4, &[0xff, 0xff, 50, 1, 1, 0, 2, 4]),
        with(5, &files[META]),
        with(6, &[0xff, 0xff, 130, 0, 1]),
        with(6, &[30, 0]),
        with(7, &[0xff, 0xff, 60, 1, 1, 80, 1, 1]),
        with(8, frames),
    ]
}

pub(super) fn frame_seeds() -> Vec<Vec<u8>> {
    let (files, _) = &*BASE;
    let log = &files[SEALED][HEADER_BYTES..];
    // Compressed as it stands in the log, and the plain block behind the same header.
    let (plain, whole) = crate::store::first_frame(log);
    vec![whole, plain]
}

pub(super) fn index_seeds() -> Vec<Vec<u8>> {
    vec![BASE.0[INDEX].clone()]
}
