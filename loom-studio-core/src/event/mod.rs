//! CloudEvents as Studio keeps them: the received bytes, and an envelope decoded from them.
//!
//! Any CloudEvents 1.0 JSON object is accepted, with the liberties Loom takes: `null` attributes at top level, and a nested `extensions` object. The bytes are stored as
//! they came; [`Envelope`] borrows from them without building a document tree. Format: CloudEvents 1.0.2, JSON event format.

#[cfg(feature = "cloudevents")]
mod cloudevents;
mod envelope;
mod json;
mod kept;
mod node;
mod observation;
mod pairs;
mod record;
mod reject;
mod reply;
pub(crate) mod scan;
mod time;
mod trace;

pub use envelope::Envelope;
pub(crate) use kept::{MAX_NAME_BYTES, kept};
pub use node::NodeId;
pub use observation::{ObservationDraft, Phase};
pub use pairs::{Pair, Pairs};
pub use record::{Event, EventKey, Observation, Record, Stamps};
pub use reject::{EventLimits, Reject, RejectCode};
pub use reply::{Outcome, Reply};
pub use trace::{SpanId, TraceContext, TraceId};

pub(crate) use json::{changed_members, strip_reserved};
pub(crate) use record::EventParts;
pub(crate) use scan::{elements, members, text_of};
pub(crate) use time::resolve_time;
