//! Any position of a log: what a history answers is what a fold from the beginning gives, whatever becomes of its checkpoints.

use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom_studio_core::conformance::start;
use loom_studio_core::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::crash::runtime;
use crate::laws::{at, event, histories, records};
use crate::sim_disk::{Fault, Kind, SimDisk};

/// Events, observations of them, nodes that come and go, and what they remember.
fn traffic() -> impl Strategy<Value = Vec<Value>> {
    (histories(), vec((0..60_usize, 0..6_u8), 0..16)).prop_map(|(mut history, extra)| {
        for (index, (place, what)) in extra.into_iter().enumerate() {
            let place = place.min(history.len());
            let (id, millis) = (format!("x{index}"), i64::try_from(place).unwrap() * 7);
            let data = json!({"data": {"node_id": "b"}});
            let mut extra = match what {
                0 => event(&id, "a", "kernel.node.unregister", millis, data),
                1 => event(&id, "b", "kernel.node.register", millis, data),
                4 => {
                    let data = json!({"entry_id": format!("m{}", index % 3), "content": "long"});
                    event(&id, "a", "memory.add", millis, json!({ "data": data }))
                }
                5 => {
                    let patch = json!({"op": "add", "path": "/n", "value": index});
                    let data = json!({"data": {"patches": [patch]}});
                    event(&id, "a", "state.patch", millis, data)
                }
                _ => event(&id, "a", "node.request", millis, json!({"subject": "b"})),
            };
            if what == 3 {
                extra["extensions"] = json!({"studio_phase": "blocked"});
            }
            history.insert(place, extra);
        }
        // The same events again with a phase become observations, some of which say that a request was blocked.
        let again: Vec<Value> = history.iter().step_by(3).cloned().collect();
        for (index, mut event) in again.into_iter().enumerate() {
            let phase = if index % 2 == 0 { "blocked" } else { "post" };
            event["extensions"] = json!({"studio_phase": phase, "studio_timestamp": 1_767_323_001});
            history.push(event);
        }
        history
    })
}

/// Everything stored of a history, observations included.
fn stored_records(events: &[Value]) -> Vec<Record> {
    let store = memory(MemoryStoreOptions::default());
    runtime().block_on(async {
        append(&*store, events).await;
        all(&*store).await
    })
}

fn memory(options: MemoryStoreOptions) -> Arc<dyn EventStore> {
    let clock = Arc::new(ManualClock::new(start()));
    Arc::new(MemoryStore::new(options, clock, &SequentialIds::new(7)))
}

async fn append(store: &dyn EventStore, events: &[Value]) {
    for (index, items) in events.chunks(5).enumerate() {
        let batch = AppendBatch {
            workspace: if index % 3 == 2 { "other" } else { "w" }.into(),
            session: format!("s{}", index / 2).into(),
            items: items
                .iter()
                .map(|event| Incoming::Event(event.to_string().into()))
                .collect(),
        };
        store.append(batch).await.unwrap();
    }
}

async fn all(store: &dyn EventStore) -> Vec<Record> {
    let from = store.subscribe(StartAt::Beginning, EventFilter::default());
    let delivery = from.await.unwrap().try_next(100_000).await.unwrap();
    delivery.map_or_else(Vec::new, |delivery| delivery.records)
}

fn folded<P: Projection + Default>(records: &[Record]) -> P {
    let mut state = P::default();
    for record in records {
        state.apply(record);
    }
    state
}

/// The laws of every projection that can be put aside: `b` after `a` is `a ++ b`; a clone stands still; what was saved and restored goes on as what was not; the same records give the same bytes.
fn check_laws<P: Checkpoint + Default + Debug>(records: &[Record], cut: usize) {
    let cut = cut.min(records.len());
    let whole: P = folded(records);
    let mut state: P = folded(&records[..cut]);
    let (still, saved) = (state.clone(), state.save());
    let mut restored = P::restore(&saved).expect("what was saved can be restored");
    assert_eq!(restored.save(), saved);
    assert_eq!(restored.through(), state.through());
    for record in &records[cut..] {
        state.apply(record);
        restored.apply(record);
    }
    assert_eq!(state.save(), whole.save());
    assert_eq!(restored.save(), whole.save());
    assert_eq!(still.save(), saved, "a clone stands still");
    assert_eq!(format!("{whole:?}"), format!("{state:?}"));
    assert!(P::restore(&saved[..saved.len() / 2]).is_none() || saved.len() < 2);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    assert!(P::FORMAT.chars().all(is_plain), "{}", P::FORMAT);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_checkpoint_keeps_its_laws(events in traffic(), cut in 0..80_usize) {
        let records = stored_records(&events);
        check_laws::<CausalTopology>(&records, cut);
        check_laws::<Topologies>(&records, cut);
        check_laws::<Memories>(&records, cut);
        check_laws::<Sessions>(&records, cut);
        check_laws::<Metrics>(&records, cut);
        check_laws::<RunList>(&records, cut);
    }
}

