//! The envelope of one CloudEvents JSON object, decoded without a document tree.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::scan::{self, number_of, text_of};
use super::{EventLimits, Outcome, Phase, Reject, RejectCode, Reply, TraceContext};
use crate::clock::Timestamp;

/// The decoded attributes of an event, borrowed from its JSON text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Envelope<'a> {
    /// `id`.
    pub id: Cow<'a, str>,
    /// `source`, as written.
    pub source: Cow<'a, str>,
    /// `type`.
    pub kind: Cow<'a, str>,
    /// `subject`, as written.
    pub subject: Option<Cow<'a, str>>,
    /// `time`, where it is an RFC 3339 time.
    pub time: Option<Timestamp>,
    /// `traceparent`, at top level or in `extensions`, where it follows W3C Trace Context.
    pub trace: Option<TraceContext>,
    /// `causationid`: the id of the event that was being handled when this one was sent.
    pub causation_id: Option<Cow<'a, str>>,
    /// `studiosession`.
    pub session: Option<Cow<'a, str>>,
    /// `extensions.studio_phase`: which side of the dispatch an interceptor of the original design saw.
    pub phase: Option<Phase>,
    /// `extensions.studio_timestamp`: when it saw it.
    pub stamp: Option<Timestamp>,
    /// `data.request_id` of a reply.
    pub request_id: Option<Cow<'a, str>>,
    /// How a reply ended its call.
    pub outcome: Outcome,
    /// Where the JSON text of `data` stands in the event.
    pub data: Option<std::ops::Range<usize>>,
    /// Whether the event carries attributes that only Studio may set.
    pub has_reserved: bool,
}

impl<'a> Envelope<'a> {
    /// Decodes one event. Linear time, no recursion over the payload; allocates only for strings with escapes.
    ///
    /// # Errors
    /// The first broken rule, in the order: size, nesting, JSON, object, `specversion`, `id`, `source`, `type`.
    pub fn decode(json: &'a [u8], limits: &EventLimits) -> Result<Self, Reject> {
        limits.check(json)?;
        let text = std::str::from_utf8(json).map_err(|error| {
            Reject::new(
                RejectCode::InvalidJson,
                format!("the event is not UTF-8: {error}"),
            )
        })?;
        if !text.trim_ascii_start().starts_with('{') {
            let known = serde_json::from_str::<IgnoredAny>(text);
            return Err(match known {
                Ok(_) => Reject::new(RejectCode::NotAnObject, "an event must be a JSON object"),
                Err(error) => invalid_json(&error),
            });
        }
        let mut members = Members::default();
        scan::members(text, |name, value| members.set(name, value))
            .ok_or_else(|| unreadable(text))?;
        members.into_envelope(text)
    }
}

/// What is wrong with text the scanner has refused.
fn unreadable(text: &str) -> Reject {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => invalid_json(&error),
        Ok(_) => Reject::new(RejectCode::InvalidJson, "the event is not JSON"),
    }
}

fn invalid_json(error: &serde_json::Error) -> Reject {
    // The message of serde_json names a position and an expectation, never the value.
    Reject::new(
        RejectCode::InvalidJson,
        format!("the event is not JSON: {error}"),
    )
}

/// The members of interest, as JSON text. A repeated member counts as its last occurrence, as in Python and JavaScript.
#[derive(Default)]
struct Members<'a> {
    specversion: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    kind: Option<&'a str>,
    subject: Option<&'a str>,
    time: Option<&'a str>,
    extensions: Extensions<'a>,
    nested: Option<&'a str>,
    data: Option<&'a str>,
    has_reserved: bool,
}

/// Attributes that Loom writes at top level or in `extensions`.
#[derive(Default)]
struct Extensions<'a> {
    traceparent: Option<&'a str>,
    causation_id: Option<&'a str>,
    session: Option<&'a str>,
    phase: Option<&'a str>,
    stamp: Option<&'a str>,
}

/// The text of a value that is a string and not empty.
fn filled(value: Option<&str>) -> Option<Cow<'_, str>> {
    text_of(value?).filter(|text| !text.is_empty())
}

impl<'a> Extensions<'a> {
    fn set(&mut self, name: &str, value: &'a str) {
        let place = match name {
            "traceparent" => &mut self.traceparent,
            "causationid" => &mut self.causation_id,
            "studiosession" => &mut self.session,
            "studio_phase" => &mut self.phase,
            "studio_timestamp" => &mut self.stamp,
            _ => return,
        };
        *place = Some(value);
    }
}

impl<'a> Members<'a> {
    fn set(&mut self, name: &str, value: &'a str) {
        let place = match name {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.kind,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "extensions" => &mut self.nested,
            "data" => &mut self.data,
            _ => {
                self.has_reserved |= is_reserved(name);
                return self.extensions.set(name, value);
            }
        };
        *place = Some(value);
    }

    fn into_envelope(self, text: &'a str) -> Result<Envelope<'a>, Reject> {
        match self.specversion.and_then(text_of).as_deref() {
            Some("1.0") => {}
            Some(_) => {
                let detail = "\"specversion\" must be \"1.0\"";
                return Err(Reject::new(RejectCode::UnsupportedSpecversion, detail));
            }
            None => {
                return Err(Reject::missing(
                    RejectCode::UnsupportedSpecversion,
                    "specversion",
                ));
            }
        }
        let required = |value, code, name| filled(value).ok_or_else(|| Reject::missing(code, name));
        let id = required(self.id, RejectCode::MissingId, "id")?;
        let source = required(self.source, RejectCode::MissingSource, "source")?;
        let kind = required(self.kind, RejectCode::MissingType, "type")?;
        let mut nested = Extensions::default();
        if let Some(extensions) = self.nested {
            // Only an object can hold extensions.
            let _ = scan::members(extensions, |name, value| nested.set(name, value));
        }
        let top = self.extensions;
        let either = |top, nested| filled(top).or_else(|| filled(nested));
        let reply = Reply::read(&kind, self.data.unwrap_or_default());
        Ok(Envelope {
            subject: filled(self.subject),
            time: filled(self.time).and_then(|time| Timestamp::parse_rfc3339(&time)),
            trace: either(top.traceparent, nested.traceparent)
                .and_then(|traceparent| traceparent.parse().ok()),
            causation_id: either(top.causation_id, nested.causation_id),
            session: either(top.session, nested.session),
            phase: either(top.phase, nested.phase).and_then(|phase| phase.parse().ok()),
            stamp: top
                .stamp
                .and_then(number_of)
                .or_else(|| nested.stamp.and_then(number_of))
                .and_then(Timestamp::from_epoch_seconds),
            request_id: reply.request_id,
            outcome: reply.outcome,
            data: self.data.map(|data| span_in(text, data)),
            has_reserved: self.has_reserved,
            id,
            source,
            kind,
        })
    }
}

/// Where `part`, a slice of `whole`, stands in it.
fn span_in(whole: &str, part: &str) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// Top-level members that belong to Studio: overwritten on input, left out of exports.
const RESERVED: [&str; 4] = [
    "studioseq",
    "studioreceived",
    "studiodispatched",
    "studiopublished",
];

pub(super) fn is_reserved(name: &str) -> bool {
    name.starts_with("studio") && RESERVED.contains(&name)
}
