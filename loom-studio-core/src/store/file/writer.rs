//! Stage two of an append: compress, write, sync, then index and acknowledge. One thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::bytes::checksum;
use super::disk::DiskFile;
use super::frame::{FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::index::FrameEntry;
use super::os_disk::without_path;
use super::pending::{Group, PendingRow, RawBlock, RowContent, Waiting};
use super::sealed::MAX_ROWS;
use super::segment::{Segment, SegmentIndex, Tail, log_name};
use super::shared::Shared;
use super::tail_index::{NewRow, Slots};
use crate::error::{Error, ErrorKind};

/// Space is reserved in steps of this size.
const ALLOCATION_BYTES: u64 = 32 << 20;

/// The end of the log.
pub(super) struct Writer {
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    /// Where the next group goes: everything before it is committed.
    end: u64,
    allocated: u64,
    group: u64,
    /// The strings behind the numbers of gathered rows, and where the segment indexes them.
    texts: Vec<Arc<str>>,
    slots: Slots,
}

/// Where the log goes on.
#[derive(Debug)]
pub(super) struct Resume {
    pub(super) segment: Arc<Segment>,
    pub(super) end: u64,
    pub(super) group: u64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "paces commit groups; no stored value depends on it"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, resume: Resume) -> Self {
        Self {
            shared,
            segment: resume.segment,
            end: resume.end,
            allocated: resume.end,
            group: resume.group,
            texts: Vec::new(),
            slots: Slots::default(),
        }
    }

    /// Commits groups until the store closes.
    pub(super) fn run(mut self) {
        while let Some(group) = self.next_group() {
            let Group {
                blocks,
                waiting,
                rolls,
                new_symbols,
            } = group;
            if new_symbols.replace {
                self.texts.clear();
                self.slots.clear();
            }
            self.texts.extend(new_symbols.texts);
            let outcome = if blocks.is_empty() {
                Ok(())
            } else {
                self.commit(blocks)
            };
            match outcome {
                Ok(()) => {
                    let mut known = self.shared.pending().committed();
                    for batch in waiting {
                        answer(batch, None);
                    }
                    known.clear();
                    self.shared.pending().reuse(known);
                    self.roll_if_full(!rolls.is_empty());
                }
                Err(error) => self.fail(&error, waiting),
            }
            for roll in rolls {
                // Who asked may have gone.
                let _ = roll.send(());
            }
        }
        if self.allocated > self.end {
            // A closed segment keeps no reserved space. Should it stay, it is no frame: the next open cuts it.
            let _ = self.segment.file.set_len(self.end);
        }
    }

    /// Waits until a group is due: the first batch has waited long enough, or there is much of it.
    fn next_group(&self) -> Option<Group> {
        let options = &self.shared.options;
        let mut pending = self.shared.pending();
        loop {
            let due = pending
                .started()
                .map(|started| started + options.group_delay);
            let is_large = pending.bytes() >= options.group_bytes || pending.has_rolls();
            let wait = match due {
                Some(due) if !is_large && !pending.closing => due.saturating_duration_since(now()),
                Some(_) => Duration::ZERO,
                None if is_large => Duration::ZERO,
                None if pending.closing => return None,
                None => Duration::MAX,
            };
            if !wait.is_zero() {
                pending = self.shared.wait(pending, wait);
            } else if let Some(group) = pending.take() {
                return Some(group);
            } else if pending.closing {
                return None;
            } else {
                pending = self.shared.wait(pending, Duration::MAX);
            }
        }
    }

    /// Writes a group and returns once it is durable, indexed and shown.
    fn commit(&mut self, blocks: Vec<Arc<RawBlock>>) -> io::Result<()> {
        self.group += 1;
        let mut bytes = Vec::with_capacity(blocks.iter().map(|block| block.bytes.len() / 2).sum());
        let mut frames = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.iter().enumerate() {
            let body = block
                .body()
                .ok_or_else(|| io::Error::other("a block could not be compressed"))?;
            let body_crc = checksum(body);
            let header = FrameHeader {
                ends_group: index + 1 == blocks.len(),
                group: self.group,
                first_seq: block.first_seq,
                records: block.rows.len() as u32,
                body_bytes: body.len() as u32,
                block_bytes: block.bytes.len() as u32,
                min_time: block.min_time,
                max_time: block.max_time,
                body_crc,
            };
            bytes.extend_from_slice(&header.encode());
            frames.push(FrameEntry {
                body_offset: self.end + bytes.len() as u64,
                body_bytes: header.body_bytes,
                block_bytes: header.block_bytes,
                first_row: (block.first_seq - self.segment.first_seq) as u32,
                body_crc,
                min_time: block.min_time,
                max_time: block.max_time,
            });
            bytes.extend_from_slice(body);
        }
        let end = self.end + bytes.len() as u64;
        let file = Arc::clone(&self.segment.file);
        let written = self.write(&*file, &bytes, end);
        if let Err(error) = written {
            self.group -= 1;
            return Err(error);
        }
        self.end = end;
        self.shared.counters.group(
            bytes.len() as u64,
            blocks.iter().map(|block| block.rows.len() as u64).sum(),
            blocks
                .iter()
                .flat_map(|block| &block.rows)
                .map(|row| u64::from(row.json_bytes))
                .sum(),
        );
        self.index(blocks, &frames);
        Ok(())
    }

    fn write(&mut self, file: &dyn DiskFile, bytes: &[u8], end: u64) -> io::Result<()> {
        if end > self.allocated {
            let wanted = (end + self.shared.options.segment_bytes / 8)
                .next_multiple_of(ALLOCATION_BYTES.min(self.shared.options.segment_bytes.max(1)));
            match file.allocate(wanted) {
                Ok(()) => self.allocated = wanted,
                // The last of the space may still hold this group.
                Err(error) if is_full(&error) => {}
                Err(error) => return Err(error),
            }
        }
        file.write_all_at(bytes, self.end)?;
        file.sync_data()
    }

    fn index(&mut self, blocks: Vec<Arc<RawBlock>>, frames: &[FrameEntry]) {
        if let SegmentIndex::Tail(tail) = &self.segment.index {
            let mut tail = tail
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            for (block, frame) in blocks.iter().zip(frames) {
                tail.add_frame(*frame);
                for row in &block.rows {
                    tail.add_row(row, &self.texts, &mut self.slots);
                }
            }
            tail.meta.log_bytes = self.end;
        }
        let mut head = 0;
        for (block, frame) in blocks.into_iter().zip(frames) {
            head = block.first_seq + block.rows.len() as u64 - 1;
            self.shared.blocks.keep(
                self.segment.first_seq,
                frame.first_row,
                block.rows.len() as u32,
                block.bytes.clone(),
            );
        }
        self.shared.publish(head);
    }

    /// A group could not be written. For want of space nothing is lost: the log is cut back to its last commit and goes on when there is space. Any other error may have left
    /// anything on the disk, and a failed sync can't be repeated: the store takes nothing more until it is opened anew.
    fn fail(&mut self, error: &io::Error, waiting: Vec<Waiting>) {
        let mut kind = ErrorKind::Full;
        let mut message = "the disk is full; nothing of this batch was stored".to_owned();
        if !is_full(error) || self.segment.file.set_len(self.end).is_err() {
            kind = ErrorKind::Closed;
            message = format!(
                "the log could not be written, and takes nothing more until it is opened anew: {}",
                without_path(error)
            );
            self.shared.poison(&message);
            self.shared.note(&error.to_string());
        }
        self.allocated = self.end;
        let mut pending = self.shared.pending();
        let more = pending.discard(self.shared.durable() + 1);
        drop(pending);
        for batch in waiting.into_iter().chain(more) {
            answer(batch, Some(Error::new(kind, message.clone())));
        }
    }

    /// A full segment is closed, and its index is written by another thread.
    fn roll_if_full(&mut self, is_asked: bool) {
        let options = &self.shared.options;
        let rows = self.segment.rows();
        let has_enough =
            rows >= options.segment_records.min(MAX_ROWS / 2) || self.end >= options.segment_bytes;
        if rows == 0 || !(has_enough || is_asked) {
            return;
        }
        if let Err(error) = self.roll() {
            let what = "a new segment could not be begun";
            self.shared.note(&format!("{what}: {error}"));
            // For want of space the old segment goes on a little longer; the next group tries again.
            if !is_full(&error) {
                self.shared
                    .poison(&format!("{what}: {}", without_path(&error)));
            }
        }
    }

    fn roll(&mut self) -> io::Result<()> {
        self.segment.file.set_len(self.end)?;
        self.segment.file.sync_data()?;
        self.allocated = self.end;
        let first_seq = self.shared.durable() + 1;
        let segment = begin_segment(&self.shared, first_seq).map_err(|error| {
            // The old segment may go on beyond this one's first seq only if nothing is left that looks like a segment which lost its records.
            match self.shared.disk.remove(&log_name(first_seq)) {
                Err(left) if left.kind() != io::ErrorKind::NotFound => left,
                Ok(()) | Err(_) => error,
            }
        })?;
        self.shared.add_segment(Arc::clone(&segment));
        let full = std::mem::replace(&mut self.segment, segment);
        (self.end, self.allocated, self.group) =
            (SEGMENT_HEADER_BYTES as u64, SEGMENT_HEADER_BYTES as u64, 0);
        self.slots.clear();
        self.shared.seal_soon(full);
        Ok(())
    }
}

