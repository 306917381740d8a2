//! A connection in `loom-studio.v1`: credit, acknowledgements, compression.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use super::batch::{Batch, Kind};
use super::connection::{self, Socket};
use super::frame::{self, Ack, Answer, Hello, Nack, Unreadable};
use super::outgoing::{End, Outgoing, Sink, close, count_sent, kind_at, lost};
use super::queue::Settled;

/// Bounds on what a server may ask for between two tries.
const RETRY_AFTER: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_mins(1);
/// Smaller frames are sent as they are.
const MIN_COMPRESSED_BYTES: usize = 512;
/// zstd's fastest: the sender shares the machine with the program it watches.
const ZSTD_LEVEL: i32 = 1;
/// The rule an observation breaks when its event isn't stored.
const UNKNOWN_EVENT: &str = "unknown_event";
/// How much of a server's words goes into `last_error`.
const MAX_DETAIL_CHARS: usize = 200;

struct V1<'a> {
    outgoing: &'a Outgoing<'a>,
    hello: &'a Hello,
    zstd: RefCell<Option<zstd::bulk::Compressor<'static>>>,
}

/// Sends and receives until the connection breaks or the sender is closed and everything settled.
pub(super) async fn run(socket: Socket, hello: &Hello, outgoing: &Outgoing<'_>) -> End {
    let wants_zstd = outgoing.config.compress && hello.reads_zstd();
    let v1 = V1 {
        outgoing,
        hello,
        // Without a compressor, which needs some memory, frames are sent as they are.
        zstd: RefCell::new(
            wants_zstd
                .then(|| zstd::bulk::Compressor::new(ZSTD_LEVEL).ok())
                .flatten(),
        ),
    };
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        written = v1.write(&mut sink) => match written {
            Ok(()) => End::Finished,
            Err(reason) => End::Lost(reason),
        },
        reason = outgoing.read(&mut stream, |text| v1.answer(text)) => End::Lost(reason),
    };
    if matches!(end, End::Finished) {
        close(sink, stream).await;
    }
    end
}

