//! What a call and a tree of calls are.

use std::sync::Arc;

use super::blame::RunFailure;
use super::critical_path::PathStep;
use super::state::deadline;
use super::tokens::Tokens;
use crate::causality::{Candidates, Trust};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// Not answered, and its caller still waits.
    Running,
    /// Answered in time.
    Ok,
    /// Ended by `node.error`.
    Error,
    /// Answered with `result.error`.
    ErrorResult,
    /// Answered "ok" with an error further inside the result, and a call beneath it failed.
    InnerError,
    /// Answered when its caller had given up.
    Late,
    /// Not answered when its caller gave up.
    Unanswered,
    /// An interceptor stopped the request.
    Blocked,
}

impl CallStatus {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::ErrorResult => "error_result",
            Self::InnerError => "inner_error",
            Self::Late => "late",
            Self::Unanswered => "unanswered",
            Self::Blocked => "blocked",
        }
    }

    /// Whether the call failed.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Running | Self::Ok)
    }
}

/// The call that a call was made in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// It is a root.
    Root,
    /// It claims to be its own ancestor; it is shown as a root.
    Cycle,
    /// This call.
    Call {
        /// Its index.
        call: usize,
        /// What the link rests on.
        trust: Trust,
        /// The event that is its evidence: the cause, or the caller's request.
        evidence: Seq,
    },
    /// It was made in one of several calls; it is shown as a root.
    Ambiguous(Candidates),
}

impl Parent {
    /// The index of the parent, where it is known.
    pub fn call(&self) -> Option<usize> {
        match self {
            Self::Call { call, .. } => Some(*call),
            Self::Root | Self::Cycle | Self::Ambiguous(_) => None,
        }
    }
}

/// The reply that ended a call: the first by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEnd {
    /// The reply.
    pub event: Seq,
    /// Its time.
    pub time: Timestamp,
    /// What it rests on that it belongs to this call.
    pub trust: Trust,
    /// The text of the error it reports.
    pub error: Option<Arc<str>>,
}

/// An event that is part of a call and neither its request nor its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// The event.
    pub event: Seq,
    /// What the link rests on.
    pub trust: Trust,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The request.
    pub request: Seq,
    /// Who called.
    pub from: NodeId,
    /// Whom.
    pub to: NodeId,
    /// When, by the request's time.
    pub start: Timestamp,
    /// How it ended; `None` when no reply is known.
    pub end: Option<CallEnd>,
    /// Replies after the one that ended it, by time.
    pub more_replies: Vec<Attached>,
    /// How it stands.
    pub status: CallStatus,
    /// The call it was made in.
    pub parent: Parent,
    /// The calls made in it, by time: indices.
    pub children: Vec<usize>,
    /// What else was sent in it, by time: thoughts, streams, memory, models.
    pub events: Vec<Attached>,
    /// From request to reply; to the present or the time-out where there is no reply.
    pub duration_nanos: i64,
    /// The duration without the time it spent waiting for calls it made.
    pub self_nanos: i64,
    /// The part of its own time that lies on the critical path of its root.
    pub critical_nanos: i64,
    /// Until when its caller waited: its reply, or the time-out where no reply was heard; not beyond the caller's own end.
    pub waited_until: Timestamp,
    /// It ended in a `node.error`, and its caller was still waiting at the time-out: the error was never delivered.
    pub is_unheard: bool,
    /// Tokens reported in it and beneath; `None` when nothing was reported. See [`RunTree::tokens`] for the rule.
    pub tokens: Option<Tokens>,
}

impl Call {
    /// Whether it had not ended at a moment.
    pub(super) fn goes_on_after(&self, moment: Timestamp) -> bool {
        self.end.as_ref().is_none_or(|end| end.time > moment)
    }

    /// When it failed, for an order among failures.
    pub(super) fn failed_at(&self) -> Timestamp {
        match &self.end {
            Some(end) => end.time.min(deadline(self.start)),
            None => deadline(self.start),
        }
    }
}

/// An event of the run whose call isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplaced {
    /// The event.
    pub event: Seq,
    /// The calls it may belong to; `None` when nothing says that it belongs to any.
    pub candidates: Option<Candidates>,
}

/// A run as a tree of calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunTree {
    /// All calls by time; a caller may come after its callee only if clocks went back.
    pub calls: Vec<Call>,
    /// The calls without a known parent, by time. The first is the root of the run.
    pub roots: Vec<usize>,
    /// Events that are part of the run and of no call, by seq.
    pub unplaced: Vec<Unplaced>,
    /// The critical path of the first root, in time order.
    pub critical_path: Vec<PathStep>,
    /// What went wrong first.
    pub failure: Option<RunFailure>,
    /// Tokens of all roots and of unplaced events.
    ///
    /// `llm.response` events count, each once, in the call they belong to. The usage that a reply reports counts only where nothing in that call or beneath it was reported: it sums up what its
    /// parts used, so counting it again would double it.
    pub tokens: Option<Tokens>,
}
