//! Blocks: the records of one frame, decompressed.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use hashbrown::HashMap;

use super::bytes::{Reader, put_varint, put_zigzag};
use crate::clock::Timestamp;
use crate::event::{
    Envelope, Event, EventParts, NodeId, Observation, Outcome, Phase, Record, Stamps, TraceContext,
    resolve_time,
};
use crate::ids::Seq;

const HAS_TO: u64 = 1;
const HAS_TRACE: u64 = 1 << 1;
const HAS_CAUSATION: u64 = 1 << 2;
const HAS_REQUEST: u64 = 1 << 3;
const HAS_DATA: u64 = 1 << 4;
const HAS_DISPATCHED: u64 = 1 << 5;
const HAS_PUBLISHED: u64 = 1 << 6;
const OUTCOME_SHIFT: u32 = 7;
const PHASE_SHIFT: u32 = 9;

/// An event ready to be stored, apart from its seq.
#[derive(Debug)]
pub(super) struct EventDraft<'a> {
    pub(super) envelope: Envelope<'a>,
    pub(super) raw: &'a [u8],
    pub(super) from: Cow<'a, str>,
    pub(super) to: Option<Cow<'a, str>>,
    pub(super) session: Cow<'a, str>,
    pub(super) time: Timestamp,
    pub(super) stamps: Stamps,
}

impl<'a> EventDraft<'a> {
    pub(super) fn new(
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
        let normal = |address: &Cow<'a, str>| match address {
            Cow::Borrowed(address) => NodeId::normalize(address),
            Cow::Owned(address) => Cow::Owned(NodeId::normalize(address).into_owned()),
        };
        Self {
            from: normal(&envelope.source),
            to: envelope.subject.as_ref().map(normal),
            session: envelope.session.clone().unwrap_or(Cow::Borrowed(session)),
            time,
            stamps,
            envelope,
            raw,
        }
    }
}

/// An observation ready to be stored, apart from its seq.
#[derive(Debug)]
pub(super) struct ObservationParts<'a> {
    pub(super) of: Seq,
    pub(super) workspace: &'a str,
    pub(super) session: &'a str,
    pub(super) phase: Phase,
    pub(super) at: Timestamp,
    pub(super) time: Timestamp,
    pub(super) changed: &'a [u8],
}

/// A block under construction.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    strings: HashMap<Arc<str>, u64>,
    table: Vec<Arc<str>>,
    table_bytes: usize,
    records: Vec<u8>,
    scratch: Vec<u8>,
    pub(super) count: u32,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    first_time: i64,
    last_time: i64,
    last_received: Option<i64>,
}

