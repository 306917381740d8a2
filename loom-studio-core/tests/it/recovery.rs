//! Damage to the files: an error or the right answer, never a wrong one; and what of a directory is repaired by itself.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the format fixes the names"
)]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures::future::FutureExt as _;
use loom_studio_core::*;

use crate::crash::{batch, named, open, runtime, text, texts};
use crate::sim_disk::{Dice, SimDisk};

type Files = BTreeMap<String, Vec<u8>>;

const RECORDS: usize = 84;

/// Three sealed segments and one that is written to, of fourteen batches.
fn store_files() -> (Files, Vec<Bytes>) {
    let disk = SimDisk::default();
    let items = named((0..RECORDS).map(|number| format!("e{number}")));
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        for items in items.chunks(6) {
            store.append(batch(items)).await.unwrap();
        }
    });
    (disk.contents(), items)
}

fn logs(files: &Files) -> Vec<String> {
    let logs = files.keys().filter(|name| name.ends_with(".log"));
    logs.cloned().collect()
}

/// Every way of asking that uses a part of an index or a log of its own. Each is answered rightly or refused.
async fn ask_everything(store: &FileStore, expected: &[Bytes]) -> (usize, usize) {
    let (mut right, mut refused) = (0, 0);
    let mut count = |answer: Option<bool>| match answer {
        Some(is_right) => {
            assert!(is_right, "answer {} is wrong", right + refused);
            right += 1;
        }
        None => refused += 1,
    };
    for (seq, item) in (1..).zip(expected) {
        let found = store.get(Seq(seq)).await.ok();
        count(found.map(|found| {
            found.is_some_and(|found| found.record.as_event().unwrap().raw() == item)
        }));
    }
    let numbers = [0, 20, 41, 65, 83].into_iter();
    for number in numbers.filter(|number| (*number as usize) < expected.len()) {
        let key = EventKey {
            workspace: "w".into(),
            source: "/node/a".into(),
            id: format!("e{number}").into(),
        };
        let found = store.get_by_id(&key).await.ok();
        count(found.map(|found| found.is_some_and(|found| found.event.seq() == Seq(number + 1))));
        let filter = EventFilter {
            id: Some(format!("e{number}")),
            ..EventFilter::default()
        };
        let query = EventQuery {
            filter,
            ..EventQuery::default()
        };
        let page = store.query(&query).await.ok();
        count(page.map(|page| {
            page.total == Total::Exact(1) && page.events[0].event.seq() == Seq(number + 1)
        }));
    }
    let filters = [
        EventFilter::default(),
        EventFilter::workspace("w"),
        EventFilter {
            session: Some(Pattern::Exact("s".into())),
            node: Some(Pattern::Contains("a".into())),
            kind: Some(Pattern::Prefix("no".into())),
            ..EventFilter::default()
        },
        EventFilter {
            time: TimeRange {
                start: Some(Timestamp::from_micros(1_767_323_045_000_000)),
                end: None,
            },
            text: Some("specversion".into()),
            ..EventFilter::default()
        },
    ];
    for filter in filters {
        for order in [Order::Seq, Order::TimeDescending] {
            let query = EventQuery {
                filter: filter.clone(),
                order,
                limit: 1000,
                ..EventQuery::default()
            };
            let page = store.query(&query).await.ok();
            count(page.map(|page| {
                let mut found: Vec<&Bytes> =
                    page.events.iter().map(|found| found.event.raw()).collect();
                if order == Order::TimeDescending {
                    found.reverse();
                }
                page.total == Total::Exact(expected.len() as u64)
                    && found == expected.iter().collect::<Vec<_>>()
            }));
        }
    }
    let again = store.append(batch(&expected[..1])).await.ok();
    count(again.map(|again| again.duplicates == 1 && again.seqs.is_none()));
    (right, refused)
}

/// What became of a damaged directory.
#[derive(Debug, PartialEq)]
enum Outcome {
    NotOpened(ErrorKind),
    /// All there.
    Whole,
    /// All there, some of it refused.
    Refused,
    /// So many records are left, and this was reported as cut.
    Cut(usize, u64),
}

