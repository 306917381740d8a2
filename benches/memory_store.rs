//! The in-memory backend: appending, and asking a log of 240,000 events.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::loom_batch;
use loom_studio_core::{
    AppendBatch, EventFilter, EventQuery, EventStore, ManualClock, MemoryStore, MemoryStoreOptions,
    Order, Pattern, SequentialIds, TimeRange, Timestamp,
};
use tokio::runtime::Runtime;

const EVENTS: u64 = 240_000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn store(max_records: usize) -> MemoryStore {
    let clock = ManualClock::new(Timestamp::from_micros(1_767_409_200_000_000));
    let options = MemoryStoreOptions {
        max_records,
        ..MemoryStoreOptions::default()
    };
    MemoryStore::new(options, Arc::new(clock), &SequentialIds::new(1))
}

fn batch(first: u64, count: u64) -> AppendBatch {
    AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items: loom_batch(first, count),
    }
}

fn append(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("append");
    for count in [1, 100] {
        // Full from the start: each append also drops what is oldest, as in a store that has run for long.
        let store = store(50_000);
        let mut next = 0;
        while next < 60_000 {
            runtime
                .block_on(store.append(batch(next, 1_000)))
                .expect("stored");
            next += 1_000;
        }
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("batch of {count}"), |b| {
            b.iter_batched(
                || {
                    next += count;
                    batch(next - count, count)
                },
                |batch| runtime.block_on(store.append(batch)).expect("stored"),
                BatchSize::SmallInput,
            );
        });
        let resent = batch(next - count, count);
        group.bench_function(format!("duplicates, batch of {count}"), |b| {
            b.iter_batched(
                || resent.clone(),
                |batch| runtime.block_on(store.append(batch)).expect("counted"),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn query(c: &mut Criterion) {
    let runtime = runtime();
    let store = store(1_000_000);
    for first in (0..EVENTS).step_by(1_000) {
        runtime
            .block_on(store.append(batch(first, 1_000)))
            .expect("stored");
    }
    let here = EventFilter::workspace("default");
    let exact = |text: &str| Some(Pattern::Exact(text.to_owned()));
    let newest = |filter| EventQuery {
        filter,
        order: Order::SeqDescending,
        ..EventQuery::default()
    };
    let middle = Timestamp::parse_rfc3339("2026-01-02T03:02:00Z").expect("a time");
    let window = TimeRange {
        start: Some(middle),
        end: Some(Timestamp::from_micros(middle.as_micros() + 999_000)),
    };
    let mut deep = EventQuery {
        filter: here.clone(),
        limit: 1000,
        ..EventQuery::default()
    };
    for _ in 0..EVENTS / 2_000 {
        deep.cursor = runtime.block_on(store.query(&deep)).expect("a page").next;
    }
    let questions = [
        (
            "one trace of 20",
            newest(EventFilter {
                trace: exact(&format!("{:032x}", 6_000)),
                ..here.clone()
            }),
            20,
        ),
        (
            "last 100 of node and type",
            newest(EventFilter {
                node: exact("tool/search-1"),
                kind: exact("node.response"),
                ..here.clone()
            }),
            100,
        ),
        (
            "window of 1000 by time",
            EventQuery {
                filter: EventFilter {
                    time: window,
                    ..here.clone()
                },
                order: Order::Time,
                limit: 1000,
                ..EventQuery::default()
            },
            1000,
        ),
        ("last 100", newest(here.clone()), 100),
        ("page of 1000 in the middle", deep, 1000),
        (
            "last 100 by time",
            EventQuery {
                order: Order::TimeDescending,
                ..newest(here.clone())
            },
            100,
        ),
        (
            "text in one event",
            newest(EventFilter {
                text: Some("region 150000".to_owned()),
                ..here.clone()
            }),
            1,
        ),
        (
            "text of one type",
            newest(EventFilter {
                text: Some("region 150000".to_owned()),
                kind: exact("node.request"),
                ..here
            }),
            1,
        ),
    ];
    let mut group = c.benchmark_group(format!("query/{EVENTS}"));
    group.sample_size(20);
    for (name, query, found) in &questions {
        let page = runtime.block_on(store.query(query)).expect("a page");
        assert_eq!(page.events.len(), *found, "{name}");
        group.bench_function(*name, |b| {
            b.iter(|| runtime.block_on(store.query(query)).expect("a page"));
        });
    }
    group.finish();
}

criterion_group!(benches, append, query);
criterion_main!(benches);