impl BlockBuilder {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.table_bytes
    }

    fn string(&mut self, text: &str) -> u64 {
        if let Some(index) = self.strings.get(text) {
            return *index;
        }
        let index = self.table.len() as u64;
        let text: Arc<str> = text.into();
        self.table_bytes += text.len() + 2;
        self.table.push(Arc::clone(&text));
        self.strings.insert(text, index);
        index
    }

    /// Times are written as differences; the first one starts from zero, and `finish` can't know the least time before.
    fn times(&mut self, time: Timestamp, received: Timestamp) {
        let (time, received) = (time.as_nanos(), received.as_nanos());
        if self.count == 0 {
            (
                self.min_time,
                self.max_time,
                self.first_time,
                self.last_time,
            ) = (time, time, time, time);
        }
        put_zigzag(&mut self.scratch, time.wrapping_sub(self.last_time));
        put_zigzag(
            &mut self.scratch,
            received.wrapping_sub(self.last_received.unwrap_or(time)),
        );
        self.min_time = self.min_time.min(time);
        self.max_time = self.max_time.max(time);
        self.last_time = time;
        self.last_received = Some(received);
    }

    pub(super) fn event(&mut self, draft: &EventDraft<'_>, workspace: &str, received: Timestamp) {
        let envelope = &draft.envelope;
        self.scratch.clear();
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let flags = flag(draft.to.is_some(), HAS_TO)
            | flag(envelope.trace.is_some(), HAS_TRACE)
            | flag(envelope.causation_id.is_some(), HAS_CAUSATION)
            | flag(envelope.request_id.is_some(), HAS_REQUEST)
            | flag(envelope.data.is_some(), HAS_DATA)
            | flag(draft.stamps.dispatched.is_some(), HAS_DISPATCHED)
            | flag(draft.stamps.published.is_some(), HAS_PUBLISHED)
            | outcome_code(envelope.outcome) << OUTCOME_SHIFT
            | phase_code(envelope.phase) << PHASE_SHIFT;
        put_varint(&mut self.scratch, flags);
        self.times(draft.time, received);
        for text in [
            workspace,
            &*draft.session,
            &*envelope.source,
            &*envelope.kind,
            &*draft.from,
        ] {
            let index = self.string(text);
            put_varint(&mut self.scratch, index);
        }
        if let Some(to) = &draft.to {
            let index = self.string(to);
            put_varint(&mut self.scratch, index);
        }
        put_varint(&mut self.scratch, draft.raw.len() as u64);
        let mut extra = Vec::new();
        let mut range = |out: &mut Vec<u8>, text: &str| {
            let (offset, length) = place(draft.raw, text, &mut extra);
            put_varint(out, offset);
            put_varint(out, length);
        };
        range(&mut self.scratch, &envelope.id);
        if let Some(trace) = envelope.trace {
            let text = trace_text(trace);
            match find_trace(draft.raw, &text) {
                Some(offset) => {
                    put_varint(&mut self.scratch, offset as u64);
                    put_varint(&mut self.scratch, text.len() as u64);
                }
                None => range(&mut self.scratch, &String::from_utf8_lossy(&text)),
            }
        }
        if let Some(id) = &envelope.causation_id {
            range(&mut self.scratch, id);
        }
        if let Some(id) = &envelope.request_id {
            range(&mut self.scratch, id);
        }
        if let Some(data) = &envelope.data {
            put_varint(&mut self.scratch, data.start as u64);
            put_varint(&mut self.scratch, data.len() as u64);
        }
        if let Some(stamp) = draft.stamps.dispatched.or(draft.stamps.published) {
            put_zigzag(
                &mut self.scratch,
                stamp.as_nanos().wrapping_sub(draft.time.as_nanos()),
            );
        }
        self.push(0, &[draft.raw, &extra]);
    }

    pub(super) fn observation(&mut self, parts: &ObservationParts<'_>, received: Timestamp) {
        self.scratch.clear();
        self.times(parts.time, received);
        for text in [parts.workspace, parts.session] {
            let index = self.string(text);
            put_varint(&mut self.scratch, index);
        }
        put_varint(&mut self.scratch, parts.of.0);
        self.scratch.push(phase_code(Some(parts.phase)) as u8);
        put_zigzag(
            &mut self.scratch,
            parts.at.as_nanos().wrapping_sub(received.as_nanos()),
        );
        self.push(1, &[parts.changed]);
    }

    fn push(&mut self, kind: u8, tails: &[&[u8]]) {
        self.records.push(kind);
        let length = self.scratch.len() + tails.iter().map(|tail| tail.len()).sum::<usize>();
        put_varint(&mut self.records, length as u64);
        self.records.extend_from_slice(&self.scratch);
        for tail in tails {
            self.records.extend_from_slice(tail);
        }
        self.count += 1;
    }

    /// The block's bytes; the builder is empty again.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.len() + 16);
        put_zigzag(&mut block, self.first_time);
        put_varint(&mut block, self.table.len() as u64);
        for text in self.table.drain(..) {
            put_varint(&mut block, text.len() as u64);
            block.extend_from_slice(text.as_bytes());
        }
        block.extend_from_slice(&self.records);
        self.strings.clear();
        self.records.clear();
        self.table_bytes = 0;
        self.count = 0;
        self.last_received = None;
        block
    }
}

