//! Any position of a log: what following costs, how soon a server that starts knows the graph, and how long a look back takes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loom_studio_benches::loom_event_among;
use loom_studio_core::{
    DirCheckpoints, EventFilter, EventStore, FileStore, History, HistoryOptions, Projection, Seq,
    Sessions, StartAt, Timestamp, Topologies,
};

use crate::args;
use crate::input::BATCH;
use crate::log;
use crate::measure::{anonymous_bytes, now};
use crate::traffic::Random;

#[derive(Debug, serde::Serialize)]
struct Figures {
    events: u64,
    nodes: usize,
    edges: usize,
    /// Applying a record to the topology, and to topology and sessions, with nothing else.
    apply_topology_micros: f64,
    apply_sessions_micros: f64,
    /// Applying, leaving states behind, and a snapshot after every 1,024 records.
    follow_topology_micros: f64,
    first_fold_seconds: f64,
    checkpoints: usize,
    checkpoint_bytes: u64,
    open_store_seconds: f64,
    first_graph_seconds: f64,
    cold: Times,
    prepare_seconds: f64,
    prepared_anonymous_bytes: u64,
    hot: Times,
}

#[derive(Debug, serde::Serialize)]
struct Times {
    p50_micros: u64,
    p99_micros: u64,
    most_micros: u64,
    /// What the asking thread used of a processor, where it does all the work.
    mean_processor: Option<f64>,
}

pub(crate) fn run(args: &args::History) -> Result<String, String> {
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

async fn history(
    store: &Arc<FileStore>,
    dir: &Path,
    options: HistoryOptions,
) -> Result<History<Topologies>, String> {
    let checkpoints = DirCheckpoints::open(&dir.join("checkpoints"), store.epoch());
    let checkpoints = checkpoints.map_err(|error| error.to_string())?;
    let store: Arc<dyn EventStore> = Arc::clone(store) as _;
    let empty = Topologies::default();
    History::open(
        store,
        EventFilter::default(),
        Arc::new(checkpoints),
        options,
        empty,
    )
    .await
    .map_err(|error| error.to_string())
}

async fn figures(args: &args::History) -> Result<Figures, String> {
    let failed = |error: loom_studio_core::Error| error.to_string();
    fill(args).await?;
    let options = HistoryOptions {
        save_every: args.save_every,
        ..HistoryOptions::default()
    };
    // A first life without checkpoints, then a second one with them.
    let _ = fs::remove_dir_all(args.dir.join("checkpoints"));
    let store = Arc::new(log::open(&args.dir, Duration::from_millis(8))?);
    let head = store.stats().await.map_err(failed)?.last_seq;
    let applied = apply(&store, options).await?;
    let first = history(&store, &args.dir, options).await?;
    let started = now();
    first.catch_up().await.map_err(failed)?;
    let first_fold_seconds = (now() - started).as_secs_f64();
    let graph = first.head().topology("default", Timestamp::default());
    if let Some(note) = first.notes().pop() {
        return Err(note);
    }
    drop((first, store));

    let started = now();
    let store = Arc::new(log::open(&args.dir, Duration::from_millis(8))?);
    let open_store_seconds = (now() - started).as_secs_f64();
    let cold_history = history(&store, &args.dir, options).await?;
    cold_history.catch_up().await.map_err(failed)?;
    let again = cold_history
        .head()
        .topology("default", Timestamp::default());
    let first_graph_seconds = (now() - started).as_secs_f64();
    if again != graph {
        return Err("the graph after a restart is another one".to_owned());
    }
    let (checkpoints, checkpoint_bytes) = sizes(&args.dir.join("checkpoints"));

    let mut random = Random::new(11);
    let mut cold = Vec::new();
    for _ in 0..args.asks.min(200) {
        // A history of its own each, so that no earlier answer is near.
        let history = history(&store, &args.dir, options).await?;
        let at = Seq(1 + random.below(head.0));
        let started = now();
        let state = history.at(at).await.map_err(failed)?;
        let graph = state.topology("default", Timestamp::default());
        cold.push((now() - started).as_micros() as u64);
        check(graph.at == at)?;
    }

    let before = anonymous_bytes();
    let started = now();
    cold_history
        .prepare(Seq::ZERO, head, &mut |_, _| {})
        .await
        .map_err(failed)?;
    let prepare_seconds = (now() - started).as_secs_f64();
    let prepared_anonymous_bytes = anonymous_bytes().saturating_sub(before);
    let mut hot = Vec::new();
    let begun = processor_time();
    for _ in 0..args.asks {
        let at = Seq(1 + random.below(head.0));
        let started = now();
        let state = cold_history.at(at).await.map_err(failed)?;
        hot.push((now() - started).as_micros() as u64);
        check(state.through() == at)?;
    }
    let hot_processor = processor_time().saturating_sub(begun);
    Ok(Figures {
        events: args.events,
        nodes: graph.nodes.len(),
        edges: graph.edges.len(),
        apply_topology_micros: applied[0],
        apply_sessions_micros: applied[1],
        follow_topology_micros: applied[2],
        first_fold_seconds,
        checkpoints,
        checkpoint_bytes,
        open_store_seconds,
        first_graph_seconds,
        cold: times(cold, None),
        prepare_seconds,
        prepared_anonymous_bytes,
        hot: times(hot, Some(hot_processor)),
    })
}

/// What this thread has used of a processor: what waiting for one on a busy machine doesn't change.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn check(is_right: bool) -> Result<(), String> {
    is_right
        .then_some(())
        .ok_or_else(|| "the state of another position was answered".to_owned())
}

