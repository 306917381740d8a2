//! What a run found.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::args::Args;
use crate::latencies::Distribution;
use crate::process::Usage;
use crate::producer::Sent;
use crate::viewer::Seen;

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    connections: u32,
    viewers: u32,
    batch: u32,
    event_bytes: u32,
    zstd: bool,
    target_rate: Option<f64>,
    seconds: f64,
    events: u64,
    rejected: u64,
    events_per_second: f64,
    sent_megabytes_per_second: f64,
    ack: Option<Distribution>,
    /// From the moment a batch was made to the moment a viewer had read it.
    event_to_viewer: Option<Distribution>,
    viewer_frames: u64,
    viewer_bytes_per_event: Option<f64>,
    viewer_missed: u64,
    server: Option<Server>,
}

/// What the server used.
#[derive(Debug, Serialize)]
struct Server {
    cpu_micros_per_event: f64,
    cpu_share_of_one_core: f64,
    resident_before_bytes: u64,
    resident_after_bytes: u64,
    peak_bytes: u64,
}

impl Report {
    pub(crate) fn new(
        args: &Args,
        elapsed: Duration,
        sent: Sent,
        seen: Seen,
        usage: Option<(Usage, Usage)>,
    ) -> Self {
        let seconds = elapsed.as_secs_f64();
        let events = sent.events as f64;
        let server = usage.map(|(before, after)| {
            let cpu_micros = after.cpu_micros.saturating_sub(before.cpu_micros) as f64;
            Server {
                cpu_micros_per_event: cpu_micros / events,
                cpu_share_of_one_core: cpu_micros / 1e6 / seconds,
                resident_before_bytes: before.resident_bytes,
                resident_after_bytes: after.resident_bytes,
                peak_bytes: after.peak_bytes,
            }
        });
        Self {
            connections: args.connections,
            viewers: args.viewers,
            batch: args.batch,
            event_bytes: args.event_bytes,
            zstd: args.zstd,
            target_rate: args.rate,
            seconds,
            events: sent.events,
            rejected: sent.rejected,
            events_per_second: events / seconds,
            sent_megabytes_per_second: sent.wire_bytes as f64 / 1e6 / seconds,
            ack: sent.acks.distribution(),
            event_to_viewer: seen.latencies.distribution(),
            viewer_frames: seen.frames,
            viewer_bytes_per_event: (seen.rows > 0)
                .then(|| seen.wire_bytes as f64 / seen.rows as f64),
            viewer_missed: seen.missed,
            server,
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| error.to_string())
    }

    /// Whether the run kept what the command line demands. What was not measured is not kept.
    pub(crate) fn verdict(&self, args: &Args) -> ExitCode {
        let cpu = self
            .server
            .as_ref()
            .map(|server| server.cpu_micros_per_event);
        let p99 = self.ack.map(|ack| ack.p99_ms);
        let kept = |limit: Option<f64>, found: Option<f64>| {
            limit.is_none_or(|limit| found.is_some_and(|found| found <= limit))
        };
        if self.rejected == 0 && kept(args.max_cpu_us, cpu) && kept(args.max_ack_p99_ms, p99) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        let Self {
            events,
            seconds,
            events_per_second,
            sent_megabytes_per_second,
            ..
        } = self;
        writeln!(
            f,
            "events       {events} in {seconds:.1} s: {events_per_second:.0}/s, {sent_megabytes_per_second:.1} MB/s sent"
        )?;
        if self.rejected > 0 {
            writeln!(f, "rejected     {}", self.rejected)?;
        }
        if let Some(ack) = &self.ack {
            writeln!(f, "ack          {ack}")?;
        }
        if let Some(latency) = &self.event_to_viewer {
            writeln!(f, "to viewer    {latency}")?;
        }
        if let Some(bytes) = self.viewer_bytes_per_event {
            let missed = self.viewer_missed;
            writeln!(
                f,
                "viewer       {} frames, {bytes:.0} B/event, {missed} events named in gaps",
                self.viewer_frames
            )?;
        }
        match &self.server {
            Some(server) => write!(
                f,
                "server       {:.2} µs CPU per event, {:.2} cores, {} MiB before, {} MiB after, {} MiB peak",
                server.cpu_micros_per_event,
                server.cpu_share_of_one_core,
                mib(server.resident_before_bytes),
                mib(server.resident_after_bytes),
                mib(server.peak_bytes)
            ),
            None => write!(
                f,
                "server       not measured: give --server or --server-pid"
            ),
        }
    }
}
