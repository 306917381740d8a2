//! Folding events into figures, and answering.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::{cpu_micros, loom_batch};
use loom_studio_core::{
    AppendBatch, Checkpoint, EventFilter, EventStore, ManualClock, Measured, MemoryStore,
    MemoryStoreOptions, Metrics, Projection, Record, SequentialIds, StartAt, Timestamp,
    bottlenecks,
};

const EVENTS: u64 = 200_000;

#[expect(clippy::print_stdout, reason = "figures that are no durations")]
fn figures(c: &mut Criterion) {
    let now = Timestamp::from_micros(1_767_409_200_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let store = MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(ManualClock::new(now)),
        &SequentialIds::new(1),
    );
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items: loom_batch(0, EVENTS),
    };
    let records: Vec<Record> = runtime.block_on(async {
        store.append(batch).await.expect("stored");
        let from = store.subscribe(StartAt::Beginning, EventFilter::default());
        let mut all = from.await.expect("a subscription");
        all.next(EVENTS as usize).await.expect("records").records
    });
    assert_eq!(records.len() as u64, EVENTS);
    let mut group = c.benchmark_group("metrics");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(10);
    group.bench_function("fold", |b| {
        b.iter_batched_ref(
            Metrics::default,
            |metrics| records.iter().for_each(|record| metrics.apply(record)),
            BatchSize::LargeInput,
        );
    });
    // A history clones its state now and then: the next change copies the histogram.
    group.bench_function("fold, a clone each 1,024 events", |b| {
        b.iter_batched_ref(
            Metrics::default,
            |metrics| {
                let mut kept = Vec::new();
                for step in records.chunks(1_024) {
                    for record in step {
                        metrics.apply(record);
                    }
                    kept.push(metrics.clone());
                }
                kept
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
    let used = || cpu_micros(std::process::id()).expect("/proc") as f64;
    let before = used();
    let measured: Measured = records.iter().cloned().collect();
    println!(
        "{:.2} µs of processor time per event for the three folds that figures come from, {} bytes saved of metrics",
        (used() - before) / EVENTS as f64,
        measured.metrics.save().len()
    );
    c.bench_function("figures of a workspace", |b| {
        b.iter(|| measured.view("default", None, now).calls.answered());
    });
    c.bench_function("bottlenecks of 20 runs", |b| {
        b.iter(|| {
            let found = bottlenecks(&store, &measured.runs, "default", now);
            runtime.block_on(found).expect("bottlenecks").runs
        });
    });
}

criterion_group!(benches, figures);
criterion_main!(benches);
