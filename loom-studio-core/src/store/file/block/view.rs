//! Reading the records of a block.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::super::bytes::Reader;
use super::super::columns::{Column, nanos};
use super::builder::TRACE_BYTES;
use super::{
    FIELDS, Field, HAS_CAUSATION, HAS_DATA, HAS_DISPATCHED, HAS_PUBLISHED, HAS_REQUEST, HAS_TARGET,
    HAS_TRACE, IS_OBSERVATION, OUTCOME_SHIFT, PHASE_SHIFT, outcome_from, phase_from, unzigzag,
};
use crate::clock::Timestamp;
use crate::event::{Event, EventParts, NodeId, Observation, Record, Stamps, TraceContext};
use crate::ids::Seq;

/// A block, taken apart as far as finding its records goes.
#[derive(Debug)]
pub(in super::super) struct Block {
    bytes: Bytes,
    first_seq: u64,
    table: Vec<TableText>,
    columns: [Column; FIELDS],
    /// Where each record's text begins, and where the last one ends.
    starts: Vec<u32>,
}

/// A string of the table: shared with other blocks once a record that is read uses it.
#[derive(Debug)]
struct TableText {
    start: u32,
    end: u32,
    /// One more than the index of the node behind it; 0 when that is the string itself.
    node: u32,
    shared: OnceLock<Arc<str>>,
}

impl Block {
    /// `None` when the bytes are no block of so many records.
    pub(in super::super) fn decode(bytes: Bytes, first_seq: u64, count: u32) -> Option<Self> {
        let mut reader = Reader(&bytes);
        let rows = reader.size()?;
        // Each record has a text of its own, so a block has no more of them than bytes.
        if rows != count as usize || rows > bytes.len() {
            return None;
        }
        // Each string is used by a record: by five fields at most, and one names a second.
        let strings = reader.size()?;
        if strings > 6 * rows {
            return None;
        }
        let lengths = Column::take(&mut reader, &bytes, strings)?;
        let nodes = Column::take(&mut reader, &bytes, strings)?;
        let mut table = Vec::with_capacity(strings.min(1024));
        for index in 0..strings {
            let start = bytes.len() - reader.0.len();
            let length = usize::try_from(lengths.get(&bytes, index)?).ok()?;
            reader.take(length)?;
            table.push(TableText {
                start: u32::try_from(start).ok()?,
                end: u32::try_from(start + length).ok()?,
                node: u32::try_from(nodes.get(&bytes, index)?).ok()?,
                shared: OnceLock::new(),
            });
        }
        let mut columns = [Column::default(); FIELDS];
        for column in &mut columns {
            *column = Column::take(&mut reader, &bytes, rows)?;
        }
        let mut starts = Vec::with_capacity(rows + 1);
        let mut start = u32::try_from(bytes.len() - reader.0.len()).ok()?;
        starts.push(start);
        let lengths = columns.get(Field::Text as usize)?;
        for row in 0..rows {
            let length = u32::try_from(lengths.get(&bytes, row)?).ok()?;
            // The least JSON there is of a record is `{}`.
            start = start.checked_add(length).filter(|_| length >= 2)?;
            starts.push(start);
        }
        let is_whole = start as usize == bytes.len();
        is_whole.then_some(Self {
            bytes,
            first_seq,
            table,
            columns,
            starts,
        })
    }

    /// Bytes held.
    pub(in super::super) fn weight(&self) -> u64 {
        let table = self.table.len() * size_of::<TableText>();
        (size_of::<Self>() + self.bytes.len() + self.starts.len() * 4 + table) as u64
    }

    pub(in super::super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The record at an index; `None` when there is none, or it is damaged. `intern` gives the shared copy of a string that records have in common.
    pub(in super::super) fn record(
        &self,
        index: usize,
        intern: &mut dyn FnMut(&str) -> Arc<str>,
    ) -> Option<Record> {
        let text = (
            *self.starts.get(index)? as usize,
            *self.starts.get(index + 1)? as usize,
        );
        let row = View {
            block: self,
            index,
            text,
        };
        if row.get(Field::Flags)? & IS_OBSERVATION != 0 {
            Some(Record::Observation(Arc::new(row.observation(intern)?)))
        } else {
            Some(Record::Event(Arc::new(row.event(intern)?)))
        }
    }

    fn shared(&self, index: usize, intern: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Arc<str>> {
        let text = self.table.get(index)?;
        if let Some(shared) = text.shared.get() {
            return Some(Arc::clone(shared));
        }
        let bytes = self.bytes.get(text.start as usize..text.end as usize)?;
        let shared = intern(std::str::from_utf8(bytes).ok()?);
        Some(Arc::clone(text.shared.get_or_init(|| shared)))
    }
}

/// One row of a block.
struct View<'a> {
    block: &'a Block,
    index: usize,
    text: (usize, usize),
}

impl View<'_> {
    fn get(&self, field: Field) -> Option<u64> {
        let column = self.block.columns.get(field as usize)?;
        column.get(&self.block.bytes, self.index)
    }

    fn size(&self, field: Field) -> Option<usize> {
        usize::try_from(self.get(field)?).ok()
    }

