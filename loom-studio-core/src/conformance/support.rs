//! What the cases share: samples, and an open store with short ways to use it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Factory, Subject};
use crate::error::{ErrorKind, Result};
use crate::event::{Event, EventKey, Record};
use crate::ids::Seq;
use crate::store::{
    AppendBatch, Appended, EventFilter, EventQuery, EventStore, Incoming, Order, Page, StoredEvent,
    Subscription,
};

pub(super) const HERE: &str = "here";
pub(super) const SESSION: &str = "s-1";
/// Long enough for a busy machine, short enough that a hanging case is noticed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// An event with this id and the given members, which replace those it would have.
pub(super) fn event_json(id: &str, members: Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": id, "source": "/node/a", "type": "note"});
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        event.extend(members);
    }
    event
}

pub(super) fn text(json: &str) -> Incoming {
    Incoming::Event(Bytes::copy_from_slice(json.as_bytes()))
}

pub(super) fn event_with(id: &str, members: Value) -> Incoming {
    text(&event_json(id, members).to_string())
}

pub(super) fn event(id: &str) -> Incoming {
    event_with(id, Value::Null)
}

/// Events with the ids `e{first}` to `e{last}`.
pub(super) fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Incoming> {
    numbers.map(|number| event(&format!("e{number}"))).collect()
}

pub(super) fn observation(of: &str, phase: &str, members: Value) -> Incoming {
    let mut json = json!({"source": "/node/a", "of": of, "phase": phase});
    if let (Some(json), Value::Object(members)) = (json.as_object_mut(), members) {
        json.extend(members);
    }
    Incoming::Observation(json.to_string().into())
}

pub(super) fn kind_of<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

pub(super) fn ids(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|stored| &**stored.event.id()).collect()
}

pub(super) fn seqs(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.seq().0).collect()
}

/// A query for everything that matches, in one page.
pub(super) fn all(filter: EventFilter) -> EventQuery {
    EventQuery {
        filter,
        limit: 100_000,
        ..EventQuery::default()
    }
}

pub(super) const ORDERS: [Order; 4] = [
    Order::Seq,
    Order::SeqDescending,
    Order::Time,
    Order::TimeDescending,
];

/// An open store.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) subject: Subject,
}

impl Open {
    pub(super) async fn new(factory: Factory) -> Self {
        Self {
            subject: factory().await,
        }
    }

    pub(super) fn store(&self) -> &Arc<dyn EventStore> {
        &self.subject.store
    }

    pub(super) async fn append(&self, items: Vec<Incoming>) -> Appended {
        append(&**self.store(), HERE, items).await
    }

    /// Appends in batches small enough that a unit of deletion stays within [`UNIT`](super::UNIT).
    pub(super) async fn fill(&self, items: Vec<Incoming>) {
        for batch in items.chunks(super::FILL) {
            self.append(batch.to_vec()).await;
        }
    }

    pub(super) async fn append_to(&self, workspace: &str, items: Vec<Incoming>) -> Appended {
        append(&**self.store(), workspace, items).await
    }

    pub(super) async fn page(&self, query: &EventQuery) -> Page {
        self.store().query(query).await.unwrap()
    }

    pub(super) async fn find(&self, filter: EventFilter) -> Vec<String> {
        let page = self.page(&all(filter)).await;
        ids(&page.events).into_iter().map(str::to_owned).collect()
    }

    pub(super) async fn event(&self, id: &str) -> StoredEvent {
        let key = EventKey {
            workspace: HERE.into(),
            source: "/node/a".into(),
            id: id.into(),
        };
        self.store().get_by_id(&key).await.unwrap().unwrap()
    }

    /// Stores one event and returns it.
    pub(super) async fn stored(&self, json: &str) -> Arc<Event> {
        let appended = self.append(vec![text(json)]).await;
        let (seq, _) = appended
            .seqs
            .unwrap_or_else(|| panic!("{json}: {appended:?}"));
        let record = self.store().get(seq).await.unwrap().unwrap();
        record.into_event().unwrap().event
    }
}

pub(super) async fn append(
    store: &dyn EventStore,
    workspace: &str,
    items: Vec<Incoming>,
) -> Appended {
    let batch = AppendBatch {
        workspace: workspace.into(),
        session: SESSION.into(),
        items,
    };
    store.append(batch).await.unwrap()
}

/// Reads until the subscription has passed `target`; checks on the way that records come in order, each once, and that every record
/// is delivered or lies in a named gap if nothing is filtered.
pub(super) async fn read_through(
    subscription: &mut Subscription,
    target: Seq,
    max_records: usize,
) -> (Vec<Record>, Vec<(Seq, Seq)>) {
    let (mut records, mut gaps) = (Vec::<Record>::new(), Vec::new());
    while subscription.position() < target {
        let before = subscription.position();
        let delivery = tokio::time::timeout(PATIENCE, subscription.next(max_records))
            .await
            .expect("the subscription must not stall")
            .unwrap();
        assert!(delivery.through > before, "each delivery advances");
        assert_eq!(delivery.through, subscription.position());
        assert!(delivery.records.len() <= max_records);
        for record in &delivery.records {
            let last = records.last().map_or(before, Record::seq);
            assert!(record.seq() > last && record.seq() <= delivery.through);
            records.push(record.clone());
        }
        if let Some((from, to)) = delivery.gap {
            assert_eq!(from, before.next(), "a gap begins where the reader stood");
            assert!(from <= to && to <= delivery.through);
            gaps.push((from, to));
        }
    }
    (records, gaps)
}
