//! The class `Sender`: the Rust sender, fed with Python objects.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::capture::{Capture, Emission, Snapshot, Stamps, Stop};
use super::redact::redacted;
use crate::sender::{Refused, Sender as Native, SenderConfig};

/// Waiting is done in such pieces, between which signals get their turn.
const PIECE: Duration = Duration::from_millis(50);
/// The server takes no larger event.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Sends events to one server. Made once per process and server; threads share it.
///
/// Nothing but the constructor raises, except that an interruption of the program (`KeyboardInterrupt`) passes through.
#[pyclass(frozen, module = "loom_studio._native")]
pub(super) struct Sender {
    native: Native,
    capture: Capture,
    /// As JSON text.
    session: Vec<u8>,
    /// Names of Studio's own events: the session and a number.
    id_prefix: String,
    emitted: AtomicU64,
    too_large: AtomicU64,
    unreadable: AtomicU64,
    is_abandoned: AtomicBool,
    /// Whether the contents of the program's events are sent.
    has_content: bool,
}

#[pymethods]
impl Sender {
    #[new]
    #[pyo3(signature = (url, *, session, token=None, max_events=50_000, max_bytes=67_108_864, compress=true, content=true))]
    #[expect(clippy::too_many_arguments, reason = "settings, by name")]
    fn new(
        py: Python<'_>,
        url: String,
        session: String,
        token: Option<String>,
        max_events: usize,
        max_bytes: usize,
        compress: bool,
        content: bool,
    ) -> PyResult<Self> {
        let capture = Capture::new(py, MAX_EVENT_BYTES)?;
        let session_json = capture
            .json(pyo3::types::PyString::new(py, &session).as_any())
            .map_err(|_| PyValueError::new_err("the session is too long"))?;
        let config = SenderConfig {
            url,
            token,
            // Every event written here carries it already.
            session: String::new(),
            max_queued_events: max_events,
            max_queued_bytes: max_bytes,
            compress,
            ..SenderConfig::default()
        };
        let native =
            Native::start(config).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self {
            native,
            capture,
            session: session_json,
            id_prefix: session,
            emitted: AtomicU64::new(0),
            too_large: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            is_abandoned: AtomicBool::new(false),
            has_content: content,
        })
    }

    /// Captures an event as it is now, with the id of the event that caused it. Says whether it was accepted.
    #[pyo3(signature = (event, cause=None))]
    fn capture(
        &self,
        event: &Bound<'_, PyAny>,
        cause: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        Ok(self.take(event, cause)?.is_some())
    }

    /// Says what became of an event that was captured: `phase` is `pre`, `post`, `blocked`, `timeout` or `raised`, `at` seconds since 1970 (now).
    #[pyo3(signature = (source, of, phase, at=None, changed=None))]
    fn observe(
        &self,
        source: &Bound<'_, PyAny>,
        of: &Bound<'_, PyAny>,
        phase: &str,
        at: Option<f64>,
        changed: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        if self.is_abandoned() {
            return Ok(false);
        }
        let at = at.map_or_else(now, |seconds| (seconds * 1e6) as i64);
        let pushed = self
            .capture
            .observation(source, of, phase, at, changed, |text| {
                self.push_observation(text)
            });
        Ok(self.settle(pushed)?.is_some())
    }

    /// Sends an event of Studio's own, and gives its id; `None` if it wasn't accepted.
    #[pyo3(signature = (r#type, source, data, *, subject=None, cause=None, traceparent=None, id=None, time=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the attributes of an event, by name"
    )]
    fn emit(
        &self,
        r#type: &str,
        source: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        subject: Option<&Bound<'_, PyAny>>,
        cause: Option<&Bound<'_, PyAny>>,
        traceparent: Option<&Bound<'_, PyAny>>,
        id: Option<String>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<String>> {
        if self.is_abandoned() {
            return Ok(None);
        }
        let id = id.unwrap_or_else(|| {
            format!(
                "{}-{}",
                self.id_prefix,
                self.emitted.fetch_add(1, Ordering::Relaxed) + 1
            )
        });
        let event = Emission {
            id: &id,
            kind: r#type,
            source,
            subject,
            time,
            traceparent,
            cause,
            data,
        };
        let pushed = self
            .capture
            .emission(&event, self.stamps(), |text| self.native.push(text));
        Ok(self.settle(pushed)?.map(|()| id))
    }

    /// A value as this class writes it in events; `None` if it is larger than an event may be.
    fn json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.capture.json(value) {
            Ok(text) => Ok(Some(PyBytes::new(value.py(), &text))),
            Err(Stop::TooLarge) => Ok(None),
            Err(Stop::Interrupted(error)) => Err(error),
        }
    }

    /// Waits until the server has everything that was accepted before, at most so many seconds. Says whether it has.
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        self.wait(py, timeout, |piece| self.native.flush(piece))
    }

    /// Flushes, at most so many seconds, and ends: nothing is accepted any more. Says whether everything was delivered.
    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        if self.is_abandoned() {
            return Ok(false);
        }
        let flushed = self.wait(py, timeout, |piece| self.native.flush(piece));
        let left = if matches!(flushed, Ok(true)) {
            PIECE
        } else {
            Duration::ZERO
        };
        let closed = py.detach(|| self.native.close(left));
        flushed.map(|_| closed)
    }

    /// What became of what was captured.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = if self.is_abandoned() {
            crate::sender::Stats::default()
        } else {
            self.native.stats()
        };
        let too_large = self.too_large.load(Ordering::Relaxed);
        let dict = PyDict::new(py);
        for (name, count) in [
            ("queued_events", stats.queued_events),
            ("queued_observations", stats.queued_observations),
            ("queued_bytes", stats.queued_bytes),
            ("accepted_events", stats.accepted_events),
            ("accepted_observations", stats.accepted_observations),
            ("sent_events", stats.sent_events),
            ("sent_batches", stats.sent_batches),
            ("sent_bytes", stats.sent_bytes),
            ("acknowledged_events", stats.acknowledged_events),
            ("acknowledged_observations", stats.acknowledged_observations),
            ("duplicates", stats.duplicates),
            ("rejected", stats.rejected),
            ("dropped_full", stats.dropped_full),
            ("dropped_too_large", stats.dropped_too_large + too_large),
            (
                "dropped_invalid",
                stats.dropped_invalid + self.unreadable.load(Ordering::Relaxed),
            ),
            ("dropped_closed", stats.dropped_closed),
            ("observations_unsupported", stats.observations_unsupported),
            ("refused_batches", stats.refused_batches),
            ("reconnects", stats.reconnects),
        ] {
            dict.set_item(name, count)?;
        }
        dict.set_item("connected", stats.connected)?;
        dict.set_item(
            "protocol",
            stats.protocol.map(|protocol| protocol.to_string()),
        )?;
        dict.set_item("last_error", stats.last_error)?;
        Ok(dict)
    }

    /// To be called in the child of a `fork`: this sender is the parent's, and refuses everything from now on.
    fn abandon(&self) {
        if !self.is_abandoned.swap(true, Ordering::Relaxed) {
            self.native.clone().forget_after_fork();
        }
    }
}

