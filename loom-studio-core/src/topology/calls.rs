//! Requests and their replies, in whatever order they arrive.

use std::collections::{BTreeMap, VecDeque};
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

/// A call's id and its two ends, as far as an item names them: ids are unique per sender only, so many calls may have one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Ends {
    id: Arc<str>,
    /// Who is called.
    by: NodeId,
    /// `None` is any caller, or one that isn't named.
    caller: Option<NodeId>,
}

impl Ends {
    fn new(id: &Arc<str>, by: &NodeId, caller: Option<&NodeId>) -> Self {
        Self {
            id: Arc::clone(id),
            by: by.clone(),
            caller: caller.cloned(),
        }
    }
}

/// What can wait for its counterpart.
trait Waits {
    fn seq(&self) -> Seq;
    /// Under which ends it is looked for.
    fn found_under(&self, id: &Arc<str>) -> impl Iterator<Item = Ends>;
}

impl Waits for OpenCall {
    fn seq(&self) -> Seq {
        self.seq
    }

    /// By replies that name their addressee, and by those that don't.
    fn found_under(&self, id: &Arc<str>) -> impl Iterator<Item = Ends> {
        [Some(&self.from), None]
            .into_iter()
            .map(|caller| Ends::new(id, &self.to, caller))
    }
}

impl Waits for Answer {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn found_under(&self, id: &Arc<str>) -> impl Iterator<Item = Ends> {
        std::iter::once(Ends::new(id, &self.by, self.to.as_ref()))
    }
}

/// Items in order, so that they can be bounded and iterated without hash order; each is found by its ends, however many share an id.
#[derive(Debug, Clone)]
struct Pending<T> {
    by_seq: BTreeMap<Seq, (Arc<str>, T)>,
    /// Oldest first.
    by_ends: HashMap<Ends, VecDeque<Seq>>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            by_seq: BTreeMap::new(),
            by_ends: HashMap::new(),
        }
    }
}

impl<T: Waits> Pending<T> {
    fn insert(&mut self, id: &Arc<str>, item: T) {
        for ends in item.found_under(id) {
            self.by_ends.entry(ends).or_default().push_back(item.seq());
        }
        self.by_seq.insert(item.seq(), (Arc::clone(id), item));
    }

    /// The oldest item with these ends.
    fn oldest(&self, ends: &Ends) -> Option<Seq> {
        self.by_ends.get(ends)?.front().copied()
    }

    fn remove(&mut self, seq: Seq) -> Option<T> {
        let (id, item) = self.by_seq.remove(&seq)?;
        for ends in item.found_under(&id) {
            if let Some(seqs) = self.by_ends.get_mut(&ends) {
                if let Ok(at) = seqs.binary_search(&seq) {
                    seqs.remove(at);
                }
                if seqs.is_empty() {
                    self.by_ends.remove(&ends);
                }
            }
        }
        Some(item)
    }

    fn pop_excess(&mut self) -> Option<T> {
        if self.by_seq.len() <= MAX_PENDING {
            return None;
        }
        let oldest = *self.by_seq.first_key_value()?.0;
        self.remove(oldest)
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
        let early = call
            .found_under(id)
            .filter_map(|ends| self.early.oldest(&ends))
            .min()
            .and_then(|seq| self.early.remove(seq));
        if let Some(answer) = early {
            return Requested::Answered(call, answer);
        }
        self.open.insert(id, call);
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
        let ends = Ends::new(request_id, &answer.by, answer.to.as_ref());
        let call = self
            .open
            .oldest(&ends)
            .and_then(|seq| self.open.remove(seq));
        if let Some(call) = call {
            return Some((call, answer));
        }
        self.early.insert(request_id, answer);
        self.early.pop_excess();
        None
    }

    /// All open calls, oldest first.
    pub(super) fn open(&self) -> impl Iterator<Item = &OpenCall> {
        self.open.by_seq.values().map(|(_, call)| call)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(seq: u64, from: &str, to: &str) -> OpenCall {
        OpenCall {
            from: NodeId::new(from),
            to: NodeId::new(to),
            seq: Seq(seq),
            time: Timestamp::from_nanos(0),
            has_arguments: false,
        }
    }

    fn answer(seq: u64, by: &str, to: Option<&str>) -> Answer {
        Answer {
            by: NodeId::new(by),
            to: to.map(NodeId::new),
            seq: Seq(seq),
            time: Timestamp::from_nanos(0),
            failure: None,
        }
    }

    /// So many that looking through all calls of an id for each reply would not end within a test's time.
    #[test]
    fn one_id_for_all_calls_is_no_hindrance() {
        const CALLS: u64 = 60_000;
        let id: Arc<str> = "1".into();
        let mut calls = Calls::default();
        for seq in 1..=CALLS {
            let requested = calls.request(&id, call(seq, &format!("c{seq}"), &format!("t{seq}")));
            assert!(matches!(requested, Requested::Open { given_up: None }));
        }
        assert!(calls.open().map(|call| call.seq.0).eq(1..=CALLS));
        for seq in (1..=CALLS).rev() {
            let to = format!("c{seq}");
            let reply = answer(
                CALLS + seq,
                &format!("t{seq}"),
                (seq % 2 == 0).then_some(&to),
            );
            let (ended, _) = calls.answer(&id, reply).expect("the call is open");
            assert_eq!(ended.seq, Seq(seq));
        }
        assert!(calls.open.by_ends.is_empty() && calls.open.by_seq.is_empty());
    }

    #[test]
    fn the_oldest_that_fits_is_taken() {
        let id: Arc<str> = "1".into();
        let mut calls = Calls::default();
        for (seq, from) in [(1, "a"), (2, "b"), (3, "a")] {
            calls.request(&id, call(seq, from, "t"));
        }
        let ended = |calls: &mut Calls, to| {
            let ended = calls.answer(&id, answer(9, "t", to));
            ended.map(|(call, _)| call.seq.0)
        };
        assert_eq!(ended(&mut calls, Some("b")), Some(2));
        assert_eq!(ended(&mut calls, None), Some(1));
        assert_eq!(ended(&mut calls, Some("a")), Some(3));
        // Early replies, likewise.
        for (seq, to) in [(10, Some("b")), (11, None), (12, Some("a"))] {
            assert_eq!(calls.answer(&id, answer(seq, "t", to)), None);
        }
        let mut early = |from| match calls.request(&id, call(20, from, "t")) {
            Requested::Answered(_, answer) => Some(answer.seq.0),
            Requested::Open { .. } => None,
        };
        assert_eq!(
            [early("a"), early("a"), early("b"), early("c")],
            [Some(11), Some(12), Some(10), None]
        );
    }
}
