//! What a reply says about the request it answers.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::scan::{members, text_of};

/// How a reply ended its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outcome {
    /// The event is not a reply.
    #[default]
    None,
    /// The call was answered.
    Ok,
    /// `node.error`, or a response whose `result.error` is set.
    Error,
}

/// The parts of an event's `data` that describe a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply<'a> {
    /// `data.request_id`: the id of the request this answers.
    pub request_id: Option<Cow<'a, str>>,
    /// How the call ended.
    pub outcome: Outcome,
    /// The error's text, where there is one that is a string.
    pub error: Option<Cow<'a, str>>,
}

/// Prepared once: preparing costs more than searching a short text.
static REQUEST_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"request_id\""));

/// `null`, `false` and the empty string are how programs say "no error".
fn is_set(value: &str) -> bool {
    !matches!(value, "null" | "false" | "\"\"")
}

impl<'a> Reply<'a> {
    /// Reads the reply members of `data` (raw JSON) of an event of type `kind`.
    ///
    /// Most events are settled by a substring search: without the word `request_id` an event is a reply only when it is a `node.error`.
    pub fn read(kind: &str, data: &'a str) -> Self {
        let is_error = kind == "node.error";
        if !is_error && REQUEST_ID.find(data.as_bytes()).is_none() {
            return Self::default();
        }
        let (mut request_id, mut error, mut result) = (None, None, None);
        // What can't be read says nothing.
        let _ = members(data, |name, value| match name {
            "request_id" => request_id = text_of(value).filter(|id| !id.is_empty()),
            "error" => error = Some(value),
            "result" => result = Some(value),
            _ => {}
        });
        if is_error {
            return Self {
                request_id,
                outcome: Outcome::Error,
                error: error.and_then(text_of),
            };
        }
        if request_id.is_none() {
            return Self::default();
        }
        let mut error = None;
        let _ = members(result.unwrap_or_default(), |name, value| {
            if name == "error" {
                error = Some(value).filter(|value| is_set(value));
            }
        });
        let outcome = if error.is_some() {
            Outcome::Error
        } else {
            Outcome::Ok
        };
        Self {
            request_id,
            outcome,
            error: error.and_then(text_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        kind: &str,
        data: &str,
        request_id: Option<&str>,
        outcome: Outcome,
        error: Option<&str>,
    ) {
        let reply = Reply::read(kind, data);
        assert_eq!(reply.request_id.as_deref(), request_id);
        assert_eq!(reply.outcome, outcome);
        assert_eq!(reply.error.as_deref(), error);
    }

    #[test]
    fn reads_replies_and_leaves_others_alone() {
        check("node.request", r#"{"task":"x"}"#, None, Outcome::None, None);
        check(
            "node.response",
            r#"{"request_id":"r","result":{"response":"x"}}"#,
            Some("r"),
            Outcome::Ok,
            None,
        );
        check(
            "node.response",
            r#"{"request_id":"r","result":null}"#,
            Some("r"),
            Outcome::Ok,
            None,
        );
        check(
            "node.response",
            r#"{"request_id":"r","result":{"error":"bad"}}"#,
            Some("r"),
            Outcome::Error,
            Some("bad"),
        );
        check(
            "node.response",
            r#"{"request_id":"r","result":{"error":null}}"#,
            Some("r"),
            Outcome::Ok,
            None,
        );
        check(
            "node.error",
            r#"{"request_id":"r","error":"boom"}"#,
            Some("r"),
            Outcome::Error,
            Some("boom"),
        );
        check(
            "node.error",
            r#"{"error":{"code":1}}"#,
            None,
            Outcome::Error,
            None,
        );
        check("node.error", "null", None, Outcome::Error, None);
        check("node.error", r#"["r","boom"]"#, None, Outcome::Error, None);
        check(
            "node.response",
            r#"{"request_id":"r","result":["a list","is no error"]}"#,
            Some("r"),
            Outcome::Ok,
            None,
        );
        check(
            "node.response",
            r#"{"request_id":"q","request_id":"r","result":{"error":"e","error":""}}"#,
            Some("r"),
            Outcome::Ok,
            None,
        );
        check(
            "x",
            r#"{"note":"\"request_id\""}"#,
            None,
            Outcome::None,
            None,
        );
        check("x", r#"{"request_id":5}"#, None, Outcome::None, None);
    }
}