/// The middle of a `traceparent`: trace id, hyphen, span id.
fn trace_text(context: TraceContext) -> [u8; 49] {
    let digit = |number: u128| {
        let value = (number & 15) as u8;
        value + if value < 10 { b'0' } else { b'a' - 10 }
    };
    let mut text = [b'-'; 49];
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

/// The ids in the middle of a `traceparent`.
fn trace_from(middle: &str) -> Option<TraceContext> {
    let mut whole = *b"00-00000000000000000000000000000000-0000000000000000-00";
    whole
        .get_mut(3..3 + middle.len())
        .filter(|place| place.len() == 49)?
        .copy_from_slice(middle.as_bytes());
    std::str::from_utf8(&whole).ok()?.parse().ok()
}

/// Where the middle of the `traceparent` stands. It is looked for behind the member's name first: a search for a name that is always the same needs no preparation.
fn find_trace(raw: &[u8], text: &[u8; 49]) -> Option<usize> {
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

/// Where `text` stands in `raw`, or behind it in `extra`.
fn place(raw: &[u8], text: &str, extra: &mut Vec<u8>) -> (u64, u64) {
    let offset = text.as_ptr().addr().wrapping_sub(raw.as_ptr().addr());
    let is_part =
        offset <= raw.len() && raw.get(offset..offset + text.len()) == Some(text.as_bytes());
    if is_part {
        return (offset as u64, text.len() as u64);
    }
    let offset = raw.len() + extra.len();
    extra.extend_from_slice(text.as_bytes());
    (offset as u64, text.len() as u64)
}

fn outcome_code(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::None => 0,
        Outcome::Ok => 1,
        Outcome::Error => 2,
    }
}

fn outcome_from(code: u64) -> Option<Outcome> {
    Some(match code {
        0 => Outcome::None,
        1 => Outcome::Ok,
        2 => Outcome::Error,
        _ => return None,
    })
}

const PHASES: [Phase; 5] = [
    Phase::Pre,
    Phase::Post,
    Phase::Blocked,
    Phase::TimedOut,
    Phase::Raised,
];

fn phase_code(phase: Option<Phase>) -> u64 {
    phase
        .and_then(|phase| PHASES.iter().position(|known| *known == phase))
        .map_or(0, |index| index as u64 + 1)
}

#[expect(
    clippy::option_option,
    reason = "the outer one means damage, the inner one no phase"
)]
fn phase_from(code: u64) -> Option<Option<Phase>> {
    match code {
        0 => Some(None),
        code => PHASES
            .get(usize::try_from(code - 1).ok()?)
            .map(|phase| Some(*phase)),
    }
}

/// A block, taken apart as far as finding its records goes.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Bytes,
    table: Vec<Arc<str>>,
    first_seq: u64,
    /// Per record: where its content lies, whether it is an observation, and the times it is relative to.
    records: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    range: Range<usize>,
    is_observation: bool,
    time_before: i64,
    received_before: Option<i64>,
}

impl Block {
    /// `None` when the bytes are no block.
    pub(super) fn decode(
        bytes: Bytes,
        first_seq: u64,
        count: u32,
        mut intern: impl FnMut(&str) -> Arc<str>,
    ) -> Option<Self> {
        let mut reader = Reader(&bytes);
        let mut time = reader.zigzag()?;
        let strings = reader.size()?;
        let mut table = Vec::with_capacity(strings.min(1024));
        for _ in 0..strings {
            let length = reader.size()?;
            table.push(intern(std::str::from_utf8(reader.take(length)?).ok()?));
        }
        let mut records = Vec::with_capacity(count.min(65_536) as usize);
        let mut received = None;
        for _ in 0..count {
            let kind = reader.u8()?;
            let length = reader.size()?;
            let start = bytes.len() - reader.0.len();
            let mut content = Reader(reader.take(length)?);
            records.push(Entry {
                range: start..start + length,
                is_observation: kind == 1,
                time_before: time,
                received_before: received,
            });
            if kind == 0 {
                content.varint()?;
            }
            time = time.wrapping_add(content.zigzag()?);
            received = Some(received.unwrap_or(time).wrapping_add(content.zigzag()?));
        }
        let is_whole = reader.0.is_empty();
        is_whole.then_some(Self {
            bytes,
            table,
            first_seq,
            records,
        })
    }

