//! Edits of JSON text that leave every byte they don't mean to change.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::envelope::is_reserved;
use super::record::Stamps;
use super::scan;
use crate::clock::Timestamp;
use crate::ids::Seq;

/// An object's members in their order, values as text.
fn members(json: &[u8]) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let text = std::str::from_utf8(json).unwrap_or_default();
    let _ = scan::members(text, |name, value| found.push((name.to_owned(), value)));
    found
}

fn push_member(out: &mut String, name: &str, value: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push_str(&Value::from(name).to_string());
    out.push(':');
    out.push_str(value);
}

fn finish(mut out: String) -> Bytes {
    if out.is_empty() {
        out.push('{');
    }
    out.push('}');
    Bytes::from(out)
}

/// The object without the members only Studio may set; the values of all others keep their bytes.
pub(crate) fn strip_reserved(json: &[u8]) -> Bytes {
    let mut out = String::with_capacity(json.len());
    for (name, value) in members(json) {
        if !is_reserved(&name) {
            push_member(&mut out, &name, value);
        }
    }
    finish(out)
}

/// The members of `second` whose values differ from those of `first`, and `null` for those it lacks.
///
/// What an interceptor adds to tell its phases apart (`studio_phase`, `studio_timestamp`) and Studio's own attributes don't count.
pub(crate) fn changed_members(first: &[u8], second: &[u8]) -> Bytes {
    let before: BTreeMap<_, _> = members(first).into_iter().collect();
    let after: BTreeMap<_, _> = members(second).into_iter().collect();
    let mut out = String::new();
    for (name, value) in &after {
        let same = before
            .get(name)
            .is_some_and(|old| same_value(name, old, value));
        if !same && !is_ours(name) {
            push_member(&mut out, name, value);
        }
    }
    for name in before
        .keys()
        .filter(|name| !after.contains_key(*name) && !is_ours(name))
    {
        push_member(&mut out, name, "null");
    }
    finish(out)
}

fn is_ours(name: &str) -> bool {
    is_reserved(name) || matches!(name, "studio_phase" | "studio_timestamp")
}

fn same_value(name: &str, before: &str, after: &str) -> bool {
    if before == after {
        return true;
    }
    let parse = |raw: &str| serde_json::from_str::<Value>(raw).ok();
    let (Some(mut before), Some(mut after)) = (parse(before), parse(after)) else {
        return false;
    };
    if name == "extensions" {
        for value in [&mut before, &mut after] {
            if let Some(extensions) = value.as_object_mut() {
                extensions.retain(|name, _| !is_ours(name));
            }
        }
    }
    before == after
}

/// Appends the stored event with Studio's attributes: what a client reads back.
pub(super) fn write_event(
    out: &mut Vec<u8>,
    raw: &[u8],
    seq: Seq,
    received: Timestamp,
    stamps: Stamps,
) {
    use std::io::Write as _;

    let body = raw.trim_ascii_end();
    let open = body.strip_suffix(b"}").unwrap_or(body);
    out.extend_from_slice(open);
    let comma = if open.trim_ascii_end().ends_with(b"{") {
        ""
    } else {
        ","
    };
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "{comma}\"studioseq\":{seq},\"studioreceived\":\"{received}\""
    );
    for (name, moment) in [
        ("studiodispatched", stamps.dispatched),
        ("studiopublished", stamps.published),
    ] {
        if let Some(moment) = moment {
            let _ = write!(out, ",\"{name}\":\"{moment}\"");
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripping_keeps_every_other_byte() {
        let stripped = strip_reserved(
            br#"{"id":"a","studioseq":9,"n":1.0e2,"data":{"studioseq" : 1},"studioreceived":"x"}"#,
        );
        assert_eq!(stripped, r#"{"id":"a","n":1.0e2,"data":{"studioseq" : 1}}"#);
        assert_eq!(strip_reserved(br#"{"studioseq":9}"#), "{}");
    }

    #[test]
    fn only_what_changed_is_kept() {
        let first = br#"{"id":"a","x":1,"y":{"k":1.0},"gone":true,"extensions":{"studio_phase":"pre","studio_timestamp":1}}"#;
        let second = br#"{"id":"a","x":2,"y":{"k" : 1.0},"new":[],"extensions":{"studio_phase":"post","studio_timestamp":2}}"#;
        assert_eq!(
            changed_members(first, second),
            r#"{"new":[],"x":2,"gone":null}"#
        );
        assert_eq!(changed_members(first, first), "{}");
    }
}
