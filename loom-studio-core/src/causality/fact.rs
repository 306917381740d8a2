//! What causality reads of an event.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Event, NodeId, Outcome, Phase, TraceContext, kept};
use crate::ids::Seq;

/// What an event is to the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It opens a call.
    Request,
    /// It ends one.
    Reply(Outcome),
    /// Anything else.
    Other,
}

/// An event without its payload; its names as folds keep them.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
    pub(crate) workspace: Arc<str>,
    pub(crate) session: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) from: NodeId,
    pub(crate) to: Option<NodeId>,
    pub(crate) role: Role,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) causation: Option<Arc<str>>,
    pub(crate) request: Option<Arc<str>>,
    /// An interceptor stopped it: nobody handles it.
    pub(crate) is_blocked: bool,
}

impl Fact {
    pub(crate) fn of(event: &Event) -> Self {
        let role = match event.outcome() {
            _ if event.is_request() => Role::Request,
            Outcome::None => Role::Other,
            outcome => Role::Reply(outcome),
        };
        Self {
            seq: event.seq(),
            time: event.time(),
            workspace: Arc::clone(event.workspace()),
            session: kept(event.session()),
            id: kept(event.id()),
            from: event.from().kept(),
            to: event.to().map(NodeId::kept),
            role,
            trace: event.trace(),
            causation: event.causation_id().map(kept),
            request: event.request_id().map(kept),
            is_blocked: event.phase() == Some(Phase::Blocked),
        }
    }

    /// Replaces the texts that many events have in common by the copies of them that `share` gives.
    pub(crate) fn share(&mut self, mut share: impl FnMut(&Arc<str>) -> Arc<str>) {
        self.workspace = share(&self.workspace);
        self.session = share(&self.session);
        self.from = NodeId::from_normalized(share(self.from.as_shared()));
        self.to = self
            .to
            .take()
            .map(|to| NodeId::from_normalized(share(to.as_shared())));
    }

    /// Where it stands among events by their own times; arrival only decides between equal times.
    pub(crate) fn key(&self) -> (Timestamp, Seq) {
        (self.time, self.seq)
    }

    pub(crate) fn is_request(&self) -> bool {
        self.role == Role::Request
    }

    pub(crate) fn is_reply(&self) -> bool {
        matches!(self.role, Role::Reply(_))
    }

    /// Whether this is a request that `reply` can answer: sent to the node that replies, by the node the reply is for where it says so. Ids are unique per sender only.
    pub(crate) fn can_be_answered_by(&self, reply: &Self) -> bool {
        self.is_request()
            && self.workspace == reply.workspace
            && self.to.as_ref() == Some(&reply.from)
            && reply.to.as_ref().is_none_or(|to| *to == self.from)
    }
}
