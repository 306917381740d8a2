//! Travelling in a recorded run.

mod engine;
mod pace;
mod track;

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::condition::Condition;
use crate::error::{Error, Result};
use crate::ids::Seq;
use crate::store::{EventFilter, StoredEvent};

pub use engine::{LogReplay, ReplayHold, ReplayOptions};
pub use pace::Pace;

/// Sessions that move a cursor through recorded events and show the state there.
///
/// # Contract
///
/// * **A session is a fixed list.** It holds the matching events stored when it was created, in `(time, seq)` order; later events don't join it. One that retention has deleted since is `Gone` when it is stepped on.
/// * **Index rules.** The cursor is the index of the next event, 0 to `total`. Forward returns the event at the cursor, then advances. Backward goes back, then returns. A jump to
///   an index puts the cursor on that event and returns it. Past either end the cursor stays and nothing is returned.
/// * **State at the cursor.** The projected state is that at the greatest seq of the events before the cursor, and just before the first event where there is none: exactly what the live view showed then, since it is the same fold.
/// * **Bounded.** There are at most so many sessions, in all and of one workspace, and events in them; one that is not used expires, and may make room for another before. One in use never does. An expired or unknown session is `Invalid`.
/// * **Cancellation.** A dropped call leaves the cursor where it was or where it would be, never elsewhere. Calls on one session take turns.
#[async_trait]
pub trait ReplayEngine: Debug + Send + Sync + 'static {
    /// Opens a session at index 0.
    ///
    /// # Errors
    /// `Invalid` when more events match than a session holds; `Full` when there are too many sessions in use.
    async fn create(&self, scope: ReplayScope) -> Result<ReplaySessionId>;

    /// Where a session stands.
    async fn session(&self, id: &ReplaySessionId) -> Result<ReplayState>;

    /// Where a session would stand at an index, without going there; `None` beyond its end.
    async fn state_at(&self, id: &ReplaySessionId, index: usize) -> Result<Option<ReplayState>>;

    /// The index of the first event at or after a moment, `total` when there is none.
    async fn find(&self, id: &ReplaySessionId, moment: Moment) -> Result<usize>;

    /// One step; `None` past the end. Names the breakpoint that holds for the event, so that a player can stop there.
    async fn step(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>>;

    /// To an index; `None` when there is no such event.
    async fn jump(&self, id: &ReplaySessionId, index: usize) -> Result<Option<ReplayStep>>;

    /// To the next event, in the direction, for which a breakpoint holds; `None` and no move when there is none. Forward leaves the cursor behind that event, backward on it, as a step does.
    async fn run(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>>;

    /// Sets the conditions `run` stops at, in place of those before.
    ///
    /// # Errors
    /// `Invalid` for too many of them, or of regular expressions in them; `Full` when all sessions together would hold too many of those.
    async fn set_breakpoints(
        &self,
        id: &ReplaySessionId,
        breakpoints: Vec<Breakpoint>,
    ) -> Result<()>;

    /// The conditions `run` stops at.
    async fn breakpoints(&self, id: &ReplaySessionId) -> Result<Vec<Breakpoint>>;

    /// Ends a session. Ending an unknown one is no error.
    async fn delete(&self, id: &ReplaySessionId) -> Result<()>;
}

/// The events of a session.
#[derive(Debug, Clone, Default)]
pub struct ReplayScope {
    /// All that hold.
    pub filter: EventFilter,
    /// And for which this holds.
    pub condition: Option<Condition>,
    /// And that are among these: the events of a run, say. Any order.
    pub members: Option<Vec<Seq>>,
}

/// A place in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A time of an event.
    Time(Timestamp),
    /// A position: that of the event, if it is part of the session.
    Seq(Seq),
}

/// Names a replay session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplaySessionId(pub Arc<str>);

impl fmt::Display for ReplaySessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards later events.
    Forward,
    /// Towards earlier events.
    Backward,
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "forward" => Ok(Self::Forward),
            "backward" => Ok(Self::Backward),
            _ => Err(Error::invalid("direction: expected forward or backward")),
        }
    }
}

/// A condition to stop at.
#[derive(Debug, Clone, PartialEq)]
pub struct Breakpoint {
    /// Its id within the session.
    pub id: Arc<str>,
    /// What must hold for an event.
    pub condition: Condition,
}

/// An event the cursor moved over.
#[derive(Debug, Clone)]
pub struct ReplayStep {
    /// The event.
    pub event: StoredEvent,
    /// The cursor after the step.
    pub index: usize,
    /// Events in the session.
    pub total: usize,
    /// The first breakpoint that holds for the event; of a step or a run.
    pub breakpoint: Option<Arc<str>>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayState {
    /// The cursor.
    pub index: usize,
    /// Events in the session.
    pub total: usize,
    /// The position whose state is shown: the greatest seq before the cursor, or the one before the first event.
    pub state_at: Seq,
    /// The time of the event before the cursor.
    pub time: Option<Timestamp>,
    /// The time of the event at the cursor: the next one forward.
    pub next_time: Option<Timestamp>,
}
