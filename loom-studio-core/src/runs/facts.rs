//! What the tree of a run is made of, record by record and without payloads.

use std::sync::Arc;

use hashbrown::HashSet;

use super::call::RunTree;
use super::list::Ambiguities;
use super::state::has_inner_error;
use super::tokens::Tokens;
use super::tree::build;
use crate::causality::Fact;
use crate::clock::Timestamp;
use crate::event::{Event, Outcome, Phase, Record, Reply};
use crate::ids::Seq;

/// The longest error text kept.
const MAX_ERROR_CHARS: usize = 200;
/// What a shared text costs beside its bytes: two counters.
const SHARED_BYTES: usize = 16;

/// An event as far as a tree is concerned.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) fact: Fact,
    pub(super) tokens: Option<Box<Tokens>>,
    /// What a reply says went wrong.
    pub(super) error: Option<Arc<str>>,
    pub(super) is_node_error: bool,
    pub(super) has_inner_error: bool,
}

/// The records of one run as far as its tree is concerned: some 300 bytes for each event, whatever its payload.
///
/// Taken in any order; an event that comes twice counts once.
#[derive(Debug, Default)]
pub struct RunFacts {
    said: Vec<Said>,
    blocked: Vec<Seq>,
    /// One copy of what many events share: workspaces, sessions, nodes.
    texts: HashSet<Arc<str>>,
    text_bytes: usize,
}

impl RunFacts {
    /// Takes in one record; nothing of it is held but what the tree needs.
    pub fn add(&mut self, record: &Record) {
        match record {
            Record::Event(event) => self.add_event(event),
            Record::Observation(observation) if observation.phase == Phase::Blocked => {
                self.blocked.push(observation.of);
            }
            Record::Observation(_) => {}
        }
    }

    /// Bytes it holds, estimated from above but for the slack of its vectors.
    pub fn bytes(&self) -> usize {
        self.said.len() * size_of::<Said>()
            + self.blocked.len() * size_of::<Seq>()
            + self.text_bytes
    }

    /// The latest event time; `None` before the first event.
    pub fn last_time(&self) -> Option<Timestamp> {
        self.said.iter().map(|said| said.fact.time).max()
    }

    /// The tree of the run as far as it was taken in. Calls that have no reply at `now` are running or unanswered.
    ///
    /// O(n log n), no recursion: a tree may be as deep as it likes.
    pub fn tree(self, now: Timestamp) -> RunTree {
        self.tree_with(&Ambiguities::default(), now)
    }

    /// As [`tree`](Self::tree), with what [`RunList::ambiguities`](super::RunList::ambiguities) knows of members that may belong to calls of other runs: they are shown as ambiguous.
    pub fn tree_with(mut self, ambiguities: &Ambiguities, now: Timestamp) -> RunTree {
        self.said.sort_by_key(|said| said.fact.seq);
        self.said.dedup_by_key(|said| said.fact.seq);
        for seq in &self.blocked {
            let at = self.said.binary_search_by_key(seq, |said| said.fact.seq);
            if let Some(said) = at.ok().and_then(|index| self.said.get_mut(index)) {
                said.fact.is_blocked = true;
            }
        }
        build(&self.said, ambiguities, now)
    }

    fn add_event(&mut self, event: &Event) {
        let mut fact = Fact::of(event);
        fact.share(|text| self.share(text));
        let own = [
            Some(&fact.id),
            fact.causation.as_ref(),
            fact.request.as_ref(),
        ];
        self.text_bytes += own.into_iter().flatten().map(cost).sum::<usize>();
        let tokens = Tokens::of(event).map(Box::new);
        self.text_bytes += tokens.as_ref().map_or(0, |_| size_of::<Tokens>());
        let error = fact.is_reply().then(|| error_of(event)).flatten();
        self.text_bytes += error.as_ref().map_or(0, cost);
        self.said.push(Said {
            tokens,
            error,
            is_node_error: &**event.kind() == "node.error",
            has_inner_error: event.outcome() == Outcome::Ok && has_inner_error(event),
            fact,
        });
    }

    fn share(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        self.text_bytes += cost(text);
        self.texts.insert(Arc::clone(text));
        Arc::clone(text)
    }
}

impl<'a> Extend<&'a Record> for RunFacts {
    fn extend<I: IntoIterator<Item = &'a Record>>(&mut self, records: I) {
        for record in records {
            self.add(record);
        }
    }
}

/// The tree of one run from its records, in any order: [`RunFacts`] of them all.
///
/// What its records alone say: calls of other runs don't come into question. [`call_tree_with`] takes those into account.
pub fn call_tree(records: &[Record], now: Timestamp) -> RunTree {
    call_tree_with(records, &Ambiguities::default(), now)
}

/// As [`call_tree`], with what [`RunList::ambiguities`](super::RunList::ambiguities) knows of members that may belong to calls of other runs: they are shown as ambiguous.
pub fn call_tree_with(records: &[Record], ambiguities: &Ambiguities, now: Timestamp) -> RunTree {
    let mut facts = RunFacts::default();
    facts.extend(records);
    facts.tree_with(ambiguities, now)
}

fn cost(text: &Arc<str>) -> usize {
    text.len() + SHARED_BYTES
}

fn error_of(event: &Event) -> Option<Arc<str>> {
    let reply = Reply::read(event.kind(), event.data()?);
    let text = reply.error.filter(|text| !text.is_empty())?;
    Some(match text.char_indices().nth(MAX_ERROR_CHARS) {
        Some((end, _)) => text.get(..end)?.into(),
        None => text.into(),
    })
}
