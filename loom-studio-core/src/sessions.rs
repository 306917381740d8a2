//! The runs of Loom processes seen in a log.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Event, Outcome, Record, kept};
use crate::ids::Seq;
use crate::projection::{Checkpoint, Projection};
use crate::store::Pattern;

/// Sessions kept. When there are more, those whose last record is oldest are forgotten, so many at a time.
const MAX_SESSIONS: usize = 100_000;
const FORGOTTEN_AT_ONCE: usize = 10_000;

/// One run of one Loom process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: Arc<str>,
    /// The tenant it belongs to.
    pub workspace: Arc<str>,
    /// Its first event.
    pub first_seq: Seq,
    /// Its last event.
    pub last_seq: Seq,
    /// Its last record: the last event, or a later observation of one.
    pub last_record: Seq,
    /// The earliest event time.
    pub first_time: Timestamp,
    /// The latest event time.
    pub last_time: Timestamp,
    /// Its events.
    pub events: u64,
    /// Those that report an error.
    pub errors: u64,
}

/// Folds a log into its sessions. It keeps 100,000 of them, those with the newest records.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    by_key: OrdMap<(Arc<str>, Arc<str>), Arc<Session>>,
    forgotten: u64,
    through: Seq,
}

impl Sessions {
    /// The sessions of one workspace, the one with the newest event first.
    pub fn of_workspace(&self, workspace: &str) -> Vec<Session> {
        let mut sessions: Vec<Session> = self.in_workspace(workspace).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seq));
        sessions
    }

    /// How many sessions were forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The positions from the first to the last record of the sessions of a workspace whose ids match; `None` when there are none.
    ///
    /// A fold of these sessions needs to read no others, unless sessions were forgotten.
    pub fn extent(&self, workspace: &str, id: &Pattern) -> Option<(Seq, Seq)> {
        self.in_workspace(workspace)
            .filter(|session| id.matches(&session.id))
            .map(|session| (session.first_seq, session.last_record))
            .reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
    }

    fn in_workspace(&self, workspace: &str) -> impl Iterator<Item = &Session> {
        let start: (Arc<str>, Arc<str>) = (workspace.into(), "".into());
        self.by_key
            .range(start.clone()..)
            .take_while(move |((of, _), _)| *of == start.0)
            .map(|(_, session)| &**session)
    }

    fn apply_event(&mut self, event: &Event) {
        let key = (Arc::clone(event.workspace()), kept(event.session()));
        if let Some(session) = self.by_key.get_mut(&key) {
            count(Arc::make_mut(session), event);
            return;
        }
        if self.by_key.len() >= MAX_SESSIONS {
            self.forget_oldest();
        }
        let mut session = Session {
            id: Arc::clone(&key.1),
            workspace: Arc::clone(event.workspace()),
            first_seq: event.seq(),
            last_seq: event.seq(),
            last_record: event.seq(),
            first_time: event.time(),
            last_time: event.time(),
            events: 0,
            errors: 0,
        };
        count(&mut session, event);
        self.by_key.insert(key, Arc::new(session));
    }

    fn forget_oldest(&mut self) {
        let sessions = self.by_key.values();
        let mut ends: Vec<Seq> = sessions.map(|session| session.last_record).collect();
        ends.sort_unstable();
        let Some(newest_forgotten) = ends.get(FORGOTTEN_AT_ONCE - 1).copied() else {
            return;
        };
        let before = self.by_key.len();
        // Ends differ: a record belongs to one session.
        self.by_key = std::mem::take(&mut self.by_key)
            .into_iter()
            .filter(|(_, session)| session.last_record > newest_forgotten)
            .collect();
        self.forgotten += (before - self.by_key.len()) as u64;
    }
}

fn count(session: &mut Session, event: &Event) {
    session.last_seq = event.seq();
    session.last_record = event.seq();
    session.first_time = session.first_time.min(event.time());
    session.last_time = session.last_time.max(event.time());
    session.events += 1;
    session.errors += u64::from(event.outcome() == Outcome::Error);
}

impl Projection for Sessions {
    fn apply(&mut self, record: &Record) {
        self.through = record.seq();
        match record {
            Record::Event(event) => self.apply_event(event),
            Record::Observation(observation) => {
                let key = (
                    Arc::clone(&observation.workspace),
                    Arc::clone(&observation.session),
                );
                if let Some(session) = self.by_key.get_mut(&key) {
                    Arc::make_mut(session).last_record = observation.seq;
                }
            }
        }
    }

    fn through(&self) -> Seq {
        self.through
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    sessions: Vec<SavedSession>,
    forgotten: u64,
    through: Seq,
}

#[derive(Serialize, Deserialize)]
struct SavedSession {
    workspace: Arc<str>,
    id: Arc<str>,
    seqs: [Seq; 3],
    times: [i64; 2],
    events: u64,
    errors: u64,
}

impl Checkpoint for Sessions {
    const FORMAT: &'static str = "sessions-1";

    fn save(&self) -> Vec<u8> {
        let sessions = self.by_key.values().map(|session| SavedSession {
            workspace: Arc::clone(&session.workspace),
            id: Arc::clone(&session.id),
            seqs: [session.first_seq, session.last_seq, session.last_record],
            times: [session.first_time.as_nanos(), session.last_time.as_nanos()],
            events: session.events,
            errors: session.errors,
        });
        let saved = Saved {
            sessions: sessions.collect(),
            forgotten: self.forgotten,
            through: self.through,
        };
        // Nothing here can fail to encode; were it to, the empty bytes restore to nothing.
        postcard::to_stdvec(&saved).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Option<Self> {
        let saved: Saved = postcard::from_bytes(bytes).ok()?;
        let mut workspace: Arc<str> = "".into();
        let mut sessions = Self {
            forgotten: saved.forgotten,
            through: saved.through,
            ..Self::default()
        };
        for saved in saved.sessions {
            // Sorted by workspace: one text for all sessions of one.
            if saved.workspace != workspace {
                workspace = saved.workspace;
            }
            let [first_seq, last_seq, last_record] = saved.seqs;
            let [first_time, last_time] = saved.times;
            let session = Session {
                id: Arc::clone(&saved.id),
                workspace: Arc::clone(&workspace),
                first_seq,
                last_seq,
                last_record,
                first_time: Timestamp::from_nanos(first_time),
                last_time: Timestamp::from_nanos(last_time),
                events: saved.events,
                errors: saved.errors,
            };
            let key = (Arc::clone(&workspace), saved.id);
            sessions.by_key.insert(key, Arc::new(session));
        }
        Some(sessions)
    }
}