/// Makes a new, empty, durable segment.
pub(super) fn begin_segment(shared: &Shared, first_seq: u64) -> io::Result<Arc<Segment>> {
    let file = shared.disk.create(&log_name(first_seq))?;
    let header = SegmentHeader {
        epoch: shared.epoch,
        first_seq,
        created_nanos: shared.clock.now().as_nanos(),
    };
    file.write_all_at(&header.encode(), 0)?;
    file.sync_data()?;
    shared.disk.sync_dir()?;
    shared
        .counters
        .other_bytes
        .fetch_add(SEGMENT_HEADER_BYTES as u64, Ordering::Relaxed);
    let mut tail = Tail::default();
    tail.meta.first_seq = first_seq;
    tail.meta.log_bytes = SEGMENT_HEADER_BYTES as u64;
    Ok(Arc::new(Segment {
        first_seq,
        file,
        index: SegmentIndex::Tail(tail.into()),
    }))
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn answer(batch: Waiting, error: Option<Error>) {
    let Waiting {
        appended,
        done,
        _space,
    } = batch;
    // A client that is gone needs no answer.
    let _ = done.send(match error {
        None => Ok(appended),
        Some(error) => Err(error),
    });
}

impl Tail {
    pub(super) fn add_frame(&mut self, frame: FrameEntry) {
        self.index.add_frame(frame);
    }

    pub(super) fn add_row(&mut self, row: &PendingRow, texts: &[Arc<str>], slots: &mut Slots) {
        let PendingRow {
            time,
            received,
            json_bytes,
            content,
        } = *row;
        match content {
            RowContent::Event { hashes, names } => {
                let new = NewRow {
                    time,
                    hashes,
                    names,
                    texts,
                };
                self.index.add_event(&new, slots);
                if let Some(workspace) = texts.get(names.workspace as usize) {
                    match self.meta.workspaces.get_mut(workspace) {
                        Some(events) => *events += 1,
                        None => {
                            self.meta.workspaces.insert(Arc::clone(workspace), 1);
                        }
                    }
                }
                self.meta.events += 1;
            }
            RowContent::Observation { of } => self.index.add_observation(time, of),
        }
        if self.meta.rows == 0 {
            (self.meta.oldest_received, self.meta.newest_received) = (received, received);
        }
        self.meta.oldest_received = self.meta.oldest_received.min(received);
        self.meta.newest_received = self.meta.newest_received.max(received);
        self.meta.json_bytes += u64::from(json_bytes);
        self.meta.rows += 1;
    }
}
