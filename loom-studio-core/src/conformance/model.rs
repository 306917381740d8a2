//! Random operations on a store and on a list that does the same in the plainest way.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::json;

use super::support::{ORDERS, Open, append, event_with, observation, text};
use super::{Factory, start};
use crate::clock::{IdSource as _, RandomIds, Timestamp};
use crate::event::{EventKey, Record};
use crate::ids::Seq;
use crate::store::{
    EventFilter, EventQuery, Incoming, Order, Pattern, RetainPolicy, StartAt, Subscription,
    TimeRange, Total,
};

const WORKSPACES: [&str; 2] = ["here", "there"];
const SOURCES: [&str; 3] = ["/node/a", "node/b", "b"];
const NODES: [&str; 3] = ["/node/a", "/node/b", "/node/b"];
const KINDS: [&str; 3] = ["node.request", "node.response", "agent.thought"];
const SUBJECTS: [&str; 3] = ["a", "/node/c/d", "/user/sdk"];
const TARGETS: [&str; 3] = ["/node/a", "/node/c/d", "/user/sdk"];
const SESSIONS: [&str; 2] = ["s-1", "s-2"];
const TRACES: [&str; 2] = [
    "0af7651916cd43dd8448eb211c80319c",
    "1bf7651916cd43dd8448eb211c80319d",
];
const WORDS: [&str; 3] = ["needle", "straw", "née\\dle"];
const PHASES: [&str; 3] = ["pre", "post", "raised"];
/// A moment before [`start`]; events lie within ten seconds of it.
const BASE_SECONDS: i64 = 1_767_323_000;

/// An event to send; numbers choose from the lists above.
#[derive(Debug, Clone)]
struct Sample {
    id: u8,
    source: usize,
    kind: usize,
    subject: Option<usize>,
    session: Option<usize>,
    second: i64,
    trace: Option<usize>,
    request: Option<u8>,
    cause: Option<u8>,
    word: usize,
    phase: Option<usize>,
}

#[derive(Debug, Clone)]
enum Item {
    Event(Sample),
    Observation { id: u8, source: usize, phase: usize },
    Bad,
}

#[derive(Debug, Clone)]
enum Operation {
    Append(usize, Vec<Item>),
    Query {
        filter: EventFilter,
        order: Order,
        limit: usize,
        offset: usize,
        up_to: Option<Index>,
    },
    Get(Index),
    GetById(usize, usize, u8),
    Retain(u64),
    Subscribe(EventFilter, Option<u64>),
    Read(Index, usize),
}

fn samples() -> impl Strategy<Value = Sample> {
    let ids = (
        0..10_u8,
        0..3_usize,
        0..3_usize,
        of(0..3_usize),
        of(0..2_usize),
    );
    let rest = (
        0..10_i64,
        of(0..2_usize),
        of(0..3_u8),
        of(0..3_u8),
        0..3_usize,
        of(0..2_usize),
    );
    (ids, rest).prop_map(|(ids, rest)| {
        let (id, source, kind, subject, session) = ids;
        let (second, trace, request, cause, word, phase) = rest;
        Sample {
            id,
            source,
            kind,
            subject,
            session,
            second,
            trace,
            request,
            cause,
            word,
            phase,
        }
    })
}

fn patterns(values: &'static [&'static str]) -> impl Strategy<Value = Option<Pattern>> {
    let pattern = (select(values), 0..4_usize, any::<Index>()).prop_map(|(text, how, cut)| {
        let part = text
            .get(..cut.index(text.len() + 1))
            .unwrap_or(text)
            .to_owned();
        match how {
            0 | 1 => Pattern::Exact(text.to_owned()),
            2 => Pattern::Prefix(part),
            _ => Pattern::Contains(part),
        }
    });
    prop::option::weighted(0.2, pattern)
}