    /// Where the trace stands; 0 without one.
    fn trace_offset(&self, flags: u64) -> Option<u64> {
        if flags & HAS_TRACE == 0 {
            return Some(0);
        }
        let length = |field: Field| {
            let text = self.block.table.get(self.size(field)?)?;
            Some(u64::from(text.end - text.start))
        };
        let mut before = length(Field::Source)? + length(Field::Kind)?;
        if flags & HAS_TARGET != 0 {
            before += length(Field::Target)?;
        }
        before.checked_add_signed(unzigzag(self.get(Field::TraceOffset)?))
    }

    fn string(&self, field: Field, intern: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Arc<str>> {
        self.block.shared(self.size(field)?, intern)
    }

    /// A part of the record's text.
    fn part(&self, offset: usize, length: usize) -> Option<&str> {
        let text = self.block.bytes.get(self.text.0..self.text.1)?;
        std::str::from_utf8(text.get(offset..offset.checked_add(length)?)?).ok()
    }

    fn id(&self, offset: Field, length: Field) -> Option<Arc<str>> {
        Some(self.part(self.size(offset)?, self.size(length)?)?.into())
    }

    fn event(&self, intern: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Event> {
        let flags = self.get(Field::Flags)?;
        let has = |flag: u64| flags & flag != 0;
        let time = nanos(self.get(Field::Time)?);
        let source = self.size(Field::Source)?;
        let node = self.block.table.get(source)?.node;
        let from = match node {
            0 => self.block.shared(source, intern)?,
            node => self.block.shared(node as usize - 1, intern)?,
        };
        let to = if has(HAS_TARGET) {
            Some(NodeId::from_normalized(self.string(Field::Target, intern)?))
        } else {
            None
        };
        let trace = if has(HAS_TRACE) {
            let offset = usize::try_from(self.trace_offset(flags)?).ok()?;
            let middle = self.part(offset, TRACE_BYTES)?;
            Some(trace_from(middle)?)
        } else {
            None
        };
        let id = |flag: u64, offset, length| -> Option<Option<Arc<str>>> {
            if has(flag) {
                Some(Some(self.id(offset, length)?))
            } else {
                Some(None)
            }
        };
        let causation_id = id(
            HAS_CAUSATION,
            Field::CausationOffset,
            Field::CausationLength,
        )?;
        let request_id = id(HAS_REQUEST, Field::RequestOffset, Field::RequestLength)?;
        let (start, end) = self.text;
        let raw_length = (end - start).checked_sub(self.size(Field::Extra)?)?;
        let data = if has(HAS_DATA) {
            let end = raw_length.checked_sub(self.size(Field::DataTail)?)?;
            let since_trace = unzigzag(self.get(Field::DataOffset)?);
            let offset = self.trace_offset(flags)?.checked_add_signed(since_trace)?;
            Some(usize::try_from(offset).ok()?..end)
        } else {
            None
        };
        let stamp = if has(HAS_DISPATCHED | HAS_PUBLISHED) {
            let since = unzigzag(self.get(Field::Stamp)?);
            Some(Timestamp::from_nanos(time.wrapping_add(since)))
        } else {
            None
        };
        Some(Event::new(EventParts {
            seq: Seq(self.block.first_seq + self.index as u64),
            workspace: self.string(Field::Workspace, intern)?,
            session: self.string(Field::Session, intern)?,
            received: Timestamp::from_nanos(nanos(self.get(Field::Received)?)),
            time: Timestamp::from_nanos(time),
            id: self.id(Field::IdOffset, Field::IdLength)?,
            source: self.block.shared(source, intern)?,
            kind: self.string(Field::Kind, intern)?,
            from: NodeId::from_normalized(from),
            to,
            trace,
            causation_id,
            request_id,
            outcome: outcome_from((flags >> OUTCOME_SHIFT) & 3)?,
            phase: phase_from((flags >> PHASE_SHIFT) & 7)?,
            stamps: Stamps {
                dispatched: stamp.filter(|_| has(HAS_DISPATCHED)),
                published: stamp.filter(|_| has(HAS_PUBLISHED)),
            },
            data,
            raw: self.block.bytes.slice(start..start + raw_length),
        }))
    }

    fn observation(&self, intern: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Observation> {
        let flags = self.get(Field::Flags)?;
        let received = nanos(self.get(Field::Received)?);
        let seq = self.block.first_seq + self.index as u64;
        let (start, end) = self.text;
        Some(Observation {
            seq: Seq(seq),
            of: Seq(seq.checked_sub(self.get(Field::Observed)?)?),
            workspace: self.string(Field::Workspace, intern)?,
            session: self.string(Field::Session, intern)?,
            phase: phase_from((flags >> PHASE_SHIFT) & 7)??,
            at: Timestamp::from_nanos(received.wrapping_add(unzigzag(self.get(Field::Stamp)?))),
            received: Timestamp::from_nanos(received),
            changed: self.block.bytes.slice(start..end),
        })
    }
}

/// The ids in the middle of a `traceparent`.
fn trace_from(middle: &str) -> Option<TraceContext> {
    let mut whole = *b"00-00000000000000000000000000000000-0000000000000000-00";
    whole
        .get_mut(3..3 + TRACE_BYTES)
        .filter(|place| place.len() == middle.len())?
        .copy_from_slice(middle.as_bytes());
    std::str::from_utf8(&whole).ok()?.parse().ok()
}
