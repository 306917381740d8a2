//! Many conditions against one event.

use std::collections::BTreeMap;
use std::fmt;

use super::Condition;
use super::paths::{PathId, PathTable};
use super::plan::{KeyKind, keys};
use super::view::{Context, View};
use crate::event::Event;

/// Conditions that are tested together, such as the breakpoints of a session.
///
/// A condition that can only hold for certain types, nodes, sessions, traces or ids (`type = …`, `in (…)`, and what `and` and `or` make of them) is looked up by those of the event, the others are all
/// tested. Whatever the number of conditions, the event's text is read at most twice: its attributes and its `data` once each, and every condition finds its values in what was found.
pub struct ConditionSet {
    conditions: Vec<Member>,
    paths: PathTable,
    by_key: BTreeMap<KeyKind, BTreeMap<String, Vec<usize>>>,
    /// Conditions that have no key.
    rest: Vec<usize>,
}

struct Member {
    condition: Condition,
    /// Its paths in the table of the set.
    ids: Vec<PathId>,
}

impl fmt::Debug for ConditionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.conditions.iter().map(|member| &member.condition);
        f.debug_list().entries(conditions).finish()
    }
}

impl ConditionSet {
    /// A set; each condition is known by its place in the iteration.
    pub fn new(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut set = Self {
            conditions: Vec::new(),
            paths: PathTable::new(),
            by_key: BTreeMap::new(),
            rest: Vec::new(),
        };
        for (index, condition) in conditions.into_iter().enumerate() {
            match keys(&condition.inner().expression) {
                Some(keys) => {
                    for (kind, value) in keys {
                        let places = set
                            .by_key
                            .entry(kind)
                            .or_default()
                            .entry(value)
                            .or_default();
                        places.push(index);
                    }
                }
                None => set.rest.push(index),
            }
            let ids = set.paths.add_all(&condition.inner().paths);
            set.conditions.push(Member { condition, ids });
        }
        set
    }

    /// How many conditions there are.
    pub fn len(&self) -> usize {
        self.conditions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The places of the conditions that hold, ascending.
    pub fn matches(&self, event: &Event, context: &dyn Context) -> Vec<usize> {
        let view = View::new(event, context, &self.paths);
        let mut candidates = self.candidates(event);
        candidates.retain(|index| self.holds(*index, &view));
        candidates
    }

    /// The place of the first condition that holds.
    pub fn first(&self, event: &Event, context: &dyn Context) -> Option<usize> {
        let view = View::new(event, context, &self.paths);
        let mut candidates = self.candidates(event).into_iter();
        candidates.find(|index| self.holds(*index, &view))
    }

    fn holds(&self, index: usize, view: &View<'_>) -> bool {
        self.conditions.get(index).is_some_and(|member| {
            let program = &member.condition.inner().program;
            program.holds(view, Some(&member.ids))
        })
    }

    /// Every condition that can hold, ascending.
    fn candidates(&self, event: &Event) -> Vec<usize> {
        let mut found = self.rest.clone();
        for (kind, values) in &self.by_key {
            let mut add = |value: &str| found.extend(values.get(value).into_iter().flatten());
            match kind {
                KeyKind::Type => add(event.kind()),
                KeyKind::Node => {
                    add(event.from().as_str());
                    event.to().into_iter().for_each(|to| add(to.as_str()));
                }
                KeyKind::Session => add(event.session()),
                KeyKind::Trace => {
                    if let Some(context) = event.trace() {
                        add(&context.trace.to_string());
                    }
                }
                KeyKind::Id => add(event.id()),
                KeyKind::Request => event.request_id().into_iter().for_each(|id| add(id)),
                KeyKind::Causation => event.causation_id().into_iter().for_each(|id| add(id)),
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
