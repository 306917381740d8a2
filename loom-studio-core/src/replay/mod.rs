//! Travelling in a recorded run.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::Seq;
use crate::store::{EventFilter, StoredEvent};

/// Sessions that move a cursor through recorded events and show the state there.
///
/// # Contract
///
/// * **A session is a fixed list.** It holds the matching events stored when it was created, in `(time, seq)` order; later events don't join it.
/// * **Index rules.** The cursor is the index of the next event, 0 to `total`. Forward returns the event at the cursor, then advances. Backward goes back, then returns. A jump to
///   an index puts the cursor on that event and returns it. Past either end the cursor stays and nothing is returned.
/// * **State at the cursor.** The projected state is that at the greatest seq of the events before the cursor: exactly what the live view showed then, since it is the same fold.
/// * **Bounded.** There are at most so many sessions; one that is not used expires. An expired or unknown session is `Invalid`.
/// * **Cancellation.** A dropped call leaves the cursor where it was or where it would be, never elsewhere.
#[async_trait]
pub trait ReplayEngine: Debug + Send + Sync + 'static {
    /// Opens a session at index 0.
    async fn create(&self, scope: EventFilter) -> Result<ReplaySessionId>;

    /// Where a session stands.
    async fn session(&self, id: &ReplaySessionId) -> Result<ReplayState>;

    /// One step; `None` past the end.
    async fn step(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>>;

    /// To an index; `None` when there is no such event.
    async fn jump(&self, id: &ReplaySessionId, index: usize) -> Result<Option<ReplayStep>>;

    /// To the next event, in the direction, for which a breakpoint holds; `None` and no move when there is none.
    async fn run(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>>;

    /// Sets the conditions `run` stops at, in the filter language.
    async fn set_breakpoints(
        &self,
        id: &ReplaySessionId,
        conditions: Vec<Breakpoint>,
    ) -> Result<()>;

    /// Ends a session. Ending an unknown one is no error.
    async fn delete(&self, id: &ReplaySessionId) -> Result<()>;
}

/// Names a replay session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplaySessionId(pub Arc<str>);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards later events.
    Forward,
    /// Towards earlier events.
    Backward,
}

/// A condition to stop at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Breakpoint {
    /// Its id within the session.
    pub id: Arc<str>,
    /// The condition's text.
    pub condition: Arc<str>,
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
    /// The breakpoint that stopped the run.
    pub breakpoint: Option<Arc<str>>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayState {
    /// The cursor.
    pub index: usize,
    /// Events in the session.
    pub total: usize,
    /// The position whose state is shown: the greatest seq before the cursor.
    pub state_at: Seq,
    /// The time of the event before the cursor.
    pub time: Option<Timestamp>,
}
