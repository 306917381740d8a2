//! A condition made ready to be tested against many events.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;

use super::ast::{Comparison, Expression, Term, Test, Value};
use super::decimal;
use super::field::{Attribute, Field, Kind};
use super::parser::regex;
use super::path::Step;
use super::paths::{PathId, PathTable, Root};
use super::text::{Needle, leaves};
use super::view::{Found, View};
use crate::event::NodeId;

/// A condition with its searches prepared. As deep as the tree it was made of.
#[derive(Debug)]
pub(super) enum Program {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Source, Check),
}

/// Where a field's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Attribute(Attribute),
    Data(PathId),
    /// A path that begins in the event.
    Member(PathId),
    /// The first of the two that is there.
    Extension {
        top: PathId,
        nested: PathId,
    },
    /// The error of a `node.error`, and that of a response.
    Error {
        own: PathId,
        result: PathId,
    },
}

#[derive(Debug)]
pub(super) enum Check {
    Exists,
    Missing,
    Equal(Value),
    NotEqual(Value),
    Order(Comparison, Value),
    /// Equal to one of the values; with `null` among them, also missing.
    In {
        values: Vec<Value>,
        or_missing: bool,
    },
    Contains(Needle),
    Matches(Regex),
    /// A regular expression that can't be built; parsing refuses those.
    Never,
}

impl Program {
    /// Adds the paths it needs to the table.
    pub(super) fn new(expression: &Expression, paths: &mut PathTable) -> Self {
        let mut all =
            |parts: &[Expression]| parts.iter().map(|part| Self::new(part, paths)).collect();
        match expression {
            Expression::And(parts) => Self::And(all(parts)),
            Expression::Or(parts) => Self::Or(all(parts)),
            Expression::Not(inner) => Self::Not(Box::new(Self::new(inner, paths))),
            Expression::Term(term) => Self::Term(source(&term.field, paths), check(term)),
        }
    }

    /// Whether the condition holds. `ids` are the view's ids of this program's paths.
    pub(super) fn holds(&self, view: &View<'_>, ids: Option<&[PathId]>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(view, ids)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(view, ids)),
            Self::Not(inner) => !inner.holds(view, ids),
            Self::Term(source, check) => check.holds(source.within(ids), view),
        }
    }
}

impl Source {
    fn within(self, ids: Option<&[PathId]>) -> Self {
        let Some(ids) = ids else {
            return self;
        };
        // Every path of a condition is in the table of its set.
        let id = |path: PathId| ids.get(path as usize).copied().unwrap_or(PathId::MAX);
        match self {
            Self::Attribute(_) => self,
            Self::Data(path) => Self::Data(id(path)),
            Self::Member(path) => Self::Member(id(path)),
            Self::Extension { top, nested } => Self::Extension {
                top: id(top),
                nested: id(nested),
            },
            Self::Error { own, result } => Self::Error {
                own: id(own),
                result: id(result),
            },
        }
    }
}

fn source(field: &Field, paths: &mut PathTable) -> Source {
    let member = |name: &str| Step::Member(name.to_owned());
    match field {
        Field::Attribute(Attribute::Subject) => {
            Source::Member(paths.add(Root::Event, &[member("subject")]))
        }
        Field::Attribute(Attribute::Error) => Source::Error {
            own: paths.add(Root::Data, &[member("error")]),
            result: paths.add(Root::Data, &[member("result"), member("error")]),
        },
        Field::Attribute(attribute) => Source::Attribute(*attribute),
        Field::Extension(name) => Source::Extension {
            top: paths.add(Root::Event, &[member(name)]),
            nested: paths.add(Root::Event, &[member("extensions"), member(name)]),
        },
        Field::Data(steps) => Source::Data(paths.add(Root::Data, steps)),
    }
}

fn check(term: &Term) -> Check {
    let kind = term.field.kind();
    let is_null = |value: &&Value| **value == Value::Null;
    match &term.test {
        Test::Exists | Test::Compare(Comparison::NotEqual, Value::Null) => Check::Exists,
        Test::Compare(Comparison::Equal, Value::Null) => Check::Missing,
        Test::Compare(Comparison::Equal, value) => Check::Equal(normal(kind, value)),
        Test::Compare(Comparison::NotEqual, value) => Check::NotEqual(normal(kind, value)),
        Test::Compare(comparison, value) => Check::Order(*comparison, normal(kind, value)),
        Test::In(values) => Check::In {
            or_missing: values.iter().any(|value| is_null(&value)),
            values: values
                .iter()
                .filter(|value| !is_null(value))
                .map(|value| normal(kind, value))
                .collect(),
        },
        Test::Contains(part) => Check::Contains(Needle::new(part)),
        Test::Matches {
            pattern,
            ignores_case,
        } => regex(pattern, *ignores_case).map_or(Check::Never, Check::Matches),
    }
}

