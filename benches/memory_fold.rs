//! Folding memories and state: 1,000 nodes, 100,000 entries, a state tree of 1 MB; what events, clones, checkpoints and diffs cost then.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::loom_batch;
use loom_studio_core::{
    AppendBatch, Checkpoint, EventFilter, EventStore, Incoming, ManualClock, MemoryReconstructor,
    MemoryStore, MemoryStoreOptions, NodeId, Projection, Record, RecordedMemory, SequentialIds,
    StartAt, StateOf, Timestamp,
};

const NODES: u64 = 1_000;
const ENTRIES: u64 = 100_000;
const STATE_MEMBERS: u64 = 10_000;
const STEP: u64 = 2_000;

/// The records of a log that holds these events.
fn records(events: Vec<Incoming>) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let clock = ManualClock::new(Timestamp::from_micros(1_767_409_200_000_000));
    let store = MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(clock),
        &SequentialIds::new(1),
    );
    let count = events.len();
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items: events,
    };
    runtime.block_on(async {
        let appended = store.append(batch).await.expect("stored");
        assert_eq!(appended.added(), count as u64);
        let mut all = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await
            .expect("a subscription");
        let mut records = Vec::with_capacity(count);
        while records.len() < count {
            records.extend(all.next(count).await.expect("records").records);
        }
        records
    })
}

fn event(number: u64, node: u64, kind: &str, data: &str) -> Incoming {
    let text = format!(
        r#"{{"specversion":"1.0","id":"{kind}-{number}","source":"/node/agent/worker-{node}","type":"{kind}","time":"2026-01-02T03:00:00Z","data":{data}}}"#
    );
    Incoming::Event(text.into())
}

fn add(number: u64) -> Incoming {
    let data = format!(
        r#"{{"entry_id":"7f1c2f6a-9be1-4d3e-8a40-{number:012x}","tier":"session","role":"assistant","importance":0.5,"timestamp":1767322800.25,"content":"The figures of region {number} are there; compare them with last year's, then write the summary of the quarter."}}"#
    );
    event(number, number % NODES, "memory.add", &data)
}

/// An eviction of one entry and the addition of another, as a sliding window has it.
fn slide(number: u64) -> Incoming {
    if number.is_multiple_of(2) {
        let gone = number / 2;
        let data = format!(
            r#"{{"entry_id":"7f1c2f6a-9be1-4d3e-8a40-{gone:012x}","tier":"session","reason":"limit"}}"#
        );
        event(number, gone % NODES, "memory.evict", &data)
    } else {
        add(ENTRIES + STEP + number / 2)
    }
}

fn patch(number: u64) -> Incoming {
    let member = number * 7919 % STATE_MEMBERS;
    let data = format!(
        r#"{{"patches":[{{"op":"replace","path":"/group-{}/member-{member}/status","value":"step {number}"}}]}}"#,
        member % 100
    );
    event(number, number % NODES, "state.patch", &data)
}

/// About 1 MB in 100 groups of 100 members of four values.
fn state() -> Vec<Incoming> {
    (0..100)
        .map(|group| {
            let mut members = String::new();
            for number in (group..STATE_MEMBERS).step_by(100) {
                let comma = if members.is_empty() { "" } else { "," };
                // Writing into a String cannot fail.
                let _ = write!(
                    members,
                    r#"{comma}"member-{number}":{{"status":"waiting","steps":[1,2],"note":"the report shows growth in every second quarter"}}"#
                );
            }
            let data = format!(
                r#"{{"patches":[{{"op":"add","path":"/group-{group}","value":{{{members}}}}}]}}"#
            );
            event(STATE_MEMBERS + group, group, "state.patch", &data)
        })
        .collect()
}

fn apply(memory: &mut RecordedMemory, records: &[Record]) {
    for record in records {
        memory.apply(record);
    }
}

fn fold(c: &mut Criterion) {
    let streams: [(&str, Vec<Incoming>); 4] = [
        ("other events", loom_batch(0, STEP)),
        ("memory.add", (ENTRIES..ENTRIES + STEP).map(add).collect()),
        ("sliding window", (0..STEP).map(slide).collect()),
        ("state.patch", (0..STEP).map(patch).collect()),
    ];
    let names = streams.each_ref().map(|(name, _)| *name);
    let mut events = (0..ENTRIES).map(add).collect::<Vec<_>>();
    events.extend(state());
    let base = events.len();
    events.extend(streams.into_iter().flat_map(|(_, events)| events));
    let events = records(events);
    let (built, later_events) = events.split_at(base);
    let mut memory = RecordedMemory::default();
    apply(&mut memory, built);
    let kept = memory
        .owners()
        .iter()
        .map(|owner| owner.entries)
        .sum::<usize>();
    assert_eq!(kept as u64, ENTRIES);
    let state_bytes = memory
        .state(StateOf::Session(None), "")
        .map_or(0, |state| state.json.len());
    assert!(
        (1_000_000..1_300_000).contains(&state_bytes),
        "{state_bytes}"
    );

    let mut group = c.benchmark_group("memory fold");
    group.throughput(Throughput::Elements(STEP));
    let mut later = memory.clone();
    for (name, events) in names.into_iter().zip(later_events.chunks(STEP as usize)) {
        group.bench_function(format!("{STEP} {name}"), |b| {
            b.iter_batched_ref(
                || memory.clone(),
                |memory| apply(memory, events),
                BatchSize::PerIteration,
            );
        });
        apply(&mut later, events);
    }
    group.finish();

    let mut group = c.benchmark_group("memory of 1,000 nodes, 100,000 entries, 1 MB of state");
    group.sample_size(20);
    group.bench_function("clone", |b| b.iter(|| black_box(memory.clone())));
    let saved = memory.save();
    group.bench_function(format!("save, {} kB", saved.len() >> 10), |b| {
        b.iter(|| memory.save());
    });
    group.bench_function("restore", |b| b.iter(|| RecordedMemory::restore(&saved)));
    let node = NodeId::new("agent/worker-7");
    group.bench_function("snapshot of a node with 100 entries", |b| {
        b.iter(|| memory.memory(&node, None));
    });
    let pointer = "/group-7/member-7/status";
    group.bench_function("a value of the state", |b| {
        b.iter(|| memory.state(StateOf::Session(None), pointer));
    });
    group.bench_function("the whole state as JSON", |b| {
        b.iter(|| memory.state(StateOf::Session(None), ""));
    });
    group.bench_function("diff of a node", |b| {
        b.iter(|| memory.diff(&later, &node, None));
    });
    let changes = memory.state_diff(&later, StateOf::Session(None)).len();
    group.bench_function(format!("diff of the state, {changes} changes"), |b| {
        b.iter(|| memory.state_diff(&later, StateOf::Session(None)));
    });
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
