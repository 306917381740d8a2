//! One event as conditions see it. What costs a pass over its text is done when it is first asked for, and once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

use super::field::Attribute;
use super::paths::{PathId, PathTable, Root, Values};
use super::program::Source;
use super::text::{folded_leaves, string};
use crate::clock::Timestamp;
use crate::event::{Event, Outcome};

/// What a condition may ask that the event alone doesn't say.
pub trait Context: Send + Sync {
    /// How long the call that `event` belongs to took, from its request to its reply; `None` when that isn't known.
    ///
    /// Must give the same answer for the same event as long as a search goes on.
    fn duration(&self, event: &Event) -> Option<Duration>;
}

/// Knows nothing beside the events: no duration is known.
impl Context for () {
    fn duration(&self, _event: &Event) -> Option<Duration> {
        None
    }
}

/// A value of a field. `null` is none.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Text(Cow<'a, str>),
    /// JSON text.
    Number(Cow<'a, str>),
    Bool(bool),
    /// JSON text of an object or array.
    Composite(&'a str),
    Time(Timestamp),
    /// Nanoseconds.
    Duration(u128),
}

pub(super) struct View<'e> {
    event: &'e Event,
    context: &'e dyn Context,
    paths: &'e PathTable,
    top: OnceCell<Values<'e>>,
    data: OnceCell<Values<'e>>,
    folded: OnceCell<Vec<u8>>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.event.seq()).finish()
    }
}

/// The values of one path.
fn of<'v, 'e>(values: &'v Values<'e>, path: PathId) -> &'v [(PathId, &'e str)] {
    let start = values.partition_point(|(id, _)| *id < path);
    let rest = values.get(start..).unwrap_or_default();
    let length = rest.partition_point(|(id, _)| *id == path);
    rest.get(..length).unwrap_or_default()
}

/// What JSON text says; never called with `null`.
fn value(json: &str) -> Found<'_> {
    match json.as_bytes().first() {
        Some(b'"') => Found::Text(string(json)),
        Some(b't') => Found::Bool(true),
        Some(b'f') => Found::Bool(false),
        Some(b'{' | b'[') => Found::Composite(json),
        _ => Found::Number(Cow::Borrowed(json)),
    }
}

type Test<'t> = &'t mut dyn FnMut(Found<'_>) -> bool;

impl<'e> View<'e> {
    pub(super) fn new(event: &'e Event, context: &'e dyn Context, paths: &'e PathTable) -> Self {
        Self {
            event,
            context,
            paths,
            top: OnceCell::new(),
            data: OnceCell::new(),
            folded: OnceCell::new(),
        }
    }

    fn raw(&self) -> &'e str {
        // Stored events are UTF-8.
        std::str::from_utf8(self.event.raw()).unwrap_or_default()
    }

    /// Every text in the event, without case.
    pub(super) fn folded_text(&self) -> &[u8] {
        self.folded.get_or_init(|| folded_leaves(self.raw()))
    }

    fn top(&self) -> &Values<'e> {
        self.top
            .get_or_init(|| self.paths.find(Root::Event, self.raw()))
    }

    fn data(&self) -> &Values<'e> {
        let find = || {
            let json = self.event.data().unwrap_or("null");
            self.paths.find(Root::Data, json)
        };
        self.data.get_or_init(find)
    }

    /// Whether any value of the field passes the test.
    pub(super) fn any(&self, source: Source, test: Test<'_>) -> bool {
        let mut any = |values: &[(PathId, &str)]| values.iter().any(|(_, json)| test(value(json)));
        match source {
            Source::Attribute(attribute) => self.attribute(attribute, test),
            Source::Data(path) => any(of(self.data(), path)),
            Source::Member(path) => any(of(self.top(), path)),
            Source::Extension { top, nested } => match of(self.top(), top) {
                [] => any(of(self.top(), nested)),
                values => any(values),
            },
            Source::Error { own, result } => match self.event.outcome() {
                Outcome::Error if **self.event.kind() == *"node.error" => any(of(self.data(), own)),
                Outcome::Error => any(of(self.data(), result)),
                Outcome::None | Outcome::Ok => false,
            },
        }
    }

    fn attribute(&self, attribute: Attribute, test: Test<'_>) -> bool {
        let event = self.event;
        let says = |text: &str, test: Test<'_>| test(Found::Text(Cow::Borrowed(text)));
        match attribute {
            Attribute::Seq => test(Found::Number(Cow::Owned(event.seq().to_string()))),
            Attribute::Id => says(event.id(), test),
            Attribute::Source => says(event.source(), test),
            Attribute::Type => says(event.kind(), test),
            Attribute::Workspace => says(event.workspace(), test),
            Attribute::Session => says(event.session(), test),
            Attribute::From => says(event.from().as_str(), test),
            Attribute::To => event.to().is_some_and(|to| says(to.as_str(), test)),
            Attribute::Node => {
                says(event.from().as_str(), test)
                    || event.to().is_some_and(|to| says(to.as_str(), test))
            }
            Attribute::Trace => {
                let trace = event.trace().map(|context| context.trace.to_string());
                trace.is_some_and(|trace| says(&trace, test))
            }
            Attribute::Span => {
                let span = event.trace().map(|context| context.span.to_string());
                span.is_some_and(|span| says(&span, test))
            }
            Attribute::Causation => event.causation_id().is_some_and(|id| says(id, test)),
            Attribute::Request => event.request_id().is_some_and(|id| says(id, test)),
            Attribute::Phase => event
                .phase()
                .is_some_and(|phase| says(phase.as_str(), test)),
            Attribute::Outcome => match event.outcome() {
                Outcome::None => false,
                Outcome::Ok => says("ok", test),
                Outcome::Error => says("error", test),
            },
            Attribute::Time => test(Found::Time(event.time())),
            Attribute::Received => test(Found::Time(event.received())),
            Attribute::Duration => self
                .context
                .duration(event)
                .is_some_and(|duration| test(Found::Duration(duration.as_nanos()))),
            Attribute::Text => test(Found::Composite(self.raw())),
            // They have sources of their own.
            Attribute::Subject | Attribute::Error => false,
        }
    }
}
