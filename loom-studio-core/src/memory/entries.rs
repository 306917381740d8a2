//! The memory of one node: entries, the tiers that hold them, and what became of those that are gone.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};

use super::document::{Document, Faults};
use super::tier::canonical;
use super::tree::Stamp;
use crate::clock::Timestamp;

/// Weight of the steps kept per node: one for each, and one for each entry it names.
const MAX_STEPS: usize = 4096;

/// An entry. Its content stays in the log.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) tier: Arc<str>,
    pub(super) role: Option<Arc<str>>,
    pub(super) importance: Option<f64>,
    pub(super) time: Timestamp,
    /// Orders the entries of a tier.
    pub(super) rank: i64,
    /// What wrote it, and what changed anything of it last.
    pub(super) written: Stamp,
    pub(super) changed: Stamp,
    /// What it was made of.
    pub(super) sources: Option<Arc<[Arc<str>]>>,
}

impl PartialEq for Entry {
    /// Every change stamps the entry anew.
    fn eq(&self, other: &Self) -> bool {
        self.changed.seq == other.changed.seq && self.rank == other.rank
    }
}

/// Something that happened to the entries of a node.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) stamp: Stamp,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Promoted {
        id: Arc<str>,
        from: Arc<str>,
        to: Arc<str>,
    },
    Consolidated {
        into: Option<Arc<str>>,
        /// As reported.
        sources: Arc<[Arc<str>]>,
        /// Those that were there and went.
        gone: Arc<[Arc<str>]>,
    },
    Evicted {
        ids: Arc<[Arc<str>]>,
        reason: Option<Arc<str>>,
    },
    Cleared {
        tier: Option<Arc<str>>,
        ids: Arc<[Arc<str>]>,
    },
    /// An id was used again while its entry was there.
    Rewritten { id: Arc<str>, was: Stamp },
}

impl What {
    fn weight(&self) -> usize {
        1 + match self {
            Self::Promoted { .. } | Self::Rewritten { .. } => 1,
            Self::Consolidated { sources, gone, .. } => sources.len() + gone.len(),
            Self::Evicted { ids, .. } | Self::Cleared { ids, .. } => ids.len(),
        }
    }

