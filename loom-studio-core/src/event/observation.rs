//! What an interceptor saw of an event after it was first reported.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::IgnoredAny;

use super::scan::{members, number_of, text_of};
use super::{EventLimits, Reject, RejectCode};
use crate::clock::Timestamp;

/// Which moment of a dispatch was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Before the event was handed to the bus.
    Pre,
    /// The event was published to the bus. Its handlers may still run.
    Post,
    /// An interceptor blocked the event.
    Blocked,
    /// Publishing took longer than the dispatcher waits.
    TimedOut,
    /// Dispatching raised an exception.
    Raised,
}

impl Phase {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
            Self::Blocked => "blocked",
            Self::TimedOut => "timeout",
            Self::Raised => "raised",
        }
    }
}

/// The text names no phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phase: expected pre, post, blocked, timeout or raised")]
pub struct UnknownPhase;

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Pre,
            Self::Post,
            Self::Blocked,
            Self::TimedOut,
            Self::Raised,
        ]
        .into_iter()
        .find(|phase| phase.as_str() == text)
        .ok_or(UnknownPhase)
    }
}

/// An observation as a client sends it, borrowed from its JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationDraft<'a> {
    /// `source` of the observed event, as written.
    pub source: Cow<'a, str>,
    /// `id` of the observed event.
    pub of: Cow<'a, str>,
    /// What was observed.
    pub phase: Phase,
    /// When; the time of receipt stands in.
    pub at: Option<Timestamp>,
    /// The event's members that had changed by then: a JSON object.
    pub changed: Option<&'a str>,
}

#[derive(Default)]
struct View<'a> {
    source: Option<Cow<'a, str>>,
    of: Option<Cow<'a, str>>,
    phase: Option<Cow<'a, str>>,
    at: Option<&'a str>,
    changed: Option<&'a str>,
}

impl<'a> ObservationDraft<'a> {
    /// Decodes one observation.
    ///
    /// # Errors
    /// [`RejectCode::InvalidObservation`], or the limits' codes.
    pub fn decode(json: &'a [u8], limits: &EventLimits) -> Result<Self, Reject> {
        limits.check(json)?;
        let invalid = |detail: String| Reject::new(RejectCode::InvalidObservation, detail);
        let text = std::str::from_utf8(json)
            .map_err(|error| invalid(format!("the observation is not UTF-8: {error}")))?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(invalid("an observation must be a JSON object".to_owned()));
        }
        let mut view = View::default();
        members(text, |name, value| match name {
            "source" => view.source = text_of(value),
            "of" => view.of = text_of(value),
            "phase" => view.phase = text_of(value),
            "at" => view.at = Some(value),
            "changed" => view.changed = Some(value),
            _ => {}
        })
        .ok_or_else(|| match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => invalid(format!("the observation is not JSON: {error}")),
            Ok(_) => invalid("the observation is not JSON".to_owned()),
        })?;
        let required = |value: Option<Cow<'a, str>>, name: &str| {
            value
                .filter(|text| !text.is_empty())
                .ok_or_else(|| invalid(format!("\"{name}\" is missing or empty")))
        };
        let phase = required(view.phase, "phase")?;
        Ok(Self {
            source: required(view.source, "source")?,
            of: required(view.of, "of")?,
            phase: phase.parse().map_err(|UnknownPhase| {
                invalid("\"phase\" must be pre, post, blocked, timeout or raised".to_owned())
            })?,
            at: view.at.and_then(moment),
            changed: view.changed.filter(|changed| changed.starts_with('{')),
        })
    }

    /// An observation that another log holds. Its text may be longer than an event's: what changed is made of two.
    ///
    /// # Errors
    /// [`RejectCode::InvalidObservation`], or [`RejectCode::TooDeep`].
    pub(crate) fn recorded(
        source: &'a str,
        of: &'a str,
        phase: Phase,
        changed: &'a [u8],
        limits: &EventLimits,
    ) -> Result<Self, Reject> {
        let limits = EventLimits {
            max_bytes: usize::MAX,
            ..*limits
        };
        limits.check(changed)?;
        let object = std::str::from_utf8(changed)
            .ok()
            .filter(|text| members(text, |_, _| {}).is_some());
        let changed = object.ok_or_else(|| {
            let detail = "what an observation says of changes must be a JSON object";
            Reject::new(RejectCode::InvalidObservation, detail)
        })?;
        Ok(Self {
            source: Cow::Borrowed(source),
            of: Cow::Borrowed(of),
            phase,
            at: None,
            changed: Some(changed),
        })
    }
}

/// An RFC 3339 string, or epoch seconds.
fn moment(json: &str) -> Option<Timestamp> {
    match text_of(json) {
        Some(text) => Timestamp::parse_rfc3339(&text),
        None => number_of(json).and_then(Timestamp::from_epoch_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<ObservationDraft<'_>, RejectCode> {
        ObservationDraft::decode(json.as_bytes(), &EventLimits::default())
            .map_err(|reject| reject.code)
    }

    #[test]
    fn reads_an_observation() {
        let draft = decode(
            r#"{"source":"/node/a","of":"e","phase":"post","at":1767323045.5,"changed":{"x":1}}"#,
        )
        .unwrap();
        assert_eq!(
            (draft.source.as_ref(), draft.of.as_ref(), draft.phase),
            ("/node/a", "e", Phase::Post)
        );
        assert_eq!(
            draft.at.map(Timestamp::as_micros),
            Some(1_767_323_045_500_000)
        );
        assert_eq!(draft.changed, Some(r#"{"x":1}"#));
    }

    #[test]
    fn names_what_is_wrong() {
        for bad in [
            "1",
            "{}",
            r#"{"of":"e","phase":"post"}"#,
            r#"{"source":"a","of":"e","phase":"later"}"#,
            "{",
        ] {
            assert_eq!(
                decode(bad).map(|_| ()),
                Err(RejectCode::InvalidObservation),
                "{bad}"
            );
        }
    }
}
