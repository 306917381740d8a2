//! Words, quotes and signs of a condition. What a run of characters means depends on its place, so the parser says what it wants next.

use std::ops::Range;

use super::error::ConditionError;
use super::path::is_name_char;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    End,
    Open,
    Close,
    Comma,
    Dot,
    /// `[`
    Bracket,
    /// `]`
    EndBracket,
    /// `*` where a name could stand.
    Star,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `!`, `&&`, `||`
    Sign(&'static str),
    /// A name or keyword, or a value without quotes.
    Word(&'a str),
    Text(String),
    Prefix(String),
    Regex {
        pattern: String,
        ignores_case: bool,
    },
}

/// What the parser wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A name, keyword or sign.
    Name,
    /// A value.
    Value,
    /// A regular expression between slashes or quotes.
    Regex,
}

/// Signs, longer ones before their beginnings; with the form the parser knows.
const SIGNS: [(&str, &str); 11] = [
    ("==", "="),
    ("!=", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("&&", "&&"),
    ("||", "||"),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("!", "!"),
    ("≠", "!="),
];

/// Characters that end a value without quotes.
fn ends_word(char: char) -> bool {
    char.is_whitespace()
        || char.is_control()
        || matches!(
            char,
            '(' | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | ','
                | '"'
                | '\''
                | '`'
                | '='
                | '!'
                | '<'
                | '>'
                | '&'
                | '|'
                | '\\'
                | ';'
                | '≠'
        )
}

type Spanned<'a> = (Token<'a>, Range<usize>);

#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Goes back to where a token began.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConditionError {
        ConditionError::new(self.text, span, message)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The character here when it is directly at the last token.
    pub(super) fn peek_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self, mode: Mode) -> Result<Spanned<'a>, ConditionError> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let Some(first) = self.peek_char() else {
            return Ok((Token::End, start..start));
        };
        let single = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '.' if mode == Mode::Name => Some(Token::Dot),
            '[' => Some(Token::Bracket),
            ']' => Some(Token::EndBracket),
            '*' if mode == Mode::Name => Some(Token::Star),
            _ => None,
        };
        if let Some(token) = single {
            self.at += first.len_utf8();
            return Ok((token, start..self.at));
        }
        match first {
            '"' | '\'' => return self.quoted(first, mode),
            '/' if mode == Mode::Regex => return self.regex(),
            _ => {}
        }
        let rest = self.rest();
        if let Some((sign, meaning)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok((Token::Sign(meaning), start..self.at));
        }
        let is_part = |char: char| match mode {
            Mode::Name => is_name_char(char),
            Mode::Value | Mode::Regex => !ends_word(char),
        };
        let length = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        if length == 0 {
            let span = start..start + first.len_utf8();
            return Err(self.error(span, format!("{first:?} has no meaning here")));
        }
        self.at += length;
        let word = rest.get(..length).unwrap_or_default();
        if mode == Mode::Value
            && let Some(at) = word.find('*')
        {
            if at + 1 == word.len() {
                let prefix = word.get(..at).unwrap_or_default().to_owned();
                return Ok((Token::Prefix(prefix), start..self.at));
            }
            let message = "a star can only end a word: use contains or matches, or quote the text";
            return Err(self.error(start + at..start + at + 1, message));
        }
        Ok((Token::Word(word), start..self.at))
    }

    /// A text in quotes; with a star directly behind it, a prefix.
    fn quoted(&mut self, quote: char, mode: Mode) -> Result<Spanned<'a>, ConditionError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, char)) = chars.next() {
            let at = start + offset;
            match char {
                '\\' => {
                    let Some((_, escape)) = chars.next() else {
                        break;
                    };
                    let unescaped = match escape {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        '\\' | '"' | '\'' | '/' => escape,
                        'u' => self.unicode(at, &mut chars)?,
                        // In a pattern the other escapes belong to the regular expression.
                        _ if mode == Mode::Regex => {
                            text.push('\\');
                            escape
                        }
                        _ => {
                            let message = "unknown escape: expected \\\\, \\\", \\', \\n, \\r, \\t or \\u and four hexadecimal digits";
                            return Err(self.error(at..at + 1 + escape.len_utf8(), message));
                        }
                    };
                    text.push(unescaped);
                }
                _ if char == quote => {
                    self.at = at + 1;
                    if mode == Mode::Value && self.peek_char() == Some('*') {
                        self.at += 1;
                        return Ok((Token::Prefix(text), start..self.at));
                    }
                    return Ok((Token::Text(text), start..self.at));
                }
                _ => text.push(char),
            }
        }
        Err(self
            .error(start..self.text.len(), "the quote is never closed")
            .expecting([quote]))
    }

    /// The character of `\uXXXX` at `at`, whose `u` was read; two of them for one beyond the basic plane.
    fn unicode(
        &self,
        at: usize,
        chars: &mut impl Iterator<Item = (usize, char)>,
    ) -> Result<char, ConditionError> {
        let high = self.hex(at, chars)?;
        if let Some(char) = char::from_u32(high) {
            return Ok(char);
        }
        let lone = || self.error(at..at + 6, "half a surrogate pair is no character");
        let is_pair = self.text.get(at + 6..at + 8) == Some("\\u");
        if !is_pair || chars.next().is_none() || chars.next().is_none() {
            return Err(lone());
        }
        let low = self.hex(at + 6, chars)?;
        char::decode_utf16([high as u16, low as u16])
            .next()
            .and_then(Result::ok)
            .ok_or_else(lone)
    }

    fn hex(
        &self,
        at: usize,
        chars: &mut impl Iterator<Item = (usize, char)>,
    ) -> Result<u32, ConditionError> {
        (0..4)
            .try_fold(0, |code, _| Some(code << 4 | chars.next()?.1.to_digit(16)?))
            .ok_or_else(|| self.error(at..at + 2, "\\u needs four hexadecimal digits"))
    }

    fn regex(&mut self) -> Result<Spanned<'a>, ConditionError> {
        let start = self.at;
        let mut pattern = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, char)) = chars.next() {
            match char {
                '\\' => match chars.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, escaped)) => pattern.extend(['\\', escaped]),
                    None => break,
                },
                '/' => {
                    self.at = start + offset + 1;
                    let ignores_case = self.peek_char() == Some('i');
                    self.at += usize::from(ignores_case);
                    if let Some(flag) = self.peek_char().filter(|char| is_name_char(*char)) {
                        let message =
                            format!("unknown flag {flag:?}: only i (ignore case) is known");
                        return Err(self.error(self.at..self.at + flag.len_utf8(), message));
                    }
                    let token = Token::Regex {
                        pattern,
                        ignores_case,
                    };
                    return Ok((token, start..self.at));
                }
                char => pattern.push(char),
            }
        }
        Err(self
            .error(
                start..self.text.len(),
                "the regular expression is never closed",
            )
            .expecting(["/"]))
    }
}
