//! Regular expressions, within their bounds.

use regex::{Regex, RegexBuilder};

use super::{Parser, Result};
use crate::condition::ast::Test;
use crate::condition::lexer::{Mode, Token};
use crate::condition::{MAX_PATTERN_LENGTH, MAX_PATTERNS};

/// Bytes the compiled form of one regular expression may take.
const REGEX_BYTES: usize = 1 << 18;
/// Bytes its cache may take while it runs.
const REGEX_CACHE_BYTES: usize = 1 << 18;
/// Deepest nesting inside one regular expression.
const REGEX_DEPTH: u32 = 32;

/// Builds a regular expression within the bounds. The engine has no backtracking: it takes time linear in the text.
pub(in crate::condition) fn regex(
    pattern: &str,
    ignores_case: bool,
) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_CACHE_BYTES)
        .nest_limit(REGEX_DEPTH)
        .build()
}

/// The pattern with slashes as they are, which between slashes were escaped.
fn plain_slashes(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('/') => plain.push('/'),
                Some(escaped) => plain.extend(['\\', escaped]),
                None => plain.push('\\'),
            },
            (char, false) => plain.push(char),
        }
    }
    plain
}

impl Parser<'_> {
    /// REGEX = `"/" pattern "/" ["i"] | STRING`
    pub(super) fn pattern(&mut self) -> Result<Test> {
        let (token, span) = self.lexer.next(Mode::Regex)?;
        let (pattern, ignores_case) = match token {
            Token::Regex {
                pattern,
                ignores_case,
            } => (pattern, ignores_case),
            Token::Text(pattern) => (plain_slashes(&pattern), false),
            _ => {
                let message = "expected a regular expression such as /time.?out/i";
                return Err(self.lexer.error(span, message).expecting(["/"]));
            }
        };
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("a condition has at most {MAX_PATTERNS} regular expressions");
            return Err(self.lexer.error(span, message));
        }
        if pattern.len() > MAX_PATTERN_LENGTH {
            let message = format!("a regular expression has at most {MAX_PATTERN_LENGTH} bytes");
            return Err(self.lexer.error(span, message));
        }
        match regex(&pattern, ignores_case) {
            Ok(_) => Ok(Test::Matches {
                pattern,
                ignores_case,
            }),
            Err(regex::Error::CompiledTooBig(_)) => Err(self
                .lexer
                .error(span, "the regular expression is too large when compiled")),
            Err(error) => {
                // The last line of the message says what is wrong; those before it draw the pattern again.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Err(self
                    .lexer
                    .error(span, format!("no regular expression: {reason}")))
            }
        }
    }
}