fn small_steps() -> HistoryOptions {
    HistoryOptions {
        step: 3,
        per_order: 2,
        max_prepared: 6,
        max_prepared_bytes: 64 << 20,
        save_every: 7,
        max_saved_bytes: 1 << 20,
    }
}

async fn open<P: Checkpoint + Default>(
    store: &Arc<dyn EventStore>,
    scope: EventFilter,
    checkpoints: Arc<dyn CheckpointStore>,
) -> History<P> {
    let store = Arc::clone(store);
    History::open(store, scope, checkpoints, small_steps(), P::default())
        .await
        .unwrap()
}

/// What happens to a log and its history.
#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    CatchUp,
    Ask(u64),
    Prepare(u64, u64),
    Restart,
    Delete(usize),
    Damage(usize, usize),
    Truncate(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..20_usize).prop_map(Step::Append),
        3 => Just(Step::CatchUp),
        6 => (0..90_u64).prop_map(Step::Ask),
        1 => (0..90_u64, 0..40_u64).prop_map(|(from, length)| Step::Prepare(from, length)),
        2 => Just(Step::Restart),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(file, byte)| Step::Damage(file, byte)),
        1 => any::<usize>().prop_map(Step::Truncate),
    ];
    vec(step, 1..30)
}

fn one_file(dir: &Path, index: usize) -> Option<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    (!files.is_empty()).then(|| files[index % files.len()].clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    /// The state at n is that of a fold to n, after restarts, and with checkpoint files deleted, damaged and cut off.
    #[test]
    fn any_position_is_what_a_fold_gives(events in traffic(), steps in steps(), in_workspace in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let store = memory(MemoryStoreOptions::default());
            let scope = if in_workspace { EventFilter::workspace("w") } else { EventFilter::default() };
            let checkpoints = || Arc::new(DirCheckpoints::open(dir.path(), store.epoch()).unwrap());
            let mut topologies: History<Topologies> = open(&store, scope.clone(), checkpoints()).await;
            let mut sessions: History<Sessions> = open(&store, scope.clone(), checkpoints()).await;
            let mut metrics: History<Metrics> = open(&store, scope.clone(), checkpoints()).await;
            let memories: History<Memories> = open(&store, scope.clone(), checkpoints()).await;
            let mut events = events.as_slice();
            for step in steps {
                match step {
                    Step::Append(count) => {
                        let (now, later) = events.split_at(count.min(events.len()));
                        append(&*store, now).await;
                        events = later;
                    }
                    Step::CatchUp => {
                        topologies.catch_up().await.unwrap();
                        sessions.catch_up().await.unwrap();
                        metrics.catch_up().await.unwrap();
                    }
                    Step::Ask(seq) => {
                        let mut known = all(&*store).await;
                        known.retain(|record| record.seq().0 <= seq && (!in_workspace || **record.workspace() == *"w"));
                        let found = topologies.at(Seq(seq)).await.unwrap();
                        assert_eq!(found.save(), folded::<Topologies>(&known).save());
                        let found = at_both(&topologies, &memories, Seq(seq)).await.unwrap();
                        assert_eq!(found.0.save(), folded::<Topologies>(&known).save());
                        assert_eq!(found.1.save(), folded::<Memories>(&known).save());
                        let found = sessions.at(Seq(seq)).await.unwrap();
                        assert_eq!(found.save(), folded::<Sessions>(&known).save());
                        let found = metrics.at(Seq(seq)).await.unwrap();
                        assert_eq!(found.save(), folded::<Metrics>(&known).save());
                    }
                    Step::Prepare(from, length) => {
                        if length % 2 == 0 {
                            topologies.prepare(Seq(from), Seq(from + length), &mut |_, _| {}).await.unwrap();
                        } else {
                            let both: [&dyn Travelled; 2] = [&topologies, &memories];
                            prepare_all(&*store, &both, Seq(from), Seq(from + length), &mut |_, _| {}).await.unwrap();
                        }
                    }
                    Step::Restart => {
                        drop((topologies, sessions, metrics));
                        topologies = open(&store, scope.clone(), checkpoints()).await;
                        sessions = open(&store, scope.clone(), checkpoints()).await;
                        metrics = open(&store, scope.clone(), checkpoints()).await;
                    }
                    Step::Delete(file) => {
                        if let Some(path) = one_file(dir.path(), file) {
                            fs::remove_file(path).unwrap();
                        }
                    }
                    Step::Damage(file, byte) => {
                        if let Some(path) = one_file(dir.path(), file) {
                            let mut bytes = fs::read(&path).unwrap();
                            let byte = byte % bytes.len();
                            bytes[byte] ^= 0x10;
                            fs::write(path, bytes).unwrap();
                        }
                    }
                    Step::Truncate(file) => {
                        if let Some(path) = one_file(dir.path(), file) {
                            let bytes = fs::read(&path).unwrap();
                            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
                        }
                    }
                }
            }
            let known = all(&*store).await;
            let known: Vec<Record> = known.into_iter().filter(|record| !in_workspace || **record.workspace() == *"w").collect();
            topologies.catch_up().await.unwrap();
            assert_eq!(topologies.head().save(), folded::<Topologies>(&known).save());
            assert_eq!(topologies.notes(), Vec::<String>::new());
        });
    }
}

