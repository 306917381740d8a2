//! Any single operation of the disk fails, once or from then on: the store says so or goes on, and nothing acknowledged is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use loom_studio_core::*;

use crate::crash::{batch, named, open, runtime};
use crate::sim_disk::{Fault, Kind, SimDisk};

const KINDS: [Kind; 14] = [
    Kind::SetLen,
    Kind::Create,
    Kind::Rename,
    Kind::Map,
    Kind::Remove,
    Kind::SyncDir,
    Kind::List,
    Kind::Lock,
    Kind::Read,
    Kind::Allocate,
    Kind::Write,
    Kind::Sync,
    Kind::Open,
    Kind::Len,
];

/// What a client knows: each acknowledged record, and how many it has sent.
#[derive(Default)]
struct Client {
    acknowledged: BTreeMap<u64, Bytes>,
    sent: usize,
    /// Whether the store was asked to delete old records.
    has_retained: bool,
}

/// A refusal, and why. Only a fault that was just met excuses one that isn't about the whole store.
fn check_refused(disk: &SimDisk, failed_before: usize, store: &FileStore, error: &Error) {
    let (kind, health) = (error.kind(), store.health());
    let is_excused = disk.failed() > failed_before && kind == ErrorKind::Io;
    let is_poisoned = kind == ErrorKind::Closed && health != Health::Ready;
    assert!(is_excused || is_poisoned, "{kind:?}: {error} ({health:?})");
    if let Health::ReadOnly(reason) = health {
        assert!(reason.contains("Input/output error"), "{reason}");
    }
}

/// Opens the store, appends across a few segments, reads, resends and deletes.
async fn live(disk: &SimDisk, client: &mut Client) {
    let before = disk.failed();
    let store = match open(disk) {
        Ok(store) => store,
        Err(error) => {
            assert!(disk.failed() > before, "{error}");
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(error.to_string().contains("Input/output error"), "{error}");
            return;
        }
    };
    let mut has_refused = false;
    for _ in 0..15 {
        let first = client.sent;
        client.sent += 3;
        let items = named((first..client.sent).map(|number| format!("e{number}")));
        let before = disk.failed();
        match store.append(batch(&items)).await {
            Ok(appended) => {
                let (first, last) = appended.seqs.expect("they are new");
                assert!(!has_refused || store.health() == Health::Ready);
                client.acknowledged.extend((first.0..=last.0).zip(items));
            }
            Err(error) => {
                check_refused(disk, before, &store, &error);
                has_refused = true;
            }
        }
    }
    read(disk, &store, client).await;
    let before = disk.failed();
    let last: Vec<Bytes> = client
        .acknowledged
        .values()
        .rev()
        .take(5)
        .cloned()
        .collect();
    match store.append(batch(&last)).await {
        Ok(again) => assert_eq!(again.duplicates, last.len() as u64),
        Err(error) => check_refused(disk, before, &store, &error),
    }
    client.has_retained = true;
    let stored_bytes = store.stats().await.unwrap().stored_bytes;
    for eighths in [6, 4] {
        let policy = RetainPolicy {
            max_age: None,
            max_bytes: Some(stored_bytes * eighths / 8),
        };
        let before = disk.failed();
        if let Err(error) = store.retain(&policy).await {
            check_refused(disk, before, &store, &error);
        }
    }
    read(disk, &store, client).await;
}

/// Everything acknowledged and not deleted is answered, or a fault is named.
async fn read(disk: &SimDisk, store: &FileStore, client: &Client) {
    let stats = store.stats().await.unwrap();
    let first = match stats.first_seq {
        Seq::ZERO => stats.last_seq.0 + 1,
        first => first.0,
    };
    assert!(first <= 1 || client.has_retained, "{first}");
    for (seq, text) in client.acknowledged.range(first..) {
        let before = disk.failed();
        match store.get(Seq(*seq)).await {
            Ok(found) => {
                let found = found.unwrap_or_else(|| panic!("record {seq} is gone"));
                assert_eq!(found.record.as_event().unwrap().raw(), text);
            }
            Err(error) => {
                assert!(
                    disk.failed() > before && error.kind() == ErrorKind::Io,
                    "{error}"
                );
            }
        }
    }
    let before = disk.failed();
    let query = EventQuery {
        limit: 1000,
        ..EventQuery::default()
    };
    match store.query(&query).await {
        Ok(page) => {
            let found: BTreeMap<u64, &Bytes> = page
                .events
                .iter()
                .map(|found| (found.event.seq().0, found.event.raw()))
                .collect();
            let known = client.acknowledged.range(first..);
            for (seq, text) in known {
                assert_eq!(found.get(seq), Some(&text), "record {seq}");
            }
        }
        Err(error) => {
            assert!(
                disk.failed() > before && error.kind() == ErrorKind::Io,
                "{error}"
            );
        }
    }
}