/// Microseconds of a processor per record, for what happens to it once it is read.
async fn apply(store: &Arc<FileStore>, options: HistoryOptions) -> Result<[f64; 3], String> {
    use loom_studio_core::{Followed as _, MemoryCheckpoints};
    let failed = |error: loom_studio_core::Error| error.to_string();
    let dynamic: Arc<dyn EventStore> = Arc::clone(store) as _;
    let checkpoints = Arc::new(MemoryCheckpoints::default());
    let history = History::open(
        dynamic,
        EventFilter::default(),
        checkpoints,
        options,
        Topologies::default(),
    );
    let history = history.await.map_err(failed)?;
    let (mut topologies, mut sessions) = (Topologies::default(), Sessions::default());
    let mut spent = [Duration::ZERO; 3];
    let mut all = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .await
        .map_err(failed)?;
    let mut records = 0;
    while let Some(delivery) = all.try_next(1024).await.map_err(failed)? {
        records += delivery.records.len();
        let started = processor_time();
        for record in &delivery.records {
            topologies.apply(record);
        }
        let after_topologies = processor_time();
        for record in &delivery.records {
            sessions.apply(record);
        }
        let after_sessions = processor_time();
        history.follow(&delivery);
        drop(history.head());
        let end = processor_time();
        for (spent, took) in spent.iter_mut().zip([
            after_topologies.saturating_sub(started),
            after_sessions.saturating_sub(after_topologies),
            end.saturating_sub(after_sessions),
        ]) {
            *spent += took;
        }
        if records >= 1_000_000 {
            break;
        }
    }
    Ok(spent.map(|spent| spent.as_secs_f64() * 1e6 / records.max(1) as f64))
}

async fn fill(args: &args::History) -> Result<(), String> {
    if args.dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(&args.dir).map_err(|error| error.to_string())?;
    let tools = (args.nodes / 10).max(1);
    let agents = args.nodes.saturating_sub(tools).max(1);
    let mut next = 0;
    let filled = log::append("fill", &args.dir, false, args.events, || {
        let count = (args.events - next).min(BATCH);
        let batch =
            (next..next + count).map(|number| Bytes::from(loom_event_among(number, agents, tools)));
        next += count;
        Ok((count > 0).then(|| batch.collect()))
    });
    filled.await.map(drop)
}

fn sizes(dir: &Path) -> (usize, u64) {
    let Ok(entries) = fs::read_dir(dir) else {
        return (0, 0);
    };
    let lengths = entries
        .flatten()
        .filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.fold((0, 0), |(count, bytes), length| (count + 1, bytes + length))
}

fn times(mut times: Vec<u64>, processor: Option<Duration>) -> Times {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index).copied().unwrap_or_default()
    };
    Times {
        p50_micros: at(0.5),
        p99_micros: at(0.99),
        most_micros: times.last().copied().unwrap_or_default(),
        mean_processor: processor
            .map(|spent| spent.as_secs_f64() * 1e6 / times.len().max(1) as f64),
    }
}

fn table(figures: &Figures) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{what:<44} {value}");
    };
    let micros = |value: f64| format!("{value:.2} µs");
    let millis = |times: &Times| {
        let [p50, p99, max] = [times.p50_micros, times.p99_micros, times.most_micros]
            .map(|micros| micros as f64 / 1e3);
        let processor = times.mean_processor.map_or_else(String::new, |micros| {
            format!("; {:.2} ms of a processor on average", micros / 1e3)
        });
        format!("p50 {p50:.2} ms, p99 {p99:.2} ms, most {max:.2} ms{processor}")
    };
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    line(
        "events, nodes, edges",
        format!("{}, {}, {}", figures.events, figures.nodes, figures.edges),
    );
    line("apply, topology", micros(figures.apply_topology_micros));
    line("apply, sessions", micros(figures.apply_sessions_micros));
    line("follow, topology", micros(figures.follow_topology_micros));
    line(
        "first fold of the whole log",
        format!("{:.2} s", figures.first_fold_seconds),
    );
    line(
        "checkpoints on disk",
        format!(
            "{}, {}",
            figures.checkpoints,
            megabytes(figures.checkpoint_bytes)
        ),
    );
    line(
        "open the store",
        format!("{:.3} s", figures.open_store_seconds),
    );
    line(
        "from opening to the first graph",
        format!("{:.3} s", figures.first_graph_seconds),
    );
    line("graph at a position, cold", millis(&figures.cold));
    line(
        "prepare the whole log",
        format!(
            "{:.2} s, {}",
            figures.prepare_seconds,
            megabytes(figures.prepared_anonymous_bytes)
        ),
    );
    line("state at a position, prepared", millis(&figures.hot));
    text
}