fn thoughts(range: std::ops::RangeInclusive<i64>) -> Vec<Value> {
    range
        .map(|n| {
            let from = format!("agent/a{}", n % 7);
            event(
                &format!("e{n}"),
                &from,
                "node.request",
                n,
                json!({"subject": "tool/t"}),
            )
        })
        .collect()
}

/// Deletes about half of the log.
async fn half(store: &dyn EventStore) -> RetainPolicy {
    RetainPolicy {
        max_age: None,
        max_bytes: Some(store.stats().await.unwrap().stored_bytes / 2),
    }
}

#[tokio::test]
async fn what_retention_deleted_still_counts_and_what_lies_before_the_base_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = memory(MemoryStoreOptions {
        max_records: 1_000,
        ..MemoryStoreOptions::default()
    });
    append(&*store, &thoughts(1..=600)).await;
    let whole = all(&*store).await;
    let checkpoints = || Arc::new(DirCheckpoints::open(dir.path(), store.epoch()).unwrap());
    let history: Arc<History<Topologies>> =
        Arc::new(open(&store, EventFilter::default(), checkpoints()).await);
    // It never followed the log: the base is folded when it is needed.
    let histories: [Arc<dyn Followed>; 1] = [history.clone()];
    let policy = half(&*store).await;
    let retained = retain_with(&*store, &policy, &histories).await.unwrap();
    let base = retained.first_seq.previous();
    assert!(base > Seq(100) && retained.deleted_records == base.0);
    let until = |seq: Seq| folded::<Topologies>(&whole[..seq.0 as usize]).save();
    let check = async |history: &History<Topologies>| {
        for seq in [base, base.next(), Seq(base.0 + 50), Seq(600)] {
            assert_eq!(history.at(seq).await.unwrap().save(), until(seq), "{seq}");
        }
        for seq in [Seq::ZERO, Seq(1), base.previous()] {
            assert_eq!(
                history.at(seq).await.unwrap_err().kind(),
                ErrorKind::Gone,
                "{seq}"
            );
        }
    };
    check(&history).await;
    history.catch_up().await.unwrap();
    assert_eq!(history.head().save(), until(Seq(600)));
    check(&history).await;
    let again: History<Topologies> = open(&store, EventFilter::default(), checkpoints()).await;
    check(&again).await;
    again.catch_up().await.unwrap();
    assert_eq!(again.head().save(), until(Seq(600)));
    assert_eq!((history.notes(), again.notes()), (vec![], vec![]));
}

