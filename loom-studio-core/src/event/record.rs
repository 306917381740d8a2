//! Records as a store hands them out.

use std::sync::Arc;

use bytes::Bytes;

use super::json::write_event;
use super::{NodeId, Outcome, Phase, TraceContext};
use crate::clock::Timestamp;
use crate::ids::Seq;

/// What makes an event one occurrence: a second event with the same key is a resend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The tenant.
    pub workspace: Arc<str>,
    /// `source`, as written.
    pub source: Arc<str>,
    /// `id`.
    pub id: Arc<str>,
}

/// A stored event: the received bytes, and the attributes decoded from them. Shared, never changed.
#[derive(Debug, Clone)]
pub struct Event {
    parts: EventParts,
}

/// The fields of an [`Event`], for the backend that builds one.
#[derive(Debug, Clone)]
pub(crate) struct EventParts {
    pub(crate) seq: Seq,
    pub(crate) workspace: Arc<str>,
    pub(crate) session: Arc<str>,
    pub(crate) received: Timestamp,
    pub(crate) time: Timestamp,
    pub(crate) id: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) from: NodeId,
    pub(crate) to: Option<NodeId>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) causation_id: Option<Arc<str>>,
    pub(crate) request_id: Option<Arc<str>>,
    pub(crate) outcome: Outcome,
    pub(crate) phase: Option<Phase>,
    pub(crate) stamps: Stamps,
    pub(crate) data: Option<std::ops::Range<usize>>,
    pub(crate) raw: Bytes,
}

/// When an interceptor saw an event dispatched and published, where it said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// Before the event was handed to the bus.
    pub dispatched: Option<Timestamp>,
    /// When the bus had taken it. Handlers may still run then.
    pub published: Option<Timestamp>,
}

impl Stamps {
    /// What one observed phase says.
    pub(crate) fn of_phase(phase: Phase, at: Timestamp) -> Self {
        match phase {
            Phase::Pre => Self {
                dispatched: Some(at),
                published: None,
            },
            Phase::Post => Self {
                dispatched: None,
                published: Some(at),
            },
            Phase::Blocked | Phase::TimedOut | Phase::Raised => Self::default(),
        }
    }

    /// This, completed by what `other` knows.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            dispatched: self.dispatched.or(other.dispatched),
            published: self.published.or(other.published),
        }
    }
}

impl Event {
    pub(crate) fn new(parts: EventParts) -> Self {
        Self { parts }
    }

    /// Its position in the log.
    pub fn seq(&self) -> Seq {
        self.parts.seq
    }

    /// The tenant it belongs to.
    pub fn workspace(&self) -> &Arc<str> {
        &self.parts.workspace
    }

    /// The run of one Loom process it belongs to.
    pub fn session(&self) -> &Arc<str> {
        &self.parts.session
    }

    /// When the store received it.
    pub fn received(&self) -> Timestamp {
        self.parts.received
    }

    /// When it happened: `time` where plausible, else the interceptor's stamp, else the time of receipt.
    pub fn time(&self) -> Timestamp {
        self.parts.time
    }

    /// `id`.
    pub fn id(&self) -> &Arc<str> {
        &self.parts.id
    }

    /// `source`, as written.
    pub fn source(&self) -> &Arc<str> {
        &self.parts.source
    }

    /// `type`.
    pub fn kind(&self) -> &Arc<str> {
        &self.parts.kind
    }

    /// The node behind `source`.
    pub fn from(&self) -> &NodeId {
        &self.parts.from
    }

    /// The node behind `subject`.
    pub fn to(&self) -> Option<&NodeId> {
        self.parts.to.as_ref()
    }

    /// Whether it asks a node for something and expects a reply: `node.request` or `node.call`, addressed to a node.
    pub fn is_request(&self) -> bool {
        matches!(&*self.parts.kind, "node.request" | "node.call") && self.parts.to.is_some()
    }

    /// Its W3C trace context.
    pub fn trace(&self) -> Option<TraceContext> {
        self.parts.trace
    }

    /// The id of the event that caused it, where the client said so.
    pub fn causation_id(&self) -> Option<&Arc<str>> {
        self.parts.causation_id.as_ref()
    }

    /// The id of the request it answers.
    pub fn request_id(&self) -> Option<&Arc<str>> {
        self.parts.request_id.as_ref()
    }

    /// How it ended the call it answers.
    pub fn outcome(&self) -> Outcome {
        self.parts.outcome
    }

    /// The phase its sender marked it with.
    pub fn phase(&self) -> Option<Phase> {
        self.parts.phase
    }

    /// What it says itself of its dispatch; observations may add to it.
    pub fn stamps(&self) -> Stamps {
        self.parts.stamps
    }

    /// The received JSON text, without members that only Studio may set.
    pub fn raw(&self) -> &Bytes {
        &self.parts.raw
    }

    /// The JSON text of `data`.
    pub fn data(&self) -> Option<&str> {
        let range = self.parts.data.clone()?;
        std::str::from_utf8(self.parts.raw.get(range)?).ok()
    }

    /// What makes it one occurrence.
    pub fn key(&self) -> EventKey {
        EventKey {
            workspace: Arc::clone(self.workspace()),
            source: Arc::clone(self.source()),
            id: Arc::clone(self.id()),
        }
    }

    /// Appends its JSON text with Studio's attributes; `stamps` are those known when it is read.
    pub fn write_json(&self, stamps: Stamps, out: &mut Vec<u8>) {
        write_event(out, self.raw(), self.seq(), self.received(), stamps);
    }
}

/// Something an interceptor saw of a stored event later on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its position in the log.
    pub seq: Seq,
    /// The observed event.
    pub of: Seq,
    /// The tenant it belongs to: that of the event.
    pub workspace: Arc<str>,
    /// The session of the event.
    pub session: Arc<str>,
    /// What was observed.
    pub phase: Phase,
    /// When it was observed.
    pub at: Timestamp,
    /// When the store received it.
    pub received: Timestamp,
    /// The event's members that had changed by then: a JSON object.
    pub changed: Bytes,
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub enum Record {
    /// An event.
    Event(Arc<Event>),
    /// An observation about one.
    Observation(Arc<Observation>),
}

impl Record {
    /// Its position in the log.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Event(event) => event.seq(),
            Self::Observation(observation) => observation.seq,
        }
    }

    /// When the store received it.
    pub fn received(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.received(),
            Self::Observation(observation) => observation.received,
        }
    }

    /// The tenant it belongs to.
    pub fn workspace(&self) -> &Arc<str> {
        match self {
            Self::Event(event) => event.workspace(),
            Self::Observation(observation) => &observation.workspace,
        }
    }

    /// The event, if it is one.
    pub fn as_event(&self) -> Option<&Arc<Event>> {
        match self {
            Self::Event(event) => Some(event),
            Self::Observation(_) => None,
        }
    }
}
