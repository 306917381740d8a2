//! Counters of the server, in Prometheus' text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use loom_studio_core::{Appended, ImportReport, StoreStats};

/// Everything counted. Counters only grow; gauges follow what is open.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) records_appended: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) unreadable_frames: AtomicU64,
    pub(crate) refused_batches: AtomicU64,
    pub(crate) legacy_overflows: AtomicU64,
    pub(crate) viewer_gaps: AtomicU64,
    pub(crate) ingest_connections: AtomicI64,
    pub(crate) viewer_connections: AtomicI64,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// Counts one more while it lives.
#[derive(Debug)]
pub(crate) struct Gauge<'a>(&'a AtomicI64);

impl<'a> Gauge<'a> {
    pub(crate) fn hold(gauge: &'a AtomicI64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn appended(&self, appended: &Appended) {
        count(&self.records_appended, appended.added());
        count(&self.duplicates, appended.duplicates);
        if !appended.rejected.is_empty() {
            let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
            for item in &appended.rejected {
                *rejected.entry(item.code.as_str()).or_insert(0) += 1;
            }
        }
    }

    pub(crate) fn imported(&self, report: &ImportReport) {
        count(&self.records_appended, report.added);
        count(&self.duplicates, report.duplicates);
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, records) in &report.rejected {
            *rejected.entry(code).or_insert(0) += records;
        }
    }

    pub(crate) fn render(&self, store: &StoreStats) -> String {
        let mut out = String::new();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let level = |gauge: &AtomicI64| u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(0);
        for (name, help, value) in [
            (
                "records_appended_total",
                "Events and observations stored.",
                load(&self.records_appended),
            ),
            (
                "duplicates_total",
                "Resent events and observations.",
                load(&self.duplicates),
            ),
            (
                "unreadable_frames_total",
                "WebSocket messages that were no batch.",
                load(&self.unreadable_frames),
            ),
            (
                "refused_batches_total",
                "Batches the store could not take.",
                load(&self.refused_batches),
            ),
            (
                "legacy_overflows_total",
                "Producers closed because the store lagged.",
                load(&self.legacy_overflows),
            ),
            (
                "viewer_gaps_total",
                "Ranges not sent to a viewer.",
                load(&self.viewer_gaps),
            ),
        ] {
            metric(&mut out, name, "counter", help, value);
        }
        for (name, help, value) in [
            (
                "ingest_connections",
                "Open connections to /ws/ingest.",
                level(&self.ingest_connections),
            ),
            (
                "viewer_connections",
                "Open connections to /ws/events.",
                level(&self.viewer_connections),
            ),
        ] {
            metric(&mut out, name, "gauge", help, value);
        }
        render_store(&mut out, store);
        let name = "loom_studio_rejected_total";
        let _ = write!(
            out,
            "# HELP {name} Events and observations that break a rule.\n# TYPE {name} counter\n"
        );
        for (code, value) in self
            .rejected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let _ = writeln!(out, "{name}{{code=\"{code}\"}} {value}");
        }
        out
    }
}

/// What the store says of itself.
fn render_store(out: &mut String, store: &StoreStats) {
    for (name, help, value) in [
        (
            "store_dropped_records_total",
            "Records deleted by retention or bounds.",
            store.dropped_records,
        ),
        (
            "store_accepted_bytes_total",
            "Bytes of JSON text stored durably.",
            store.accepted_bytes,
        ),
        (
            "store_written_bytes_total",
            "Bytes written to the disk, indexes included.",
            store.written_bytes,
        ),
        (
            "store_groups_total",
            "Commit groups, one sync each.",
            store.groups,
        ),
        (
            "store_group_records_total",
            "Records in commit groups.",
            store.group_records,
        ),
        (
            "store_group_bytes_total",
            "Bytes written in commit groups.",
            store.group_bytes,
        ),
    ] {
        metric(out, name, "counter", help, value);
    }
    for (name, help, value) in [
        ("store_events", "Events stored.", store.events),
        (
            "store_observations",
            "Observations stored.",
            store.observations,
        ),
        (
            "store_payload_bytes",
            "Bytes of JSON text stored.",
            store.payload_bytes,
        ),
        (
            "store_stored_bytes",
            "Bytes the store occupies.",
            store.stored_bytes,
        ),
        (
            "store_first_seq",
            "The oldest position stored.",
            store.first_seq.0,
        ),
        ("store_last_seq", "The newest position.", store.last_seq.0),
        ("store_segments", "Segments of the log.", store.segments),
    ] {
        metric(out, name, "gauge", help, value);
    }
    // What there is no figure for yet is left out: 0 would be one.
    for (name, help, value) in [
        (
            "store_write_amplification",
            "Bytes written to the disk per byte of JSON text, since the start.",
            store.write_amplification(),
        ),
        (
            "store_oldest_received_seconds",
            "When the oldest record was received, in seconds since 1970.",
            store
                .oldest_received
                .map(|oldest| oldest.as_nanos() as f64 / 1e9),
        ),
    ] {
        if let Some(value) = value {
            metric(out, name, "gauge", help, value);
        }
    }
}

// Writing into a String cannot fail.
fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    let _ = write!(
        out,
        "# HELP loom_studio_{name} {help}\n# TYPE loom_studio_{name} {kind}\nloom_studio_{name} {value}\n"
    );
}