fn outcome(files: &Files, expected: &[Bytes]) -> Outcome {
    let disk = SimDisk::with(files);
    let run = AssertUnwindSafe(async {
        let store = match open(&disk) {
            Ok(store) => store,
            Err(error) => {
                let now = disk.contents();
                for name in logs(files) {
                    assert_eq!(
                        now.get(&name),
                        files.get(&name),
                        "{error}, and {name} changed"
                    );
                }
                return Outcome::NotOpened(error.kind());
            }
        };
        let left = usize::try_from(store.stats().await.unwrap().last_seq.0).unwrap();
        assert!(left <= expected.len());
        let (_, refused) = ask_everything(&store, &expected[..left]).await;
        match (left == expected.len(), refused) {
            (true, 0) => Outcome::Whole,
            (true, _) => Outcome::Refused,
            (false, 0) => Outcome::Cut(left, store.report().torn_bytes),
            (false, _) => panic!("cut and damaged"),
        }
    });
    runtime()
        .block_on(run.catch_unwind())
        .expect("damage is no reason to panic")
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let (files, expected) = store_files();
    assert_eq!(outcome(&files, &expected), Outcome::Whole);
    let last = logs(&files).pop().unwrap();
    let mut dice = Dice::new(RandomIds.next_id());
    let start = format!("{dice:?}");
    let mut seen = BTreeMap::new();
    for (name, content) in &files {
        for _ in 0..60 {
            let bit = dice.below(content.len() as u64 * 8) as usize;
            let mut damaged = files.clone();
            damaged.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let found = outcome(&damaged, &expected);
            let context = format!("{start}: {name}, bit {bit} of byte {}: {found:?}", bit / 8);
            match &found {
                Outcome::Whole | Outcome::Refused => assert!(!name.ends_with(".meta"), "{context}"),
                Outcome::NotOpened(kind) => {
                    assert!(!name.ends_with(".idx"), "{context}");
                    assert_eq!(*kind, ErrorKind::Corrupt, "{context}");
                }
                // Only the last group can't be told from a torn one.
                Outcome::Cut(left, torn) => {
                    assert!(
                        *name == last && *left >= RECORDS - 6 && *torn > 0,
                        "{context}"
                    );
                }
            }
            let ending = name.rsplit('.').next().unwrap().to_owned();
            *seen.entry((ending, format!("{found:?}"))).or_insert(0) += 1;
        }
    }
    assert!(
        seen.keys()
            .all(|(name, found)| name != "idx" || found == "Whole"),
        "{seen:?}"
    );
    assert!(
        seen.keys()
            .any(|(name, found)| name == "log" && found == "Refused"),
        "{seen:?}"
    );
}

#[test]
fn a_truncated_file_is_found_or_rebuilt() {
    let (files, expected) = store_files();
    let last = logs(&files).pop().unwrap();
    for (name, content) in &files {
        for len in (0..content.len()).step_by(content.len() / 23 + 1) {
            let mut damaged = files.clone();
            damaged.get_mut(name).unwrap().truncate(len);
            let found = outcome(&damaged, &expected);
            match &found {
                Outcome::Whole => assert!(name.ends_with(".idx"), "{name} at {len}"),
                Outcome::NotOpened(_) => assert!(!name.ends_with(".idx"), "{name} at {len}"),
                Outcome::Cut(..) if *name == last => {}
                _ => panic!("{name} at {len}: {found:?}"),
            }
        }
    }
}

#[test]
fn indexes_are_rebuilt_from_the_log() {
    let (files, expected) = store_files();
    let without: Files = files
        .iter()
        .filter(|(name, _)| !name.ends_with(".idx"))
        .map(|(name, content)| (name.clone(), content.clone()))
        .collect();
    assert_eq!(files.len() - without.len(), 3);
    let disk = SimDisk::with(&without);
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        assert_eq!(store.report().recovered_records, RECORDS as u64);
        let (_, refused) = ask_everything(&store, &expected).await;
        assert_eq!(refused, 0);
    });
    assert!(disk.contents() == files, "not the same bytes as before");
}

