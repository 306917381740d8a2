//! A history's states in its checkpoint store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::base::Base;
use super::checkpoints::{CheckpointKey, CheckpointStore, Durability};
use super::lock;
use crate::error::{ErrorKind, Result};
use crate::ids::Seq;
use crate::projection::Checkpoint;

/// States that may wait to be written. When writing is slower than following, the oldest are given up: they would be the first to be thinned out.
const MAX_DUE: usize = 8;
/// Bytes of a state that are saved for each record since the last one, at most: a large state is saved seldom.
const BYTES_PER_RECORD: u64 = 128;
const MAX_NOTES: usize = 100;

/// What is saved, and what is to be. A clone is the same.
#[derive(Debug)]
pub(super) struct Saving<P> {
    store: Arc<dyn CheckpointStore>,
    key: Arc<CheckpointKey>,
    max_bytes: u64,
    /// The size of the last state saved, before compression.
    encoded_bytes: Arc<AtomicU64>,
    shared: Arc<Mutex<Shared<P>>>,
}

#[derive(Debug)]
struct Shared<P> {
    /// Positions and sizes of what is saved.
    saved: BTreeMap<Seq, u64>,
    /// Never thinned out.
    base: Seq,
    due: BTreeMap<Seq, P>,
    notes: Vec<String>,
}

