//! What can be typed next, from the tables the parser reads.

use std::ops::Range;

use super::error::floor;
use super::field::{ROOTS, TABLE};
use super::parser::{Parser, Place};

/// What a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A field, or the beginning of one.
    Field,
    /// An operator.
    Operator,
    /// A value worth trying; not all there are.
    Value,
    /// A word or sign of the grammar.
    Keyword,
}

/// A text that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The bytes it replaces: the unfinished word before the cursor.
    pub replace: Range<usize>,
    /// The text.
    pub text: String,
    /// What it is.
    pub kind: CompletionKind,
    /// What it means; may be empty.
    pub detail: &'static str,
}

/// The words, signs and values that could stand at `cursor`, in the order of the grammar. Looks at the text before the cursor only, which need not be a whole condition.
///
/// Empty inside quotes, regular expressions and paths, where anything can stand, and behind what is no condition.
pub fn complete(text: &str, cursor: usize) -> Vec<Completion> {
    let text = text.get(..floor(text, cursor)).unwrap_or_default();
    let mut parser = Parser::new(text);
    // Half a condition is an error; what counts is where the parser stood at the end.
    let _ = parser.condition();
    let Some((place, replace)) = parser.end else {
        return Vec::new();
    };
    let typed = text.get(replace.clone()).unwrap_or_default().to_lowercase();
    let words = place.words().into_iter();
    words
        .filter(|word| word.starts_with(&typed))
        .map(|word| {
            let kind = kind(&place, word);
            Completion {
                replace: replace.clone(),
                text: word.to_owned(),
                kind,
                detail: detail(kind, word),
            }
        })
        .collect()
}

fn kind(place: &Place, word: &str) -> CompletionKind {
    match place {
        Place::Operand if matches!(word, "not" | "exists" | "(") => CompletionKind::Keyword,
        Place::Operand | Place::Field => CompletionKind::Field,
        Place::Operator(_) => CompletionKind::Operator,
        Place::Value(_) => CompletionKind::Value,
        Place::List | Place::Connective { .. } => CompletionKind::Keyword,
    }
}

fn detail(kind: CompletionKind, word: &str) -> &'static str {
    if kind != CompletionKind::Field {
        return "";
    }
    let attributes = TABLE.iter().map(|row| (row.name, row.detail));
    let mut known = attributes.chain(ROOTS.iter().copied());
    known
        .find(|(name, _)| *name == word)
        .map_or("", |(_, detail)| detail)
}
