//! The runs of Loom processes seen in a log.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Outcome, Record};
use crate::ids::Seq;
use crate::projection::Projection;

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
    /// The earliest event time.
    pub first_time: Timestamp,
    /// The latest event time.
    pub last_time: Timestamp,
    /// Its events.
    pub events: u64,
    /// Those that report an error.
    pub errors: u64,
}

/// Folds a log into its sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    by_key: BTreeMap<(Arc<str>, Arc<str>), Session>,
    through: Seq,
}

impl Sessions {
    /// The sessions of one workspace, the one with the newest event first.
    pub fn of_workspace(&self, workspace: &str) -> Vec<Session> {
        let mut sessions: Vec<Session> = self
            .by_key
            .values()
            .filter(|session| *session.workspace == *workspace)
            .cloned()
            .collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seq));
        sessions
    }
}

impl Projection for Sessions {
    fn apply(&mut self, record: &Record) {
        self.through = record.seq();
        let Some(event) = record.as_event() else {
            return;
        };
        let key = (Arc::clone(event.workspace()), Arc::clone(event.session()));
        let session = self.by_key.entry(key).or_insert_with(|| Session {
            id: Arc::clone(event.session()),
            workspace: Arc::clone(event.workspace()),
            first_seq: event.seq(),
            last_seq: event.seq(),
            first_time: event.time(),
            last_time: event.time(),
            events: 0,
            errors: 0,
        });
        session.last_seq = event.seq();
        session.first_time = session.first_time.min(event.time());
        session.last_time = session.last_time.max(event.time());
        session.events += 1;
        session.errors += u64::from(event.outcome() == Outcome::Error);
    }

    fn through(&self) -> Seq {
        self.through
    }
}
