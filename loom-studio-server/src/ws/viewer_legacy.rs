//! Viewers in the original form: one frame per event.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt as _;
use loom_studio_core::{Delivery, EventFilter, Record, Result, Seq, StartAt, StoredEvent};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ingest_legacy::drain;
use super::lag::{Lag, Step};
use super::outbound::{Outbound, PeerGone};
use super::{close, graph_delta};
use crate::dto::{TopologyDto, event_json};
use crate::metrics::count;
use crate::state::{AppState, SLOW_INTERVAL};

/// Records sent before other things get a turn.
const STEP: usize = 256;

/// Sends each new event, and the graph while it changes.
pub(super) async fn run(socket: WebSocket, state: &AppState, workspace: Arc<str>) -> Result<()> {
    let (sink, mut frames) = socket.split();
    let mut outbound = Outbound::new(sink, state.limits.send_timeout);
    let mut lag = Lag::new(state.limits.lag_records);
    let mut sent_graph = graph_delta::Sent::default();
    let mut graph_ticks = interval(SLOW_INTERVAL);
    graph_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut subscription = state
        .store
        .subscribe(
            StartAt::Head,
            EventFilter::workspace(Arc::clone(&workspace)),
        )
        .await?;
    loop {
        let sent = tokio::select! {
            biased;
            () = state.shutdown.cancelled() => {
                outbound.close(close(1001, "shutting down")).await;
                drain(&mut frames).await;
                return Ok(());
            }
            frame = frames.next() => match frame {
                // Shipped clients may chat; nothing they say means anything here.
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
            },
            delivery = subscription.next(STEP) => {
                let sent = deliver(&mut outbound, &mut lag, delivery?).await;
                if lag.update(subscription.lag(), false) == Step::Counters && let Some(range) = subscription.skip_to_head() {
                    // The sends of this form are one event each, so the gap may be told at once.
                    lag.update(0, false);
                    count(&state.metrics.viewer_gaps, 1);
                    sent.and(gap(&mut outbound, range).await)
                } else {
                    sent
                }
            },
            _ = graph_ticks.tick() => {
                let Ok(graph) = state.live.topology(&workspace).await else {
                    continue;
                };
                match sent_graph.advance(0, Arc::clone(&graph)) {
                    Some(delta) if !delta.reset || !graph.nodes.is_empty() => {
                        let data = TopologyDto::new(&graph, state.store.epoch());
                        outbound.json(&serde_json::json!({"type": "topology", "data": data})).await
                    }
                    _ => Ok(()),
                }
            },
        };
        if sent.is_err() {
            return Ok(());
        }
    }
}

async fn deliver(
    outbound: &mut Outbound,
    lag: &mut Lag,
    delivery: Delivery,
) -> std::result::Result<(), PeerGone> {
    if let Some(range) = delivery.gap {
        gap(outbound, range).await?;
    }
    let mut slowest = Duration::ZERO;
    for record in delivery.records {
        let Record::Event(event) = record else {
            continue;
        };
        let stored = StoredEvent {
            stamps: event.stamps(),
            event,
        };
        let mut frame = br#"{"type":"event","data":"#.to_vec();
        frame.extend(event_json(&stored));
        frame.push(b'}');
        #[expect(
            clippy::disallowed_methods,
            reason = "measures how long the peer's socket was full"
        )]
        let started = Instant::now();
        outbound.text(frame).await?;
        slowest = slowest.max(started.elapsed());
    }
    lag.sent(slowest);
    Ok(())
}

async fn gap(outbound: &mut Outbound, (from, to): (Seq, Seq)) -> std::result::Result<(), PeerGone> {
    let data = serde_json::json!({"from_seq": from.0, "to_seq": to.0});
    outbound
        .json(&serde_json::json!({"type": "gap", "data": data}))
        .await
}
