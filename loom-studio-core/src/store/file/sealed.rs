//! The index file of a full segment. The bytes are described in `docs/file-format.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::bloom::Filter;
use super::bytes::{Reader, checksum};
use super::columns::{self, Column, nanos, sortable};
use super::frame::{MAX_BLOCK_BYTES, VERSION};
use super::index::{Field, FrameEntry, HASH_BITS, Key, ROW_BITS};
use super::packed::{cardinality, first_not_below};
use super::tail_index::TailIndex;
use crate::store::Pattern;

const MAGIC: &[u8; 8] = b"LOOMIDX1";
const HEADER_BYTES: usize = 48;
const SECTION_BYTES: usize = 24;
const SECTIONS: usize = 11;
const FRAME_BYTES: usize = 40;
const STRING_BYTES: usize = 20;
/// So many records are read sooner than bitmaps are intersected.
const FEW_ROWS: usize = 4;

const BLOCKS: usize = 0;
const TIMES: usize = 1;
const STRINGS: usize = 2;
const BITMAPS: usize = 3;
const FIRST_KEY: usize = 4;
const OBSERVED: usize = 8;
const FILTER: usize = 9;
const META: usize = 10;

/// What is known of a segment beside its records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SegmentMeta {
    pub(super) first_seq: u64,
    pub(super) rows: u32,
    pub(super) events: u32,
    pub(super) log_bytes: u64,
    pub(super) json_bytes: u64,
    pub(super) oldest_received: i64,
    pub(super) newest_received: i64,
    /// Events per workspace.
    pub(super) workspaces: BTreeMap<Arc<str>, u64>,
}

