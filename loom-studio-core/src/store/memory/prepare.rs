//! From received bytes to records that only lack their seq: the part of an append that needs no lock on the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::{
    Envelope, EventLimits, EventParts, NodeId, ObservationDraft, Phase, Reject, Stamps,
    resolve_time, strip_reserved,
};
use crate::ids::Seq;
use crate::store::intern::Interner;
use crate::store::{AppendBatch, Incoming, Recorded};

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
        let (workspace, session) = {
            let mut interner = self.interner();
            (interner.get(&batch.workspace), interner.get(&batch.session))
        };
        let scope = Scope {
            preparer: self,
            workspace,
            session,
            received,
        };
        let prepare = |item| match item {
            Incoming::Event(raw) => scope.event(&raw, None),
            Incoming::Observation(raw) => scope.observation(&raw),
            Incoming::Recorded(recorded) => scope.recorded(&recorded),
        };
        batch
            .items
            .into_iter()
            .map(prepare)
            .map(|result| result.unwrap_or_else(Prepared::Rejected))
            .collect()
    }

    /// Held for the strings of one event at a time, never while one is parsed.
    fn interner(&self) -> MutexGuard<'_, Interner> {
        self.interner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Scope<'a> {
    preparer: &'a Preparer,
    workspace: Arc<str>,
    session: Arc<str>,
    received: Timestamp,
}

impl Scope<'_> {
    /// `settled` is what another log knows of the event: its session and its time.
    fn event(&self, raw: &[u8], settled: Option<(&str, Timestamp)>) -> Result<Prepared, Reject> {
        let envelope = Envelope::decode(raw, &self.preparer.limits)?;
        let parts = if envelope.has_reserved {
            let stripped = strip_reserved(raw);
            let envelope = Envelope::decode(&stripped, &self.preparer.limits)?;
            self.parts(envelope, stripped.clone(), settled)
        } else {
            // A copy of its own: the received bytes may be a slice that keeps a whole frame in memory.
            self.parts(envelope, Bytes::copy_from_slice(raw), settled)
        };
        Ok(Prepared::Event(Box::new(parts)))
    }

    fn parts(
        &self,
        envelope: Envelope<'_>,
        raw: Bytes,
        settled: Option<(&str, Timestamp)>,
    ) -> EventParts {
        let mut interner = self.preparer.interner();
        let mut node =
            |address: &str| NodeId::from_normalized(interner.get(&NodeId::normalize(address)));
        let from = node(&envelope.source);
        let to = envelope.subject.as_deref().map(&mut node);
        let time = settled.map_or_else(
            || resolve_time(envelope.time, envelope.stamp, self.received),
            |(_, time)| time,
        );
        let stamps = match (envelope.phase, envelope.stamp) {
            (Some(phase), Some(at)) => Stamps::of_phase(phase, at),
            _ => Stamps::default(),
        };
        let session = match (settled, &envelope.session) {
            (Some((session, _)), _) => interner.get(session),
            (None, Some(session)) => interner.get(session),
            (None, None) => Arc::clone(&self.session),
        };
        EventParts {
            seq: Seq::ZERO,
            workspace: Arc::clone(&self.workspace),
            session,
            received: self.received,
            time,
            id: envelope.id.into(),
            source: interner.get(&envelope.source),
            kind: interner.get(&envelope.kind),
            from,
            to,
            trace: envelope.trace,
            causation_id: envelope.causation_id.map(Into::into),
            request_id: envelope.request_id.map(Into::into),
            outcome: envelope.outcome,
            phase: envelope.phase,
            stamps,
            data: envelope.data,
            raw,
        }
    }

    fn observation(&self, raw: &[u8]) -> Result<Prepared, Reject> {
        let draft = ObservationDraft::decode(raw, &self.preparer.limits)?;
        let at = resolve_time(draft.at, None, self.received);
        Ok(self.observed(draft, at))
    }

    fn observed(&self, draft: ObservationDraft<'_>, at: Timestamp) -> Prepared {
        Prepared::Observation(PreparedObservation {
            workspace: Arc::clone(&self.workspace),
            source: self.preparer.interner().get(&draft.source),
            id: draft.of.into(),
            phase: draft.phase,
            at,
            changed: draft.changed.map_or(Bytes::from_static(b"{}"), |changed| {
                Bytes::copy_from_slice(changed.as_bytes())
            }),
        })
    }

    fn recorded(&self, recorded: &Recorded) -> Result<Prepared, Reject> {
        match recorded {
            Recorded::Event {
                session,
                time,
                json,
            } => self.event(json, Some((session, *time))),
            Recorded::Observation {
                source,
                of,
                phase,
                at,
                changed,
            } => {
                let limits = &self.preparer.limits;
                let draft = ObservationDraft::recorded(source, of, *phase, changed, limits)?;
                Ok(self.observed(draft, *at))
            }
        }
    }
}
