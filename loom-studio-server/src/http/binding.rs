//! The CloudEvents HTTP binding 1.0.2: binary, structured and batched mode.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use loom_studio_core::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::items::Items;
use crate::error::ApiError;

/// The events of one request.
#[derive(Debug)]
pub(crate) enum Posted {
    /// Binary or structured mode.
    Single(Incoming),
    /// Batched mode.
    Batch(Vec<Incoming>),
}

impl Posted {
    /// Reads a request by its content type. Only the framing is checked here; the events' rules are the store's.
    pub(crate) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, ApiError> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media_type = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match media_type.as_str() {
            "application/cloudevents+json" => Ok(Self::Single(Incoming::Event(body.clone()))),
            "application/cloudevents-batch+json" => batch(body),
            other if other.starts_with("application/cloudevents") => {
                let detail = format!(
                    "{other} is not read here; send application/cloudevents+json or application/cloudevents-batch+json"
                );
                Err(ApiError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    detail,
                ))
            }
            _ if headers.contains_key("ce-specversion") || headers.contains_key("ce-id") => {
                Ok(Self::Single(Incoming::Event(binary(
                    headers,
                    content_type,
                    &media_type,
                    body,
                )?)))
            }
            _ => {
                let detail = "no CloudEvent: send application/cloudevents+json, application/cloudevents-batch+json, or ce-* headers";
                Err(ApiError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    detail,
                ))
            }
        }
    }
}

fn batch(body: &Bytes) -> Result<Posted, ApiError> {
    let items: Items<'_> = serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            format!("a batch is a JSON array of events: {error}"),
        )
    })?;
    Ok(Posted::Batch(
        items
            .0
            .into_iter()
            .map(|item| Incoming::Event(body.slice_ref(item.get().as_bytes())))
            .collect(),
    ))
}

/// Binary mode becomes the structured form of the same event.
fn binary(
    headers: &HeaderMap,
    content_type: &str,
    media_type: &str,
    body: &Bytes,
) -> Result<Bytes, ApiError> {
    let mut members = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        let invalid = || {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_header",
                format!("{name}: not percent-encoded UTF-8"),
            )
        };
        let value = value.to_str().map_err(|_| invalid())?;
        let value = percent_decode_str(unquoted(value))
            .decode_utf8()
            .map_err(|_| invalid())?;
        members.insert(attribute.to_owned(), Value::from(value.into_owned()));
    }
    members.remove("data");
    members.remove("data_base64");
    if !content_type.is_empty() {
        members.insert("datacontenttype".to_owned(), Value::from(content_type));
    }
    let mut event = Value::Object(members).to_string();
    if body.is_empty() {
        return Ok(event.into());
    }
    let is_json =
        media_type.is_empty() || media_type.ends_with("/json") || media_type.ends_with("+json");
    let json = is_json
        .then(|| serde_json::from_slice::<&RawValue>(body).ok())
        .flatten();
    event.pop();
    if event.len() > 1 {
        event.push(',');
    }
    if let Some(json) = json {
        event.push_str("\"data\":");
        event.push_str(json.get());
    } else {
        event.push_str("\"data_base64\":\"");
        STANDARD.encode_string(body, &mut event);
        event.push('"');
    }
    event.push('}');
    Ok(event.into())
}

/// A header value may be written as a quoted string.
fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &'static [u8], expected: &str) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<axum::http::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect();
        let read = Posted::read(&headers, &Bytes::from_static(body));
        let Ok(Posted::Single(Incoming::Event(json))) = read else {
            panic!("{read:?}")
        };
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json, serde_json::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn binary_mode_becomes_structured() {
        let ce = [
            ("ce-specversion", "1.0"),
            ("ce-id", "a%20b"),
            ("ce-source", "\"/n\""),
            ("ce-type", "t"),
            ("ce-x", "1"),
        ];
        let expected = |rest: &str| {
            format!(r#"{{"specversion":"1.0","id":"a b","source":"/n","type":"t","x":"1"{rest}}}"#)
        };
        check(&ce, b"", &expected(""));
        let with = |content_type| [&ce[..], &[("content-type", content_type)]].concat();
        check(
            &with("application/json"),
            br#"{"k":1.0}"#,
            &expected(r#","datacontenttype":"application/json","data":{"k":1.0}"#),
        );
        check(
            &with("application/vnd.x+json; charset=utf-8"),
            b"[1]",
            &expected(r#","datacontenttype":"application/vnd.x+json; charset=utf-8","data":[1]"#),
        );
        check(
            &with("application/json"),
            b"{",
            &expected(r#","datacontenttype":"application/json","data_base64":"ew==""#),
        );
        check(
            &with("text/plain"),
            b"hi",
            &expected(r#","datacontenttype":"text/plain","data_base64":"aGk=""#),
        );
    }
}
