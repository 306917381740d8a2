//! Viewers in `loom-studio.v1`: columns, resume, and an honest word to those that can't keep up.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use loom_studio_core::{Delivery, Epoch, EventFilter, Seq, StartAt, Subscription};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::columns::Encoder;
use super::follow::{self, Following, News};
use super::ingest_legacy::drain;
use super::lag::{Lag, Step};
use super::outbound::{Outbound, PeerGone};
use super::{close, graph_delta};
use crate::error::ApiError;
use crate::metrics::count;
use crate::protocol::{
    ClientFrame, Counters, From, Gap, GapReason, LOOM_STUDIO_V1, SubscribeFilter, ViewerError,
    ViewerFrame, ViewerHello,
};
use crate::replays;
use crate::routes::filter;
use crate::state::{AppState, FRAME_INTERVAL, SERVER, SLOW_INTERVAL};

/// Most records in one frame.
const MAX_FRAME_RECORDS: usize = 16_384;
/// Most records tested by a condition between two looks at what the client says.
const MAX_TESTED_RECORDS: usize = 1024;
/// Unreadable frames after which a connection is closed.
const MAX_UNREADABLE: u32 = 16;
/// A graph changes with time alone (calls time out): it is looked at this often without new records.
const GRAPH_REFRESH: Duration = Duration::from_secs(1);

/// Serves one viewer until it goes or the server stops.
pub(super) async fn run(
    socket: WebSocket,
    state: &AppState,
    workspace: Arc<str>,
) -> loom_studio_core::Result<()> {
    let (sink, mut frames) = socket.split();
    let mut viewer = Viewer {
        outbound: Outbound::new(sink, state.limits.send_timeout),
        state,
        workspace,
        unreadable_frames: 0,
        active: None,
        following: None,
    };
    if viewer.hello().await?.is_err() {
        return Ok(());
    }
    loop {
        let sent = tokio::select! {
            biased;
            () = state.shutdown.cancelled() => {
                viewer.outbound.close(close(1001, "shutting down")).await;
                drain(&mut frames).await;
                return Ok(());
            }
            frame = frames.next() => match frame {
                Some(Ok(Message::Text(text))) => viewer.hear(&text).await,
                Some(Ok(Message::Binary(_))) => viewer.unreadable(None, "invalid_frame", "expected a text frame").await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
            },
            turn = viewer.turn() => viewer.act(turn?).await,
        };
        if sent.is_err() {
            return Ok(());
        }
        if viewer.unreadable_frames > MAX_UNREADABLE {
            viewer
                .outbound
                .close(close(1008, "too many unreadable frames"))
                .await;
            drain(&mut frames).await;
            return Ok(());
        }
    }
}

struct Viewer<'a> {
    outbound: Outbound,
    state: &'a AppState,
    workspace: Arc<str>,
    unreadable_frames: u32,
    active: Option<Active>,
    following: Option<Following>,
}

/// A subscription in force.
struct Active {
    sub: u64,
    subscription: Subscription,
    /// Most records in one frame.
    max_records: usize,
    encoder: Encoder,
    lag: Lag,
    /// Last positions of the frames not acknowledged yet; `None` when the client doesn't acknowledge.
    window: Option<(usize, VecDeque<u64>)>,
    not_before: Instant,
    slow: Interval,
    graph: Option<(graph_delta::Sent, Seq, Instant)>,
}

/// What there is to do. Waiting for it can be cancelled; doing it can't.
enum Turn {
    Deliver(Delivery),
    Resume,
    Slow,
    Replay(News),
}

type Sent = Result<(), PeerGone>;

#[expect(
    clippy::disallowed_methods,
    reason = "paces frames and measures how long the peer's socket was full"
)]
fn now() -> Instant {
    Instant::now()
}

impl Active {
    fn window_full(&self) -> bool {
        self.window
            .as_ref()
            .is_some_and(|(size, open)| open.len() >= *size)
    }

    async fn turn(&mut self) -> loom_studio_core::Result<Turn> {
        match self.lag.update(self.subscription.lag(), self.window_full()) {
            Step::Resume => Ok(Turn::Resume),
            Step::Wait | Step::Counters => {
                self.slow.tick().await;
                Ok(Turn::Slow)
            }
            Step::Events => {
                let not_before = self.not_before;
                let (subscription, max_records) = (&mut self.subscription, self.max_records);
                let delivery = async {
                    sleep_until(not_before).await;
                    subscription.next(max_records).await
                };
                tokio::select! {
                    delivery = delivery => Ok(Turn::Deliver(delivery?)),
                    _ = self.slow.tick() => Ok(Turn::Slow),
                }
            }
        }
    }
}