#[tokio::test]
async fn a_crash_between_base_and_deletion_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = memory(MemoryStoreOptions {
        max_records: 1_000,
        ..MemoryStoreOptions::default()
    });
    append(&*store, &thoughts(1..=300)).await;
    let whole = all(&*store).await;
    let checkpoints = || Arc::new(DirCheckpoints::open(dir.path(), store.epoch()).unwrap());
    let first = store.retainable(&half(&*store).await).await.unwrap();
    let history: History<Topologies> = open(&store, EventFilter::default(), checkpoints()).await;
    history.secure(first.previous()).await.unwrap();
    drop(history);
    for is_deleted in [false, true] {
        if is_deleted {
            store.delete_before(first).await.unwrap();
        }
        let history: History<Topologies> =
            open(&store, EventFilter::default(), checkpoints()).await;
        let oldest = if is_deleted { first.0 - 1 } else { 0 };
        for seq in [oldest, first.0, 300] {
            let expected = folded::<Topologies>(&whole[..seq as usize]);
            assert_eq!(
                history.at(Seq(seq)).await.unwrap().save(),
                expected.save(),
                "{seq}"
            );
        }
        assert_eq!(history.notes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_lost_base_is_noted_and_the_fold_begins_anew_the_same_way_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = memory(MemoryStoreOptions {
        max_records: 1_000,
        ..MemoryStoreOptions::default()
    });
    append(&*store, &thoughts(1..=300)).await;
    store.retain(&half(&*store).await).await.unwrap();
    let kept = all(&*store).await;
    let floor = kept[0].seq().previous();
    let mut notes = Vec::new();
    for _ in 0..2 {
        let checkpoints = Arc::new(DirCheckpoints::open(dir.path(), store.epoch()).unwrap());
        let history: History<Topologies> = open(&store, EventFilter::default(), checkpoints).await;
        history.catch_up().await.unwrap();
        for seq in [floor, floor.next(), Seq(300)] {
            let expected = folded::<Topologies>(&kept[..(seq.0 - floor.0) as usize]);
            assert_eq!(history.at(seq).await.unwrap().save(), expected.save());
        }
        assert_eq!(
            history.at(floor.previous()).await.unwrap_err().kind(),
            ErrorKind::Gone
        );
        notes.push(history.notes().len());
    }
    assert_eq!(notes, [1, 0], "said once");
}

/// Checkpoints on a disk that may have no space left.
#[derive(Debug)]
struct Full {
    inner: MemoryCheckpoints,
    is_full: AtomicBool,
}

impl CheckpointStore for Full {
    fn adopt(&self, key: &CheckpointKey) -> Result<()> {
        self.inner.adopt(key)
    }
    fn positions(&self, key: &CheckpointKey) -> Result<Vec<(Seq, u64)>> {
        self.inner.positions(key)
    }
    fn get(&self, key: &CheckpointKey, at: Seq) -> Result<Option<Vec<u8>>> {
        self.inner.get(key, at)
    }
    fn put(
        &self,
        key: &CheckpointKey,
        at: Seq,
        state: &[u8],
        durability: Durability,
    ) -> Result<u64> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Full, "no space left"));
        }
        self.inner.put(key, at, state, durability)
    }
    fn remove(&self, key: &CheckpointKey, at: Seq) -> Result<()> {
        self.inner.remove(key, at)
    }
}

