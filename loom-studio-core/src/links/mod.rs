//! What one event has to do with others, looked up in the log.

mod namesakes;
mod placement;

use std::sync::Arc;

use crate::causality::{Candidates, Fact, MAX_CANDIDATES, Trust};
use crate::error::Result;
use crate::event::Event;
use crate::ids::Seq;
use crate::store::{EventFilter, EventQuery, EventStore, Order, Pattern};

use namesakes::{cause_of, has_namesakes, request_of};

pub use placement::{Placement, placement};

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
    /// What was being handled when it was sent: the event that `causationid` names.
    pub cause: Option<Link>,
    /// The request it answers: the one that `data.request_id` names.
    pub request: Option<Link>,
    /// The reply to it that is first by `(time, seq)`.
    pub response: Option<Link>,
    /// What was sent while it was being handled, in seq order; at most [`MAX_EFFECTS`].
    pub effects: Vec<Link>,
    /// Namesakes among which the cause can't be decided.
    pub cause_candidates: Option<Candidates>,
    /// Namesakes among which the request can't be decided.
    pub request_candidates: Option<Candidates>,
    /// Replies that may answer this request or a namesake of it.
    pub response_candidates: Vec<Seq>,
}

/// Most effects listed for one event.
pub const MAX_EFFECTS: usize = 100;

/// Replies to one request, or to its namesakes, that are looked at.
const MAX_REPLIES: usize = 10_000;

/// How far behind an event its effects are looked for at first; then sixteen times as far, and so on. The first hundred of a million effects come soon, and the rest need not be counted.
const FIRST_REACH: u64 = 4_096;

/// What the other end of a link may be.
enum End {
    Nothing,
    One(Arc<Event>),
    Several(Candidates),
}

impl End {
    fn split(self, trust: Trust) -> (Option<Link>, Option<Candidates>) {
        match self {
            Self::Nothing => (None, None),
            Self::One(event) => (Some(Link { event, trust }), None),
            Self::Several(candidates) => (None, Some(candidates)),
        }
    }
}

/// Looks up the direct links of an event in its workspace. Only stated links: nothing is inferred.
///
/// Ids are unique per source only. Of several events with the id that is named, the cause is the one that was sent to this event's sender, then the one of the same session; the request is one that was sent to the node that replies, by the
/// node the reply is for where it says so, then the one with the reply's whole `traceparent`, then the one of the same session. What remains undecided is listed and no link.
///
/// The cost doesn't grow with the run or the log, only with the number of namesakes, of which some thousands are looked at.
///
/// # Errors
/// As the store's queries.
pub async fn links(store: &dyn EventStore, event: &Event) -> Result<Links> {
    let (cause, cause_candidates) = cause_of(store, event).await?.split(Trust::Causation);
    let (request, request_candidates) = request_of(store, event).await?.split(Trust::RequestId);
    let (response, response_candidates) = responses(store, event).await?;
    Ok(Links {
        cause,
        request,
        response: response.map(|event| Link {
            event,
            trust: Trust::RequestId,
        }),
        effects: effects(store, event).await?,
        cause_candidates,
        request_candidates,
        response_candidates,
    })
}

fn scope(event: &Event) -> EventFilter {
    EventFilter::workspace(Arc::clone(event.workspace()))
}

/// The first reply to a request, and those that may be one.
async fn responses(
    store: &dyn EventStore,
    request: &Event,
) -> Result<(Option<Arc<Event>>, Vec<Seq>)> {
    let (fact, mut candidates) = (Fact::of(request), Vec::new());
    if !fact.is_request() {
        return Ok((None, candidates));
    }
    let mut query = EventQuery {
        filter: EventFilter {
            request_id: Some(request.id().to_string()),
            // The node that was asked replies.
            node: fact
                .to
                .as_ref()
                .map(|to| Pattern::Exact(to.as_str().to_owned())),
            ..scope(request)
        },
        order: Order::Time,
        ..EventQuery::default()
    };
    let (mut seen, mut alone) = (0, None);
    loop {
        let page = store.query(&query).await?;
        seen += page.events.len();
        for reply in page.events.into_iter().map(|stored| stored.event) {
            let said = Fact::of(&reply);
            if !said.is_reply() || !fact.can_be_answered_by(&said) {
                continue;
            }
            let is_alone = if let Some(is_alone) = alone {
                is_alone
            } else {
                *alone.insert(!has_namesakes(store, request).await?)
            };
            // Where the reply names the node it is for, there is one request of that id.
            if is_alone || said.to.is_some() {
                return Ok((Some(reply), candidates));
            }
            match request_of(store, &reply).await? {
                End::One(found) if found.seq() == request.seq() => {
                    return Ok((Some(reply), candidates));
                }
                // Where not all are listed, it may be among the others.
                End::Several(among)
                    if !among.is_complete || among.events.contains(&request.seq()) =>
                {
                    candidates.push(said.seq);
                    if candidates.len() == MAX_CANDIDATES {
                        return Ok((None, candidates));
                    }
                }
                _ => {}
            }
        }
        match page.next {
            Some(next) if seen < MAX_REPLIES => query.cursor = Some(next),
            _ => return Ok((None, candidates)),
        }
    }
}

async fn effects(store: &dyn EventStore, cause: &Event) -> Result<Vec<Link>> {
    let filter = EventFilter {
        causation_id: Some(cause.id().to_string()),
        // What an event sent to a node causes, that node sends.
        node: cause.to().map(|to| Pattern::Exact(to.as_str().to_owned())),
        ..scope(cause)
    };
    let mut reach = FIRST_REACH;
    let found = loop {
        let up_to = cause.seq().0.checked_add(reach).map(Seq);
        let page = store
            .query(&EventQuery {
                filter: filter.clone(),
                limit: MAX_EFFECTS,
                up_to,
                ..EventQuery::default()
            })
            .await?;
        let is_all = up_to.is_none_or(|up_to| page.head < up_to);
        if is_all || page.events.len() == MAX_EFFECTS {
            break page.events;
        }
        reach = reach.saturating_mul(16);
    };
    let is_alone = found.is_empty() || !has_namesakes(store, cause).await?;
    let mut effects = Vec::with_capacity(found.len());
    for effect in found.into_iter().map(|stored| stored.event) {
        let is_mine = is_alone
            || matches!(cause_of(store, &effect).await?, End::One(of) if of.seq() == cause.seq());
        if is_mine && effect.seq() != cause.seq() {
            effects.push(Link {
                event: effect,
                trust: Trust::Causation,
            });
        }
    }
    Ok(effects)
}
