//! Stage one of an append, on the caller's thread: check, find duplicates, encode, and wait for the commit.

use std::sync::Arc;

use ::bytes::Bytes;
use tokio::sync::oneshot;

use super::block::{EventDraft, ObservationParts};
use super::pending::{Known, Pending, Waiting};
use super::{FileStore, writer};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{
    Envelope, EventLimits, ObservationDraft, Phase, Reject, RejectCode, changed_members,
    resolve_time, strip_reserved,
};
use crate::ids::Seq;
use crate::store::{AppendBatch, Appended, Incoming, Rejected};

/// One entry of a batch, checked; it borrows from the received bytes.
enum Checked<'a> {
    Event(Box<EventDraft<'a>>, Bytes),
    Observation(ObservationDraft<'a>),
    Rejected(Reject),
}

impl Checked<'_> {
    /// Whether it carries attributes that only Studio may set.
    fn has_reserved(&self) -> bool {
        matches!(self, Self::Event(draft, _) if draft.envelope.has_reserved)
    }
}

impl FileStore {
    /// Stage one: everything up to waiting for the commit.
    pub(super) fn gather(
        &self,
        batch: AppendBatch,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Appended>>> {
        let received = self.shared.clock.now();
        let limits = self.shared.options.limits;
        let AppendBatch {
            workspace,
            session,
            items,
        } = batch;
        let check_all = |items| -> Vec<Checked<'_>> {
            let items: std::slice::Iter<'_, Incoming> = items;
            items
                .map(|item| check(item, &session, received, &limits))
                .collect()
        };
        let stripped: Vec<Incoming>;
        let mut checked = check_all(items.iter());
        // Almost no batch has one, so it may be decoded twice.
        if checked.iter().any(Checked::has_reserved) {
            stripped = items
                .iter()
                .zip(&checked)
                .map(|(item, checked)| match item {
                    Incoming::Event(raw) if checked.has_reserved() => {
                        Incoming::Event(strip_reserved(raw))
                    }
                    item => item.clone(),
                })
                .collect();
            checked = check_all(stripped.iter());
        }
        let (done, committed) = oneshot::channel();
        let mut pending = self.shared.pending();
        if let Some(reason) = self.shared.poisoned() {
            return Err(Error::new(ErrorKind::Closed, reason));
        }
        // All look-ups that can fail come before the first entry is added: a batch is gathered whole or not at all.
        let stored: Vec<Option<Known>> = checked
            .iter()
            .map(|entry| self.stored(&pending, entry, &workspace))
            .collect::<Result<_>>()?;
        let mut appended = Appended::default();
        let start = pending.next_seq();
        for (index, (entry, stored)) in checked.into_iter().zip(stored).enumerate() {
            let outcome = match entry {
                Checked::Event(draft, raw) => {
                    Ok(self.add_event(&mut pending, stored, &draft, &raw, &workspace, received))
                }
                Checked::Observation(draft) => {
                    self.add_observation(&mut pending, stored, &draft, &workspace, received)
                }
                Checked::Rejected(reject) => Err(reject),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => appended.duplicates += 1,
                Err(reject) => appended.rejected.push(Rejected::new(index, reject)),
            }
        }
        let next = pending.next_seq();
        appended.seqs = (next > start).then(|| (Seq(start), Seq(next - 1)));
        let is_due = pending.wait(
            Waiting {
                appended,
                done,
                _space: permit,
            },
            writer::now(),
        );
        let is_due = is_due || pending.bytes() >= self.shared.options.group_bytes;
        drop(pending);
        // A writer that waits for the group's time need not look at each batch of it.
        if is_due {
            self.shared.wake();
        }
        Ok(committed)
    }