#[tokio::test]
async fn a_full_disk_stops_nothing_and_is_noted() {
    let store = memory(MemoryStoreOptions {
        max_records: 1_000,
        ..MemoryStoreOptions::default()
    });
    let checkpoints = Arc::new(Full {
        inner: MemoryCheckpoints::default(),
        is_full: true.into(),
    });
    let history: Arc<History<Sessions>> =
        Arc::new(open(&store, EventFilter::default(), checkpoints.clone()).await);
    append(&*store, &thoughts(1..=300)).await;
    let whole = all(&*store).await;
    history.catch_up().await.unwrap();
    assert!(!history.notes().is_empty());
    let histories: [Arc<dyn Followed>; 1] = [history.clone()];
    let retained = retain_with(&*store, &half(&*store).await, &histories)
        .await
        .unwrap();
    assert!(retained.deleted_records > 0);
    for seq in [retained.first_seq.previous(), Seq(300)] {
        let expected = folded::<Sessions>(&whole[..seq.0 as usize]);
        assert_eq!(history.at(seq).await.unwrap().save(), expected.save());
    }
    assert!(
        history
            .notes()
            .iter()
            .any(|note| note.contains("memory alone")),
        "{:?}",
        history.notes()
    );
    // Space again, and a new base: it is durable, and a new history goes on from it.
    checkpoints.is_full.store(false, Ordering::Relaxed);
    let retained = retain_with(&*store, &half(&*store).await, &histories)
        .await
        .unwrap();
    let again: History<Sessions> = open(&store, EventFilter::default(), checkpoints).await;
    assert_eq!(
        again.at(Seq(300)).await.unwrap().save(),
        folded::<Sessions>(&whole).save()
    );
    assert!(again.at(retained.first_seq.previous()).await.is_ok() && again.notes().is_empty());
}

#[tokio::test]
async fn what_is_saved_stays_within_its_bound_and_evenly_spread() {
    let store = memory(MemoryStoreOptions::default());
    let checkpoints = Arc::new(MemoryCheckpoints::default());
    let options = HistoryOptions {
        max_saved_bytes: 40_000,
        ..small_steps()
    };
    let history = History::open(
        Arc::clone(&store),
        EventFilter::default(),
        checkpoints.clone(),
        options,
        Topologies::default(),
    );
    let history = history.await.unwrap();
    let key = CheckpointKey {
        format: Topologies::FORMAT.into(),
        scope: "".into(),
    };
    for first in (1..3_000).step_by(10) {
        let notes: Vec<Value> = (first..first + 10)
            .map(|n| {
                event(
                    &format!("e{n}"),
                    &format!("n{}", n % 50),
                    "note",
                    n,
                    json!({}),
                )
            })
            .collect();
        append(&*store, &notes).await;
        history.catch_up().await.unwrap();
        let sizes = checkpoints.positions(&key).unwrap();
        assert!(sizes.iter().map(|(_, bytes)| bytes).sum::<u64>() <= 40_000);
    }
    let positions: Vec<u64> = checkpoints
        .positions(&key)
        .unwrap()
        .iter()
        .map(|(at, _)| at.0)
        .collect();
    assert!(positions.len() > 2, "{positions:?}");
    let gaps: Vec<u64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let inner = &gaps[..gaps.len() - 1];
    assert!(
        inner.iter().max().unwrap() <= &(inner.iter().min().unwrap() * 4),
        "{gaps:?}"
    );
}

#[tokio::test]
async fn a_range_is_prepared_once_and_within_the_bound() {
    let store = memory(MemoryStoreOptions::default());
    append(&*store, &thoughts(1..=400)).await;
    let history: History<Topologies> = open(
        &store,
        EventFilter::default(),
        Arc::new(MemoryCheckpoints::default()),
    )
    .await;
    let mut told = Vec::new();
    history
        .prepare(Seq(100), Seq(300), &mut |done, all| told.push((done, all)))
        .await
        .unwrap();
    assert_eq!(
        (told.first(), told.last()),
        (Some(&(0, 200)), Some(&(200, 200)))
    );
    assert!(told.is_sorted(), "{told:?}");
    assert!(history.prepared().0 <= small_steps().max_prepared);
    for (from, to) in [(100, 300), (150, 200)] {
        history
            .prepare(Seq(from), Seq(to), &mut |_, _| panic!("prepared already"))
            .await
            .unwrap();
    }
    let whole = all(&*store).await;
    for seq in 95..305 {
        let expected = folded::<Topologies>(&whole[..seq as usize]);
        assert_eq!(history.at(Seq(seq)).await.unwrap().save(), expected.save());
    }
}

