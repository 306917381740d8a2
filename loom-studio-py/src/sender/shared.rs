//! What the handles and the sending thread share.

use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::queue::Queue;

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told when a batch is settled and somebody waits, and at the thread's end.
    pub(super) changed: Condvar,
    /// Wakes the connection: something to send, credit, or the close.
    pub(super) work: Notify,
    /// Cuts the wait between connection attempts short: somebody waits for a flush, or the sender is closed.
    pub(super) hurry: Notify,
    /// Ends the thread at once.
    pub(super) stop: Notify,
    /// The process is a fork's child: there is no thread, and the lock may be held for ever.
    pub(super) is_orphaned: AtomicBool,
}

/// Under the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
    /// Callers in `flush` or `close`.
    pub(super) waiting: usize,
    /// The thread has ended.
    pub(super) has_ended: bool,
}

impl Shared {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            state: Mutex::new(State {
                queue,
                waiting: 0,
                has_ended: false,
            }),
            changed: Condvar::new(),
            work: Notify::new(),
            hurry: Notify::new(),
            stop: Notify::new(),
            is_orphaned: AtomicBool::new(false),
        }
    }

    /// No code that can panic half-way runs under the lock, so a poisoned one holds a whole state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and tells those who wait for it.
    pub(super) fn settle(&self, change: impl FnOnce(&mut Queue)) {
        let mut state = self.lock();
        change(&mut state.queue);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }
}