    /// The committed event that an entry repeats or is about. One that isn't committed yet is found when the entry is added.
    fn stored(
        &self,
        pending: &Pending,
        entry: &Checked<'_>,
        workspace: &str,
    ) -> Result<Option<Known>> {
        let (source, id) = match entry {
            Checked::Event(draft, _) => (&*draft.envelope.source, &*draft.envelope.id),
            Checked::Observation(draft) => (&*draft.source, &*draft.of),
            Checked::Rejected(_) => return Ok(None),
        };
        let hash = self.shared.hasher.text(id);
        if pending.find(hash, workspace, source, id).is_some() {
            return Ok(None);
        }
        self.shared.find_known(hash, workspace, source, id)
    }

    /// Adds an event, or what a second copy of it tells; false when it tells nothing new.
    fn add_event(
        &self,
        pending: &mut Pending,
        stored: Option<Known>,
        draft: &EventDraft<'_>,
        raw: &Bytes,
        workspace: &Arc<str>,
        received: Timestamp,
    ) -> bool {
        let envelope = &draft.envelope;
        let hasher = self.shared.hasher;
        let hash = hasher.text(&envelope.id);
        let gathered = pending.find(hash, workspace, &envelope.source, &envelope.id);
        let Some(known) = gathered.cloned().or(stored) else {
            let under = [
                Some(hash),
                envelope.trace.map(|context| hasher.trace(context.trace)),
                envelope.request_id.as_deref().map(|id| hasher.text(id)),
                envelope.causation_id.as_deref().map(|id| hasher.text(id)),
            ];
            pending.add_event(draft, raw, workspace, received, under);
            return true;
        };
        let Some(phase) = envelope
            .phase
            .filter(|phase| is_new(pending, &known, *phase))
        else {
            return false;
        };
        let at = draft
            .stamps
            .dispatched
            .or(draft.stamps.published)
            .or(envelope.stamp)
            .unwrap_or(received);
        let changed = changed_members(&known.raw, raw);
        observe(pending, &known, phase, at, &changed, received);
        true
    }

    /// Adds an observation; false when that phase of the event is known.
    fn add_observation(
        &self,
        pending: &mut Pending,
        stored: Option<Known>,
        draft: &ObservationDraft<'_>,
        workspace: &Arc<str>,
        received: Timestamp,
    ) -> std::result::Result<bool, Reject> {
        let hash = self.shared.hasher.text(&draft.of);
        let gathered = pending.find(hash, workspace, &draft.source, &draft.of);
        let known = gathered.cloned().or(stored).ok_or_else(|| {
            Reject::new(RejectCode::UnknownEvent, "the observed event is not stored")
        })?;
        if !is_new(pending, &known, draft.phase) {
            return Ok(false);
        }
        let at = resolve_time(draft.at, None, received);
        let changed = draft.changed.unwrap_or("{}").as_bytes();
        observe(pending, &known, draft.phase, at, changed, received);
        Ok(true)
    }
}

fn is_new(pending: &Pending, known: &Known, phase: Phase) -> bool {
    !known.phases.contains(&phase) && !pending.has_phase(known.seq, phase)
}

fn observe(
    pending: &mut Pending,
    known: &Known,
    phase: Phase,
    at: Timestamp,
    changed: &[u8],
    received: Timestamp,
) {
    let parts = ObservationParts {
        of: known.position(),
        workspace: &known.workspace,
        session: &known.session,
        phase,
        at,
        time: received,
        changed,
    };
    pending.add_observation(&parts, received);
}

fn check<'a>(
    item: &'a Incoming,
    session: &'a str,
    received: Timestamp,
    limits: &EventLimits,
) -> Checked<'a> {
    match item {
        Incoming::Event(raw) => match Envelope::decode(raw, limits) {
            Ok(envelope) => Checked::Event(
                Box::new(EventDraft::new(envelope, raw, session, received)),
                raw.clone(),
            ),
            Err(reject) => Checked::Rejected(reject),
        },
        Incoming::Observation(raw) => match ObservationDraft::decode(raw, limits) {
            Ok(draft) => Checked::Observation(draft),
            Err(reject) => Checked::Rejected(reject),
        },
    }
}
