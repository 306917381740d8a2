//! Any position of a log with a large state: a thousand nodes, a hundred thousand memory entries and a state tree of a megabyte.
//!
//! One seek makes the whole state at a position available: graph, open calls, counters, the memories of all nodes and the state tree. An answer adds what the server takes out of it for one request: the graph with its
//! statuses and percentiles, the open calls, one node's memory, and one member of the tree.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loom_studio_benches::loom_event_among;
use loom_studio_core::{
    Checkpoint, DirCheckpoints, EventFilter, EventStore, FileStore, History, HistoryOptions,
    Memories, MemoryReconstructor as _, NodeId, Projection as _, Seq, StateOf, Timestamp,
    Topologies, at_both, fold, prepare_all,
};

use crate::args;
use crate::input::BATCH;
use crate::log;
use crate::measure::{anonymous_bytes, now};
use crate::times::Times;
use crate::traffic::Random;

const NODES: u64 = 1_000;
const TOOLS: u64 = 100;
const ENTRIES: u64 = 100_000;
/// Members of the state tree, and the bytes of each.
const MEMBERS: u64 = 4_096;
const MEMBER_BYTES: usize = 240;
/// One part in so many of the log, in which the state grows to its size; afterwards it changes and keeps it.
const GROWTH: u64 = 2;

#[derive(Debug, serde::Serialize)]
struct Figures {
    events: u64,
    nodes: usize,
    edges: usize,
    entries: usize,
    tree_bytes: usize,
    cold: Times,
    prepare_seconds: f64,
    prepared: [Prepared; 2],
    prepared_anonymous_bytes: u64,
    seek: Times,
    answer: Times,
}

#[derive(Debug, serde::Serialize)]
struct Prepared {
    states: usize,
    bytes: u64,
}

pub(crate) fn run(args: &args::Seek) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let figures = runtime.block_on(figures(args))?;
    if args.json {
        return serde_json::to_string_pretty(&figures).map_err(|error| error.to_string());
    }
    Ok(table(&figures))
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn failed(error: loom_studio_core::Error) -> String {
    error.to_string()
}

/// A history as the server has it.
async fn history<P: Checkpoint + Default>(
    store: &Arc<FileStore>,
    args: &args::Seek,
) -> Result<History<P>, String> {
    let checkpoints = DirCheckpoints::open(&args.dir.join("checkpoints"), store.epoch());
    let store: Arc<dyn EventStore> = Arc::clone(store) as _;
    let checkpoints = Arc::new(checkpoints.map_err(failed)?);
    let everything = EventFilter::default();
    let options = HistoryOptions {
        max_prepared_bytes: args.prepared_mib << 20,
        ..HistoryOptions::default()
    };
    let history = History::open(store, everything, checkpoints, options, P::default());
    history.await.map_err(failed)
}

