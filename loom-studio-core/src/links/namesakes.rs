//! Finding the one event that an id means: ids are unique per source only.

use std::sync::Arc;

use super::{End, scope};
use crate::causality::{Candidates, Fact, MAX_CANDIDATES, cause_among, request_among};
use crate::error::Result;
use crate::event::Event;
use crate::ids::Seq;
use crate::store::{EventFilter, EventQuery, EventStore, Pattern};

/// Events of one id that are compared with each other.
const FEW: usize = 64;
/// Events of one id that are looked at before a search ends.
const MANY: usize = 1_000;

/// The events that match, at most so many, and whether these are all.
async fn all(
    store: &dyn EventStore,
    filter: EventFilter,
    limit: usize,
) -> Result<(Vec<Arc<Event>>, bool)> {
    let query = EventQuery {
        filter,
        limit,
        ..EventQuery::default()
    };
    let page = store.query(&query).await?;
    let events = page.events.into_iter().map(|stored| stored.event);
    Ok((events.collect(), page.next.is_none()))
}

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.to_owned())
}

/// Whether other events of the workspace have the same id.
pub(super) async fn has_namesakes(store: &dyn EventStore, event: &Event) -> Result<bool> {
    let filter = EventFilter {
        id: Some(event.id().to_string()),
        ..scope(event)
    };
    Ok(all(store, filter, 2).await?.0.len() > 1)
}

/// Narrows candidates down to those that are meant.
type Narrow = fn(&Fact, &mut Vec<(usize, &Fact)>);

fn among(of: &Fact, events: &[Arc<Event>], is_complete: bool, narrow: Narrow) -> End {
    let facts: Vec<Fact> = events.iter().map(|event| Fact::of(event)).collect();
    let mut meant: Vec<(usize, &Fact)> = facts.iter().enumerate().collect();
    narrow(of, &mut meant);
    match meant.as_slice() {
        [] => End::Nothing,
        [(index, _)] if is_complete => match events.get(*index) {
            Some(event) => End::One(Arc::clone(event)),
            None => End::Nothing,
        },
        several => {
            let mut seqs: Vec<Seq> = several.iter().map(|(_, fact)| fact.seq).collect();
            seqs.sort_unstable();
            seqs.truncate(MAX_CANDIDATES);
            End::Several(Candidates {
                is_complete: is_complete && seqs.len() == several.len(),
                events: seqs,
            })
        }
    }
}

/// The event with an id that `narrow` finds is meant by `of`. `tiers` are filters that the tests of `narrow` imply one after the other, the narrowest first: with many namesakes they are asked for in turn.
async fn find(
    store: &dyn EventStore,
    of: &Event,
    id: &str,
    narrow: Narrow,
    tiers: Vec<EventFilter>,
    accept: fn(&Fact, &Fact) -> bool,
) -> Result<End> {
    let fact = Fact::of(of);
    let with_id = |filter: EventFilter| EventFilter {
        id: Some(id.to_owned()),
        ..filter
    };
    let (few, is_complete) = all(store, with_id(scope(of)), FEW).await?;
    if is_complete {
        return Ok(among(&fact, &few, true, narrow));
    }
    let mut is_certain = true;
    for filter in tiers {
        let is_addressed = filter.node.is_some();
        let (mut found, is_complete) = all(store, with_id(filter), MANY).await?;
        found.retain(|event| !is_addressed || accept(&fact, &Fact::of(event)));
        is_certain &= is_complete;
        match among(&fact, &found, is_certain, narrow) {
            End::Nothing => {}
            end => return Ok(end),
        }
    }
    Ok(End::Nothing)
}

/// The event that `causationid` names.
pub(super) async fn cause_of(store: &dyn EventStore, effect: &Event) -> Result<End> {
    let Some(id) = effect.causation_id() else {
        return Ok(End::Nothing);
    };
    let node = Some(exact(effect.from().as_str()));
    let session = Some(exact(effect.session()));
    let tier = |node: &Option<Pattern>, session: &Option<Pattern>| EventFilter {
        node: node.clone(),
        session: session.clone(),
        ..scope(effect)
    };
    let tiers = vec![
        tier(&node, &session),
        tier(&node, &None),
        tier(&None, &session),
        tier(&None, &None),
    ];
    let sent_to_it = |effect: &Fact, cause: &Fact| cause.to.as_ref() == Some(&effect.from);
    find(store, effect, id, cause_among, tiers, sent_to_it).await
}

/// The request that `data.request_id` names.
pub(super) async fn request_of(store: &dyn EventStore, reply: &Event) -> Result<End> {
    let Some(id) = reply.request_id() else {
        return Ok(End::Nothing);
    };
    let session = Some(exact(reply.session()));
    let trace = reply
        .trace()
        .map(|context| exact(&context.trace.to_string()));
    let tier = |trace: &Option<Pattern>, session: &Option<Pattern>| EventFilter {
        node: Some(exact(reply.from().as_str())),
        trace: trace.clone(),
        session: session.clone(),
        ..scope(reply)
    };
    let mut tiers = Vec::new();
    if trace.is_some() {
        tiers.extend([tier(&trace, &session), tier(&trace, &None)]);
    }
    tiers.extend([tier(&None, &session), tier(&None, &None)]);
    let can_answer = |reply: &Fact, request: &Fact| request.can_be_answered_by(reply);
    find(store, reply, id, request_among, tiers, can_answer).await
}
