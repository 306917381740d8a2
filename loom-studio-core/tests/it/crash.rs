//! Power cuts at any operation, with any part of what was not synced left over; a full disk; a broken one.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the format fixes the names"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use loom_studio_core::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::sim_disk::{Dice, Entry, Fault, Kind, SimDisk};

/// Segments and blocks so small that every history crosses some.
pub(crate) fn small() -> FileStoreOptions {
    FileStoreOptions {
        group_delay: Duration::ZERO,
        group_bytes: 64 << 10,
        segment_records: 20,
        segment_bytes: 64 << 10,
        block_bytes: 600,
        cache_bytes: 1 << 16,
        ..FileStoreOptions::default()
    }
}

pub(crate) fn open(disk: &SimDisk) -> Result<FileStore> {
    open_with(disk, small())
}

pub(crate) fn open_with(disk: &SimDisk, options: FileStoreOptions) -> Result<FileStore> {
    FileStore::open_on(
        Arc::new(disk.clone()),
        Path::new("simulated"),
        options,
        Arc::new(ManualClock::new(Timestamp::from_micros(
            1_767_323_045_000_000,
        ))),
        &SequentialIds::new(77),
    )
}

/// An event of a length that depends on its name, and that compresses badly: frames end at odd places.
pub(crate) fn text(name: &str) -> Bytes {
    let mut dice = Dice::new(name.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
    let noise: String = (0..dice.below(180))
        .map(|_| char::from(b'!' + dice.below(90) as u8))
        .filter(|c| *c != '"' && *c != '\\')
        .collect();
    format!(
        r#"{{"specversion":"1.0","id":"{name}","source":"/node/a","type":"note","data":"{noise}"}}"#
    )
    .into()
}

pub(crate) fn batch(items: &[Bytes]) -> AppendBatch {
    AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items: items.iter().cloned().map(Incoming::Event).collect(),
    }
}

