//! What one event has to do with others.

use std::sync::Arc;

use crate::causality::Trust;
use crate::error::Result;
use crate::event::Event;
use crate::store::{EventFilter, EventQuery, EventStore, Pattern};

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
    let by_id = |id: &Arc<str>| EventFilter {
        id: Some(id.to_string()),
        ..scope()
    };
    let with = |trust| move |event| Link { event, trust };

    let cause = match event.causation_id() {
        Some(id) => {
            // Ids are unique per source only: the cause is most likely what was sent to this node.
            let is_other = |found: &Event| found.seq() != event.seq();
            let is_mine = |found: &Event| is_other(found) && found.to() == Some(event.from());
            match first(store, by_id(id), &is_mine).await? {
                Some(found) => Some(found),
                None => first(store, by_id(id), &is_other).await?,
            }
        }
        None => None,
    };
    let request = match event.request_id() {
        Some(id) => first(store, by_id(id), &|found| answers(event, found)).await?,
        None => None,
    };
    let replies = EventFilter {
        request_id: Some(event.id().to_string()),
        ..scope()
    };
    let response = first(store, replies, &|found| answers(found, event)).await?;
    let caused = EventFilter {
        causation_id: Some(event.id().to_string()),
        // What an event sent to a node causes, that node sends.
        node: event.to().map(|to| Pattern::Exact(to.as_str().to_owned())),
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

/// Whether `reply` can answer `request`: the node that was asked sent it, to the node that asked where it names one.
fn answers(reply: &Event, request: &Event) -> bool {
    request.to().is_none_or(|to| to == reply.from())
        && reply.to().is_none_or(|to| to == request.from())
}

/// Events looked at before the search for a match ends.
const MAX_NAMESAKES: usize = 10_000;

/// The first match in seq order that is accepted, among so many.
async fn first(
    store: &dyn EventStore,
    filter: EventFilter,
    accept: &(dyn Fn(&Event) -> bool + Sync),
) -> Result<Option<Arc<Event>>> {
    let mut query = EventQuery {
        filter,
        ..EventQuery::default()
    };
    let mut seen = 0;
    loop {
        let page = store.query(&query).await?;
        seen += page.events.len();
        let mut events = page.events.into_iter().map(|stored| stored.event);
        if let Some(found) = events.find(|found| accept(found)) {
            return Ok(Some(found));
        }
        match page.next {
            Some(next) if seen < MAX_NAMESAKES => query.cursor = Some(next),
            _ => return Ok(None),
        }
    }
}
