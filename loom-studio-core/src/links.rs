//! What one event has to do with others.

use std::sync::Arc;

use crate::error::Result;
use crate::event::Event;
use crate::store::{EventFilter, EventQuery, EventStore};

/// How far a link can be trusted, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trust {
    /// The client said so (`causationid`).
    Causation,
    /// A reply names its request (`data.request_id`).
    RequestId,
}

impl Trust {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Causation => "causation",
            Self::RequestId => "request_id",
        }
    }
}

/// An event at the other end of a link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The other event.
    pub event: Arc<Event>,
    /// What the link rests on.
    pub trust: Trust,
}

/// The direct links of one event.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// What was being handled when it was sent.
    pub cause: Option<Link>,
    /// The request it answers.
    pub request: Option<Link>,
    /// The first reply to it.
    pub response: Option<Link>,
    /// What was sent while it was being handled, in seq order; at most [`MAX_EFFECTS`].
    pub effects: Vec<Link>,
}

/// Most effects listed for one event.
pub const MAX_EFFECTS: usize = 100;

/// Looks up the direct links of an event in its workspace. Only stated links: nothing is inferred.
///
/// # Errors
/// As the store's queries.
pub async fn links(store: &dyn EventStore, event: &Event) -> Result<Links> {
    let scope = || EventFilter::workspace(Arc::clone(event.workspace()));
    let first = async |filter: EventFilter,
                       accept: &(dyn Fn(&Event) -> bool + Sync)|
           -> Result<Option<Arc<Event>>> {
        let page = store
            .query(&EventQuery {
                filter,
                ..EventQuery::default()
            })
            .await?;
        Ok(page
            .events
            .into_iter()
            .map(|stored| stored.event)
            .find(|found| accept(found)))
    };
    let by_id = |id: &Arc<str>| EventFilter {
        id: Some(id.to_string()),
        ..scope()
    };
    let with = |trust| move |event| Link { event, trust };

    let cause = match event.causation_id() {
        Some(id) => first(by_id(id), &|_| true).await?,
        None => None,
    };
    let request = match event.request_id() {
        // Ids are unique per source only: the request is the one that was sent to this node.
        Some(id) => {
            first(by_id(id), &|found| {
                found.to().is_none_or(|to| to == event.from())
            })
            .await?
        }
        None => None,
    };
    let replies = EventFilter {
        request_id: Some(event.id().to_string()),
        ..scope()
    };
    let response = first(replies, &|found| {
        event.to().is_none_or(|to| to == found.from())
    })
    .await?;
    let caused = EventFilter {
        causation_id: Some(event.id().to_string()),
        ..scope()
    };
    let effects = store
        .query(&EventQuery {
            filter: caused,
            limit: MAX_EFFECTS,
            ..EventQuery::default()
        })
        .await?;
    Ok(Links {
        cause: cause.map(with(Trust::Causation)),
        request: request.map(with(Trust::RequestId)),
        response: response.map(with(Trust::RequestId)),
        effects: effects
            .events
            .into_iter()
            .map(|stored| stored.event)
            .map(with(Trust::Causation))
            .collect(),
    })
}
