//! Placing events under calls.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::acyclic::cut_cycles;
use super::structure::{Open, open_calls};
use super::{Candidates, Fact, MAX_CANDIDATES, Role, Trust};
use crate::clock::Timestamp;
use crate::event::{SpanId, TraceId};
use crate::ids::Seq;

/// Where an event belongs: a request under the call it was made in, a reply to the call it ends, anything else to the call during which it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// Nothing says so.
    #[default]
    Nowhere,
    /// In this call.
    In {
        /// The index of its request.
        call: usize,
        /// The event that is named as the cause or the request; the call's own request where none is.
        event: Seq,
        /// What the link rests on.
        trust: Trust,
    },
    /// In one of several calls.
    Unclear(Candidates),
}

impl Place {
    /// The call, if it is known.
    pub(crate) fn call(&self) -> Option<usize> {
        match self {
            Self::In { call, .. } => Some(*call),
            Self::Nowhere | Self::Unclear(_) => None,
        }
    }
}

/// The links among some facts.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// For each fact its place.
    pub(crate) places: Vec<Place>,
    /// Requests that claim to be their own ancestor: the link was cut.
    pub(crate) cut: Vec<usize>,
}

/// What is known before linking.
pub(crate) struct Known<'a> {
    /// The first so many facts have their places already; they are only candidates.
    pub(crate) placed: usize,
    /// The last reply to each of those, by time.
    pub(crate) ends: &'a [Option<Timestamp>],
    /// Whether nothing may be inferred for a fact, since its session reports causes.
    pub(crate) is_stating: &'a dyn Fn(&Fact) -> bool,
    /// Whether calls that a fact may belong to have been forgotten: what structure says of it is then only possible.
    pub(crate) is_unsure: &'a dyn Fn(&Fact) -> bool,
}

/// The items whose fact passes the tests, one after the other: a test that some pass excludes those that don't.
fn narrowed<T: Copy>(candidates: &mut Vec<(T, &Fact)>, tests: &[&dyn Fn(&Fact) -> bool]) {
    for test in tests {
        if candidates.len() > 1 && candidates.iter().any(|(_, fact)| test(fact)) {
            candidates.retain(|(_, fact)| test(fact));
        }
    }
}

/// Which of the events with the id that `effect` names as its cause are meant: ids are unique per source only.
pub(crate) fn cause_among<T: Copy>(effect: &Fact, candidates: &mut Vec<(T, &Fact)>) {
    candidates.retain(|(_, cause)| cause.workspace == effect.workspace && cause.seq != effect.seq);
    narrowed(
        candidates,
        &[
            // Who sent this event was handling the cause, so most likely it was sent to them.
            &|cause| cause.to.as_ref() == Some(&effect.from),
            &|cause| cause.session == effect.session,
        ],
    );
}

/// Which of the requests with the id that `reply` names are meant.
pub(crate) fn request_among<T: Copy>(reply: &Fact, candidates: &mut Vec<(T, &Fact)>) {
    candidates.retain(|(_, request)| request.can_be_answered_by(reply));
    narrowed(
        candidates,
        &[
            &|request| request.trace.is_some() && request.trace == reply.trace,
            &|request| request.session == reply.session,
        ],
    );
}

/// Links facts. A pure function of the set of facts: neither their order nor the order of arrival matters, except between equal times.
///
/// O(n log n).
pub(crate) fn link(facts: &[&Fact], known: &Known<'_>) -> Linked {
    let mut linker = Linker::new(facts, known);
    linker.answer();
    let deferred = linker.place(known);
    linker.resolve(deferred);
    let cut = linker.cut();
    Linked {
        places: linker.places,
        cut,
    }
}

/// Most facts of one id that are looked at. Where there are more, the id decides nothing: else a log of one id would cost the square of its length.
const MAX_NAMESAKES: usize = 1_024;

/// The facts of a chain, and whether it goes on.
fn chain(first: Option<&usize>, next: &[Option<usize>]) -> (Vec<usize>, bool) {
    let step = |index: &usize| next.get(*index).copied().flatten();
    let mut found: Vec<usize> = std::iter::successors(first.copied(), step)
        .take(MAX_NAMESAKES + 1)
        .collect();
    let is_cut = found.len() > MAX_NAMESAKES;
    found.truncate(MAX_NAMESAKES);
    (found, is_cut)
}

/// The first candidates by seq.
fn listed(candidates: &[(usize, &Fact)]) -> Candidates {
    let mut events: Vec<Seq> = candidates.iter().map(|(_, fact)| fact.seq).collect();
    events.sort_unstable();
    events.truncate(MAX_CANDIDATES);
    Candidates {
        is_complete: events.len() == candidates.len(),
        events,
    }
}

/// The first of candidates of which there are more.
fn some_of(candidates: &[(usize, &Fact)]) -> Candidates {
    Candidates {
        is_complete: false,
        ..listed(candidates)
    }
}

