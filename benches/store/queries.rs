//! Opening a filled store, and asking it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use loom_studio_core::{
    EventFilter, EventKey, EventQuery, EventStore as _, FileStore, Order, Pattern, TimeRange,
    Timestamp,
};

use crate::args::Query;
use crate::input::BATCH;
use crate::log;
use crate::measure::{anonymous_bytes, now};
use crate::traffic::{Random, STEP, Sample, Traffic};

/// Every so many events one is remembered to ask for.
const SAMPLE_EVERY: u64 = 997;

#[derive(Debug, serde::Serialize)]
struct Answers {
    events: u64,
    filled: Option<crate::measure::Outcome>,
    open_seconds: f64,
    sealed_segments: usize,
    recovered_records: u64,
    open_anonymous_bytes: u64,
    anonymous_bytes: u64,
    questions: Vec<Answer>,
}

#[derive(Debug, serde::Serialize)]
struct Answer {
    question: &'static str,
    p50_micros: u64,
    p99_micros: u64,
    mean_events: f64,
}

pub(crate) fn run(args: &Query) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let answers = runtime.block_on(answers(args))?;
    if args.json {
        return serde_json::to_string_pretty(&answers).map_err(|error| error.to_string());
    }
    Ok(table(&answers))
}

async fn answers(args: &Query) -> Result<Answers, String> {
    let failed = |error: std::io::Error| error.to_string();
    let filled = if args.dir.exists() {
        None
    } else {
        fs::create_dir_all(&args.dir).map_err(failed)?;
        let mut traffic = Traffic::new();
        let (mut left, mut text) = (args.events, String::new());
        let filled = log::append("fill", &args.dir, false, args.events, || {
            let count = left.min(BATCH);
            left -= count;
            let batch = (0..count).map(|_| {
                traffic.event(&mut text);
                Bytes::copy_from_slice(text.as_bytes())
            });
            Ok((count > 0).then(|| batch.collect()))
        });
        Some(filled.await?)
    };
    let mut samples = Vec::new();
    let mut traffic = Traffic::new();
    let mut text = String::new();
    for number in 0..args.events {
        let sample = traffic.event(&mut text);
        if number % SAMPLE_EVERY == 0 {
            samples.push(sample);
        }
    }
    drop((traffic, text));
    if args.cold {
        forget(&args.dir).map_err(failed)?;
    }
    let before = anonymous_bytes();
    let started = now();
    let store = log::open(&args.dir, Duration::from_millis(8))?;
    let open_seconds = (now() - started).as_secs_f64();
    let open_anonymous_bytes = anonymous_bytes().saturating_sub(before);
    let questions = ask(&store, &samples, args).await?;
    Ok(Answers {
        events: args.events,
        filled,
        open_seconds,
        sealed_segments: store.report().sealed_segments,
        recovered_records: store.report().recovered_records,
        open_anonymous_bytes,
        anonymous_bytes: anonymous_bytes().saturating_sub(before),
        questions,
    })
}

/// The operating system drops its copies of the files, as after a restart of the machine.
fn forget(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let file = fs::File::open(entry?.path())?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

type Question<'a> = (&'static str, Box<dyn Fn(&Sample) -> EventQuery + 'a>);

async fn ask(store: &FileStore, samples: &[Sample], args: &Query) -> Result<Vec<Answer>, String> {
    let filter = EventFilter::default;
    let query = |filter: EventFilter, order: Order, limit: usize| EventQuery {
        filter,
        order,
        limit,
        ..EventQuery::default()
    };
    let questions: [Question<'_>; 5] = [
        (
            "one trace",
            Box::new(|sample| {
                let trace = Some(Pattern::Exact(sample.trace.clone()));
                query(EventFilter { trace, ..filter() }, Order::Seq, 1000)
            }),
        ),
        (
            "last 100 of node and type",
            Box::new(|sample| {
                let found = EventFilter {
                    node: Some(Pattern::Exact(sample.source.clone())),
                    kind: Some(Pattern::Exact(sample.kind.to_owned())),
                    ..filter()
                };
                query(found, Order::SeqDescending, 100)
            }),
        ),
        (
            "window of 1000 by time",
            Box::new(|sample| {
                let time = TimeRange {
                    start: Some(Timestamp::from_nanos(sample.nanos)),
                    end: Some(Timestamp::from_nanos(sample.nanos + 1000 * STEP)),
                };
                query(EventFilter { time, ..filter() }, Order::Time, 1000)
            }),
        ),
        (
            "first 1000 since a time",
            Box::new(|sample| {
                let time = TimeRange {
                    start: Some(Timestamp::from_nanos(sample.nanos)),
                    end: None,
                };
                query(EventFilter { time, ..filter() }, Order::Time, 1000)
            }),
        ),
        (
            "tail of 1000",
            Box::new(|_| query(filter(), Order::SeqDescending, 1000)),
        ),
    ];
    let asks = |question: &str| {
        let is_asked = question.contains(&args.only);
        if is_asked { args.asks } else { 0 }
    };
    let mut random = Random::new(7);
    let mut pick = || samples.get(random.below(samples.len() as u64) as usize);
    let mut answers = Vec::new();
    for (question, of) in questions {
        let (mut times, mut events) = (Vec::new(), 0);
        for _ in 0..asks(question) {
            let Some(sample) = pick() else { continue };
            let query = of(sample);
            let started = now();
            let page = store.query(&query).await;
            times.push((now() - started).as_micros() as u64);
            events += page.map_err(|error| error.to_string())?.events.len();
        }
        answers.push(answer(question, times, events));
    }
    let (mut times, mut events) = (Vec::new(), 0);
    for _ in 0..asks("by id") {
        let Some(sample) = pick() else { continue };
        let key = EventKey {
            workspace: "default".into(),
            source: sample.source.as_str().into(),
            id: sample.id.as_str().into(),
        };
        let started = now();
        let found = store.get_by_id(&key).await;
        times.push((now() - started).as_micros() as u64);
        events += usize::from(found.map_err(|error| error.to_string())?.is_some());
    }
    answers.push(answer("by id", times, events));
    Ok(answers)
}

fn answer(question: &'static str, mut times: Vec<u64>, events: usize) -> Answer {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index).copied().unwrap_or_default()
    };
    Answer {
        question,
        p50_micros: at(0.5),
        p99_micros: at(0.99),
        mean_events: events as f64 / times.len().max(1) as f64,
    }
}

fn table(answers: &Answers) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut text = String::new();
    // Writing into a String cannot fail.
    if let Some(filled) = &answers.filled {
        let _ = writeln!(
            text,
            "filled with {} events: {:.0}/s, {:.2} us CPU and {:.0} B each, {:.1} MiB anonymous (making the events included)",
            filled.events,
            filled.rate(),
            filled.cpu_per_event(),
            filled.disk_bytes as f64 / filled.events as f64,
            mib(filled.anonymous_bytes),
        );
    }
    let _ = writeln!(
        text,
        "open: {:.1} ms, {} sealed segments, {} records recovered, {:.1} MiB anonymous after it, {:.1} MiB after the questions",
        answers.open_seconds * 1000.0,
        answers.sealed_segments,
        answers.recovered_records,
        mib(answers.open_anonymous_bytes),
        mib(answers.anonymous_bytes),
    );
    for answer in &answers.questions {
        let _ = writeln!(
            text,
            "{:<28}{:>9} us p50{:>9} us p99{:>9.1} events",
            answer.question, answer.p50_micros, answer.p99_micros, answer.mean_events
        );
    }
    text
}
