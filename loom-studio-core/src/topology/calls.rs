//! Requests and their replies, in whatever order they arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;

/// How long a Loom caller waits for a reply.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Open calls and early replies kept, each. Beyond it the oldest are given up.
const MAX_PENDING: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenCall {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) seq: Seq,
    pub(super) time: Timestamp,
    pub(super) has_arguments: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) by: NodeId,
    /// The caller it is addressed to; Loom's own replies name none.
    pub(super) to: Option<NodeId>,
    pub(super) seq: Seq,
    pub(super) time: Timestamp,
    pub(super) failure: Option<String>,
}

impl Answer {
    /// Whether it can end the call. Ids are unique per sender only, so where the reply names its addressee that must be the caller.
    fn fits(&self, call: &OpenCall) -> bool {
        self.by == call.to && self.to.as_ref().is_none_or(|to| *to == call.from)
    }
}

/// A map with a memory of insertion order, so that it can be bounded and iterated without hash order.
#[derive(Debug, Clone)]
struct Pending<T> {
    by_id: HashMap<Arc<str>, Vec<T>>,
    ids_by_seq: BTreeMap<Seq, Arc<str>>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            ids_by_seq: BTreeMap::new(),
        }
    }
}

impl<T> Pending<T> {
    fn insert(&mut self, id: Arc<str>, seq: Seq, item: T) {
        self.by_id.entry_ref(&id).or_default().push(item);
        self.ids_by_seq.insert(seq, id);
    }

    fn remove_where(
        &mut self,
        id: &str,
        seq_of: impl Fn(&T) -> Seq,
        accept: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let items = self.by_id.get_mut(id)?;
        let item = items.remove(items.iter().position(accept)?);
        if items.is_empty() {
            self.by_id.remove(id);
        }
        self.ids_by_seq.remove(&seq_of(&item));
        Some(item)
    }

    fn pop_excess(&mut self, seq_of: impl Fn(&T) -> Seq) -> Option<T> {
        if self.ids_by_seq.len() <= MAX_PENDING {
            return None;
        }
        let (seq, id) = self
            .ids_by_seq
            .first_key_value()
            .map(|(seq, id)| (*seq, Arc::clone(id)))?;
        self.remove_where(&id, &seq_of, |item| seq_of(item) == seq)
    }
}

/// Pairs requests with replies.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    open: Pending<OpenCall>,
    early: Pending<Answer>,
}

impl Calls {
    /// A request: the reply that came before it, if one did; else the call is open, and one call too many may have been given up.
    pub(super) fn request(&mut self, id: &Arc<str>, call: OpenCall) -> Requested {
        let early = self
            .early
            .remove_where(id, |answer| answer.seq, |answer| answer.fits(&call));
        if let Some(answer) = early {
            return Requested::Answered(call, answer);
        }
        self.open.insert(Arc::clone(id), call.seq, call);
        Requested::Open {
            given_up: self.open.pop_excess(|call| call.seq),
        }
    }

    /// A reply: the call it ends. One without an open call is kept for the request to come.
    pub(super) fn answer(
        &mut self,
        request_id: &Arc<str>,
        answer: Answer,
    ) -> Option<(OpenCall, Answer)> {
        let call = self
            .open
            .remove_where(request_id, |call| call.seq, |call| answer.fits(call));
        if let Some(call) = call {
            return Some((call, answer));
        }
        self.early
            .insert(Arc::clone(request_id), answer.seq, answer);
        self.early.pop_excess(|answer| answer.seq);
        None
    }

    /// All open calls, oldest first.
    pub(super) fn open(&self) -> impl Iterator<Item = &OpenCall> {
        self.open.ids_by_seq.iter().filter_map(|(seq, id)| {
            self.open
                .by_id
                .get(id)?
                .iter()
                .find(|call| call.seq == *seq)
        })
    }
}

/// What became of a request.
pub(super) enum Requested {
    Open { given_up: Option<OpenCall> },
    Answered(OpenCall, Answer),
}

/// Whether a reply after `nanos` came when the caller had given up.
pub(super) fn is_too_late(nanos: i64) -> bool {
    nanos >= CALL_TIMEOUT.as_nanos() as i64
}
