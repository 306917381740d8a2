//! One sending connection.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use loom_studio_server::protocol::IngestFrame;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::args::Args;
use crate::clock::{now, wall};
use crate::events::Events;
use crate::latencies::Latencies;
use crate::run::Stage;
use crate::viewer::connect;

/// What one connection did while it was measured.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) events: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) acks: Latencies,
    pub(crate) rejected: u64,
    /// The newest position an ack told.
    pub(crate) last_seq: u64,
}

/// A batch on its way.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    batch: u64,
    since: Instant,
    wire_bytes: u32,
    measured: bool,
}

type InFlights = Arc<Mutex<VecDeque<InFlight>>>;

/// Sends until the stage ends or `events` are sent, then waits for the last ack.
pub(crate) async fn run(
    args: Args,
    address: SocketAddr,
    number: u32,
    events: Option<u64>,
    stage: watch::Receiver<Stage>,
) -> Result<Sent, String> {
    let socket = connect(address, "/ws/ingest").await?;
    let (sink, mut stream) = socket.split();
    let hello = match next(&mut stream).await? {
        IngestFrame::Hello(hello) => hello,
        other => return Err(format!("expected hello, got {other:?}")),
    };
    let window = u32::try_from(hello.window_bytes)
        .unwrap_or(u32::MAX >> 4)
        .max(1);
    let credit = Arc::new(Semaphore::new(window as usize));
    let in_flight = InFlights::default();
    let sender = Sender {
        sink,
        credit: Arc::clone(&credit),
        window,
        in_flight: Arc::clone(&in_flight),
        // Two runs against one server must not be duplicates of one another.
        events: Events::new(format!("{}.{number}", wall().as_micros()), args.event_bytes),
        stage: stage.clone(),
    };
    let mut sending = tokio::spawn(sender.run(args.clone(), events));
    let mut sent = Sent::default();
    let mut all_sent = false;
    while !all_sent || !lock(&in_flight).is_empty() {
        tokio::select! {
            frame = next(&mut stream) => receive(frame?, &in_flight, &credit, &args, &mut sent)?,
            ended = &mut sending, if !all_sent => {
                sent.wire_bytes = ended.map_err(|error| error.to_string())??;
                all_sent = true;
            }
        }
    }
    Ok(sent)
}

fn receive(
    frame: IngestFrame,
    in_flight: &InFlights,
    credit: &Semaphore,
    args: &Args,
    sent: &mut Sent,
) -> Result<(), String> {
    let IngestFrame::Ack(ack) = frame else {
        return Err(format!("expected an ack, got {frame:?}"));
    };
    let oldest = lock(in_flight).pop_front();
    let oldest = oldest.ok_or("an ack without a batch")?;
    if ack.batch != Some(oldest.batch) {
        return Err(format!(
            "the ack of {:?} came before that of {}",
            ack.batch, oldest.batch
        ));
    }
    credit.add_permits(oldest.wire_bytes as usize);
    sent.last_seq = ack.last_seq.unwrap_or(sent.last_seq);
    if oldest.measured {
        sent.acks.add(oldest.since.elapsed().as_micros() as u64);
        sent.rejected += ack.rejected.len() as u64;
        sent.events += u64::from(args.batch) - ack.rejected.len() as u64;
    }
    Ok(())
}

fn lock(in_flight: &InFlights) -> std::sync::MutexGuard<'_, VecDeque<InFlight>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sender {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    credit: Arc<Semaphore>,
    window: u32,
    in_flight: InFlights,
    events: Events,
    stage: watch::Receiver<Stage>,
}

impl Sender {
    /// Returns the bytes of measured frames on the wire.
    async fn run(mut self, args: Args, events: Option<u64>) -> Result<u64, String> {
        let mut pace = args.rate.map(|rate| {
            let batches_per_second = rate / f64::from(args.connections) / f64::from(args.batch);
            let mut pace = interval(Duration::from_secs_f64(1.0 / batches_per_second));
            // A late tick is made up for, so that the rate holds, and its lateness counts.
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            pace
        });
        let mut wire_bytes = 0;
        let mut measured_batches = 0;
        let wanted_batches = events.map(|events| events.div_ceil(u64::from(args.batch)));
        for batch in 1.. {
            let due = match &mut pace {
                Some(pace) => Some(pace.tick().await.into_std()),
                None => None,
            };
            let stage = *self.stage.borrow();
            if stage == Stage::Over
                || wanted_batches.is_some_and(|wanted| measured_batches >= wanted)
            {
                break;
            }
            let measured = stage == Stage::Measured;
            let json = self.events.frame(batch, args.batch, wall());
            let frame = if args.zstd {
                Message::binary(
                    zstd::bulk::compress(json.as_bytes(), 1).map_err(|error| error.to_string())?,
                )
            } else {
                Message::text(json)
            };
            let size = u32::try_from(frame.len())
                .unwrap_or(u32::MAX)
                .min(self.window);
            let permit = self
                .credit
                .acquire_many(size)
                .await
                .map_err(|error| error.to_string())?;
            permit.forget();
            // With a rate, the time a batch waited for its turn is the server's doing and counts.
            lock(&self.in_flight).push_back(InFlight {
                batch,
                since: due.unwrap_or_else(now),
                wire_bytes: size,
                measured,
            });
            if measured {
                wire_bytes += frame.len() as u64;
                measured_batches += 1;
            }
            self.sink
                .send(frame)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(wire_bytes)
    }
}

async fn next(stream: &mut SplitStream<WebSocketStream<TcpStream>>) -> Result<IngestFrame, String> {
    match stream.next().await {
        Some(Ok(Message::Text(text))) => {
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
        }
        other => Err(format!("the server ended the connection: {other:?}")),
    }
}
