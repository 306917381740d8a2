//! Opening: which files there are, what of them is committed, and what a crash left behind.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, EventSymbols};
use super::blocks::decompress;
use super::bytes::checksum;
use super::disk::{Disk, DiskFile};
use super::frame::{
    Damage, FRAME_HEADER_BYTES, FrameHeader, META_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    VERSION, meta_header, read_meta,
};
use super::index::{FrameEntry, Hasher, hashes_of};
use super::pending::{PendingRow, RowContent};
use super::segment::{Tail, index_name, log_name, parse_log_name};
use super::symbols::{NO_SYMBOL, Symbols};
use super::tail_index::Slots;
use crate::clock::IdSource;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Record;
use crate::ids::Epoch;

pub(super) const META_NAME: &str = "store.meta";

/// Frames read back at once, and the bytes of their blocks: enough that starting a thread for them pays.
const FRAMES_AT_ONCE: usize = 64;
const BYTES_AT_ONCE: u64 = 4 << 20;

/// A frame's header and body.
type ReadFrame = (FrameHeader, Vec<u8>);

pub(super) fn failed(what: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}

fn corrupt(message: String) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

/// The store's epoch: read, or made and written.
pub(super) fn epoch(disk: &dyn Disk, names: &[String], ids: &dyn IdSource) -> Result<Epoch> {
    if names.iter().any(|name| name == META_NAME) {
        let mut bytes = [0; META_BYTES];
        let read = disk
            .open(META_NAME)
            .and_then(|file| file.read_exact_at(&mut bytes, 0));
        read.map_err(|error| failed("cannot read the store's identity", error))?;
        return read_meta(&bytes).map_err(|damage| damaged(META_NAME, damage));
    }
    if names.iter().any(|name| parse_log_name(name).is_some()) {
        return Err(corrupt(format!(
            "there are segments, but no {META_NAME}: is this a whole store directory?"
        )));
    }
    let epoch = Epoch(ids.next_id());
    let temporary = format!("{META_NAME}.tmp");
    let write = || -> io::Result<()> {
        let file = disk.create(&temporary)?;
        file.write_all_at(&meta_header(epoch), 0)?;
        file.sync_data()?;
        disk.rename(&temporary, META_NAME)?;
        disk.sync_dir()
    };
    write().map_err(|error| failed("cannot write the store's identity", error))?;
    Ok(epoch)
}

fn damaged(name: &str, damage: Damage) -> Error {
    match damage {
        Damage::Invalid => corrupt(format!("{name} is damaged")),
        Damage::Version(version) => {
            let message = format!(
                "{name} has format version {version}; this program knows version {VERSION}"
            );
            Error::new(ErrorKind::Invalid, message)
        }
    }
}

/// The first seqs of the segments, in order, and of files that were begun as segments and abandoned.
///
/// When the beginning of a segment fails, the one before it goes on; what is left is no longer than a header, and no record was ever written to it.
pub(super) fn segments(disk: &dyn Disk, names: &[String]) -> Result<(Vec<u64>, Vec<u64>)> {
    let (mut filled, mut bare) = (Vec::new(), Vec::new());
    for first_seq in names.iter().filter_map(|name| parse_log_name(name)) {
        let name = log_name(first_seq);
        let len = disk
            .open(&name)
            .and_then(|file| file.len())
            .map_err(|error| failed(&format!("cannot open {name}"), error))?;
        // One with an index was a whole segment, and is damaged.
        let is_bare = len <= SEGMENT_HEADER_BYTES as u64 && !names.contains(&index_name(first_seq));
        if is_bare { &mut bare } else { &mut filled }.push(first_seq);
    }
    if filled.is_empty() {
        // Retention may have deleted all records: the newest name remembers the next seq.
        filled.extend(bare.pop());
    }
    Ok((filled, bare))
}

/// A log no longer than a header is one that was being begun, if all before its first seq is stored: in `filled`, the ranges of the other segments, or nowhere because there was nothing.
///
/// # Errors
/// `Corrupt` when there were records in it: a later segment is begun only once those of the one before are synced.
pub(super) fn check_abandoned(first_seq: u64, filled: &[Range<u64>]) -> Result<()> {
    let is_continued = |range: &Range<u64>| range.start < first_seq && first_seq <= range.end;
    let is_first = first_seq == 1 && filled.is_empty();
    if is_first || filled.iter().any(is_continued) {
        return Ok(());
    }
    Err(corrupt(format!(
        "{} has lost its records: there is nothing in it",
        log_name(first_seq)
    )))
}

/// What is committed of a segment.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) tail: Tail,
    /// Where the committed part ends.
    pub(super) end: u64,
    /// The last commit group.
    pub(super) group: u64,
    /// Bytes behind the end that are not zeros: a torn group.
    pub(super) torn_bytes: u64,
}

