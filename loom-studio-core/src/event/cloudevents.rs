//! Conversions to and from the CloudEvents SDK's type, for callers at the edge.
//!
//! The SDK's type is lossy (times lose their offset, object members are sorted, large integers become floats), so it is never what is stored.

use cloudevents::AttributesReader;

use super::{Event, EventLimits, Reject, RejectCode};
use crate::error::{Error, ErrorKind};
use crate::store::Incoming;

impl TryFrom<&Event> for cloudevents::Event {
    type Error = Error;

    /// The event as the SDK reads it.
    ///
    /// `null` attributes and the nested `extensions` object, which Loom sends and CloudEvents doesn't know, are resolved: nulls are left out, extensions with a
    /// legal name and a scalar value move to the top level.
    fn try_from(event: &Event) -> Result<Self, Error> {
        let invalid = |error: serde_json::Error| {
            Error::new(
                ErrorKind::Invalid,
                "the event has no form in the CloudEvents SDK",
            )
            .with_source(error)
        };
        let mut members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(event.raw()).map_err(invalid)?;
        if let Some(serde_json::Value::Object(extensions)) = members.remove("extensions") {
            for (name, value) in extensions {
                let legal = name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
                if legal && !value.is_object() && !value.is_array() && !members.contains_key(&name)
                {
                    members.insert(name, value);
                }
            }
        }
        members.retain(|name, value| !value.is_null() || name == "data");
        // The SDK wants an RFC 3339 time or none.
        if members.get("time").is_some_and(|time| {
            time.as_str()
                .is_none_or(|text| crate::clock::Timestamp::parse_rfc3339(text).is_none())
        }) {
            members.remove("time");
        }
        serde_json::from_value(serde_json::Value::Object(members)).map_err(invalid)
    }
}

impl TryFrom<&cloudevents::Event> for Incoming {
    type Error = Reject;

    /// The event's JSON text, checked by the rules of [`Envelope::decode`](super::Envelope::decode) and for extension names the SDK lets pass.
    fn try_from(event: &cloudevents::Event) -> Result<Self, Reject> {
        const ATTRIBUTES: [&str; 10] = [
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "data",
            "data_base64",
        ];
        let bad_name = event.iter_extensions().map(|(name, _)| name).find(|name| {
            ATTRIBUTES.contains(name)
                || name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if let Some(name) = bad_name {
            return Err(Reject::new(
                RejectCode::InvalidJson,
                format!("\"{name}\" is not a legal extension name"),
            ));
        }
        if event.id().is_empty() {
            return Err(Reject::missing(RejectCode::MissingId, "id"));
        }
        let json = serde_json::to_vec(event).map_err(|error| {
            Reject::new(
                RejectCode::InvalidJson,
                format!("the event has no JSON form: {error}"),
            )
        })?;
        super::Envelope::decode(
            &json,
            &EventLimits {
                max_bytes: usize::MAX,
                ..EventLimits::default()
            },
        )?;
        Ok(Self::Event(json.into()))
    }
}
