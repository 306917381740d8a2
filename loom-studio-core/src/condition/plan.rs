//! What a store's indexes can say about a condition.

use super::ast::{Comparison, Expression, Term, Test, Value};
use super::field::{Attribute, Field};
use super::program::normal;
use crate::clock::Timestamp;
use crate::store::{EventFilter, Pattern, TimeRange};

/// The part of a condition that a filter can express.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every event for which the condition holds passes it.
    pub(super) filter: EventFilter,
    /// Whether every event that passes it makes the condition hold.
    pub(super) is_exact: bool,
}

impl Plan {
    pub(super) fn new(expression: &Expression) -> Self {
        let mut plan = Self {
            filter: EventFilter::default(),
            is_exact: true,
        };
        plan.take(expression);
        plan
    }

    fn take(&mut self, expression: &Expression) {
        match expression {
            Expression::And(parts) => parts.iter().for_each(|part| self.take(part)),
            Expression::Term(term) => self.is_exact &= absorb(term, &mut self.filter).is_some(),
            Expression::Or(_) | Expression::Not(_) => self.is_exact = false,
        }
    }

    /// Whether `filter` lets through only events for which the condition holds.
    pub(super) fn is_exact_in(&self, filter: &EventFilter) -> bool {
        let (wanted, found) = (&self.filter, filter.normalized());
        let starts = wanted
            .time
            .start
            .is_none_or(|wanted| found.time.start.is_some_and(|start| start >= wanted));
        let ends = wanted
            .time
            .end
            .is_none_or(|wanted| found.time.end.is_some_and(|end| end <= wanted));
        self.is_exact
            && starts
            && ends
            && is_as(wanted.kind.as_ref(), found.kind.as_ref())
            && is_as(wanted.node.as_ref(), found.node.as_ref())
            && is_as(wanted.session.as_ref(), found.session.as_ref())
            && is_as(wanted.trace.as_ref(), found.trace.as_ref())
            && is_as(wanted.id.as_ref(), found.id.as_ref())
            && is_as(wanted.request_id.as_ref(), found.request_id.as_ref())
            && is_as(wanted.causation_id.as_ref(), found.causation_id.as_ref())
            && is_as(wanted.workspace.as_ref(), found.workspace.as_ref())
    }

    /// `scope` with what the condition asks for beyond it: still lets through every event of the scope for which the condition holds, and none outside of the scope.
    pub(super) fn narrow(&self, scope: &EventFilter) -> EventFilter {
        let mut filter = scope.normalized();
        let ours = &self.filter;
        for (slot, wanted) in [
            (&mut filter.kind, &ours.kind),
            (&mut filter.node, &ours.node),
            (&mut filter.session, &ours.session),
            (&mut filter.trace, &ours.trace),
        ] {
            if let Some(wanted) = wanted {
                let _ = set_pattern(slot, wanted.clone());
            }
        }
        for (slot, wanted) in [
            (&mut filter.id, &ours.id),
            (&mut filter.request_id, &ours.request_id),
            (&mut filter.causation_id, &ours.causation_id),
        ] {
            if slot.is_none() {
                slot.clone_from(wanted);
            }
        }
        if filter.workspace.is_none() {
            filter.workspace.clone_from(&ours.workspace);
        }
        filter.time = both(filter.time, ours.time);
        filter
    }
}

/// Whether what is wanted, if anything, is what was found.
fn is_as<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

/// The moments in both ranges.
fn both(left: TimeRange, right: TimeRange) -> TimeRange {
    TimeRange {
        start: left.start.max(right.start),
        end: match (left.end, right.end) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        },
    }
}

