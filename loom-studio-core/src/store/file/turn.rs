//! Reading events a turn at a time: few enough that other tasks need not wait long, enough to share the work among threads.

use std::sync::Arc;

use super::block::Block;
use super::blocks::{Blocks, Wanted};
use super::ordered::{Place, Selected};
use super::segment::damaged;
use crate::error::{Error, Result};
use crate::event::{Event, Record};

/// Blocks read between two chances for other tasks to run.
const BLOCKS: usize = 64;
/// Their bytes, for blocks with large events.
const BYTES: u64 = 4 << 20;

/// Places to read before other tasks get a chance, and the blocks they lie in.
#[derive(Default)]
pub(super) struct Turn {
    wanted: Vec<Wanted>,
    bytes: u64,
    /// Each with the number of its block, and its index in there.
    places: Vec<(Place, usize, usize)>,
    /// Parts of the blocks.
    parts: Vec<usize>,
}

impl Turn {
    /// As many of the next places as one turn may read.
    pub(super) fn take(
        selected: &Selected,
        places: &mut (dyn Iterator<Item = Place> + Send),
    ) -> Result<Self> {
        let mut turn = Self::default();
        while turn.wanted.len() < BLOCKS && turn.bytes < BYTES {
            let Some(place) = places.next() else { break };
            turn.add(place, selected)?;
        }
        Ok(turn)
    }

    /// The events, in the order of their places.
    pub(super) fn read(self, blocks: &Blocks) -> Result<Vec<(Place, Arc<Event>)>> {
        let read: Vec<Arc<Block>> = blocks
            .blocks(&self.wanted)
            .into_iter()
            .collect::<Result<_>>()?;
        let event = |(place, number, index): (Place, usize, usize)| {
            let record = read
                .get(number)
                .and_then(|block| blocks.record_in(block, index));
            match record {
                Some(Record::Event(event)) => Ok((place, event)),
                _ => Err(self.broken(number)),
            }
        };
        self.places.iter().copied().map(event).collect()
    }

    fn broken(&self, number: usize) -> Error {
        let wanted = self.wanted.get(number);
        wanted.map_or_else(
            || Error::invalid("a block was not read"),
            |wanted| damaged(wanted.segment.first_seq, wanted.frame.body_offset),
        )
    }

    fn add(&mut self, place: Place, selected: &Selected) -> Result<()> {
        let missing = || Error::invalid("a row left its segment");
        // Rows in time order hop between a few blocks; the others stay in one.
        let known = self
            .wanted
            .iter()
            .zip(&self.parts)
            .enumerate()
            .rev()
            .find_map(|(number, (wanted, part))| {
                let index = place.row.checked_sub(wanted.frame.first_row)?;
                (*part == place.part && index < wanted.rows).then_some((number, index))
            });
        let (number, index) = if let Some(known) = known {
            known
        } else {
            let segment = &selected.parts.get(place.part).ok_or_else(missing)?.segment;
            let (frame, rows) = segment
                .frame_of(place.row)
                .ok_or_else(|| damaged(segment.first_seq, 0))?;
            self.bytes += u64::from(frame.block_bytes);
            self.wanted.push(Wanted {
                segment: Arc::clone(segment),
                frame,
                rows,
            });
            self.parts.push(place.part);
            (self.wanted.len() - 1, place.row - frame.first_row)
        };
        self.places.push((place, number, index as usize));
        Ok(())
    }
}
