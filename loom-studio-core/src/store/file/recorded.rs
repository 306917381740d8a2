//! Checks a record of another log: stage one of an append, for what an import brings.

use std::borrow::Cow;

use super::block::EventDraft;
use super::gather::Checked;
use crate::clock::Timestamp;
use crate::event::{Envelope, EventLimits, ObservationDraft, Reject, strip_reserved};
use crate::store::Recorded;

/// The entry, with the session and the moment that log had settled.
pub(super) fn check<'a>(
    recorded: &'a Recorded,
    received: Timestamp,
    limits: &EventLimits,
) -> Result<Checked<'a>, Reject> {
    match recorded {
        Recorded::Event {
            session,
            time,
            json,
        } => {
            let envelope = Envelope::decode(json, limits)?;
            let mut draft = EventDraft::new(envelope, json, session, received);
            draft.session = Cow::Borrowed(session);
            draft.time = *time;
            Ok(Checked::Event(draft, json))
        }
        Recorded::Observation {
            source,
            of,
            phase,
            at,
            changed,
        } => {
            let draft = ObservationDraft::recorded(source, of, *phase, changed, limits)?;
            Ok(Checked::Observation(draft, *at))
        }
    }
}

/// The record without the members only Studio may set.
pub(super) fn stripped(recorded: &Recorded) -> Recorded {
    let mut stripped = recorded.clone();
    if let Recorded::Event { json, .. } = &mut stripped {
        *json = strip_reserved(json);
    }
    stripped
}