fn filters() -> impl Strategy<Value = EventFilter> {
    let moment = || prop::option::weighted(0.15, 0..10_i64);
    let word = prop::option::weighted(
        0.2,
        select(&["needle", "straw", "née", "\"id\":\"e1\"", "absent", ""][..]),
    );
    let id = || prop::option::weighted(0.1, 0..10_u8);
    (
        prop::option::weighted(0.6, select(&WORKSPACES[..])),
        (
            patterns(&SESSIONS),
            patterns(&TRACES),
            patterns(&["/node/a", "/node/b", "/node/c/d", "b", "c/d", "/user/sdk"]),
            patterns(&KINDS),
        ),
        (moment(), moment(), word),
        (id(), id(), id()),
    )
        .prop_map(
            |(workspace, (session, trace, node, kind), (from, to, text), (id, request, cause))| {
                let moment = |second: Option<i64>| second.map(at_second);
                EventFilter {
                    workspace: workspace.map(Into::into),
                    session,
                    trace,
                    node,
                    kind,
                    time: TimeRange {
                        start: moment(from),
                        end: moment(to),
                    },
                    text: text.map(str::to_owned),
                    id: id.map(name),
                    request_id: request.map(name),
                    causation_id: cause.map(name),
                }
            },
        )
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let item = prop_oneof![
        6 => samples().prop_map(Item::Event),
        3 => (0..10_u8, 0..3_usize, 0..3_usize).prop_map(|(id, source, phase)| Item::Observation { id, source, phase }),
        1 => Just(Item::Bad),
    ];
    let query = (
        filters(),
        select(&ORDERS[..]),
        1..9_usize,
        0..4_usize,
        of(any::<Index>()),
    )
        .prop_map(|(filter, order, limit, offset, up_to)| Operation::Query {
            filter,
            order,
            limit,
            offset,
            up_to,
        });
    let operation = prop_oneof![
        6 => (0..2_usize, vec(item, 0..12)).prop_map(|(workspace, items)| Operation::Append(workspace, items)),
        5 => query,
        1 => any::<Index>().prop_map(Operation::Get),
        1 => (0..2_usize, 0..3_usize, 0..10_u8).prop_map(|(workspace, source, id)| Operation::GetById(workspace, source, id)),
        1 => (0..110_u64).prop_map(Operation::Retain),
        2 => (filters(), of(0..30_u64)).prop_map(|(filter, last)| Operation::Subscribe(filter, last)),
        3 => (any::<Index>(), 1..20_usize).prop_map(|(which, most)| Operation::Read(which, most)),
    ];
    vec(operation, 1..60)
}

fn name(number: u8) -> String {
    format!("e{number}")
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_micros((BASE_SECONDS + second) * 1_000_000)
}

impl Sample {
    fn incoming(&self) -> Incoming {
        let data = json!({"word": WORDS[self.word], "request_id": self.request.map(name)});
        let mut members = json!({"source": SOURCES[self.source], "type": KINDS[self.kind], "time": at_second(self.second).to_string(), "data": data});
        if let Some(subject) = self.subject {
            members["subject"] = json!(SUBJECTS[subject]);
        }
        if let Some(session) = self.session {
            members["studiosession"] = json!(SESSIONS[session]);
        }
        if let Some(trace) = self.trace {
            members["traceparent"] = json!(format!("00-{}-b7ad6b7169203331-01", TRACES[trace]));
        }
        if let Some(cause) = self.cause {
            members["causationid"] = json!(name(cause));
        }
        if let Some(phase) = self.phase {
            members["extensions"] =
                json!({"studio_phase": PHASES[phase], "studio_timestamp": BASE_SECONDS});
        }
        event_with(&name(self.id), members)
    }
}

/// One entry of the list.
#[derive(Debug, Clone)]
enum Entry {
    Event {
        workspace: usize,
        sample: Sample,
        text: String,
    },
    Observation {
        of: usize,
        phase: usize,
    },
}

/// The log as a list: entry `i` has the seq `i + 1`; those below `first` are deleted.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<Entry>,
    first: usize,
}

impl Model {
    fn live(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().skip(self.first)
    }

    fn find(&self, workspace: usize, source: usize, id: u8) -> Option<usize> {
        self.live().find_map(|(index, entry)| match entry {
            Entry::Event {
                workspace: w,
                sample,
                ..
            } if (*w, sample.source, sample.id) == (workspace, source, id) => Some(index),
            _ => None,
        })
    }

    fn has_phase(&self, event: usize, phase: usize) -> bool {
        let own = matches!(&self.entries[event], Entry::Event { sample, .. } if sample.phase == Some(phase));
        own || self.live().any(|(_, entry)| matches!(entry, Entry::Observation { of, phase: p } if (*of, *p) == (event, phase)))
    }

