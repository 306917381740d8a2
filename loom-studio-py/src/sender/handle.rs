//! The handle: what a program calls.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::backoff::Backoff;
use super::batch::Kind;
use super::config::{ConfigError, SenderConfig};
use super::queue::{Queue, Refused};
use super::shared::{Shared, State};
use super::stats::Stats;
use super::target::Target;
use super::tls;
use super::worker::Worker;

/// How long the thread may take to notice that it must stop.
const STOP_GRACE: Duration = Duration::from_millis(250);

/// A handle to a background sender; clones share it.
///
/// Dropping the last one is [`close`](Self::close) with [`SenderConfig::drop_timeout`].
#[derive(Clone)]
pub struct Sender {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    drop_timeout: Duration,
}

impl Sender {
    /// Starts the background thread, which connects at once. A server that isn't there is no error: it is waited for.
    ///
    /// # Errors
    /// When the settings can't be used, or the system gives no thread.
    pub fn start(config: SenderConfig) -> Result<Self, ConfigError> {
        let config = config.bounded();
        let target = Target::of(&config)?;
        let tls = if target.is_tls {
            Some(tls::connector(config.ca_file.as_deref())?)
        } else {
            None
        };
        let shared = Arc::new(Shared::new(Queue::new(&config)));
        let seed = match config.seed {
            Some(seed) => seed,
            // Without the system's randomness senders may try at the same moments, which is bearable.
            None => getrandom::u64().unwrap_or_default(),
        };
        let drop_timeout = config.drop_timeout;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let worker = Worker {
            shared: Arc::clone(&shared),
            backoff: Backoff::new(config.backoff_initial, config.backoff_max, seed),
            target,
            tls,
            config,
            is_hurried: Cell::new(false),
        };
        let thread = thread::Builder::new()
            .name("loom-studio-sender".to_owned())
            .spawn(move || {
                let _end = End(Arc::clone(&worker.shared));
                runtime.block_on(worker.run());
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                thread: Mutex::new(Some(thread)),
                drop_timeout,
            }),
        })
    }

    /// Accepts an event, given as the text of one CloudEvents JSON object, for delivery. Copies it; never does I/O and never waits for the server.
    ///
    /// That the text is JSON is not checked here: what isn't costs itself alone, and is counted then.
    ///
    /// # Errors
    /// When it is not accepted, which is counted too.
    pub fn push(&self, event_json: &[u8]) -> Result<(), Refused> {
        self.inner.add(Kind::Event, event_json)
    }

    /// Accepts an observation of an event pushed before: the text of an object `{source, of, phase, at, changed}` (`docs/ws-protocol.md`). It never travels in an earlier batch than its event.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn observe(&self, observation_json: &[u8]) -> Result<(), Refused> {
        self.inner.add(Kind::Observation, observation_json)
    }

    /// Waits until everything accepted before is settled: acknowledged, or known never to be. Sends the open batch now, and tries to connect now if there is no connection. Returns false if that takes longer than `timeout`, or is no longer possible.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.inner.flush(timeout)
    }

    /// Accepts nothing more, delivers what is held, closes the connection and ends the thread. What isn't delivered after `timeout` is dropped and counted. Returns whether everything was delivered, within `timeout` and a quarter of a second. Later calls, by whichever handle, return the same.
    pub fn close(&self, timeout: Duration) -> bool {
        self.inner.close(timeout)
    }

    /// The counters, and what is held now.
    pub fn stats(&self) -> Stats {
        if self.inner.is_orphaned() {
            return Stats::default();
        }
        self.inner.shared.lock().queue.stats.clone()
    }

    /// Whether the background thread has ended, by [`close`](Self::close) as a rule: nothing more will be delivered.
    pub fn has_ended(&self) -> bool {
        self.inner.is_orphaned() || self.inner.shared.lock().has_ended
    }

    /// To be called in the child of a `fork`, which has a copy of the queue but no thread, and perhaps a lock that another thread of the parent held.
    ///
    /// This handle and its clones refuse everything from now on and touch no lock, also when dropped; their memory stays allocated. What they held is the parent's to deliver. The child starts a sender of its own.
    pub fn forget_after_fork(self) {
        self.inner.shared.is_orphaned.store(true, Ordering::Relaxed);
        // One reference stays for ever, so no other handle is the last.
        std::mem::forget(self);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Inner {
    fn is_orphaned(&self) -> bool {
        self.shared.is_orphaned.load(Ordering::Relaxed)
    }

    fn add(&self, kind: Kind, json: &[u8]) -> Result<(), Refused> {
        if self.is_orphaned() {
            return Err(Refused::Closed);
        }
        let wakes = self.shared.lock().queue.push(kind, json)?;
        if wakes {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> bool {
        if self.is_orphaned() {
            return false;
        }
        let mut state = self.shared.lock();
        state.queue.close_open();
        let last = state.queue.last_id();
        let is_connected = state.queue.stats.connected;
        drop(state);
        self.shared.work.notify_one();
        if !is_connected {
            self.shared.hurry.notify_one();
        }
        self.wait(timeout, |state| state.queue.is_settled(last));
        self.shared.lock().queue.is_settled(last)
    }

    fn close(&self, timeout: Duration) -> bool {
        if self.is_orphaned() {
            return false;
        }
        let mut state = self.shared.lock();
        state.queue.is_closed = true;
        state.queue.close_open();
        drop(state);
        self.shared.work.notify_one();
        self.shared.hurry.notify_one();
        self.wait(timeout, |_| false);
        if !self.shared.lock().has_ended {
            self.shared.stop.notify_one();
            self.wait(STOP_GRACE, |_| false);
        }
        let state = self.shared.lock();
        let (has_ended, is_delivered) = (state.has_ended, state.queue.is_empty());
        drop(state);
        if has_ended {
            let thread = self
                .thread
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            // It has done its last work; an error would be its panic, which was reported as it happened.
            let _ = thread.map(JoinHandle::join);
        }
        is_delivered
    }

    /// Waits until the condition holds or the thread has ended.
    fn wait(&self, timeout: Duration, is_enough: impl Fn(&State) -> bool) {
        let mut state = self.shared.lock();
        state.waiting += 1;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, |state| {
                !state.has_ended && !is_enough(state)
            });
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.is_orphaned() {
            self.close(self.drop_timeout);
        }
    }
}

/// Tells those who wait that the thread is gone, however it went.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.queue.abandon();
        state.queue.stats.connected = false;
        state.has_ended = true;
        drop(state);
        self.0.changed.notify_all();
    }
}
