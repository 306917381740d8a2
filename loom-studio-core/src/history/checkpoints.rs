//! Where states are put aside.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::ids::Seq;

/// Whose states: those of one projection, of one format, over one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckpointKey {
    /// The projection's [`FORMAT`](crate::Checkpoint::FORMAT): a name, `-` and a version.
    pub format: Arc<str>,
    /// The records it was folded from: empty for all, else a workspace.
    pub scope: Arc<str>,
}

impl CheckpointKey {
    /// The format without its version.
    pub fn name(&self) -> &str {
        self.format
            .rsplit_once('-')
            .map_or(&self.format, |(name, _)| name)
    }
}

/// What a state must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The end of the process. It can be rebuilt from the log.
    Cache,
    /// A power cut: it can't be rebuilt.
    Synced,
}

/// Keeps encoded states by position.
///
/// # Contract
///
/// * **A cache, but for one.** Every state can be rebuilt from the log, except that at the log's base (see [`retain_with`](crate::retain_with)).
/// * **Whole or absent.** What [`get`](Self::get) returns is what was put. A state that is damaged, cut off or of another epoch of the log is passed over and deleted.
/// * **Durable where asked.** When [`put`](Self::put) has returned for [`Durability::Synced`], the state survives a power cut, as far as the store survives anything: [`MemoryCheckpoints`] keep it for the life
///   of the process. Otherwise a power cut may take it, whole.
/// * **Blocking.** Calls may wait for a disk. Whoever calls from a task does so through `spawn_blocking`.
pub trait CheckpointStore: Debug + Send + Sync + 'static {
    /// Begins to use a key: states of other versions of its projection over the same scope are deleted, since nobody will read them.
    fn adopt(&self, key: &CheckpointKey) -> Result<()>;

    /// The positions of a key's states with their sizes in bytes, ascending.
    fn positions(&self, key: &CheckpointKey) -> Result<Vec<(Seq, u64)>>;

    /// The state at a position, if there is a sound one.
    fn get(&self, key: &CheckpointKey, at: Seq) -> Result<Option<Vec<u8>>>;

    /// Keeps a state, in place of another at the same position, and returns the bytes it takes.
    ///
    /// # Errors
    /// `Full` when there is no space; what was kept before is untouched. `Io`.
    fn put(
        &self,
        key: &CheckpointKey,
        at: Seq,
        state: &[u8],
        durability: Durability,
    ) -> Result<u64>;

    /// Deletes the state at a position, if there is one.
    fn remove(&self, key: &CheckpointKey, at: Seq) -> Result<()>;
}

type States = BTreeMap<(CheckpointKey, Seq), Arc<[u8]>>;

/// A [`CheckpointStore`] that lives as long as the process: what goes with a log in memory.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints {
    states: Mutex<States>,
}

impl MemoryCheckpoints {
    fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStore for MemoryCheckpoints {
    fn adopt(&self, key: &CheckpointKey) -> Result<()> {
        self.states().retain(|(other, _), _| {
            other == key || other.scope != key.scope || other.name() != key.name()
        });
        Ok(())
    }

    fn positions(&self, key: &CheckpointKey) -> Result<Vec<(Seq, u64)>> {
        let states = self.states();
        let of_key = states.range((key.clone(), Seq::ZERO)..=(key.clone(), Seq(u64::MAX)));
        Ok(of_key
            .map(|((_, at), state)| (*at, state.len() as u64))
            .collect())
    }

    fn get(&self, key: &CheckpointKey, at: Seq) -> Result<Option<Vec<u8>>> {
        let state = self.states().get(&(key.clone(), at)).cloned();
        Ok(state.map(|state| state.to_vec()))
    }

    fn put(
        &self,
        key: &CheckpointKey,
        at: Seq,
        state: &[u8],
        _durability: Durability,
    ) -> Result<u64> {
        self.states().insert((key.clone(), at), state.into());
        Ok(state.len() as u64)
    }

    fn remove(&self, key: &CheckpointKey, at: Seq) -> Result<()> {
        self.states().remove(&(key.clone(), at));
        Ok(())
    }
}