    /// Adds a batch; returns how many entries were duplicates, and which were rejected.
    fn append(&mut self, workspace: usize, items: &[Item]) -> (u64, Vec<usize>) {
        let (mut duplicates, mut rejected) = (0, Vec::new());
        for (index, item) in items.iter().enumerate() {
            let (known, phase) = match item {
                Item::Event(sample) => {
                    (self.find(workspace, sample.source, sample.id), sample.phase)
                }
                Item::Observation { id, source, phase } => {
                    (self.find(workspace, *source, *id), Some(*phase))
                }
                Item::Bad => {
                    rejected.push(index);
                    continue;
                }
            };
            match (item, known, phase) {
                (Item::Event(sample), None, _) => {
                    let Incoming::Event(bytes) = sample.incoming() else {
                        unreachable!()
                    };
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    self.entries.push(Entry::Event {
                        workspace,
                        sample: sample.clone(),
                        text,
                    });
                }
                (_, None, _) => rejected.push(index),
                (_, Some(of), Some(phase)) if !self.has_phase(of, phase) => {
                    self.entries.push(Entry::Observation { of, phase });
                }
                _ => duplicates += 1,
            }
        }
        (duplicates, rejected)
    }

    fn matches(&self, index: usize, filter: &EventFilter) -> bool {
        let (event, observed) = match &self.entries[index] {
            Entry::Event { .. } => (index, false),
            Entry::Observation { of, .. } => (*of, true),
        };
        let Entry::Event {
            workspace,
            sample,
            text,
        } = &self.entries[event]
        else {
            return false;
        };
        let session = SESSIONS[sample.session.unwrap_or(0)];
        let scope = filter
            .workspace
            .as_deref()
            .is_none_or(|w| w == WORKSPACES[*workspace])
            && fits(filter.session.as_ref(), &[session]);
        if observed {
            let scope_only = EventFilter {
                workspace: filter.workspace.clone(),
                session: filter.session.clone(),
                ..EventFilter::default()
            };
            if *filter == scope_only {
                return scope;
            }
            if event < self.first {
                return false;
            }
        }
        let mut nodes = vec![NODES[sample.source]];
        nodes.extend(sample.subject.map(|subject| TARGETS[subject]));
        let node = match &filter.node {
            Some(Pattern::Exact(address)) if !address.starts_with('/') => {
                Some(Pattern::Exact(format!("/node/{address}")))
            }
            other => other.clone(),
        };
        let traces: Vec<&str> = sample.trace.iter().map(|trace| TRACES[*trace]).collect();
        let moment = at_second(sample.second);
        scope
            && fits(node.as_ref(), &nodes)
            && fits(filter.kind.as_ref(), &[KINDS[sample.kind]])
            && fits(filter.trace.as_ref(), &traces)
            && filter.time.start.is_none_or(|start| start <= moment)
            && filter.time.end.is_none_or(|end| end >= moment)
            && filter.id.as_ref().is_none_or(|id| *id == name(sample.id))
            && filter
                .request_id
                .as_ref()
                .is_none_or(|id| sample.request.map(name).as_ref() == Some(id))
            && filter
                .causation_id
                .as_ref()
                .is_none_or(|id| sample.cause.map(name).as_ref() == Some(id))
            && filter
                .text
                .as_ref()
                .is_none_or(|part| text.contains(part.as_str()))
    }

    /// The seqs of all matches up to a position, in order.
    fn query(&self, filter: &EventFilter, order: Order, up_to: usize) -> Vec<u64> {
        let mut found: Vec<(i64, usize)> = self
            .live()
            .take_while(|(index, _)| *index < up_to)
            .filter_map(|(index, entry)| match entry {
                Entry::Event { sample, .. } if self.matches(index, filter) => {
                    Some((sample.second, index))
                }
                _ => None,
            })
            .collect();
        if matches!(order, Order::Time | Order::TimeDescending) {
            found.sort_unstable();
        }
        if matches!(order, Order::SeqDescending | Order::TimeDescending) {
            found.reverse();
        }
        found
            .into_iter()
            .map(|(_, index)| index as u64 + 1)
            .collect()
    }

    fn published(&self, seq: Seq, up_to: usize) -> bool {
        let index = (seq.0 - 1) as usize;
        let own =
            matches!(&self.entries[index], Entry::Event { sample, .. } if sample.phase == Some(1));
        own || self
            .live()
            .take_while(|(at, _)| *at < up_to)
            .any(|(_, entry)| matches!(entry, Entry::Observation { of, phase: 1 } if *of == index))
    }
}

