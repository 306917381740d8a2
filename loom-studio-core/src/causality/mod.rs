//! Which event belongs to which call, what says so, and how far that can be trusted. The rules in prose: `docs/causality.md`.

mod acyclic;
mod fact;
mod linker;
mod structure;

pub(crate) use fact::{Fact, Role};
pub(crate) use linker::{Known, Linked, Place, cause_among, link, request_among};

use std::time::Duration;

use crate::ids::Seq;

/// How long a Loom caller waits for a reply.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Most candidates listed for a link that can't be decided.
pub const MAX_CANDIDATES: usize = 16;

/// What an event may belong to, where that can't be decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// By seq, at most [`MAX_CANDIDATES`]: requests of calls; where a stated cause or request has several namesakes, those.
    pub events: Vec<Seq>,
    /// Whether it is one of these for certain. If not there were more, or some of its time are no longer remembered.
    pub is_complete: bool,
}

/// How far a link can be trusted, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trust {
    /// The client said so (`causationid`).
    Causation,
    /// A reply names its request (`data.request_id`).
    RequestId,
    /// The sender carried on the whole `traceparent` of a call it was handling.
    Traceparent,
    /// Inferred: the sender was handling exactly one call at that moment.
    Structure,
}

impl Trust {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Causation => "causation",
            Self::RequestId => "request_id",
            Self::Traceparent => "traceparent",
            Self::Structure => "structure",
        }
    }

    /// Whether nobody stated the link.
    pub const fn is_inferred(self) -> bool {
        matches!(self, Self::Structure)
    }
}
