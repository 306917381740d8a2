//! What this process used, as the kernel counts it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "measures elapsed time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Processor time of this process, in microseconds.
///
/// # Panics
/// Without /proc: a figure that isn't one must not be printed.
pub(crate) fn cpu_micros() -> u64 {
    loom_studio_benches::cpu_micros(std::process::id()).expect("the kernel tells what was used")
}

/// Memory that is not backed by a file, in bytes.
pub(crate) fn anonymous_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Space that a directory's files take on the disk.
pub(crate) fn disk_bytes(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(sum)
}

/// A run of one engine.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Outcome {
    pub(crate) engine: String,
    pub(crate) events: u64,
    /// Until the last acknowledgement.
    pub(crate) seconds: f64,
    /// Until everything is closed.
    pub(crate) cpu_micros: u64,
    pub(crate) anonymous_bytes: u64,
    pub(crate) disk_bytes: u64,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    pub(crate) fn cpu_per_event(&self) -> f64 {
        self.cpu_micros as f64 / self.events as f64
    }
}

/// Takes the measures of a run while it goes on.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    cpu_before: u64,
    seconds: f64,
    peak: u64,
    looked: u32,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            cpu_before: cpu_micros(),
            started: now(),
            seconds: 0.0,
            peak: 0,
            looked: 0,
        }
    }

    /// Called once per batch; looks at the memory now and then.
    pub(crate) fn batch(&mut self) {
        self.looked += 1;
        if self.looked.is_multiple_of(200) {
            self.peak = self.peak.max(anonymous_bytes());
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        now() - self.started
    }

    /// Everything is acknowledged.
    pub(crate) fn acknowledged(&mut self) {
        self.seconds = self.elapsed().as_secs_f64();
        self.peak = self.peak.max(anonymous_bytes());
    }

    /// Everything is closed.
    pub(crate) fn finish(self, engine: &str, events: u64, dir: &Path) -> io::Result<Outcome> {
        Ok(Outcome {
            engine: engine.to_owned(),
            events,
            seconds: self.seconds,
            cpu_micros: cpu_micros() - self.cpu_before,
            anonymous_bytes: self.peak,
            disk_bytes: disk_bytes(dir)?,
        })
    }
}
