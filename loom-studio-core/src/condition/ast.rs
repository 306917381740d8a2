//! A condition as a tree, and its canonical text.

use std::fmt::{self, Write as _};

use super::decimal::Decimal;
use super::field::Field;
use crate::clock::Timestamp;

/// A condition. At most [`MAX_DEPTH`](super::MAX_DEPTH) deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// All hold; at least two.
    And(Vec<Self>),
    /// One holds; at least two.
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Term),
}

/// One test on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) field: Field,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Exists,
    Compare(Comparison, Value),
    In(Vec<Value>),
    Contains(String),
    Matches { pattern: String, ignores_case: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(super) const fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    /// Text that begins so.
    Prefix(String),
    Time(Timestamp),
    /// Nanoseconds.
    Duration(u64),
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    f.write_str(word)?;
                }
                match part {
                    Self::And(_) | Self::Or(_) => write!(f, "({part})")?,
                    Self::Not(_) | Self::Term(_) => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => list(f, parts, " and "),
            Self::Or(parts) => list(f, parts, " or "),
            Self::Not(inner) => match &**inner {
                Self::And(_) | Self::Or(_) => write!(f, "not ({inner})"),
                Self::Not(_) | Self::Term(_) => write!(f, "not {inner}"),
            },
            Self::Term(term) => term.fmt(f),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match &self.test {
            Test::Exists => write!(f, "exists {field}"),
            Test::Compare(comparison, value) => {
                write!(f, "{field} {} {value}", comparison.as_str())
            }
            Test::In(values) => {
                write!(f, "{field} in (")?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_char(')')
            }
            Test::Contains(part) => {
                write!(f, "{field} contains ")?;
                write_quoted(f, part)
            }
            Test::Matches {
                pattern,
                ignores_case,
            } => {
                write!(f, "{field} matches ")?;
                write_regex(f, pattern)?;
                f.write_str(if *ignores_case { "i" } else { "" })
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write_quoted(f, text),
            Self::Prefix(prefix) => {
                write_quoted(f, prefix)?;
                f.write_char('*')
            }
            Self::Time(moment) => {
                let nanos = i128::from(moment.as_nanos());
                let moment = jiff::Timestamp::from_nanosecond(nanos).map_err(|_| fmt::Error)?;
                moment.fmt(f)
            }
            Self::Duration(nanos) => write_duration(f, *nanos),
        }
    }
}

/// Units of a duration in nanoseconds, longest first.
pub(super) const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A whole number of the longest unit that allows it.
fn write_duration(f: &mut fmt::Formatter<'_>, nanos: u64) -> fmt::Result {
    if nanos == 0 {
        return f.write_str("0s");
    }
    let fits = UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit));
    let (name, unit) = fits.copied().unwrap_or(("ns", 1));
    write!(f, "{}{name}", nanos / unit)
}

/// The text between double quotes, as [`lexer`](super::lexer) reads it.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            char if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
            char => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

/// The pattern between slashes: a slash outside an escape gets a backslash.
fn write_regex(f: &mut fmt::Formatter<'_>, pattern: &str) -> fmt::Result {
    f.write_char('/')?;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '/' => f.write_str("\\/")?,
            '\\' => {
                f.write_char('\\')?;
                chars
                    .next()
                    .map_or(Ok(()), |escaped| f.write_char(escaped))?;
            }
            char => f.write_char(char)?,
        }
    }
    f.write_char('/')
}
