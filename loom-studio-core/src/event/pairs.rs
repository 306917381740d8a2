//! Requests and replies of one stream of events, put together as they pass.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Event, NodeId, Outcome};
use crate::ids::Seq;

/// What an event says of the call it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// A request that nothing in the stream has answered yet.
    Request,
    /// A request whose reply passed before it: arrival order says nothing.
    AnsweredBefore(Seq),
    /// A reply to this request.
    Reply(Seq),
}

/// An id, and the node that answers: ids are unique per sender only.
type Key = (Arc<str>, NodeId);

/// Which reply answers which request, as far as the events that passed say so themselves: a reply names its request in `data.request_id`, or, where it has none,
/// in `causationid`.
///
/// Memory is bounded: of requests and of replies that wait for their other half, each the newest are kept, and a pair whose halves lie farther apart isn't seen.
/// A deterministic function of the events and their order.
#[derive(Debug)]
pub struct Pairs {
    requests: Waiting,
    replies: Waiting,
}

#[derive(Debug)]
struct Waiting {
    most: usize,
    by_key: HashMap<Key, (Seq, Option<NodeId>)>,
    order: VecDeque<(Key, Seq)>,
}

impl Waiting {
    fn new(most: usize) -> Self {
        Self {
            most,
            by_key: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    fn push(&mut self, key: Key, seq: Seq, other: Option<NodeId>) {
        self.by_key.insert(key.clone(), (seq, other));
        self.order.push_back((key, seq));
        while self.order.len() > self.most {
            let Some((key, seq)) = self.order.pop_front() else {
                return;
            };
            // A newer one of the same key stands further back in line.
            if self.by_key.get(&key).is_some_and(|(held, _)| *held == seq) {
                self.by_key.remove(&key);
            }
        }
    }

    /// The one waiting under `key`, if the nodes agree. Where one of the two doesn't say who the caller is, they do.
    fn find(&self, key: &Key, caller: Option<&NodeId>) -> Option<Seq> {
        let (seq, other) = self.by_key.get(key)?;
        let agree = match (other, caller) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        agree.then_some(*seq)
    }
}

impl Pairs {
    /// Remembers at most `most` requests, and as many early replies.
    pub fn new(most: usize) -> Self {
        Self {
            requests: Waiting::new(most),
            replies: Waiting::new(most),
        }
    }

    /// Takes the next event of the stream. `None`: it is neither a request nor a reply to one that passed.
    pub fn push(&mut self, event: &Event) -> Option<Pair> {
        if let (true, Some(callee)) = (event.is_request(), event.to()) {
            let key = (Arc::clone(event.id()), callee.clone());
            let early = self.replies.find(&key, Some(event.from()));
            self.requests
                .push(key, event.seq(), Some(event.from().clone()));
            return Some(early.map_or(Pair::Request, Pair::AnsweredBefore));
        }
        if event.outcome() == Outcome::None {
            return None;
        }
        let id = event.request_id().or_else(|| event.causation_id())?;
        let key = (Arc::clone(id), event.from().clone());
        if let Some(request) = self.requests.find(&key, event.to()) {
            return Some(Pair::Reply(request));
        }
        self.replies.push(key, event.seq(), event.to().cloned());
        None
    }
}
