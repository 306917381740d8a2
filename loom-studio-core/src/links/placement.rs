//! In which run and call an event is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::namesakes::{cause_of, request_of};
use super::{End, Link, Links, scope};
use crate::causality::{Candidates, Fact, Known, Place, Trust, link};
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Phase, Record};

use crate::ids::Seq;
use crate::runs::{RunId, RunList};
use crate::store::{EventFilter, EventQuery, EventStore, Order, Pattern, StoredRecord, TimeRange};

/// Events that are placed on the way, one because of another.
const MAX_STEPS: usize = 64;
/// Events of one node that are looked at for a call it was handling, the latest before the event first.
const MAX_EVENTS: usize = 256;
/// Those of them that are read at once.
const PAGE: usize = 32;
/// Events of one trace that are looked at.
const MAX_OF_TRACE: usize = 1_000;

/// Where an event belongs.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// The run it is part of.
    pub run: Option<RunId>,
    /// The request of the call it is in: for a request the call it was made in, for a reply the one it ends, for anything else the one during which it was sent.
    pub call: Option<Link>,
    /// What it may belong to, where that can't be decided or the call is too far back.
    pub candidates: Option<Candidates>,
    /// For a request the reply that ended it.
    pub end: Option<Link>,
}

enum Found {
    Nowhere,
    In(Link),
    Among(Candidates),
    /// More events would have to be placed than are.
    TooFar,
}

/// Where an event belongs, by the rules of `docs/causality.md`: its run as `list` has it, its call by what is stated, and by structure where `list` says that it can be decided. `links` are its direct links.
///
/// Looks at what the list remembers and at some hundred events in the log, however large the run. An event that claims to be its own ancestor is in the call it names.
///
/// # Errors
/// As the store's reads.
pub async fn placement(
    store: &dyn EventStore,
    event: &Event,
    links: &Links,
    list: &RunList,
) -> Result<Placement> {
    let is_of_this = |reply: &Event| reply.causation_id() == Some(event.id());
    let mut placement = Placement {
        run: list.find(event.workspace(), event.seq()),
        end: links.response.clone().map(|link| Link {
            trust: if is_of_this(&link.event) {
                Trust::Causation
            } else {
                link.trust
            },
            ..link
        }),
        ..Placement::default()
    };
    let finder = Finder {
        store,
        list,
        steps: AtomicUsize::new(MAX_STEPS),
    };
    match finder.place(event).await? {
        Found::Nowhere => {}
        Found::In(call) => placement.call = Some(call),
        Found::Among(candidates) => placement.candidates = Some(candidates),
        Found::TooFar => placement.candidates = Some(Candidates::default()),
    }
    Ok(placement)
}

struct Finder<'a> {
    store: &'a dyn EventStore,
    list: &'a RunList,
    /// How many events may still be placed: each may need two others, so a bound on the depth alone would be none on the work.
    steps: AtomicUsize,
}

