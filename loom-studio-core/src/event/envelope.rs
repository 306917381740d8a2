//! The envelope of one CloudEvents JSON object, decoded without a document tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{LenientNumber, LenientStr};
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
        let members: Members<'a> =
            serde_json::from_str(text).map_err(|error| invalid_json(&error))?;
        members.into_envelope(text)
    }
}

fn invalid_json(error: &serde_json::Error) -> Reject {
    // The message of serde_json names a position and an expectation, never the value.
    Reject::new(
        RejectCode::InvalidJson,
        format!("the event is not JSON: {error}"),
    )
}

/// The members of interest. A repeated member counts as its last occurrence, as in Python and JavaScript.
#[derive(Default)]
struct Members<'a> {
    specversion: LenientStr<'a>,
    id: LenientStr<'a>,
    source: LenientStr<'a>,
    kind: LenientStr<'a>,
    subject: LenientStr<'a>,
    time: LenientStr<'a>,
    traceparent: LenientStr<'a>,
    causation_id: LenientStr<'a>,
    session: LenientStr<'a>,
    phase: LenientStr<'a>,
    stamp: LenientNumber,
    nested: Extensions<'a>,
    data: Option<&'a RawValue>,
    has_reserved: bool,
}

#[derive(Default)]
struct Extensions<'a> {
    traceparent: LenientStr<'a>,
    causation_id: LenientStr<'a>,
    session: LenientStr<'a>,
    phase: LenientStr<'a>,
    stamp: LenientNumber,
}

impl<'a> Members<'a> {
    fn into_envelope(self, text: &'a str) -> Result<Envelope<'a>, Reject> {
        match self.specversion.0.as_deref() {
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
        let required = |value: LenientStr<'a>, code, name| {
            value
                .0
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Reject::missing(code, name))
        };
        let id = required(self.id, RejectCode::MissingId, "id")?;
        let source = required(self.source, RejectCode::MissingSource, "source")?;
        let kind = required(self.kind, RejectCode::MissingType, "type")?;
        let filled = |value: LenientStr<'a>| value.0.filter(|text| !text.is_empty());
        let nested = self.nested;
        let reply = self.data.map_or_else(
            || Reply::read(&kind, ""),
            |data| Reply::read(&kind, data.get()),
        );
        Ok(Envelope {
            subject: filled(self.subject),
            time: self.time.0.and_then(|time| Timestamp::parse_rfc3339(&time)),
            trace: filled(self.traceparent)
                .or(filled(nested.traceparent))
                .and_then(|text| text.parse().ok()),
            causation_id: filled(self.causation_id).or(filled(nested.causation_id)),
            session: filled(self.session).or(filled(nested.session)),
            phase: self
                .phase
                .0
                .or(nested.phase.0)
                .and_then(|phase| phase.parse().ok()),
            stamp: self
                .stamp
                .0
                .or(nested.stamp.0)
                .and_then(Timestamp::from_epoch_seconds),
            request_id: reply.request_id,
            outcome: reply.outcome,
            data: self.data.map(|data| span_in(text, data.get())),
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
pub(super) const RESERVED: [&str; 4] = [
    "studioseq",
    "studioreceived",
    "studiodispatched",
    "studiopublished",
];

enum Member {
    Specversion,
    Id,
    Source,
    Kind,
    Subject,
    Time,
    Traceparent,
    CausationId,
    Session,
    Phase,
    Stamp,
    Extensions,
    Data,
    Reserved,
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Member;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "specversion" => Member::Specversion,
                    "id" => Member::Id,
                    "source" => Member::Source,
                    "type" => Member::Kind,
                    "subject" => Member::Subject,
                    "time" => Member::Time,
                    "traceparent" => Member::Traceparent,
                    "causationid" => Member::CausationId,
                    "studiosession" => Member::Session,
                    "studio_phase" => Member::Phase,
                    "studio_timestamp" => Member::Stamp,
                    "extensions" => Member::Extensions,
                    "data" => Member::Data,
                    name if RESERVED.contains(&name) => Member::Reserved,
                    _ => Member::Other,
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CloudEvents object")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(member) = entries.next_key::<Member>()? {
                    match member {
                        Member::Specversion => members.specversion = entries.next_value()?,
                        Member::Id => members.id = entries.next_value()?,
                        Member::Source => members.source = entries.next_value()?,
                        Member::Kind => members.kind = entries.next_value()?,
                        Member::Subject => members.subject = entries.next_value()?,
                        Member::Time => members.time = entries.next_value()?,
                        Member::Traceparent => members.traceparent = entries.next_value()?,
                        Member::CausationId => members.causation_id = entries.next_value()?,
                        Member::Session => members.session = entries.next_value()?,
                        Member::Phase => members.phase = entries.next_value()?,
                        Member::Stamp => members.stamp = entries.next_value()?,
                        Member::Extensions => members.nested = entries.next_value()?,
                        Member::Data => members.data = Some(entries.next_value()?),
                        Member::Reserved => {
                            members.has_reserved = true;
                            entries.next_value::<IgnoredAny>()?;
                        }
                        Member::Other => {
                            entries.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extensions<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExtensionsVisitor;
        impl<'de> Visitor<'de> for ExtensionsVisitor {
            type Value = Extensions<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Extensions<'de>, A::Error> {
                let mut extensions = Extensions::default();
                while let Some(member) = entries.next_key::<Member>()? {
                    match member {
                        Member::Traceparent => extensions.traceparent = entries.next_value()?,
                        Member::CausationId => extensions.causation_id = entries.next_value()?,
                        Member::Session => extensions.session = entries.next_value()?,
                        Member::Phase => extensions.phase = entries.next_value()?,
                        Member::Stamp => extensions.stamp = entries.next_value()?,
                        _ => {
                            entries.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(extensions)
            }
        }
        // Only an object can hold extensions; anything else is skipped.
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            let mut nested = serde_json::Deserializer::from_str(raw.get());
            nested
                .deserialize_map(ExtensionsVisitor)
                .map_err(serde::de::Error::custom)
        } else {
            Ok(Self::default())
        }
    }
}
