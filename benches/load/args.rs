//! The command line.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Drive a Loom Studio server on this machine and measure it.
///
/// Producers and viewers speak loom-studio.v1. Producers keep to their credit window, viewers acknowledge every frame.
#[derive(Debug, Clone, Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[command(name = "loom-studio-load", version)]
pub(crate) struct Args {
    /// A running server; only loopback addresses are taken
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8765", value_parser = loopback)]
    pub(crate) address: SocketAddr,
    /// Start this server binary for the run instead, on a free port with its memory store
    #[arg(long, value_name = "PATH", conflicts_with_all = ["address", "server_pid"])]
    pub(crate) server: Option<PathBuf>,
    /// Process whose CPU time and memory are measured; known by itself with --server
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Connections that send
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: u32,
    /// Events in a batch
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Bytes of an event's JSON text
    #[arg(long, value_name = "N", default_value_t = 700, value_parser = clap::value_parser!(u32).range(400..))]
    pub(crate) event_bytes: u32,
    /// Events a second over all connections; as fast as the server acknowledges when absent
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// Send zstd-compressed binary frames
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Connections that view
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) viewers: u32,
    /// Let viewers ask for the beginning of each event's data too
    #[arg(long)]
    pub(crate) preview: bool,
    /// Let viewers ask for the topology too
    #[arg(long)]
    pub(crate) topology: bool,
    /// Events to send in all
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    pub(crate) events: Option<u64>,
    /// Seconds to send for
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// Seconds to send before measuring begins
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) warm_up: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Fail when the server's CPU time per event, in microseconds, is above this
    #[arg(long, value_name = "MICROSECONDS")]
    pub(crate) max_cpu_us: Option<f64>,
    /// Fail when the 99th percentile of acknowledgements, in milliseconds, is above this
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) max_ack_p99_ms: Option<f64>,
}

/// A load tool pointed elsewhere is a weapon; this one only turns on its own machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let addresses = text.to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses = addresses.filter(|address| address.ip().is_loopback());
    addresses
        .next()
        .ok_or_else(|| "not a loopback address; only servers on this machine are driven".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_driven() {
        assert!(loopback("127.0.0.1:8765").is_ok());
        assert!(loopback("[::1]:1").is_ok());
        for elsewhere in ["192.0.2.1:8765", "0.0.0.0:8765", "8765"] {
            assert!(loopback(elsewhere).is_err(), "{elsewhere}");
        }
    }
}