async fn figures(args: &args::Seek) -> Result<Figures, String> {
    fill(args).await?;
    let store = Arc::new(log::open(&args.dir, Duration::from_millis(8))?);
    let head = store.stats().await.map_err(failed)?.last_seq;
    let topologies: History<Topologies> = history(&store, args).await?;
    let memories: History<Memories> = history(&store, args).await?;
    topologies.catch_up().await.map_err(failed)?;
    memories.catch_up().await.map_err(failed)?;
    let graph = topologies.head().topology("default", Timestamp::default());
    let entries = memories.head().of_workspace("default").map_or(0, |memory| {
        memory.owners().iter().map(|owner| owner.entries).sum()
    });
    let tree_bytes = tree(&memories.head(), "").map_or(0, |json| json.len());

    let mut random = Random::new(11);
    let mut cold = Times::default();
    for _ in 0..args.asks.min(100) {
        // Histories of their own each, so that no earlier answer is near.
        let topologies: History<Topologies> = history(&store, args).await?;
        let memories: History<Memories> = history(&store, args).await?;
        let at = Seq(1 + random.below(head.0));
        let started = now();
        let state = at_both(&topologies, &memories, at).await.map_err(failed)?;
        cold.add(now() - started);
        check(state.0.through() == at)?;
    }

    let before = anonymous_bytes();
    let started = now();
    prepare_all(
        &*store,
        &[&topologies, &memories],
        Seq::ZERO,
        head,
        &mut |_, _| {},
    )
    .await
    .map_err(failed)?;
    let prepare_seconds = (now() - started).as_secs_f64();
    let prepared_anonymous_bytes = anonymous_bytes().saturating_sub(before);
    let (mut seek, mut answer) = (Times::default(), Times::default());
    for _ in 0..args.asks {
        let at = Seq(1 + random.below(head.0));
        let node = NodeId::new(&agent(random.below(NODES - TOOLS)));
        let place = format!("/m{}", random.below(MEMBERS));
        let started = now();
        let (graphs, memories) = at_both(&topologies, &memories, at).await.map_err(failed)?;
        seek.add(now() - started);
        let graph = graphs.topology("default", Timestamp::default());
        let open = graphs.pending_calls("default", Timestamp::default());
        let events: u64 = graph.nodes.iter().map(|node| node.events).sum();
        let memory = memories
            .of_workspace("default")
            .and_then(|memory| memory.memory(&node, None));
        let value = tree(&memories, &place);
        answer.add(now() - started);
        check(graphs.through() == at && graph.at == at && events <= at.0)?;
        std::hint::black_box((open, memory, value));
    }
    spot_check(&store, &topologies, &memories, &mut random, args.checks).await?;
    let [topologies_prepared, memories_prepared] = [topologies.prepared(), memories.prepared()]
        .map(|(states, bytes)| Prepared { states, bytes });
    Ok(Figures {
        events: args.events,
        nodes: graph.nodes.len(),
        edges: graph.edges.len(),
        entries,
        tree_bytes,
        cold,
        prepare_seconds,
        prepared: [topologies_prepared, memories_prepared],
        prepared_anonymous_bytes,
        seek,
        answer,
    })
}

/// Whether what a seek gives is what a fold from the beginning does.
async fn spot_check(
    store: &Arc<FileStore>,
    topologies: &History<Topologies>,
    memories: &History<Memories>,
    random: &mut Random,
    checks: u32,
) -> Result<(), String> {
    let head = topologies.position();
    for _ in 0..checks {
        let at = Seq(1 + random.below(head.0));
        let found = at_both(topologies, memories, at).await.map_err(failed)?;
        let (mut graphs, mut remembered) = (Topologies::default(), Memories::default());
        let everything = EventFilter::default();
        for projection in [
            &mut graphs as &mut dyn loom_studio_core::Projection,
            &mut remembered,
        ] {
            fold(&**store, &everything, Some(at), projection)
                .await
                .map_err(failed)?;
        }
        check(found.0.save() == graphs.save() && found.1.save() == remembered.save())?;
    }
    Ok(())
}

fn tree(memories: &Memories, pointer: &str) -> Option<Bytes> {
    let memory = memories.of_workspace("default")?;
    let value = memory.state(StateOf::Session(None), pointer)?;
    Some(value.json)
}

fn check(is_right: bool) -> Result<(), String> {
    is_right
        .then_some(())
        .ok_or_else(|| "the state of another position was answered".to_owned())
}

fn agent(number: u64) -> String {
    format!("/node/agent/writer-{number}")
}

async fn fill(args: &args::Seek) -> Result<(), String> {
    if args.dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(&args.dir).map_err(|error| error.to_string())?;
    let mut log = Log {
        events: args.events,
        next: 0,
        calls: 0,
        entries: 0,
        members: 0,
    };
    let filled = log::append("fill", &args.dir, false, args.events, || {
        let count = (args.events - log.next).min(BATCH);
        let batch = (0..count).map(|_| Bytes::from(log.event()));
        Ok((count > 0).then(|| batch.collect()))
    });
    filled.await.map(drop)
}

