//! What a viewer hears of the replay session it follows.

use std::future::pending;

use tokio::time::{Instant, sleep_until};

use crate::protocol::Replay;
use crate::replays::{Place, Places};
use crate::state::FRAME_INTERVAL;

/// The session a viewer follows.
#[derive(Debug)]
pub(super) struct Following {
    session_id: String,
    /// The newest place alone: a viewer that reads slowly hears of fewer places, and nothing is kept for it.
    places: Places,
    not_before: Option<Instant>,
}

/// What to tell.
pub(super) enum News {
    Place(Replay),
    /// The session is no more.
    Ended(String),
}

impl Following {
    pub(super) fn new(session_id: String, places: Places) -> Self {
        Self {
            session_id,
            places,
            not_before: None,
        }
    }

    pub(super) fn is_of(&self, session_id: &str) -> bool {
        self.session_id == session_id
    }

    /// A frame was sent: the next one waits a little.
    pub(super) fn sent(&mut self, at: Instant) {
        self.not_before = Some(at + FRAME_INTERVAL);
    }

    /// Waits for the session to move. Cancel-safe.
    async fn news(&mut self) -> News {
        if let Some(not_before) = self.not_before {
            sleep_until(not_before).await;
        }
        if self.places.places.changed().await.is_err() {
            return News::Ended(self.session_id.clone());
        }
        let place = self.places.places.borrow_and_update().clone();
        News::Place(frame(&self.session_id, &place))
    }
}

/// Waits for the session to move, for ever where none is followed. Cancel-safe.
pub(super) async fn news(following: &mut Option<Following>) -> News {
    match following {
        Some(following) => following.news().await,
        None => pending().await,
    }
}

fn frame(session_id: &str, place: &Place) -> Replay {
    let state = &place.state;
    let time = state.time.or(state.next_time).unwrap_or_default();
    Replay {
        session_id: session_id.to_owned(),
        state: place.play,
        index: state.index as u64,
        total: state.total as u64,
        seq: state.state_at.0,
        time_us: time.as_micros(),
        speed: place.speed,
        breakpoint: place.breakpoint.as_deref().map(str::to_owned),
    }
}
