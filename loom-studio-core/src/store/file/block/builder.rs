//! Gathering records into a block.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::super::bytes::put_varint;
use super::super::columns::{self, sortable};
use super::super::symbols::{NO_SYMBOL, Symbol, Symbols};
use super::{
    FIELDS, Field, HAS_CAUSATION, HAS_DATA, HAS_DISPATCHED, HAS_PUBLISHED, HAS_REQUEST, HAS_TARGET,
    HAS_TRACE, IS_OBSERVATION, OUTCOME_SHIFT, PHASE_SHIFT, Row, outcome_code, phase_code, zigzag,
};
use crate::clock::Timestamp;
use crate::event::{Envelope, Phase, Stamps, TraceContext, resolve_time};
use crate::ids::Seq;

/// An event ready to be stored, apart from its seq.
#[derive(Debug)]
pub(in super::super) struct EventDraft<'a> {
    pub(in super::super) envelope: Envelope<'a>,
    pub(in super::super) raw: &'a [u8],
    pub(in super::super) session: Cow<'a, str>,
    pub(in super::super) time: Timestamp,
    pub(in super::super) stamps: Stamps,
}

impl<'a> EventDraft<'a> {
    pub(in super::super) fn new(
        envelope: Envelope<'a>,
        raw: &'a [u8],
        session: &'a str,
        received: Timestamp,
    ) -> Self {
        let time = resolve_time(envelope.time, envelope.stamp, received);
        let stamps = match (envelope.phase, envelope.stamp) {
            (Some(phase), Some(at)) => Stamps::of_phase(phase, at),
            _ => Stamps::default(),
        };
        Self {
            session: envelope.session.clone().unwrap_or(Cow::Borrowed(session)),
            time,
            stamps,
            envelope,
            raw,
        }
    }
}

/// The strings of an event that others share with it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct EventSymbols {
    pub(in super::super) workspace: Symbol,
    pub(in super::super) session: Symbol,
    pub(in super::super) source: Symbol,
    pub(in super::super) kind: Symbol,
    /// The node behind `source`.
    pub(in super::super) from: Symbol,
    /// The node behind `subject`; `NO_SYMBOL` without one.
    pub(in super::super) to: Symbol,
}

/// An observation ready to be stored, apart from its seq.
#[derive(Debug)]
pub(in super::super) struct ObservationParts<'a> {
    pub(in super::super) of: Seq,
    pub(in super::super) workspace: Symbol,
    pub(in super::super) session: Symbol,
    pub(in super::super) phase: Phase,
    pub(in super::super) at: Timestamp,
    pub(in super::super) received: Timestamp,
    pub(in super::super) changed: &'a [u8],
}

/// A string of the block's table.
#[derive(Debug, Clone, Copy)]
struct TableEntry {
    symbol: Symbol,
    /// One more than the index of the node behind it, where it is a source and that node has another name; else 0.
    node: u64,
}

/// A block under construction.
#[derive(Debug, Default)]
pub(in super::super) struct BlockBuilder {
    /// By symbol: the block it was last used in, and its index in that block's table.
    indexes: Vec<(u32, u32)>,
    block: u32,
    table: Vec<TableEntry>,
    table_bytes: usize,
    rows: Vec<Row>,
    texts: Vec<u8>,
    pub(in super::super) min_time: i64,
    pub(in super::super) max_time: i64,
}

/// What a row's columns take before compression, about.
const ROW_BYTES: usize = 24;

impl BlockBuilder {
    /// Bytes so far, about.
    pub(in super::super) fn len(&self) -> usize {
        self.texts.len() + self.table_bytes + self.rows.len() * ROW_BYTES
    }

    /// The index in the block's table, and whether it is new there.
    fn index(&mut self, symbol: Symbol, symbols: &Symbols) -> (u64, bool) {
        let place = symbol as usize;
        if let Some((block, index)) = self.indexes.get(place)
            && *block == self.block + 1
        {
            return (u64::from(*index), false);
        }
        let index = self.table.len() as u32;
        if self.indexes.len() <= place {
            self.indexes.resize(symbols.len().max(place + 1), (0, 0));
        }
        if let Some(known) = self.indexes.get_mut(place) {
            *known = (self.block + 1, index);
        }
        self.table.push(TableEntry { symbol, node: 0 });
        self.table_bytes += symbols.length(symbol) + 2;
        (u64::from(index), true)
    }

    fn text(&mut self, symbol: Symbol, symbols: &Symbols) -> u64 {
        self.index(symbol, symbols).0
    }

