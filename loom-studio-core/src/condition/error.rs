//! What is wrong with a condition, and where.

use std::fmt;
use std::ops::Range;

/// A text that is no condition: where, what is wrong, and what could stand there.
///
/// `Display` gives the message, the line in question and a caret below the character:
///
/// ```text
/// expected a value
///   type =
///         ^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// The bytes of the text that are wrong; empty at its end.
    pub span: Range<usize>,
    /// What is wrong, as half a sentence.
    pub message: String,
    /// Words that could stand there, in the order of the grammar; empty where any text could.
    pub expected: Vec<String>,
    /// The line of the text that holds the beginning of the span.
    line: String,
    /// Characters before the span in that line.
    column: usize,
}

impl ConditionError {
    /// An error about a part of `text`, for callers with rules of their own. A span outside of the text or inside a character is moved to the nearest character before.
    pub fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let (before, after) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let head = before.get(line_start..).unwrap_or_default();
        let tail = after.split('\n').next().unwrap_or_default();
        Self {
            span: start..end,
            message: message.into(),
            expected: Vec::new(),
            line: format!("{head}{tail}"),
            column: head.chars().count(),
        }
    }

    pub(super) fn expecting(
        mut self,
        expected: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.expected = expected.into_iter().map(Into::into).collect();
        self
    }

    /// The beginning of the span in UTF-16 code units, as JavaScript counts; `text` is what was parsed.
    pub fn utf16_position(&self, text: &str) -> usize {
        let before = text.get(..self.span.start).unwrap_or(text);
        before.encode_utf16().count()
    }
}

/// The nearest character boundary at or before `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line: String = self
            .line
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        let indent = self.column;
        write!(f, "{}\n  {line}\n  {:indent$}^", self.message, "")
    }
}

impl std::error::Error for ConditionError {}

impl From<ConditionError> for crate::error::Error {
    fn from(error: ConditionError) -> Self {
        Self::invalid(format!("condition: {}", error.message)).with_source(error)
    }
}
