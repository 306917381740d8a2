//! What the postings of a store are kept under.

use std::hash::{BuildHasher, Hash};

use super::EventFilter;
use crate::event::{Event, TraceId};

/// An attribute with exact look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Field {
    Id,
    Session,
    Trace,
    Node,
    Kind,
    RequestId,
    CausationId,
}

/// An attribute's value, hashed. Two values may share a key: a reader compares the event itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IndexKey(u64);

impl IndexKey {
    fn new<S: BuildHasher>(hasher: &S, field: Field, value: impl Hash) -> Self {
        Self(hasher.hash_one((field, value)))
    }

    /// The keys an event is found under.
    pub(crate) fn of_event<S: BuildHasher>(
        hasher: &S,
        event: &Event,
    ) -> impl Iterator<Item = Self> {
        let to = event.to().filter(|to| *to != event.from());
        [
            Some(Self::new(hasher, Field::Id, event.id())),
            Some(Self::new(hasher, Field::Session, event.session())),
            Some(Self::new(hasher, Field::Kind, event.kind())),
            Some(Self::new(hasher, Field::Node, event.from().as_str())),
            to.map(|to| Self::new(hasher, Field::Node, to.as_str())),
            event
                .trace()
                .map(|context| Self::new(hasher, Field::Trace, context.trace)),
            event
                .request_id()
                .map(|id| Self::new(hasher, Field::RequestId, id)),
            event
                .causation_id()
                .map(|id| Self::new(hasher, Field::CausationId, id)),
        ]
        .into_iter()
        .flatten()
    }

    /// The keys every match of a normalized filter is found under.
    pub(crate) fn of_filter<S: BuildHasher>(
        hasher: &S,
        filter: &EventFilter,
    ) -> impl Iterator<Item = Self> {
        let exact = |pattern: &Option<super::Pattern>| {
            pattern
                .as_ref()
                .and_then(super::Pattern::exact)
                .map(str::to_owned)
        };
        let trace = exact(&filter.trace)
            .and_then(|trace| u128::from_str_radix(&trace, 16).ok())
            .map(TraceId);
        [
            filter
                .id
                .as_deref()
                .map(|id| Self::new(hasher, Field::Id, id)),
            filter
                .request_id
                .as_deref()
                .map(|id| Self::new(hasher, Field::RequestId, id)),
            filter
                .causation_id
                .as_deref()
                .map(|id| Self::new(hasher, Field::CausationId, id)),
            trace.map(|trace| Self::new(hasher, Field::Trace, trace)),
            exact(&filter.session).map(|session| Self::new(hasher, Field::Session, session)),
            exact(&filter.node).map(|node| Self::new(hasher, Field::Node, node)),
            exact(&filter.kind).map(|kind| Self::new(hasher, Field::Kind, kind)),
        ]
        .into_iter()
        .flatten()
    }
}
