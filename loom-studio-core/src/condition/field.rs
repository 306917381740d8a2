//! The fields a condition can ask for: one table for the parser, its errors and completion.

use std::fmt;

use super::path::{Step, write_steps};

/// What a field holds, and so which tests and values fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    /// A node's address, in any of its spellings.
    Node,
    /// Lower-case hexadecimal digits.
    Hex,
    Time,
    Duration,
    /// Many texts at once: only `contains` and `matches`.
    Free,
    /// Any JSON value.
    Json,
}

impl Kind {
    /// The operators that fit, as they are written.
    pub(super) fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Number | Self::Time | Self::Duration => &["=", "!=", "<", "<=", ">", ">=", "in"],
            Self::Text | Self::Node | Self::Hex | Self::Json => {
                &["=", "!=", "<", "<=", ">", ">=", "contains", "matches", "in"]
            }
            Self::Free => &["contains", "matches"],
        }
    }
}

/// A field without a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attribute {
    Seq,
    Id,
    Source,
    Type,
    Subject,
    Node,
    From,
    To,
    Workspace,
    Session,
    Trace,
    Span,
    Causation,
    Request,
    Time,
    Received,
    Phase,
    Outcome,
    Error,
    Duration,
    Text,
}

/// One row of the table.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) attribute: Attribute,
    pub(super) kind: Kind,
    /// Values worth offering; not all there are.
    pub(super) values: &'static [&'static str],
    pub(super) detail: &'static str,
}

const fn entry(
    name: &'static str,
    attribute: Attribute,
    kind: Kind,
    values: &'static [&'static str],
    detail: &'static str,
) -> Entry {
    Entry {
        name,
        attribute,
        kind,
        values,
        detail,
    }
}

/// Types seen in Loom's traffic.
const TYPES: &[&str] = &[
    "node.request",
    "node.response",
    "node.error",
    "node.call",
    "node.result",
    "agent.*",
    "agent.thought",
    "agent.tool.call",
    "agent.tool.result",
    "agent.reflection",
    "agent.stream.*",
    "agent.context.*",
    "kernel.node.register",
    "state.patch",
    "memory.*",
    "llm.request",
    "llm.response",
    "hitl.request",
];

/// Every field without a path, most used first.
#[rustfmt::skip]
pub(super) const TABLE: &[Entry] = &[
    entry("type", Attribute::Type, Kind::Text, TYPES, "the event's type"),
    entry("node", Attribute::Node, Kind::Node, &[], "the node behind source or subject"),
    entry("from", Attribute::From, Kind::Node, &[], "the node behind source"),
    entry("to", Attribute::To, Kind::Node, &[], "the node behind subject"),
    entry("source", Attribute::Source, Kind::Text, &[], "source, as written"),
    entry("subject", Attribute::Subject, Kind::Text, &[], "subject, as written"),
    entry("text", Attribute::Text, Kind::Free, &[], "every name and value in the event"),
    entry("outcome", Attribute::Outcome, Kind::Text, &["ok", "error"], "how a reply ended its call"),
    entry("error", Attribute::Error, Kind::Json, &[], "the error a reply carries"),
    entry("duration", Attribute::Duration, Kind::Duration, &["500ms", "2s", "30s"], "request to reply"),
    entry("time", Attribute::Time, Kind::Time, &[], "when it happened"),
    entry("received", Attribute::Received, Kind::Time, &[], "when the store received it"),
    entry("session", Attribute::Session, Kind::Text, &[], "the run of one Loom process"),
    entry("trace", Attribute::Trace, Kind::Hex, &[], "the trace id"),
    entry("span", Attribute::Span, Kind::Hex, &[], "the span id"),
    entry("causation", Attribute::Causation, Kind::Text, &[], "the id of the event that caused it"),
    entry("request", Attribute::Request, Kind::Text, &[], "the id of the request it answers"),
    entry("phase", Attribute::Phase, Kind::Text, &["pre", "post", "blocked", "timeout", "raised"], "the phase its sender marked it with"),
    entry("id", Attribute::Id, Kind::Text, &[], "the event's id"),
    entry("seq", Attribute::Seq, Kind::Number, &[], "its position in the log"),
    entry("workspace", Attribute::Workspace, Kind::Text, &[], "the tenant"),
];

/// The beginnings of fields with a path.
pub(super) const ROOTS: &[(&str, &str)] = &[
    ("data", "a path into the event's data"),
    ("ext.", "any other attribute of the event"),
];

/// What a condition asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Attribute(Attribute),
    /// A top-level member, or one of the nested `extensions`.
    Extension(String),
    Data(Vec<Step>),
}

impl Field {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Attribute(attribute) => row(*attribute).map_or(Kind::Json, |row| row.kind),
            Self::Extension(_) | Self::Data(_) => Kind::Json,
        }
    }

    /// Values worth offering.
    pub(super) fn values(&self) -> &'static [&'static str] {
        match self {
            Self::Attribute(attribute) => row(*attribute).map_or(&[], |row| row.values),
            Self::Extension(_) | Self::Data(_) => &["true", "false", "null"],
        }
    }
}

fn row(attribute: Attribute) -> Option<&'static Entry> {
    TABLE.iter().find(|row| row.attribute == attribute)
}

/// The attribute of this name.
pub(super) fn named(name: &str) -> Option<Attribute> {
    TABLE
        .iter()
        .find(|row| row.name == name)
        .map(|row| row.attribute)
}

/// The names a field can begin with.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let attributes = TABLE.iter().map(|row| row.name);
    attributes.chain(ROOTS.iter().map(|(name, _)| *name))
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => f.write_str(row(*attribute).map_or("", |row| row.name)),
            Self::Extension(name) => {
                f.write_str("ext")?;
                write_steps(f, &[Step::Member(name.clone())])
            }
            Self::Data(steps) => {
                f.write_str("data")?;
                write_steps(f, steps)
            }
        }
    }
}