/// Files of which a part of an index, noticed only when it is used, is damaged.
fn with_damaged_ids(files: &Files) -> (String, Files) {
    let name = files.keys().find(|name| name.ends_with(".idx")).unwrap();
    let content = &files[name];
    // The table of sections begins at byte 48, with 24 bytes each; section 4 are the ids.
    let entry = 48 + 4 * 24;
    let offset = u64::from_le_bytes(content[entry..entry + 8].try_into().unwrap()) as usize;
    let mut damaged = files.clone();
    damaged.get_mut(name).unwrap()[offset + 3] ^= 0x10;
    (name.clone(), damaged)
}

/// Nobody is refused an answer for it, whatever is asked first.
#[test]
fn a_damaged_index_is_rebuilt_when_it_is_found_out() {
    let (files, expected) = store_files();
    let (name, damaged) = with_damaged_ids(&files);
    let by_id = EventQuery {
        filter: EventFilter {
            id: Some("e0".into()),
            ..EventFilter::default()
        },
        ..EventQuery::default()
    };
    for first in 0..3 {
        let disk = SimDisk::with(&damaged);
        runtime().block_on(async {
            let store = open(&disk).unwrap();
            match first {
                0 => {
                    let again = store.append(batch(&expected[..1])).await.unwrap();
                    assert_eq!((again.duplicates, again.seqs), (1, None));
                }
                1 => {
                    let page = store.query(&by_id).await.unwrap();
                    assert_eq!(page.total, Total::Exact(1));
                }
                _ => {
                    let (_, refused) = ask_everything(&store, &expected).await;
                    assert_eq!(refused, 0);
                }
            }
            let notes = store.notes();
            assert!(notes.len() == 1 && notes[0].contains(&name), "{notes:?}");
            drop(store);
            assert!(disk.contents() == files, "not the same bytes as before");
            let store = open(&disk).unwrap();
            assert_eq!(store.report().recovered_records, RECORDS as u64 % 24);
        });
    }
}

/// With the log damaged as well there is nothing to build it from: that is said, and only what needs it is refused.
#[test]
fn an_index_is_not_rebuilt_from_a_damaged_log() {
    let (files, expected) = store_files();
    let (name, mut damaged) = with_damaged_ids(&files);
    let log = damaged.get_mut(&name.replace(".idx", ".log")).unwrap();
    log[64 + 60 + 5] ^= 0x80;
    let disk = SimDisk::with(&damaged);
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        for _ in 0..2 {
            let error = store.append(batch(&expected[..1])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        assert!(store.get(Seq(RECORDS as u64)).await.unwrap().is_some());
        let appended = store.append(batch(&[text("new")])).await.unwrap();
        assert_eq!(appended.added(), 1);
    });
}

/// A log that ends with its header, or before, looks like one that is being begun. What follows it tells the difference.
#[test]
fn a_log_cut_to_nothing_is_named() {
    let (files, _) = store_files();
    let names = logs(&files);
    for (index, name) in names.iter().enumerate() {
        for len in [0, 40, 64] {
            for others_are_cut in [false, true] {
                let mut damaged = files.clone();
                damaged.remove(&name.replace(".log", ".idx"));
                damaged.get_mut(name).unwrap().truncate(len);
                if others_are_cut {
                    for later in &names[index + 1..] {
                        damaged.remove(&later.replace(".log", ".idx"));
                        damaged.get_mut(later).unwrap().truncate(64);
                    }
                }
                let disk = SimDisk::with(&damaged);
                let is_last = index + 1 == names.len();
                if is_last {
                    // Nothing tells that there was anything in it.
                    assert_eq!(open(&disk).unwrap().report().records, 72);
                    continue;
                }
                let opened = open(&disk);
                let context = format!("{name} cut to {len}, {others_are_cut}");
                let error = opened.map(drop).expect_err(&context);
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{context}");
                assert!(disk.contents() == damaged, "{context}");
            }
        }
    }
}

