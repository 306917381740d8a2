//! Folding events into a graph, and drawing it.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::loom_batch;
use loom_studio_core::{
    AppendBatch, CausalTopology, EventFilter, EventStore, ManualClock, MemoryStore,
    MemoryStoreOptions, Projection, Record, SequentialIds, Sessions, StartAt, Timestamp,
    TopologyInferer,
};

const EVENTS: u64 = 30_000;

fn records() -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let clock = ManualClock::new(Timestamp::from_micros(1_767_409_200_000_000));
    let store = MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(clock),
        &SequentialIds::new(1),
    );
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items: loom_batch(0, EVENTS),
    };
    runtime.block_on(async {
        store.append(batch).await.expect("stored");
        let mut all = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await
            .expect("a subscription");
        all.next(EVENTS as usize).await.expect("records").records
    })
}

fn fold(c: &mut Criterion) {
    let records = records();
    assert_eq!(records.len() as u64, EVENTS);
    let mut group = c.benchmark_group("fold");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    group.bench_function("topology", |b| {
        b.iter_batched_ref(
            CausalTopology::default,
            |topology| records.iter().for_each(|record| topology.apply(record)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("sessions", |b| {
        b.iter_batched_ref(
            Sessions::default,
            |sessions| records.iter().for_each(|record| sessions.apply(record)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
    let mut topology = CausalTopology::default();
    for record in &records {
        topology.apply(record);
    }
    let now = Timestamp::from_micros(1_767_409_200_000_000);
    assert_eq!(topology.topology(now).nodes.len(), 14);
    c.bench_function("graph of 14 nodes", |b| b.iter(|| topology.topology(now)));
}

criterion_group!(benches, fold);
criterion_main!(benches);
