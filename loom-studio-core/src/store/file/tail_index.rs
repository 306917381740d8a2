//! The index of a segment that is still written to, or waits for its index file.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use roaring::RoaringBitmap;

use super::block::EventSymbols;
use super::index::{Field, FrameEntry, KEYS, Key};
use super::symbols::{NO_SYMBOL, Symbol};
use crate::store::Pattern;

/// No row.
const NONE: u32 = u32::MAX;

/// One row: what the index file will hold of it, and links to earlier rows with the same hash.
#[derive(Debug, Clone, Copy)]
struct Row {
    time: i64,
    hashes: [u64; 4],
    has: [bool; 4],
    before: [u32; 4],
}

/// What a new row is indexed by.
#[derive(Debug)]
pub(super) struct NewRow<'a> {
    pub(super) time: i64,
    pub(super) hashes: [Option<u64>; 4],
    pub(super) names: EventSymbols,
    /// The strings behind the numbers.
    pub(super) texts: &'a [Arc<str>],
}

/// Where the bitmaps of strings are, by the strings' numbers: what a writer knows of one index, so that it need not look up each string of each row.
#[derive(Debug, Default)]
pub(super) struct Slots([Vec<u32>; 4]);

impl Slots {
    /// The numbers have got other meanings, or the index is another.
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }
}

/// Postings by hash are linked lists through the rows, newest first, so that adding a row allocates nothing.
#[derive(Debug, Default)]
pub(super) struct TailIndex {
    rows: Vec<Row>,
    frames: Vec<FrameEntry>,
    last: [HashMap<u64, u32, Identity>; 4],
    /// Values in use per field, by text; the position in `bitmaps`.
    values: [HashMap<Arc<str>, usize>; 4],
    bitmaps: Vec<(Field, Arc<str>, RoaringBitmap)>,
    observations: RoaringBitmap,
    /// Observed seq and the observation's row.
    observed: BTreeSet<(u64, u32)>,
    min_time: i64,
    max_time: i64,
}

/// The keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Identity;

impl std::hash::BuildHasher for Identity {
    type Hasher = IdentityHasher;

    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}

#[derive(Debug)]
pub(super) struct IdentityHasher(u64);

impl std::hash::Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl TailIndex {
    pub(super) fn add_event(&mut self, new: &NewRow<'_>, slots: &mut Slots) {
        let row = self.rows.len() as u32;
        let mut before = [NONE; 4];
        for ((hash, last), before) in new.hashes.iter().zip(&mut self.last).zip(&mut before) {
            if let Some(hash) = hash {
                *before = last.insert(*hash, row).unwrap_or(NONE);
            }
        }
        self.push(Row {
            time: new.time,
            hashes: new.hashes.map(Option::unwrap_or_default),
            has: new.hashes.map(|hash| hash.is_some()),
            before,
        });
        let names = &new.names;
        for (field, symbol) in [
            (Field::Workspace, names.workspace),
            (Field::Session, names.session),
            (Field::Kind, names.kind),
            (Field::Node, names.from),
            (Field::Node, names.to),
        ] {
            if symbol != NO_SYMBOL {
                self.mark(field, symbol, new.texts, slots, row);
            }
        }
    }

    pub(super) fn add_observation(&mut self, time: i64, of: u64) {
        let row = self.rows.len() as u32;
        self.push(Row {
            time,
            hashes: [0; 4],
            has: [false; 4],
            before: [NONE; 4],
        });
        self.observations.insert(row);
        self.observed.insert((of, row));
    }

    fn push(&mut self, row: Row) {
        if self.rows.is_empty() {
            (self.min_time, self.max_time) = (row.time, row.time);
        }
        self.min_time = self.min_time.min(row.time);
        self.max_time = self.max_time.max(row.time);
        self.rows.push(row);
    }

    fn mark(
        &mut self,
        field: Field,
        symbol: Symbol,
        texts: &[Arc<str>],
        slots: &mut Slots,
        row: u32,
    ) {
        let slot = slots.0.get_mut(field as usize).and_then(|slots| {
            if slots.len() <= symbol as usize {
                slots.resize(texts.len().max(symbol as usize + 1), NONE);
            }
            slots.get_mut(symbol as usize)
        });
        let (Some(slot), Some(text)) = (slot, texts.get(symbol as usize)) else {
            return;
        };
        if *slot == NONE {
            *slot = self.bitmap(field, text) as u32;
        }
        if let Some((_, _, rows)) = self.bitmaps.get_mut(*slot as usize) {
            // Rows only grow, and appending is cheaper than inserting; a node that sends to itself has its row already.
            let _ = rows.try_push(row);
        }
    }

    /// The place of a string's bitmap; a new one where it has none.
    fn bitmap(&mut self, field: Field, text: &Arc<str>) -> usize {
        if let Some(index) = self.find(field, text) {
            return index;
        }
        let index = self.bitmaps.len();
        if let Some(values) = self.values.get_mut(field as usize) {
            values.insert(Arc::clone(text), index);
        }
        self.bitmaps
            .push((field, Arc::clone(text), RoaringBitmap::new()));
        index
    }

    fn find(&self, field: Field, text: &str) -> Option<usize> {
        self.values.get(field as usize)?.get(text).copied()
    }

    pub(super) fn add_frame(&mut self, frame: FrameEntry) {
        self.frames.push(frame);
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows.len() as u32
    }

