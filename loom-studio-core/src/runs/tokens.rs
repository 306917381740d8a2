//! Tokens as models report them.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use crate::event::{Event, Outcome, members, text_of};

/// Prepared once: preparing costs more than searching a short text.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"usage\""));

/// Tokens used; `None` is "not reported", which is not 0.
///
/// `cached` is part of `input` and `reasoning` part of `output`: neither is ever added to a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// What the model read.
    pub input: Option<u64>,
    /// What it wrote.
    pub output: Option<u64>,
    /// Both, as reported, or their sum where both are known.
    pub total: Option<u64>,
    /// The part of the input that came from a cache.
    pub cached: Option<u64>,
    /// The part of the output that was thought and not said.
    pub reasoning: Option<u64>,
}

/// The longest name of a model that is kept; the rest of a longer one is cut off.
const MAX_MODEL_CHARS: usize = 200;

/// The name of a model in a JSON value.
pub(crate) fn model_name(value: &str) -> Option<Arc<str>> {
    let name = text_of(value).filter(|name| !name.is_empty())?;
    Some(match name.char_indices().nth(MAX_MODEL_CHARS) {
        Some((end, _)) => name.get(..end)?.into(),
        None => name.into(),
    })
}

fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (known, None) | (None, known) => known,
    }
}

impl Tokens {
    /// The tokens of both. What only one reports is that.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            total: sum(self.total, other.total),
            cached: sum(self.cached, other.cached),
            reasoning: sum(self.reasoning, other.reasoning),
        }
    }

    /// The five figures, for storing.
    pub(super) fn figures(self) -> [Option<u64>; 5] {
        [
            self.input,
            self.output,
            self.total,
            self.cached,
            self.reasoning,
        ]
    }

    /// What [`figures`](Self::figures) gave.
    pub(super) fn of_figures([input, output, total, cached, reasoning]: [Option<u64>; 5]) -> Self {
        Self {
            input,
            output,
            total,
            cached,
            reasoning,
        }
    }

    /// The sum of what is reported.
    pub(crate) fn sum(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        match (left, right) {
            (Some(left), Some(right)) => Some(left.plus(right)),
            (known, None) | (None, known) => known,
        }
    }

    /// What an event reports: an `llm.response` in `data.usage`, a reply there or in `data.result.usage`; `token_usage` is another name for it.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let is_reply = event.outcome() != Outcome::None;
        if !is_reply && &**event.kind() != "llm.response" {
            return None;
        }
        let data = event.data()?;
        USAGE.find(data.as_bytes())?;
        let (mut usage, mut result) = (None, None);
        let _ = members(data, |name, value| match name {
            "usage" | "token_usage" => usage = Self::read(value).or(usage),
            "result" if is_reply => result = Some(value),
            _ => {}
        });
        let _ = members(result.unwrap_or_default(), |name, value| {
            if matches!(name, "usage" | "token_usage") {
                usage = Self::read(value).or(usage);
            }
        });
        usage
    }

    /// The model that an event with tokens names, where it names one: `data.model`, or `data.result.model` of a reply.
    pub(crate) fn model_of(event: &Event) -> Option<Arc<str>> {
        let is_reply = event.outcome() != Outcome::None;
        let (mut model, mut result) = (None, None);
        let _ = members(event.data()?, |name, value| match name {
            "model" => model = model_name(value).or(model.take()),
            "result" if is_reply => result = Some(value),
            _ => {}
        });
        let _ = members(result.unwrap_or_default(), |name, value| {
            if name == "model" {
                model = model_name(value).or(model.take());
            }
        });
        model
    }

    /// A usage object in the spellings of the model APIs in use.
    fn read(json: &str) -> Option<Self> {
        let mut tokens = Self::default();
        let number = |value: &str| value.parse::<u64>().ok();
        let _ = members(json, |name, value| match name {
            "prompt_tokens" | "input_tokens" => tokens.input = number(value).or(tokens.input),
            "completion_tokens" | "output_tokens" => {
                tokens.output = number(value).or(tokens.output);
            }
            "total_tokens" => tokens.total = number(value),
            "cached_tokens" | "cache_read_input_tokens" => {
                tokens.cached = number(value).or(tokens.cached);
            }
            "reasoning_tokens" => tokens.reasoning = number(value).or(tokens.reasoning),
            "prompt_tokens_details" | "input_tokens_details" => {
                let _ = members(value, |name, value| {
                    if name == "cached_tokens" {
                        tokens.cached = number(value).or(tokens.cached);
                    }
                });
            }
            "completion_tokens_details" | "output_tokens_details" => {
                let _ = members(value, |name, value| {
                    if name == "reasoning_tokens" {
                        tokens.reasoning = number(value).or(tokens.reasoning);
                    }
                });
            }
            _ => {}
        });
        if tokens.total.is_none() {
            tokens.total = tokens
                .input
                .zip(tokens.output)
                .map(|(input, output)| input.saturating_add(output));
        }
        (tokens != Self::default()).then_some(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling() {
        let expected = Tokens {
            input: Some(10),
            output: Some(5),
            total: Some(15),
            cached: Some(4),
            reasoning: Some(2),
        };
        for json in [
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}"#,
            r#"{"input_tokens":10,"output_tokens":5,"cached_tokens":4,"reasoning_tokens":2}"#,
        ] {
            assert_eq!(Tokens::read(json), Some(expected), "{json}");
        }
        assert_eq!(Tokens::read("{}"), None);
        assert_eq!(Tokens::read("null"), None);
        assert_eq!(Tokens::read(r#"{"prompt_tokens":-1}"#), None);
        let some = Tokens::read(r#"{"prompt_tokens":3}"#).unwrap();
        assert_eq!((some.input, some.output, some.total), (Some(3), None, None));
        assert_eq!(some.plus(expected).input, Some(13));
        assert_eq!(some.plus(expected).total, Some(15));
    }
}