struct Linker<'a> {
    facts: &'a [&'a Fact],
    placed: usize,
    places: Vec<Place>,
    ends: Vec<Option<Timestamp>>,
    by_id: HashMap<(&'a str, &'a str), usize>,
    /// The next fact with the same id.
    next: Vec<Option<usize>>,
    /// The same by id and addressee.
    by_addressee: HashMap<(&'a str, &'a str, &'a str), usize>,
    next_to: Vec<Option<usize>>,
    /// The call with this context and addressee; `None` when there are several.
    by_context: HashMap<(&'a str, TraceId, SpanId, &'a str), Option<usize>>,
}

impl<'a> Linker<'a> {
    fn new(facts: &'a [&'a Fact], known: &Known<'_>) -> Self {
        let mut by_id = HashMap::with_capacity(facts.len());
        let mut next = vec![None; facts.len()];
        let mut by_addressee = HashMap::new();
        let mut next_to = vec![None; facts.len()];
        let mut by_context = HashMap::new();
        for (index, fact) in facts.iter().enumerate().rev() {
            let earlier = by_id.insert((&*fact.workspace, &*fact.id), index);
            if let Some(slot) = next.get_mut(index) {
                *slot = earlier;
            }
            if let Some((to, slot)) = fact.to.as_ref().zip(next_to.get_mut(index)) {
                *slot = by_addressee.insert((&*fact.workspace, &*fact.id, to.as_str()), index);
            }
            if let (Some(to), Some(trace), Role::Request) = (&fact.to, fact.trace, fact.role) {
                by_context
                    .entry((&*fact.workspace, trace.trace, trace.span, to.as_str()))
                    .and_modify(|call| *call = None)
                    .or_insert(Some(index));
            }
        }
        let mut ends = known.ends.to_vec();
        ends.resize(facts.len(), None);
        Self {
            facts,
            placed: known.placed,
            places: vec![Place::Nowhere; facts.len()],
            ends,
            by_id,
            next,
            by_addressee,
            next_to,
            by_context,
        }
    }

    /// The facts with an id, and whether there are more than are looked at.
    fn with_id(&self, workspace: &str, id: &str) -> (Vec<usize>, bool) {
        chain(self.by_id.get(&(workspace, id)), &self.next)
    }

    /// Those of them that are for a node.
    fn with_id_to(&self, workspace: &str, id: &str, to: &str) -> (Vec<usize>, bool) {
        chain(self.by_addressee.get(&(workspace, id, to)), &self.next_to)
    }

    fn facts_of(&self, indices: Vec<usize>) -> Vec<(usize, &'a Fact)> {
        let fact = |index: usize| Some((index, *self.facts.get(index)?));
        indices.into_iter().filter_map(fact).collect()
    }

    fn set(&mut self, index: usize, place: Place) {
        if let Some(slot) = self.places.get_mut(index) {
            *slot = place;
        }
    }

    /// Pairs replies with their requests.
    fn answer(&mut self) {
        for (index, reply) in self.facts.iter().enumerate().skip(self.placed) {
            let Some(id) = reply.request.as_deref().filter(|_| reply.is_reply()) else {
                continue;
            };
            let (candidates, is_cut) = self.with_id_to(&reply.workspace, id, reply.from.as_str());
            let mut candidates = self.facts_of(candidates);
            if is_cut {
                candidates.retain(|(_, request)| request.can_be_answered_by(reply));
                self.set(index, Place::Unclear(some_of(&candidates)));
                continue;
            }
            request_among(reply, &mut candidates);
            match candidates.as_slice() {
                [] => {}
                [(call, request)] => {
                    let trust = if reply.causation.as_deref() == Some(id) {
                        Trust::Causation
                    } else {
                        Trust::RequestId
                    };
                    let (call, event) = (*call, request.seq);
                    self.set(index, Place::In { call, event, trust });
                    if let Some(end) = self.ends.get_mut(call) {
                        *end = (*end).max(Some(reply.time));
                    }
                }
                several => {
                    let place = Place::Unclear(listed(several));
                    // Any of them may have ended then: none is known to be over.
                    self.set(index, place);
                }
            }
        }
    }

    /// Places everything that is no answer; returns what waits for the place of its cause.
    fn place(&mut self, known: &Known<'_>) -> Vec<(usize, usize)> {
        let facts = self.facts;
        let exact: HashSet<(&str, &str)> = facts
            .iter()
            .filter(|fact| fact.causation.is_some())
            .map(|fact| (&*fact.workspace, &*fact.session))
            .collect();
        let (mut deferred, mut asking) = (Vec::new(), Vec::new());
        for (index, fact) in facts.iter().enumerate().skip(self.placed) {
            if self.places.get(index) != Some(&Place::Nowhere) {
                continue;
            }
            if let Some(id) = &fact.causation {
                match self.cause(fact, id) {
                    Ok(Some(cause)) if facts.get(cause).is_some_and(|cause| cause.is_request()) => {
                        let event = facts.get(cause).map_or(Seq::ZERO, |fact| fact.seq);
                        self.set(
                            index,
                            Place::In {
                                call: cause,
                                event,
                                trust: Trust::Causation,
                            },
                        );
                    }
                    Ok(Some(cause)) => deferred.push((index, cause)),
                    // The client named it: nothing is inferred in its stead.
                    Ok(None) => {}
                    Err(several) => self.set(index, Place::Unclear(several)),
                }
            } else if let Some(call) = self.echoed(index, fact) {
                let event = facts.get(call).map_or(Seq::ZERO, |fact| fact.seq);
                self.set(
                    index,
                    Place::In {
                        call,
                        event,
                        trust: Trust::Traceparent,
                    },
                );
            } else if fact.request.is_none()
                && !exact.contains(&(&*fact.workspace, &*fact.session))
                && !(known.is_stating)(fact)
            {
                asking.push(index);
            }
        }
        for (index, open) in open_calls(facts, &self.ends, &asking) {
            let is_unsure = facts.get(index).is_some_and(|fact| (known.is_unsure)(fact));
            let seq = |call: usize| facts.get(call).map_or(Seq::ZERO, |fact| fact.seq);
            let possible = |events| {
                Place::Unclear(Candidates {
                    events,
                    is_complete: false,
                })
            };
            let place = match open {
                Open::None if is_unsure => possible(Vec::new()),
                Open::None => Place::Nowhere,
                Open::One(call) if is_unsure => possible(vec![seq(call)]),
                Open::One(call) => Place::In {
                    call,
                    event: seq(call),
                    trust: Trust::Structure,
                },
                Open::Unclear(candidates) => Place::Unclear(Candidates {
                    is_complete: candidates.is_complete && !is_unsure,
                    ..candidates
                }),
            };
            self.set(index, place);
        }
        deferred
    }

    /// The event with the id that was named as the cause; the candidates where that can't be decided.
    fn cause(&self, fact: &Fact, id: &Arc<str>) -> Result<Option<usize>, Candidates> {
        let is_other = |candidates: &[usize]| {
            let mut facts = candidates.iter().filter_map(|index| self.facts.get(*index));
            facts.any(|cause| cause.seq != fact.seq)
        };
        // Who sent this event was handling the cause, so most likely it was sent to them.
        let (mut candidates, mut is_cut) = self.with_id_to(&fact.workspace, id, fact.from.as_str());
        if !is_other(&candidates) {
            (candidates, is_cut) = self.with_id(&fact.workspace, id);
        }
        let mut candidates = self.facts_of(candidates);
        if is_cut {
            return Err(some_of(&candidates));
        }
        cause_among(fact, &mut candidates);
        match candidates.as_slice() {
            [] => Ok(None),
            [(cause, _)] => Ok(Some(*cause)),
            several => Err(listed(several)),
        }
    }

    /// The one call to the sender whose whole trace context the sender carried on. A request must come after it.
    fn echoed(&self, index: usize, fact: &Fact) -> Option<usize> {
        let context = fact.trace?;
        let key = (
            &*fact.workspace,
            context.trace,
            context.span,
            fact.from.as_str(),
        );
        let call = self.by_context.get(&key).copied().flatten()?;
        let is_before = || self.facts.get(call).is_some_and(|of| of.key() < fact.key());
        (call != index && (!fact.is_request() || is_before())).then_some(call)
    }

    /// Places events whose cause is no request: where the cause is. What follows a reply belongs to the caller's own call.
    fn resolve(&mut self, deferred: Vec<(usize, usize)>) {
        let causes: HashMap<usize, usize> = deferred.iter().copied().collect();
        let mut is_resolved: HashSet<usize> = HashSet::new();
        for (start, _) in deferred {
            // Down to the first cause whose place is known, then back up.
            let mut path = Vec::new();
            let mut at = start;
            while !is_resolved.contains(&at)
                && let Some(&cause) = causes.get(&at)
            {
                is_resolved.insert(at);
                path.push((at, cause));
                at = cause;
            }
            for (index, cause) in path.into_iter().rev() {
                let Some((fact, place)) = self.facts.get(cause).zip(self.places.get(cause)) else {
                    continue;
                };
                let place = match place {
                    Place::Nowhere => Place::Nowhere,
                    Place::Unclear(candidates) => Place::Unclear(candidates.clone()),
                    Place::In { call, .. } => {
                        let outer = self.places.get(*call).and_then(Place::call);
                        Place::In {
                            call: outer.filter(|_| fact.is_reply()).unwrap_or(*call),
                            event: fact.seq,
                            trust: Trust::Causation,
                        }
                    }
                };
                self.set(index, place);
            }
        }
    }

    /// Requests must not be their own ancestors.
    fn cut(&mut self) -> Vec<usize> {
        let mut parents: Vec<Option<usize>> = self
            .facts
            .iter()
            .zip(&self.places)
            .map(|(fact, place)| place.call().filter(|_| fact.is_request()))
            .collect();
        let facts = self.facts;
        let key = |index: usize| facts.get(index).map(|fact| fact.key());
        let cut = cut_cycles(&mut parents, key);
        for index in &cut {
            self.set(*index, Place::Nowhere);
        }
        cut
    }
}