    /// Whether it is about an entry.
    pub(super) fn names(&self, wanted: &str) -> bool {
        match self {
            Self::Promoted { id, .. } | Self::Rewritten { id, .. } => **id == *wanted,
            Self::Consolidated {
                into,
                sources,
                gone,
            } => {
                into.as_deref() == Some(wanted)
                    || sources.iter().chain(gone.iter()).any(|id| **id == *wanted)
            }
            Self::Evicted { ids, .. } | Self::Cleared { ids, .. } => {
                ids.iter().any(|id| **id == *wanted)
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct NodeMemory {
    pub(super) entries: OrdMap<Arc<str>, Entry>,
    /// By tier, the ids in their order.
    pub(super) tiers: OrdMap<Arc<str>, OrdSet<(i64, Arc<str>)>>,
    pub(super) steps: Vector<Step>,
    pub(super) step_weight: usize,
    pub(super) steps_dropped: u64,
    /// What took an entry away last.
    pub(super) removed: Option<Stamp>,
    pub(super) project_state: Document,
    pub(super) faults: Faults,
    /// Whether a readable `memory.*` event came: else only the project state object is known.
    pub(super) reports_entries: bool,
    /// The last event about this memory.
    pub(super) last: Option<Stamp>,
}

/// What is known of an entry when it comes.
pub(super) struct NewEntry {
    pub(super) id: Arc<str>,
    pub(super) tier: Arc<str>,
    pub(super) role: Option<Arc<str>>,
    pub(super) importance: Option<f64>,
    pub(super) time: Timestamp,
    pub(super) sources: Option<Arc<[Arc<str>]>>,
}

impl NodeMemory {
    pub(super) fn step(&mut self, stamp: &Stamp, what: What) {
        self.step_weight += what.weight();
        self.steps.push_back(Step {
            stamp: Arc::clone(stamp),
            what,
        });
        while self.step_weight > MAX_STEPS && self.steps.len() > 1 {
            if let Some(step) = self.steps.pop_front() {
                self.step_weight -= step.what.weight();
                self.steps_dropped += 1;
            }
        }
    }

    /// The tier's name as the maps have it.
    fn tier_key(&self, tier: &Arc<str>) -> Arc<str> {
        match canonical(tier) {
            name if *name == **tier => self
                .tiers
                .get_key_value(&**tier)
                .map_or_else(|| Arc::clone(tier), |(known, _)| Arc::clone(known)),
            name => Arc::from(&*name),
        }
    }

    fn next_rank(&self, tier: &str) -> i64 {
        self.tiers
            .get(tier)
            .and_then(|ranks| ranks.get_max())
            .map_or(0, |(rank, _)| rank + 1)
    }

    fn unlink(&mut self, id: &Arc<str>, entry: &Entry) {
        let tier = canonical(&entry.tier);
        if let Some(ranks) = self.tiers.get_mut(&*tier) {
            ranks.remove(&(entry.rank, Arc::clone(id)));
            if ranks.is_empty() {
                self.tiers.remove(&*tier);
            }
        }
    }

    fn link(&mut self, id: &Arc<str>, tier: &Arc<str>, rank: i64) {
        let key = self.tier_key(tier);
        self.tiers
            .entry(key)
            .or_default()
            .insert((rank, Arc::clone(id)));
    }

    /// Adds an entry at the end of its tier; one with the same id is rewritten, and stays in its place if the tier is the same.
    pub(super) fn add(&mut self, new: NewEntry, stamp: &Stamp) {
        let old = self
            .entries
            .get_key_value(&*new.id)
            .map(|(id, entry)| (Arc::clone(id), entry.clone()));
        let (id, rank) = match old {
            Some((id, entry)) if canonical(&entry.tier) == canonical(&new.tier) => {
                self.step(
                    stamp,
                    What::Rewritten {
                        id: Arc::clone(&id),
                        was: entry.written,
                    },
                );
                (id, entry.rank)
            }
            Some((id, entry)) => {
                self.unlink(&id, &entry);
                self.step(
                    stamp,
                    What::Rewritten {
                        id: Arc::clone(&id),
                        was: entry.written,
                    },
                );
                let rank = self.next_rank(&canonical(&new.tier));
                self.link(&id, &new.tier, rank);
                (id, rank)
            }
            None => {
                let rank = self.next_rank(&canonical(&new.tier));
                self.link(&new.id, &new.tier, rank);
                (new.id, rank)
            }
        };
        self.entries.insert(
            id,
            Entry {
                tier: new.tier,
                role: new.role,
                importance: new.importance,
                time: new.time,
                rank,
                written: Arc::clone(stamp),
                changed: Arc::clone(stamp),
                sources: new.sources,
            },
        );
    }

    /// Moves an entry to the end of another tier. False when there is no such entry.
    pub(super) fn promote(&mut self, id: &str, to: &Arc<str>, stamp: &Stamp) -> bool {
        let Some((id, entry)) = self
            .entries
            .get_key_value(id)
            .map(|(id, entry)| (Arc::clone(id), entry.clone()))
        else {
            return false;
        };
        if entry.tier == *to {
            return true;
        }
        let is_elsewhere = canonical(&entry.tier) != canonical(to);
        let mut rank = entry.rank;
        if is_elsewhere {
            self.unlink(&id, &entry);
            rank = self.next_rank(&canonical(to));
            self.link(&id, to, rank);
        }
        if let Some(known) = self.entries.get_mut(&*id) {
            known.tier = Arc::clone(to);
            known.rank = rank;
            known.changed = Arc::clone(stamp);
        }
        self.step(
            stamp,
            What::Promoted {
                id,
                from: entry.tier,
                to: Arc::clone(to),
            },
        );
        true
    }

    /// Takes an entry out; the caller records why.
    pub(super) fn take_out(&mut self, id: &str, stamp: &Stamp) -> Option<Arc<str>> {
        let (id, entry) = self.entries.remove_with_key(id)?;
        self.unlink(&id, &entry);
        self.removed = Some(Arc::clone(stamp));
        Some(id)
    }

    /// The ids of a tier in their order, or of all tiers.
    pub(super) fn ids(&self, tier: Option<&str>) -> Vec<Arc<str>> {
        match tier {
            Some(tier) => self
                .tiers
                .get(&*canonical(tier))
                .map(|ranks| ranks.iter().map(|(_, id)| Arc::clone(id)).collect())
                .unwrap_or_default(),
            None => self.entries.keys().cloned().collect(),
        }
    }

    /// Puts the entries of a tier, all of which are there, in an order.
    ///
    /// An entry keeps its rank where it can: only what doesn't rise along the list gets a new one, from the shorter end. A list that only grew at either end costs what was added.
    pub(super) fn order(&mut self, tier: &Arc<str>, ids: &[Arc<str>], stamp: &Stamp) {
        let ranks: Vec<i64> = ids
            .iter()
            .filter_map(|id| self.entries.get(&**id).map(|entry| entry.rank))
            .collect();
        if ranks.len() != ids.len() || ranks.is_sorted_by(|one, next| one < next) {
            return;
        }
        // The longest rising end of the list stays; what stands before it goes before it.
        let kept = 1 + ranks
            .iter()
            .rev()
            .zip(ranks.iter().rev().skip(1))
            .take_while(|(later, sooner)| sooner < later)
            .count();
        let first_kept = ranks.len().saturating_sub(kept);
        let mut below = ranks.get(first_kept).copied().unwrap_or(0);
        let mut moved = Vec::new();
        for (id, rank) in ids.iter().zip(&ranks).take(first_kept).rev() {
            below = if *rank < below { *rank } else { below - 1 };
            if below != *rank {
                moved.push((Arc::clone(id), below));
            }
        }
        for (id, rank) in moved {
            let Some(entry) = self.entries.get(&*id).cloned() else {
                continue;
            };
            self.unlink(&id, &entry);
            self.link(&id, tier, rank);
            if let Some(entry) = self.entries.get_mut(&*id) {
                entry.rank = rank;
                entry.changed = Arc::clone(stamp);
            }
        }
    }
}