/// The bytes of an index file.
pub(super) fn encode(index: &TailIndex, meta: &SegmentMeta, filter_bits: usize) -> Vec<u8> {
    let contents = index.contents();
    let mut sections: [Vec<u8>; SECTIONS] = Default::default();
    for frame in contents.frames {
        let out = &mut sections[BLOCKS];
        out.extend(frame.body_offset.to_le_bytes());
        for word in [
            frame.body_bytes,
            frame.block_bytes,
            frame.first_row,
            frame.body_crc,
        ] {
            out.extend(word.to_le_bytes());
        }
        out.extend(frame.min_time.to_le_bytes());
        out.extend(frame.max_time.to_le_bytes());
    }
    columns::put(
        &mut sections[TIMES],
        contents.times.iter().map(|time| sortable(*time)),
    );
    let (mut texts, mut bitmaps) = (Vec::new(), Vec::new());
    sections[STRINGS].extend((contents.values.len() as u32).to_le_bytes());
    for (field, text, rows) in contents.values {
        let start = bitmaps.len() as u32;
        // Writing into a Vec cannot fail.
        let _ = rows.serialize_into(&mut bitmaps);
        let out = &mut sections[STRINGS];
        for word in [
            *field as u32,
            texts.len() as u32,
            text.len() as u32,
            start,
            bitmaps.len() as u32 - start,
        ] {
            out.extend(word.to_le_bytes());
        }
        texts.extend_from_slice(text.as_bytes());
    }
    sections[STRINGS].extend(texts);
    let start = bitmaps.len() as u32;
    let _ = contents.observations.serialize_into(&mut bitmaps);
    let length = bitmaps.len() as u32 - start;
    bitmaps.extend(start.to_le_bytes());
    bitmaps.extend(length.to_le_bytes());
    sections[BITMAPS] = bitmaps;
    let mut filter = Filter::new(filter_bits);
    for (slot, key) in contents.keys.iter().enumerate() {
        let mut packed: Vec<u64> = key
            .iter()
            .map(|(hash, row)| pack(*hash) | u64::from(*row))
            .collect();
        packed.sort_unstable();
        if let Some(section) = sections.get_mut(FIRST_KEY + slot) {
            *section = packed.iter().flat_map(|word| word.to_le_bytes()).collect();
        }
        if slot == Key::Id as usize {
            for (hash, _) in key {
                filter.insert(*hash);
            }
        }
    }
    for (seq, row) in contents.observed {
        sections[OBSERVED].extend(seq.to_le_bytes());
        sections[OBSERVED].extend(row.to_le_bytes());
    }
    sections[FILTER] = filter.encode();
    let out = &mut sections[META];
    out.extend(meta.oldest_received.to_le_bytes());
    out.extend(meta.newest_received.to_le_bytes());
    out.extend(meta.json_bytes.to_le_bytes());
    out.extend((meta.workspaces.len() as u32).to_le_bytes());
    for (name, events) in &meta.workspaces {
        out.extend((name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend(events.to_le_bytes());
    }
    assemble(meta, &sections)
}

fn assemble(meta: &SegmentMeta, sections: &[Vec<u8>; SECTIONS]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend((SECTIONS as u32).to_le_bytes());
    file.extend(meta.first_seq.to_le_bytes());
    file.extend(meta.rows.to_le_bytes());
    file.extend(meta.events.to_le_bytes());
    file.extend(meta.log_bytes.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    let crc = checksum(&file);
    file.extend(crc.to_le_bytes());
    let mut offset = (HEADER_BYTES + SECTIONS * SECTION_BYTES) as u64;
    for section in sections {
        file.extend(offset.to_le_bytes());
        file.extend((section.len() as u64).to_le_bytes());
        file.extend(checksum(section).to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        offset += section.len() as u64;
    }
    for section in sections {
        file.extend_from_slice(section);
    }
    file
}

/// The row of an entry under a hash.
fn row_of(entry: [u8; 8]) -> u32 {
    (u64::from_le_bytes(entry) & ((1 << ROW_BITS) - 1)) as u32
}

/// The kept bits of a hash, in place.
fn pack(hash: u64) -> u64 {
    (hash >> ROW_BITS) << ROW_BITS
}

/// An index file, mapped. Its small sections were checked when it was opened; the others are when they are first read.
pub(super) struct SealedIndex {
    map: Box<dyn AsRef<[u8]> + Send + Sync>,
    sections: [Range<usize>; SECTIONS],
    crcs: [u32; SECTIONS],
    /// Whether a section has passed its check; empty until it is first read.
    are_sound: [OnceLock<bool>; SECTIONS],
    times: Column,
    values: Vec<Value>,
    observations: Bitmap,
    /// Whether a bitmap was found to be none though the checksum over all of them is right.
    has_bad_bitmap: AtomicBool,
    meta: SegmentMeta,
    min_time: i64,
    max_time: i64,
}

#[derive(Debug)]
struct Value {
    field: u32,
    text: Range<usize>,
    bitmap: Bitmap,
}

/// Where a bitmap lies.
#[derive(Debug)]
struct Bitmap {
    range: Range<usize>,
    /// Whether it is one; empty until it is first read. Looking takes as long as reading it, so it is done once.
    is_sound: OnceLock<bool>,
}

impl From<Range<usize>> for Bitmap {
    fn from(range: Range<usize>) -> Self {
        Self {
            range,
            is_sound: OnceLock::new(),
        }
    }
}

impl fmt::Debug for SealedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedIndex")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

/// The parts of an index file whose checksums are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// What opening reads anyway. The large sections are checked when they are first read.
    Small,
    /// Everything.
    All,
}

impl SealedIndex {
    /// Opens an index; `None` when it is damaged or of another version: it can be built anew.
    pub(super) fn open(map: Box<dyn AsRef<[u8]> + Send + Sync>, check: Check) -> Option<Self> {
        let file = (*map).as_ref();
        let header = file.get(..HEADER_BYTES)?;
        let mut reader = Reader(header);
        let is_ours = reader.take(8)? == MAGIC
            && reader.u32()? == VERSION
            && reader.u32()? == SECTIONS as u32;
        if !is_ours
            || checksum(header.get(..HEADER_BYTES - 4)?).to_le_bytes()
                != header.get(HEADER_BYTES - 4..)?
        {
            return None;
        }
        let mut meta = SegmentMeta {
            first_seq: reader.u64()?,
            rows: reader.u32()?,
            events: reader.u32()?,
            log_bytes: reader.u64()?,
            ..SegmentMeta::default()
        };
        let mut table = Reader(file.get(HEADER_BYTES..HEADER_BYTES + SECTIONS * SECTION_BYTES)?);
        let mut sections: [Range<usize>; SECTIONS] = std::array::from_fn(|_| 0..0);
        let mut crcs = [0; SECTIONS];
        let are_sound: [OnceLock<bool>; SECTIONS] = Default::default();
        let slots = crcs.iter_mut().zip(&are_sound);
        for ((index, section), (kept, is_sound)) in sections.iter_mut().enumerate().zip(slots) {
            let offset = usize::try_from(table.u64()?).ok()?;
            let length = usize::try_from(table.u64()?).ok()?;
            let (crc, _) = (table.u32()?, table.u32()?);
            *section = offset..offset.checked_add(length)?;
            let content = file.get(section.clone())?;
            *kept = crc;
            let is_small = matches!(index, BLOCKS | STRINGS | FILTER | META);
            if is_small || check == Check::All {
                if checksum(content) != crc {
                    return None;
                }
                is_sound.get_or_init(|| true);
            }
        }
        let section = |index: usize| file.get(sections.get(index)?.clone());
        let is_counted = meta.events <= meta.rows && meta.rows <= MAX_ROWS;
        let mut times_left = Reader(section(TIMES)?);
        let times = Column::take(&mut times_left, section(TIMES)?, meta.rows as usize)?;
        if !is_counted || !times_left.0.is_empty() {
            return None;
        }
        read_meta(section(META)?, &mut meta)?;
        let (values, observations) = read_values(section(STRINGS)?, section(BITMAPS)?, &sections)?;
        let mut index = Self {
            crcs,
            are_sound,
            times,
            values,
            observations: observations.into(),
            has_bad_bitmap: AtomicBool::new(false),
            meta,
            min_time: i64::MAX,
            max_time: i64::MIN,
            sections,
            map,
        };
        index.check_frames()?;
        Some(index)
    }

    /// Bounds what the table of blocks leads to, be its checksum right or not, and takes in the bounds of time.
    fn check_frames(&mut self) -> Option<()> {
        let (mut next_row, mut end) = (0, 0);
        let (mut min_time, mut max_time) = (i64::MAX, i64::MIN);
        let frames = self.frames();
        for (index, frame) in frames.iter().enumerate() {
            let frame = read_frame(frame)?;
            let is_next = match index {
                0 => frame.first_row == 0,
                _ => frame.first_row > next_row,
            };
            let body_end = frame.body_offset.checked_add(frame.body_bytes.into())?;
            let is_within = frame.body_offset >= end && body_end <= self.meta.log_bytes;
            let is_small = frame.body_bytes.max(frame.block_bytes) <= MAX_BLOCK_BYTES;
            if !(is_next && is_within && is_small) {
                return None;
            }
            (next_row, end) = (frame.first_row, body_end);
            (min_time, max_time) = (min_time.min(frame.min_time), max_time.max(frame.max_time));
        }
        let is_filled = next_row < self.meta.rows && !frames.is_empty();
        (self.min_time, self.max_time) = (min_time, max_time);
        is_filled.then_some(())
    }

    fn section(&self, index: usize) -> &[u8] {
        if self.is_sound(index) {
            self.unchecked(index)
        } else {
            &[]
        }
    }

    fn unchecked(&self, index: usize) -> &[u8] {
        let range = self.sections.get(index).cloned().unwrap_or_default();
        (*self.map).as_ref().get(range).unwrap_or_default()
    }

    /// Checks a section the first time it is read: opening a large log reads little of its indexes.
    fn is_sound(&self, index: usize) -> bool {
        let (Some(is_sound), Some(crc)) = (self.are_sound.get(index), self.crcs.get(index)) else {
            return false;
        };
        *is_sound.get_or_init(|| checksum(self.unchecked(index)) == *crc)
    }

    /// Whether a section that was read has failed its check: answers given since are not to be trusted.
    pub(super) fn is_damaged(&self) -> bool {
        let is_false = |is_sound: &OnceLock<bool>| is_sound.get() == Some(&false);
        self.has_bad_bitmap.load(Ordering::Acquire) || self.are_sound.iter().any(is_false)
    }

    pub(super) fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        (*self.map).as_ref().len() as u64
    }

    pub(super) fn filter(&self) -> &[u8] {
        self.section(FILTER)
    }

    pub(super) fn rows(&self) -> u32 {
        self.meta.rows
    }

    pub(super) fn time(&self, row: u32) -> i64 {
        let time = self.times.get(self.section(TIMES), row as usize);
        time.map_or(0, nanos)
    }

    pub(super) fn each_time(&self, rows: Range<u32>, visit: &mut dyn FnMut(u32, i64)) {
        let section = self.section(TIMES);
        for row in rows.start..rows.end.min(self.meta.rows) {
            let time = self.times.get(section, row as usize);
            visit(row, time.map_or(0, nanos));
        }
    }

    pub(super) fn time_bounds(&self) -> (i64, i64) {
        (self.min_time, self.max_time)
    }

    pub(super) fn observations(&self) -> RoaringBitmap {
        self.bitmap(&self.observations)
    }

    fn bitmap(&self, bitmap: &Bitmap) -> RoaringBitmap {
        if !self.is_sound(BITMAPS) {
            return RoaringBitmap::new();
        }
        let bytes = self.bytes_at(&bitmap.range);
        let is_sound = *bitmap.is_sound.get_or_init(|| {
            let is_sound = RoaringBitmap::deserialize_from(bytes).is_ok();
            self.has_bad_bitmap.fetch_or(!is_sound, Ordering::AcqRel);
            is_sound
        });
        if !is_sound {
            return RoaringBitmap::new();
        }
        RoaringBitmap::deserialize_unchecked_from(bytes).unwrap_or_default()
    }

    fn bytes_at(&self, range: &Range<usize>) -> &[u8] {
        (*self.map).as_ref().get(range.clone()).unwrap_or_default()
    }

    pub(super) fn lookup(&self, key: Key, hash: u64) -> Vec<u32> {
        self.with_hash(key, hash)
            .iter()
            .copied()
            .map(row_of)
            .collect()
    }

    /// The entries of a hash, by row.
    fn with_hash(&self, key: Key, hash: u64) -> &[[u8; 8]] {
        let (words, _) = self.section(FIRST_KEY + key as usize).as_chunks::<8>();
        let wanted = pack(hash);
        let rest = words
            .get(first_not_below(words, wanted)..)
            .unwrap_or_default();
        let end = rest.partition_point(|word| pack(u64::from_le_bytes(*word)) <= wanted);
        rest.get(..end).unwrap_or_default()
    }

    /// Rows with an id's hash, and where those are more than a few, with a workspace and a node as well.
    pub(super) fn named(&self, hash: u64, workspace: &str, node: &str) -> Vec<u32> {
        let with_hash = self.with_hash(Key::Id, hash);
        if with_hash.len() <= FEW_ROWS {
            return with_hash.iter().copied().map(row_of).collect();
        }
        let rows_with = |field, text: &str| self.union(field, &Pattern::Exact(text.to_owned()));
        let mut rows = rows_with(Field::Node, node);
        if rows.is_empty() {
            return Vec::new();
        }
        rows &= rows_with(Field::Workspace, workspace);
        let has_hash = |row: &u32| {
            with_hash
                .binary_search_by_key(row, |entry| row_of(*entry))
                .is_ok()
        };
        rows.iter().filter(has_hash).collect()
    }

    fn text(&self, value: &Value) -> &str {
        std::str::from_utf8(self.bytes_at(&value.text)).unwrap_or_default()
    }

    fn values(&self, field: Field) -> &[Value] {
        let start = self
            .values
            .partition_point(|value| value.field < field as u32);
        let from = self.values.get(start..).unwrap_or_default();
        from.get(..from.partition_point(|value| value.field == field as u32))
            .unwrap_or_default()
    }

    fn value(&self, field: Field, text: &str) -> Option<&Value> {
        let values = self.values(field);
        // Texts are sorted by their bytes.
        let found =
            values.binary_search_by(|value| self.bytes_at(&value.text).cmp(text.as_bytes()));
        values.get(found.ok()?)
    }

    pub(super) fn union(&self, field: Field, pattern: &Pattern) -> RoaringBitmap {
        if let Some(exact) = pattern.exact() {
            let found = self.value(field, exact);
            return found
                .map(|value| self.bitmap(&value.bitmap))
                .unwrap_or_default();
        }
        let matching = self
            .values(field)
            .iter()
            .filter(|value| pattern.matches(self.text(value)));
        matching.fold(RoaringBitmap::new(), |union, value| {
            union | self.bitmap(&value.bitmap)
        })
    }

    pub(super) fn count(&self, field: Field, text: &str) -> u64 {
        let Some(value) = self.value(field, text).filter(|_| self.is_sound(BITMAPS)) else {
            return 0;
        };
        let count = cardinality(self.bytes_at(&value.bitmap.range));
        self.has_bad_bitmap
            .fetch_or(count.is_none(), Ordering::AcqRel);
        count.unwrap_or(0)
    }

    fn frames(&self) -> &[[u8; FRAME_BYTES]] {
        self.section(BLOCKS).as_chunks().0
    }

    pub(super) fn each_frame(&self, visit: &mut dyn FnMut(FrameEntry, u32)) {
        let mut last: Option<FrameEntry> = None;
        for frame in self.frames().iter().filter_map(read_frame) {
            if let Some(last) = last.replace(frame) {
                visit(last, frame.first_row);
            }
        }
        if let Some(last) = last {
            visit(last, self.rows());
        }
    }

    /// The frame that holds a row, and how many rows it has.
    pub(super) fn frame_of(&self, row: u32) -> Option<(FrameEntry, u32)> {
        let frames = self.frames();
        let after = frames.partition_point(|frame| first_row(frame) <= row);
        let frame = read_frame(frames.get(after.checked_sub(1)?)?)?;
        let next_row = frames.get(after).map_or(self.rows(), first_row);
        Some((frame, next_row.checked_sub(frame.first_row)?))
    }

    pub(super) fn observed_bounds(&self) -> Option<(u64, u64)> {
        let (pairs, _) = self.section(OBSERVED).as_chunks::<12>();
        let of = |pair: &[u8; 12]| Reader(pair).u64();
        Some((of(pairs.first()?)?, of(pairs.last()?)?))
    }

    pub(super) fn observed(&self, seq: u64) -> Vec<u32> {
        let (pairs, _) = self.section(OBSERVED).as_chunks::<12>();
        let of = |pair: &[u8; 12]| Reader(pair).u64().unwrap_or(0);
        let start = pairs.partition_point(|pair| of(pair) < seq);
        let same = pairs
            .get(start..)
            .unwrap_or_default()
            .iter()
            .take_while(|pair| of(pair) == seq);
        same.filter_map(|pair| Reader(pair.get(8..)?).u32())
            .collect()
    }
}

fn read_frame(bytes: &[u8; FRAME_BYTES]) -> Option<FrameEntry> {
    let mut reader = Reader(bytes);
    Some(FrameEntry {
        body_offset: reader.u64()?,
        body_bytes: reader.u32()?,
        block_bytes: reader.u32()?,
        first_row: reader.u32()?,
        body_crc: reader.u32()?,
        min_time: reader.i64()?,
        max_time: reader.i64()?,
    })
}

fn first_row(frame: &[u8; FRAME_BYTES]) -> u32 {
    read_frame(frame).map_or(u32::MAX, |frame| frame.first_row)
}

fn read_meta(section: &[u8], meta: &mut SegmentMeta) -> Option<()> {
    let mut reader = Reader(section);
    meta.oldest_received = reader.i64()?;
    meta.newest_received = reader.i64()?;
    meta.json_bytes = reader.u64()?;
    for _ in 0..reader.u32()? {
        let length = reader.u32()? as usize;
        let name = std::str::from_utf8(reader.take(length)?).ok()?;
        meta.workspaces.insert(name.into(), reader.u64()?);
    }
    Some(())
}

fn read_values(
    strings: &[u8],
    bitmaps: &[u8],
    sections: &[Range<usize>; SECTIONS],
) -> Option<(Vec<Value>, Range<usize>)> {
    let mut reader = Reader(strings);
    let count = reader.u32()? as usize;
    let texts_at = sections.get(STRINGS)?.start + 4 + count.checked_mul(STRING_BYTES)?;
    let bitmaps_at = sections.get(BITMAPS)?.start;
    let within = |start: usize, offset: u32, length: u32| {
        start + offset as usize..start + offset as usize + length as usize
    };
    let mut values = Vec::with_capacity(count.min(strings.len() / STRING_BYTES));
    for _ in 0..count {
        let field = reader.u32()?;
        let text = within(texts_at, reader.u32()?, reader.u32()?);
        values.push(Value {
            field,
            text,
            bitmap: within(bitmaps_at, reader.u32()?, reader.u32()?).into(),
        });
    }
    let mut last = Reader(bitmaps.get(bitmaps.len().checked_sub(8)?..)?);
    Some((values, within(bitmaps_at, last.u32()?, last.u32()?)))
}

/// Rows of one segment must fit beside a hash.
pub(super) const MAX_ROWS: u32 = 1 << ROW_BITS;
const _: () = assert!(HASH_BITS + ROW_BITS == 64);