type Finding<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Finder<'_> {
    fn place<'a>(&'a self, event: &'a Event) -> Finding<'a, Found> {
        Box::pin(async move {
            let left = self.steps.load(Ordering::Relaxed);
            if left == 0 {
                return Ok(Found::TooFar);
            }
            self.steps.store(left - 1, Ordering::Relaxed);
            if let Some(candidates) = self.list.candidates(event.seq()) {
                return Ok(Found::Among(candidates));
            }
            let fact = Fact::of(event);
            if fact.is_reply() && fact.request.is_some() {
                match request_of(self.store, event).await? {
                    End::One(request) => {
                        let is_cause = fact.causation == fact.request;
                        let trust = if is_cause {
                            Trust::Causation
                        } else {
                            Trust::RequestId
                        };
                        return Ok(Found::In(Link {
                            event: request,
                            trust,
                        }));
                    }
                    End::Several(candidates) => return Ok(Found::Among(candidates)),
                    End::Nothing => {}
                }
            }
            if fact.causation.is_some() {
                return match cause_of(self.store, event).await? {
                    End::One(cause) => self.handling(cause).await,
                    End::Several(candidates) => Ok(Found::Among(candidates)),
                    End::Nothing => Ok(Found::Nowhere),
                };
            }
            if let Some(call) = self.echoed(&fact).await? {
                return Ok(Found::In(call));
            }
            let is_stating = self.list.states_causes(&fact.workspace, &fact.session);
            if is_stating || fact.request.is_some() {
                return Ok(Found::Nowhere);
            }
            self.structure(fact).await
        })
    }

    /// The call that was handled with a cause.
    async fn handling(&self, cause: Arc<Event>) -> Result<Found> {
        let fact = Fact::of(&cause);
        let stated = |event| {
            Found::In(Link {
                event,
                trust: Trust::Causation,
            })
        };
        if fact.is_request() {
            return Ok(stated(cause));
        }
        let of_cause = match self.place(&cause).await? {
            Found::In(of_cause) => of_cause.event,
            undecided => return Ok(undecided),
        };
        if !fact.is_reply() {
            return Ok(stated(of_cause));
        }
        // Who got a reply goes on with the call it had asked in.
        if let Some(outer) = self.list.parent(of_cause.seq()) {
            return self.called(outer, Trust::Causation).await;
        }
        Ok(match self.place(&of_cause).await? {
            Found::In(outer) => stated(outer.event),
            Found::Nowhere | Found::Among(_) => stated(of_cause),
            Found::TooFar => Found::TooFar,
        })
    }

    /// The one call to the sender whose whole trace context it carried on.
    async fn echoed(&self, fact: &Fact) -> Result<Option<Link>> {
        let Some(context) = fact.trace else {
            return Ok(None);
        };
        let filter = EventFilter {
            workspace: Some(Arc::clone(&fact.workspace)),
            trace: Some(Pattern::Exact(context.trace.to_string())),
            node: Some(Pattern::Exact(fact.from.as_str().to_owned())),
            ..EventFilter::default()
        };
        let query = EventQuery {
            filter,
            limit: MAX_OF_TRACE,
            ..EventQuery::default()
        };
        let page = self.store.query(&query).await?;
        let is_complete = page.next.is_none();
        let mut calls = page.events.into_iter().map(|stored| stored.event);
        let mut calls = calls.by_ref().filter(|event| {
            let call = Fact::of(event);
            call.is_request() && call.to.as_ref() == Some(&fact.from) && call.trace == fact.trace
        });
        let (Some(call), None, true) = (calls.next(), calls.next(), is_complete) else {
            return Ok(None);
        };
        let is_before = Fact::of(&call).key() < fact.key();
        let can_be = call.seq() != fact.seq && (!fact.is_request() || is_before);
        Ok(can_be.then_some(Link {
            event: call,
            trust: Trust::Traceparent,
        }))
    }

    /// The one call that the sender was handling. That there is no more than one the list of runs has found out already; here it is looked for: among the calls the list remembers, the roots of the run, and the latest in the log.
    async fn structure(&self, fact: Fact) -> Result<Found> {
        let mut open = self.list.handling(&fact);
        if open.is_empty() {
            if let Some(root) = self.list.handling_root(&fact) {
                return self.called(root, Trust::Structure).await;
            }
            if self.list.remembers_all_calls() {
                return Ok(Found::Nowhere);
            }
            match self.latest(&fact).await? {
                Some(found) => open = found,
                None => return Ok(Found::Among(Candidates::default())),
            }
        }
        let is_decided = self.list.remembers_ambiguity_of(fact.seq);
        match among(&fact, &open) {
            Place::Nowhere => Ok(Found::Nowhere),
            Place::Unclear(candidates) => Ok(Found::Among(candidates)),
            Place::In { event, .. } if !is_decided => Ok(Found::Among(Candidates {
                events: vec![event],
                is_complete: false,
            })),
            Place::In { event, trust, .. } => self.called(event, trust).await,
        }
    }

    /// In a call whose request is looked up.
    async fn called(&self, call: Seq, trust: Trust) -> Result<Found> {
        let request = match self.store.get(call).await {
            Ok(stored) => stored.and_then(StoredRecord::into_event),
            // Retention has deleted it.
            Err(error) if error.kind() == ErrorKind::Gone => None,
            Err(error) => return Err(error),
        };
        Ok(match request {
            Some(stored) => Found::In(Link {
                event: stored.event,
                trust,
            }),
            None => Found::Among(Candidates {
                events: vec![call],
                is_complete: true,
            }),
        })
    }

    /// The latest calls in the log that the sender was handling, the first few that are found; `None` when there are too many others before them.
    async fn latest(&self, fact: &Fact) -> Result<Option<Vec<(Fact, Option<Timestamp>)>>> {
        let mut query = EventQuery {
            filter: EventFilter {
                workspace: Some(Arc::clone(&fact.workspace)),
                session: Some(Pattern::Exact(fact.session.to_string())),
                node: Some(Pattern::Exact(fact.from.as_str().to_owned())),
                kind: Some(Pattern::Prefix("node.".to_owned())),
                time: TimeRange {
                    start: None,
                    end: Some(fact.time),
                },
                ..EventFilter::default()
            },
            order: Order::TimeDescending,
            limit: PAGE,
            ..EventQuery::default()
        };
        let mut seen = 0;
        loop {
            let page = self.store.query(&query).await?;
            seen += page.events.len();
            let mut open = Vec::new();
            for request in page.events.iter().map(|stored| &stored.event) {
                let call = Fact::of(request);
                let is_to_it = call.is_request() && call.to.as_ref() == Some(&fact.from);
                if is_to_it
                    && call.seq != fact.seq
                    && let Some(end) = self.open_at(request, &call, fact.time).await?
                {
                    open.push((call, end));
                }
            }
            match page.next {
                _ if !open.is_empty() => return Ok(Some(open)),
                Some(next) if seen < MAX_EVENTS => query.cursor = Some(next),
                Some(_) => return Ok(None),
                None => return Ok(Some(open)),
            }
        }
    }

    /// If a call was being handled at a moment: its last reply, if any.
    async fn open_at(
        &self,
        request: &Event,
        call: &Fact,
        moment: Timestamp,
    ) -> Result<Option<Option<Timestamp>>> {
        let replies = EventQuery {
            filter: EventFilter {
                request_id: Some(call.id.to_string()),
                node: call
                    .to
                    .as_ref()
                    .map(|to| Pattern::Exact(to.as_str().to_owned())),
                ..scope(request)
            },
            order: Order::TimeDescending,
            limit: PAGE,
            ..EventQuery::default()
        };
        let replies = self.store.query(&replies).await?;
        let mut end = None;
        for reply in replies.events.into_iter().map(|stored| stored.event) {
            let said = Fact::of(&reply);
            let is_mine = said.is_reply()
                && call.can_be_answered_by(&said)
                && matches!(request_of(self.store, &reply).await?, End::One(of) if of.seq() == call.seq);
            if is_mine {
                end = Some(said.time);
                break;
            }
        }
        if end.is_some_and(|end| end < moment) {
            return Ok(None);
        }
        let is_blocked = match self.store.get(request.seq()).await? {
            Some(stored) => {
                let observed = stored.observations.iter();
                let mut phases = observed.map(|observation| observation.phase);
                let of_itself = match &stored.record {
                    Record::Event(event) => event.phase(),
                    Record::Observation(_) => None,
                };
                phases.any(|phase| phase == Phase::Blocked) || of_itself == Some(Phase::Blocked)
            }
            None => false,
        };
        Ok((!is_blocked).then_some(end))
    }
}

/// What the open calls say, by the same rules as for a whole log.
fn among(fact: &Fact, open: &[(Fact, Option<Timestamp>)]) -> Place {
    let ends: Vec<Option<Timestamp>> = open.iter().map(|(_, end)| *end).collect();
    let mut facts: Vec<&Fact> = open.iter().map(|(call, _)| call).collect();
    facts.push(fact);
    let known = Known {
        placed: open.len(),
        ends: &ends,
        is_stating: &|_| false,
        is_unsure: &|_| false,
    };
    link(&facts, &known).places.pop().unwrap_or_default()
}