    pub(super) fn time(&self, row: u32) -> i64 {
        self.rows.get(row as usize).map_or(0, |row| row.time)
    }

    pub(super) fn time_bounds(&self) -> (i64, i64) {
        (self.min_time, self.max_time)
    }

    pub(super) fn observations(&self) -> &RoaringBitmap {
        &self.observations
    }

    /// Rows with an equal hash, in order.
    pub(super) fn lookup(&self, key: Key, hash: u64) -> Vec<u32> {
        let mut rows: Vec<u32> = self.newest_first(key, hash).collect();
        rows.reverse();
        rows
    }

    fn newest_first(&self, key: Key, hash: u64) -> impl Iterator<Item = u32> {
        let slot = key as usize;
        let newest = self.last.get(slot).and_then(|last| last.get(&hash));
        std::iter::successors(newest.copied(), move |row| {
            self.rows.get(*row as usize)?.before.get(slot).copied()
        })
        .take_while(|row| *row != NONE)
    }

    /// Rows with an id's hash, a workspace and a node. Takes as long as the rarest of the three has rows.
    pub(super) fn named(&self, hash: u64, workspace: &str, node: &str) -> Vec<u32> {
        let rows_with = |field, text| Some(&self.bitmaps.get(self.find(field, text)?)?.2);
        let both = rows_with(Field::Workspace, workspace).zip(rows_with(Field::Node, node));
        let Some((workspace, node)) = both else {
            return Vec::new();
        };
        let (few, many) = if workspace.len() < node.len() {
            (workspace, node)
        } else {
            (node, workspace)
        };
        let bound = usize::try_from(few.len()).unwrap_or(usize::MAX);
        let mut with_hash: Vec<u32> = self
            .newest_first(Key::Id, hash)
            .take(bound.saturating_add(1))
            .collect();
        if with_hash.len() > bound {
            let has_hash = |row: &u32| {
                let row = self.rows.get(*row as usize);
                row.is_some_and(|row| row.has[0] && row.hashes[0] == hash)
            };
            return few
                .iter()
                .filter(|row| many.contains(*row) && has_hash(row))
                .collect();
        }
        with_hash.retain(|row| few.contains(*row) && many.contains(*row));
        with_hash.reverse();
        with_hash
    }

    pub(super) fn union(&self, field: Field, pattern: &Pattern) -> RoaringBitmap {
        if let Some(text) = pattern.exact() {
            let found = self
                .find(field, text)
                .and_then(|index| self.bitmaps.get(index));
            return found.map(|(_, _, rows)| rows.clone()).unwrap_or_default();
        }
        let matching = self
            .bitmaps
            .iter()
            .filter(|(of, text, _)| *of == field && pattern.matches(text));
        matching.fold(RoaringBitmap::new(), |union, (_, _, rows)| union | rows)
    }

    pub(super) fn count(&self, field: Field, text: &str) -> u64 {
        let found = self
            .find(field, text)
            .and_then(|index| self.bitmaps.get(index));
        found.map_or(0, |(_, _, rows)| rows.len())
    }

    pub(super) fn each_frame(&self, visit: &mut dyn FnMut(FrameEntry, u32)) {
        for (index, frame) in self.frames.iter().enumerate() {
            let next_row = self
                .frames
                .get(index + 1)
                .map_or(self.rows(), |next| next.first_row);
            visit(*frame, next_row);
        }
    }

    /// The frame that holds a row, if it is on disk.
    pub(super) fn frame_of(&self, row: u32) -> Option<(FrameEntry, u32)> {
        let index = self
            .frames
            .partition_point(|frame| frame.first_row <= row)
            .checked_sub(1)?;
        let frame = self.frames.get(index)?;
        let next_row = self
            .frames
            .get(index + 1)
            .map_or(self.rows(), |next| next.first_row);
        Some((*frame, next_row - frame.first_row))
    }

    pub(super) fn observed(&self, seq: u64) -> Vec<u32> {
        self.observed
            .range((seq, 0)..=(seq, u32::MAX))
            .map(|(_, row)| *row)
            .collect()
    }

    pub(super) fn observed_bounds(&self) -> Option<(u64, u64)> {
        Some((self.observed.first()?.0, self.observed.last()?.0))
    }

    /// What the index file is made from.
    pub(super) fn contents(&self) -> Contents<'_> {
        let mut values: Vec<&(Field, Arc<str>, RoaringBitmap)> = self.bitmaps.iter().collect();
        values.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Contents {
            frames: &self.frames,
            times: self.rows.iter().map(|row| row.time).collect(),
            values,
            observations: &self.observations,
            keys: KEYS.map(|key| {
                let slot = key as usize;
                let with = self
                    .rows
                    .iter()
                    .enumerate()
                    .filter(|(_, row)| row.has.get(slot) == Some(&true));
                with.map(|(index, row)| (row.hashes.get(slot).copied().unwrap_or(0), index as u32))
                    .collect()
            }),
            observed: self.observed.iter().copied().collect(),
        }
    }
}

/// An index's content, sorted as the file wants it.
pub(super) struct Contents<'a> {
    pub(super) frames: &'a [FrameEntry],
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<&'a (Field, Arc<str>, RoaringBitmap)>,
    pub(super) observations: &'a RoaringBitmap,
    pub(super) keys: [Vec<(u64, u32)>; 4],
    pub(super) observed: Vec<(u64, u32)>,
}