#[tokio::test]
async fn prepared_states_stay_within_their_bytes() {
    let store = memory(MemoryStoreOptions::default());
    append(&*store, &thoughts(1..=400)).await;
    let prepared = async |max_prepared_bytes| {
        let options = HistoryOptions {
            max_prepared: 1_000,
            max_prepared_bytes,
            ..small_steps()
        };
        let checkpoints = Arc::new(MemoryCheckpoints::default());
        let (scope, empty) = (EventFilter::default(), Topologies::default());
        let history = History::open(Arc::clone(&store), scope, checkpoints, options, empty);
        let history = history.await.unwrap();
        history
            .prepare(Seq(0), Seq(400), &mut |_, _| {})
            .await
            .unwrap();
        let whole = all(&*store).await;
        for seq in [0, 1, 2, 3, 199, 200, 399, 400] {
            let expected = folded::<Topologies>(&whole[..seq as usize]);
            assert_eq!(history.at(Seq(seq)).await.unwrap().save(), expected.save());
        }
        history.prepared()
    };
    let (all_states, all_bytes) = prepared(u64::MAX).await;
    assert_eq!(all_states, 400_usize.div_ceil(3) + 1);
    let (fewer_states, fewer_bytes) = prepared(all_bytes / 3).await;
    assert!(
        fewer_states > 2 && fewer_states < all_states && fewer_bytes <= all_bytes / 3,
        "{fewer_states} of {all_states} states, {fewer_bytes} of {all_bytes} bytes"
    );
}

#[test]
fn an_estimate_of_what_versions_share_grows_with_what_changed() {
    let records = stored_records(&thoughts(1..=200));
    let (early, late) = (
        folded::<Topologies>(&records[..100]),
        folded::<Topologies>(&records),
    );
    let middle = folded::<Topologies>(&records[..101]);
    assert_eq!(late.unshared_bytes(&late.clone()), 0);
    assert!(late.unshared_bytes(&early) > 0);
    let mut grown = early.clone();
    grown.apply(&records[100]);
    assert_eq!(grown.save(), middle.save());
    assert!(grown.unshared_bytes(&early) < late.unshared_bytes(&Topologies::default()));
}

#[tokio::test]
async fn a_log_in_memory_that_drops_its_oldest_stays_right() {
    let store = memory(MemoryStoreOptions {
        max_records: 128,
        ..MemoryStoreOptions::default()
    });
    let history: History<Sessions> = open(
        &store,
        EventFilter::default(),
        Arc::new(MemoryCheckpoints::default()),
    )
    .await;
    let mut expected = Sessions::default();
    for first in (1..1_000).step_by(10) {
        append(&*store, &thoughts(first..=first + 9)).await;
        let known = all(&*store).await;
        let through = expected.through();
        for record in known.iter().filter(|record| record.seq() > through) {
            expected.apply(record);
        }
        history.catch_up().await.unwrap();
        assert_eq!(history.head().save(), expected.save());
        let head = expected.through();
        assert_eq!(
            history.at(head.previous()).await.unwrap().through(),
            head.previous()
        );
    }
    assert_eq!(
        history.at(Seq(5)).await.unwrap_err().kind(),
        ErrorKind::Gone
    );
    assert_eq!(history.notes(), Vec::<String>::new());
    // Too far behind: what was dropped meanwhile is missing, and it says so.
    append(&*store, &thoughts(2_000..=2_300)).await;
    history.catch_up().await.unwrap();
    assert_eq!(history.notes().len(), 1, "{:?}", history.notes());
}

#[test]
fn a_power_cut_leaves_a_checkpoint_whole_or_not_at_all() {
    let key = CheckpointKey {
        format: "x-1".into(),
        scope: "w".into(),
    };
    for seed in 0..400 {
        let durability = [Durability::Cache, Durability::Synced][seed as usize % 2];
        let disk = SimDisk::default();
        let open = |disk: &SimDisk| {
            DirCheckpoints::open_on(Arc::new(disk.clone()), Path::new("/sim"), Epoch(1)).unwrap()
        };
        let checkpoints = open(&disk);
        checkpoints
            .put(&key, Seq(5), &[5; 3_000], Durability::Synced)
            .unwrap();
        disk.crash_at(disk.log().len() + seed as usize % 6);
        let second = checkpoints.put(&key, Seq(9), &[9; 3_000], durability);
        let after = open(&disk.after_power_cut(seed));
        assert_eq!(after.get(&key, Seq(5)).unwrap(), Some(vec![5; 3_000]));
        let found = after.get(&key, Seq(9)).unwrap();
        assert!(found.is_none() || found == Some(vec![9; 3_000]));
        assert!(durability == Durability::Cache || second.is_err() || found.is_some());
    }
}