/// The value in the form the field has: node addresses as ids, hexadecimal digits in lower case.
pub(super) fn normal(kind: Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::Node, Value::Text(address)) => Value::Text(NodeId::normalize(address).into_owned()),
        (Kind::Node, Value::Prefix(prefix)) => Value::Prefix(node_prefix(prefix).into_owned()),
        (Kind::Hex, Value::Text(digits)) => Value::Text(digits.to_ascii_lowercase()),
        (Kind::Hex, Value::Prefix(digits)) => Value::Prefix(digits.to_ascii_lowercase()),
        (_, value) => value.clone(),
    }
}

/// The beginning of ids whose address begins so. Like [`NodeId::normalize`], but a slash at the end stays.
fn node_prefix(prefix: &str) -> Cow<'_, str> {
    if prefix.is_empty() {
        return Cow::Borrowed(prefix);
    }
    // With a letter behind it, a slash at the end is no end.
    let id = NodeId::normalize(&format!("{prefix}x")).into_owned();
    Cow::Owned(id.strip_suffix('x').unwrap_or(&id).to_owned())
}

impl Check {
    fn holds(&self, source: Source, view: &View<'_>) -> bool {
        let exists = || view.any(source, &mut |_| true);
        match self {
            Self::Exists => exists(),
            Self::Missing => !exists(),
            Self::Equal(value) => view.any(source, &mut |found| equals(value, &found)),
            Self::NotEqual(value) => {
                exists() && !view.any(source, &mut |found| equals(value, &found))
            }
            Self::Order(comparison, value) => view.any(source, &mut |found| {
                order(&found, value).is_some_and(|order| fits(*comparison, order))
            }),
            Self::In { values, or_missing } => {
                view.any(source, &mut |found| {
                    values.iter().any(|value| equals(value, &found))
                }) || (*or_missing && !exists())
            }
            Self::Contains(needle) if source == Source::Attribute(Attribute::Text) => {
                needle.is_in(view.folded_text())
            }
            Self::Contains(needle) => view.any(source, &mut |found| {
                any_text(found, &mut |text| needle.is_in_text(text))
            }),
            Self::Matches(regex) => view.any(source, &mut |found| {
                any_text(found, &mut |text| regex.is_match(text))
            }),
            Self::Never => false,
        }
    }
}

fn fits(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn equals(value: &Value, found: &Found<'_>) -> bool {
    match (value, found) {
        (Value::Prefix(prefix), Found::Text(text)) => text.starts_with(prefix.as_str()),
        (Value::Bool(value), Found::Bool(found)) => value == found,
        _ => order(found, value).is_some_and(Ordering::is_eq),
    }
}

/// How what was found stands to the value; `None` when the two can't be ordered.
fn order(found: &Found<'_>, value: &Value) -> Option<Ordering> {
    match (found, value) {
        (Found::Text(text), Value::Text(value)) => Some((**text).cmp(value)),
        (Found::Number(number), Value::Number(value)) => {
            Some(decimal::compare(number, value.as_str()))
        }
        (Found::Time(moment), Value::Time(value)) => Some(moment.cmp(value)),
        (Found::Duration(nanos), Value::Duration(value)) => Some(nanos.cmp(&u128::from(*value))),
        _ => None,
    }
}

/// Whether a text of the value passes the test: its own, or of an object or array any name or scalar in it.
fn any_text(found: Found<'_>, passes: &mut dyn FnMut(&str) -> bool) -> bool {
    match found {
        Found::Text(text) | Found::Number(text) => passes(&text),
        Found::Bool(value) => passes(if value { "true" } else { "false" }),
        Found::Composite(json) => {
            let mut found = false;
            leaves(json, |text| found = found || passes(text));
            found
        }
        Found::Time(_) | Found::Duration(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_addresses_are_beginnings_of_ids() {
        for (prefix, id) in [
            ("", ""),
            ("crew/", "/node/crew/"),
            ("/node/crew/", "/node/crew/"),
            ("node/crew", "/node/crew"),
            ("crew", "/node/crew"),
            ("/user/", "/user/"),
            ("user/s", "/user/s"),
            ("https://a/", "https://a/"),
            ("/", "/"),
        ] {
            assert_eq!(node_prefix(prefix), id, "{prefix}");
        }
    }
}