    fn source(&mut self, source: Symbol, from: Symbol, symbols: &Symbols) -> u64 {
        let (index, _) = self.index(source, symbols);
        if from != source {
            let (node, _) = self.index(from, symbols);
            if let Some(entry) = self.table.get_mut(index as usize) {
                entry.node = node + 1;
            }
        }
        index
    }

    fn push(&mut self, row: Row, time: Timestamp) {
        let time = time.as_nanos();
        if self.rows.is_empty() {
            (self.min_time, self.max_time) = (time, time);
        }
        self.min_time = self.min_time.min(time);
        self.max_time = self.max_time.max(time);
        self.rows.push(row);
    }

    pub(in super::super) fn event(
        &mut self,
        draft: &EventDraft<'_>,
        names: EventSymbols,
        symbols: &Symbols,
        received: Timestamp,
    ) {
        let envelope = &draft.envelope;
        let raw = draft.raw;
        let start = self.texts.len();
        self.texts.extend_from_slice(raw);
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let mut row: Row = [0; FIELDS];
        let mut set = |field: Field, value: u64| {
            if let Some(place) = row.get_mut(field as usize) {
                *place = value;
            }
        };
        let flags = flag(names.to != NO_SYMBOL, HAS_TARGET)
            | flag(envelope.trace.is_some(), HAS_TRACE)
            | flag(envelope.causation_id.is_some(), HAS_CAUSATION)
            | flag(envelope.request_id.is_some(), HAS_REQUEST)
            | flag(envelope.data.is_some(), HAS_DATA)
            | flag(draft.stamps.dispatched.is_some(), HAS_DISPATCHED)
            | flag(draft.stamps.published.is_some(), HAS_PUBLISHED)
            | outcome_code(envelope.outcome) << OUTCOME_SHIFT
            | phase_code(envelope.phase) << PHASE_SHIFT;
        set(Field::Flags, flags);
        set(Field::Time, sortable(draft.time.as_nanos()));
        set(Field::Received, sortable(received.as_nanos()));
        set(Field::Workspace, self.text(names.workspace, symbols));
        set(Field::Session, self.text(names.session, symbols));
        set(
            Field::Source,
            self.source(names.source, names.from, symbols),
        );
        set(Field::Kind, self.text(names.kind, symbols));
        if names.to != NO_SYMBOL {
            set(Field::Target, self.text(names.to, symbols));
        }
        let texts = &mut self.texts;
        let mut place = |text: &str| (place(raw, text, texts, start), text.len() as u64);
        let (offset, length) = place(&envelope.id);
        set(Field::IdOffset, offset);
        set(Field::IdLength, length);
        let mut trace_offset = 0;
        if let Some(trace) = envelope.trace {
            let text = trace_text(trace);
            trace_offset = match find_trace(raw, &text) {
                Some(offset) => offset as u64,
                None => place(&String::from_utf8_lossy(&text)).0,
            };
            let before = symbols.length(names.source)
                + symbols.length(names.kind)
                + symbols.length(names.to);
            let behind = trace_offset.wrapping_sub(before as u64);
            set(Field::TraceOffset, zigzag(behind.cast_signed()));
        }
        if let Some(id) = &envelope.causation_id {
            let (offset, length) = place(id);
            set(Field::CausationOffset, offset);
            set(Field::CausationLength, length);
        }
        if let Some(id) = &envelope.request_id {
            let (offset, length) = place(id);
            set(Field::RequestOffset, offset);
            set(Field::RequestLength, length);
        }
        if let Some(data) = &envelope.data {
            let since_trace = (data.start as u64).wrapping_sub(trace_offset);
            set(Field::DataOffset, zigzag(since_trace.cast_signed()));
            set(Field::DataTail, raw.len().saturating_sub(data.end) as u64);
        }
        if let Some(stamp) = draft.stamps.dispatched.or(draft.stamps.published) {
            let since = stamp.as_nanos().wrapping_sub(draft.time.as_nanos());
            set(Field::Stamp, zigzag(since));
        }
        let length = self.texts.len() - start;
        set(Field::Text, length as u64);
        set(Field::Extra, (length - raw.len()) as u64);
        self.push(row, draft.time);
    }

