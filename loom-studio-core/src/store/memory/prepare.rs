//! From received bytes to records that only lack their seq: the part of an append that needs no lock on the log.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::intern::Interner;
use crate::clock::Timestamp;
use crate::event::{
    Envelope, EventLimits, EventParts, NodeId, ObservationDraft, Phase, Reject, Stamps,
    resolve_time, strip_reserved,
};
use crate::ids::Seq;
use crate::store::{AppendBatch, Incoming};

/// One entry of a batch, checked.
#[derive(Debug)]
pub(super) enum Prepared {
    Event(Box<EventParts>),
    Observation(PreparedObservation),
    Rejected(Reject),
}

#[derive(Debug)]
pub(super) struct PreparedObservation {
    pub(super) workspace: Arc<str>,
    pub(super) source: Arc<str>,
    pub(super) id: Arc<str>,
    pub(super) phase: Phase,
    pub(super) at: Timestamp,
    pub(super) changed: Bytes,
}

#[derive(Debug)]
pub(super) struct Preparer {
    limits: EventLimits,
    interner: Mutex<Interner>,
}

impl Preparer {
    pub(super) fn new(limits: EventLimits) -> Self {
        Self {
            limits,
            interner: Mutex::default(),
        }
    }

    pub(super) fn prepare(&self, batch: AppendBatch, received: Timestamp) -> Vec<Prepared> {
        let mut interner = self.interner.lock().unwrap_or_else(PoisonError::into_inner);
        let (workspace, session) = (interner.get(&batch.workspace), interner.get(&batch.session));
        let mut scope = Scope {
            limits: self.limits,
            interner: &mut interner,
            workspace,
            session,
            received,
        };
        let prepare = |item| match item {
            Incoming::Event(raw) => scope.event(raw),
            Incoming::Observation(raw) => scope.observation(&raw),
        };
        batch
            .items
            .into_iter()
            .map(prepare)
            .map(|result| result.unwrap_or_else(Prepared::Rejected))
            .collect()
    }
}

struct Scope<'a> {
    limits: EventLimits,
    interner: &'a mut Interner,
    workspace: Arc<str>,
    session: Arc<str>,
    received: Timestamp,
}

impl Scope<'_> {
    fn event(&mut self, raw: Bytes) -> Result<Prepared, Reject> {
        let envelope = Envelope::decode(&raw, &self.limits)?;
        if envelope.has_reserved {
            let stripped = strip_reserved(&raw);
            let envelope = Envelope::decode(&stripped, &self.limits)?;
            let parts = self.parts(envelope);
            return Ok(Prepared::Event(Box::new(EventParts {
                raw: stripped,
                ..parts
            })));
        }
        let parts = self.parts(envelope);
        Ok(Prepared::Event(Box::new(EventParts { raw, ..parts })))
    }

    fn parts(&mut self, envelope: Envelope<'_>) -> EventParts {
        let time = resolve_time(envelope.time, envelope.stamp, self.received);
        let stamps = match (envelope.phase, envelope.stamp) {
            (Some(phase), Some(at)) => Stamps::of_phase(phase, at),
            _ => Stamps::default(),
        };
        let session = envelope.session.map_or_else(
            || Arc::clone(&self.session),
            |session| self.interner.get(&session),
        );
        EventParts {
            seq: Seq::ZERO,
            workspace: Arc::clone(&self.workspace),
            session,
            received: self.received,
            time,
            id: envelope.id.into(),
            source: self.interner.get(&envelope.source),
            kind: self.interner.get(&envelope.kind),
            from: self.node(&envelope.source),
            to: envelope
                .subject
                .as_deref()
                .map(|subject| self.node(subject)),
            trace: envelope.trace,
            causation_id: envelope.causation_id.map(Into::into),
            request_id: envelope.request_id.map(Into::into),
            outcome: envelope.outcome,
            phase: envelope.phase,
            stamps,
            data: envelope.data,
            raw: Bytes::new(),
        }
    }

    fn node(&mut self, address: &str) -> NodeId {
        let id: Cow<'_, str> = NodeId::normalize(address);
        NodeId::from_normalized(self.interner.get(&id))
    }

    fn observation(&mut self, raw: &[u8]) -> Result<Prepared, Reject> {
        let draft = ObservationDraft::decode(raw, &self.limits)?;
        Ok(Prepared::Observation(PreparedObservation {
            workspace: Arc::clone(&self.workspace),
            source: self.interner.get(&draft.source),
            id: draft.of.into(),
            phase: draft.phase,
            at: resolve_time(draft.at, None, self.received),
            changed: draft.changed.map_or(Bytes::from_static(b"{}"), |changed| {
                Bytes::copy_from_slice(changed.as_bytes())
            }),
        }))
    }
}