/// Reads a segment's frames and indexes what is committed.
///
/// `None` when not even the header was written: the segment was being begun.
pub(super) fn scan(
    file: &dyn DiskFile,
    first_seq: u64,
    epoch: Epoch,
    hasher: Hasher,
) -> Result<Option<Scanned>> {
    let name = log_name(first_seq);
    let cannot_read = |error| failed(&format!("cannot read {name}"), error);
    let len = file.len().map_err(cannot_read)?;
    let mut header = [0; SEGMENT_HEADER_BYTES];
    if len >= SEGMENT_HEADER_BYTES as u64 {
        file.read_exact_at(&mut header, 0).map_err(cannot_read)?;
    }
    match SegmentHeader::decode(&header) {
        Ok(found) if found.epoch == epoch && found.first_seq == first_seq => {}
        Ok(_) => return Err(corrupt(format!("{name} belongs to another store or place"))),
        Err(Damage::Invalid) if len <= SEGMENT_HEADER_BYTES as u64 => return Ok(None),
        Err(damage) => return Err(damaged(&name, damage)),
    }
    let mut scan = Scan::new(file, first_seq, hasher, len);
    while scan.frames().map_err(cannot_read)? {}
    if let Some(offset) = scan.unreadable {
        return Err(corrupt(format!(
            "{name} is damaged at byte {offset}: the checksums are right, and what they are of is no block. Nothing was changed"
        )));
    }
    let torn_bytes = scan.check_rest(&name).map_err(cannot_read)??;
    Ok(Some(scan.finish(torn_bytes)))
}

struct Scan<'a> {
    file: &'a dyn DiskFile,
    first_seq: u64,
    hasher: Hasher,
    len: u64,
    offset: u64,
    symbols: Symbols,
    texts: Vec<Arc<str>>,
    slots: Slots,
    tail: Tail,
    end: u64,
    group: u64,
    next_seq: u64,
    /// Frames of the group under way: they count once its last frame is seen.
    open: Vec<(FrameEntry, Vec<PendingRow>)>,
    open_group: u64,
    /// Where a frame stands that passes its checks and holds no records. A crash can't make one.
    unreadable: Option<u64>,
}

impl<'a> Scan<'a> {
    fn new(file: &'a dyn DiskFile, first_seq: u64, hasher: Hasher, len: u64) -> Self {
        let mut tail = Tail::default();
        tail.meta.first_seq = first_seq;
        tail.meta.log_bytes = SEGMENT_HEADER_BYTES as u64;
        let start = SEGMENT_HEADER_BYTES as u64;
        Self {
            file,
            first_seq,
            hasher,
            len,
            offset: start,
            symbols: Symbols::default(),
            texts: Vec::new(),
            slots: Slots::default(),
            tail,
            end: start,
            group: 0,
            next_seq: first_seq,
            open: Vec::new(),
            open_group: 1,
            unreadable: None,
        }
    }

    /// Takes in the next frames; false when there are no more valid ones.
    fn frames(&mut self) -> io::Result<bool> {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        let (mut offset, mut next_seq, mut group) = (self.offset, self.next_seq, self.open_group);
        let mut is_end = false;
        while frames.len() < FRAMES_AT_ONCE && bytes < BYTES_AT_ONCE && !is_end {
            let next = read_frame(self.file, offset, self.len)?;
            let next =
                next.filter(|(header, _)| header.first_seq == next_seq && header.group == group);
            is_end = next.is_none();
            if let Some((header, body)) = next {
                offset += FRAME_HEADER_BYTES as u64 + u64::from(header.body_bytes);
                next_seq += u64::from(header.records);
                group += u64::from(header.ends_group);
                bytes += u64::from(header.block_bytes);
                frames.push((header, body));
            }
        }
        for ((header, _), records) in frames.iter().zip(records_of(&frames)) {
            let Some(records) = records else {
                self.unreadable = Some(self.offset);
                return Ok(false);
            };
            self.take(header, &records);
        }
        Ok(!is_end)
    }

    fn take(&mut self, header: &FrameHeader, records: &[Record]) {
        let (symbols, hasher) = (&mut self.symbols, self.hasher);
        let rows = records.iter().map(|record| row_of(record, symbols, hasher));
        let rows = rows.collect();
        let entry = FrameEntry {
            body_offset: self.offset + FRAME_HEADER_BYTES as u64,
            body_bytes: header.body_bytes,
            block_bytes: header.block_bytes,
            first_row: (header.first_seq - self.first_seq) as u32,
            body_crc: header.body_crc,
            min_time: header.min_time,
            max_time: header.max_time,
        };
        self.offset = entry.body_offset + u64::from(header.body_bytes);
        self.next_seq += u64::from(header.records);
        self.open.push((entry, rows));
        if header.ends_group {
            self.texts.extend(self.symbols.texts_from(self.texts.len()));
            for (frame, rows) in self.open.drain(..) {
                self.tail.add_frame(frame);
                for row in &rows {
                    self.tail.add_row(row, &self.texts, &mut self.slots);
                }
            }
            (self.end, self.group, self.open_group) = (self.offset, header.group, header.group + 1);
            self.tail.meta.log_bytes = self.end;
        }
    }

