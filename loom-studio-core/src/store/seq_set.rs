//! Sets of positions.

use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::ids::Seq;

/// A named set of positions, such as those of a run. Cheap to clone.
///
/// A cursor of a query within a set belongs to the set's name and not to what it holds: a run may grow between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqSet {
    name: Arc<str>,
    seqs: Arc<RoaringTreemap>,
}

impl SeqSet {
    /// A set of these positions, in any order.
    pub fn new(name: impl Into<Arc<str>>, seqs: impl IntoIterator<Item = Seq>) -> Self {
        Self {
            name: name.into(),
            seqs: Arc::new(seqs.into_iter().map(|seq| seq.0).collect()),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a position belongs to it.
    pub fn contains(&self, seq: Seq) -> bool {
        self.seqs.contains(seq.0)
    }

    /// How many positions it holds.
    pub fn len(&self) -> u64 {
        self.seqs.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// The first position.
    pub fn first(&self) -> Option<Seq> {
        self.seqs.min().map(Seq)
    }

    /// The last position.
    pub fn last(&self) -> Option<Seq> {
        self.seqs.max().map(Seq)
    }

    /// Its positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Seq> + '_ {
        self.seqs.iter().map(Seq)
    }

    /// Its positions from one on, ascending.
    pub fn from(&self, first: Seq) -> impl Iterator<Item = Seq> + '_ {
        let mut seqs = self.seqs.iter();
        seqs.advance_to(first.0);
        seqs.map(Seq)
    }
}