impl Viewer<'_> {
    async fn hello(&mut self) -> loom_studio_core::Result<Sent> {
        let stats = self.state.store.stats().await?;
        let hello = ViewerHello {
            protocol: LOOM_STUDIO_V1.to_owned(),
            server: SERVER.to_owned(),
            epoch: self.state.store.epoch().to_string(),
            first_seq: stats.first_seq.0,
            head_seq: stats.last_seq.0,
            now_us: self.state.clock.now().as_micros(),
        };
        Ok(self.outbound.json(&ViewerFrame::Hello(hello)).await)
    }

    /// Waits for something to do. Cancel-safe.
    async fn turn(&mut self) -> loom_studio_core::Result<Turn> {
        let active = async {
            match &mut self.active {
                Some(active) => active.turn().await,
                None => pending().await,
            }
        };
        tokio::select! {
            turn = active => turn,
            news = follow::news(&mut self.following) => Ok(Turn::Replay(news)),
        }
    }

    async fn act(&mut self, turn: Turn) -> Sent {
        let turn = match turn {
            Turn::Replay(news) => return self.tell(news).await,
            turn => turn,
        };
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        match turn {
            Turn::Deliver(delivery) => {
                if let Some(range) = delivery.gap {
                    count(&self.state.metrics.viewer_gaps, 1);
                    self.outbound
                        .json(&gap(active.sub, range, GapReason::Retention))
                        .await?;
                }
                let frame = active.encoder.encode(&delivery.records, delivery.through.0);
                if let Some((_, open)) = &mut active.window {
                    open.push_back(frame.through_seq);
                }
                let started = now();
                self.outbound.json(&ViewerFrame::Events(frame)).await?;
                active.lag.sent(started.elapsed());
                active.not_before = started + FRAME_INTERVAL;
                Ok(())
            }
            Turn::Resume => match active.subscription.skip_to_head() {
                Some(range) => {
                    count(&self.state.metrics.viewer_gaps, 1);
                    self.outbound
                        .json(&gap(active.sub, range, GapReason::Lagging))
                        .await
                }
                None => Ok(()),
            },
            Turn::Slow => self.slow_turn().await,
            Turn::Replay(_) => Ok(()),
        }
    }

    /// A replay session moved, or is no more.
    async fn tell(&mut self, news: News) -> Sent {
        match news {
            News::Place(place) => {
                let started = now();
                self.outbound.json(&ViewerFrame::Replay(place)).await?;
                if let Some(following) = &mut self.following {
                    following.sent(started);
                }
                Ok(())
            }
            News::Ended(session_id) => {
                self.following = None;
                let problem = replays::unknown(&session_id);
                self.refuse(None, &problem).await
            }
        }
    }

    /// What is sent at most ten times a second: counters to a viewer that lags, and the graph.
    async fn slow_turn(&mut self) -> Sent {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        if active.lag.is_lagging() {
            let skipped = active.subscription.lag();
            let head_seq = active.subscription.position().0 + skipped;
            let started = now();
            self.outbound
                .json(&ViewerFrame::Counters(Counters {
                    sub: active.sub,
                    head_seq,
                    skipped,
                }))
                .await?;
            active.lag.sent(started.elapsed());
            return Ok(());
        }
        let Some((sent, at, looked)) = &mut active.graph else {
            return Ok(());
        };
        let through = self.state.live.through();
        if through == *at && looked.elapsed() < GRAPH_REFRESH {
            return Ok(());
        }
        (*at, *looked) = (through, now());
        let Ok(graph) = self.state.live.topology(&self.workspace).await else {
            return Ok(());
        };
        match sent.advance(active.sub, graph) {
            Some(delta) => self.outbound.json(&ViewerFrame::Topology(delta)).await,
            None => Ok(()),
        }
    }

    async fn hear(&mut self, text: &str) -> Sent {
        match serde_json::from_str::<ClientFrame>(text) {
            Ok(ClientFrame::Subscribe {
                sub,
                from,
                filter,
                preview,
                topology,
                window,
            }) => {
                // A subscribe that can't be followed ends the subscription before it too: the client has moved on.
                self.active = None;
                match self.subscribe(sub, from, &filter).await {
                    Ok(subscription) => {
                        let mut slow = interval(SLOW_INTERVAL);
                        slow.set_missed_tick_behavior(MissedTickBehavior::Delay);
                        self.active = Some(Active {
                            sub,
                            subscription,
                            max_records: if filter.condition.is_some() {
                                MAX_TESTED_RECORDS
                            } else {
                                MAX_FRAME_RECORDS
                            },
                            encoder: Encoder::new(sub, preview),
                            lag: Lag::new(self.state.limits.lag_records),
                            window: window.map(|size| (size.max(1) as usize, VecDeque::new())),
                            not_before: now(),
                            slow,
                            graph: topology
                                .then(|| (graph_delta::Sent::default(), Seq(u64::MAX), now())),
                        });
                        Ok(())
                    }
                    Err(problem) => self.refuse(Some(sub), &problem).await,
                }
            }
            Ok(ClientFrame::Ack { sub, through_seq }) => {
                if let Some((_, open)) = self
                    .active
                    .as_mut()
                    .filter(|active| active.sub == sub)
                    .and_then(|active| active.window.as_mut())
                {
                    while open.front().is_some_and(|sent| *sent <= through_seq) {
                        open.pop_front();
                    }
                }
                Ok(())
            }
            Ok(ClientFrame::Unsubscribe { sub }) => {
                self.active.take_if(|active| active.sub == sub);
                Ok(())
            }
            Ok(ClientFrame::FollowReplay { session_id }) => {
                // As with subscriptions: the client has moved on, whatever becomes of this.
                self.following = None;
                let replays = &self.state.replays;
                let found = replays.find(&self.workspace, &session_id);
                match found.and_then(|replay| replays.follow(&replay)) {
                    Ok(places) => {
                        self.following = Some(Following::new(session_id, places));
                        Ok(())
                    }
                    Err(problem) => self.refuse(None, &problem).await,
                }
            }
            Ok(ClientFrame::UnfollowReplay { session_id }) => {
                self.following
                    .take_if(|following| following.is_of(&session_id));
                Ok(())
            }
            Ok(ClientFrame::Unknown) => Ok(()),
            Err(error) => {
                self.unreadable(None, "invalid_frame", &error.to_string())
                    .await
            }
        }
    }

    async fn subscribe(
        &self,
        sub: u64,
        from: Option<From>,
        conditions: &SubscribeFilter,
    ) -> Result<Subscription, ApiError> {
        let start = match from {
            None => StartAt::Head,
            Some(From::Last { last }) => StartAt::Last(last),
            Some(From::After { after_seq, epoch }) => {
                let epoch = match epoch {
                    // What is no epoch at all is not this store's either.
                    Some(text) => text.parse::<Epoch>().map_err(|_| {
                        let detail = "epoch: expected 16 hexadecimal digits; start over";
                        ApiError::new(StatusCode::CONFLICT, "epoch_mismatch", detail)
                    })?,
                    None => self.state.store.epoch(),
                };
                StartAt::After {
                    seq: Seq(after_seq),
                    epoch,
                }
            }
        };
        let filter: EventFilter = filter::read(&self.workspace, conditions)?;
        let condition = filter::condition(conditions.condition.as_deref())?;
        tracing::debug!(sub, ?start, "viewer subscribed");
        let subscription = self.state.store.subscribe(start, filter).await?;
        Ok(match condition {
            Some(condition) => subscription.matching(condition),
            None => subscription,
        })
    }

    async fn unreadable(&mut self, sub: Option<u64>, code: &str, detail: &str) -> Sent {
        self.unreadable_frames += 1;
        count(&self.state.metrics.unreadable_frames, 1);
        self.say(ViewerError {
            sub,
            code: code.to_owned(),
            detail: detail.to_owned(),
            position: None,
            expected: None,
        })
        .await
    }

    async fn refuse(&mut self, sub: Option<u64>, problem: &ApiError) -> Sent {
        let place = problem.place().cloned();
        let (position, expected) = place.unzip();
        self.say(ViewerError {
            sub,
            code: problem.code().to_owned(),
            detail: problem.detail().to_owned(),
            position: position.map(|position| position as u64),
            expected,
        })
        .await
    }

    async fn say(&mut self, error: ViewerError) -> Sent {
        self.outbound.json(&ViewerFrame::Error(error)).await
    }
}

fn gap(sub: u64, (from, to): (Seq, Seq), reason: GapReason) -> ViewerFrame {
    ViewerFrame::Gap(Gap {
        sub,
        from_seq: from.0,
        to_seq: to.0,
        reason,
    })
}
