//! The replay sessions of the server: whose they are, who follows them, and which of them play.

mod player;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use loom_studio_core::{
    Clock, Direction, ErrorKind, EventStore, IdSource, LogReplay, Moment, ReplayEngine as _,
    ReplayHold, ReplayOptions, ReplayScope, ReplaySessionId, ReplayState, ReplayStep, Seq,
};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::player::play;
use crate::error::ApiError;
use crate::protocol::ReplayPlayState;

/// Events in one session: 24 MB of memory.
const MAX_EVENTS: usize = 1_000_000;
/// Events in all sessions.
const MAX_EVENTS_IN_ALL: usize = 1_500_000;
/// Sessions that look up their events at the same time: each holds them before it is known whether there is room.
const MAX_CREATING: usize = 2;

/// All replay sessions. Each belongs to the workspace it was created in, and is unknown in others.
#[derive(Debug)]
pub(crate) struct Replays {
    pub(crate) engine: LogReplay,
    sessions: Mutex<BTreeMap<Arc<str>, Arc<Replay>>>,
    creating: Semaphore,
    lookup_timeout: Duration,
}

/// How far the states of a session are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// Until those of another session are.
    Waiting,
    /// So many records are folded of so many.
    UnderWay {
        done: u64,
        all: u64,
    },
    Ready,
    Failed,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) id: ReplaySessionId,
    workspace: Arc<str>,
    /// Whatever moves the cursor holds it until it has told the followers, so that they hear of moves in their order.
    control: tokio::sync::Mutex<Control>,
    /// Holds the newest place alone: a slow follower misses places, and nothing waits for it.
    places: watch::Sender<Place>,
    preparation: Mutex<Preparation>,
    /// Cancelled when the session is no more.
    pub(crate) ended: CancellationToken,
}

#[derive(Debug)]
struct Control {
    /// Cancelled to pause.
    playing: Option<CancellationToken>,
    speed: f64,
    breakpoint: Option<Arc<str>>,
}

/// What a follower of a session hears.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) places: watch::Receiver<Place>,
    _held: ReplayHold,
}

/// Where a session stands, and what it does.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) state: ReplayState,
    pub(crate) play: ReplayPlayState,
    pub(crate) speed: f64,
    pub(crate) breakpoint: Option<Arc<str>>,
}

impl Place {
    fn new(state: ReplayState, control: &Control) -> Self {
        let play = if control.playing.is_some() {
            ReplayPlayState::Playing
        } else if state.index >= state.total {
            ReplayPlayState::Ended
        } else {
            ReplayPlayState::Paused
        };
        Self {
            state,
            play,
            speed: control.speed,
            breakpoint: control.breakpoint.clone(),
        }
    }
}

/// How a request moves the cursor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Movement {
    Step(Direction),
    Jump(usize),
    JumpTo(Moment),
    /// To a breakpoint.
    Run(Direction),
}

