//! The default engine: sessions over a store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
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
    /// Sessions of one workspace at a time. Default 32.
    pub max_sessions_of_one: usize,
    /// Events in one session, 24 bytes of memory each. Default 2,000,000.
    pub max_events: usize,
    /// Events in all sessions together. Default 4,000,000.
    pub max_events_in_all: usize,
    /// Breakpoints of one session. Default 10,000.
    pub max_breakpoints: usize,
    /// Regular expressions in the breakpoints of one session, up to half a megabyte each. Default 64.
    pub max_patterns: usize,
    /// Regular expressions in the breakpoints of all sessions together. Default 256.
    pub max_patterns_in_all: usize,
    /// A session that was not used for so long is ended. Default 30 minutes.
    pub idle: Duration,
    /// When there is no room for a new session, one of the same workspace that was not used for so long makes it. Default 1 minute.
    pub spare: Duration,
    /// And where there is none, one of another workspace that was not used for so long. Default 10 minutes.
    pub spare_of_others: Duration,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            max_sessions: 64,
            max_sessions_of_one: 32,
            max_events: 2_000_000,
            max_events_in_all: 4_000_000,
            max_breakpoints: 10_000,
            max_patterns: 64,
            max_patterns_in_all: 256,
            idle: Duration::from_mins(30),
            spare: Duration::from_mins(1),
            spare_of_others: Duration::from_mins(10),
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
    /// Whose it is: empty for nobody's in particular.
    workspace: Arc<str>,
    used: AtomicI64,
    /// Whoever keeps it in use.
    holders: AtomicUsize,
    /// Regular expressions in its breakpoints.
    patterns: AtomicUsize,
    /// Calls take turns by holding it.
    cursor: tokio::sync::Mutex<Position>,
}

#[derive(Debug)]
struct Position {
    index: usize,
    breakpoints: Vec<Breakpoint>,
    conditions: Arc<ConditionSet>,
}

/// Keeps a replay session in use for as long as it lives: it neither expires nor makes room for another. Ended by [`delete`](ReplayEngine::delete) it is all the same.
#[derive(Debug)]
pub struct ReplayHold {
    session: Arc<Session>,
    clock: Arc<dyn Clock>,
}

impl Drop for ReplayHold {
    fn drop(&mut self) {
        let now = self.clock.now().as_nanos();
        self.session.used.store(now, Ordering::Relaxed);
        self.session.holders.fetch_sub(1, Ordering::Relaxed);
    }
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

    /// Keeps a session in use: for whoever watches it without asking.
    ///
    /// # Errors
    /// `Invalid` for an unknown session.
    pub fn hold(&self, id: &ReplaySessionId) -> Result<ReplayHold> {
        let session = self.find_session(id)?;
        session.holders.fetch_add(1, Ordering::Relaxed);
        // It may have been ended just before.
        if !self.sessions().contains_key(id) {
            return Err(self.unknown(id));
        }
        Ok(ReplayHold {
            session,
            clock: Arc::clone(&self.clock),
        })
    }

    fn unknown(&self, id: &ReplaySessionId) -> Error {
        Error::invalid(format!(
            "there is no replay session {id}: it was ended, or not used for {} minutes",
            self.options.idle.as_secs() / 60
        ))
    }

    /// Whether there is such a session. Doesn't count as its use.
    pub fn contains(&self, id: &ReplaySessionId) -> bool {
        self.end_expired();
        self.sessions().contains_key(id)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<ReplaySessionId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago a session was used; nothing while it is held.
    fn age(&self, session: &Session) -> Duration {
        if session.holders.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
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
        let session = session.ok_or_else(|| self.unknown(id))?;
        session
            .used
            .store(self.clock.now().as_nanos(), Ordering::Relaxed);
        Ok(session)
    }

    /// Makes room for a session of a workspace with so many events, by ending what was not used for a while: the workspace's own first. `Full` when that isn't enough.
    fn make_room(
        &self,
        sessions: &mut BTreeMap<ReplaySessionId, Arc<Session>>,
        workspace: &str,
        events: usize,
    ) -> Result<()> {
        let options = &self.options;
        loop {
            let held: usize = sessions.values().map(|session| session.track.len()).sum();
            let is_own = |session: &Session| *session.workspace == *workspace;
            let own = sessions.values().filter(|session| is_own(session)).count();
            let has_place = own < options.max_sessions_of_one;
            let has_room = sessions.len() < options.max_sessions
                && held.saturating_add(events) <= options.max_events_in_all;
            if has_place && has_room {
                return Ok(());
            }
            let spare = sessions.iter().filter(|(_, session)| {
                let age = self.age(session);
                if is_own(session) {
                    age >= options.spare
                } else {
                    // Another's session makes no place among one's own.
                    has_place && age >= options.spare_of_others
                }
            });
            let oldest = spare
                .map(|(id, session)| {
                    let used = session.used.load(Ordering::Relaxed);
                    (!is_own(session), used, id.clone())
                })
                .min();
            let Some((_, _, id)) = oldest else {
                let message = format!(
                    "{own} replay sessions of this workspace, {} with {held} events in all, are in use: end one, or try again later",
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
        let workspace = scope.filter.workspace.clone().unwrap_or_default();
        let session = Session {
            workspace,
            holders: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            used: AtomicI64::new(self.clock.now().as_nanos()),
            track,
            cursor: tokio::sync::Mutex::new(Position {
                index: 0,
                breakpoints: Vec::new(),
                conditions: Arc::new(ConditionSet::new([])),
            }),
        };
        let mut sessions = self.sessions();
        self.make_room(&mut sessions, &session.workspace, session.track.len())?;
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
        {
            let sessions = self.sessions();
            let all = sessions.values();
            let all: usize = all.map(|one| one.patterns.load(Ordering::Relaxed)).sum();
            let others = all.saturating_sub(session.patterns.load(Ordering::Relaxed));
            let most = self.options.max_patterns_in_all;
            if patterns > 0 && others + patterns > most {
                let message = format!(
                    "the breakpoints of all sessions hold at most {most} regular expressions, and {others} are in use"
                );
                return Err(Error::new(ErrorKind::Full, message));
            }
            session.patterns.store(patterns, Ordering::Relaxed);
        }
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