    /// `seq` is the observation's own.
    pub(in super::super) fn observation(
        &mut self,
        seq: u64,
        parts: &ObservationParts<'_>,
        symbols: &Symbols,
    ) {
        let received = parts.received.as_nanos();
        let mut row: Row = [0; FIELDS];
        let mut set = |field: Field, value: u64| {
            if let Some(place) = row.get_mut(field as usize) {
                *place = value;
            }
        };
        set(
            Field::Flags,
            IS_OBSERVATION | phase_code(Some(parts.phase)) << PHASE_SHIFT,
        );
        set(Field::Time, sortable(received));
        set(Field::Received, sortable(received));
        set(Field::Workspace, self.text(parts.workspace, symbols));
        set(Field::Session, self.text(parts.session, symbols));
        set(Field::Text, parts.changed.len() as u64);
        set(
            Field::Stamp,
            zigzag(parts.at.as_nanos().wrapping_sub(received)),
        );
        set(Field::Observed, seq.wrapping_sub(parts.of.0));
        self.texts.extend_from_slice(parts.changed);
        self.push(row, parts.received);
    }

    /// The block's bytes; the builder is empty again.
    pub(in super::super) fn finish(&mut self, symbols: &Symbols) -> Vec<u8> {
        let mut block =
            Vec::with_capacity(self.texts.len() + self.table_bytes + self.rows.len() * 48 + 256);
        put_varint(&mut block, self.rows.len() as u64);
        put_varint(&mut block, self.table.len() as u64);
        let texts = self.table.iter().map(|entry| {
            let text = symbols.text(entry.symbol);
            text.map_or("", |text| text)
        });
        columns::put(&mut block, texts.clone().map(|text| text.len() as u64));
        columns::put(&mut block, self.table.iter().map(|entry| entry.node));
        texts.for_each(|text| block.extend_from_slice(text.as_bytes()));
        for field in 0..FIELDS {
            let values = self.rows.iter();
            columns::put(
                &mut block,
                values.map(|row| row.get(field).copied().unwrap_or(0)),
            );
        }
        block.extend_from_slice(&self.texts);
        self.begin();
        block
    }

    fn begin(&mut self) {
        self.block += 1;
        self.table.clear();
        self.table_bytes = 0;
        self.rows.clear();
        self.texts.clear();
        if self.block == u32::MAX - 1 {
            // The numbers of blocks begin again, so no earlier one may be remembered.
            self.block = 0;
            self.indexes.clear();
        }
    }

    /// The table of symbols was begun anew.
    pub(in super::super) fn forget_symbols(&mut self) {
        self.indexes = Vec::new();
    }
}

/// The middle of a `traceparent`: trace id, hyphen, span id.
fn trace_text(context: TraceContext) -> [u8; TRACE_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u128| DIGITS.get((number & 15) as usize).copied().unwrap_or(b'0');
    let mut text = [b'-'; TRACE_BYTES];
    let (trace, rest) = text.split_at_mut(32);
    for (place, shift) in trace.iter_mut().zip((0..128).step_by(4).rev()) {
        *place = digit(context.trace.0 >> shift);
    }
    let span = rest.iter_mut().skip(1);
    for (place, shift) in span.zip((0..64).step_by(4).rev()) {
        *place = digit(u128::from(context.span.0) >> shift);
    }
    text
}

/// Bytes of what [`trace_text`] writes.
pub(super) const TRACE_BYTES: usize = 49;

/// Where the middle of the `traceparent` stands. It is looked for behind the member's name first: a search for a name that is always the same needs no preparation.
fn find_trace(raw: &[u8], text: &[u8; TRACE_BYTES]) -> Option<usize> {
    const NAME: &[u8] = b"traceparent\"";
    /// Colon, spaces, quote, version, hyphen.
    const BETWEEN: usize = 8;
    static FINDER: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new(NAME));
    let after_name = FINDER.find(raw).map(|at| at + NAME.len());
    let nearby = after_name.and_then(|start| {
        (start..start + BETWEEN).find(|at| raw.get(*at..at + text.len()) == Some(text.as_slice()))
    });
    nearby.or_else(|| memchr::memmem::find(raw, text))
}

/// Where `text` stands in `raw`, or behind it among the block's texts, of which this record's begin at `start`.
fn place(raw: &[u8], text: &str, texts: &mut Vec<u8>, start: usize) -> u64 {
    let offset = text.as_ptr().addr().wrapping_sub(raw.as_ptr().addr());
    let is_part =
        offset <= raw.len() && raw.get(offset..offset + text.len()) == Some(text.as_bytes());
    if is_part {
        return offset as u64;
    }
    let offset = texts.len() - start;
    texts.extend_from_slice(text.as_bytes());
    offset as u64
}