#[test]
fn files_of_other_epochs_scopes_and_versions_are_not_taken() {
    let disk = SimDisk::default();
    let open = |epoch| {
        DirCheckpoints::open_on(Arc::new(disk.clone()), Path::new("/sim"), Epoch(epoch)).unwrap()
    };
    let key = |format: &str, scope: &str| CheckpointKey {
        format: format.into(),
        scope: scope.into(),
    };
    let (old, new, elsewhere) = (key("x-1", "w"), key("x-2", "w"), key("x-1", "v"));
    let checkpoints = open(1);
    for key in [&old, &elsewhere] {
        checkpoints
            .put(key, Seq(5), b"state", Durability::Synced)
            .unwrap();
    }
    assert_eq!(checkpoints.get(&new, Seq(5)).unwrap(), None);
    checkpoints.adopt(&new).unwrap();
    assert_eq!(checkpoints.positions(&old).unwrap(), []);
    assert_eq!(
        checkpoints.get(&elsewhere, Seq(5)).unwrap(),
        Some(b"state".to_vec())
    );
    let after = open(2);
    assert_eq!(after.get(&elsewhere, Seq(5)).unwrap(), None);
    assert_eq!(after.positions(&elsewhere).unwrap(), [], "it was deleted");
    // A write that fails leaves nothing behind.
    disk.fail(Fault::full(Kind::Write, ".tmp"));
    assert_eq!(
        after
            .put(&new, Seq(7), b"state", Durability::Synced)
            .unwrap_err()
            .kind(),
        ErrorKind::Full
    );
    disk.heal();
    assert!(disk.contents().is_empty(), "{:?}", disk.contents().keys());
}

#[test]
fn a_history_has_a_scope_it_can_follow() {
    runtime().block_on(async {
        let filter = EventFilter {
            text: Some("x".into()),
            ..EventFilter::default()
        };
        let checkpoints = Arc::new(MemoryCheckpoints::default());
        let store = memory(MemoryStoreOptions::default());
        let opened = History::open(
            store,
            filter,
            checkpoints,
            small_steps(),
            Sessions::default(),
        )
        .await;
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn blocked_requests_and_unregistered_nodes_show() {
    let graph =
        |events: &[Value]| folded::<CausalTopology>(&stored_records(events)).topology(at(10));
    let call = event("q", "a", "node.request", 0, json!({"subject": "b"}));
    let mut blocked = call.clone();
    blocked["extensions"] = json!({"studio_phase": "blocked", "studio_timestamp": 1_767_323_001});
    for events in [vec![blocked.clone()], vec![call.clone(), blocked]] {
        let graph = graph(&events);
        let edge = &graph.edges[0];
        assert_eq!(
            (edge.count, edge.open, edge.blocked, edge.errors),
            (1, 0, 1, 0)
        );
        assert!(
            graph
                .nodes
                .iter()
                .all(|node| node.status == NodeStatus::Idle)
        );
    }
    let came = event(
        "r",
        "b",
        "kernel.node.register",
        1,
        json!({"data": {"node_id": "b"}}),
    );
    let left = event(
        "u",
        "b",
        "kernel.node.unregister",
        2,
        json!({"data": {"node_id": "b"}}),
    );
    let unregistered = |events: &[Value]| graph(events).nodes[0].unregistered;
    assert_eq!(unregistered(&[came.clone(), left.clone()]), Some(Seq(2)));
    assert_eq!(unregistered(&[left, came]), None);
    let reply = event(
        "p",
        "b",
        "node.response",
        9,
        json!({"data": {"request_id": "q", "result": 1}}),
    );
    let edges = graph(&[call, reply]).edges;
    assert_eq!(edges[0].wait_nanos, 9_000_000);
}

#[test]
fn nodes_beyond_the_bound_are_counted() {
    let mut state = CausalTopology::default();
    let many: Vec<Value> = (0..100_100)
        .map(|n| event(&format!("e{n}"), &format!("n{n}"), "note", 1, json!({})))
        .collect();
    for record in records(&many) {
        state.apply(&record);
    }
    let graph = state.topology(at(1));
    assert_eq!((graph.nodes.len(), graph.left_out), (100_000, 100));
}
