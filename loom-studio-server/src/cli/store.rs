//! Which store the server keeps its events in, and what is done with it from the command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use loom_studio_core::{
    EventStore as _, FileStore, FileStoreOptions, RandomIds, RetainPolicy, StoreStats, SystemClock,
    verify,
};

use super::args::{ServeArgs, StoreArgs};
use super::file::ConfigFile;
use crate::keep::{self, DEFAULT_RETENTION, Keep, Opened};
use crate::settings::Settings;

pub(super) use crate::keep::CHECKPOINTS;

/// The store that the arguments ask for.
pub(super) fn open(
    args: &ServeArgs,
    file: &ConfigFile,
    settings: &Settings,
) -> Result<Opened, String> {
    let keep = if args.memory || (file.memory && args.data_dir.is_none()) {
        Keep::Memory {
            max_records: args.memory_events.or(file.memory_events),
            max_bytes: args.memory_bytes.or(file.memory_bytes.map(|bytes| bytes.0)),
        }
    } else {
        let path = args.data_dir.clone().or_else(|| file.data_dir.clone());
        Keep::Directory(path.map_or_else(platform_directory, Ok)?)
    };
    keep::open(&keep, &settings.limits).map_err(|error| {
        format!("{error}\nChoose another directory with --data-dir, or keep events in memory with --memory")
    })
}

/// Where the platform wants a program's data.
pub(super) fn platform_directory() -> Result<PathBuf, String> {
    keep::platform_directory().ok_or_else(|| {
        "this account has no home directory: choose one with --data-dir, or use --memory".to_owned()
    })
}

/// What to keep.
pub(super) fn retention(args: &ServeArgs, file: &ConfigFile) -> RetainPolicy {
    RetainPolicy {
        max_age: args
            .retention
            .or(file.retention)
            .map_or(Some(DEFAULT_RETENTION), |age| age.0),
        max_bytes: args
            .retention_bytes
            .or(file.retention_bytes.map(|bytes| bytes.0)),
    }
}

pub(super) fn existing_directory(args: StoreArgs) -> Result<PathBuf, String> {
    let path = match args.data_dir {
        Some(path) => path,
        None => platform_directory()?,
    };
    if path.is_dir() {
        Ok(path)
    } else {
        Err(format!("there is no data directory {}", path.display()))
    }
}

/// `loom-studio stats`.
pub(super) async fn stats(args: StoreArgs) -> Result<(), String> {
    let path = existing_directory(args)?;
    let store = FileStore::open(
        &path,
        FileStoreOptions::default(),
        Arc::new(SystemClock),
        &RandomIds,
    )
    .map_err(|error| error.to_string())?;
    let stats = store.stats().await.map_err(|error| error.to_string())?;
    say(&report(&path, &store, &stats))
}

fn report(path: &Path, store: &FileStore, stats: &StoreStats) -> String {
    let per_event = stats.stored_bytes.checked_div(stats.events).unwrap_or(0);
    let ratio = stats.payload_bytes as f64 / stats.stored_bytes.max(1) as f64;
    let oldest = stats
        .oldest_received
        .map_or_else(|| "-".to_owned(), |oldest| oldest.to_string());
    format!(
        "directory        {}\nepoch            {}\nevents           {}\nobservations     {}\npositions        {} to {}\n\
         oldest received  {oldest}\nJSON text        {} bytes\non disk          {} bytes ({per_event} per event, {ratio:.1}:1)\nsegments         {} ({} sealed)",
        path.display(),
        store.epoch(),
        stats.events,
        stats.observations,
        stats.first_seq,
        stats.last_seq,
        stats.payload_bytes,
        stats.stored_bytes,
        stats.segments,
        store.report().sealed_segments,
    )
}

/// `loom-studio verify`.
pub(super) fn check(args: StoreArgs) -> Result<(), String> {
    let path = existing_directory(args)?;
    // Drawn on standard error, and only on a terminal.
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} segments, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let report = verify(&path, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| error.to_string())?;
    for problem in &report.problems {
        say(problem)?;
    }
    say(&format!(
        "{} records in {} segments read",
        report.records, report.segments
    ))?;
    match report.problems.len() {
        0 => say("no problem found"),
        1 => Err("1 problem found".to_owned()),
        count => Err(format!("{count} problems found")),
    }
}

pub(super) fn say(text: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{text}")
        .map_err(|error| format!("cannot write to standard output: {error}"))
}
