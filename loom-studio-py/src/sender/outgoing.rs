//! What both protocols share: the next batch to send, when it is due.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::backlog::Backlog;
use super::batch::{Batch, Kind};
use super::config::SenderConfig;
use super::connection::Socket;
use super::frame::OVERHEAD;
use super::queue::{Interest, Settled};
use super::shared::Shared;

pub(super) type Sink = SplitSink<Socket, Message>;

/// Looks at the open batch, each a batch's delay after the other, that find nothing before the thread goes to sleep: waking it costs
/// whoever pushes far more than the push.
const LINGERING_LOOKS: u32 = 20;
/// How long the other side may take to answer the close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum End {
    /// The sender is closed and everything is settled.
    Finished,
    /// It broke.
    Lost(String),
}

/// One connection's way from the queue to the socket.
pub(super) struct Outgoing<'a> {
    pub(super) shared: &'a Shared,
    pub(super) config: &'a SenderConfig,
    pub(super) backlog: &'a RefCell<Backlog>,
    /// Something was delivered: the address is right and the server works.
    pub(super) has_delivered: &'a Cell<bool>,
    pub(super) max_event_bytes: usize,
    pub(super) max_frame_bytes: usize,
    is_ping_due: Cell<bool>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        config: &'a SenderConfig,
        backlog: &'a RefCell<Backlog>,
        has_delivered: &'a Cell<bool>,
        max_event_bytes: usize,
        max_frame_bytes: usize,
    ) -> Self {
        let outgoing = Self {
            shared,
            config,
            backlog,
            has_delivered,
            max_event_bytes: max_event_bytes.min(max_frame_bytes.saturating_sub(OVERHEAD)),
            max_frame_bytes,
            is_ping_due: Cell::new(false),
        };
        shared.lock().queue.max_entry_bytes = outgoing.max_event_bytes;
        let unsettled = backlog.borrow_mut().restart();
        for batch in unsettled {
            outgoing.admit(batch);
        }
        outgoing
    }

    /// Returns when a batch waits in the backlog, or must wait for being tried again; false when the sender is closed and everything is settled.
    pub(super) async fn next_waiting(&self, sink: &mut Sink) -> Result<bool, String> {
        let mut idle_looks = 0;
        let mut look = pin!(sleep(self.config.batch_delay));
        loop {
            {
                let backlog = self.backlog.borrow();
                if backlog.waiting().is_some() || backlog.has_refused() {
                    return Ok(true);
                }
            }
            let sleeps;
            {
                let mut state = self.shared.lock();
                let queue = &mut state.queue;
                if let Some(batch) = queue.take() {
                    queue.interest = Interest::Nothing;
                    drop(state);
                    self.admit(batch);
                    continue;
                }
                if queue.is_closed && queue.is_empty() {
                    return Ok(false);
                }
                // Under the lock: an event that came since the last look was told that there would be another.
                sleeps = idle_looks >= LINGERING_LOOKS && queue.has_nothing_open();
                queue.interest = if sleeps {
                    Interest::Anything
                } else {
                    Interest::FullBatch
                };
            }
            tokio::select! {
                () = self.shared.work.notified() => {
                    if sleeps {
                        idle_looks = 0;
                        look.set(sleep(self.config.batch_delay));
                    }
                }
                () = &mut look, if !sleeps => {
                    let found = self.shared.lock().queue.close_open();
                    idle_looks = if found { 0 } else { idle_looks + 1 };
                    look.set(sleep(self.config.batch_delay));
                }
            }
            self.ping_if_due(sink).await?;
        }
    }

    /// Returns when something changed: an answer came, or the sender is being closed.
    pub(super) async fn changed(&self, sink: &mut Sink) -> Result<(), String> {
        self.shared.work.notified().await;
        self.ping_if_due(sink).await
    }

    async fn ping_if_due(&self, sink: &mut Sink) -> Result<(), String> {
        if self.is_ping_due.take() {
            let ping = Message::Ping(tokio_tungstenite::tungstenite::Bytes::new());
            sink.send(ping).await.map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    /// Reads until the connection breaks; returns why it did. A server that keeps silent is pinged once, and given up after as much time again.
    pub(super) async fn read(
        &self,
        stream: &mut SplitStream<Socket>,
        mut answer: impl FnMut(&str) -> Result<(), String>,
    ) -> String {
        let mut is_pinged = false;
        loop {
            let frame = timeout(self.config.silence_timeout / 2, stream.next()).await;
            match frame {
                Err(_) if is_pinged => {
                    return format!("no answer for {:?}", self.config.silence_timeout);
                }
                Err(_) => {
                    is_pinged = true;
                    self.is_ping_due.set(true);
                    self.shared.work.notify_one();
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    is_pinged = false;
                    if let Err(reason) = answer(&text) {
                        return reason;
                    }
                    // Credit, or the last answer before the end.
                    self.shared.work.notify_one();
                }
                Ok(Some(Ok(Message::Close(frame)))) => {
                    return frame.map_or_else(
                        || "the server closed the connection".to_owned(),
                        |frame| {
                            format!(
                                "the server closed the connection: {} {}",
                                u16::from(frame.code),
                                frame.reason
                            )
                        },
                    );
                }
                Ok(Some(Ok(_))) => is_pinged = false,
                Ok(Some(Err(error))) => return lost(&error),
                Ok(None) => return "the server closed the connection".to_owned(),
            }
        }
    }

    /// Puts a batch into the backlog, in parts if it is too large for this server, and without what this server never takes.
    pub(super) fn admit(&self, batch: Batch) {
        let is_small = |entry: &[u8]| entry.len() <= self.max_event_bytes;
        let fits = batch.bytes() + OVERHEAD <= self.max_frame_bytes
            && batch.iter().all(|(_, entry)| is_small(entry));
        if fits {
            self.backlog.borrow_mut().add(batch);
            return;
        }
        let parts = batch.divide(self.max_frame_bytes.saturating_sub(OVERHEAD), is_small);
        self.replace(&batch, parts, |stats, dropped| {
            stats.dropped_too_large += dropped;
        });
    }

    /// Puts what is left of a batch into the backlog and settles the rest, which `count` counts.
    pub(super) fn replace(
        &self,
        batch: &Batch,
        parts: Vec<Batch>,
        count: impl FnOnce(&mut super::stats::Stats, u64),
    ) {
        let mut left_out = Settled::of(batch);
        for part in &parts {
            left_out.events -= part.events.len();
            left_out.observations -= part.observations.len();
            left_out.bytes -= part.bytes();
        }
        let mut backlog = self.backlog.borrow_mut();
        for part in parts {
            backlog.add(part);
        }
        drop(backlog);
        let entries = left_out.events + left_out.observations;
        if entries > 0 {
            self.shared.settle(|queue| {
                count(&mut queue.stats, entries as u64);
                queue.settle(left_out);
            });
        }
    }

    /// [Sifts](Self::sift) the oldest waiting batch.
    pub(super) fn sift_waiting(&self) {
        let batch = self.backlog.borrow_mut().take_waiting();
        if let Some(batch) = batch {
            self.sift(&batch);
        }
    }

    /// Takes what is no JSON object out of a batch that can't be read as it is, and puts the rest into the backlog.
    pub(super) fn sift(&self, batch: &Batch) {
        let parts = batch.divide(usize::MAX, is_json_object);
        let kept: usize = parts.iter().map(Batch::len).sum();
        // A server that can't read a sound batch won't read it the next time either.
        let parts = if kept == batch.len() {
            Vec::new()
        } else {
            parts
        };
        self.replace(batch, parts, |stats, dropped| {
            stats.dropped_invalid += dropped;
        });
    }
}

fn is_json_object(entry: &[u8]) -> bool {
    // Reading from bytes, serde_json passes over strings without looking at their encoding.
    std::str::from_utf8(entry).is_ok_and(|text| {
        text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    })
}

pub(super) fn lost(error: &tokio_tungstenite::tungstenite::Error) -> String {
    format!("the connection broke: {error}")
}

/// Counts of a batch that goes out.
pub(super) fn count_sent(shared: &Shared, batch: &Batch, wire_bytes: usize) {
    let stats = &mut shared.lock().queue.stats;
    stats.sent_batches += 1;
    stats.sent_events += batch.events.len() as u64;
    stats.sent_bytes += wire_bytes as u64;
}

/// The closing handshake, so that the other side reads all that was written before the socket goes.
pub(super) async fn close(mut sink: Sink, mut stream: SplitStream<Socket>) {
    let handshake = async {
        if sink.close().await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    // Everything is settled by now: an unanswered close loses nothing.
    let _ = timeout(CLOSE_TIMEOUT, handshake).await;
}

/// Which of the indexes of a batch are events'.
pub(super) fn kind_at(batch: &Batch, index: usize) -> Kind {
    if index < batch.events.len() {
        Kind::Event
    } else {
        Kind::Observation
    }
}
