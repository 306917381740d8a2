//! The sending thread: connects, hands the socket to its protocol, and connects again.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::backlog::Backlog;
use super::backoff::{Backoff, FLOOR};
use super::config::SenderConfig;
use super::connection::{Connection, Failed, connect};
use super::outgoing::{End, Outgoing};
use super::shared::Shared;
use super::stats::Protocol;
use super::target::Target;
use super::{legacy, v1};

/// A connection that lasted so long was a good one, even if there was nothing to deliver.
const STEADY: Duration = Duration::from_secs(5);
/// While the sender is being closed, tries come at least so often.
const CLOSING_WAIT: Duration = Duration::from_millis(200);

/// Everything the thread owns.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) config: SenderConfig,
    pub(super) target: Target,
    pub(super) tls: Option<TlsConnector>,
    pub(super) backoff: Backoff,
    /// Somebody asked for a quick next attempt.
    pub(super) is_hurried: Cell<bool>,
}

impl Worker {
    /// Runs until the sender is closed and everything is settled, or until told to stop.
    pub(super) async fn run(self) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = self.deliver() => {}
            () = shared.stop.notified() => {}
        }
    }

    async fn deliver(mut self) {
        let backlog = RefCell::new(Backlog::default());
        let mut connections = 0_u64;
        loop {
            let connected = tokio::select! {
                connected = connect(&self.target, self.tls.as_ref(), self.config.connect_timeout) => connected,
                () = self.nothing_left() => return,
            };
            let failed = match connected {
                Ok(connection) => {
                    connections += 1;
                    self.established(&connection, connections);
                    let (end, was_good) = self.converse(connection, &backlog).await;
                    if was_good {
                        self.backoff.succeeded();
                    }
                    match end {
                        End::Finished => return,
                        End::Lost(reason) => Failed {
                            reason: format!("{}: {reason}", self.target),
                            is_lasting: false,
                        },
                    }
                }
                Err(failed) => failed,
            };
            if failed.is_lasting {
                self.backoff.exhausted();
            }
            {
                let stats = &mut self.shared.lock().queue.stats;
                stats.connected = false;
                stats.last_error = Some(failed.reason);
            }
            if !self.pause().await {
                return;
            }
        }
    }

    /// Speaks until the connection is over; tells too whether it was a good one.
    async fn converse(&self, connection: Connection, backlog: &RefCell<Backlog>) -> (End, bool) {
        let is_good = Cell::new(false);
        let conversation = async {
            let outgoing = |max_event_bytes, max_frame_bytes| {
                Outgoing::new(
                    &self.shared,
                    &self.config,
                    backlog,
                    &is_good,
                    max_event_bytes,
                    max_frame_bytes,
                )
            };
            match connection {
                Connection::V1(socket, hello) => {
                    let outgoing = outgoing(hello.max_event_bytes, hello.frame_bytes());
                    v1::run(*socket, &hello, &outgoing).await
                }
                Connection::Original(socket) => {
                    let outgoing = outgoing(usize::MAX, usize::MAX);
                    legacy::run(*socket, &outgoing).await
                }
            }
        };
        let grows_old = async {
            sleep(STEADY).await;
            is_good.set(true);
            std::future::pending::<End>().await
        };
        let end = tokio::select! {
            end = conversation => end,
            end = grows_old => end,
        };
        (end, is_good.get())
    }

    fn established(&self, connection: &Connection, connections: u64) {
        let stats = &mut self.shared.lock().queue.stats;
        stats.connected = true;
        stats.reconnects = connections - 1;
        stats.protocol = Some(match connection {
            Connection::V1(..) => Protocol::V1,
            Connection::Original(_) => Protocol::Original,
        });
    }

    /// Waits before the next attempt; false when there is no use in one.
    async fn pause(&mut self) -> bool {
        let wait = self.backoff.next_wait();
        let is_closing = self.shared.lock().queue.is_closed;
        let wait = if is_closing {
            wait.min(CLOSING_WAIT)
        } else {
            wait
        };
        tokio::select! {
            () = self.nothing_left() => return false,
            // Whoever waits for a flush shortens the wait, but not to nothing.
            () = sleep(FLOOR) => {}
        }
        if !self.is_hurried.take() {
            tokio::select! {
                () = self.shared.hurry.notified() => {}
                () = sleep(wait.saturating_sub(FLOOR)) => {}
            }
        }
        !self.is_done()
    }

    /// Returns once the sender is closed with nothing to deliver.
    async fn nothing_left(&self) {
        while !self.is_done() {
            self.shared.hurry.notified().await;
            self.is_hurried.set(true);
        }
    }

    fn is_done(&self) -> bool {
        let state = self.shared.lock();
        state.queue.is_closed && state.queue.is_empty()
    }
}
