//! A connection in the original form: events are written and nothing is answered, so what the socket took counts as delivered.

use futures_util::{SinkExt as _, StreamExt as _};

use super::connection::{self, Socket};
use super::frame;
use super::outgoing::{End, Outgoing, Sink, close, count_sent, lost};
use super::queue::Settled;

/// Sends until the connection breaks or the sender is closed and everything written.
pub(super) async fn run(socket: Socket, outgoing: &Outgoing<'_>) -> End {
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        written = write(&mut sink, outgoing) => match written {
            Ok(()) => End::Finished,
            Err(reason) => End::Lost(reason),
        },
        // Such a server may say what it likes.
        reason = outgoing.read(&mut stream, |_| Ok(())) => End::Lost(reason),
    };
    if matches!(end, End::Finished) {
        close(sink, stream).await;
    }
    end
}

async fn write(sink: &mut Sink, outgoing: &Outgoing<'_>) -> Result<(), String> {
    while outgoing.next_waiting(sink).await? {
        let json = {
            let backlog = outgoing.backlog.borrow();
            backlog
                .waiting()
                .and_then(|(batch, _)| Some((frame::encode(batch, None)?, batch.events.is_empty())))
        };
        match json {
            None => {
                outgoing.sift_waiting();
                continue;
            }
            // Observations alone: nothing to say in this form.
            Some((_, true)) => {}
            Some((json, false)) => {
                let wire_bytes = json.len();
                let sent = sink.send(connection::text(json)).await;
                sent.map_err(|error| lost(&error))?;
                if let Some((batch, _)) = outgoing.backlog.borrow().waiting() {
                    count_sent(outgoing.shared, batch, wire_bytes);
                }
                outgoing.has_delivered.set(true);
            }
        }
        let written = outgoing.backlog.borrow_mut().take_waiting();
        if let Some(batch) = written {
            outgoing.shared.settle(|queue| {
                queue.stats.acknowledged_events += batch.events.len() as u64;
                queue.stats.observations_unsupported += batch.observations.len() as u64;
                queue.settle(Settled::of(&batch));
                queue.recycle(batch);
            });
        }
    }
    Ok(())
}
