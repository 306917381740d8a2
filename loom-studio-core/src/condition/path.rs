//! Steps into a JSON value.

use std::fmt;

use super::ast::write_quoted;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The member of an object.
    Member(String),
    /// An element of an array, from 0.
    Index(u32),
    /// Every element of an array.
    Any,
}

/// Characters of a member name that needs no quotes.
pub(super) fn is_name_char(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '$' | '@')
}

pub(super) fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for step in steps {
        match step {
            Step::Member(name) if !name.is_empty() && name.chars().all(is_name_char) => {
                write!(f, ".{name}")?;
            }
            Step::Member(name) => {
                f.write_str(".")?;
                write_quoted(f, name)?;
            }
            Step::Index(index) => write!(f, "[{index}]")?,
            Step::Any => f.write_str("[*]")?,
        }
    }
    Ok(())
}
