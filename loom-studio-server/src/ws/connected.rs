//! Which sessions have an open ingest connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Key = (Arc<str>, Arc<str>);

/// Open connections per workspace and session.
#[derive(Debug, Default)]
pub(crate) struct Connected(Mutex<HashMap<Key, usize>>);

/// Keeps a session connected while it lives.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    connected: &'a Connected,
    key: Key,
}

impl Connected {
    pub(crate) fn hold(&self, workspace: &Arc<str>, session: &Arc<str>) -> Held<'_> {
        let key = (Arc::clone(workspace), Arc::clone(session));
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.clone())
            .or_insert(0) += 1;
        Held {
            connected: self,
            key,
        }
    }

    pub(crate) fn contains(&self, workspace: &Arc<str>, session: &Arc<str>) -> bool {
        let key = (Arc::clone(workspace), Arc::clone(session));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&key)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut open = self
            .connected
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}
