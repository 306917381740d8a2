//! Conditions: reading them, testing one against an event, and many against one event.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::loom_batch;
use loom_studio_core::{
    AppendBatch, Condition, ConditionSet, Direction, Event, EventFilter, EventQuery, EventStore,
    ManualClock, MemoryStore, MemoryStoreOptions, Seq, SequentialIds, Timestamp, first_match,
    search,
};
use tokio::runtime::Runtime;

const EVENTS: u64 = 30_000;
const TESTED: usize = 1_000;
const BREAKPOINTS: u64 = 10_000;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn condition(text: &str) -> Condition {
    Condition::parse(text).expect("a condition")
}

fn conditions(c: &mut Criterion) {
    let (runtime, store, events) = stored();
    let mut group = c.benchmark_group("condition");
    one(&mut group, &events);
    many(&mut group, &events[0]);
    searches(&mut group, &runtime, &store);
    group.finish();
}

/// A store with events, and some of them.
fn stored() -> (Runtime, MemoryStore, Vec<Arc<Event>>) {
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
    let query = EventQuery {
        limit: TESTED,
        ..EventQuery::default()
    };
    let events: Vec<Arc<Event>> = runtime.block_on(async {
        store.append(batch).await.expect("stored");
        let page = store.query(&query).await.expect("a page");
        page.events.into_iter().map(|stored| stored.event).collect()
    });

    (runtime, store, events)
}

/// One condition.
fn one(group: &mut Group<'_>, events: &[Arc<Event>]) {
    let text = "type = node.error or (node = agent/writer-3 and data.arguments.limit >= 10 and not text contains public)";
    group.bench_function("parse", |b| b.iter(|| condition(black_box(text))));

    group.throughput(Throughput::Elements(TESTED as u64));
    for (name, text) in [
        ("attribute", "type = node.error"),
        ("path", "data.arguments.limit > 1000"),
        ("every element", "data.arguments.filters[*] = private"),
        ("contains in a path", "data.note contains absent"),
        ("contains in the text", "text contains absent"),
        (
            "regular expression in the text",
            "text matches /absent|missing/i",
        ),
    ] {
        let condition = condition(text);
        group.bench_function(name, |b| {
            b.iter(|| {
                events
                    .iter()
                    .filter(|event| condition.matches(event, &()))
                    .count()
            });
        });
    }
}

/// Many conditions against one event.
fn many(group: &mut Group<'_>, event: &Event) {
    group.throughput(Throughput::Elements(1));
    let number = |index: u64| match index % 3 {
        0 => format!("type = other.{index}"),
        1 => format!("from = agent/other-{index} and data.arguments.limit > 1"),
        _ => format!("request = none-{index} and text contains x"),
    };
    let keyed = ConditionSet::new((0..BREAKPOINTS).map(|index| condition(&number(index))));
    let paths = ConditionSet::new(
        (0..BREAKPOINTS)
            .map(|index| condition(&format!("data.arguments.limit > {}", 1_000 + index))),
    );
    let different = ConditionSet::new(
        (0..BREAKPOINTS).map(|index| condition(&format!("data.arguments.other{index} > 1"))),
    );
    let texts = ConditionSet::new(
        (0..BREAKPOINTS).map(|index| condition(&format!("text contains absent{index}"))),
    );
    for (name, set) in [
        ("10,000 with a key", &keyed),
        ("10,000 on one path", &paths),
        ("10,000 on different paths", &different),
        ("10,000 texts", &texts),
    ] {
        assert_eq!(set.matches(event, &()), Vec::<usize>::new());
        group.bench_function(name, |b| b.iter(|| set.matches(black_box(event), &())));
    }
}

/// Searches of a whole store.
fn searches(group: &mut Group<'_>, runtime: &Runtime, store: &MemoryStore) {
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    let absent = condition("data.arguments.limit > 1000");
    let range = Seq(1)..=Seq(EVENTS);
    let scope = EventFilter::workspace("default");
    let page = EventQuery {
        filter: scope.clone(),
        ..EventQuery::default()
    };
    group.bench_function("search of 30,000 events in memory", |b| {
        b.iter(|| {
            let found = search(store, &page, &absent, &(), u64::MAX);
            runtime.block_on(found).expect("an answer")
        });
    });
    group.bench_function("first match among 30,000 events in memory", |b| {
        b.iter(|| {
            let direction = Direction::Backward;
            let found = first_match(
                store,
                &scope,
                &absent,
                &(),
                range.clone(),
                direction,
                u64::MAX,
            );
            runtime.block_on(found).expect("an answer")
        });
    });
}

criterion_group!(benches, conditions);
criterion_main!(benches);
