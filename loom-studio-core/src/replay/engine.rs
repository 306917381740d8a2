//! The default engine: sessions over a store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::track::Track;
use super::{
    Breakpoint, Direction, Moment, ReplayEngine, ReplayScope, ReplaySessionId, ReplayState,
    ReplayStep,
};
use crate::clock::{Clock, IdSource};
use crate::condition::ConditionSet;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Seq;
use crate::store::{EventStore, StoredEvent};

/// The bounds of a [`LogReplay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayOptions {
    /// Sessions at a time. Default 64.
    pub max_sessions: usize,
    /// Events in one session, 24 bytes of memory each. Default 2,000,000.
    pub max_events: usize,
    /// Events in all sessions together. Default 4,000,000.
    pub max_events_in_all: usize,
    /// Breakpoints of one session. Default 10,000.
    pub max_breakpoints: usize,
    /// Regular expressions in the breakpoints of one session, up to half a megabyte each. Default 64.
    pub max_patterns: usize,
    /// A session that was not used for so long is ended. Default 30 minutes.
    pub idle: Duration,
    /// When there is no room for a new session, one that was not used for so long makes it. Default 1 minute.
    pub spare: Duration,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            max_sessions: 64,
            max_events: 2_000_000,
            max_events_in_all: 4_000_000,
            max_breakpoints: 10_000,
            max_patterns: 64,
            idle: Duration::from_mins(30),
            spare: Duration::from_mins(1),
        }
    }
}

/// Replay sessions over the events of a store.
#[derive(Debug)]
pub struct LogReplay {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    options: ReplayOptions,
    sessions: Mutex<BTreeMap<ReplaySessionId, Arc<Session>>>,
}

#[derive(Debug)]
struct Session {
    track: Track,
    used: AtomicI64,
    /// Calls take turns by holding it.
    cursor: tokio::sync::Mutex<Position>,
}

#[derive(Debug)]
struct Position {
    index: usize,
    breakpoints: Vec<Breakpoint>,
    conditions: Arc<ConditionSet>,
}

/// Conditions tested between two chances for other tasks to run.
const TESTS_PER_TURN: usize = 1_024;

