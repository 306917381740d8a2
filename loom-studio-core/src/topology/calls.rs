//! Requests and their replies, in whatever order they arrive.

use std::sync::Arc;
use std::time::Duration;

use imbl::OrdMap;

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
    pub(super) failure: Option<Arc<str>>,
}

impl Answer {
    /// Whether it can end the call. Ids are unique per sender only, so where the reply names its addressee that must be the caller.
    fn fits(&self, call: &OpenCall) -> bool {
        self.by == call.to && self.to.as_ref().is_none_or(|to| *to == call.from)
    }
}

/// How many pending items of one id and node a look-up considers, oldest first: ids that repeat thousands of times cost no more than this each.
const MAX_CANDIDATES: usize = 64;

/// What waits for its other half: by id, the node that answers, and seq. Persistent: a clone shares everything with its original.
#[derive(Debug, Clone)]
pub(super) struct Pending<T> {
    by_key: OrdMap<(Arc<str>, NodeId, Seq), T>,
    keys_by_seq: OrdMap<Seq, (Arc<str>, NodeId)>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            by_key: OrdMap::new(),
            keys_by_seq: OrdMap::new(),
        }
    }
}

impl<T: Clone> Pending<T> {
    pub(super) fn insert(&mut self, id: Arc<str>, node: NodeId, seq: Seq, item: T) {
        self.keys_by_seq
            .insert(seq, (Arc::clone(&id), node.clone()));
        self.by_key.insert((id, node, seq), item);
    }

    /// Takes the oldest item of an id and node that is accepted.
    fn remove_first(
        &mut self,
        id: &Arc<str>,
        node: &NodeId,
        accept: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let key = |seq| (Arc::clone(id), node.clone(), seq);
        let seq = self
            .by_key
            .range(key(Seq::ZERO)..=key(Seq(u64::MAX)))
            .take(MAX_CANDIDATES)
            .find(|(_, item)| accept(item))
            .map(|((_, _, seq), _)| *seq)?;
        self.remove(seq)
    }

    fn remove(&mut self, seq: Seq) -> Option<T> {
        let (id, node) = self.keys_by_seq.remove(&seq)?;
        self.by_key.remove(&(id, node, seq))
    }

    pub(super) fn len(&self) -> usize {
        self.keys_by_seq.len()
    }

    /// How many came after a position.
    pub(super) fn since(&self, seq: Seq) -> usize {
        self.keys_by_seq.range(seq.next()..).count()
    }

    fn pop_excess(&mut self) -> Option<T> {
        if self.keys_by_seq.len() <= MAX_PENDING {
            return None;
        }
        let oldest = self.keys_by_seq.get_min().map(|(seq, _)| *seq)?;
        self.remove(oldest)
    }

    /// All items with their ids, by id, then node, then seq.
    pub(super) fn items(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.by_key.iter().map(|((id, _, _), item)| (id, item))
    }
}

/// Pairs requests with replies.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) open: Pending<OpenCall>,
    pub(super) early: Pending<Answer>,
}

impl Calls {
    /// A request: the reply that came before it, if one did; else the call is open, and one call too many may have been given up.
    pub(super) fn request(&mut self, id: &Arc<str>, call: OpenCall) -> Requested {
        let early = self
            .early
            .remove_first(id, &call.to, |answer| answer.fits(&call));
        if let Some(answer) = early {
            return Requested::Answered(call, answer);
        }
        self.open
            .insert(Arc::clone(id), call.to.clone(), call.seq, call);
        Requested::Open {
            given_up: self.open.pop_excess(),
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
            .remove_first(request_id, &answer.by, |call| answer.fits(call));
        if let Some(call) = call {
            return Some((call, answer));
        }
        self.early.insert(
            Arc::clone(request_id),
            answer.by.clone(),
            answer.seq,
            answer,
        );
        self.early.pop_excess();
        None
    }

    /// The request at a position was never published: nobody will answer it.
    pub(super) fn withdraw(&mut self, request: Seq) -> Option<OpenCall> {
        self.open.remove(request)
    }

    /// All open calls.
    pub(super) fn open(&self) -> impl Iterator<Item = &OpenCall> {
        self.open.items().map(|(_, call)| call)
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