impl Sender {
    /// Captures an event and remembers what it was.
    ///
    /// # Errors
    /// An interruption of the program.
    pub(super) fn take(
        &self,
        event: &Bound<'_, PyAny>,
        cause: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Snapshot>> {
        if self.is_abandoned() {
            return Ok(None);
        }
        match self
            .capture
            .event(event, cause, self.stamps(), |text| self.push(text))
        {
            Ok(Some((snapshot, Ok(())))) => Ok(Some(snapshot)),
            Ok(Some((_, Err(_)))) => Ok(None),
            Ok(None) => {
                self.unreadable.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            Err(stop) => self.stopped(stop).map(|()| None),
        }
    }

    fn push(&self, text: &[u8]) -> Result<(), Refused> {
        if self.has_content {
            return self.native.push(text);
        }
        // What can't be read as JSON isn't sent at all.
        redacted(text).map_or(Ok(()), |text| self.native.push(&text))
    }

    fn push_observation(&self, text: &[u8]) -> Result<(), Refused> {
        if self.has_content {
            return self.native.observe(text);
        }
        redacted(text).map_or(Ok(()), |text| self.native.observe(&text))
    }

    /// Says what became of a captured event, and what changed in it meanwhile if it is given.
    ///
    /// # Errors
    /// An interruption of the program.
    pub(super) fn outcome(
        &self,
        py: Python<'_>,
        snapshot: &Snapshot,
        event: Option<&Bound<'_, PyAny>>,
        phase: &str,
    ) -> PyResult<()> {
        if self.is_abandoned() || !snapshot.is_named() {
            return Ok(());
        }
        let push = |text: &[u8]| self.push_observation(text);
        match self
            .capture
            .outcome(snapshot, event, phase, py, now(), push)
        {
            Ok(_) => Ok(()),
            // What changed is too much: that it happened is not.
            Err(Stop::TooLarge) if event.is_some() => {
                self.too_large.fetch_add(1, Ordering::Relaxed);
                match self.capture.outcome(snapshot, None, phase, py, now(), push) {
                    Ok(_) => Ok(()),
                    Err(stop) => self.stopped(stop),
                }
            }
            Err(stop) => self.stopped(stop),
        }
    }

    fn settle<T>(&self, pushed: Result<Result<T, Refused>, Stop>) -> PyResult<Option<T>> {
        match pushed {
            Ok(accepted) => Ok(accepted.ok()),
            Err(stop) => self.stopped(stop).map(|()| None),
        }
    }

    fn stopped(&self, stop: Stop) -> PyResult<()> {
        match stop {
            Stop::TooLarge => {
                self.too_large.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Stop::Interrupted(error) => Err(error),
        }
    }

    /// Waits in pieces without holding the interpreter.
    fn wait(
        &self,
        py: Python<'_>,
        timeout: f64,
        done: impl Fn(Duration) -> bool + Sync,
    ) -> PyResult<bool> {
        if self.is_abandoned() {
            return Ok(false);
        }
        let end =
            instant() + Duration::try_from_secs_f64(timeout.clamp(0.0, 1e6)).unwrap_or_default();
        loop {
            let left = end.saturating_duration_since(instant());
            if py.detach(|| done(left.min(PIECE))) {
                return Ok(true);
            }
            py.check_signals()?;
            // Another thread has closed it: what isn't delivered never will be.
            if left.is_zero() || self.native.has_ended() {
                return Ok(false);
            }
        }
    }

    fn stamps(&self) -> Stamps<'_> {
        Stamps {
            now: now(),
            session: &self.session,
        }
    }

    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }
}

/// Microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "when something happened in this process is the system's time"
)]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

#[expect(clippy::disallowed_methods, reason = "how long a caller still waits")]
fn instant() -> Instant {
    Instant::now()
}