/// Whether a pattern fits any of the values; no pattern fits everything.
fn fits(pattern: Option<&Pattern>, values: &[&str]) -> bool {
    pattern.is_none_or(|pattern| {
        values.iter().any(|value| match pattern {
            Pattern::Exact(text) => value == text,
            Pattern::Prefix(text) => value.starts_with(text),
            Pattern::Contains(text) => value.contains(text),
        })
    })
}

/// The store, the list, and the readers of both.
struct Pair {
    open: Open,
    model: Model,
    readers: Vec<(Subscription, EventFilter)>,
}

impl Pair {
    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append(workspace, items) => self.append(*workspace, items).await,
            Operation::Query {
                filter,
                order,
                limit,
                offset,
                up_to,
            } => {
                let up_to = up_to.map(|at| at.index(self.model.entries.len() + 2));
                self.query(filter, *order, *limit, *offset, up_to).await;
            }
            Operation::Get(at) => self.get(at.index(self.model.entries.len() + 2)).await,
            Operation::GetById(workspace, source, id) => {
                let key = EventKey {
                    workspace: WORKSPACES[*workspace].into(),
                    source: SOURCES[*source].into(),
                    id: name(*id).into(),
                };
                let found = self.open.store().get_by_id(&key).await.unwrap();
                let expected = self.model.find(*workspace, *source, *id);
                assert_eq!(
                    found.map(|found| found.event.seq().0),
                    expected.map(|index| index as u64 + 1)
                );
            }
            Operation::Retain(percent) => self.retain(*percent).await,
            Operation::Subscribe(filter, last) => {
                let start = last.map_or(StartAt::Beginning, StartAt::Last);
                let subscription = self
                    .open
                    .store()
                    .subscribe(start, filter.clone())
                    .await
                    .unwrap();
                self.readers.push((subscription, filter.clone()));
            }
            Operation::Read(which, most) => self.read(which, *most).await,
        }
        let stats = self.open.store().stats().await.unwrap();
        let live = self.model.live().count() as u64;
        assert_eq!(
            (stats.events + stats.observations, stats.last_seq.0),
            (live, self.model.entries.len() as u64)
        );
    }

    async fn append(&mut self, workspace: usize, items: &[Item]) {
        let before = self.model.entries.len() as u64;
        let (duplicates, rejected) = self.model.append(workspace, items);
        let after = self.model.entries.len() as u64;
        let batch = items
            .iter()
            .map(|item| match item {
                Item::Event(sample) => sample.incoming(),
                Item::Observation { id, source, phase } => observation(
                    &name(*id),
                    PHASES[*phase],
                    json!({"source": SOURCES[*source]}),
                ),
                Item::Bad => text("{\"specversion\":\"1.0\"}"),
            })
            .collect();
        let appended = append(&**self.open.store(), WORKSPACES[workspace], batch).await;
        assert_eq!(
            appended.seqs,
            (after > before).then_some((Seq(before + 1), Seq(after)))
        );
        assert_eq!(appended.duplicates, duplicates);
        assert_eq!(
            appended
                .rejected
                .iter()
                .map(|r| r.index)
                .collect::<Vec<_>>(),
            rejected
        );
    }

    async fn query(
        &self,
        filter: &EventFilter,
        order: Order,
        limit: usize,
        offset: usize,
        up_to: Option<usize>,
    ) {
        let head = self.model.entries.len();
        let visible = up_to.unwrap_or(head).min(head);
        let expected = self.model.query(filter, order, visible);
        let total = Total::Exact(expected.len() as u64);
        let mut rest = expected.get(offset..).unwrap_or_default();
        let mut query = EventQuery {
            filter: filter.clone(),
            order,
            limit,
            offset,
            up_to: up_to.map(|at| Seq(at as u64)),
            ..EventQuery::default()
        };
        loop {
            let page = self.open.page(&query).await;
            let (wanted, behind) = rest.split_at(limit.min(rest.len()));
            let found: Vec<u64> = page
                .events
                .iter()
                .map(|stored| stored.event.seq().0)
                .collect();
            assert_eq!(found, wanted, "{query:?}");
            assert_eq!(
                (page.total, page.head),
                (total, Seq(visible as u64)),
                "{query:?}"
            );
            for stored in &page.events {
                let expected = self.model.published(stored.event.seq(), visible);
                assert_eq!(stored.stamps.published.is_some(), expected, "{query:?}");
            }
            assert_eq!(page.next.is_some(), !behind.is_empty(), "{query:?}");
            rest = behind;
            (query.cursor, query.offset) = (page.next, 0);
            if query.cursor.is_none() {
                break;
            }
        }
    }

    async fn get(&self, seq: usize) {
        let found = self.open.store().get(Seq(seq as u64)).await;
        if seq > 0 && seq <= self.model.first {
            assert_eq!(super::support::kind_of(found), Some(crate::ErrorKind::Gone));
            return;
        }
        let entry = seq
            .checked_sub(1)
            .and_then(|index| self.model.entries.get(index));
        match (found.unwrap(), entry) {
            (None, None) => {}
            (Some(found), Some(Entry::Event { text, .. })) => {
                let observed: BTreeSet<u64> = found
                    .observations
                    .iter()
                    .map(|observation| observation.seq.0)
                    .collect();
                let expected = self.model.live().filter(
                    |(_, entry)| matches!(entry, Entry::Observation { of, .. } if *of + 1 == seq),
                );
                assert_eq!(
                    observed,
                    expected.map(|(index, _)| index as u64 + 1).collect()
                );
                assert_eq!(found.into_event().unwrap().event.raw(), text);
            }
            (Some(found), Some(Entry::Observation { of, .. })) => {
                assert!(
                    matches!(&found.record, Record::Observation(seen) if seen.of.0 == *of as u64 + 1)
                );
            }
            (found, entry) => panic!("{seq}: {found:?} is not {entry:?}"),
        }
    }

    /// How much is deleted is the backend's choice of units; that it is the front, and the same everywhere, is checked.
    async fn retain(&mut self, percent: u64) {
        let stored = self.open.store().stats().await.unwrap().stored_bytes;
        let policy = RetainPolicy {
            max_age: None,
            max_bytes: Some(stored * percent / 100),
        };
        let retained = self.open.store().retain(&policy).await.unwrap();
        if percent >= 100 {
            assert_eq!(retained.deleted_records, 0);
        }
        self.model.first += usize::try_from(retained.deleted_records).unwrap();
        let first = if self.model.first < self.model.entries.len() {
            self.model.first as u64 + 1
        } else {
            0
        };
        assert_eq!(retained.first_seq, Seq(first));
    }

    async fn read(&mut self, which: &Index, most: usize) {
        if self.readers.is_empty() {
            return;
        }
        let which = which.index(self.readers.len());
        let (subscription, filter) = &mut self.readers[which];
        let before = usize::try_from(subscription.position().0).unwrap();
        let Some(delivery) = subscription.try_next(most).await.unwrap() else {
            assert_eq!(before, self.model.entries.len());
            return;
        };
        let gap = (before < self.model.first)
            .then_some((Seq(before as u64 + 1), Seq(self.model.first as u64)));
        assert_eq!(delivery.gap, gap);
        let through = usize::try_from(delivery.through.0).unwrap();
        assert!(through > before && through <= self.model.entries.len());
        let expected: Vec<u64> = (before.max(self.model.first)..through)
            .filter(|index| self.model.matches(*index, filter))
            .map(|index| index as u64 + 1)
            .collect();
        assert_eq!(
            super::support::seqs(&delivery.records),
            expected,
            "{filter:?}"
        );
    }
}

/// Whatever is appended, deleted, asked and read in whatever order: the answers are those of a plain list.
pub async fn random_operations_agree_with_a_naive_model(factory: Factory) {
    let seed = RandomIds.next_id();
    let run = move || {
        assert!(at_second(10) < start());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let defaults = Config::default();
        let mut runner = TestRunner::new(Config {
            // `PROPTEST_RNG_SEED` repeats a run.
            rng_seed: match defaults.rng_seed {
                RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
                RngSeed::Random => RngSeed::Fixed(seed),
            },
            failure_persistence: None,
            ..defaults
        });
        let outcome = runner.run(&operations(), |operations| {
            runtime.block_on(async {
                let open = Open::new(factory).await;
                let mut pair = Pair {
                    open,
                    model: Model::default(),
                    readers: Vec::new(),
                };
                for operation in &operations {
                    pair.apply(operation).await;
                }
            });
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("seed {:?}: {failure}", runner.config().rng_seed);
        }
    };
    // A runtime can't be entered from within another.
    tokio::task::spawn_blocking(run).await.unwrap();
}
