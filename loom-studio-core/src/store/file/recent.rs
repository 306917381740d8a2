//! Events that were taken in and are not in the index yet, as duplicates are looked for among them.

use bytes::Bytes;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::borrow::Cow;
use std::sync::Arc;

use super::block::{EventDraft, EventSymbols};
use super::pending::Known;
use super::symbols::{Symbol, Symbols};
use super::tail_index::Identity;
use crate::event::Phase;

/// What makes an event one occurrence, apart from the text of its id.
#[derive(Debug, Clone)]
pub(super) struct RecentKey {
    hash: u64,
    workspace: Symbol,
    source: Symbol,
}

impl RecentKey {
    pub(super) fn new(symbols: &Symbols, id_hash: u64, workspace: Symbol, source: Symbol) -> Self {
        let (workspace_hash, source_hash) = (symbols.hash(workspace), symbols.hash(source));
        Self {
            // Equal texts in the three places must not cancel out.
            hash: id_hash ^ workspace_hash.rotate_left(21) ^ source_hash.rotate_left(42),
            workspace,
            source,
        }
    }
}

/// An event of a group.
#[derive(Debug)]
pub(super) struct RecentEvent {
    seq: u64,
    names: EventSymbols,
    raw: Bytes,
    id: RecentId,
    phase: Option<Phase>,
}

#[derive(Debug)]
enum RecentId {
    /// Where it stands in the event's text.
    Part { start: u32, length: u32 },
    /// It has escapes there.
    Decoded(Box<str>),
}

impl RecentEvent {
    pub(super) fn new(seq: u64, names: EventSymbols, draft: &EventDraft<'_>, raw: Bytes) -> Self {
        let id = match &draft.envelope.id {
            Cow::Borrowed(text) => RecentId::Part {
                start: text
                    .as_ptr()
                    .addr()
                    .saturating_sub(draft.raw.as_ptr().addr()) as u32,
                length: text.len() as u32,
            },
            Cow::Owned(text) => RecentId::Decoded(text.as_str().into()),
        };
        Self {
            seq,
            names,
            raw,
            id,
            phase: draft.envelope.phase,
        }
    }

    fn has_id(&self, id: &str) -> bool {
        match &self.id {
            RecentId::Part { start, length } => {
                let start = *start as usize;
                self.raw.get(start..start + *length as usize) == Some(id.as_bytes())
            }
            RecentId::Decoded(text) => **text == *id,
        }
    }

    fn known(&self, symbols: &Symbols) -> Option<Known> {
        Some(Known {
            seq: self.seq,
            workspace: Arc::clone(symbols.text(self.names.workspace)?),
            session: Arc::clone(symbols.text(self.names.session)?),
            raw: self.raw.clone(),
            phases: self.phase.into_iter().collect(),
        })
    }
}

/// The events of one group, by the hash of what makes them one occurrence.
#[derive(Debug, Default)]
pub(super) struct RecentEvents {
    first: HashMap<u64, RecentEvent, Identity>,
    /// Events whose hash another event of the group had before.
    others: Vec<RecentEvent>,
    /// The strings their numbers stand for, where a new table was begun since.
    symbols: Option<Symbols>,
}

impl RecentEvents {
    fn find(&self, current: &Symbols, key: &RecentKey, id: &str) -> Option<Known> {
        let first = self.first.get(&key.hash)?;
        let is_same = |event: &&RecentEvent| {
            let names = match &self.symbols {
                None => event.names.source == key.source && event.names.workspace == key.workspace,
                Some(old) => {
                    let same = |old_symbol, symbol| {
                        let text = current.text(symbol);
                        text.is_some_and(|text| old.is(old_symbol, text))
                    };
                    same(event.names.source, key.source)
                        && same(event.names.workspace, key.workspace)
                }
            };
            names && event.has_id(id)
        };
        let mut all = std::iter::once(first).chain(&self.others);
        all.find(is_same)?
            .known(self.symbols.as_ref().unwrap_or(current))
    }

    /// Empty again, with the space it had.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.others.clear();
        self.symbols = None;
    }
}

/// The events of the group that is gathered, and of the one in flight.
#[derive(Debug, Default)]
pub(super) struct Recent {
    gathered: RecentEvents,
    in_flight: RecentEvents,
    /// An empty one, with space for a group.
    spare: RecentEvents,
}

impl Recent {
    pub(super) fn find(&self, symbols: &Symbols, key: &RecentKey, id: &str) -> Option<Known> {
        let gathered = self.gathered.find(symbols, key, id);
        gathered.or_else(|| self.in_flight.find(symbols, key, id))
    }

    pub(super) fn add(&mut self, key: &RecentKey, event: RecentEvent) {
        match self.gathered.first.entry(key.hash) {
            Entry::Vacant(entry) => {
                entry.insert(event);
            }
            Entry::Occupied(_) => self.gathered.others.push(event),
        }
    }

    /// The gathered group goes off to the disk, with the table of its strings if a new one was begun.
    pub(super) fn take_off(&mut self, symbols: Option<Symbols>) {
        self.in_flight = std::mem::replace(&mut self.gathered, std::mem::take(&mut self.spare));
        self.in_flight.symbols = symbols;
    }

    /// The group in flight is in the index now.
    pub(super) fn land(&mut self) -> RecentEvents {
        std::mem::take(&mut self.in_flight)
    }

    pub(super) fn reuse(&mut self, events: RecentEvents) {
        self.spare = events;
    }
}
