//! Folding events into runs, and drawing the tree of a large one.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::{cpu_micros, loom_batch, one_run};
use loom_studio_core::{
    AppendBatch, Checkpoint, EventFilter, EventStore, Incoming, ManualClock, MemoryStore,
    MemoryStoreOptions, Projection, Record, RunList, Seq, SequentialIds, StartAt, Timestamp,
    call_tree, read_records,
};
use tokio::runtime::Runtime;

const EVENTS: u64 = 200_000;
const RUN_EVENTS: u64 = 100_000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn store(items: Vec<Incoming>) -> MemoryStore {
    let clock = ManualClock::new(Timestamp::from_micros(1_767_409_200_000_000));
    let store = MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(clock),
        &SequentialIds::new(1),
    );
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items,
    };
    runtime().block_on(store.append(batch)).expect("stored");
    store
}

fn records(store: &MemoryStore, count: u64) -> Vec<Record> {
    let records = runtime().block_on(async {
        let mut all = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await
            .expect("a subscription");
        all.next(count as usize).await.expect("records").records
    });
    assert_eq!(records.len() as u64, count);
    records
}

#[expect(clippy::print_stdout, reason = "figures that are no durations")]
fn list(c: &mut Criterion) {
    let now = Timestamp::from_micros(1_767_409_200_000_000);
    let records = records(&store(loom_batch(0, EVENTS)), EVENTS);
    let mut group = c.benchmark_group("runs");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(10);
    group.bench_function("fold", |b| {
        b.iter_batched_ref(
            RunList::default,
            |list| records.iter().for_each(|record| list.apply(record)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
    let used = || cpu_micros(std::process::id()).expect("/proc") as f64;
    let before = used();
    let mut list = RunList::default();
    for record in &records {
        list.apply(record);
    }
    let micros = (used() - before) / EVENTS as f64;
    println!(
        "{micros:.2} µs of processor time per event, {} runs, {} bytes saved",
        list.runs("default", now).len(),
        list.save().len()
    );
    c.bench_function("runs, clone", |b| b.iter(|| list.clone()));
    c.bench_function("runs, first answer after an event", |b| {
        let newest = records.last().expect("a record");
        b.iter_batched_ref(
            || {
                let mut list = list.clone();
                list.apply(newest);
                list
            },
            |list| list.runs("default", now).len(),
            BatchSize::LargeInput,
        );
    });
    c.bench_function("runs, answer", |b| {
        b.iter(|| list.runs("default", now).len());
    });
}

fn tree(c: &mut Criterion) {
    let now = Timestamp::from_micros(1_767_409_200_000_000);
    let store = store(one_run(RUN_EVENTS));
    let records = records(&store, RUN_EVENTS);
    let mut list = RunList::default();
    for record in &records {
        list.apply(record);
    }
    let members = list.members("default", Seq(1));
    assert_eq!(members.len() as u64, RUN_EVENTS);
    let tree = call_tree(&records, now);
    assert_eq!((tree.roots.len(), tree.unplaced.len()), (1, 0));
    let mut group = c.benchmark_group("a run of 100,000 events");
    group.sample_size(10);
    group.bench_function("tree", |b| b.iter(|| call_tree(&records, now).calls.len()));
    let runtime = runtime();
    group.bench_function("read and tree", |b| {
        b.iter(|| {
            let members = list.members("default", Seq(1));
            let records = runtime.block_on(read_records(&store, &members));
            call_tree(&records.expect("records"), now).calls.len()
        });
    });
    group.finish();
}

criterion_group!(benches, list, tree);
criterion_main!(benches);
