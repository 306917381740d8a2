//! Stage one of an append, on the caller's thread: check, find duplicates, encode, and wait for the commit.

use ::bytes::Bytes;
use tokio::sync::oneshot;

use super::block::{EventDraft, EventSymbols, ObservationParts};
use super::pending::{Known, Pending, Waiting};
use super::symbols::{NO_SYMBOL, Symbol};
use super::{FileStore, recorded, writer};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{
    Envelope, EventLimits, ObservationDraft, Phase, Reject, RejectCode, changed_members,
    resolve_time, strip_reserved,
};
use crate::ids::Seq;
use crate::store::{AppendBatch, Appended, Incoming, Rejected};

/// One entry of a batch, checked; it borrows from the received bytes.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are events, and there are as many as in one batch"
)]
pub(super) enum Checked<'a> {
    Event(EventDraft<'a>, &'a Bytes),
    /// With the moment it is filed under.
    Observation(ObservationDraft<'a>, Timestamp),
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
            workspace: workspace_text,
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
                    Incoming::Recorded(record) if checked.has_reserved() => {
                        Incoming::Recorded(Box::new(recorded::stripped(record)))
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
        let workspace = pending.symbol(&workspace_text);
        let known_session = pending.symbol(&session);
        let of_batch = OfBatch {
            workspace_text: &workspace_text,
            workspace,
            session_text: &session,
            session: known_session,
            received,
        };
        // All look-ups that can fail come before the first entry is added: a batch is gathered whole or not at all.
        let mut stored = Vec::new();
        for (index, entry) in checked.iter().enumerate() {
            if let Some(known) = self.stored(&mut pending, entry, &of_batch)? {
                stored.push((index, known));
            }
        }
        let mut stored = stored.into_iter().peekable();
        let mut appended = Appended::default();
        let (start, blocks) = (pending.next_seq(), pending.blocks());
        for (index, entry) in checked.into_iter().enumerate() {
            let stored = stored
                .next_if(|(of, _)| *of == index)
                .map(|(_, known)| known);
            let outcome = match entry {
                Checked::Event(draft, raw) => {
                    Ok(self.add_event(&mut pending, stored, &draft, raw, &of_batch))
                }
                Checked::Observation(draft, at) => {
                    self.add_observation(&mut pending, stored, (&draft, at), &of_batch)
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
        let is_first = pending.wait(
            Waiting {
                appended,
                done,
                _space: permit,
            },
            writer::now(),
        );
        let options = &self.shared.options;
        let is_large = pending.bytes() >= options.group_bytes;
        let work = pending.share_of_work(blocks, is_large || options.group_delay.is_zero());
        drop(pending);
        // A writer that waits for the group's time need not look at each batch of it.
        if is_first || is_large {
            self.shared.wake();
        }
        for block in work {
            // The writer reports what can't be compressed.
            let _ = block.body();
        }
        Ok(committed)
    }

    /// The committed event that an entry repeats or is about. One that isn't committed yet is found when the entry is added.
    fn stored(
        &self,
        pending: &mut Pending,
        entry: &Checked<'_>,
        batch: &OfBatch<'_>,
    ) -> Result<Option<Known>> {
        let (source, id) = match entry {
            Checked::Event(draft, _) => (&*draft.envelope.source, &*draft.envelope.id),
            Checked::Observation(draft, _) => (&*draft.source, &*draft.of),
            Checked::Rejected(_) => return Ok(None),
        };
        let hash = self.shared.hasher.text(id);
        let source_symbol = pending.symbol(source);
        let key = pending.key(hash, batch.workspace, source_symbol);
        if pending.holds(&key, id) {
            return Ok(None);
        }
        self.shared
            .find_known(hash, batch.workspace_text, source, id)
    }

    /// Adds an event, or what a second copy of it tells; false when it tells nothing new.
    fn add_event(
        &self,
        pending: &mut Pending,
        stored: Option<Known>,
        draft: &EventDraft<'_>,
        raw: &Bytes,
        batch: &OfBatch<'_>,
    ) -> bool {
        let envelope = &draft.envelope;
        let hasher = self.shared.hasher;
        let hash = hasher.text(&envelope.id);
        let source = pending.symbol(&envelope.source);
        let key = pending.key(hash, batch.workspace, source);
        let Some(known) = pending.find(&key, &envelope.id).or(stored) else {
            let indexed_by = [
                Some(hash),
                envelope.trace.map(|context| hasher.trace(context.trace)),
                envelope.request_id.as_deref().map(|id| hasher.text(id)),
                envelope.causation_id.as_deref().map(|id| hasher.text(id)),
            ];
            let to = envelope.subject.as_deref().map_or(NO_SYMBOL, |subject| {
                let subject = pending.symbol(subject);
                pending.node(subject)
            });
            let names = EventSymbols {
                workspace: batch.workspace,
                session: if *draft.session == *batch.session_text {
                    batch.session
                } else {
                    pending.symbol(&draft.session)
                },
                source,
                kind: pending.symbol(&envelope.kind),
                from: pending.node(source),
                to,
            };
            pending.add_event(draft, raw, names, &key, batch.received, indexed_by);
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
            .unwrap_or(batch.received);
        let changed = changed_members(&known.raw, raw);
        observe(pending, &known, phase, at, &changed, batch.received);
        true
    }

    /// Adds an observation; false when that phase of the event is known.
    fn add_observation(
        &self,
        pending: &mut Pending,
        stored: Option<Known>,
        (draft, at): (&ObservationDraft<'_>, Timestamp),
        batch: &OfBatch<'_>,
    ) -> std::result::Result<bool, Reject> {
        let hash = self.shared.hasher.text(&draft.of);
        let source = pending.symbol(&draft.source);
        let key = pending.key(hash, batch.workspace, source);
        let known = pending.find(&key, &draft.of).or(stored).ok_or_else(|| {
            Reject::new(RejectCode::UnknownEvent, "the observed event is not stored")
        })?;
        if !is_new(pending, &known, draft.phase) {
            return Ok(false);
        }
        let changed = draft.changed.unwrap_or("{}").as_bytes();
        observe(pending, &known, draft.phase, at, changed, batch.received);
        Ok(true)
    }
}

/// What the entries of a batch have in common.
struct OfBatch<'a> {
    workspace_text: &'a str,
    workspace: Symbol,
    session_text: &'a str,
    session: Symbol,
    received: Timestamp,
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
        workspace: pending.symbol(&known.workspace),
        session: pending.symbol(&known.session),
        phase,
        at,
        received,
        changed,
    };
    pending.add_observation(&parts);
}

fn check<'a>(
    item: &'a Incoming,
    session: &'a str,
    received: Timestamp,
    limits: &EventLimits,
) -> Checked<'a> {
    let checked = match item {
        Incoming::Event(raw) => Envelope::decode(raw, limits)
            .map(|envelope| Checked::Event(EventDraft::new(envelope, raw, session, received), raw)),
        Incoming::Observation(raw) => ObservationDraft::decode(raw, limits).map(|draft| {
            let at = resolve_time(draft.at, None, received);
            Checked::Observation(draft, at)
        }),
        Incoming::Recorded(record) => recorded::check(record, received, limits),
    };
    checked.unwrap_or_else(Checked::Rejected)
}