    /// Bytes held.
    pub(super) fn weight(&self) -> u64 {
        (self.bytes.len() + self.records.len() * size_of::<Entry>() + self.table.len() * 16) as u64
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The record at an index; `None` when there is none, or it is damaged.
    pub(super) fn record(&self, index: usize) -> Option<Record> {
        let entry = self.records.get(index)?;
        let seq = Seq(self.first_seq + index as u64);
        if entry.is_observation {
            Some(Record::Observation(Arc::new(self.observation(entry, seq)?)))
        } else {
            Some(Record::Event(Arc::new(self.event(entry, seq)?)))
        }
    }

    fn event(&self, entry: &Entry, seq: Seq) -> Option<Event> {
        let mut reader = Reader(self.bytes.get(entry.range.clone())?);
        let flags = reader.varint()?;
        let (time, received) = times(&mut reader, entry)?;
        let (workspace, session) = (self.string(&mut reader)?, self.string(&mut reader)?);
        let (source, kind, from) = (
            self.string(&mut reader)?,
            self.string(&mut reader)?,
            self.string(&mut reader)?,
        );
        let to = if flags & HAS_TO == 0 {
            None
        } else {
            Some(NodeId::from_normalized(self.string(&mut reader)?))
        };
        let raw_length = reader.size()?;
        let id = (reader.size()?, reader.size()?);
        let mut range = |flag: u64| -> Option<Option<(usize, usize)>> {
            if flags & flag == 0 {
                return Some(None);
            }
            Some(Some((reader.size()?, reader.size()?)))
        };
        let (trace, causation, request, data) = (
            range(HAS_TRACE)?,
            range(HAS_CAUSATION)?,
            range(HAS_REQUEST)?,
            range(HAS_DATA)?,
        );
        let stamp = if flags & (HAS_DISPATCHED | HAS_PUBLISHED) == 0 {
            None
        } else {
            Some(reader.zigzag()?)
        };
        let stamp = stamp.map(|since| Timestamp::from_nanos(time.wrapping_add(since)));
        let tail = reader.0;
        let text = |(offset, length): (usize, usize)| {
            std::str::from_utf8(tail.get(offset..offset.checked_add(length)?)?).ok()
        };
        let shared = |range: Option<(usize, usize)>| -> Option<Option<Arc<str>>> {
            match range {
                Some(range) => Some(Some(text(range)?.into())),
                None => Some(None),
            }
        };
        let raw_start = entry.range.end - tail.len();
        let trace: Option<TraceContext> = match trace {
            Some(range) => Some(trace_from(text(range)?)?),
            None => None,
        };
        Some(Event::new(EventParts {
            seq,
            workspace,
            session,
            received: Timestamp::from_nanos(received),
            time: Timestamp::from_nanos(time),
            id: text(id)?.into(),
            source,
            kind,
            from: NodeId::from_normalized(from),
            to,
            trace,
            causation_id: shared(causation)?,
            request_id: shared(request)?,
            outcome: outcome_from((flags >> OUTCOME_SHIFT) & 3)?,
            phase: phase_from((flags >> PHASE_SHIFT) & 7)?,
            stamps: Stamps {
                dispatched: stamp.filter(|_| flags & HAS_DISPATCHED != 0),
                published: stamp.filter(|_| flags & HAS_PUBLISHED != 0),
            },
            data: data.map(|(offset, length)| offset..offset + length),
            raw: (raw_length <= tail.len())
                .then(|| self.bytes.slice(raw_start..raw_start + raw_length))?,
        }))
    }

    fn observation(&self, entry: &Entry, seq: Seq) -> Option<Observation> {
        let mut reader = Reader(self.bytes.get(entry.range.clone())?);
        let (_, received) = times(&mut reader, entry)?;
        let (workspace, session) = (self.string(&mut reader)?, self.string(&mut reader)?);
        let of = Seq(reader.varint()?);
        let phase = phase_from(u64::from(reader.u8()?))??;
        let at = Timestamp::from_nanos(received.wrapping_add(reader.zigzag()?));
        let start = entry.range.end - reader.0.len();
        let changed = self.bytes.slice(start..entry.range.end);
        Some(Observation {
            seq,
            of,
            workspace,
            session,
            phase,
            at,
            received: Timestamp::from_nanos(received),
            changed,
        })
    }

    fn string(&self, reader: &mut Reader<'_>) -> Option<Arc<str>> {
        self.table.get(reader.size()?).cloned()
    }
}

fn times(reader: &mut Reader<'_>, entry: &Entry) -> Option<(i64, i64)> {
    let time = entry.time_before.wrapping_add(reader.zigzag()?);
    let received = entry
        .received_before
        .unwrap_or(time)
        .wrapping_add(reader.zigzag()?);
    Some((time, received))
}