/// Adds a test to the filter; `Some` when the filter then says all that the test does.
fn absorb(term: &Term, filter: &mut EventFilter) -> Option<()> {
    let Field::Attribute(attribute) = &term.field else {
        return None;
    };
    let (comparison, value) = match &term.test {
        Test::Compare(comparison, value) => (*comparison, value),
        Test::In(values) => match values.as_slice() {
            [value] => (Comparison::Equal, value),
            _ => return None,
        },
        Test::Exists | Test::Contains(_) | Test::Matches { .. } => return None,
    };
    if let (Attribute::Time, Value::Time(moment)) = (attribute, value) {
        let range = range(comparison, *moment)?;
        filter.time = both(filter.time, range);
        return Some(());
    }
    if comparison != Comparison::Equal {
        return None;
    }
    let (pattern, exact) = match normal(term.field.kind(), value) {
        Value::Text(text) => (Pattern::Exact(text.clone()), Some(text)),
        Value::Prefix(prefix) => (Pattern::Prefix(prefix), None),
        _ => return None,
    };
    match attribute {
        Attribute::Type => set_pattern(&mut filter.kind, pattern),
        Attribute::Node => set_pattern(&mut filter.node, pattern),
        Attribute::From | Attribute::To => {
            let _ = set_pattern(&mut filter.node, pattern);
            None
        }
        Attribute::Session => set_pattern(&mut filter.session, pattern),
        Attribute::Trace => set_pattern(&mut filter.trace, pattern),
        Attribute::Id => set_exact(&mut filter.id, exact?),
        Attribute::Request => set_exact(&mut filter.request_id, exact?),
        Attribute::Causation => set_exact(&mut filter.causation_id, exact?),
        Attribute::Workspace => set_exact(&mut filter.workspace, exact?.into()),
        _ => None,
    }
}

/// The moments for which the comparison holds; `None` when they are no range.
fn range(comparison: Comparison, moment: Timestamp) -> Option<TimeRange> {
    let nanos = moment.as_nanos();
    let at = |nanos: i64| Some(Timestamp::from_nanos(nanos));
    let (start, end) = match comparison {
        Comparison::Equal => (at(nanos), at(nanos)),
        Comparison::Less => (None, at(nanos.checked_sub(1)?)),
        Comparison::LessOrEqual => (None, at(nanos)),
        Comparison::Greater => (at(nanos.checked_add(1)?), None),
        Comparison::GreaterOrEqual => (at(nanos), None),
        Comparison::NotEqual => return None,
    };
    Some(TimeRange { start, end })
}

/// Narrows a slot; `None` when it can't hold both patterns.
fn set_pattern(slot: &mut Option<Pattern>, pattern: Pattern) -> Option<()> {
    match (&slot, &pattern) {
        (None, _) => {}
        (Some(old), new) if old == new => {}
        (Some(old), Pattern::Exact(text)) if old.exact().is_none() && old.matches(text) => {}
        // What is there already says more.
        (Some(Pattern::Exact(text)), new) => return new.matches(text).then_some(()),
        _ => return None,
    }
    *slot = Some(pattern);
    Some(())
}

fn set_exact<T: PartialEq>(slot: &mut Option<T>, value: T) -> Option<()> {
    if let Some(old) = slot {
        return (*old == value).then_some(());
    }
    *slot = Some(value);
    Some(())
}

/// An attribute by which conditions are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyKind {
    Type,
    Node,
    Session,
    Trace,
    Id,
    Request,
    Causation,
}

/// A value of such an attribute.
pub(super) type Key = (KeyKind, String);

/// Keys of which an event must have one for the condition to hold; `None` when there are no such keys.
pub(super) fn keys(expression: &Expression) -> Option<Vec<Key>> {
    match expression {
        Expression::And(parts) => parts.iter().filter_map(keys).min_by_key(Vec::len),
        Expression::Or(parts) => {
            let all: Option<Vec<Vec<Key>>> = parts.iter().map(keys).collect();
            all.map(|all| all.into_iter().flatten().collect())
        }
        Expression::Not(_) => None,
        Expression::Term(term) => term_keys(term),
    }
}

fn term_keys(term: &Term) -> Option<Vec<Key>> {
    let Field::Attribute(attribute) = &term.field else {
        return None;
    };
    let kind = match attribute {
        Attribute::Type => KeyKind::Type,
        Attribute::Node | Attribute::From | Attribute::To => KeyKind::Node,
        Attribute::Session => KeyKind::Session,
        Attribute::Trace => KeyKind::Trace,
        Attribute::Id => KeyKind::Id,
        Attribute::Request => KeyKind::Request,
        Attribute::Causation => KeyKind::Causation,
        _ => return None,
    };
    let values = match &term.test {
        Test::Compare(Comparison::Equal, value) => std::slice::from_ref(value),
        Test::In(values) => values.as_slice(),
        _ => return None,
    };
    let key = |value| match normal(term.field.kind(), value) {
        Value::Text(text) => Some((kind, text)),
        _ => None,
    };
    values.iter().map(key).collect()
}
