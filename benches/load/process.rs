//! What the server's process used, as the kernel counts it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use loom_studio_benches::cpu_micros;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A server that lives as long as this does.
#[derive(Debug)]
pub(crate) struct OwnServer {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    _child: Child,
}

impl OwnServer {
    pub(crate) async fn start(binary: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", binary.display());
        let mut child = Command::new(binary)
            .args(["--port", "0", "--memory", "--log", "warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut url = String::new();
        let mut lines = BufReader::new(stdout);
        let read = timeout(Duration::from_secs(10), lines.read_line(&mut url)).await;
        read.map_err(|_| "the server printed no URL".to_owned())?
            .map_err(failed)?;
        let host = url
            .trim()
            .trim_start_matches("http://")
            .trim_end_matches('/');
        let address = host
            .parse()
            .map_err(|_| format!("the server printed no URL: {url:?}"))?;
        let pid = child.id().ok_or("the server ended at once")?;
        Ok(Self {
            address,
            pid,
            _child: child,
        })
    }
}

/// What a process used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu_micros: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) peak_bytes: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self, String> {
        let status = read(&format!("/proc/{pid}/status"))?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            value
                .map(|kib| kib << 10)
                .ok_or_else(|| format!("no {name} in /proc/{pid}/status"))
        };
        Ok(Self {
            cpu_micros: cpu_micros(pid)?,
            resident_bytes: kib("VmRSS:")?,
            peak_bytes: kib("VmHWM:")?,
        })
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.peak_bytes >= usage.resident_bytes);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