pub(crate) fn named(names: impl IntoIterator<Item = String>) -> Vec<Bytes> {
    names.into_iter().map(|name| text(&name)).collect()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Every record's text, from the first on; seqs must be dense.
pub(crate) async fn texts(store: &FileStore) -> Vec<Bytes> {
    let stats = store.stats().await.unwrap();
    let mut texts = Vec::new();
    for seq in 1..=stats.last_seq.0 {
        let stored = store.get(Seq(seq)).await.unwrap();
        let stored = stored.unwrap_or_else(|| panic!("no record {seq}"));
        let event = stored.record.as_event().expect("an event").clone();
        assert_eq!(event.seq(), Seq(seq));
        texts.push(event.raw().clone());
    }
    assert!(store.get(stats.last_seq.next()).await.unwrap().is_none());
    texts
}

/// A batch that was handed to the store, and what the store said.
struct Handed {
    items: Vec<Bytes>,
    answer: Option<Appended>,
}

/// Rounds of batches that are under way together, until the store takes no more.
async fn append_rounds(disk: &SimDisk, store: &FileStore, rounds: &[Vec<u8>]) -> Vec<Handed> {
    let mut handed = Vec::new();
    let mut number = 0;
    for round in rounds {
        let batches: Vec<Vec<Bytes>> = round
            .iter()
            .map(|size| {
                named((0..*size).map(|_| {
                    number += 1;
                    format!("e{number}")
                }))
            })
            .collect();
        let appends = batches.into_iter().map(|items| async {
            let answer = store.append(batch(&items)).await.ok();
            if let Some((_, last)) = answer.as_ref().and_then(|answer| answer.seqs) {
                disk.acknowledged(last.0);
            }
            Handed { items, answer }
        });
        handed.extend(join_all(appends).await);
    }
    handed
}

/// Nothing may be acknowledged before a sync of it has returned.
fn check_log(log: &[Entry]) {
    let mut synced = 0;
    for entry in log {
        match entry {
            Entry::Done(Kind::Sync, name, Some(seq)) if name.ends_with(".log") => {
                synced = synced.max(*seq);
            }
            Entry::Acknowledged(seq) => {
                assert!(*seq <= synced, "{seq} acknowledged, {synced} synced");
            }
            Entry::Done(..) => {}
        }
    }
}

async fn check_recovered(handed: &[Handed], disk: &SimDisk) {
    let store = open(disk).expect("a crash is no damage");
    let found = texts(&store).await;
    let place: BTreeMap<&Bytes, usize> = found.iter().zip(0..).collect();
    assert_eq!(place.len(), found.len(), "a record is there twice");
    let mut known = 0;
    for Handed { items, answer } in handed {
        let places: Vec<usize> = items
            .iter()
            .filter_map(|item| place.get(item).copied())
            .collect();
        assert!(
            places.is_empty() || places.len() == items.len(),
            "{} of {} records of a batch are there",
            places.len(),
            items.len()
        );
        assert!(places.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        known += places.len();
        if let Some((first, last)) = answer.as_ref().and_then(|answer| answer.seqs) {
            let expected: Vec<usize> = (first.0..=last.0)
                .map(|seq| usize::try_from(seq).unwrap() - 1)
                .collect();
            assert_eq!(
                places, expected,
                "an acknowledged batch is not where it was"
            );
        }
    }
    assert_eq!(known, found.len(), "a record was never appended");
    // It goes on: what is stored is known, what is new is taken.
    let before = found.len() as u64;
    let again: Vec<Bytes> = found.clone();
    let answer = store.append(batch(&again)).await.unwrap();
    assert_eq!((answer.duplicates, answer.seqs), (before, None));
    let answer = store.append(batch(&[text("new")])).await.unwrap();
    assert_eq!(answer.seqs, Some((Seq(before + 1), Seq(before + 1))));
    drop(store);
    let store = open(disk).unwrap();
    assert_eq!(texts(&store).await.len() as u64, before + 1);
    assert_eq!(store.report().torn_bytes, 0);
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    let defaults = Config::default();
    let seed = match defaults.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomIds.next_id(),
    };
    let cases = if defaults.cases == 256 {
        300
    } else {
        defaults.cases
    };
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..defaults
    });
    let rounds = prop::collection::vec(prop::collection::vec(1..9_u8, 1..6), 1..9);
    let outcome = runner.run(&(rounds, 1..110_usize, any::<[u64; 3]>()), |case| {
        let (rounds, crash_at, seeds) = case;
        runtime().block_on(async {
            let disk = SimDisk::crashing_at(crash_at);
            let handed = match open(&disk) {
                Ok(store) => append_rounds(&disk, &store, &rounds).await,
                Err(_) => Vec::new(),
            };
            check_log(&disk.log());
            for seed in seeds {
                check_recovered(&handed, &disk.after_power_cut(seed)).await;
            }
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("PROPTEST_RNG_SEED={seed}: {failure}");
    }
}

/// A power cut while recovering from a power cut.
#[test]
fn a_power_cut_while_opening_loses_nothing() {
    runtime().block_on(async {
        let disk = SimDisk::crashing_at(60);
        let store = open(&disk).unwrap();
        let handed = append_rounds(&disk, &store, &vec![vec![3, 5, 2]; 12]).await;
        drop(store);
        for seed in 0..12 {
            let image = disk.after_power_cut(seed).contents();
            for crash_at in 1..12 {
                let second = SimDisk::with(&image);
                second.crash_at(crash_at);
                drop(open(&second));
                check_recovered(&handed, &second.after_power_cut(seed + 100)).await;
            }
        }
    });
}

async fn append_one(store: &FileStore, name: &str) -> Result<Appended> {
    store.append(batch(&[text(name)])).await
}

/// What a full disk can hit, and the name of the file it hits.
const FULL: [(Kind, &str); 8] = [
    (Kind::Write, ".log"),
    (Kind::Allocate, ".log"),
    (Kind::Create, ".log"),
    (Kind::SyncDir, ""),
    (Kind::Create, ".tmp"),
    (Kind::Write, ".tmp"),
    (Kind::Sync, ".tmp"),
    (Kind::Rename, ".idx"),
];

/// Nothing is lost, reads go on, and appends work again once there is space.
#[test]
fn a_full_disk_refuses_and_recovers() {
    runtime().block_on(async {
        for (kind, ending) in FULL {
            for before in [0, 5, 18, 19, 20, 25] {
                let disk = SimDisk::default();
                let store = open(&disk).unwrap();
                let mut expected = Vec::new();
                for number in 0..before {
                    append_one(&store, &format!("a{number}")).await.unwrap();
                    expected.push(text(&format!("a{number}")));
                }
                disk.fail(Fault::full(kind, ending));
                for number in 0..30 {
                    match append_one(&store, &format!("b{number}")).await {
                        Ok(_) => expected.push(text(&format!("b{number}"))),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Full, "{error}"),
                    }
                    assert_eq!(store.health(), Health::Ready);
                }
                assert_eq!(texts(&store).await, expected, "{kind:?} {ending}");
                if (kind, ending) == (Kind::Write, ".log") {
                    assert_eq!(expected.len(), before, "a refused event was stored");
                }
                let crashed = disk.after_power_cut(before as u64);
                disk.heal();
                for number in 0..30 {
                    append_one(&store, &format!("c{number}")).await.unwrap();
                    expected.push(text(&format!("c{number}")));
                }
                assert_eq!(texts(&store).await, expected, "{kind:?} {ending}");
                let again = store.append(batch(&expected)).await.unwrap();
                assert_eq!(again.duplicates, expected.len() as u64, "{kind:?} {ending}");
                drop(store);
                let store = open(&disk).unwrap();
                assert_eq!(texts(&store).await, expected, "{kind:?} {ending}");
                let until = texts(&open(&crashed).unwrap()).await;
                assert_eq!(until, expected[..until.len()]);
                assert!(until.len() >= expected.len() - 30);
            }
        }
    });
}

#[test]
fn a_broken_disk_poisons_and_reopens() {
    runtime().block_on(async {
        for kind in [Kind::Write, Kind::Sync] {
            for before in [0, 5, 20, 25] {
                let disk = SimDisk::default();
                let store = open(&disk).unwrap();
                let mut expected = Vec::new();
                for number in 0..before {
                    append_one(&store, &format!("a{number}")).await.unwrap();
                    expected.push(text(&format!("a{number}")));
                }
                disk.fail(Fault::broken(kind, ".log").once());
                // The fault may hit the beginning of a new segment instead, which refuses nothing that was acknowledged.
                let mut refused = 0;
                for number in 0..2 {
                    match append_one(&store, &format!("b{number}")).await {
                        Ok(_) => expected.push(text(&format!("b{number}"))),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                            refused += 1;
                        }
                    }
                }
                assert!(refused > 0);
                let Health::ReadOnly(reason) = store.health() else {
                    panic!("{kind:?} after {before}: still takes appends");
                };
                assert!(reason.contains("Input/output error"), "{reason}");
                assert_eq!(texts(&store).await, expected);
                assert_eq!(
                    append_one(&store, "d").await.unwrap_err().kind(),
                    ErrorKind::Closed
                );
                drop(store);
                let store = open(&disk).unwrap();
                let found = texts(&store).await;
                assert_eq!(found[..expected.len()], expected);
                append_one(&store, "e").await.unwrap();
            }
        }
    });
}