impl LogReplay {
    /// An engine without sessions.
    pub fn new(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        options: ReplayOptions,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            options,
            sessions: Mutex::default(),
        }
    }

    /// The positions between which the states of a session lie, for a host that makes them quick to reach; `None` for a session without events.
    ///
    /// # Errors
    /// `Invalid` for an unknown session.
    pub fn range(&self, id: &ReplaySessionId) -> Result<Option<(Seq, Seq)>> {
        Ok(self.find_session(id)?.track.range())
    }

    /// Whether there is such a session. Doesn't count as its use.
    pub fn contains(&self, id: &ReplaySessionId) -> bool {
        self.end_expired();
        self.sessions().contains_key(id)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<ReplaySessionId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago a session was used.
    fn age(&self, session: &Session) -> Duration {
        let nanos = self.clock.now().as_nanos() - session.used.load(Ordering::Relaxed);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    fn end_expired(&self) {
        self.sessions()
            .retain(|_, session| self.age(session) < self.options.idle);
    }

    fn find_session(&self, id: &ReplaySessionId) -> Result<Arc<Session>> {
        self.end_expired();
        let session = self.sessions().get(id).map(Arc::clone);
        let session = session.ok_or_else(|| {
            Error::invalid(format!(
                "there is no replay session {id}: it was ended, or not used for {} minutes",
                self.options.idle.as_secs() / 60
            ))
        })?;
        session
            .used
            .store(self.clock.now().as_nanos(), Ordering::Relaxed);
        Ok(session)
    }

    /// Makes room for a session of so many events, by ending what was not used for a while; `Full` when that isn't enough.
    fn make_room(
        &self,
        sessions: &mut BTreeMap<ReplaySessionId, Arc<Session>>,
        events: usize,
    ) -> Result<()> {
        loop {
            let held: usize = sessions.values().map(|session| session.track.len()).sum();
            let has_room = sessions.len() < self.options.max_sessions
                && held.saturating_add(events) <= self.options.max_events_in_all;
            if has_room {
                return Ok(());
            }
            let oldest = sessions
                .iter()
                .map(|(id, session)| (session.used.load(Ordering::Relaxed), id.clone()))
                .min();
            let spare = oldest.filter(|(_, id)| {
                let session = sessions.get(id);
                session.is_some_and(|session| self.age(session) >= self.options.spare)
            });
            let Some((_, id)) = spare else {
                let message = format!(
                    "{} replay sessions with {held} events are in use: end one, or try again in a minute",
                    sessions.len()
                );
                return Err(Error::new(ErrorKind::Full, message));
            };
            sessions.remove(&id);
        }
    }

    async fn event(&self, seq: Seq) -> Result<StoredEvent> {
        let stored = self.store.get(seq).await?;
        stored
            .and_then(crate::store::StoredRecord::into_event)
            .ok_or_else(|| Error::invalid(format!("{seq} is no event")))
    }

    async fn at(&self, session: &Session, index: usize) -> Result<Option<StoredEvent>> {
        match session.track.seq(index) {
            Some(seq) => self.event(seq).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Session {
    fn step(&self, event: StoredEvent, index: usize) -> ReplayStep {
        ReplayStep {
            event,
            index,
            total: self.track.len(),
            breakpoint: None,
        }
    }
}

/// The event a step from an index returns, and the cursor after it.
fn stepped(index: usize, total: usize, direction: Direction) -> Option<(usize, usize)> {
    match direction {
        Direction::Forward => (index < total).then_some((index, index + 1)),
        Direction::Backward => index.checked_sub(1).map(|before| (before, before)),
    }
}

#[async_trait]
impl ReplayEngine for LogReplay {
    async fn create(&self, scope: ReplayScope) -> Result<ReplaySessionId> {
        if let Some(condition) = &scope.condition
            && condition.duration_at().is_some()
        {
            let message = "a session can't be chosen by duration: choose its calls by run or trace";
            return Err(Error::invalid(message));
        }
        let track = Track::read(&*self.store, &scope, self.options.max_events).await?;
        self.end_expired();
        let session = Session {
            used: AtomicI64::new(self.clock.now().as_nanos()),
            track,
            cursor: tokio::sync::Mutex::new(Position {
                index: 0,
                breakpoints: Vec::new(),
                conditions: Arc::new(ConditionSet::new([])),
            }),
        };
        let mut sessions = self.sessions();
        self.make_room(&mut sessions, session.track.len())?;
        let id = loop {
            let id = ReplaySessionId(format!("{:016x}", self.ids.next_id()).into());
            if !sessions.contains_key(&id) {
                break id;
            }
        };
        sessions.insert(id.clone(), Arc::new(session));
        Ok(id)
    }

    async fn session(&self, id: &ReplaySessionId) -> Result<ReplayState> {
        let session = self.find_session(id)?;
        let index = session.cursor.lock().await.index;
        Ok(session.track.state(index))
    }

    async fn state_at(&self, id: &ReplaySessionId, index: usize) -> Result<Option<ReplayState>> {
        let session = self.find_session(id)?;
        Ok((index <= session.track.len()).then(|| session.track.state(index)))
    }

    async fn find(&self, id: &ReplaySessionId, moment: Moment) -> Result<usize> {
        Ok(self.find_session(id)?.track.find(moment))
    }

    async fn step(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>> {
        let session = self.find_session(id)?;
        let mut cursor = session.cursor.lock().await;
        let Some((on, next)) = stepped(cursor.index, session.track.len(), direction) else {
            return Ok(None);
        };
        let Some(stored) = self.at(&session, on).await? else {
            return Ok(None);
        };
        cursor.index = next;
        let place = cursor.conditions.first(&stored.event, &());
        let breakpoint = place.and_then(|place| cursor.breakpoints.get(place));
        Ok(Some(ReplayStep {
            breakpoint: breakpoint.map(|breakpoint| Arc::clone(&breakpoint.id)),
            ..session.step(stored, next)
        }))
    }

    async fn jump(&self, id: &ReplaySessionId, index: usize) -> Result<Option<ReplayStep>> {
        let session = self.find_session(id)?;
        let mut cursor = session.cursor.lock().await;
        let event = self.at(&session, index).await?;
        Ok(event.map(|event| {
            cursor.index = index;
            session.step(event, index)
        }))
    }

    async fn run(&self, id: &ReplaySessionId, direction: Direction) -> Result<Option<ReplayStep>> {
        let session = self.find_session(id)?;
        let mut cursor = session.cursor.lock().await;
        if cursor.conditions.is_empty() {
            return Ok(None);
        }
        let conditions = Arc::clone(&cursor.conditions);
        let mut index = cursor.index;
        let mut tested = 0_usize;
        while let Some((on, next)) = stepped(index, session.track.len(), direction) {
            let stored = match self.at(&session, on).await {
                Ok(stored) => stored,
                // Retention has passed here since the session was opened.
                Err(error) if error.kind() == ErrorKind::Gone => None,
                Err(error) => return Err(error),
            };
            if let Some(stored) = stored
                && let Some(place) = conditions.first(&stored.event, &())
            {
                cursor.index = next;
                let breakpoint = cursor.breakpoints.get(place);
                return Ok(Some(ReplayStep {
                    breakpoint: breakpoint.map(|breakpoint| Arc::clone(&breakpoint.id)),
                    ..session.step(stored, next)
                }));
            }
            index = next;
            tested += conditions.len().max(4);
            if tested >= TESTS_PER_TURN {
                tested = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(None)
    }

    async fn set_breakpoints(
        &self,
        id: &ReplaySessionId,
        breakpoints: Vec<Breakpoint>,
    ) -> Result<()> {
        let most = self.options.max_breakpoints;
        if breakpoints.len() > most {
            let message = format!("a session has at most {most} breakpoints");
            return Err(Error::invalid(message));
        }
        let by_duration = breakpoints
            .iter()
            .find(|breakpoint| breakpoint.condition.duration_at().is_some());
        if let Some(breakpoint) = by_duration {
            let message = format!(
                "breakpoint {}: `duration` is known of calls, not of single events",
                breakpoint.id
            );
            return Err(Error::invalid(message));
        }
        let patterns: usize = breakpoints
            .iter()
            .map(|breakpoint| breakpoint.condition.patterns())
            .sum();
        let most = self.options.max_patterns;
        if patterns > most {
            let message = format!(
                "the breakpoints of a session hold at most {most} regular expressions; `contains` and patterns such as `agent.*` are not counted"
            );
            return Err(Error::invalid(message));
        }
        let session = self.find_session(id)?;
        let conditions = breakpoints
            .iter()
            .map(|breakpoint| breakpoint.condition.clone());
        let conditions = Arc::new(ConditionSet::new(conditions));
        let mut cursor = session.cursor.lock().await;
        cursor.breakpoints = breakpoints;
        cursor.conditions = conditions;
        Ok(())
    }

    async fn breakpoints(&self, id: &ReplaySessionId) -> Result<Vec<Breakpoint>> {
        let session = self.find_session(id)?;
        let cursor = session.cursor.lock().await;
        Ok(cursor.breakpoints.clone())
    }

    async fn delete(&self, id: &ReplaySessionId) -> Result<()> {
        self.sessions().remove(id);
        Ok(())
    }
}
