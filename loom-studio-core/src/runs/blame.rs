//! What went wrong first, and how it reached the root.

use std::fmt;
use std::sync::Arc;

use super::call::{Call, CallStatus};
use crate::event::NodeId;
use crate::ids::Seq;

/// One link of the chain from the first error to the root, as data: the page words it in the reader's language. `Display` is English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explanation {
    /// A node reported an error.
    ReportedError {
        /// Which.
        node: NodeId,
        /// What it said.
        error: Option<Arc<str>>,
        /// The `node.error`.
        event: Seq,
    },
    /// A node answered, and the answer is an error.
    AnsweredWithError {
        /// Which.
        node: NodeId,
        /// What it said.
        error: Option<Arc<str>>,
        /// The reply.
        event: Seq,
    },
    /// A node answered "ok" and handed on a result that is an error.
    HandedOnError {
        /// Which.
        node: NodeId,
        /// The reply.
        event: Seq,
    },
    /// A caller never heard the error: Loom does not deliver `node.error`.
    NeverHeard {
        /// Who waited.
        caller: NodeId,
        /// For whom.
        callee: NodeId,
        /// How long it waited, from its request on.
        waited_nanos: i64,
        /// The error it didn't hear.
        event: Seq,
    },
    /// A node answered when its caller had given up.
    AnsweredLate {
        /// Which.
        node: NodeId,
        /// How long after the request.
        after_nanos: i64,
        /// The reply.
        event: Seq,
    },
    /// A node never answered.
    NeverAnswered {
        /// Which.
        node: NodeId,
        /// The request.
        event: Seq,
    },
    /// An interceptor stopped a request: nobody handled it.
    Blocked {
        /// Whom it was for.
        node: NodeId,
        /// The request.
        event: Seq,
    },
    /// A node has not answered yet.
    StillRunning {
        /// Which.
        node: NodeId,
        /// The request.
        event: Seq,
    },
    /// A node answered without an error all the same.
    WentOn {
        /// Which.
        node: NodeId,
        /// The reply.
        event: Seq,
    },
}

impl Explanation {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ReportedError { .. } => "reported_error",
            Self::AnsweredWithError { .. } => "answered_with_error",
            Self::HandedOnError { .. } => "handed_on_error",
            Self::NeverHeard { .. } => "never_heard",
            Self::AnsweredLate { .. } => "answered_late",
            Self::NeverAnswered { .. } => "never_answered",
            Self::Blocked { .. } => "blocked",
            Self::StillRunning { .. } => "still_running",
            Self::WentOn { .. } => "went_on",
        }
    }
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |f: &mut fmt::Formatter<'_>, error: &Option<Arc<str>>| match error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        };
        match self {
            Self::ReportedError { node, error, .. } => {
                write!(f, "{} reported an error", node.name())?;
                said(f, error)
            }
            Self::AnsweredWithError { node, error, .. } => {
                write!(f, "{} answered with an error", node.name())?;
                said(f, error)
            }
            Self::HandedOnError { node, .. } => {
                write!(f, "{} answered ok with an error inside", node.name())
            }
            Self::NeverHeard {
                caller,
                waited_nanos,
                ..
            } => write!(
                f,
                "{} never heard the error: Loom does not deliver node.error; it waited {:.0} s",
                caller.name(),
                seconds(*waited_nanos)
            ),
            Self::AnsweredLate {
                node, after_nanos, ..
            } => write!(
                f,
                "{} answered after {:.1} s, when its caller had given up",
                node.name(),
                seconds(*after_nanos)
            ),
            Self::NeverAnswered { node, .. } => write!(f, "{} never answered", node.name()),
            Self::Blocked { node, .. } => {
                write!(f, "an interceptor stopped the request to {}", node.name())
            }
            Self::StillRunning { node, .. } => write!(f, "{} has not answered yet", node.name()),
            Self::WentOn { node, .. } => write!(f, "{} answered all the same", node.name()),
        }
    }
}

/// The first error of a run and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// The index of the call to blame: that of the earliest `node.error`, else of the earliest failure that no failure beneath it explains.
    pub call: usize,
    /// Whether the root failed; otherwise somebody coped with the error.
    pub is_fatal: bool,
    /// From the error to the root; at most 1,000 steps, of which the last is the root's.
    pub chain: Vec<Explanation>,
    /// Steps left out before the last.
    pub left_out: usize,
}

/// Most steps of a chain that are told: calls may be nested as deep as a run is long.
const MAX_CHAIN: usize = 1_000;

/// The failure of the run that `order` lists, callers before callees; `None` when no call failed.
pub(super) fn failure(calls: &[Call], order: &[usize], root: usize) -> Option<RunFailure> {
    let failed = || {
        order
            .iter()
            .filter_map(|index| Some((*index, calls.get(*index)?)))
            .filter(|(_, call)| call.status.is_failure())
    };
    let reported = failed()
        .filter(|(_, call)| call.status == CallStatus::Error)
        .min_by_key(|(_, call)| call.end.as_ref().map(|end| (end.time, end.event)));
    let explains_itself = |call: &Call| {
        !call
            .children
            .iter()
            .filter_map(|child| calls.get(*child))
            .any(|child| child.status.is_failure())
    };
    let (blamed, _) = reported.or_else(|| {
        failed()
            .filter(|(_, call)| explains_itself(call))
            .min_by_key(|(_, call)| (call.failed_at(), call.request))
    })?;
    let (mut chain, mut left_out) = (Vec::new(), 0);
    let mut at = Some(blamed);
    while let Some(call) = at.and_then(|index| calls.get(index)) {
        chain.push(ending(call));
        if call.is_unheard
            && let Some(end) = &call.end
        {
            chain.push(Explanation::NeverHeard {
                caller: call.from.clone(),
                callee: call.to.clone(),
                waited_nanos: call.waited_until.nanos_since(call.start).max(0),
                event: end.event,
            });
        }
        // Room for what the next call says: its end, and that nobody heard it.
        while chain.len() > MAX_CHAIN - 2 && call.parent.call().is_some() {
            chain.pop();
            left_out += 1;
        }
        at = call.parent.call();
    }
    Some(RunFailure {
        call: blamed,
        is_fatal: calls.get(root).is_some_and(|root| root.status.is_failure()),
        chain,
        left_out,
    })
}

fn ending(call: &Call) -> Explanation {
    let node = call.to.clone();
    let event = call.end.as_ref().map_or(call.request, |end| end.event);
    let error = call.end.as_ref().and_then(|end| end.error.clone());
    match call.status {
        CallStatus::Error => Explanation::ReportedError { node, error, event },
        CallStatus::ErrorResult => Explanation::AnsweredWithError { node, error, event },
        CallStatus::InnerError => Explanation::HandedOnError { node, event },
        CallStatus::Late => Explanation::AnsweredLate {
            node,
            after_nanos: call
                .end
                .as_ref()
                .map_or(0, |end| end.time.nanos_since(call.start)),
            event,
        },
        CallStatus::Unanswered => Explanation::NeverAnswered { node, event },
        CallStatus::Blocked => Explanation::Blocked { node, event },
        CallStatus::Running => Explanation::StillRunning { node, event },
        CallStatus::Ok => Explanation::WentOn { node, event },
    }
}
