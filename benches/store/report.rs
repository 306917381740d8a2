//! Runs the engines and prints what they took.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process;

use crate::args::{Append, Engine, Run};
use crate::input::{self, Input};
use crate::measure::Outcome;
use crate::{floors, log};

/// One engine, in this process.
pub(crate) fn run_one(args: &Run) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let name = args.engine.to_string();
    let by_batch = args.engine.is_by_batch();
    let mut input = Input::open(&args.input, args.events).map_err(failed)?;
    let outcome = match args.engine {
        Engine::Floor => floors::work(&name, &args.dir, &args.input, args.events),
        Engine::Disk => floors::disk(&name, &args.dir, args.events),
        Engine::Log | Engine::LogBatch => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(failed)?;
            runtime.block_on(log::append(&name, &args.dir, by_batch, args.events, || {
                input.batch().map_err(failed)
            }))
        }
        #[cfg(feature = "peers")]
        Engine::Fjall | Engine::FjallBatch => {
            let engine = crate::peers::fjall::Store::open(&args.dir)?;
            crate::peers::run(&name, engine, &args.dir, by_batch, &mut input)
        }
        #[cfg(feature = "peers")]
        Engine::Redb | Engine::RedbBatch => {
            let engine = crate::peers::redb::Store::open(&args.dir)?;
            crate::peers::run(&name, engine, &args.dir, by_batch, &mut input)
        }
        #[cfg(feature = "peers")]
        Engine::Sqlite | Engine::SqliteBatch => {
            let engine = crate::peers::sqlite::Store::open(&args.dir)?;
            crate::peers::run(&name, engine, &args.dir, by_batch, &mut input)
        }
    }?;
    serde_json::to_string(&outcome).map_err(|error| error.to_string())
}

/// All engines, each in a process of its own, and how they compare.
pub(crate) fn append(args: &Append) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&args.dir).map_err(failed)?;
    let most = args.events.max(args.batch_events);
    let input = args.dir.join(format!("input-{most}"));
    input::write(&input, most).map_err(failed)?;
    let mut outcomes = Vec::new();
    for _ in 0..args.rounds {
        for engine in &args.engines {
            outcomes.push(child(args, *engine, &input)?);
        }
    }
    if args.json {
        return serde_json::to_string_pretty(&outcomes).map_err(|error| error.to_string());
    }
    Ok(table(&outcomes))
}

fn child(args: &Append, engine: Engine, input: &Path) -> Result<Outcome, String> {
    let failed = |error: std::io::Error| error.to_string();
    let dir = args.dir.join("store");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(failed)?;
    }
    fs::create_dir_all(&dir).map_err(failed)?;
    let events = if engine.is_by_batch() {
        args.batch_events
    } else {
        args.events
    };
    let output = process::Command::new(std::env::current_exe().map_err(failed)?)
        .arg("run")
        .arg("--dir")
        .arg(&dir)
        .arg("--input")
        .arg(input)
        .args(["--events", &events.to_string()])
        .args(["--engine", &engine.to_string()])
        .stderr(process::Stdio::inherit())
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(format!("{engine} failed: {}", output.status));
    }
    fs::remove_dir_all(&dir).map_err(failed)?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{engine}: {error}"))
}

fn table(outcomes: &[Outcome]) -> String {
    let rate = |name: &str| {
        let of_engine = outcomes.iter().filter(|outcome| outcome.engine == name);
        let rates: Vec<f64> = of_engine.map(Outcome::rate).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    };
    let mut text = String::from(
        "engine          events/s   CPU us/event   disk B/event   anon MiB   of floor   to fjall\n",
    );
    for outcome in outcomes {
        let ratio = |other: Option<f64>| {
            other.map_or_else(
                || "-".to_owned(),
                |other| format!("{:.2}", outcome.rate() / other),
            )
        };
        let fjall = if outcome.engine.ends_with("-batch") {
            rate("fjall-batch")
        } else {
            rate("fjall")
        };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:<14}{:>10.0}{:>15.2}{:>15.0}{:>11.1}{:>11}{:>11}",
            outcome.engine,
            outcome.rate(),
            outcome.cpu_per_event(),
            outcome.disk_bytes as f64 / outcome.events as f64,
            outcome.anonymous_bytes as f64 / f64::from(1 << 20),
            ratio(rate("floor")),
            ratio(fjall),
        );
    }
    text
}
