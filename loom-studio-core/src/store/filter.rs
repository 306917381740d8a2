//! Which events are meant.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use memchr::memmem;

use crate::clock::Timestamp;
use crate::event::{Event, NodeId, Observation};

/// A test on one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Equal to the text.
    Exact(String),
    /// Begins with the text.
    Prefix(String),
    /// Contains the text.
    Contains(String),
}

impl Pattern {
    /// Whether the pattern describes `text`.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
        }
    }

    pub(crate) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(text) => Some(text),
            Self::Prefix(_) | Self::Contains(_) => None,
        }
    }
}

/// `x*` is a prefix, `*x*` (or `*x`) means "contains", everything else is exact.
impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(rest), _) => Self::Contains(rest.strip_suffix('*').unwrap_or(rest).to_owned()),
            (None, Some(prefix)) => Self::Prefix(prefix.to_owned()),
            (None, None) => Self::Exact(text.to_owned()),
        })
    }
}

/// Event times from `start` to `end`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TimeRange {
    /// Not before this.
    pub start: Option<Timestamp>,
    /// Not after this.
    pub end: Option<Timestamp>,
}

impl TimeRange {
    /// Whether the moment lies inside.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.overlaps(moment, moment)
    }

    /// Whether any moment from `earliest` to `latest` lies inside.
    pub(crate) fn overlaps(&self, earliest: Timestamp, latest: Timestamp) -> bool {
        self.start.is_none_or(|start| latest >= start) && self.end.is_none_or(|end| earliest <= end)
    }
}

/// Conditions on an event; all that are set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EventFilter {
    /// The tenant; `None` means every one.
    pub workspace: Option<Arc<str>>,
    /// The session.
    pub session: Option<Pattern>,
    /// The trace id, 32 lower-case hexadecimal digits.
    pub trace: Option<Pattern>,
    /// The node behind source or subject. An exact address may be written in any form.
    pub node: Option<Pattern>,
    /// `type`.
    pub kind: Option<Pattern>,
    /// The event's time.
    pub time: TimeRange,
    /// A case-sensitive substring of the JSON text.
    pub text: Option<String>,
    /// `id`, whatever the source.
    pub id: Option<String>,
    /// `data.request_id`.
    pub request_id: Option<String>,
    /// `causationid`.
    pub causation_id: Option<String>,
}

impl EventFilter {
    /// Every event of one workspace.
    pub fn workspace(workspace: impl Into<Arc<str>>) -> Self {
        Self {
            workspace: Some(workspace.into()),
            ..Self::default()
        }
    }

    /// The same filter with an exact node in its one normal form. Backends call it once per query.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut filter = self.clone();
        if let Some(Pattern::Exact(address)) = &mut filter.node {
            *address = NodeId::normalize(address).into_owned();
        }
        if let Some(Pattern::Exact(trace) | Pattern::Prefix(trace) | Pattern::Contains(trace)) =
            &mut filter.trace
        {
            trace.make_ascii_lowercase();
        }
        filter
    }

    /// Whether a normalized filter describes the event. Cheap conditions come first.
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_attributes(event) && self.matches_text(event)
    }

    /// Every condition but that on the text.
    pub(crate) fn matches_attributes(&self, event: &Event) -> bool {
        let exact = |wanted: &Option<String>, found: Option<&Arc<str>>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| found.is_some_and(|found| **found == *wanted))
        };
        self.workspace
            .as_deref()
            .is_none_or(|workspace| workspace == &**event.workspace())
            && self.time.contains(event.time())
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| kind.matches(event.kind()))
            && self
                .session
                .as_ref()
                .is_none_or(|session| session.matches(event.session()))
            && self.node.as_ref().is_none_or(|node| {
                node.matches(event.from().as_str())
                    || event.to().is_some_and(|to| node.matches(to.as_str()))
            })
            && self.trace.as_ref().is_none_or(|pattern| {
                event
                    .trace()
                    .is_some_and(|context| pattern.matches(&context.trace.to_string()))
            })
            && exact(&self.id, Some(event.id()))
            && exact(&self.request_id, event.request_id())
            && exact(&self.causation_id, event.causation_id())
    }

    /// The condition on the text alone.
    fn matches_text(&self, event: &Event) -> bool {
        self.text
            .as_ref()
            .is_none_or(|text| memmem::find(event.raw(), text.as_bytes()).is_some())
    }

    /// Whether an observation matches a normalized filter, given the observed event if it is still stored.
    pub(crate) fn matches_observation(
        &self,
        observation: &Observation,
        event: Option<&Event>,
    ) -> bool {
        let scope = Self {
            workspace: self.workspace.clone(),
            session: self.session.clone(),
            ..Self::default()
        };
        if *self != scope {
            return event.is_some_and(|event| self.matches(event));
        }
        self.workspace
            .as_deref()
            .is_none_or(|workspace| *workspace == *observation.workspace)
            && self
                .session
                .as_ref()
                .is_none_or(|session| session.matches(&observation.session))
    }

    /// Whether nothing but the workspace is asked for.
    pub(crate) fn is_workspace_only(&self) -> bool {
        *self
            == Self {
                workspace: self.workspace.clone(),
                ..Self::default()
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_choose_the_test() {
        let parse = |text: &str| text.parse::<Pattern>().unwrap();
        assert_eq!(
            parse("agent.thought"),
            Pattern::Exact("agent.thought".into())
        );
        assert_eq!(parse("agent.*"), Pattern::Prefix("agent.".into()));
        assert_eq!(parse("*tool*"), Pattern::Contains("tool".into()));
        assert_eq!(parse("*tool"), Pattern::Contains("tool".into()));
        assert_eq!(parse("*"), Pattern::Contains(String::new()));
        assert!(
            parse("*").matches("anything")
                && parse("a*").matches("ab")
                && !parse("a*").matches("ba")
        );
    }
}
