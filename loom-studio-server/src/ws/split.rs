//! Takes a batch apart that isn't JSON as a whole, so that one bad event costs only itself.
//!
//! Python's `json.dumps` writes `NaN` and `Infinity`, which JSON doesn't know. Such a batch still has its brackets and quotes in order: they are enough to find its members and events.

use crate::http::items::MAX_ITEMS;

/// A batch has four members; an object with more than this is none.
const MAX_MEMBERS: usize = 64;

/// The members of a JSON-like object: names without their quotes, values as text.
pub(super) fn members(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    let mut members = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(members);
        }
        if members.len() >= MAX_MEMBERS {
            return None;
        }
        let name_end = value_end(rest)?;
        let (name, after) = rest.split_at(name_end);
        let name = name.trim_ascii_end().strip_prefix('"')?.strip_suffix('"')?;
        let after = after.strip_prefix(':')?;
        let end = value_end(after)?;
        let (value, after) = after.split_at(end);
        members.push((name, value.trim_ascii()));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// The items of a JSON-like array.
pub(super) fn items(text: &str) -> Option<Vec<&str>> {
    let mut rest = text.trim_ascii().strip_prefix('[')?.strip_suffix(']')?;
    let mut items = Vec::new();
    while !rest.trim_ascii().is_empty() {
        if items.len() >= MAX_ITEMS {
            return None;
        }
        let (item, after) = rest.split_at(value_end(rest)?);
        items.push(item.trim_ascii());
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(items)
}

/// Where the value at the start ends: at a `,` or `:` outside strings and brackets, or at the end. `None` when brackets or quotes don't close.
fn value_end(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' | b':' if depth == 0 => return Some(index),
            _ => {}
        }
    }
    (depth == 0 && !in_string).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_and_items_around_what_is_not_json() {
        let text = r#" {"type": "event_batch", "events": [{"a": NaN, "b": "],}"}, {"c": [1, {"d": "\""}]}], "n" : 1} "#;
        let members = members(text).unwrap();
        assert_eq!(members[0], ("type", r#""event_batch""#));
        assert_eq!(members[2], ("n", "1"));
        assert_eq!(
            items(members[1].1).unwrap(),
            [r#"{"a": NaN, "b": "],}"}"#, r#"{"c": [1, {"d": "\""}]}"#]
        );
        assert_eq!(items("[]").unwrap(), [""; 0]);
    }

    #[test]
    fn gives_up_on_what_does_not_close() {
        for text in [
            "",
            "{",
            "[1]",
            r#"{"a": [}"#,
            r#"{"a": "}"#,
            r#"{"a": 1]}"#,
            "{1:2}",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
    }
}