/// Whether the fault was met.
async fn check(fault: Fault) -> bool {
    let disk = SimDisk::default();
    let mut client = Client::default();
    disk.fail(fault);
    for _ in 0..3 {
        live(&disk, &mut client).await;
    }
    let was_met = disk.failed() > 0;
    for seed in 0..6 {
        let cut = disk.after_power_cut(seed);
        let store = open(&cut).unwrap_or_else(|error| panic!("power cut {seed}: {error}"));
        read(&cut, &store, &client).await;
    }
    disk.heal();
    // All works again: what failed before, and whatever it left lying about, hinders nothing.
    let store = open(&disk).expect("a sound disk");
    read(&disk, &store, &client).await;
    for _ in 0..10 {
        let items = named([format!("e{}", client.sent)]);
        client.sent += 1;
        let seqs = store.append(batch(&items)).await.unwrap().seqs.unwrap();
        client
            .acknowledged
            .insert(seqs.0.0, items.into_iter().next().unwrap());
    }
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(store.report().torn_bytes, 0);
    assert_eq!(store.notes(), Vec::<String>::new());
    read(&disk, &store, &client).await;
    was_met
}

#[test]
fn any_failed_operation_is_named_or_survived() {
    runtime().block_on(async {
        for kind in KINDS {
            let mut met = 0;
            // Late calls repeat early ones; reads are many.
            let step = if kind == Kind::Read { 7 } else { 1 };
            for call in (0..40 * step).step_by(step) {
                let fault = Fault::broken(kind, "").after_calls(call);
                let mut was_met = false;
                for fault in [fault.clone().once(), fault] {
                    // Shown when it fails.
                    println!("{fault:?}");
                    let checked = tokio::time::timeout(Duration::from_mins(1), check(fault));
                    was_met |= checked
                        .await
                        .unwrap_or_else(|_| panic!("{kind:?} {call} hangs"));
                }
                if !was_met {
                    break;
                }
                met += 1;
            }
            assert!(met > 0, "{kind:?} is never called");
        }
    });
}

/// An index whose write never ends holds up nobody; but until it ends the directory is in use.
#[test]
fn a_stuck_disk_does_not_hold_up_closing() {
    let disk = SimDisk::default();
    let store = open(&disk).unwrap();
    disk.stick(Some(".tmp"));
    let items = named((0..72).map(|number| format!("e{number}")));
    runtime().block_on(async {
        for items in items.chunks(6) {
            store.append(batch(items)).await.unwrap();
        }
    });
    let (closed, is_closed) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        drop(store);
        closed.send(()).unwrap();
    });
    is_closed
        .recv_timeout(Duration::from_mins(1))
        .expect("closing waits for the disk");
    assert_eq!(open(&disk).unwrap_err().kind(), ErrorKind::Closed);
    disk.stick(None);
    runtime().block_on(async {
        let store = loop {
            match open(&disk) {
                Ok(store) => break store,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Closed, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(store.stats().await.unwrap().events, 72);
    });
}

/// Every byte that reaches the disk is counted, and every byte of text that was acknowledged.
#[test]
fn what_is_written_is_counted() {
    let disk = SimDisk::default();
    runtime().block_on(async {
        let store = open(&disk).unwrap();
        let stats = store.stats().await.unwrap();
        assert_eq!((stats.segments, stats.accepted_bytes), (1, 0));
        assert_eq!(stats.write_amplification(), None);
        assert_eq!(stats.mean_group_records(), None);
        let items = named((0..60).map(|number| format!("e{number}")));
        for items in items.chunks(6) {
            store.append(batch(items)).await.unwrap();
        }
        // Known already, so nothing of it is stored.
        store.append(batch(&items[..6])).await.unwrap();
        let texts: usize = items.iter().map(Bytes::len).sum();
        let accepted = store.stats().await.unwrap().accepted_bytes;
        assert_eq!(accepted, texts as u64);
        drop(store);
        let files = disk.contents();
        let on_disk: usize = files
            .iter()
            .filter(|(name, _)| name.starts_with("seg-"))
            .map(|(_, content)| content.len())
            .sum();
        let store = open(&disk).unwrap();
        let stats = store.stats().await.unwrap();
        assert_eq!((stats.segments, stats.groups), (3, 0));
        drop(store);

        let disk = SimDisk::default();
        let store = open(&disk).unwrap();
        for items in items.chunks(6) {
            store.append(batch(items)).await.unwrap();
        }
        let mut stats = store.stats().await.unwrap();
        while stats.written_bytes < on_disk as u64 {
            // The last index is on its way.
            tokio::time::sleep(Duration::from_millis(1)).await;
            stats = store.stats().await.unwrap();
        }
        assert_eq!(stats.written_bytes, on_disk as u64);
        assert_eq!((stats.groups, stats.group_records), (10, 60));
        assert_eq!(stats.mean_group_records(), Some(6.0));
        let amplification = stats.write_amplification().unwrap();
        assert!((amplification - on_disk as f64 / texts as f64).abs() < 1e-9);
        assert!(stats.group_bytes < stats.written_bytes);
    });
}
