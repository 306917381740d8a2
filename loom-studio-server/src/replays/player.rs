//! Playing: a session moves by itself, at a speed.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::{Direction, Pace, ReplayEngine as _};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Place, Replay};
use crate::error::ApiError;
use crate::state::AppState;

/// The shortest time between two steps, on average: events of one moment don't take all of a processor.
const SHORTEST: Duration = Duration::from_micros(100);
/// Time a player that couldn't keep its pace may make up for.
const MAX_DEBT: Duration = Duration::from_millis(100);

#[expect(clippy::disallowed_methods, reason = "paces a player")]
fn now() -> Instant {
    Instant::now()
}

/// Whether a player goes on.
enum Went {
    On,
    /// It was paused, or has come to a breakpoint or the end.
    Out,
}

/// Begins to play, in place of the player before. The task ends when it is paused, at a breakpoint, at the end, when nobody follows, and with the session.
pub(crate) async fn play(
    state: &AppState,
    replay: &Arc<Replay>,
    speed: f64,
    pace: Pace,
) -> Result<Place, ApiError> {
    let mut control = replay.control.lock().await;
    control.pause();
    control.speed = speed;
    let here = state.replays.engine.session(&replay.id).await?;
    if here.next_time.is_some() {
        let playing = replay.ended.child_token();
        control.playing = Some(playing.clone());
        control.breakpoint = None;
        let player = run(state.clone(), Arc::clone(replay), pace, playing);
        state.sockets.spawn(player);
    }
    state.replays.tell(replay, &control).await
}

async fn run(state: AppState, replay: Arc<Replay>, pace: Pace, playing: CancellationToken) {
    let followed = async {
        let mut due = now();
        // When it was last seen that somebody follows.
        let mut watched = due;
        loop {
            let here = state.replays.engine.session(&replay.id).await?;
            let pause = match (here.time, here.next_time) {
                (Some(before), Some(next)) => pace.pause(before, next),
                _ => Duration::ZERO,
            };
            let earliest = now().checked_sub(MAX_DEBT).unwrap_or(due);
            due = due.max(earliest) + pause.max(SHORTEST);
            // A pause that began before the last follower left was not unwatched.
            let is_followed = || replay.places.receiver_count() > 0;
            let was_followed = is_followed();
            sleep_until(due).await;
            if was_followed || is_followed() {
                watched = now();
            } else if now() - watched >= state.limits.replay_unwatched {
                return Ok(());
            }
            if let Went::Out = step(&state, &replay, &playing).await? {
                return Ok::<(), ApiError>(());
            }
            tokio::task::yield_now().await;
        }
    };
    let result = tokio::select! {
        () = playing.cancelled() => return,
        result = followed => result,
    };
    if let Err(error) = result {
        tracing::warn!(code = error.code(), "a replay stopped playing");
    }
    let mut control = replay.control.lock().await;
    // Nobody has begun to play anew: that would have cancelled this player.
    if !playing.is_cancelled() {
        control.pause();
        // A session that has ended has nobody to tell.
        let _ = state.replays.tell(&replay, &control).await;
    }
}

/// One step, unless the player was told to stop meanwhile.
async fn step(
    state: &AppState,
    replay: &Replay,
    playing: &CancellationToken,
) -> Result<Went, ApiError> {
    let mut control = replay.control.lock().await;
    if playing.is_cancelled() {
        return Ok(Went::Out);
    }
    let engine = &state.replays.engine;
    let Some(step) = engine.step(&replay.id, Direction::Forward).await? else {
        return Ok(Went::Out);
    };
    control.breakpoint = step.breakpoint;
    if step.index < step.total && control.breakpoint.is_none() {
        state.replays.tell(replay, &control).await?;
        return Ok(Went::On);
    }
    // Cancelling ends this very task: the followers are told first.
    control.playing = None;
    state.replays.tell(replay, &control).await?;
    playing.cancel();
    Ok(Went::Out)
}