impl<P> Clone for Saving<P> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            key: Arc::clone(&self.key),
            max_bytes: self.max_bytes,
            encoded_bytes: Arc::clone(&self.encoded_bytes),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P: Checkpoint> Saving<P> {
    pub(super) fn new(store: Arc<dyn CheckpointStore>, key: CheckpointKey, max_bytes: u64) -> Self {
        Self {
            store,
            key: Arc::new(key),
            max_bytes,
            encoded_bytes: Arc::default(),
            shared: Arc::new(Mutex::new(Shared {
                saved: BTreeMap::new(),
                base: Seq::ZERO,
                due: BTreeMap::new(),
                notes: Vec::new(),
            })),
        }
    }

    /// Looks at what is saved, deletes what can't be used, and finds the base of a log whose records up to `floor` are deleted.
    pub(super) fn begin(&self, floor: Seq, head: Seq, empty: P) -> Base<P> {
        if let Err(error) = self.store.adopt(&self.key) {
            self.note(&error.to_string());
        }
        let found = self.store.positions(&self.key).unwrap_or_else(|error| {
            self.note(&error.to_string());
            Vec::new()
        });
        for (at, bytes) in found {
            // Before the base nothing can go on from it; beyond the head it is of another log.
            if at < floor || at > head {
                self.forget(at);
            } else {
                lock(&self.shared).saved.insert(at, bytes);
            }
        }
        if floor == Seq::ZERO {
            return Base {
                at: floor,
                state: empty,
            };
        }
        let base = loop {
            let oldest = lock(&self.shared).saved.keys().next().copied();
            let Some(at) = oldest else {
                self.note(&format!(
                    "no state of {} was kept at {floor}: what was deleted before is forgotten",
                    self.key.format
                ));
                // Kept from now on, so that the next opening begins from the same.
                if let Err(error) = self.save(floor, &empty, Durability::Synced) {
                    self.note(&error.to_string());
                }
                break Base {
                    at: floor,
                    state: empty,
                };
            };
            if let Some(state) = self.load(at) {
                break Base { at, state };
            }
        };
        lock(&self.shared).base = base.at;
        base
    }

    /// The newest sound state.
    pub(super) fn newest(&self) -> Option<(Seq, P)> {
        while let Some((at, _)) = self.before(Seq(u64::MAX)) {
            if let Some(state) = self.load(at) {
                return Some((at, state));
            }
        }
        None
    }

    /// The newest state at or before a position: where, and the bytes it takes in the store.
    pub(super) fn before(&self, at: Seq) -> Option<(Seq, u64)> {
        let shared = lock(&self.shared);
        let newest = shared.saved.range(..=at).next_back();
        newest.map(|(at, bytes)| (*at, *bytes))
    }

    /// A saved state. One that is damaged is forgotten.
    pub(super) fn load(&self, at: Seq) -> Option<P> {
        let state = match self.store.get(&self.key, at) {
            Ok(bytes) => bytes.and_then(|bytes| P::restore(&bytes)),
            Err(error) => {
                self.note(&error.to_string());
                None
            }
        };
        if state.is_none() {
            self.forget(at);
        }
        state
    }

    /// Has a state written by the next [`save_due`](Self::save_due).
    pub(super) fn ask(&self, at: Seq, state: P) {
        let due = &mut lock(&self.shared).due;
        due.insert(at, state);
        if due.len() > MAX_DUE {
            due.pop_first();
        }
    }

    pub(super) fn is_due(&self) -> bool {
        !lock(&self.shared).due.is_empty()
    }

    /// Writes what is due, then deletes what is too much.
    pub(super) fn save_due(&self) {
        loop {
            let due = lock(&self.shared).due.pop_first();
            let Some((at, state)) = due else { break };
            if at < lock(&self.shared).base {
                continue;
            }
            if let Err(error) = self.save(at, &state, Durability::Cache) {
                self.note(&error.to_string());
            }
        }
        while let Some(at) = self.superfluous() {
            self.forget(at);
        }
    }

    fn save(&self, at: Seq, state: &P, durability: Durability) -> Result<()> {
        let state = state.save();
        self.encoded_bytes
            .store(state.len() as u64, Ordering::Relaxed);
        let bytes = self.store.put(&self.key, at, &state, durability)?;
        lock(&self.shared).saved.insert(at, bytes);
        Ok(())
    }

    /// How many records at least lie between two saves, for the size of the last state.
    pub(super) fn worthwhile(&self) -> u64 {
        self.encoded_bytes.load(Ordering::Relaxed) / BYTES_PER_RECORD
    }

    /// Writes the state that the log will begin from. When there is no space, what can be rebuilt makes room for it.
    pub(super) fn save_base(&self, at: Seq, state: &P) -> Result<()> {
        match self.save(at, state, Durability::Synced) {
            Err(error) if error.kind() == ErrorKind::Full => {
                let (base, others): (Seq, Vec<Seq>) = {
                    let shared = lock(&self.shared);
                    (shared.base, shared.saved.keys().copied().collect())
                };
                for other in others.into_iter().filter(|other| *other != base) {
                    self.forget(other);
                }
                self.save(at, state, Durability::Synced)
            }
            saved => saved,
        }
    }

    /// From now on the log begins after this position.
    pub(super) fn rebase(&self, base: Seq) {
        let before: Vec<Seq> = {
            let mut shared = lock(&self.shared);
            shared.base = base;
            shared.saved.range(..base).map(|(at, _)| *at).collect()
        };
        for at in before {
            self.forget(at);
        }
    }

    /// While there are too many bytes: the state whose neighbours are closest together, so that those that stay are spread evenly. Neither the base nor the newest.
    fn superfluous(&self) -> Option<Seq> {
        let shared = lock(&self.shared);
        if shared.saved.values().sum::<u64>() <= self.max_bytes {
            return None;
        }
        let positions: Vec<Seq> = shared.saved.keys().copied().collect();
        let origin = [shared.base];
        let with_origin: Vec<Seq> = if positions.first() == Some(&shared.base) {
            positions
        } else {
            origin.into_iter().chain(positions).collect()
        };
        let inner = with_origin.windows(3).filter_map(|three| match three {
            [before, at, after] => Some((after.0 - before.0, *at)),
            _ => None,
        });
        inner.min().map(|(_, at)| at)
    }

    fn forget(&self, at: Seq) {
        lock(&self.shared).saved.remove(&at);
        if let Err(error) = self.store.remove(&self.key, at) {
            self.note(&error.to_string());
        }
    }

    /// Something an operator should know, that stops nothing.
    pub(super) fn note(&self, what: &str) {
        let notes = &mut lock(&self.shared).notes;
        if notes.len() < MAX_NOTES && notes.last().is_none_or(|last| last != what) {
            notes.push(what.to_owned());
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        lock(&self.shared).notes.clone()
    }
}
