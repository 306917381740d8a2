//! The server inside the Python process: its command line, and servers for notebooks.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loom_studio_core::RetainPolicy;
use loom_studio_server::cli::{self, HostVerb};
use loom_studio_server::{HostOptions, Hosted, Keep, Settings, Token};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The verbs that the Python side has.
const VERBS: &[HostVerb] = &[HostVerb {
    name: "run",
    about: "Run a Python program or module and watch it, without a change to it",
}];

/// Run the command line and return its exit code. The program's name is not among the arguments.
#[pyfunction]
#[pyo3(signature = (arguments, /))]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| cli::main(arguments, VERBS))
}

/// Where a server keeps its events when nothing else is said; None for an account without a home.
#[pyfunction]
pub(crate) fn platform_directory() -> Option<PathBuf> {
    loom_studio_server::platform_directory()
}

/// A server on threads of its own in this process.
#[pyclass(frozen, module = "loom_studio._native")]
pub(crate) struct Server {
    address: String,
    process: u32,
    hosted: Mutex<Option<Hosted>>,
}

#[pymethods]
impl Server {
    /// Start it. Raises RuntimeError(code, detail) when it can't.
    #[new]
    #[pyo3(signature = (*, host, port, data_dir, memory_events, memory_bytes, retention_seconds, retention_bytes, tokens, allow_hosts, allow_origins))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they have names, and one caller, in _serve.py"
    )]
    fn new(
        py: Python<'_>,
        host: &str,
        port: u16,
        data_dir: Option<PathBuf>,
        memory_events: Option<usize>,
        memory_bytes: Option<u64>,
        retention_seconds: Option<u64>,
        retention_bytes: Option<u64>,
        tokens: Vec<String>,
        allow_hosts: Vec<String>,
        allow_origins: Vec<String>,
    ) -> PyResult<Self> {
        let host: IpAddr = host
            .parse()
            .map_err(|_| PyValueError::new_err(format!("{host:?} is no IP address")))?;
        let tokens = tokens.into_iter().filter(|secret| !secret.is_empty());
        let tokens = tokens.map(|secret| Token {
            secret,
            workspace: None,
        });
        let options = HostOptions {
            settings: Settings {
                host,
                port,
                allow_hosts,
                allow_origins,
                tokens: tokens.collect(),
                ..Settings::default()
            },
            keep: match data_dir {
                Some(path) => Keep::Directory(path),
                None => Keep::Memory {
                    max_records: memory_events,
                    max_bytes: memory_bytes,
                },
            },
            retain: RetainPolicy {
                max_age: retention_seconds.map(Duration::from_secs),
                max_bytes: retention_bytes,
            },
        };
        let hosted = py
            .detach(|| Hosted::start(options))
            .map_err(|error| PyRuntimeError::new_err((error.code(), error.to_string())))?;
        Ok(Self {
            address: hosted.local_addr().to_string(),
            process: std::process::id(),
            hosted: Mutex::new(Some(hosted)),
        })
    }

    /// The bound address: host and port.
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Whether it serves, seen from the process that started it.
    #[getter]
    fn is_running(&self) -> bool {
        // In a child another thread may have held the lock when it was forked.
        if !self.is_here() {
            return false;
        }
        let hosted = self.hosted.lock().unwrap_or_else(PoisonError::into_inner);
        hosted.as_ref().is_some_and(Hosted::is_running)
    }

    /// Stop it and wait until its threads have ended. Raises RuntimeError(code, detail) with what made it fail, if it had failed. Harmless when repeated, and in a forked child.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_here() {
            return Ok(());
        }
        let stopped = py.detach(|| {
            let hosted = self
                .hosted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            hosted.map_or(Ok(()), |mut hosted| hosted.stop())
        });
        stopped.map_err(|error| PyRuntimeError::new_err(("failed", error)))
    }
}

impl Server {
    /// A forked child has this object, but not the server's threads.
    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.is_here() {
            let hosted = self
                .hosted
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(hosted) = hosted.take() {
                hosted.forget();
            }
        }
    }
}