#[test]
fn damage_before_the_last_commit_is_named_and_nothing_cut() {
    let (files, expected) = store_files();
    for name in logs(&files) {
        let mut damaged = files.clone();
        damaged.remove(&name.replace(".log", ".idx"));
        let log = damaged.get_mut(&name).unwrap();
        // The first frame begins behind the header of 64 bytes, its body 60 bytes later.
        log[64 + 60 + 5] ^= 0x80;
        let disk = SimDisk::with(&damaged);
        let error = open(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let message = error.to_string();
        assert!(
            message.contains(&name) && message.contains("at byte 64"),
            "{message}"
        );
        assert!(
            disk.contents()[&name] == damaged[&name],
            "the log was changed"
        );
        assert_eq!(
            outcome(&damaged, &expected),
            Outcome::NotOpened(ErrorKind::Corrupt)
        );
    }
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    let (files, mut expected) = store_files();
    let last = logs(&files).pop().unwrap();
    let mut torn = files.clone();
    let log = torn.get_mut(&last).unwrap();
    let whole = log.len();
    let noise: Vec<u8> = (0..100).map(|byte| byte % 30 * 7 + 1).collect();
    log.extend_from_slice(&noise);
    log.extend_from_slice(&[0; 4096]);
    let disk = SimDisk::with(&torn);
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        assert_eq!(texts(&store).await, expected);
        let cut = store.report().torn_bytes;
        assert!((100..=4196).contains(&cut), "{cut}");
        assert_eq!(disk.contents()[&last].len(), whole);
        store.append(batch(&[text("after")])).await.unwrap();
        expected.push(text("after"));
        drop(store);
        let store = open(&disk).unwrap();
        assert_eq!(store.report().torn_bytes, 0);
        assert_eq!(texts(&store).await, expected);
    });
}

#[test]
fn a_missing_segment_or_identity_is_named() {
    let (files, _) = store_files();
    for missing in [logs(&files)[1].clone(), "store.meta".to_owned()] {
        let mut damaged = files.clone();
        damaged.remove(&missing);
        let error = open(&SimDisk::with(&damaged)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{missing}: {error}");
    }
}

#[test]
fn a_batch_that_meets_damage_is_not_stored_in_part() {
    let (files, _) = store_files();
    let first = logs(&files).remove(0);
    let mut damaged = files.clone();
    // The index still stands, so the damage shows only when the record is read: as the original of a resend.
    damaged.get_mut(&first).unwrap()[64 + 60 + 5] ^= 0x80;
    let disk = SimDisk::with(&damaged);
    let store = open(&disk).unwrap();
    runtime().block_on(async {
        let items = named(["new1", "e0", "new2"].map(str::to_owned));
        let error = store.append(batch(&items)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let appended = store.append(batch(&[text("new2")])).await.unwrap();
        let next = Seq(RECORDS as u64 + 1);
        assert_eq!(appended.seqs, Some((next, next)), "{appended:?}");
        assert_eq!(appended.duplicates, 0);
        assert_eq!(store.stats().await.unwrap().last_seq, next);
    });
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn a_sound_frame_that_holds_no_records_is_damage_and_no_torn_write() {
    const HEADER: usize = 60;
    let (mut files, _) = store_files();
    let name = logs(&files).pop().unwrap();
    let log = files.get_mut(&name).unwrap();
    let last = last_place(log, b"LSF1");
    let header = &mut log[last..last + HEADER];
    assert_eq!(header[56..60], crc32(&header[..56]).to_le_bytes());
    // One record more than the block has.
    header[24] += 1;
    let crc = crc32(&header[..56]);
    header[56..60].copy_from_slice(&crc.to_le_bytes());
    let disk = SimDisk::with(&files);
    let error = open(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(&name), "{error}");
    assert_eq!(disk.contents().get(&name), files.get(&name));
}

fn last_place(bytes: &[u8], part: &[u8]) -> usize {
    let mut places = bytes.windows(part.len());
    places.rposition(|window| window == part).unwrap()
}
