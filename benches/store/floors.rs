//! What the machine can do at best: the work no engine can leave out, and the bare disk.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use loom_studio_core::{Envelope, EventLimits};

use crate::input::Input;
use crate::measure::{Meter, Outcome};

const BLOCK: usize = 28 << 10;
/// Bytes of an event on the disk, about, and events of a group.
const DISK_BYTES: u64 = 260;
const GROUP: u64 = 3000;

/// Decodes, copies, compresses and checksums on both cores.
pub(crate) fn work(engine: &str, dir: &Path, input: &Path, events: u64) -> Result<Outcome, String> {
    let mut meter = Meter::start();
    let done: Result<Vec<u64>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|turn| scope.spawn(move || half(input, events, turn)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
            .collect()
    });
    meter.acknowledged();
    std::hint::black_box(done?);
    meter
        .finish(engine, events, dir)
        .map_err(|error| error.to_string())
}

/// Every second batch.
fn half(input: &Path, events: u64, turn: usize) -> Result<u64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut input = Input::open(input, events).map_err(failed)?;
    let mut compressor = zstd::bulk::Compressor::new(1).map_err(failed)?;
    let limits = EventLimits::default();
    let mut block = Vec::with_capacity(2 * BLOCK);
    let mut sum = 0;
    let mut index = 0;
    while let Some(batch) = input.batch().map_err(failed)? {
        index += 1;
        if index % 2 != turn {
            continue;
        }
        for raw in batch {
            let envelope =
                Envelope::decode(&raw, &limits).map_err(|reject| reject.detail.clone())?;
            std::hint::black_box(&envelope);
            block.extend_from_slice(&raw);
            if block.len() >= BLOCK {
                let body = compressor.compress(&block).map_err(failed)?;
                sum += u64::from(crc32fast::hash(&body)) + body.len() as u64;
                block.clear();
            }
        }
    }
    Ok(sum)
}

/// Appends and syncs groups of the size they have on the disk.
pub(crate) fn disk(engine: &str, dir: &Path, events: u64) -> Result<Outcome, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(dir.join("raw"))
        .map_err(failed)?;
    let group = vec![0x5a; (DISK_BYTES * GROUP) as usize];
    let mut meter = Meter::start();
    for _ in 0..events.div_ceil(GROUP) {
        file.write_all(&group).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        meter.batch();
    }
    meter.acknowledged();
    drop(file);
    meter
        .finish(engine, events.div_ceil(GROUP) * GROUP, dir)
        .map_err(failed)
}