impl V1<'_> {
    async fn write(&self, sink: &mut Sink) -> Result<(), String> {
        let outgoing = self.outgoing;
        loop {
            self.wait_out_refusal(sink).await?;
            if !outgoing.next_waiting(sink).await? {
                return Ok(());
            }
            if outgoing.backlog.borrow().has_refused() {
                continue;
            }
            let Some(frame) = self.encode() else {
                outgoing.sift_waiting();
                continue;
            };
            let wire_bytes = frame.len();
            while !outgoing
                .backlog
                .borrow()
                .has_credit(wire_bytes, self.hello.window_bytes)
            {
                outgoing.changed(sink).await?;
            }
            if outgoing.backlog.borrow().has_refused() {
                // The refused batch is older and goes first.
                continue;
            }
            {
                let mut backlog = outgoing.backlog.borrow_mut();
                if let Some((batch, _)) = backlog.waiting() {
                    count_sent(outgoing.shared, batch, wire_bytes);
                }
                // Before the frame goes out, since its answer may come before the writing ends.
                backlog.sent(wire_bytes);
            }
            sink.send(frame).await.map_err(|error| lost(&error))?;
        }
    }

    /// After a refusal: lets what is on its way be answered, then waits as long as the server asked for.
    async fn wait_out_refusal(&self, sink: &mut Sink) -> Result<(), String> {
        let backlog = self.outgoing.backlog;
        if !backlog.borrow().has_refused() {
            return Ok(());
        }
        while backlog.borrow().oldest_sent().is_some() {
            self.outgoing.changed(sink).await?;
        }
        let retry_after = backlog.borrow_mut().retry();
        let mut wait = pin!(sleep(retry_after));
        loop {
            tokio::select! {
                () = &mut wait => return Ok(()),
                changed = self.outgoing.changed(sink) => changed?,
            }
        }
    }

    /// The oldest waiting batch as a frame; `None` when it isn't UTF-8.
    fn encode(&self) -> Option<Message> {
        let backlog = self.outgoing.backlog.borrow();
        let (batch, number) = backlog.waiting()?;
        let json = frame::encode(batch, Some(number))?;
        if json.len() >= MIN_COMPRESSED_BYTES
            && let Some(zstd) = &mut *self.zstd.borrow_mut()
            && let Ok(compressed) = zstd.compress(json.as_bytes())
        {
            return Some(connection::binary(compressed));
        }
        Some(connection::text(json))
    }

    fn answer(&self, text: &str) -> Result<(), String> {
        match frame::decode(text) {
            Ok(Answer::Ack(ack)) => self.acknowledged(&ack),
            Ok(Answer::Nack(nack)) => self.refused(&nack),
            Ok(Answer::Error(error)) => self.unreadable(&error),
            Ok(Answer::Hello(_) | Answer::Other) => {}
            Err(error) => return Err(format!("a frame of the server can't be read: {error}")),
        }
        Ok(())
    }

    fn acknowledged(&self, ack: &Ack) {
        let outgoing = self.outgoing;
        outgoing.has_delivered.set(true);
        let mut backlog = outgoing.backlog.borrow_mut();
        let mut rejected_events = 0;
        let mut rejected_observations = 0;
        let mut error = None;
        if let Some(batch) = backlog.find(ack.batch) {
            for rejected in &ack.rejected {
                match kind_at(batch, rejected.index) {
                    Kind::Event => rejected_events += 1,
                    Kind::Observation => rejected_observations += 1,
                }
            }
        }
        if let Some(last) = ack.rejected.last() {
            // Their event may be in the batch that was refused: then all of this is sent again behind it.
            let may_change = ack.rejected.iter().any(|item| item.code == UNKNOWN_EVENT);
            if may_change && backlog.has_refused() {
                backlog.refuse(ack.batch, *RETRY_AFTER.start());
                return;
            }
            let detail: String = last.detail.chars().take(MAX_DETAIL_CHARS).collect();
            error = Some(format!(
                "the server rejected {} of a batch's entries: {}: {detail}",
                ack.rejected.len(),
                last.code
            ));
        }
        let Some(batch) = backlog.take(ack.batch) else {
            return;
        };
        drop(backlog);
        outgoing.shared.settle(|queue| {
            let stats = &mut queue.stats;
            stats.duplicates += ack.duplicates;
            stats.rejected += ack.rejected.len() as u64;
            stats.acknowledged_events +=
                (batch.events.len() as u64).saturating_sub(rejected_events);
            stats.acknowledged_observations +=
                (batch.observations.len() as u64).saturating_sub(rejected_observations);
            if error.is_some() {
                stats.last_error = error;
            }
            queue.settle(Settled::of(&batch));
            queue.recycle(batch);
        });
    }

    fn refused(&self, nack: &Nack) {
        let asked = Duration::from_millis(nack.retry_after_ms);
        let wait = asked.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end());
        self.outgoing.backlog.borrow_mut().refuse(nack.batch, wait);
        let detail: String = nack.detail.chars().take(MAX_DETAIL_CHARS).collect();
        let stats = &mut self.outgoing.shared.lock().queue.stats;
        stats.refused_batches += 1;
        stats.last_error = Some(format!(
            "the server can't take events now: {}: {detail}",
            nack.code
        ));
    }

    /// The server could not read a frame: what is no JSON in it is taken out, and the rest sent once more.
    fn unreadable(&self, error: &Unreadable) {
        let outgoing = self.outgoing;
        let batch: Option<Batch> = {
            let mut backlog = outgoing.backlog.borrow_mut();
            // Frames are answered in order.
            let number = error.batch.or_else(|| backlog.oldest_sent());
            number.and_then(|number| backlog.take(number))
        };
        if let Some(batch) = batch {
            outgoing.sift(&batch);
        }
        let detail: String = error.detail.chars().take(MAX_DETAIL_CHARS).collect();
        outgoing.shared.lock().queue.stats.last_error = Some(format!(
            "the server could not read a batch: {}: {detail}",
            error.code
        ));
    }
}