    /// A valid frame of a later group behind the end can't come from a crash. Anything else there, up to the preallocated zeros, is a torn group: how long is it?
    fn check_rest(&self, name: &str) -> io::Result<Result<u64>> {
        let rest = usize::try_from(self.len - self.end).unwrap_or(usize::MAX);
        let mut bytes = vec![0; rest];
        self.file.read_exact_at(&mut bytes, self.end)?;
        for at in memchr::memmem::find_iter(&bytes, b"LSF1") {
            let offset = self.end + at as u64;
            if let Some((header, _)) = read_frame(self.file, offset, self.len)?
                && header.group > self.open_group
            {
                let message = format!(
                    "{name} is damaged at byte {}: a later commit is whole at byte {offset}. Nothing was changed",
                    self.end
                );
                return Ok(Err(corrupt(message)));
            }
        }
        let torn = bytes.iter().rposition(|byte| *byte != 0);
        Ok(Ok(torn.map_or(0, |last| last as u64 + 1)))
    }

    fn finish(self, torn_bytes: u64) -> Scanned {
        Scanned {
            tail: self.tail,
            end: self.end,
            group: self.group,
            torn_bytes,
        }
    }
}

/// A whole, undamaged frame at an offset.
pub(super) fn read_frame(
    file: &dyn DiskFile,
    offset: u64,
    len: u64,
) -> io::Result<Option<ReadFrame>> {
    let body_at = offset + FRAME_HEADER_BYTES as u64;
    if body_at > len {
        return Ok(None);
    }
    let mut bytes = [0; FRAME_HEADER_BYTES];
    file.read_exact_at(&mut bytes, offset)?;
    let Some(header) = FrameHeader::decode(&bytes) else {
        return Ok(None);
    };
    if body_at + u64::from(header.body_bytes) > len {
        return Ok(None);
    }
    let mut body = vec![0; header.body_bytes as usize];
    file.read_exact_at(&mut body, body_at)?;
    Ok((checksum(&body) == header.body_crc).then_some((header, body)))
}

/// The records of frames; `None` for a frame that is damaged. Half of the work is another thread's: opening waits for nothing else.
fn records_of(frames: &[ReadFrame]) -> Vec<Option<Vec<Record>>> {
    let (first, second) = frames.split_at(frames.len() / 2);
    let read = |frames: &[ReadFrame]| -> Vec<_> { frames.iter().map(records_in).collect() };
    std::thread::scope(|scope| {
        let helping = std::thread::Builder::new().spawn_scoped(scope, || read(second));
        let mut records = read(first);
        // Without a thread it takes twice as long.
        let others = helping.ok().and_then(|thread| thread.join().ok());
        records.extend(others.unwrap_or_else(|| read(second)));
        records
    })
}

fn records_in((header, body): &ReadFrame) -> Option<Vec<Record>> {
    let block = decompress(body, header.block_bytes)?;
    let block = Block::decode(block, header.first_seq, header.records)?;
    (0..block.len())
        .map(|index| block.record(index, &mut |text| text.into()))
        .collect()
}

/// What the index keeps of a record that was read back.
fn row_of(record: &Record, symbols: &mut Symbols, hasher: Hasher) -> PendingRow {
    match record {
        Record::Event(event) => {
            let mut symbol = |text: &str| symbols.get(text, hasher);
            PendingRow {
                time: event.time().as_nanos(),
                received: event.received().as_nanos(),
                json_bytes: event.raw().len() as u32,
                content: RowContent::Event {
                    hashes: hashes_of(event, hasher),
                    names: EventSymbols {
                        workspace: symbol(event.workspace()),
                        session: symbol(event.session()),
                        source: symbol(event.source()),
                        kind: symbol(event.kind()),
                        from: symbol(event.from().as_str()),
                        to: event.to().map_or(NO_SYMBOL, |to| symbol(to.as_str())),
                    },
                },
            }
        }
        Record::Observation(observation) => PendingRow {
            time: observation.received.as_nanos(),
            received: observation.received.as_nanos(),
            json_bytes: observation.changed.len() as u32,
            content: RowContent::Observation {
                of: observation.of.0,
            },
        },
    }
}
