//! Folding events into runs, and drawing the tree of a large one.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::{cpu_micros, loom_batch};
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

/// One run as Loom 0.3.3 sends it, without causes: a crew calls agents one after the other, each thinks and calls tools; each request has a trace of its own.
fn one_run() -> Vec<Incoming> {
    const TOOLS: u64 = 24;
    let mut items = Vec::new();
    let mut send = |members: std::fmt::Arguments<'_>, trace: u64| {
        let number = items.len() as u64;
        let mut json = format!(
            "{{\"specversion\": \"1.0\", \"id\": \"e{number}\", \"time\": \"2026-01-02T{:02}:{:02}:{:02}.{:06}Z\", \"traceparent\": \"00-{:032x}-{:016x}-01\", ",
            3 + number / 3_600_000,
            number / 60_000 % 60,
            number / 1_000 % 60,
            number % 1_000 * 1_000,
            trace + 1,
            trace + 1,
        );
        // Writing into a String cannot fail.
        let _ = write!(json, "{members}}}");
        items.push(Incoming::Event(Bytes::from(json)));
        number
    };
    send(
        format_args!(
            "\"source\": \"/user/sdk\", \"type\": \"node.request\", \"subject\": \"crew\", \"data\": {{}}"
        ),
        0,
    );
    let mut next = 1;
    while next < RUN_EVENTS - 1 {
        let agent = next / 100 % 7;
        let asked = send(
            format_args!(
                "\"source\": \"/node/crew\", \"type\": \"node.request\", \"subject\": \"agent/{agent}\", \"data\": {{}}"
            ),
            next,
        );
        for tool in 0..TOOLS {
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"agent.thought\", \"data\": {{\"thought\": \"x\"}}"
                ),
                asked,
            );
            let call = asked + 2 + tool * 4;
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"node.request\", \"subject\": \"tool/{tool}\", \"data\": {{}}"
                ),
                call,
            );
            send(
                format_args!(
                    "\"source\": \"/node/tool/{tool}\", \"type\": \"node.response\", \"data\": {{\"request_id\": \"e{call}\", \"result\": 1}}"
                ),
                call,
            );
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"llm.response\", \"data\": {{\"model\": \"m\", \"usage\": {{\"prompt_tokens\": 9, \"completion_tokens\": 3}}}}"
                ),
                asked,
            );
        }
        next = 1
            + send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"node.response\", \"data\": {{\"request_id\": \"e{asked}\", \"result\": 1}}"
                ),
                asked,
            );
    }
    items.truncate(RUN_EVENTS as usize);
    items
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
    let store = store(one_run());
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
