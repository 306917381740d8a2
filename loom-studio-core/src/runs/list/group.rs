//! Sets of facts that belong together, and hashes that are the same in every process.

use xxhash_rust::xxh3::Xxh3Default;

/// A hash of texts, the same everywhere and always: saved state holds it.
pub(super) fn hash(parts: &[&str]) -> u64 {
    let mut hasher = Xxh3Default::new();
    for part in parts {
        hasher.update(&part.len().to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.digest()
}

/// Disjoint sets of indices (Tarjan: "Efficiency of a good but not linear set union algorithm", 1975), by size, with path halving.
pub(super) struct Groups {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Groups {
    pub(super) fn new(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
            sizes: vec![1; count],
        }
    }

    pub(super) fn of(&mut self, mut index: usize) -> usize {
        loop {
            let parent = self.parents.get(index).copied().unwrap_or(index);
            if parent == index {
                return index;
            }
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(index) {
                *slot = above;
            }
            index = above;
        }
    }

    pub(super) fn join(&mut self, left: usize, right: usize) {
        let (mut left, mut right) = (self.of(left), self.of(right));
        if left == right {
            return;
        }
        let size = |groups: &Self, index: usize| groups.sizes.get(index).copied().unwrap_or(1);
        if size(self, left) < size(self, right) {
            (left, right) = (right, left);
        }
        let both = size(self, left) + size(self, right);
        if let Some(slot) = self.sizes.get_mut(left) {
            *slot = both;
        }
        if let Some(slot) = self.parents.get_mut(right) {
            *slot = left;
        }
    }
}
