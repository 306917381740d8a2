//! The folds of a server together, fed as its live task feeds them: in steps of 1,024 records, leaving states behind.

use std::sync::Arc;

use bytes::Bytes;
use loom_studio_benches::loom_event_among;
use loom_studio_core::{
    AppendBatch, Checkpoint, Delivery, EventFilter, EventStore, Followed, History, HistoryOptions,
    Incoming, ManualClock, Memories, MemoryCheckpoints, MemoryStore, MemoryStoreOptions, Metrics,
    RunList, SequentialIds, Sessions, StartAt, Timestamp, Topologies,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

const EVENTS: u64 = 200_000;
const STEP: usize = 1_024;
const ROUNDS: usize = 5;

/// What this thread has used of a processor, in nanoseconds.
fn used() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn deliveries(runtime: &Runtime, store: &MemoryStore) -> Vec<Delivery> {
    runtime.block_on(async {
        let mut all = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .await
            .expect("a subscription");
        let mut deliveries = Vec::new();
        while all.position().0 < EVENTS {
            deliveries.push(all.next(STEP).await.expect("records"));
        }
        deliveries
    })
}

/// A history at its beginning.
async fn open<P: Checkpoint + Default>(store: &Arc<MemoryStore>) -> Arc<dyn Followed> {
    let history = History::open(
        Arc::clone(store) as Arc<dyn EventStore>,
        EventFilter::default(),
        Arc::new(MemoryCheckpoints::default()),
        HistoryOptions::default(),
        P::default(),
    );
    Arc::new(history.await.expect("a history"))
}

async fn histories(store: &Arc<MemoryStore>) -> [(&'static str, Arc<dyn Followed>); 5] {
    [
        ("topology", open::<Topologies>(store).await),
        ("sessions", open::<Sessions>(store).await),
        ("memories", open::<Memories>(store).await),
        ("metrics", open::<Metrics>(store).await),
        ("runs", open::<RunList>(store).await),
    ]
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn measure(runtime: &Runtime, agents: u64, tools: u64) {
    let clock = ManualClock::new(Timestamp::from_micros(1_767_409_200_000_000));
    let store = Arc::new(MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(clock),
        &SequentialIds::new(1),
    ));
    let event = |number| Incoming::Event(Bytes::from(loom_event_among(number, agents, tools)));
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "bench".into(),
        items: (0..EVENTS).map(event).collect(),
    };
    runtime.block_on(store.append(batch)).expect("stored");
    let deliveries = deliveries(runtime, &store);
    let mut rounds: Vec<[f64; 5]> = (0..ROUNDS)
        .map(|_| {
            let histories = runtime.block_on(histories(&store));
            let mut spent = [0.0; 5];
            for delivery in &deliveries {
                for ((_, history), spent) in histories.iter().zip(&mut spent) {
                    let before = used();
                    history.follow(delivery);
                    *spent += (used() - before) / EVENTS as f64;
                }
            }
            spent
        })
        .collect();
    rounds.sort_by(|left, right| left.iter().sum::<f64>().total_cmp(&right.iter().sum()));
    let median = rounds[ROUNDS / 2];
    let names = ["topology", "sessions", "memories", "metrics", "runs"];
    let each = names.iter().zip(median);
    let each: Vec<String> = each.map(|(name, ns)| format!("{name} {ns:.0}")).collect();
    println!(
        "{agents} agents, {tools} tools: {:.0} ns of processor time per event ({}), the median of {ROUNDS} rounds",
        median.iter().sum::<f64>(),
        each.join(", "),
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    measure(&runtime, 10, 4);
    measure(&runtime, 1_000, 200);
}
