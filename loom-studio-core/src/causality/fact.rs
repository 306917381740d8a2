//! What causality reads of an event.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Event, NodeId, Outcome, Phase, TraceContext};
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

/// An event without its payload.
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
        let is_request = matches!(&**event.kind(), "node.request" | "node.call");
        let role = match event.outcome() {
            _ if is_request && event.to().is_some() => Role::Request,
            Outcome::None => Role::Other,
            outcome => Role::Reply(outcome),
        };
        Self {
            seq: event.seq(),
            time: event.time(),
            workspace: Arc::clone(event.workspace()),
            session: Arc::clone(event.session()),
            id: Arc::clone(event.id()),
            from: event.from().clone(),
            to: event.to().cloned(),
            role,
            trace: event.trace(),
            causation: event.causation_id().cloned(),
            request: event.request_id().cloned(),
            is_blocked: event.phase() == Some(Phase::Blocked),
        }
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