/// Makes the events of the log.
struct Log {
    events: u64,
    next: u64,
    calls: u64,
    entries: u64,
    members: u64,
}

impl Log {
    fn event(&mut self) -> String {
        let number = self.next;
        self.next += 1;
        let growth = self.events / GROWTH;
        // What must have come by now for the state to have its size in time.
        let due = |all: u64| (number * all / growth).min(all);
        if self.members < due(MEMBERS) || (number >= growth && number.is_multiple_of(40)) {
            return self.patch(number);
        }
        if self.entries < due(ENTRIES) {
            return self.remember(number);
        }
        // One in, one out.
        if number >= growth && number % 40 == 10 {
            return self.remember(number);
        }
        if number >= growth && number % 40 == 30 && self.entries > ENTRIES {
            return evict(number, self.entries - ENTRIES - 1);
        }
        let call = loom_event_among(self.calls, NODES - TOOLS, TOOLS);
        self.calls += 1;
        call
    }

    fn patch(&mut self, number: u64) -> String {
        let member = self.members % MEMBERS;
        self.members += 1;
        let data = format!(
            "{{\"patches\":[{{\"op\":\"add\",\"path\":\"/m{member}\",\"value\":{{\"revision\":{number},\"text\":\"{}\"}}}}]}}",
            text(number, MEMBER_BYTES)
        );
        event(
            number,
            &agent(member % (NODES - TOOLS)),
            "state.patch",
            &data,
        )
    }

    fn remember(&mut self, number: u64) -> String {
        let entry = self.entries;
        self.entries += 1;
        let data = format!(
            "{{\"entry_id\":\"e{entry}\",\"tier\":\"{}\",\"role\":\"assistant\",\"importance\":0.5,\"content\":\"{}\"}}",
            ["session", "working", "longterm"][(entry % 3) as usize],
            text(number, 200)
        );
        event(number, &agent(entry % (NODES - TOOLS)), "memory.add", &data)
    }
}

fn evict(number: u64, entry: u64) -> String {
    let data = format!("{{\"entry_id\":\"e{entry}\",\"reason\":\"limit\"}}");
    event(
        number,
        &agent(entry % (NODES - TOOLS)),
        "memory.evict",
        &data,
    )
}

fn event(number: u64, source: &str, kind: &str, data: &str) -> String {
    let time = Timestamp::from_nanos((1_767_322_800_000 + number.cast_signed()) * 1_000_000);
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"m{number}\",\"source\":\"{source}\",\"type\":\"{kind}\",\"time\":\"{time}\",\"data\":{data}}}"
    )
}

fn text(number: u64, length: usize) -> String {
    let mut text = String::with_capacity(length + 24);
    for word in number.. {
        if text.len() >= length {
            return text;
        }
        // Writing into a String cannot fail.
        let _ = write!(text, "word {} ", word % 8_191);
    }
    text
}

fn table(figures: &Figures) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "{what:<44} {value}");
    };
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    line("events", figures.events.to_string());
    line(
        "nodes, edges, memory entries, state tree",
        format!(
            "{}, {}, {}, {}",
            figures.nodes,
            figures.edges,
            figures.entries,
            megabytes(figures.tree_bytes as u64)
        ),
    );
    line("seek, nothing prepared", figures.cold.to_string());
    line(
        "prepare the whole log",
        format!("{:.2} s", figures.prepare_seconds),
    );
    let [graphs, memories] = &figures.prepared;
    line(
        "prepared states, estimated",
        format!(
            "graphs {}, {}; memories {}, {}",
            graphs.states,
            megabytes(graphs.bytes),
            memories.states,
            megabytes(memories.bytes)
        ),
    );
    line(
        "memory they took",
        megabytes(figures.prepared_anonymous_bytes),
    );
    line("seek, prepared", figures.seek.to_string());
    line("seek and answer, prepared", figures.answer.to_string());
    text
}
