//! The one language for conditions on events: queries, breakpoints and filters speak it.
//!
//! `type = node.error and data.tokens > 1000`; the grammar, the fields and what every test means are in `docs/conditions.md`.
//!
//! One file per job: `lexer` and `parser` make a tree (`ast`) out of text, by the tables of `field` and the rules of `literal`; `program` prepares the tree and tests events, which `view` shows it through the
//! paths of `paths` and the texts of `text`; `plan` says what a store's indexes can do for it; `set`, `search` and `complete` are what the names say.

mod ast;
mod complete;
mod decimal;
mod error;
mod field;
mod lexer;
mod literal;
mod parser;
mod path;
mod paths;
mod plan;
mod program;
mod scan;
mod search;
mod set;
mod text;
mod view;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::event::Event;
use crate::store::EventFilter;

pub use complete::{Completion, CompletionKind, complete};
pub use error::ConditionError;
pub use search::{DEFAULT_MAX_SCANNED, FirstMatch, Search, first_match, search};
pub use set::ConditionSet;
pub use view::Context;

/// Most bytes of a condition's text.
pub const MAX_LENGTH: usize = 4096;
/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;
/// Most tests, each listed value after the first counted as one.
const MAX_TERMS: usize = 256;
/// Most regular expressions.
const MAX_PATTERNS: usize = 16;
/// Most bytes of one regular expression.
const MAX_PATTERN_LENGTH: usize = 512;
/// Most steps of one path.
const MAX_STEPS: usize = 32;

/// A condition on an event, checked and prepared. Cheap to clone.
///
/// # Guarantees
///
/// * **Pure.** Whether it holds depends on the event and the [`Context`] alone.
/// * **Two values.** It holds or doesn't. A test on a field that the event doesn't have, or whose value is `null`, fails, `!=` included; `f = null` and `not exists f` hold then. `not` turns an answer round.
/// * **Bounded.** Testing an event takes time linear in its size, times the number of tests, and memory linear in its size. There is no backtracking.
/// * **Canonical.** `Display` gives a text that parses to an equal condition.
#[derive(Clone)]
pub struct Condition(Arc<Inner>);

struct Inner {
    expression: ast::Expression,
    program: program::Program,
    paths: paths::PathTable,
    plan: plan::Plan,
    duration_at: Option<Range<usize>>,
    patterns: usize,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Text that isn't a condition, or exceeds a bound; the error points at the character.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let parsed = parser::Parser::new(text).condition()?;
        let mut paths = paths::PathTable::new();
        Ok(Self(Arc::new(Inner {
            program: program::Program::new(&parsed.expression, &mut paths),
            plan: plan::Plan::new(&parsed.expression),
            paths,
            expression: parsed.expression,
            duration_at: parsed.duration_at,
            patterns: parsed.patterns,
        })))
    }

    /// Whether it holds for the event.
    pub fn matches(&self, event: &Event, context: &dyn Context) -> bool {
        let view = view::View::new(event, context, &self.0.paths);
        self.0.program.holds(&view, None)
    }

    /// A filter that every event passes for which the condition holds, as narrow as a filter can be: exact types, nodes, sessions, traces, ids, prefixes of them and times that are joined by `and`.
    pub fn prefilter(&self) -> &EventFilter {
        &self.0.plan.filter
    }

    /// Whether the condition holds for every event that passes `filter`, as far as the filter alone shows it.
    pub fn is_exact_in(&self, filter: &EventFilter) -> bool {
        self.0.plan.is_exact_in(filter)
    }

    /// Where its text asks for `duration` first: a caller whose context knows none can refuse it.
    pub fn duration_at(&self) -> Option<Range<usize>> {
        self.0.duration_at.clone()
    }

    /// How many regular expressions it holds: each may take half a megabyte, so a caller that keeps many conditions bounds their sum.
    pub fn patterns(&self) -> usize {
        self.0.patterns
    }

    fn inner(&self) -> &Inner {
        &self.0
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        Self::parse(text)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expression.fmt(f)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({self})")
    }
}

/// Equal when their trees are: spaces, the case of keywords and how a text is quoted don't count.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.expression == other.0.expression
    }
}

impl Eq for Condition {}
