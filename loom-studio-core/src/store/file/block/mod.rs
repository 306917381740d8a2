//! Blocks: the records of one frame, decompressed. `docs/file-format.md` describes the bytes.
//!
//! A block is stored by column, texts last: equal columns compress to nothing, texts lie side by side, and one record is read without those before it.

mod builder;
mod view;

use crate::event::{Outcome, Phase};

pub(super) use builder::{BlockBuilder, EventDraft, EventSymbols, ObservationParts};
pub(super) use view::Block;

const HAS_TARGET: u64 = 1;
const HAS_TRACE: u64 = 1 << 1;
const HAS_CAUSATION: u64 = 1 << 2;
const HAS_REQUEST: u64 = 1 << 3;
const HAS_DATA: u64 = 1 << 4;
const HAS_DISPATCHED: u64 = 1 << 5;
const HAS_PUBLISHED: u64 = 1 << 6;
const OUTCOME_SHIFT: u32 = 7;
const PHASE_SHIFT: u32 = 9;
const IS_OBSERVATION: u64 = 1 << 12;

/// The columns, in their order on disk.
#[derive(Debug, Clone, Copy)]
enum Field {
    Flags = 0,
    /// Nanoseconds, with the sign bit turned over so that they sort as unsigned numbers.
    Time = 1,
    Received = 2,
    Workspace = 3,
    Session = 4,
    Source = 5,
    Kind = 6,
    Target = 7,
    /// Bytes of the record's text, extras included.
    Text = 8,
    /// Bytes of strings behind the JSON text that don't stand in it literally.
    Extra = 9,
    IdOffset = 10,
    IdLength = 11,
    /// Zigzag: since the lengths of source, type and target together, for most applications write their members before it.
    TraceOffset = 12,
    CausationOffset = 13,
    CausationLength = 14,
    RequestOffset = 15,
    RequestLength = 16,
    /// Zigzag: since the trace's offset, for an application writes its members in one order.
    DataOffset = 17,
    /// Bytes of the JSON text behind `data`.
    DataTail = 18,
    /// Zigzag: an event's stamp since its time, an observation's moment since its receipt.
    Stamp = 19,
    /// How far back the observed event is.
    Observed = 20,
}

const FIELDS: usize = 21;

type Row = [u64; FIELDS];

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
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
