//! Events without their content, for programs whose words must not leave the process.
//!
//! What remains is what the server needs to show who called whom, when, how long, at what cost and with what outcome. The lists here are all that is let
//! through: what isn't named is counted. `docs/instrumentation.md` has them for users.

use serde_json::{Map, Value};

/// Attributes of an event, and of an observation, that are sent as they are.
const ATTRIBUTES: [&str; 17] = [
    "at",
    "causationid",
    "datacontenttype",
    "dataschema",
    "id",
    "of",
    "phase",
    "source",
    "specversion",
    "studiodispatched",
    "studiopublished",
    "studiosession",
    "subject",
    "time",
    "traceparent",
    "tracestate",
    "type",
];
/// Members of `data` that name things, and are sent as they are.
const NAMES: [&str; 14] = [
    "call_id",
    "child_node",
    "finish_reason",
    "minion",
    "model",
    "node_id",
    "node_type",
    "parent",
    "parent_node",
    "request_id",
    "routed_to",
    "target_node",
    "tool",
    "tool_name",
];
/// Members of `data` whose presence says something; of their values only what kind and how large they are.
const MEMBERS: [&str; 20] = [
    "arguments",
    "content",
    "depth",
    "error",
    "final_output",
    "iterations",
    "latency_ms",
    "max_iterations",
    "patches",
    "reasoning",
    "response",
    "result",
    "summary",
    "task",
    "thought",
    "timeout",
    "token_usage",
    "tool_call",
    "tool_calls",
    "trace",
];
const MAX_NAME_CHARS: usize = 256;

/// The JSON text of an event or an observation without content; `None` if it isn't JSON of an object.
pub(super) fn redacted(text: &[u8]) -> Option<Vec<u8>> {
    let Value::Object(members) = serde_json::from_slice(text).ok()? else {
        return None;
    };
    serde_json::to_vec(&attributes(members)).ok()
}

fn attributes(members: Map<String, Value>) -> Value {
    let mut kept = Map::new();
    let mut left_out = 0_u64;
    for (name, value) in members {
        let value = match (name.as_str(), value) {
            ("data", value) => data(value),
            ("changed", Value::Object(changed)) => attributes(changed),
            ("extensions", Value::Object(extensions)) => object(extensions, false),
            (known, value) if ATTRIBUTES.contains(&known) => short(value),
            (_, value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
            _ => {
                left_out += 1;
                continue;
            }
        };
        kept.insert(name, value);
    }
    if left_out > 0 {
        kept.insert("studioleftout".to_owned(), left_out.into());
    }
    Value::Object(kept)
}

fn data(value: Value) -> Value {
    match value {
        Value::Object(members) => object(members, true),
        value => mark(value),
    }
}

/// An object with the members that are known, and a count of the others.
fn object(members: Map<String, Value>, may_nest: bool) -> Value {
    let mut kept = Map::new();
    let mut left_out = 0_u64;
    for (name, value) in members {
        let value = match name.as_str() {
            "usage" | "token_usage" => figures(value),
            known if NAMES.contains(&known) => short(value),
            known if MEMBERS.contains(&known) => match value {
                Value::Object(inner) if may_nest && known == "result" => object(inner, false),
                value => mark(value),
            },
            known if known.starts_with("studio_") => short(value),
            _ => {
                left_out += 1;
                continue;
            }
        };
        kept.insert(name, value);
    }
    if left_out > 0 {
        kept.insert("members_left_out".to_owned(), left_out.into());
    }
    Value::Object(kept)
}

/// Numbers, and objects of numbers.
fn figures(value: Value) -> Value {
    let Value::Object(members) = value else {
        return Value::Null;
    };
    let kept = members.into_iter().filter_map(|(name, value)| match value {
        Value::Number(_) => Some((name, value)),
        Value::Object(_) if name.ends_with("_details") => Some((name, figures(value))),
        _ => None,
    });
    Value::Object(kept.collect())
}

/// A name as it is; what is too long for one, by its size.
fn short(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().nth(MAX_NAME_CHARS).is_none() => Value::String(text),
        value => mark(value),
    }
}

/// What kind of value it is and how large. What means "nothing" stays that, as an error of `false` does.
fn mark(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::String(text),
        Value::String(text) => format!("[{} characters]", text.chars().count()).into(),
        Value::Array(items) => format!("[{} items]", items.len()).into(),
        Value::Object(members) => format!("[{} members]", members.len()).into(),
        value => value,
    }
}