/// The answer to requests about a session that isn't there, or is another workspace's.
pub(crate) fn unknown(id: &str) -> ApiError {
    let detail = format!(
        "there is no replay session {id:?} in this workspace: it was ended, or not used for 30 minutes"
    );
    ApiError::new(StatusCode::NOT_FOUND, "unknown_replay", detail)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replays {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        lookup_timeout: Duration,
    ) -> Self {
        let options = ReplayOptions {
            max_events: MAX_EVENTS,
            max_events_in_all: MAX_EVENTS_IN_ALL,
            ..ReplayOptions::default()
        };
        Self {
            engine: LogReplay::new(store, clock, ids, options),
            sessions: Mutex::default(),
            creating: Semaphore::new(MAX_CREATING),
            lookup_timeout,
        }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Replay>>> {
        lock(&self.sessions)
    }

    /// Opens a session that ends with `shutdown` at the latest.
    pub(crate) async fn create(
        &self,
        workspace: Arc<str>,
        scope: ReplayScope,
        shutdown: &CancellationToken,
    ) -> Result<Arc<Replay>, ApiError> {
        let created = timeout(self.lookup_timeout, async {
            let _turn = self.creating.acquire().await;
            self.engine.create(scope).await
        });
        let created = created.await.map_err(|_| {
            let detail = format!(
                "the events of the session were not found within {} seconds: choose them by run, trace, session or time",
                self.lookup_timeout.as_secs()
            );
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "replay_too_long", detail)
        })?;
        self.forget_ended();
        let id = created.map_err(|error| match error.kind() {
            ErrorKind::Full => ApiError::too_many_replays(error.to_string()),
            ErrorKind::Invalid => ApiError::new(
                StatusCode::BAD_REQUEST,
                "replay_too_large",
                error.to_string(),
            ),
            _ => error.into(),
        })?;
        let control = Control {
            playing: None,
            speed: 1.0,
            breakpoint: None,
        };
        let state = self.engine.session(&id).await?;
        let replay = Arc::new(Replay {
            workspace,
            places: watch::Sender::new(Place::new(state, &control)),
            control: tokio::sync::Mutex::new(control),
            preparation: Mutex::new(Preparation::Waiting),
            ended: shutdown.child_token(),
            id: id.clone(),
        });
        self.sessions().insert(id.0, Arc::clone(&replay));
        Ok(replay)
    }

    /// A session of a workspace.
    pub(crate) fn find(&self, workspace: &str, id: &str) -> Result<Arc<Replay>, ApiError> {
        self.forget_ended();
        let found = self.sessions().get(id).map(Arc::clone);
        found
            .filter(|replay| *replay.workspace == *workspace)
            .ok_or_else(|| unknown(id))
    }

    /// Ends a session.
    pub(crate) async fn delete(&self, replay: &Replay) -> Result<(), ApiError> {
        self.engine.delete(&replay.id).await?;
        self.forget_ended();
        Ok(())
    }

    /// Drops what belongs to sessions that the engine no longer has.
    fn forget_ended(&self) {
        self.sessions().retain(|_, replay| {
            let lives = self.engine.contains(&replay.id);
            if !lives {
                replay.ended.cancel();
            }
            lives
        });
    }

    /// The places of a session, from the present one on; ends with the session. Whoever has them uses it: it neither expires nor makes room for another.
    pub(crate) fn follow(&self, replay: &Replay) -> Result<Places, ApiError> {
        let held = self.engine.hold(&replay.id)?;
        let mut places = replay.places.subscribe();
        places.mark_changed();
        Ok(Places {
            places,
            _held: held,
        })
    }

    /// The positions its states lie between; `None` for a session without events.
    pub(crate) fn range(&self, replay: &Replay) -> Result<Option<(Seq, Seq)>, ApiError> {
        Ok(self.engine.range(&replay.id)?)
    }

    /// Where a session stands.
    pub(crate) async fn place(&self, replay: &Replay) -> Result<Place, ApiError> {
        let control = replay.control.lock().await;
        let state = self.engine.session(&replay.id).await?;
        Ok(Place::new(state, &control))
    }

    /// Moves the cursor and tells the followers. A session that plays goes on from there. `None` when there is nothing to move to.
    pub(crate) async fn go(
        &self,
        replay: &Replay,
        movement: Movement,
    ) -> Result<Option<ReplayStep>, ApiError> {
        let mut control = replay.control.lock().await;
        let id = &replay.id;
        let step = match movement {
            Movement::Step(direction) => self.engine.step(id, direction).await?,
            Movement::Jump(index) => self.engine.jump(id, index).await?,
            Movement::JumpTo(moment) => {
                let index = self.engine.find(id, moment).await?;
                self.engine.jump(id, index).await?
            }
            Movement::Run(direction) => self.engine.run(id, direction).await?,
        };
        if let Some(step) = &step {
            // Only a run or a player stops at a breakpoint; a step merely passes one.
            let stopped = matches!(movement, Movement::Run(_));
            control.breakpoint = step.breakpoint.clone().filter(|_| stopped);
            if stopped {
                control.pause();
            }
            self.tell(replay, &control).await?;
        }
        Ok(step)
    }

    /// Stops a player, if one moves the session.
    pub(crate) async fn pause(&self, replay: &Replay) -> Result<Place, ApiError> {
        let mut control = replay.control.lock().await;
        control.pause();
        self.tell(replay, &control).await
    }

    /// Tells the followers where a session stands.
    async fn tell(&self, replay: &Replay, control: &Control) -> Result<Place, ApiError> {
        let place = Place::new(self.engine.session(&replay.id).await?, control);
        replay.places.send_replace(place.clone());
        Ok(place)
    }
}

impl Control {
    fn pause(&mut self) {
        if let Some(playing) = self.playing.take() {
            playing.cancel();
        }
    }
}

impl Replay {
    pub(crate) fn preparation(&self) -> Preparation {
        *lock(&self.preparation)
    }

    pub(crate) fn prepared(&self, preparation: Preparation) {
        *lock(&self.preparation) = preparation;
    }
}
